//! Log-linear histograms: 16 buckets for each power of two, so a bucket is at most 6.25 % wide.
//!
//! Values below 16 have a bucket each. Above, a bucket is named by the position of the value's highest bit
//! and by the four bits that follow it.

use crate::Stage;

/// Buckets for each power of two.
pub const SUB_BUCKETS: usize = 1 << SUB_BITS;
const SUB_BITS: u32 = 4;

/// Values from `1 << MAX_BITS` nanoseconds (18 minutes) on share the last bucket.
const MAX_BITS: u32 = 40;

/// Buckets of a histogram.
pub const BUCKETS: usize = (MAX_BITS - SUB_BITS + 1) as usize * SUB_BUCKETS;

/// Slots that are tried for a key before it is counted in the slot for all others.
pub const MAX_PROBES: u32 = 8;

/// Set in every key, so that a key is never zero: zero marks a free slot.
pub const KEY_PRESENT: u64 = 1 << 63;

/// Set in what user space calls the slot that counts, for each stage, every key for which there was no room.
/// Such a key has a stage, but neither family nor type.
pub const KEY_OTHER: u64 = 1 << 62;

/// One processor's histogram of one key: of the key at the same index of the keys.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct HistogramSlot {
    /// Sum of the values, in nanoseconds.
    pub sum_ns: u64,
    /// Largest value, in nanoseconds.
    pub max_ns: u64,
    /// Smallest value in nanoseconds, as its complement: a slot starts as zeros.
    pub min_ns_complement: u64,
    /// Values counted, by [`bucket_of`].
    pub buckets: [u64; BUCKETS],
}

/// When a call began and the slot that it will be counted in, in one number: that is as much as the kernel
/// keeps for a call in a session.
///
/// Calls of up to `1 << START_BITS` nanoseconds, three days, keep their latency.
#[inline(always)]
pub const fn started(ns: u64, slot: u32) -> u64 {
    ns << (u64::BITS - START_BITS) | slot as u64
}

/// The slot of a call that [`started`], and its latency when it is `ns`.
#[inline(always)]
pub const fn ended(started: u64, ns: u64) -> (u32, u64) {
    const SHIFT: u32 = u64::BITS - START_BITS;
    let elapsed = (ns << SHIFT).wrapping_sub(started & !((1 << SHIFT) - 1)) >> SHIFT;
    ((started & ((1 << SHIFT) - 1)) as u32, elapsed)
}

/// Bits of a time in [`started`]; the others are the slot's.
const START_BITS: u32 = 48;

/// Slots at most, those for all other keys included.
pub const MAX_SLOTS: u32 = 1 << (u64::BITS - START_BITS);

/// Cells for the slots' keys: one for each, and as many behind them as a search may go on for, which the
/// verifier wants to see.
pub const KEY_CELLS: usize = (MAX_SLOTS + MAX_PROBES) as usize;

/// Stands for a message's type where the datagram is too short to have one, or cannot be read. An `Option`
/// would be clearer, but the compiler computes with the value that a `None` does not have, and the verifier
/// refuses that.
pub const NO_TYPE: u32 = 1 << 16;

/// Set in what stands for a type where a message's first byte behind its header goes with it: that is the
/// command in generic netlink, and the address family in sock_diag.
const DETAILED: u32 = 1 << 19;

/// Types that can have such a byte are below: in generic netlink the kernel gives out numbers up to 1,023.
pub const DETAILED_TYPES: u32 = 1 << DETAIL_SHIFT;
const DETAIL_SHIFT: u32 = 10;

/// What stands for a type below [`DETAILED_TYPES`] and the byte that goes with it.
#[inline(always)]
pub const fn detailed(nlmsg_type: u32, detail: u32) -> u32 {
    DETAILED | detail << DETAIL_SHIFT | nlmsg_type
}

/// What [`detailed`] was made of, or a type or [`NO_TYPE`] alone.
pub const fn detail_parts(nlmsg_type: u32) -> (u32, Option<u8>) {
    if nlmsg_type & DETAILED == 0 {
        (nlmsg_type, None)
    } else {
        (nlmsg_type & (DETAILED_TYPES - 1), Some((nlmsg_type >> DETAIL_SHIFT) as u8))
    }
}

/// Where a stage lies in a key: behind the type, [`NO_TYPE`] and [`DETAILED`].
const STAGE_SHIFT: u32 = 20;

/// Where a family lies in a key.
const FAMILY_SHIFT: u32 = 24;

const _: () = assert!(Stage::COUNT <= 1 << (FAMILY_SHIFT - STAGE_SHIFT));

