//! The probes: loading the eBPF programs, attaching them, reading what they counted.
//!
//! fentry and fexit first, a session where those are refused, kprobe and kretprobe where that is refused too, decided by trying; fentry last on a
//! kernel where it would miss calls. Return probes are attached before entry probes and detached after them, so every entry that is
//! counted has somebody waiting for its return.

mod attach;
mod error;
mod functions;
mod misses;
mod object;
mod plan;
mod results;
mod ring;
mod session;

use std::fmt;

use aya::{
    Btf, Ebpf, EbpfLoader,
    maps::{Array, Map, MapData, PerCpuArray, RingBuf},
    util::nr_cpus,
};
use aya_log::EbpfLogger;
use nltrace_common::{COUNTING, HistogramSlot, Hook, ProcessorCounters, hook, stage};

pub use error::{AttachError, ProbeError};
pub use functions::{InModule, in_modules, watchable};
pub use plan::{Cast, Filter, HISTOGRAM_BYTES, MAX_HISTOGRAMS, MAX_KEYS, Mode, Offsets, Plan, Session};
pub use results::Tally;
pub use ring::Ring;
pub use session::SessionError;

use crate::kernel::Types;
use attach::{Attached, Attacher, KernelBtf};
use functions::Receive;
use misses::Misses;
use session::Sessions;

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
    ebpf: Ebpf,
    built_in: Vec<Attached>,
    /// Receive functions in modules, by their names.
    in_modules: Vec<(String, Attached)>,
    attachments: Vec<Attachment>,
    misses: Misses,
    counters: Array<MapData, results::Shared<[ProcessorCounters; COUNTING]>>,
    keys: MapData,
    slots: PerCpuArray<MapData, results::Shared<HistogramSlot>>,
    slot_count: u32,
    mode: Mode,
    ring: Option<Ring>,
    log: Option<EbpfLogger<&'static dyn log::Log>>,
}

impl Probes {
    /// Loads the programs and attaches those for the functions of the kernel itself that `plan` needs, as far as this kernel has them:
    /// `netlink_unicast`, the function for multicasts, the receive functions of the wanted families. Those in modules are left to
    /// [`Probes::attach_receive`].
    ///
    /// Must be called within a tokio runtime.
    pub fn attach(plan: &Plan, types: &Types) -> Result<Self, ProbeError> {
        let order = plan.order();
        let cpus = nr_cpus().map_err(|(what, source)| ProbeError::Os { what, source })?;
        let (mut probes, sessions) = Self::load(plan, types, cpus)?;
        let built_in = &types.functions;
        let btf = KernelBtf::new(Btf::from_sys_fs);
        let mut attacher = Attacher { ebpf: &mut probes.ebpf, btf, sessions, order, built_in };
        let wants = |stages: &[u8]| stages.iter().any(|stage| plan.filter.stages & 1 << stage != 0);
        let mut attached = Vec::new();
        if wants(&[stage::REQUEST, stage::REPLY]) {
            attached.push((hook::UNICAST, functions::UNICAST, attacher.attach(&functions::UNICAST)?));
        }
        let multicast = functions::BROADCAST.into_iter().find(|function| built_in.contains(&function.name));
        if let Some(function) = multicast.filter(|_| wants(&[stage::BROADCAST])) {
            attached.push((hook::BROADCAST, function, attacher.attach(&function)?));
        }
        let wanted = |family: u8| wants(&[stage::RECEIVE]) && plan.filter.families & 1 << family != 0;
        for Receive { function, module, .. } in
            functions::RECEIVE.into_iter().filter(|receive| wanted(receive.family))
        {
            if module.is_some() && !built_in.contains(&function.name) {
                continue;
            }
            match attacher.attach(&function) {
                Ok(result) => attached.push((hook::RECEIVE, function, result)),
                Err(error) => log::info!("not watched: {error}"),
            }
        }
        for (hook, function, (attached, method)) in attached {
            probes.misses.add(hook, &attached)?;
            probes.built_in.push(attached);
            probes.note(function.name, hook, method);
        }
        Ok(probes)
    }

    /// Makes the maps. Sessions come too if they may be needed.
    fn load(plan: &Plan, types: &Types, cpus: usize) -> Result<(Self, Option<Sessions>), ProbeError> {
        let slot_count = plan.slots(cpus);
        let object = object::prepared(plan, types, slot_count)?;
        let log_level = if plan.verbose { u8::MAX } else { 0 };

        let mut loader = EbpfLoader::new();
        // Nothing in the programs is to be relocated by the kernel's types, which the loader has read all the same.
        loader.btf(None);
        // Task storage, which aya does not know: only the programs use it.
        loader.allow_unsupported_maps();
        loader.map_max_entries("SLOTS", slot_count + u32::from(stage::COUNT));
        loader.map_max_entries("EVENTS", plan.ring_bytes());
        loader.override_global("AYA_LOG_LEVEL", &log_level, false);
        let mut ebpf = loader.load(&object).map_err(ProbeError::Load)?;
        let sessions = match types.session {
            Some(_) if plan.order().contains(&Method::Session) => Some(Sessions::new(&object, &ebpf)?),
            _ => None,
        };

        let log = plan.verbose.then(|| EbpfLogger::init(&mut ebpf)).transpose().map_err(ProbeError::Log)?;
        let counters = ebpf.take_map(".bss.counters").ok_or(ProbeError::Missing("COUNTERS"))?;
        let Some(Map::Array(keys)) = ebpf.take_map(".bss.keys") else {
            return Err(ProbeError::Missing("KEYS"));
        };
        let slots = ebpf.take_map("SLOTS").ok_or(ProbeError::Missing("SLOTS"))?;
        let ring = match plan.mode {
            Mode::Hist => None,
            Mode::Trace => {
                let events = ebpf.take_map("EVENTS").ok_or(ProbeError::Missing("EVENTS"))?;
                Some(Ring::new(RingBuf::try_from(events).map_err(ProbeError::Read)?)?)
            }
        };
        let probes = Self {
            counters: Array::try_from(counters).map_err(ProbeError::Read)?,
            keys,
            slots: PerCpuArray::try_from(slots).map_err(ProbeError::Read)?,
            slot_count,
            mode: plan.mode,
            ring,
            log,
            ebpf,
            misses: Misses::default(),
            built_in: Vec::new(),
            in_modules: Vec::new(),
            attachments: Vec::new(),
        };
        Ok((probes, sessions))
    }

    fn note(&mut self, function: &str, hook: Hook, method: Method) {
        self.attachments.push(Attachment { function: function.to_owned(), hook, method });
    }

    /// Attaches to a receive function in a module, `void function(struct sk_buff *)`. The module may be unloaded all the same.
    ///
    /// To be called again when the module was loaded anew: the old probe does not come back with it.
    pub fn attach_receive(&mut self, module: &str, function: &str) -> Result<(), ProbeError> {
        self.detach_receive(function);
        let attached = attach::module_receive(&mut self.ebpf, module, function)?;
        self.misses.add(hook::RECEIVE, &attached)?;
        self.in_modules.push((function.to_owned(), attached));
        self.note(function, hook::RECEIVE, Method::Kprobe);
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
