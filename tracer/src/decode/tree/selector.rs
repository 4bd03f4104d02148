//! Which sub-message an attribute has: another attribute beside it or around it says so.

use netlink_specs::{Attribute, Kind, Set, Struct, SubMessage};
use netlink_wire::{Attributes, until_nul};

use super::scalar::unsigned;

/// The attributes around a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'s, 'a> {
    /// What they are; None if nobody says.
    pub(super) set: Option<Set>,
    /// All of them.
    pub(super) bytes: &'a [u8],
    /// Those around them.
    pub(super) outer: Option<&'s Scope<'s, 'a>>,
}

/// A selector is looked for among so many attributes, so that decoding takes no longer the more sub-messages
/// a nest has.
const LOOKED_AT: usize = 64;

/// The format of a sub-message; None where nothing says which it is, or where it is not known.
pub(super) fn format(attribute: Attribute, scope: &Scope<'_, '_>) -> Option<(Option<Struct>, Option<Set>)> {
    let (sub_message, selector) = attribute.sub_message()?;
    let mut around = Some(scope);
    while let Some(scope) = around {
        let selecting = scope.set.and_then(|set| set.selected(selector));
        if let Some(value) = selecting.and_then(|attribute| value_of(attribute, scope.bytes)) {
            return value_format(sub_message, selecting?, value);
        }
        around = scope.outer;
    }
    None
}

/// The bytes of an attribute.
fn value_of(attribute: Attribute, bytes: &[u8]) -> Option<&[u8]> {
    let mut found = Attributes::new(bytes).clipped().take(LOOKED_AT);
    found.find(|found| found.number.0 == attribute.number()).map(|found| found.value)
}

fn value_format(
    sub_message: SubMessage,
    selecting: Attribute,
    value: &[u8],
) -> Option<(Option<Struct>, Option<Set>)> {
    if matches!(selecting.kind(), Kind::String | Kind::Binary) {
        return sub_message.format(until_nul(value));
    }
    let number = unsigned(value, selecting.order())?;
    let name = selecting.enumeration().and_then(|(names, _)| names.entry(number.cast_signed()));
    match name {
        Some(name) => sub_message.format(name.as_bytes()),
        None => sub_message.format(number.to_string().as_bytes()),
    }
}
