//! Messages with attributes, written at the end of a datagram.

use std::{error, fmt};

use crate::{ATTRIBUTE_HEADER_LEN, AttributeType, Flags, HEADER_LEN, Header, MessageType, PortId, align};

/// The longest value of an attribute, whose length has 16 bits.
const VALUE_MAX: usize = u16::MAX as usize - ATTRIBUTE_HEADER_LEN;

/// A value is too long for an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeTooLong {
    /// Its length in bytes.
    pub length: usize,
}

impl AttributeTooLong {
    /// The longest value of an attribute, in bytes.
    pub const MAX: usize = VALUE_MAX;
}

impl fmt::Display for AttributeTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an attribute of {} bytes is too long: at most {VALUE_MAX}", self.length)
    }
}

impl error::Error for AttributeTooLong {}

/// The header of an attribute with a value of `length` bytes.
#[inline]
pub const fn attribute_header(number: AttributeType, length: u16) -> [u8; ATTRIBUTE_HEADER_LEN] {
    let [a, b] = length.saturating_add(ATTRIBUTE_HEADER_LEN as u16).to_ne_bytes();
    let [c, d] = number.0.to_ne_bytes();
    [a, b, c, d]
}

/// Appends one message to a datagram. If it is dropped before [`MessageWriter::finish`], the datagram is as
/// it was.
///
/// Like the kernel's, a message counts the padding of its last attribute into its length.
#[derive(Debug)]
pub struct MessageWriter<'a> {
    datagram: &'a mut Vec<u8>,
    start: usize,
    header: Header,
}

impl<'a> MessageWriter<'a> {
    /// Begins a message behind the whole messages that are in `datagram` already.
    pub fn begin(datagram: &'a mut Vec<u8>, message_type: MessageType, flags: Flags, sequence: u32) -> Self {
        let start = datagram.len();
        datagram.resize(start + HEADER_LEN, 0);
        let header = Header { length: 0, message_type, flags, sequence, portid: PortId::KERNEL };
        Self { datagram, start, header }
    }

    /// Appends bytes that are not an attribute.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.datagram.extend_from_slice(bytes);
    }

    /// Appends an attribute and its padding.
    ///
    /// # Errors
    /// [`AttributeTooLong`]; nothing was appended then.
    pub fn attribute(
        &mut self,
        number: impl Into<AttributeType>,
        value: &[u8],
    ) -> Result<(), AttributeTooLong> {
        self.terminated(number.into(), value, 0)
    }

    /// Appends an attribute with a number of four bytes.
    ///
    /// # Errors
    /// None that can occur; so that it can be used like the others.
    pub fn u32(&mut self, number: impl Into<AttributeType>, value: u32) -> Result<(), AttributeTooLong> {
        self.attribute(number, &value.to_ne_bytes())
    }

    /// Appends an attribute with a text and its NUL.
    ///
    /// # Errors
    /// [`AttributeTooLong`]; nothing was appended then.
    pub fn text(&mut self, number: impl Into<AttributeType>, text: &str) -> Result<(), AttributeTooLong> {
        self.terminated(number.into(), text.as_bytes(), 1)
    }

    /// Appends an attribute with `nuls` zero bytes at the end of its value.
    fn terminated(
        &mut self,
        number: AttributeType,
        value: &[u8],
        nuls: usize,
    ) -> Result<(), AttributeTooLong> {
        let length = value.len() + nuls;
        let fitting = u16::try_from(length).ok().filter(|_| length <= VALUE_MAX);
        let header = attribute_header(number, fitting.ok_or(AttributeTooLong { length })?);
        self.datagram.extend_from_slice(&header);
        self.datagram.extend_from_slice(value);
        self.datagram.resize(self.datagram.len() + align(length) - value.len(), 0);
        Ok(())
    }

    /// Writes the header and pads the message.
    pub fn finish(mut self) {
        let length = self.datagram.len() - self.start;
        // The kernel refuses a datagram long before its length needs more than 32 bits.
        self.header.length = u32::try_from(length).unwrap_or(u32::MAX);
        if let Some(room) = self.datagram.get_mut(self.start..self.start + HEADER_LEN) {
            room.copy_from_slice(&self.header.to_bytes());
        }
        self.start += align(length);
        self.datagram.resize(self.start, 0);
    }
}

impl Drop for MessageWriter<'_> {
    fn drop(&mut self) {
        self.datagram.truncate(self.start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, Attributes, Messages};

    const NUMBER: AttributeType = AttributeType(7);

    fn begin(datagram: &mut Vec<u8>, sequence: u32) -> MessageWriter<'_> {
        MessageWriter::begin(datagram, MessageType(0x10), Flags::REQUEST, sequence)
    }

    #[test]
    fn written_messages_are_read_back() {
        let mut datagram = Vec::new();
        let mut message = begin(&mut datagram, 1);
        message.attribute(NUMBER, b"abcde").unwrap();
        message.u32(AttributeType(2), 0x0102_0304).unwrap();
        message.text(AttributeType(3), "no").unwrap();
        message.finish();
        let mut message = begin(&mut datagram, 2);
        message.bytes(b"plain");
        message.finish();
        assert_eq!(datagram.len() % 4, 0);

        let messages: Vec<_> = Messages::new(&datagram).map(Result::unwrap).collect();
        let attributes: Vec<_> = Attributes::new(messages[0].payload).map(Result::unwrap).collect();
        assert_eq!(attributes[0], Attribute { number: NUMBER, value: b"abcde" });
        assert_eq!(attributes[1].u32(), Ok(0x0102_0304));
        assert_eq!(attributes[2].value, b"no\0");
        assert_eq!(messages[0].header.length % 4, 0, "the length counts the padding of attributes");
        assert_eq!((messages[1].header.sequence, messages[1].payload), (2, &b"plain"[..]));
        assert_eq!(messages[1].header.length, 21);
    }

    #[test]
    fn padding_is_zero() {
        let mut datagram = Vec::new();
        let mut message = begin(&mut datagram, 1);
        message.attribute(NUMBER, b"abcde").unwrap();
        message.finish();
        assert_eq!(&datagram[HEADER_LEN + 9..], [0; 3]);
    }

    #[test]
    fn what_is_not_finished_leaves_the_datagram_alone() {
        let mut datagram = vec![0xaa; 16];
        let mut message = begin(&mut datagram, 1);
        message.attribute(NUMBER, b"abcde").unwrap();
        let long = vec![0; VALUE_MAX + 1];
        assert_eq!(message.attribute(NUMBER, &long), Err(AttributeTooLong { length: VALUE_MAX + 1 }));
        let text = "x".repeat(VALUE_MAX);
        assert_eq!(message.text(NUMBER, &text), Err(AttributeTooLong { length: VALUE_MAX + 1 }));
        message.attribute(NUMBER, &long[1..]).unwrap();
        drop(message);
        assert_eq!(datagram, [0xaa; 16]);
    }
}
