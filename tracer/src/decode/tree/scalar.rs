//! Values of a fixed size, and bytes that people write in a form of their own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_specs::{Attribute, Enum, Hint, Kind, Order};
use netlink_wire::until_nul;

use super::{
    known,
    node::{Bits, Unit, Value},
};

/// What a specification says of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) hint: Hint,
    pub(super) order: Order,
    /// Names of values, and whether each is a bit.
    pub(super) names: Option<(Enum, bool)>,
}

impl Shape {
    /// That of an attribute, or of its elements, which are of a kind.
    #[inline]
    pub(super) fn of(attribute: Attribute, kind: Kind) -> Self {
        let names = if kind == Kind::String { None } else { attribute.enumeration() };
        Self { kind, hint: attribute.hint(), order: attribute.order(), names }
    }
}

/// The value of `bytes`; None where they are not what the specification says.
#[inline]
pub(super) fn scalar<'a>(shape: Shape, bytes: &'a [u8]) -> Option<Value<'a>> {
    if shape.hint == Hint::None
        && shape.names.is_none()
        && let Some(value) = bare(shape, bytes)
    {
        return Some(value);
    }
    special(shape, bytes)
}

/// A number that is nothing else, which most values are: said apart, they take a sixth off decoding.
#[inline]
fn bare<'a>(shape: Shape, bytes: &'a [u8]) -> Option<Value<'a>> {
    let native = |number| Some(Value::Number(number));
    if shape.order != Order::Native {
        return None;
    }
    match (shape.kind, bytes) {
        (Kind::U8, &[byte]) => native(byte.into()),
        (Kind::U16, &[a, b]) => native(u16::from_ne_bytes([a, b]).into()),
        (Kind::U32 | Kind::Uint, &[a, b, c, d]) => native(u32::from_ne_bytes([a, b, c, d]).into()),
        (Kind::U64 | Kind::Uint, &[a, b, c, d, e, f, g, h]) => {
            native(u64::from_ne_bytes([a, b, c, d, e, f, g, h]))
        }
        (Kind::S32 | Kind::Sint, &[a, b, c, d]) => {
            Some(Value::Signed(i32::from_ne_bytes([a, b, c, d]).into()))
        }
        _ => None,
    }
}

fn special<'a>(shape: Shape, bytes: &'a [u8]) -> Option<Value<'a>> {
    match shape.kind {
        Kind::Flag => bytes.is_empty().then_some(Value::Flag),
        Kind::String => Some(text(bytes)),
        Kind::Binary => Some(binary(shape.hint, bytes)),
        _ => number(shape, bytes),
    }
}

fn text(bytes: &[u8]) -> Value<'_> {
    Value::Text(until_nul(bytes))
}

fn number<'a>(shape: Shape, bytes: &'a [u8]) -> Option<Value<'a>> {
    let size = match shape.kind {
        Kind::U8 | Kind::S8 => 1,
        Kind::U16 | Kind::S16 => 2,
        Kind::U32 | Kind::S32 => 4,
        Kind::U64 | Kind::S64 => 8,
        Kind::Uint | Kind::Sint if matches!(bytes.len(), 4 | 8) => bytes.len(),
        _ => return None,
    };
    if bytes.len() != size {
        return None;
    }
    if let Some(value) = of_bytes(shape.hint, bytes) {
        return Some(value);
    }
    let number = unsigned(bytes, shape.order)?;
    let signed = matches!(shape.kind, Kind::S8 | Kind::S16 | Kind::S32 | Kind::S64 | Kind::Sint);
    let with_sign = sign_extended(number, size);
    let below_zero = signed && with_sign < 0;
    if let Some((names, are_bits)) = shape.names {
        if are_bits {
            return Some(Value::Bits(Bits { value: number, names }));
        }
        let name = names.entry(if signed { with_sign } else { number.cast_signed() });
        return Some(match name {
            None if below_zero => Value::Signed(with_sign),
            name => Value::Enum(number, name),
        });
    }
    // A time or an index below zero is none; the bits of a number are always some.
    if (!below_zero || shape.hint == Hint::Hex)
        && let Some(value) = of_number(shape.hint, number)
    {
        return Some(value);
    }
    Some(if signed { Value::Signed(with_sign) } else { Value::Number(number) })
}

/// A number of up to eight bytes.
#[inline]
pub(super) fn unsigned(bytes: &[u8], order: Order) -> Option<u64> {
    let big = order == Order::Big || order == Order::Native && cfg!(target_endian = "big");
    Some(match *bytes {
        [byte] => byte.into(),
        [a, b] if big => u16::from_be_bytes([a, b]).into(),
        [a, b] => u16::from_le_bytes([a, b]).into(),
        [a, b, c, d] if big => u32::from_be_bytes([a, b, c, d]).into(),
        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]).into(),
        _ => return long(bytes, big),
    })
}

fn long(bytes: &[u8], big: bool) -> Option<u64> {
    let mut whole = [0; 8];
    let place = if big {
        whole.get_mut(8_usize.checked_sub(bytes.len())?..)?
    } else {
        whole.get_mut(..bytes.len())?
    };
    place.copy_from_slice(bytes);
    Some(if big { u64::from_be_bytes(whole) } else { u64::from_le_bytes(whole) })
}

