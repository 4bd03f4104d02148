//! What to capture, and where things lie in the running kernel.

use std::path::Path;

use nltrace_common::{
    COUNTING, HistogramSlot, KEY_CELLS, MAX_PROBES, MAX_SLOTS, MAX_SNAPLEN, ProcessorCounters, filtered,
    stage,
};

use super::Method;
use crate::kernel::is_preemptible;

/// What becomes of a call that the programs see return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is counted in a histogram, in the kernel.
    Hist,
    /// It is sent to user space with its datagram.
    Trace,
}

/// The calls that are wanted; the others are counted as filtered.
#[derive(Clone, Debug)]
pub struct Filter {
    /// One bit for each family; all ones: every family, also those beyond 31.
    pub families: u32,
    /// One bit for each of [`nltrace_common::stage`].
    pub stages: u32,
    /// The process (thread group) that makes the call.
    pub tgid: Option<u32>,
    /// The name of the thread that makes the call, padded with NULs.
    pub comm: Option<[u8; 16]>,
    /// The port id of the user's side.
    pub portid: Option<u32>,
    /// The type of the datagram's first message.
    pub nlmsg_type: Option<u16>,
}

impl Default for Filter {
    /// Every call.
    fn default() -> Self {
        Self { families: u32::MAX, stages: u32::MAX, tgid: None, comm: None, portid: None, nlmsg_type: None }
    }
}

impl Filter {
    /// One of [`nltrace_common::filtered`].
    pub(super) fn number(&self) -> u32 {
        let every_stage = (1 << stage::COUNT) - 1;
        let others = self.stages & every_stage != every_stage
            || self.tgid.is_some()
            || self.comm.is_some()
            || self.portid.is_some()
            || self.nlmsg_type.is_some();
        match (others, self.families) {
            (true, _) => filtered::EVERYTHING,
            (false, u32::MAX) => filtered::NOTHING,
            (false, _) => filtered::FAMILY,
        }
    }
}

/// What to capture.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What becomes of a call.
    pub mode: Mode,
    /// Which calls are wanted.
    pub filter: Filter,
    /// Payload bytes to keep of a message, at most [`MAX_SNAPLEN`].
    pub snaplen: u32,
    /// Size of the ring buffer in bytes; rounded up to a power of two and to whole pages.
    pub ring_bytes: u32,
    /// Histograms, each of one family, stage and message type; None: as many as [`HISTOGRAM_BYTES`] hold, up to
    /// [`MAX_HISTOGRAMS`].
    pub max_keys: Option<u32>,
    /// The only way to attach; None: the cheapest that works and sees every call.
    pub method: Option<Method>,
    /// Let the programs say what goes wrong in them, for [`super::Probes::flush_log`].
    pub verbose: bool,
}

/// Kernel memory for histograms, in bytes and for all processors together, unless the user asks for more; their keys and the counters included.
pub const HISTOGRAM_BYTES: usize = 64 << 20;

/// Bytes of it that are there for any number of histograms: keys and counters.
const SHARED_BYTES: usize = KEY_CELLS * size_of::<u64>() + COUNTING * size_of::<ProcessorCounters>();

/// Histograms at most, unless the user asks for more.
pub const MAX_HISTOGRAMS: u32 = 1024;

/// Histograms at most, whatever the user asks for.
pub const MAX_KEYS: u32 = MAX_SLOTS - stage::COUNT as u32;

impl Plan {
    /// Histograms that each of `cpus` processors has room for, those for all other keys not counted.
    pub fn slots(&self, cpus: usize) -> u32 {
        if self.mode == Mode::Trace {
            return 0;
        }
        let affordable = (HISTOGRAM_BYTES - SHARED_BYTES) / (size_of::<HistogramSlot>() * cpus.max(1));
        let default = u32::try_from(affordable.saturating_sub(stage::COUNT.into()))
            .unwrap_or(u32::MAX)
            .min(MAX_HISTOGRAMS);
        // Fewer than a key has places for would let the search for one wrap around more than once.
        self.max_keys.unwrap_or(default).clamp(MAX_PROBES, MAX_KEYS)
    }

    /// Kernel memory for histograms or for the ring buffer, in bytes and for all of `cpus` processors.
    pub fn map_bytes(&self, cpus: usize) -> u64 {
        let slots = u64::from(self.slots(cpus) + u32::from(stage::COUNT));
        match self.mode {
            Mode::Hist => slots * (size_of::<HistogramSlot>() * cpus) as u64 + SHARED_BYTES as u64,
            Mode::Trace => self.ring_bytes().into(),
        }
    }

