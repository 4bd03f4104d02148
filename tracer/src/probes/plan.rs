//! What to watch, and how: worked out from the options and the kernel's facts before anything is attached.

use nltrace_common::{Function, Hook, MAX_PIDS, Stage};

use super::{
    Method,
    drop_hooks::{DROP_HOOKS, DropHook},
    exchange_hooks::EXCHANGE_HOOKS,
    hooks::{Ends, InModule, RECEIVE, Receive, Target, in_modules},
    method::order,
    outcome::{Outcome, OutcomeKind},
    span_hooks::{SPAN_HOOKS, SpanHook},
};
use crate::{
    kernel::Facts,
    options::{Causes, Filter},
};

/// What to capture.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What becomes of calls.
    pub outcomes: Vec<Outcome>,
    /// Which calls are wanted.
    pub filter: Filter,
    /// The only way to attach to functions of the kernel itself; None: the cheapest that works and sees every
    /// call.
    pub method: Option<Method>,
    /// Let the programs say what goes wrong in them.
    pub verbose: bool,
    /// Whether it is told of each request who asked, where exchanges are asked for.
    pub who: bool,
    /// Whether requests that did not fail are left out, with all that happened within them.
    pub failures: bool,
}

/// Functions of the kernel itself to attach to, with the same programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The outcome whose programs they are.
    pub outcome: OutcomeKind,
    /// Which ends of their calls are watched.
    pub ends: Ends,
    /// The functions.
    pub targets: Vec<Target>,
    /// The ways to attach, in the order in which they are to be tried.
    pub methods: &'static [Method],
    /// Whether the capture makes no sense without them. If not, the others are watched and it is said which
    /// are not.
    pub required: bool,
}

impl Step {
    /// Whether it tells what happens within calls that others follow.
    pub(super) fn is_within(&self) -> bool {
        matches!(self.outcome, OutcomeKind::Recorded | OutcomeKind::Spanned) && self.ends == Ends::Entry
    }
}

impl Plan {
    /// What to attach to in the kernel itself, as far as it has it. Functions in modules are
    /// [`Plan::in_modules`].
    pub fn steps(&self, facts: &Facts) -> Vec<Step> {
        let steps = |outcome: &Outcome| match *outcome {
            Outcome::Timed { .. } | Outcome::Recorded { .. } => {
                let exchanges = if outcome.has_exchanges() { self.exchange_steps(facts) } else { Vec::new() };
                [self.fork_steps(*outcome), exchanges, self.stage_steps(*outcome, facts)].concat()
            }
            Outcome::Spanned { stages, by, .. } => {
                [self.fork_steps(*outcome), self.span_steps(stages, by.is_some(), facts)].concat()
            }
            Outcome::Dropped { causes, .. } => self.drop_steps(causes, facts),
        };
        self.outcomes.iter().flat_map(steps).collect()
    }

    /// For an outcome of calls: the hooks of the stages that are wanted.
    fn stage_steps(&self, outcome: Outcome, facts: &Facts) -> Vec<Step> {
        let methods = order(self.method, facts.preemptible);
        let filter = self.filter_of(outcome);
        let wants = |hook| wants(&filter, hook);
        let outcome = outcome.kind();
        let is_built_in = |function: &Function| facts.functions.id(function.name).is_some();
        let first = |hook: Hook| hook.functions().iter().find(|function| is_built_in(function));
        let mut steps = Vec::new();
        // What happens within calls is watched before the calls are.
        for (hook, ends) in [
            (Hook::Queue, Ends::Entry),
            (Hook::Overrun, Ends::Entry),
            (Hook::Unicast, Ends::Both),
            (Hook::Broadcast, Ends::Both),
            (Hook::Dump, Ends::Both),
        ] {
            let records = outcome == OutcomeKind::Recorded;
            let wanted = match hook {
                Hook::Queue => records && (wants(Hook::Broadcast) || wants(Hook::Dump)),
                Hook::Overrun => records && wants(Hook::Broadcast),
                // Of a dump's part nothing is known without what it queues.
                Hook::Dump => wants(hook) && !(records && first(Hook::Queue).is_none()),
                _ => wants(hook),
            };
            if !wanted {
                continue;
            }
            // Where the kernel's types do not show it, trying tells more than not trying.
            let function =
                first(hook).or(if hook == Hook::Unicast { hook.functions().first() } else { None });
            // A static function may be missing; where every stage is wanted, the others are watched without
            // it.
            let required = match hook {
                Hook::Queue | Hook::Overrun => false,
                Hook::Dump => !filter.stages.is_empty(),
                _ => true,
            };
            steps.extend(function.map(|function| Step {
                outcome,
                ends,
                targets: vec![Target { hook, function: *function }],
                methods,
                required,
            }));
        }
        if wants(Hook::Receive) {
            let wanted = |receive: &Receive| {
                filter.wants_family(receive.family)
                    && (receive.module.is_none() || is_built_in(&receive.function))
            };
            let receive = RECEIVE.into_iter().filter(wanted);
            let targets = receive.map(|receive| Target { hook: Hook::Receive, function: receive.function });
            // The stage that is asked for by name has to be there; where every stage is wanted, it may be
            // missing.
            let required = !filter.stages.is_empty();
            let step = Step { outcome, ends: Ends::Both, targets: targets.collect(), methods, required };
            steps.extend(Some(step).filter(|step| !step.targets.is_empty()));
        }
        steps
    }

    /// For a process and those that it makes: where they are made, which is watched before anything else.
    fn fork_steps(&self, outcome: Outcome) -> Vec<Step> {
        let tracepoint = Hook::Fork.tracepoint().filter(|_| self.filter.children);
        let step = |name| Step {
            outcome: outcome.kind(),
            ends: Ends::Entry,
            targets: vec![Target { hook: Hook::Fork, function: Function { name, arguments: 0 } }],
            methods: &[Method::Tracepoint],
            required: true,
        };
        tracepoint.map(step).into_iter().collect()
    }

