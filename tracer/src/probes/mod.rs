//! The probes: loading the eBPF programs, attaching them, reading what they counted.
//!
//! fentry and fexit first, a session where those are refused, kprobe and kretprobe where that is refused too, decided by trying; fentry last on a
//! kernel where it would miss calls. Return probes are attached before entry probes and detached after them, so every entry that is
//! counted has somebody waiting for its return.

mod attach;
mod error;
mod functions;
mod loader;
mod misses;
mod object;
mod plan;
mod results;
mod ring;
mod syscall;

use std::fmt;

use aya::{
    maps::{Array, Map, MapData, RingBuf},
    util::nr_cpus,
};
use aya_log::EbpfLogger;
use nltrace_common::{COUNTING, Hook, ProcessorCounters, hook, stage};

pub use error::{AttachError, ProbeError};
pub use functions::{InModule, in_modules, watchable};
pub use plan::{Cast, Filter, HISTOGRAM_BYTES, MAX_HISTOGRAMS, MAX_KEYS, Mode, Offsets, Plan, Session};
pub use results::Tally;
pub use ring::Ring;

use crate::kernel::Types;
use attach::{Attached, Attacher, Group};
use functions::Receive;
use loader::Loader;
use misses::Misses;
use results::Histograms;

/// How a function is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// fentry and fexit: a trampoline at the function, the cheapest.
    Fentry,
    /// A kprobe session: one program at both ends.
    Session,
    /// kprobe and kretprobe.
    Kprobe,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fentry => "fentry+fexit",
            Self::Session => "kprobe session",
            Self::Kprobe => "kprobe+kretprobe",
        })
    }
}

/// A function that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The kernel function.
    pub function: String,
    /// Which counters its calls go to.
    pub hook: Hook,
    /// How it is watched.
    pub method: Method,
}

/// Loaded programs and what they are attached to. Dropping it detaches everything.
pub struct Probes {
    loader: Loader,
    built_in: Vec<Attached>,
    /// Receive functions in modules, by their names.
    in_modules: Vec<(String, Attached)>,
    attachments: Vec<Attachment>,
    misses: Misses,
    counters: Array<MapData, results::Shared<[ProcessorCounters; COUNTING]>>,
    /// In [`Mode::Hist`].
    histograms: Option<Histograms>,
    /// In [`Mode::Trace`].
    ring: Option<Ring>,
    /// Whether the programs' own log is wanted and not open yet.
    opens_log: bool,
    log: Option<EbpfLogger<&'static dyn log::Log>>,
}

impl Probes {
    /// Loads the programs and attaches those for the functions of the kernel itself that `plan` needs, as far as this kernel has them:
    /// `netlink_unicast`, the function for multicasts, the receive functions of the wanted families. Those in modules are left to
    /// [`Probes::attach_receive`].
    ///
    /// Must be called within a tokio runtime.
    pub fn attach(plan: &Plan, types: &Types) -> Result<Self, ProbeError> {
        let cpus = nr_cpus().map_err(|(what, source)| ProbeError::Os { what, source })?;
        let mut probes = Self::load(plan, types, cpus)?;
        let mut attacher = Attacher { loader: &mut probes.loader, types, order: plan.order() };
        let wants = |stages: &[u8]| stages.iter().any(|stage| plan.filter.stages & 1 << stage != 0);
        let is_built_in = |name| types.functions.id(name).is_some();
        let mut groups = Vec::new();
        if wants(&[stage::REQUEST, stage::REPLY]) {
            groups.push((hook::UNICAST, attacher.attach(&functions::UNICAST)?));
        }
        let multicast = functions::BROADCAST.into_iter().find(|function| is_built_in(function.name));
        if let Some(function) = multicast.filter(|_| wants(&[stage::BROADCAST])) {
            groups.push((hook::BROADCAST, attacher.attach(&function)?));
        }
        let wanted = |receive: &Receive| {
            wants(&[stage::RECEIVE])
                && plan.filter.families & 1 << receive.family != 0
                && (receive.module.is_none() || is_built_in(receive.function.name))
        };
        let receive = functions::RECEIVE.into_iter().filter(wanted).map(|receive| receive.function);
        for group in attacher.attach_all(&receive.collect::<Vec<_>>()) {
            match group {
                Ok(group) => groups.push((hook::RECEIVE, group)),
                Err(error) => log::info!("not watched: {error}"),
            }
        }
        for (hook, Group { functions, attached, method }) in groups {
            probes.misses.add(hook, &attached);
            probes.built_in.push(attached);
            for function in functions {
                probes.note(function.name, hook, method);
            }
        }
        probes.open_log();
        Ok(probes)
    }