    /// The ways to attach, in the order in which they are to be tried.
    pub(super) fn order(&self) -> &'static [Method] {
        match self.method {
            Some(Method::Fentry) => &[Method::Fentry],
            Some(Method::Session) => &[Method::Session],
            Some(Method::Kprobe) => &[Method::Kprobe],
            None if is_preemptible(Path::new("/")) => &[Method::Session, Method::Kprobe, Method::Fentry],
            None => &[Method::Fentry, Method::Session, Method::Kprobe],
        }
    }

    /// Size of the ring buffer in bytes, as the kernel wants it.
    pub(super) fn ring_bytes(&self) -> u32 {
        match self.mode {
            Mode::Hist => 4096,
            Mode::Trace => self.ring_bytes.clamp(4096, 1 << 31).next_power_of_two(),
        }
    }

    /// Size in bytes of the ring buffer for what the programs say about themselves.
    pub(super) fn log_bytes(&self) -> u32 {
        if self.verbose { 128 << 10 } else { 4096 }
    }

    /// Bytes of unread events that wake the reader before it comes by itself.
    pub(super) fn wakeup_bytes(&self) -> u32 {
        self.ring_bytes() / 8
    }

    pub(super) fn snaplen(&self) -> u32 {
        self.snaplen.min(MAX_SNAPLEN as u32)
    }
}

/// Where the members lie that the programs read, in bytes from the start of their struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// `sk_buff.len`
    pub skb_len: u32,
    /// `sk_buff.data_len`
    pub skb_data_len: u32,
    /// `sk_buff.data`
    pub skb_data: u32,
    /// `sk_buff.sk`
    pub skb_sk: u32,
    /// `sk_buff.cb` and `netlink_skb_parms.portid` together
    pub netlink_cb_portid: u32,
    /// `sock.sk_protocol`
    pub sock_protocol: u32,
    /// `sock.__sk_common.skc_net.net`
    pub sock_net: u32,
    /// `net.ns.inum`
    pub net_inum: u32,
    /// `task_struct.comm`
    pub task_comm: u32,
    /// `task_struct.pid`
    pub task_pid: u32,
    /// `task_struct.tgid`
    pub task_tgid: u32,
}

/// What programs need to give memory a type: from 6.2 on, commit a35b9af4ec2c ("bpf: Add a kfunc for generic type cast").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cast {
    /// BTF id of the function `bpf_rdonly_cast`.
    pub function: u32,
    /// BTF id of `struct sk_buff`.
    pub sk_buff: u32,
    /// BTF id of `struct sock`.
    pub sock: u32,
    /// BTF id of `struct net`.
    pub net: u32,
    /// BTF id of `struct nlmsghdr`.
    pub nlmsghdr: u32,
}

/// What a program needs to be one for a call's entry and its return: from 6.10 on ("bpf: Add support for kprobe session
/// attach"); used from 6.14 on, where they see every call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// BTF id of the function `bpf_session_is_return`.
    pub is_return: u32,
    /// BTF id of the function `bpf_session_cookie`.
    pub cookie: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(max_keys: Option<u32>) -> Plan {
        Plan {
            mode: Mode::Hist,
            filter: Filter::default(),
            snaplen: 256,
            ring_bytes: 1,
            max_keys,
            method: None,
            verbose: false,
        }
    }

    #[test]
    fn histograms_stay_within_their_memory_on_every_machine() {
        for cpus in [1, 2, 8, 64, 128] {
            assert!(plan(None).map_bytes(cpus) <= HISTOGRAM_BYTES as u64, "{cpus} processors");
            assert!(plan(None).slots(cpus) > 64, "{cpus} processors");
        }
        assert_eq!([2, 9, u32::MAX].map(|keys| plan(Some(keys)).slots(2)), [8, 9, MAX_KEYS]);
    }

    #[test]
    fn memory_is_known_before_it_is_taken() {
        let slot = size_of::<HistogramSlot>() as u64;
        let histograms = (1000 + u64::from(stage::COUNT)) * slot * 3;
        assert_eq!(plan(Some(1000)).map_bytes(3), histograms + SHARED_BYTES as u64);
        assert_eq!(Plan { mode: Mode::Trace, ring_bytes: 5000, ..plan(None) }.map_bytes(64), 8192);
    }

    #[test]
    fn the_ring_is_a_power_of_two_of_at_least_a_page() {
        let trace = |ring_bytes| Plan { mode: Mode::Trace, ring_bytes, ..plan(None) }.ring_bytes();
        assert_eq!([trace(0), trace(4096), trace(5000), trace(u32::MAX)], [4096, 4096, 8192, 1 << 31]);
    }
}
