//! What to watch, and how: worked out from the options and the kernel's facts before anything is attached.

use nltrace_common::{
    By, COUNTING, Function, HistogramSlot, Hook, KEY_CELLS, MAX_PIDS, MAX_PROBES, MAX_SLOTS,
    ProcessorCounters, Stage,
    drops::{
        Closing, DropKey, DropRow, EpisodeRecord, GapRecord, MAX_CLOSING, MAX_EPISODES, MAX_ROWS, MAX_USERS,
    },
    record::MAX_SNAPLEN,
};

use super::{
    Method,
    drop_hooks::{DROP_HOOKS, DropHook},
    exchange_hooks::EXCHANGE_HOOKS,
    hooks::{Ends, InModule, RECEIVE, Receive, Target, in_modules},
    method::order,
    span_hooks::{SPAN_HOOKS, SpanHook},
};
use crate::{
    kernel::Facts,
    options::{Causes, Filter},
};

/// What becomes of a call that the programs see return. A capture can have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is counted in a histogram, in the kernel.
    Timed {
        /// Histograms, each of one family, stage and message type; None: as many as [`HISTOGRAM_BYTES`] hold,
        /// up to [`MAX_HISTOGRAMS`].
        max_keys: Option<u32>,
        /// What else they are kept apart by.
        by: Option<By>,
    },
    /// Requests and datagrams that are read are counted in histograms, in the kernel, by spans that are
    /// longer than a call.
    Spanned {
        /// As in [`Outcome::Timed`].
        max_keys: Option<u32>,
        /// One bit for each stage that is wanted.
        stages: u32,
        /// As in [`Outcome::Timed`].
        by: Option<By>,
    },
    /// It is sent to user space with its datagram.
    Recorded {
        /// Payload bytes to keep of a message, at most [`MAX_SNAPLEN`].
        snaplen: u32,
        /// Size of the ring buffer in bytes; rounded up to a power of two and to whole pages.
        ring_bytes: u32,
        /// Whether each listener of a multicast is told.
        deliveries: bool,
        /// Whether it is told where each call came from, and what happens within and beside them:
        /// [`crate::source::Event`]. Then only the family is a filter in the kernel, as what belongs together
        /// may be of different threads, stages and types.
        exchanges: bool,
    },
    /// What became of its message is put together, and counted if that was dropped, in the kernel.
    Dropped {
        /// Which drops.
        causes: Causes,
        /// Whether the kernel's way to each is kept.
        stacks: bool,
        /// Whether user space is told of each when it happens. Then only the family is a filter in the
        /// kernel, as for exchanges.
        each: bool,
    },
}

/// Which of the outcomes, without what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// [`Outcome::Timed`]
    Timed,
    /// [`Outcome::Spanned`]
    Spanned,
    /// [`Outcome::Recorded`]
    Recorded,
    /// [`Outcome::Dropped`]
    Dropped,
}

impl OutcomeKind {
    /// Whether receive functions are watched.
    pub(super) fn has_receive(self) -> bool {
        matches!(self, Self::Timed | Self::Recorded)
    }
}

/// Kernel memory for histograms, in bytes and for all processors together, unless the user asks for more;
/// their keys and the counters included.
pub const HISTOGRAM_BYTES: usize = 64 << 20;

/// Bytes of it that are there for any number of histograms: keys and counters.
const SHARED_BYTES: usize = KEY_CELLS * size_of::<u64>() + COUNTING * size_of::<ProcessorCounters>();

/// Size of the ring buffer for begins and ends of episodes, in bytes.
const EPISODE_RING_BYTES: u32 = 256 << 10;

/// Size of the ring buffer for single drops, in bytes, where they are told.
const DROP_RING_BYTES: u32 = 1 << 20;

/// Kernel memory for drops, in bytes: rows, episodes, sockets that are being closed, counters. The kernel
/// adds some to each entry.
const DROP_BYTES: u64 = {
    const ENTRY: usize = 64;
    let rows = MAX_ROWS as usize * (size_of::<DropKey>() + size_of::<DropRow>() + ENTRY);
    let episodes = MAX_EPISODES as usize * (size_of::<EpisodeRecord>() + size_of::<GapRecord>() + 2 * ENTRY);
    let closing = MAX_CLOSING as usize * (size_of::<Closing>() + ENTRY);
    let users = MAX_USERS as usize * (size_of::<Closing>() + ENTRY);
    (rows + episodes + closing + users + COUNTING * size_of::<ProcessorCounters>()) as u64
        + EPISODE_RING_BYTES as u64
};

