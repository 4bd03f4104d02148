//! nltest: attributes, which nltest.h describes.

use netlink_wire::{
    Attributes, Clipped,
    nltest::{Attribute, Format},
};

use crate::decode::{Field, Value};

/// The fields of a message: the attributes that nltest.h has and whose values have their size. Of those that
/// come several times the last one counts, as in the kernel.
#[derive(Clone, Debug)]
pub(in crate::decode) struct Fields<'a> {
    attributes: Clipped<'a>,
}

impl<'a> Fields<'a> {
    pub(in crate::decode) fn of(payload: &'a [u8]) -> Self {
        Self { attributes: Attributes::new(payload).clipped() }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        loop {
            let attribute = self.attributes.next()?;
            let Some(known) = Attribute::from_number(attribute.number) else { continue };
            let Some(found) = value(known, &attribute) else { continue };
            // This walk ends at the next value of the same attribute, so all of them together pass each
            // attribute of the message once for each that nltest.h has, whatever the sender made.
            let again = |later: &netlink_wire::Attribute<'_>| {
                later.number == attribute.number && value(known, later).is_some()
            };
            if !self.attributes.clone().any(|later| again(&later)) {
                return Some(Field { name: known.lower_name(), value: found });
            }
        }
    }
}

/// The value of an attribute; None where it is too short or too long.
fn value<'a>(known: Attribute, attribute: &netlink_wire::Attribute<'a>) -> Option<Value<'a>> {
    match known.format() {
        Format::Nothing => None,
        // Its presence is the value.
        Format::Flag => attribute.value.is_empty().then_some(Value::Number(1)),
        Format::Binary => Some(Value::Binary(attribute.value)),
        Format::Text => Some(Value::Text(attribute.text())),
        Format::U32 => attribute.u32().ok().map(|number| Value::Number(number.into())),
        Format::U64 => attribute.u64().ok().map(Value::Number),
    }
}

#[cfg(test)]
pub(in crate::decode) mod tests {
    use super::*;

    pub(in crate::decode) fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
        let number = netlink_wire::AttributeType(number);
        let mut bytes = netlink_wire::attribute_header(number, value.len() as u16).to_vec();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn fields(attributes: &[Vec<u8>]) -> Vec<(&'static str, Vec<u8>)> {
        let payload = attributes.concat();
        let shown = |value| match value {
            Value::Number(number) => format!("{number}").into_bytes(),
            Value::Text(bytes) | Value::Binary(bytes) => bytes.to_vec(),
        };
        Fields::of(&payload).map(|field| (field.name, shown(field.value))).collect()
    }

    #[test]
    fn attributes_have_names_and_types() {
        let payload = [
            attribute(1, b"\x00\x01"),
            attribute(2, &2000u32.to_ne_bytes()),
            attribute(7, b"text\0rest"),
            attribute(16, &u64::MAX.to_ne_bytes()),
            attribute(3, b"short"),
            attribute(99, b"?"),
            attribute(11, b""),
        ]
        .concat();
        let found: Vec<_> = Fields::of(&payload).map(|field| (field.name, field.value)).collect();
        let expected = [
            ("payload", Value::Binary(&b"\x00\x01"[..])),
            ("delay_us", Value::Number(2000)),
            ("text", Value::Text(b"text")),
            ("received", Value::Number(u64::MAX)),
            ("stall", Value::Number(1)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn of_attributes_that_come_twice_the_last_counts() {
        let number = |number: u16, value: u32| attribute(number, &value.to_ne_bytes());
        let twice = [number(3, 1), attribute(1, b"first"), number(4, 5), number(3, 2), attribute(1, b"last")];
        let expected = [("size", b"5".to_vec()), ("count", b"2".to_vec()), ("payload", b"last".to_vec())];
        assert_eq!(fields(&twice), expected);
        // What cannot be read does not count.
        assert_eq!(fields(&[number(3, 1), attribute(3, b"")]), [("count", b"1".to_vec())]);
        // A number is the same with and without the bits that mark a nest.
        assert_eq!(fields(&[number(3, 1), number(0x8003, 2)]), [("count", b"2".to_vec())]);
    }
}
