//! What can be wrong with a message.

use std::{error, fmt};

use crate::AttributeType;

/// Why bytes cannot be read as netlink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// Too few bytes for a message's header.
    MessageHeader {
        /// Bytes that are there.
        available: usize,
    },
    /// `nlmsg_len` is shorter than the header or longer than what is there.
    MessageLength {
        /// What `nlmsg_len` says.
        claimed: u32,
        /// Bytes that are there, header included.
        available: usize,
    },
    /// Too few bytes for an attribute's header.
    AttributeHeader {
        /// Bytes that are there.
        available: usize,
    },
    /// `nla_len` is shorter than the header or longer than what is there.
    AttributeLength {
        /// What `nla_len` says.
        claimed: u16,
        /// Bytes that are there, header included.
        available: usize,
    },
    /// An attribute's value has another size than its type.
    ValueLength {
        /// The attribute.
        attribute: AttributeType,
        /// Bytes of its value.
        length: usize,
        /// Bytes that the type has.
        expected: usize,
    },
    /// An ACK, an error or the end of a dump is too short for its error number.
    StatusLength {
        /// Bytes of its payload.
        length: usize,
    },
    /// The error number is positive or below -4095.
    StatusCode(i32),
    /// The request that an error repeats is shorter than a header, or does not end within the message.
    RepeatedRequest {
        /// Bytes that are there.
        available: usize,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::MessageHeader { available } => write!(f, "{available} bytes are too few for a header"),
            Self::MessageLength { claimed, available } => {
                write!(f, "a message claims to have {claimed} bytes where {available} are left")
            }
            Self::AttributeHeader { available } => {
                write!(f, "{available} bytes are too few for an attribute")
            }
            Self::AttributeLength { claimed, available } => {
                write!(f, "an attribute claims to have {claimed} bytes where {available} are left")
            }
            Self::ValueLength { attribute: AttributeType(number), length, expected } => {
                write!(f, "attribute {number} has {length} bytes instead of {expected}")
            }
            Self::StatusLength { length } => {
                write!(f, "an error message with {length} bytes has no error number")
            }
            Self::StatusCode(code) => write!(f, "{code} is no error number"),
            Self::RepeatedRequest { available } => {
                write!(f, "the {available} bytes in an error message are not the request that failed")
            }
        }
    }
}

impl error::Error for Malformed {}
