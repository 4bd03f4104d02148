//! Why a request was refused: what the kernel says of it in structs and words.

use std::fmt;

use nltrace_common::record::{NO_OFFSET, ReasonRecord, TEXT_BYTES, TextRecord, reason_flags};

use super::{Within, origin::offset};

/// A request, or one message of several in its datagram, is acknowledged or refused (`netlink_ack`): told
/// when that begins, also when the answer is dropped then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The thread.
    pub tid: u32,
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// The request; `in_hand` is the message that this is about.
    pub within: Within,
    /// A negative errno; 0: it succeeded.
    pub error: i32,
    /// Where in the message the offending attribute lies, in bytes from its `nlmsghdr` on.
    pub bad_attr: Option<u32>,
    /// The attribute that is missing.
    pub missing: Option<Missing>,
    /// What the offending attribute ought to be.
    pub policy: Option<Policy>,
    /// What the kernel says, whether or not the socket asked for that; also of a request that succeeded: then
    /// it is a warning.
    pub text: Option<Sentence>,
}

/// An attribute that a request lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its type.
    pub attribute_type: u16,
    /// Where in the message the nest lies that it is missing in, in bytes; None: in none, or not known.
    pub nest: Option<u32>,
}

/// `struct nla_policy`, as far as it says what a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// `NLA_…`, by the kernel's own numbers (include/net/netlink.h).
    pub attribute_type: u8,
    /// Bytes of a value; of texts and binary values the most.
    pub len: u16,
    /// The least value; None: there is none, or it is not known.
    pub min: Option<i128>,
    /// The greatest.
    pub max: Option<i128>,
    /// The bits that may be set.
    pub mask: Option<u64>,
}

/// The kernel says something about what a thread does in a request or a dump's part, also where no answer
/// holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// The thread.
    pub tid: u32,
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// The request or the dump's part.
    pub within: Within,
    /// What it says.
    pub text: Sentence,
}

/// A text of the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sentence {
    bytes: [u8; TEXT_BYTES],
    len: u8,
    /// Whether it is longer than what is here.
    pub is_cut: bool,
}

impl Sentence {
    /// The first bytes of a text.
    pub fn new(text: &[u8]) -> Self {
        let mut bytes = [0; TEXT_BYTES];
        let len = text.len().min(TEXT_BYTES);
        bytes[..len].copy_from_slice(&text[..len]);
        Self { bytes, len: len as u8, is_cut: text.len() > TEXT_BYTES }
    }

    fn of_record(text: &[u8], is_cut: bool) -> Self {
        Self { is_cut, ..Self::new(text) }
    }

    /// Its bytes, which may be cut in the middle of a character.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Debug for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.is_cut { "…" } else { "" };
        write!(f, "{:?}{more}", String::from_utf8_lossy(self.bytes()))
    }
}

impl Reason {
    /// A record's, with the bytes that follow it. None where those are too few.
    pub(super) fn new(record: &ReasonRecord, rest: &[u8]) -> Option<Self> {
        let has = |flag| record.flags & flag != 0;
        let text = if has(reason_flags::HAS_TEXT) {
            let bytes = rest.get(..(record.text_len as usize).min(TEXT_BYTES))?;
            Some(Sentence::of_record(bytes, has(reason_flags::TEXT_CUT)))
        } else {
            None
        };
        Some(Self {
            tid: record.tid,
            ts_ns: record.ts_ns,
            within: Within { ts_ns: record.within_ns, in_hand: offset(record.in_hand) },
            error: record.error,
            bad_attr: offset(record.bad_attr),
            missing: has(reason_flags::HAS_MISSING)
                .then(|| Missing { attribute_type: record.miss_type as u16, nest: offset(record.miss_nest) }),
            policy: has(reason_flags::HAS_POLICY).then(|| Policy::new(record)),
            text,
        })
    }
}

impl Text {
    pub(super) fn new(record: &TextRecord) -> Self {
        let text = &record.text[..usize::from(record.text_len).min(TEXT_BYTES)];
        Self {
            tid: record.tid,
            ts_ns: record.ts_ns,
            within: Within { ts_ns: record.within_ns, in_hand: offset(record.in_hand) },
            text: Sentence::of_record(text, record.text_cut != 0),
        }
    }
}

/// `NLA_VALIDATE_…` (include/net/netlink.h).
mod validation {
    pub(super) const RANGE: u8 = 1;
    pub(super) const RANGE_WARN_TOO_LONG: u8 = 2;
    pub(super) const MIN: u8 = 3;
    pub(super) const MAX: u8 = 4;
    pub(super) const MASK: u8 = 5;
    pub(super) const RANGE_PTR: u8 = 6;
}

/// Types whose values have a sign: `NLA_S8` to `NLA_S64`, `NLA_SINT`.
const SIGNED: [u8; 5] = [12, 13, 14, 15, 20];