/// The key of a histogram: `family`, which is below 256, the stage, and the message type, [`NO_TYPE`], or
/// what [`detailed`] gives.
#[inline(always)]
pub const fn key(family: u64, stage: Stage, nlmsg_type: u32) -> u64 {
    KEY_PRESENT | family << FAMILY_SHIFT | (stage as u64) << STAGE_SHIFT | nlmsg_type as u64
}

/// The bits of a key that are its stage.
const STAGE_BITS: u64 = (1 << FAMILY_SHIFT) - (1 << STAGE_SHIFT);

/// The number of a key's stage.
#[inline(always)]
pub const fn stage_of_key(key: u64) -> u64 {
    (key & STAGE_BITS) >> STAGE_SHIFT
}

/// The key of the same family and message type in another stage.
#[inline(always)]
pub const fn key_in_stage(key: u64, stage: Stage) -> u64 {
    key & !STAGE_BITS | (stage as u64) << STAGE_SHIFT
}

/// What user space calls the slot for all keys of a stage that found no room.
pub const fn other_key(stage: Stage) -> u64 {
    KEY_PRESENT | KEY_OTHER | (stage as u64) << STAGE_SHIFT
}

/// The key of the same family and stage with something else in the place of its type.
#[inline(always)]
pub const fn key_of_type(key: u64, nlmsg_type: u32) -> u64 {
    key & !TYPE_BITS | nlmsg_type as u64
}

/// The bits of a key that stand for its type.
const TYPE_BITS: u64 = (1 << STAGE_SHIFT) - 1;

/// Where a party lies in a key, and its bits.
const PARTY_SHIFT: u32 = 32;
const PARTY_BITS: u64 = (1 << 62) - (1 << PARTY_SHIFT);

/// The same key of a party, by its number ([`crate::party_number`]), which is below `1 << 30`.
#[inline(always)]
pub const fn key_of_party(key: u64, party: u32) -> u64 {
    key & !PARTY_BITS | (party as u64) << PARTY_SHIFT
}

/// The number of a key's party.
#[inline(always)]
pub const fn party_of_key(key: u64) -> u32 {
    ((key & PARTY_BITS) >> PARTY_SHIFT) as u32
}

/// What [`key`] was made of: family, stage's number, and what stands for the type.
#[inline(always)]
pub const fn key_parts(key: u64) -> (u8, u8, u32) {
    ((key >> FAMILY_SHIFT) as u8, (key >> STAGE_SHIFT) as u8 & 0xf, (key & TYPE_BITS) as u32)
}

/// The first of the [`MAX_PROBES`] slots that may hold a key, below `homes`: the last of them is a slot, too.
#[inline(always)]
pub const fn home_slot(key: u64, homes: u64) -> u64 {
    let hash = (key as u32).wrapping_mul(0x9e37_79b1);
    (hash as u64 * homes) >> 32
}

/// The same where keys have parties: each party's are elsewhere.
#[inline(always)]
pub const fn home_slot_of_party(key: u64, homes: u64) -> u64 {
    let mixed = key as u32 ^ party_of_key(key).wrapping_mul(0x85eb_ca6b);
    home_slot(mixed as u64, homes)
}

/// How many of `slots` can be a key's first. There are at least [`MAX_PROBES`] slots, or none where there are
/// no histograms.
pub const fn home_slots(slots: u32) -> u64 {
    slots.saturating_sub(MAX_PROBES - 1) as u64
}

/// The bucket of a value in nanoseconds.
///
/// BPF has no instruction for the position of the highest bit, and what the compiler makes of `leading_zeros`
/// is four times as long. So the value is halved until it has the bits that name a bucket: by powers of two
/// that are compared with numbers of 32 bits, which fit into an instruction.
#[inline(always)]
pub fn bucket_of(ns: u64) -> usize {
    if ns >= 1 << MAX_BITS {
        return BUCKETS - 1;
    }
    let (mut value, mut bucket) = (ns, 0);
    macro_rules! halve {
        ($($times:literal)+) => {
            $(if value >= 1 << (SUB_BITS + $times) {
                value = halved::<$times>(value);
                bucket += $times << SUB_BITS;
            })+
        };
    }
    if value >> 32 != 0 {
        value = halved::<8>(value);
        bucket += 8 << SUB_BITS;
    }
    // What is left of 32 bits: 20, 12, 8, 6, 5, of which the first is set, or there was nothing to halve.
    halve!(16 8 4 2 1);
    bucket + value as usize
}

/// `value >> TIMES`
#[cfg(not(target_arch = "bpf"))]
fn halved<const TIMES: u32>(value: u64) -> u64 {
    value >> TIMES
}

/// `value >> TIMES`. The compiler would do this always and then choose between the results, which is longer
/// than a branch.
#[cfg(target_arch = "bpf")]
#[inline(always)]
fn halved<const TIMES: u32>(value: u64) -> u64 {
    let mut value = value;
    // SAFETY: one instruction on one register.
    unsafe {
        core::arch::asm!("{0} >>= {1}", inout(reg) value, const TIMES, options(nomem, nostack, preserves_flags));
    }
    value
}

