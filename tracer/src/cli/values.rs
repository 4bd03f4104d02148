//! The values that options take: numbers with their limits and units, names, ways to attach.

use std::{ffi::OsString, os::unix::ffi::OsStrExt as _, time::Duration};

use clap::{
    ValueEnum,
    builder::{OsStringValueParser, RangedI64ValueParser, TypedValueParser},
    value_parser,
};
use nltrace_common::{MAX_PROBES, record::MAX_SNAPLEN};

use crate::{
    options::{self, Comm, Pid},
    probes::MAX_KEYS,
};

/// How to attach to functions of the kernel itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Method {
    /// The cheapest method that sees every call
    #[default]
    Auto,
    /// fentry and fexit only
    Fentry,
    /// Kprobe sessions only (Linux 6.14 or later)
    Session,
    /// kprobe and kretprobe only
    Kprobe,
}

impl Method {
    /// The only way that is allowed; None: all.
    pub(super) fn only(self) -> Option<options::Method> {
        Some(match self {
            Self::Auto => return None,
            Self::Fentry => options::Method::Fentry,
            Self::Session => options::Method::Session,
            Self::Kprobe => options::Method::Kprobe,
        })
    }
}

/// A process's number.
pub(super) fn pid() -> impl TypedValueParser<Value = Pid> {
    let number: RangedI64ValueParser<u32> = value_parser!(u32).range(1..);
    number.try_map(|number| Pid::new(number).ok_or("0 is no process"))
}

/// A thread's name.
pub(super) fn comm() -> impl TypedValueParser<Value = Comm> {
    OsStringValueParser::new().try_map(|name: OsString| Comm::new(name.as_bytes()))
}

/// A length of time with its unit: 200us, 10ms, 1.5s; seconds without one.
pub(super) fn length(text: &str) -> Result<Duration, String> {
    let units = [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let (number, unit) = units
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)))
        .unwrap_or((text, 1.0));
    let seconds = number.trim().parse::<f64>().map_err(|_| "write it as 10ms, 1.5s or 200us")? * unit;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| "a length of time is at least 0 and less than a billion years".to_owned())
}

/// How many histograms to keep.
pub(super) fn max_keys() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(i64::from(MAX_PROBES)..=i64::from(MAX_KEYS))
}

/// How many bytes of a datagram to keep.
pub(super) fn snaplen() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(0..=MAX_SNAPLEN as i64)
}

/// A length of time, in seconds.
pub(super) fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds, such as 10 or 0.5")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration >= Duration::from_millis(1) && seconds < 1e9 => Ok(duration),
        _ => Err("give at least 0.001 and less than a billion seconds"),
    }
}

/// The size of a file, in bytes or in larger units.
pub(super) fn file_size(text: &str) -> Result<u64, &'static str> {
    let (digits, scale) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let number: u64 = digits.parse().map_err(|_| "give a number of bytes, such as 5M, 100M or 1G")?;
    number.checked_mul(scale).filter(|bytes| *bytes >= 1 << 20).ok_or("give at least 1M")
}

/// A size, in bytes or in larger units.
pub(super) fn bytes(text: &str) -> Result<u32, &'static str> {
    let (digits, scale) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let number: u32 = digits.parse().map_err(|_| "give a number of bytes, such as 65536, 64K, 4M or 1G")?;
    let bytes = number.checked_mul(scale).filter(|bytes| (4096..=1 << 30).contains(bytes));
    bytes.ok_or("give at least 4K and at most 1G")
}