impl Policy {
    fn new(record: &ReasonRecord) -> Self {
        let is_signed = SIGNED.contains(&record.policy_type);
        let short = |at: u32| i128::from((record.policy_data >> (16 * at)) as u16 as i16);
        let [low, high] = record.policy_range.map(|end| match is_signed {
            true => i128::from(end.cast_signed()),
            false => i128::from(end),
        });
        let (min, max) = match record.policy_validation {
            validation::RANGE | validation::RANGE_WARN_TOO_LONG => (Some(short(0)), Some(short(1))),
            validation::MIN => (Some(short(0)), None),
            validation::MAX => (None, Some(short(1))),
            validation::RANGE_PTR if record.flags & reason_flags::HAS_RANGE != 0 => (Some(low), Some(high)),
            _ => (None, None),
        };
        // Of 64 bits where the value has as many, in the kernels that have such masks; a u32 in the others.
        let mask = u64::from(record.policy_data as u32);
        Self {
            attribute_type: record.policy_type,
            len: record.policy_len,
            min,
            max,
            mask: (record.policy_validation == validation::MASK).then_some(mask),
        }
    }
}

const _: () = assert!(TEXT_BYTES <= u8::MAX as usize && NO_OFFSET == u32::MAX);

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: ReasonRecord = ReasonRecord {
        record: 0,
        tid: 7,
        ts_ns: 2000,
        within_ns: 1000,
        in_hand: NO_OFFSET,
        flags: 0,
        error: -22,
        bad_attr: NO_OFFSET,
        miss_type: 0,
        miss_nest: NO_OFFSET,
        policy_type: 0,
        policy_validation: 0,
        policy_len: 0,
        text_len: 0,
        policy_data: 0,
        policy_range: [0; 2],
    };

    #[test]
    fn what_the_kernel_does_not_say_is_not_known() {
        let reason = Reason::new(&NOTHING, b"").unwrap();
        assert_eq!((reason.error, reason.within), (-22, Within { ts_ns: 1000, in_hand: None }));
        assert_eq!((reason.bad_attr, reason.missing, reason.policy, reason.text), (None, None, None, None));
        let flags = reason_flags::HAS_MISSING;
        let missing =
            Reason::new(&ReasonRecord { flags, miss_type: 3, in_hand: 32, ..NOTHING }, b"").unwrap();
        assert_eq!(missing.missing, Some(Missing { attribute_type: 3, nest: None }));
        assert_eq!(missing.within.in_hand, Some(32));
    }

    #[test]
    fn a_text_is_as_long_as_it_says_and_no_longer_than_its_record() {
        let record = ReasonRecord { flags: reason_flags::HAS_TEXT, text_len: 5, ..NOTHING };
        let text = Reason::new(&record, b"words and whatever lay there").unwrap().text.unwrap();
        assert_eq!((text.bytes(), text.is_cut), (&b"words"[..], false));
        assert_eq!(Reason::new(&record, b"word"), None);
        let cut = ReasonRecord { flags: record.flags | reason_flags::TEXT_CUT, ..record };
        assert!(Reason::new(&cut, b"words").unwrap().text.unwrap().is_cut);
    }

    #[test]
    fn a_policys_bounds_have_the_sign_of_its_type() {
        let policy = |policy_type, policy_validation, policy_data, flags| {
            let flags = flags | reason_flags::HAS_POLICY;
            let policy_range = [u64::MAX, 10];
            let record =
                ReasonRecord { policy_type, policy_validation, policy_data, flags, policy_range, ..NOTHING };
            let policy = Policy::new(&record);
            (policy.min, policy.max, policy.mask)
        };
        const U8: u8 = 1;
        const U32: u8 = 3;
        const S32: u8 = 14;
        let pair = 0x0005_fffe;
        assert_eq!(policy(S32, validation::RANGE, pair, 0), (Some(-2), Some(5), None));
        assert_eq!(policy(U8, validation::MAX, pair, 0), (None, Some(5), None));
        assert_eq!(policy(S32, validation::MIN, pair, 0), (Some(-2), None, None));
        assert_eq!(policy(U32, validation::MASK, pair, 0), (None, None, Some(0x0005_fffe)));
        assert_eq!(policy(U32, 0, pair, 0), (None, None, None));
        // What it points to could not be read, and could.
        assert_eq!(policy(U32, validation::RANGE_PTR, pair, 0), (None, None, None));
        let has_range = reason_flags::HAS_RANGE;
        assert_eq!(
            policy(U32, validation::RANGE_PTR, pair, has_range),
            (Some(u64::MAX.into()), Some(10), None)
        );
        assert_eq!(policy(S32, validation::RANGE_PTR, pair, has_range), (Some(-1), Some(10), None));
    }
}
