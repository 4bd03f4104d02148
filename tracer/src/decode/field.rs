//! A value by name: what every renderer takes.

/// A value that a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name as a key of JSON: `delay_us`. It is unique among the fields of a message.
    pub name: &'static str,
    /// The value.
    pub value: Value<'a>,
}

/// The value of a field. Text and bytes are their sender's as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    Number(u64),
    /// Text without its NUL.
    Text(&'a [u8]),
    /// Anything.
    Binary(&'a [u8]),
}