fn sign_extended(number: u64, size: usize) -> i64 {
    let spare = 64 - 8 * size as u32;
    (number << spare).cast_signed() >> spare
}

/// What is written from the bytes as they are.
fn of_bytes(hint: Hint, bytes: &[u8]) -> Option<Value<'_>> {
    match (hint, bytes.len()) {
        (Hint::Ipv4 | Hint::Ipv6 | Hint::Ipv4OrV6, 4) => Some(v4(bytes.try_into().ok()?)),
        (Hint::Ipv4 | Hint::Ipv6 | Hint::Ipv4OrV6, 16) => Some(v6(bytes.try_into().ok()?)),
        (Hint::Mac | Hint::Fddi, _) => Some(Value::Mac(bytes)),
        (Hint::Uuid, 16) => Some(Value::Uuid(bytes.try_into().ok()?)),
        _ => None,
    }
}

pub(super) fn v4<'a>(bytes: [u8; 4]) -> Value<'a> {
    Value::V4(Ipv4Addr::from(bytes))
}

pub(super) fn v6<'a>(bytes: [u8; 16]) -> Value<'a> {
    Value::V6(Ipv6Addr::from(bytes))
}

fn of_number<'a>(hint: Hint, number: u64) -> Option<Value<'a>> {
    Some(match hint {
        Hint::Hex => Value::Hex(number),
        Hint::Interface => Value::Interface(u32::try_from(number).ok()?),
        Hint::AddressFamily => Value::Enum(number, known::address_family(number)),
        Hint::IpProtocol => Value::Enum(number, known::ip_protocol(number)),
        Hint::EtherType => Value::Enum(number, known::ether_type(number)),
        Hint::Seconds => Value::Time(number, Unit::Seconds),
        Hint::Milliseconds => Value::Time(number, Unit::Milliseconds),
        Hint::Microseconds => Value::Time(number, Unit::Microseconds),
        Hint::Nanoseconds => Value::Time(number, Unit::Nanoseconds),
        Hint::Ticks => Value::Time(number, Unit::Ticks),
        Hint::TcHandle => Value::Handle(u32::try_from(number).ok()?),
        _ => return None,
    })
}

fn binary(hint: Hint, bytes: &[u8]) -> Value<'_> {
    if let Some(value) = of_bytes(hint, bytes) {
        return value;
    }
    match hint {
        // A name of the abstract namespace of Unix sockets begins with a NUL, and may hold others.
        Hint::Text if bytes.len() > 1 && bytes[0] == 0 => Value::Text(bytes),
        Hint::Text => text(bytes),
        Hint::SocketAddress => socket_address(bytes).unwrap_or(Value::Bytes(bytes)),
        _ => Value::Bytes(bytes),
    }
}

/// A `struct sockaddr_in` or `sockaddr_in6`; with its length, a `struct rtvia`: a family and an address.
fn socket_address(bytes: &[u8]) -> Option<Value<'_>> {
    let (family, rest) = bytes.split_first_chunk()?;
    let family = u16::from_ne_bytes(*family);
    match (family, rest.len()) {
        (known::INET, 4) => return Some(v4(rest.try_into().ok()?)),
        (known::INET6, 16) => return Some(v6(rest.try_into().ok()?)),
        _ => {}
    }
    let (port, rest) = rest.split_first_chunk()?;
    let address = match family {
        known::INET => IpAddr::V4(Ipv4Addr::from(*rest.first_chunk::<4>()?)),
        known::INET6 => IpAddr::V6(Ipv6Addr::from(*rest.get(4..)?.first_chunk::<16>()?)),
        _ => return None,
    };
    Some(Value::Socket(address, u16::from_be_bytes(*port)))
}

#[cfg(test)]
mod tests {
    use netlink_specs::{Attribute, Set, Spec, Table};

    use super::*;

    #[test]
    fn numbers_below_zero_keep_their_sign_whatever_they_count() {
        let mut shape = Shape { kind: Kind::S64, hint: Hint::Nanoseconds, order: Order::Native, names: None };
        assert!(matches!(scalar(shape, &(-5i64).to_ne_bytes()), Some(Value::Signed(-5))));
        assert!(matches!(scalar(shape, &5i64.to_ne_bytes()), Some(Value::Time(5, Unit::Nanoseconds))));
        (shape.kind, shape.hint) = (Kind::S32, Hint::Interface);
        assert!(matches!(scalar(shape, &(-1i32).to_ne_bytes()), Some(Value::Signed(-1))));
        shape.hint = Hint::Hex;
        assert!(matches!(scalar(shape, &(-1i32).to_ne_bytes()), Some(Value::Hex(0xffff_ffff))));
        let mut attributes = Table::kernel().specs().flat_map(Spec::sets).flat_map(Set::attributes);
        (shape.hint, shape.names) = (Hint::None, attributes.find_map(Attribute::enumeration));
        let (names, are_bits) = shape.names.expect("some attribute has names");
        assert!(!are_bits && names.entry(-7).is_none());
        assert!(matches!(scalar(shape, &(-7i32).to_ne_bytes()), Some(Value::Signed(-7))));
    }
}
