//! Values as people write them, the same in text and JSON.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Surroundings,
    buffer::{Buffer, HEX_DIGITS},
};
use crate::decode::tree::{Unit, Value};

/// Names of the interfaces in the namespace of a message, at its time.
pub trait Interfaces {
    /// The name of the interface with an index; None if it is not known.
    fn name(&self, index: u32) -> Option<&str>;
}

/// Interfaces as they were when a message was sent.
pub(super) struct InterfacesAt<'a> {
    /// What knows them.
    pub(super) around: &'a dyn Surroundings,
    /// Inode number of the namespace that it was sent in.
    pub(super) netns: u32,
    /// When that was, nanoseconds of `CLOCK_MONOTONIC`.
    pub(super) ts_ns: u64,
}

impl Interfaces for InterfacesAt<'_> {
    fn name(&self, index: u32) -> Option<&str> {
        self.around.interface(self.netns, self.ts_ns, index)
    }
}

/// Nothing is known of them.
impl Interfaces for () {
    fn name(&self, _index: u32) -> Option<&str> {
        None
    }
}

/// Appends a value that has one form: a number, an address, a time. Nothing for others.
pub(super) fn write(out: &mut Buffer, value: Value<'_>) {
    match value {
        Value::Number(number) | Value::Enum(number, None) => out.number(number),
        Value::Signed(number) => out.signed(number),
        Value::Hex(number) => hex_number(out, number),
        Value::Enum(_, Some(name)) => out.raw(name.as_bytes()),
        Value::Mac(bytes) => between(out, bytes.chunks(1), b':'),
        Value::V4(address) => v4(out, address),
        Value::V6(address) => v6(out, address),
        Value::Uuid(bytes) => {
            let parts = [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]];
            between(out, parts.into_iter(), b'-');
        }
        Value::Socket(IpAddr::V4(address), port) => {
            v4(out, address);
            out.raw(b":");
            out.number(port.into());
        }
        Value::Socket(IpAddr::V6(address), port) => {
            out.raw(b"[");
            v6(out, address);
            out.raw(b"]:");
            out.number(port.into());
        }
        Value::Time(number, unit) => time(out, number, unit),
        Value::Interface(number) => out.number(number.into()),
        Value::Handle(handle) => tc_handle(out, handle),
        Value::Flag => out.raw(b"true"),
        Value::Nest
        | Value::Array
        | Value::Bits(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::Problem(_) => {}
    }
}

fn between<'b>(out: &mut Buffer, parts: impl Iterator<Item = &'b [u8]>, with: u8) {
    for (index, part) in parts.enumerate() {
        if index != 0 {
            out.byte(with);
        }
        out.hex(part);
    }
}

fn hex_number(out: &mut Buffer, number: u64) {
    out.raw(b"0x");
    let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.byte(HEX_DIGITS[(number >> (4 * digit) & 15) as usize]);
    }
}

fn v4(out: &mut Buffer, address: Ipv4Addr) {
    for (index, byte) in address.octets().into_iter().enumerate() {
        if index != 0 {
            out.raw(b".");
        }
        out.number(byte.into());
    }
}

fn v6(out: &mut Buffer, address: Ipv6Addr) {
    out.raw(address.to_string().as_bytes());
}

fn time(out: &mut Buffer, number: u64, unit: Unit) {
    if unit == Unit::Seconds && (number == u64::from(u32::MAX) || number == u64::MAX) {
        return out.raw(b"forever");
    }
    let unit: &[u8] = match unit {
        Unit::Seconds => b"s",
        Unit::Milliseconds => b"ms",
        Unit::Microseconds => b"us",
        Unit::Nanoseconds => b"ns",
        Unit::Ticks => {
            out.number(number / 100);
            let rest = number % 100;
            if rest != 0 {
                out.raw(&[b'.', b'0' + (rest / 10) as u8, b'0' + (rest % 10) as u8]);
            }
            return out.raw(b"s");
        }
    };
    out.number(number);
    out.raw(unit);
}

/// `root`, `ingress`, or both halves in hexadecimal.
fn tc_handle(out: &mut Buffer, handle: u32) {
    match handle {
        0xffff_ffff => out.raw(b"root"),
        0xffff_fff1 => out.raw(b"ingress"),
        0 => out.raw(b"0"),
        _ => {
            if handle >> 16 != 0 {
                out.raw(format!("{:x}", handle >> 16).as_bytes());
            }
            out.raw(b":");
            if handle & 0xffff != 0 {
                out.raw(format!("{:x}", handle & 0xffff).as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: Value<'_>) -> String {
        let mut out = Buffer::default();
        write(&mut out, value);
        String::from_utf8(out.rest(0)).unwrap()
    }

    #[test]
    fn values_are_written_as_people_do() {
        let uuid = std::array::from_fn(|index| index as u8);
        let cases = [
            (Value::Hex(0), "0x0"),
            (Value::Hex(0x1f), "0x1f"),
            (Value::Hex(u64::MAX), "0xffffffffffffffff"),
            (Value::Mac(&[2, 0, 0xab]), "02:00:ab"),
            (Value::Uuid(&uuid), "00010203-0405-0607-0809-0a0b0c0d0e0f"),
            (Value::V4(Ipv4Addr::new(10, 0, 0, 1)), "10.0.0.1"),
            (Value::V6(Ipv6Addr::LOCALHOST), "::1"),
            (Value::Socket(IpAddr::V6(Ipv6Addr::LOCALHOST), 80), "[::1]:80"),
            (Value::Time(u32::MAX.into(), Unit::Seconds), "forever"),
            (Value::Time(1234, Unit::Ticks), "12.34s"),
            (Value::Time(20, Unit::Milliseconds), "20ms"),
            (Value::Handle(0x0001_0010), "1:10"),
            (Value::Handle(0x8001_0000), "8001:"),
            (Value::Handle(u32::MAX), "root"),
        ];
        for (value, expected) in cases {
            assert_eq!(written(value), expected, "{value:?}");
        }
    }
}