    /// For exchanges: the hooks besides those of the stages.
    fn exchange_steps(&self, facts: &Facts) -> Vec<Step> {
        let step = |(hook, ends): (Hook, Ends)| {
            let (function, methods): (_, &[Method]) = match hook.tracepoint() {
                Some(name) => (Function { name, arguments: 0 }, &[Method::Tracepoint]),
                // Where the kernel's types do not show it, trying tells more than not trying.
                None => (*hook.functions().first()?, order(self.method, facts.preemptible)),
            };
            let targets = vec![Target { hook, function }];
            Some(Step { outcome: OutcomeKind::Recorded, ends, targets, methods, required: false })
        };
        EXCHANGE_HOOKS.into_iter().filter_map(step).collect()
    }

    /// For spans: the hooks that the stages need.
    fn span_steps(&self, stages: u32, is_by: bool, facts: &Facts) -> Vec<Step> {
        let step = |&SpanHook { hook, ends, .. }: &SpanHook| {
            let is_built_in = |function: &&Function| facts.functions.id(function.name).is_some();
            let functions = hook.functions();
            let (function, methods): (_, &[Method]) = match hook.tracepoint() {
                Some(name) => (Function { name, arguments: 0 }, &[Method::Tracepoint]),
                // Where the kernel's types do not show it, trying tells more than not trying.
                None => {
                    let function = functions.iter().find(is_built_in).or(functions.first())?;
                    (*function, order(self.method, facts.preemptible))
                }
            };
            let targets = vec![Target { hook, function }];
            Some(Step { outcome: OutcomeKind::Spanned, ends, targets, methods, required: true })
        };
        SPAN_HOOKS.iter().filter(|hook| hook.is_for(stages, is_by)).filter_map(step).collect()
    }

    /// For drops: the hooks that the causes need.
    fn drop_steps(&self, causes: Causes, facts: &Facts) -> Vec<Step> {
        let methods = order(self.method, facts.preemptible);
        let step = |&DropHook { hook, ends, required, .. }: &DropHook| {
            let step = |function, methods, ends| Step {
                outcome: OutcomeKind::Dropped,
                ends,
                targets: vec![Target { hook, function }],
                methods,
                required,
            };
            if let Some(name) = hook.tracepoint() {
                let tracepoint = Function { name, arguments: 0 };
                return Some(step(tracepoint, &[Method::Tracepoint], Ends::Entry));
            }
            let is_built_in = |function: &&Function| facts.functions.id(function.name).is_some();
            let function = hook.functions().iter().find(is_built_in);
            // Where the kernel's types do not show it, trying tells more than not trying.
            let function = function.or(if required { hook.functions().first() } else { None })?;
            let ends = if hook == Hook::Broadcast && self.broadcasts_end(facts) { Ends::Both } else { ends };
            // Sockets are freed in softirqs, which come on top of other programs: there sessions and kprobes
            // are not run. Fentry is, and as nothing else runs there meanwhile, it misses nothing on a
            // preemptible kernel either.
            let methods = if hook == Hook::Destruct { order(self.method, false) } else { methods };
            Some(step(*function, methods, ends))
        };
        DROP_HOOKS.iter().filter(|hook| hook.is_for(causes)).filter_map(step).collect()
    }

    /// Whether the returns of multicasts are watched for drops, too: where an overrun does not show which
    /// function it was called from.
    pub(super) fn broadcasts_end(&self, facts: &Facts) -> bool {
        order(self.method, facts.preemptible).first() == Some(&Method::Fentry)
    }

    /// The receive functions that are in modules of this kernel and wanted as soon as they are loaded.
    pub fn in_modules(&self, facts: &Facts) -> impl Iterator<Item = InModule> {
        let of_stages = |outcome: &&Outcome| outcome.kind().has_receive();
        let wants = |outcome: &Outcome| wants(&self.filter_of(*outcome), Hook::Receive);
        let wanted = self.outcomes.iter().filter(of_stages).any(wants);
        in_modules(&facts.functions).filter(move |one| wanted && self.filter.wants_family(one.family))
    }

    /// As much of the filter as the programs of an outcome decide.
    pub(super) fn filter_of(&self, outcome: Outcome) -> Filter {
        match outcome {
            Outcome::Recorded { exchanges: true, .. } | Outcome::Dropped { each: true, .. } => {
                Filter { families: self.filter.families.clone(), ..Filter::default() }
            }
            // Which of them are wanted is another number.
            Outcome::Spanned { .. } => Filter { stages: Vec::new(), ..self.filter.clone() },
            _ => self.filter.clone(),
        }
    }

    /// Kernel memory for all outcomes, in bytes and for all of `cpus` processors.
    pub fn map_bytes(&self, cpus: usize) -> u64 {
        self.outcomes.iter().map(|outcome| outcome.map_bytes(cpus)).sum()
    }

    /// Words of bits for the processes that are followed.
    pub(super) fn followed_words(&self) -> u32 {
        if self.filter.children { MAX_PIDS / u64::BITS } else { 1 }
    }

    /// Size in bytes of the ring buffer for what the programs say about themselves.
    pub(super) fn log_bytes(&self) -> u32 {
        if self.verbose { 128 << 10 } else { 4096 }
    }
}

/// Whether any stage is wanted that a hook measures.
fn wants(filter: &Filter, hook: Hook) -> bool {
    Stage::ALL.into_iter().any(|stage| stage.hook() == hook && filter.wants_stage(stage))
}

#[cfg(test)]
mod tests;
