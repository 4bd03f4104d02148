//! The probes: loading the eBPF programs, attaching them, reading what they counted.
//!
//! fentry and fexit first, kprobe and kretprobe where those are refused, decided by trying; the other way round on a kernel where fentry
//! would miss calls. Return probes are attached before entry probes and detached after them, so every entry that is counted has somebody
//! waiting for its return.

mod attach;
mod error;
mod misses;
mod plan;
mod results;
mod ring;

use std::fmt;

use aya::{
    Btf, Ebpf, EbpfLoader,
    maps::{MapData, PerCpuArray, RingBuf},
    util::nr_cpus,
};
use aya_log::EbpfLogger;
use nltrace_common::{Counters, HistogramSlot, Hook, RDONLY_CAST, hook, stage};

pub use error::ProbeError;
pub use plan::{Cast, Filter, HISTOGRAM_BYTES, MAX_HISTOGRAMS, Mode, Offsets, Plan};
pub use ring::Ring;

use attach::{Attached, KernelBtf};
use misses::Misses;

/// The compiled programs.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/nltrace-ebpf"));

/// How a function is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// fentry and fexit: a trampoline at the function, the cheapest.
    Fentry,
    /// kprobe and kretprobe.
    Kprobe,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fentry => "fentry+fexit",
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
    unicast: Option<Attached>,
    broadcast: Option<Attached>,
    built_in: Vec<Attached>,
    /// The module's receive function, with its name.
    receive: Option<(String, Attached)>,
    attachments: Vec<Attachment>,
    misses: Misses,
    counters: PerCpuArray<MapData, results::Shared<Counters>>,
    slots: PerCpuArray<MapData, results::Shared<HistogramSlot>>,
    slot_count: u32,
    mode: Mode,
    ring: Option<Ring>,
    log: Option<EbpfLogger<&'static dyn log::Log>>,
}

impl Probes {
    /// Loads the programs and attaches those for the functions of the kernel itself that `plan` needs: `netlink_unicast`, and
    /// `broadcast_function` where the kernel has one and multicasts are wanted.
    ///
    /// Must be called within a tokio runtime.
    pub fn attach(
        plan: &Plan,
        offsets: &Offsets,
        broadcast_function: Option<&str>,
    ) -> Result<Self, ProbeError> {
        let btf = KernelBtf::new(Btf::from_sys_fs);
        let order = plan.order();
        let cpus = nr_cpus().map_err(|(what, source)| ProbeError::Os { what, source })?;
        let mut probes = Self::load(plan, offsets, cpus)?;
        let wants = |stages: &[u8]| stages.iter().any(|stage| plan.filter.stages & 1 << stage != 0);
        if wants(&[stage::REQUEST, stage::REPLY]) {
            let (attached, method) = attach::unicast(&mut probes.ebpf, &btf, order)?;
            probes.misses.add(hook::UNICAST, &attached)?;
            probes.unicast = Some(attached);
            probes.note(attach::UNICAST, hook::UNICAST, method);
        }
        if let Some(function) = broadcast_function.filter(|_| wants(&[stage::BROADCAST])) {
            let (attached, method) = attach::broadcast(&mut probes.ebpf, &btf, function, order)?;
            probes.misses.add(hook::BROADCAST, &attached)?;
            probes.broadcast = Some(attached);
            probes.note(function, hook::BROADCAST, method);
        }
        if wants(&[stage::RECEIVE]) {
            probes.attach_built_in(plan, &btf, order)?;
        }
        Ok(probes)
    }

    /// Attaches to the receive functions of the wanted families, as far as this kernel has them.
    fn attach_built_in(&mut self, plan: &Plan, btf: &KernelBtf, order: &[Method]) -> Result<(), ProbeError> {
        let wanted = |family: u8| plan.filter.families & 1 << family != 0;
        for function in attach::RECEIVE_FUNCTIONS.into_iter().filter(|function| wanted(function.family)) {
            match attach::built_in_receive(&mut self.ebpf, btf, function, order) {
                Ok((attached, method)) => {
                    self.misses.add(hook::RECEIVE, &attached)?;
                    self.built_in.push(attached);
                    self.note(function.name, hook::RECEIVE, method);
                }
                Err(error) => log::info!("not watched: {error}"),
            }
        }
        Ok(())
    }

