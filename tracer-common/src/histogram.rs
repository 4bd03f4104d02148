//! Log-linear histograms: 16 buckets for each power of two, so a bucket is at most 6.25 % wide.
//!
//! Values below 16 have a bucket each. Above, a bucket is named by the position of the value's highest bit and by the
//! four bits that follow it.

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

/// Set in what user space calls the slot that counts, for each stage, every key for which there was no room. Such a key has a stage, but
/// neither family nor type.
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

/// When a call began and the slot that it will be counted in, in one number: that is as much as the kernel keeps for a call in a session.
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

/// Cells for the slots' keys: one for each, and as many behind them as a search may go on for, which the verifier wants to see.
pub const KEY_CELLS: usize = (MAX_SLOTS + MAX_PROBES) as usize;

/// The key of a histogram: `family`, which is below 256, one of [`crate::stage`], and the message type, 0 where the datagram is too short to have one.
#[inline(always)]
pub const fn key(family: u64, stage: u8, nlmsg_type: u16) -> u64 {
    KEY_PRESENT | family << 24 | (stage as u64) << 16 | nlmsg_type as u64
}

/// The key of the same family and message type in another stage.
#[inline(always)]
pub const fn key_in_stage(key: u64, stage: u8) -> u64 {
    key & !(0xff << 16) | (stage as u64) << 16
}

/// What [`key`] was made of: family, stage, message type.
pub const fn key_parts(key: u64) -> (u8, u8, u16) {
    ((key >> 24) as u8, (key >> 16) as u8, key as u16)
}

/// The first of the [`MAX_PROBES`] slots that may hold a key, below `homes`: the last of them is a slot, too.
#[inline(always)]
pub const fn home_slot(key: u64, homes: u64) -> u64 {
    let hash = (key as u32).wrapping_mul(0x9e37_79b1);
    (hash as u64 * homes) >> 32
}

/// How many of `slots` can be a key's first. There are at least [`MAX_PROBES`] slots, or none where there are no histograms.
pub const fn home_slots(slots: u32) -> u64 {
    slots.saturating_sub(MAX_PROBES - 1) as u64
}

/// The bucket of a value in nanoseconds.
///
/// BPF has no instruction for the position of the highest bit, and what the compiler makes of `leading_zeros` is four times as long. So the value is
/// halved until it has the bits that name a bucket: by powers of two that are compared with numbers of 32 bits, which fit into an instruction.
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

/// `value >> TIMES`. The compiler would do this always and then choose between the results, which is longer than a branch.
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

/// The values that a bucket counts: from the first, below the second, in nanoseconds. The last bucket has no upper end
/// and says `u64::MAX`.
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
        assert_eq!(key_parts(key(25, 2, 0xffff)), (25, 2, 0xffff));
        assert_ne!(key(0, 0, 0), 0);
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
        assert_eq!(key_in_stage(key(25, 2, 0xffff), 1), key(25, 1, 0xffff));
    }

    #[test]
    fn home_slots_stay_in_range() {
        for slots in [MAX_PROBES, MAX_PROBES + 1, 64, 4096] {
            let last =
                |nlmsg_type| home_slot(key(31, 3, nlmsg_type), home_slots(slots)) + u64::from(MAX_PROBES) - 1;
            assert!((0..=u16::MAX).all(|nlmsg_type| last(nlmsg_type) < u64::from(slots)));
        }
    }
}
