//! Values of options: from text, or why not.

use std::time::Duration;

use nltest::{Errno, Filter, uapi};

pub(super) fn payload_size() -> impl clap::builder::TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(0..=uapi::PAYLOAD_MAX as i64)
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 =
        text.parse().map_err(|_| "must be a number of seconds, such as 10 or 0.5".to_owned())?;
    let duration = Duration::try_from_secs_f64(seconds).ok().filter(|_| seconds < 1e9);
    duration.ok_or_else(|| "must be at least 0 and less than a billion seconds".to_owned())
}

pub(super) fn count<const MAX: u64>(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| (1..=MAX).contains(count));
    count.ok_or_else(|| match MAX {
        u64::MAX => "must be a whole number of at least 1".to_owned(),
        _ => format!("must be a whole number from 1 to {MAX}"),
    })
}

pub(super) fn positive_seconds(text: &str) -> Result<Duration, String> {
    let duration = seconds(text)?;
    if duration < Duration::from_micros(1) {
        Err("must be at least a microsecond (0.000001)".to_owned())
    } else {
        Ok(duration)
    }
}

/// Longest buffer for a datagram: 1 MiB, more than a receive buffer holds by default.
pub(super) const MAX_READ_BUFFER: i64 = 1 << 20;

pub(super) fn filter_argument(text: &str) -> Result<Filter, String> {
    let message_type = || {
        let number = match text.strip_prefix("0x") {
            Some(hex) => u16::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        };
        let named = uapi::Command::ALL.iter().find(|command| command.name().eq_ignore_ascii_case(text));
        named.map(|command| command.number()).or_else(|| number.map(Into::into))
    };
    match text {
        "none" => Ok(Filter::Nothing),
        "all" => Ok(Filter::All),
        _ => message_type().map(Filter::Type).ok_or_else(|| {
            "must be none, all, or a message type by its name, such as burst, or number, such as 0x13"
                .to_owned()
        }),
    }
}

pub(super) fn errno_argument(text: &str) -> Result<u32, String> {
    let number = Errno::from_name(text).and_then(|errno| u32::try_from(errno.number()).ok());
    number
        .or_else(|| text.parse().ok())
        .filter(|number| (1..=4095).contains(number))
        .ok_or_else(|| "must be the name of an errno, such as EBUSY, or a number from 1 to 4095".to_owned())
}
