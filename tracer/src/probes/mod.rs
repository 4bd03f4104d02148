//! The probes: loading the eBPF programs and attaching them.
//!
//! fentry and fexit first, a session where those are refused, kprobe and kretprobe where that is refused too,
//! decided by trying; fentry last on a kernel where it would miss calls. Return probes are attached before
//! entry probes and detached after them, so every entry that is counted has somebody waiting for its return.

mod attach;
mod drop_hooks;
mod error;
mod exchange_hooks;
mod filter;
mod hooks;
mod interfaces;
mod iterator;
mod loader;
mod method;
mod missed;
mod object;
mod outcome;
mod part;
mod plan;
mod span_hooks;

use aya::util::nr_cpus;
use nltrace_common::Hook;

pub use error::{AttachError, ProbeError};
pub use hooks::{Ends, InModule, Target, in_modules, watchable};
pub(crate) use interfaces::InterfaceProbe;
pub(crate) use iterator::SocketIterator;
pub(crate) use loader::COUNTERS;
pub use method::Method;
pub use outcome::{HISTOGRAM_BYTES, MAX_HISTOGRAMS, MAX_KEYS, Outcome, OutcomeKind};
pub(crate) use part::Part;
pub use plan::{Plan, Step};

use crate::kernel::Facts;
use attach::Attached;
use missed::is_counted;

/// A function that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The kernel function.
    pub function: String,
    /// Which counters its calls go to.
    pub hook: Hook,
    /// How it is watched.
    pub method: Method,
    /// Whether the kernel counts the calls that it does not show to the probe.
    pub counts_missed: bool,
}

/// Loaded programs and what they are attached to. Dropping it detaches everything.
pub struct Probes {
    /// One for each outcome, in the plan's order.
    pub(crate) parts: Vec<Part>,
    attachments: Vec<Attachment>,
    unwatched: Vec<ProbeError>,
    counts_missed_kprobes: bool,
}

impl Probes {
    /// Loads the programs and attaches those for the functions of the kernel itself that `plan` needs, as far
    /// as this kernel has them: `netlink_unicast`, the function for multicasts, the receive functions of the
    /// wanted families. Those in modules are left to [`Probes::attach_receive`].
    pub fn attach(plan: &Plan, facts: &Facts) -> Result<Self, ProbeError> {
        if !facts.task_storage {
            return Err(ProbeError::NoTaskStorage);
        }
        let cpus = nr_cpus().map_err(|(what, source)| ProbeError::Os { what, source })?;
        let parts = plan.outcomes.iter().map(|outcome| Part::load(*outcome, plan, facts, cpus));
        let mut probes = Self {
            parts: parts.collect::<Result<_, _>>()?,
            attachments: Vec::new(),
            unwatched: Vec::new(),
            counts_missed_kprobes: is_counted(Method::Kprobe, facts),
        };
        for step in plan.steps(facts) {
            for index in 0..probes.parts.len() {
                if probes.parts[index].outcome.kind() != step.outcome {
                    continue;
                }
                for result in probes.parts[index].attach(&step, facts) {
                    match result {
                        Ok((targets, method)) => {
                            targets
                                .iter()
                                .for_each(|target| probes.note(target.function.name, target.hook, method));
                        }
                        Err(error) if step.required => return Err(error),
                        Err(error) => probes.unwatched.push(error),
                    }
                }
            }
        }
        Ok(probes)
    }

    /// Several outcomes on one function are one attachment.
    fn note(&mut self, function: &str, hook: Hook, method: Method) {
        if self.attachments.iter().all(|known| known.function != function) {
            let counts_missed = method != Method::Kprobe || self.counts_missed_kprobes;
            self.attachments.push(Attachment { function: function.to_owned(), hook, method, counts_missed });
        }
    }

    /// Attaches to a receive function in a module, `void function(struct sk_buff *)`. The module may be
    /// unloaded all the same.
    ///
    /// To be called again when the module was loaded anew: the old probe does not come back with it.
    pub fn attach_receive(&mut self, module: &str, function: &str) -> Result<(), ProbeError> {
        self.detach_receive(function);
        for index in 0..self.parts.len() {
            if !self.parts[index].outcome.kind().has_receive() {
                continue;
            }
            let attached = self.parts[index].attach_receive(module, function, self.counts_missed_kprobes);
            if attached.is_err() {
                self.detach_receive(function);
                return attached;
            }
        }
        self.note(function, Hook::Receive, Method::Kprobe);
        Ok(())
    }

    /// Detaches from a receive function whose module has gone.
    pub fn detach_receive(&mut self, function: &str) {
        self.parts.iter_mut().for_each(|part| part.detach_receive(function));
        self.attachments.retain(|attachment| attachment.function != function);
    }

    /// The functions that are watched.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// Why functions are not watched that would have been if they could.
    pub fn unwatched(&self) -> &[ProbeError] {
        &self.unwatched
    }

    /// Detaches everything. Results can still be read, and do not change any more.
    pub fn stop(&mut self) {
        // All entries before all returns, because calls nest.
        let attached: Vec<_> = self.parts.iter_mut().flat_map(Part::release).collect();
        Attached::detach_all(attached.into_iter());
    }

    /// Hands what the programs said about themselves to the [`log`] crate's logger; to be called now and
    /// then.
    pub fn flush_log(&mut self) {
        self.parts.iter_mut().for_each(Part::flush_log);
    }
}