    /// Makes the maps.
    fn load(plan: &Plan, types: &Types, cpus: usize) -> Result<Self, ProbeError> {
        let slot_count = plan.slots(cpus);
        let sizes = [
            ("SLOTS", slot_count + u32::from(stage::COUNT)),
            ("EVENTS", plan.ring_bytes()),
            ("AYA_LOGS", plan.log_bytes()),
        ];
        let mut loader = Loader::new(object::prepared(plan, types, slot_count)?, &sizes)?;
        let counters = Map::Array(loader.take_map(".bss.counters")?);
        let (histograms, ring) = match plan.mode {
            Mode::Hist => (Some(Histograms::new(&mut loader, slot_count)?), None),
            Mode::Trace => {
                let events = Map::RingBuf(loader.take_map("EVENTS")?);
                (None, Some(Ring::new(RingBuf::try_from(events).map_err(ProbeError::Read)?)?))
            }
        };
        Ok(Self {
            counters: Array::try_from(counters).map_err(ProbeError::Read)?,
            histograms,
            ring,
            opens_log: plan.verbose,
            log: None,
            loader,
            misses: Misses::default(),
            built_in: Vec::new(),
            in_modules: Vec::new(),
            attachments: Vec::new(),
        })
    }

    fn note(&mut self, function: &str, hook: Hook, method: Method) {
        self.attachments.push(Attachment { function: function.to_owned(), hook, method });
    }

    /// Attaches to a receive function in a module, `void function(struct sk_buff *)`. The module may be unloaded all the same.
    ///
    /// To be called again when the module was loaded anew: the old probe does not come back with it.
    pub fn attach_receive(&mut self, module: &str, function: &str) -> Result<(), ProbeError> {
        self.detach_receive(function);
        let attached = attach::module_receive(&mut self.loader, module, function)?;
        self.misses.add(hook::RECEIVE, &attached);
        self.in_modules.push((function.to_owned(), attached));
        self.note(function, hook::RECEIVE, Method::Kprobe);
        self.open_log();
        Ok(())
    }

    /// Detaches from a receive function whose module has gone.
    pub fn detach_receive(&mut self, function: &str) {
        for (_, attached) in self.in_modules.extract_if(.., |(name, _)| name == function) {
            attached.detach();
            self.attachments.retain(|attachment| attachment.function != function);
        }
    }

    /// The functions that are watched.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// Detaches everything. Results can still be read, and do not change any more.
    pub fn stop(&mut self) {
        let in_modules = self.in_modules.drain(..).map(|(_, attached)| attached);
        Attached::detach_all(in_modules.chain(self.built_in.drain(..)));
    }

    /// Opens what the programs say about themselves, once one is loaded that can say anything.
    fn open_log(&mut self) {
        if !self.opens_log {
            return;
        }
        let ids = self.loader.programs().filter_map(|program| misses::field(program, "prog_id"));
        for id in ids.filter_map(|id| u32::try_from(id).ok()) {
            match EbpfLogger::init_from_id(id) {
                Err(aya_log::Error::MapNotFound) => continue,
                Ok(log) => self.log = Some(log),
                // All programs are looked at, which is not for everybody.
                Err(aya_log::Error::ProgramNotFound) => {
                    log::warn!(
                        "what the programs say themselves takes CAP_SYS_ADMIN to read: use sudo for it"
                    );
                }
                Err(error) => log::warn!("what the programs say themselves cannot be read: {error}"),
            }
            self.opens_log = false;
            return;
        }
    }

    /// Hands what the programs said about themselves to the [`log`] crate's logger; to be called now and then.
    pub fn flush_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }

    /// The ring buffer, in [`Mode::Trace`].
    pub fn ring(&mut self) -> Option<&mut Ring> {
        self.ring.as_mut()
    }
}
