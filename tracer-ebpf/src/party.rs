//! Parties: whose a call is, where histograms are kept apart by that. Each has a number, which is part of the
//! histogram's key.
//!
//! A call is its thread's, unless a softirq runs on top of that; a part of a dump is whose request the dump
//! answers, whoever reads.

use aya_ebpf::{
    bindings::BPF_NOEXIST,
    helpers::generated::bpf_get_current_cgroup_id,
    macros::map,
    maps::{Array, HashMap, LruHashMap},
};
use nltrace_common::{By, Context, Hook, PartyKey, Stage, constant::option, member::NLMSG_SEQ, party_number};

use crate::{
    bpf::{compare_exchange, opaque},
    config::constant,
    entry::{Entry, Id},
    kernel::{Probed, Reader, Task, netlink_sock, skb, sock},
};

/// Their numbers. User space sets how many there can be: as many as there are slots for histograms.
#[map]
static PARTIES: HashMap<PartyKey, u32> = HashMap::with_max_entries(1, 0);

/// How many there are.
#[map]
static PARTY_COUNT: Array<u64> = Array::with_max_entries(1, 0);

/// Whose dumps are in progress, by socket; the oldest make room: dumps that were abandoned.
#[map]
static DUMPERS: LruHashMap<u64, Dumper> = LruHashMap::with_max_entries(4096, 0);

/// Who asked for a dump. Its socket's inode number and its sequence number tell it from one that was
/// abandoned.
#[repr(C)]
#[derive(Clone, Copy)]
struct Dumper {
    socket_inode: u64,
    seq: u32,
    party: u32,
}

/// What parties are told apart by.
#[inline(always)]
fn is_by(by: By) -> bool {
    constant::<{ option::BY }>() == by.number() as u64
}

/// Whether that is who runs, and not a socket.
#[inline(always)]
fn is_by_thread() -> bool {
    is_by(By::Process) || is_by(By::Cgroup)
}

/// Whose a call is that begins.
#[inline(always)]
pub(crate) fn of_call<R: Reader>(entry: &Entry) -> u32 {
    if is_by_thread() {
        return if entry.hook == Hook::Dump { of_part(entry.sk, entry.id) } else { of_thread(entry.id) };
    }
    let portid = match entry.stage {
        Stage::Request | Stage::Receive => skb::sender_portid::<R>(entry.skb),
        Stage::Broadcast => netlink_sock::portid(entry.sk),
        // The asker's: whom an answer is for.
        _ => entry.portid,
    };
    of_socket::<R>(entry.sk, portid)
}

/// Whose a datagram is that is queued on the socket `sk` at `id`, and that answers nothing: its sender's.
#[inline(always)]
pub(crate) fn of_unasked(sk: u64, id: Id) -> u32 {
    // A unicast stays in its namespace.
    if is_by_thread() { of_thread(id) } else { of_socket::<Probed>(sk, netlink_sock::portid(sk)) }
}

/// The party of what happens at `id` of a stack, by who runs.
#[inline(always)]
fn of_thread(id: Id) -> u32 {
    let task = Task::current();
    let context = task.context(task.has_on_stack(id.0));
    let mut key = PartyKey { context: context as u16, ..PartyKey::default() };
    if context as u8 != Context::Softirq as u8 {
        if is_by(By::Cgroup) {
            key.context = 0;
            // SAFETY: the helper has no preconditions.
            key.cgroup = unsafe { bpf_get_current_cgroup_id() };
        } else {
            key.tgid = task.tgid();
            key.comm = task.leader().comm();
        }
    }
    number_of(&key) as u32
}

/// The same by a socket with this port id, of the family and in the network namespace of `sk`.
#[inline(always)]
fn of_socket<R: Reader>(sk: u64, portid: u32) -> u32 {
    let mut key = PartyKey {
        netns: sock::netns::<R>(sk),
        netns_cookie: sock::netns_cookie::<R>(sk),
        ..PartyKey::default()
    };
    if is_by(By::Socket) {
        key.portid = portid;
        key.family = sock::family::<R>(sk) as u16;
    }
    number_of(&key) as u32
}

/// Whose dump a part is of that begins at `id` of the stack: the first is made in the asker's request.
#[inline(always)]
fn of_part(sk: u64, id: Id) -> u32 {
    let socket_inode = netlink_sock::inode(sk);
    let seq = Probed::read(sock::dump_request(sk), NLMSG_SEQ) as u32;
    if let Some(dumper) = DUMPERS.get_ptr(sk) {
        // SAFETY: a map value.
        unsafe {
            if (*dumper).socket_inode == socket_inode && (*dumper).seq == seq {
                return (*dumper).party;
            }
        }
    }
    if !netlink_sock::begins_dump(sk) {
        return party_number::UNKNOWN;
    }
    let party = of_thread(id);
    let _ = DUMPERS.insert(sk, Dumper { socket_inode, seq, party }, 0);
    party
}

/// A part of a dump on the socket `sk` was made: perhaps it was the last.
#[inline(always)]
pub(crate) fn part_ended(sk: u64) {
    if is_by_thread() && !netlink_sock::is_dumping(sk) {
        let _ = DUMPERS.remove(sk);
    }
}

/// The number of a party, given now if it has none yet.
#[inline(never)]
fn number_of(key: &PartyKey) -> u64 {
    // SAFETY: entries are never removed.
    if let Some(number) = unsafe { PARTIES.get(key) } {
        return u64::from(*number);
    }
    let Some(count) = PARTY_COUNT.get_ptr_mut(0) else { return u64::from(party_number::OTHER) };
    let most = constant::<{ option::SLOT_COUNT }>();
    // More than one turn takes another processor, or an interrupt, that numbers one in between.
    for _ in 0..opaque(16) {
        // SAFETY: a map value.
        let (seen, done) = unsafe {
            let seen = count.read_volatile();
            if seen >= most {
                break;
            }
            (seen, compare_exchange(count, seen, seen + 1).1)
        };
        if done {
            let number = party_number::FIRST + seen as u32;
            if PARTIES.insert(key, number, u64::from(BPF_NOEXIST)).is_ok() {
                return u64::from(number);
            }
            break;
        }
    }
    // Somebody else may have numbered it since.
    // SAFETY: as above.
    unsafe { PARTIES.get(key) }.map_or(u64::from(party_number::OTHER), |number| u64::from(*number))
}
