//! The numbers of attributes.

/// The number of an attribute in its family, without the bits that mark nesting and byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeType(pub u16);