/// Histograms at most, unless the user asks for more.
pub const MAX_HISTOGRAMS: u32 = 1024;

/// Histograms at most, whatever the user asks for.
pub const MAX_KEYS: u32 = MAX_SLOTS - Stage::COUNT as u32;

impl Outcome {
    /// Which it is.
    pub fn kind(self) -> OutcomeKind {
        match self {
            Self::Timed { .. } => OutcomeKind::Timed,
            Self::Spanned { .. } => OutcomeKind::Spanned,
            Self::Recorded { .. } => OutcomeKind::Recorded,
            Self::Dropped { .. } => OutcomeKind::Dropped,
        }
    }

    /// One bit for each cause of a drop that is wanted.
    pub(super) fn causes(self) -> u32 {
        match self {
            Self::Dropped { causes, .. } => causes.bits(),
            Self::Timed { .. } | Self::Spanned { .. } | Self::Recorded { .. } => 0,
        }
    }

    /// One bit for each stage that is no call and is wanted.
    pub(super) fn spans(self) -> u32 {
        match self {
            Self::Spanned { stages, .. } => stages,
            Self::Timed { .. } | Self::Dropped { .. } | Self::Recorded { .. } => 0,
        }
    }

    /// Histograms that each of `cpus` processors has room for, those for all other keys not counted.
    pub fn slots(self, cpus: usize) -> u32 {
        let (Self::Timed { max_keys, .. } | Self::Spanned { max_keys, .. }) = self else { return 0 };
        let affordable = (HISTOGRAM_BYTES - SHARED_BYTES) / (size_of::<HistogramSlot>() * cpus.max(1));
        let default =
            u32::try_from(affordable.saturating_sub(Stage::COUNT)).unwrap_or(u32::MAX).min(MAX_HISTOGRAMS);
        // Fewer than a key has places for would let the search for one wrap around more than once.
        max_keys.unwrap_or(default).clamp(MAX_PROBES, MAX_KEYS)
    }

    /// What histograms are kept apart by.
    pub fn by(self) -> Option<By> {
        match self {
            Self::Timed { by, .. } | Self::Spanned { by, .. } => by,
            Self::Recorded { .. } | Self::Dropped { .. } => None,
        }
    }

    /// Kernel memory for histograms or for the ring buffer, in bytes and for all of `cpus` processors.
    pub fn map_bytes(self, cpus: usize) -> u64 {
        let slots = u64::from(self.slots(cpus)) + Stage::COUNT as u64;
        match self {
            Self::Timed { .. } | Self::Spanned { .. } => {
                slots * (size_of::<HistogramSlot>() * cpus) as u64 + SHARED_BYTES as u64
            }
            Self::Recorded { .. } => self.ring_bytes().into(),
            Self::Dropped { .. } => DROP_BYTES + u64::from(self.drop_ring_bytes()),
        }
    }

    /// Size of the ring buffer for single drops in bytes, as the kernel wants it.
    pub(super) fn drop_ring_bytes(self) -> u32 {
        if matches!(self, Self::Dropped { each: true, .. }) { DROP_RING_BYTES } else { 4096 }
    }

    /// Size of the ring buffer in bytes, as the kernel wants it.
    pub(super) fn ring_bytes(self) -> u32 {
        match self {
            Self::Timed { .. } | Self::Spanned { .. } => 4096,
            Self::Dropped { .. } => EPISODE_RING_BYTES,
            Self::Recorded { ring_bytes, .. } => ring_bytes.clamp(4096, 1 << 31).next_power_of_two(),
        }
    }

    /// Bytes of unread records that wake the reader before it comes by itself.
    pub(super) fn wakeup_bytes(self) -> u32 {
        self.ring_bytes() / 8
    }

    /// Whether exchanges are asked for.
    pub fn has_exchanges(self) -> bool {
        matches!(self, Self::Recorded { exchanges: true, .. })
    }

    /// Payload bytes to keep of a message.
    pub fn snaplen(self) -> u32 {
        match self {
            Self::Timed { .. } | Self::Spanned { .. } | Self::Dropped { .. } => 0,
            Self::Recorded { snaplen, .. } => snaplen.min(MAX_SNAPLEN as u32),
        }
    }
}

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