    fn load(plan: &Plan, offsets: &Offsets, cpus: usize) -> Result<Self, ProbeError> {
        let slot_count = plan.slots(cpus);
        let (mode, snaplen, wakeup) = (plan.mode.number(), plan.snaplen(), plan.wakeup_bytes());
        let filter = &plan.filter;
        let filtered = filter.number();
        let tgid = filter.tgid.unwrap_or(0);
        let (by_portid, portid) = (u32::from(filter.portid.is_some()), filter.portid.unwrap_or(0));
        let nlmsg_type = filter.nlmsg_type.map_or(u32::MAX, u32::from);
        let comm = filter.comm.unwrap_or_default();
        let nlmsghdr = offsets.cast.map_or(0, |cast| cast.nlmsghdr);
        let (low, high) = comm.split_at(8);
        let [low, high] = [low, high].map(|half| half.try_into().map_or(0, u64::from_ne_bytes));
        let log_level = if plan.verbose { u8::MAX } else { 0 };

        let mut loader = EbpfLoader::new();
        // Nothing in the programs is to be relocated by the kernel's types, which the loader has read all the same.
        loader.btf(None);
        // Task storage, which aya does not know: only the programs use it.
        loader.allow_unsupported_maps();
        loader.map_max_entries("SLOTS", slot_count + u32::from(stage::COUNT));
        loader.map_max_entries("EVENTS", plan.ring_bytes());
        loader.override_global("AYA_LOG_LEVEL", &log_level, false);
        for (name, value) in [
            ("MODE", &mode),
            ("SNAPLEN", &snaplen),
            ("SLOT_COUNT", &slot_count),
            ("WAKEUP_BYTES", &wakeup),
            ("FILTERED", &filtered),
            ("FILTER_FAMILIES", &filter.families),
            ("FILTER_STAGES", &filter.stages),
            ("FILTER_TGID", &tgid),
            ("FILTER_PORTID", &portid),
            ("FILTER_BY_PORTID", &by_portid),
            ("FILTER_TYPE", &nlmsg_type),
            ("SK_BUFF_LEN", &offsets.skb_len),
            ("SK_BUFF_DATA_LEN", &offsets.skb_data_len),
            ("SK_BUFF_DATA", &offsets.skb_data),
            ("SK_BUFF_SK", &offsets.skb_sk),
            ("NETLINK_CB_PORTID", &offsets.netlink_cb_portid),
            ("SOCK_PROTOCOL", &offsets.sock_protocol),
            ("SOCK_NET", &offsets.sock_net),
            ("NET_INUM", &offsets.net_inum),
            ("TASK_COMM", &offsets.task_comm),
            ("TASK_PID", &offsets.task_pid),
            ("TASK_TGID", &offsets.task_tgid),
            ("NLMSGHDR", &nlmsghdr),
        ] {
            loader.override_global(name, value, true);
        }
        loader.override_global("FILTER_COMM_LOW", &low, true);
        loader.override_global("FILTER_COMM_HIGH", &high, true);
        let mut ebpf = match offsets.cast {
            Some(cast) => loader.load(&with_cast(OBJECT, cast.function)),
            None => loader.load(OBJECT),
        }
        .map_err(ProbeError::Load)?;

        let log = plan.verbose.then(|| EbpfLogger::init(&mut ebpf)).transpose().map_err(ProbeError::Log)?;
        let counters = ebpf.take_map("COUNTERS").ok_or(ProbeError::Missing("COUNTERS"))?;
        let slots = ebpf.take_map("SLOTS").ok_or(ProbeError::Missing("SLOTS"))?;
        let ring = match plan.mode {
            Mode::Hist => None,
            Mode::Trace => {
                let events = ebpf.take_map("EVENTS").ok_or(ProbeError::Missing("EVENTS"))?;
                Some(Ring::new(RingBuf::try_from(events).map_err(ProbeError::Read)?)?)
            }
        };
        Ok(Self {
            counters: PerCpuArray::try_from(counters).map_err(ProbeError::Read)?,
            slots: PerCpuArray::try_from(slots).map_err(ProbeError::Read)?,
            slot_count,
            mode: plan.mode,
            ring,
            log,
            ebpf,
            misses: Misses::default(),
            unicast: None,
            broadcast: None,
            built_in: Vec::new(),
            receive: None,
            attachments: Vec::new(),
        })
    }

    fn note(&mut self, function: &str, hook: Hook, method: Method) {
        self.attachments.push(Attachment { function: function.to_owned(), hook, method });
    }

    /// Attaches to a module's receive function, `void function(struct sk_buff *)`. The module may be unloaded all the same.
    ///
    /// To be called again when the module was loaded anew: the old probe does not come back with it.
    pub fn attach_receive(&mut self, module: &str, function: &str) -> Result<(), ProbeError> {
        self.detach_receive();
        let (attached, method) = attach::receive(&mut self.ebpf, module, function)?;
        self.misses.add(hook::RECEIVE, &attached)?;
        self.receive = Some((function.to_owned(), attached));
        self.note(function, hook::RECEIVE, method);
        Ok(())
    }

    /// Detaches from the module's receive function, when the module has gone.
    pub fn detach_receive(&mut self) {
        if let Some((function, attached)) = self.receive.take() {
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
        let receive = self.receive.take().map(|(_, attached)| attached);
        let all = [self.unicast.take(), self.broadcast.take(), receive];
        Attached::detach_all(all.into_iter().flatten().chain(self.built_in.drain(..)));
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

/// The programs with calls of the kernel function with BTF id `function` where they have calls of [`RDONLY_CAST`].
fn with_cast(object: &[u8], function: u32) -> Vec<u8> {
    /// `struct bpf_insn` of a call: opcode, registers, offset, then the number of the callee.
    const CALL_HELPER: [u8; 4] = [0x85, 0, 0, 0];
    /// The same with `BPF_PSEUDO_KFUNC_CALL` as source register.
    const CALL_KERNEL: [u8; 4] = [0x85, 0x20, 0, 0];

    let mut object = object.to_vec();
    for instruction in object.chunks_exact_mut(8) {
        if instruction[..4] == CALL_HELPER && instruction[4..] == RDONLY_CAST.to_ne_bytes() {
            instruction[..4].copy_from_slice(&CALL_KERNEL);
            instruction[4..].copy_from_slice(&function.to_ne_bytes());
        }
    }
    object
}