/// The values that a bucket counts: from the first, below the second, in nanoseconds. The last bucket has no
/// upper end and says `u64::MAX`.
pub const fn bucket_bounds(bucket: usize) -> (u64, u64) {
    if bucket < SUB_BUCKETS {
        return (bucket as u64, bucket as u64 + 1);
    }
    let shift = bucket / SUB_BUCKETS - 1;
    let low = ((SUB_BUCKETS + bucket % SUB_BUCKETS) as u64) << shift;
    (low, if bucket == BUCKETS - 1 { u64::MAX } else { low + (1 << shift) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket() {
        let edges = (0..64).flat_map(|bit| {
            let power = 1u64 << bit;
            [power - 1, power, power + 1, power + power / 3]
        });
        for value in edges.chain(0..100_000).chain([u64::MAX]) {
            let (low, high) = bucket_bounds(bucket_of(value));
            assert!(low <= value && (value < high || high == u64::MAX), "{value} in {low}..{high}");
        }
    }

    #[test]
    fn buckets_follow_each_other_and_are_narrow() {
        for bucket in 0..BUCKETS - 1 {
            let (low, high) = bucket_bounds(bucket);
            assert_eq!(bucket_bounds(bucket + 1).0, high);
            assert!(high - low == 1 || (high - low) as f64 <= low as f64 * 0.0625);
        }
    }

    #[test]
    fn a_key_gives_back_its_parts_and_is_never_zero() {
        for nlmsg_type in [0, 0xffff, NO_TYPE] {
            assert_eq!(key_parts(key(255, Stage::Reply, nlmsg_type)), (255, 2, nlmsg_type));
        }
        let with_command = detailed(1023, 255);
        assert_eq!(key_parts(key(16, Stage::Part, with_command)), (16, 4, with_command));
        assert_eq!(detail_parts(with_command), (1023, Some(255)));
        assert_eq!(detail_parts(NO_TYPE), (NO_TYPE, None));
        assert_eq!(key_of_type(key(4, Stage::Reply, 20), 21), key(4, Stage::Reply, 21));
        assert_ne!(key(0, Stage::Request, 0), 0);
        assert_eq!(key_parts(other_key(Stage::Broadcast)), (0, 3, 0));
    }

    #[test]
    fn a_party_changes_nothing_else_and_finds_its_own_place() {
        let of_none = key(16, Stage::Lock, detailed(1023, 255));
        let last = (1 << 30) - 1;
        for party in [0, 1, 3, last] {
            let key = key_of_party(of_none, party);
            assert_eq!((party_of_key(key), key_parts(key)), (party, key_parts(of_none)));
            assert_eq!(
                key_in_stage(key, Stage::Queue),
                key_of_party(key_in_stage(of_none, Stage::Queue), party)
            );
            assert_eq!(key & (KEY_PRESENT | KEY_OTHER), KEY_PRESENT);
            assert_eq!(key_of_party(key, 7), key_of_party(of_none, 7));
        }
        let homes = home_slots(1024);
        let places = (3..103).map(|party| home_slot_of_party(key_of_party(of_none, party), homes));
        let mut seen = [0u8; 1024];
        places.for_each(|place| seen[place as usize] += 1);
        assert!(seen.iter().all(|parties| *parties <= 4), "they do not crowd");
    }

    #[test]
    fn a_start_keeps_its_slot_and_its_time() {
        let last = MAX_SLOTS - 1;
        for (began, latency) in [(0, 0), (1_000, 250), ((1 << 48) - 1, 5), (1 << 60, (1 << 48) - 1)] {
            assert_eq!(ended(started(began, last), began + latency), (last, latency));
            assert_eq!(ended(started(began, 0), began + latency), (0, latency));
        }
    }

    #[test]
    fn another_stage_changes_nothing_else() {
        assert_eq!(stage_of_key(key(255, Stage::Reply, NO_TYPE)), Stage::Reply as u64);
        assert_eq!(
            key_in_stage(key(25, Stage::Reply, 0xffff), Stage::Receive),
            key(25, Stage::Receive, 0xffff)
        );
    }

    #[test]
    fn home_slots_stay_in_range() {
        for slots in [MAX_PROBES, MAX_PROBES + 1, 64, 4096] {
            let last = |nlmsg_type| {
                home_slot(key(31, Stage::Broadcast, nlmsg_type), home_slots(slots)) + u64::from(MAX_PROBES)
                    - 1
            };
            assert!((0..=NO_TYPE).all(|nlmsg_type| last(nlmsg_type) < u64::from(slots)));
        }
    }
}
