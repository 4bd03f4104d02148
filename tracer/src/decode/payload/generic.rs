//! Generic netlink, linux/genetlink.h: `struct genlmsghdr` has a command and the version of the family's
//! interface, a byte each, and two bytes that are reserved. What follows is the family's own.

use crate::decode::{Field, Value};

/// Bytes of a `struct genlmsghdr`.
const HEADER_LEN: usize = 4;

/// The fields of a `struct genlmsghdr`.
#[derive(Clone, Debug)]
pub(in crate::decode) struct Fields<'a> {
    fields: std::array::IntoIter<Field<'static>, 2>,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// None where the payload is too short.
    pub(in crate::decode) fn of(payload: &'a [u8]) -> Option<Self> {
        let [cmd, version, ..] = *payload else { return None };
        let field = |name, number: u8| Field { name, value: Value::Number(number.into()) };
        let fields = [field("cmd", cmd), field("version", version)].into_iter();
        Some(Self { fields, rest: payload.get(HEADER_LEN..).unwrap_or_default() })
    }

    /// What follows the header.
    pub(in crate::decode) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        self.fields.next()
    }
}
