//! What a message says, as an object.

use netlink_wire::{Errno, Status};

use super::{name, number, text};
use crate::{
    decode::{Decoded, Field, Fields, Value},
    render::buffer::{Buffer, is_plain, is_text},
};

pub(in crate::render::json) fn write_decoded(out: &mut Buffer, decoded: Decoded<'_>) {
    match decoded {
        Decoded::Status(status) => write_status(out, &status),
        Decoded::Text(text) => {
            out.raw(b"{\"text\":");
            out.json_text(text);
            out.raw(b"}");
        }
        Decoded::Fields(fields) => write_fields(out, fields),
    }
}

fn write_status(out: &mut Buffer, status: &Status<'_>) {
    let extack = status.captured_extack();
    out.raw(b"{\"error\":");
    out.signed(i64::from(status.code()));
    out.raw(b",\"errno\":");
    name(out, Errno::from_code(status.code()).and_then(Errno::name));
    out.raw(b",\"extack\":");
    text(out, extack.message);
    out.raw(b",\"offset\":");
    number(out, extack.offset);
    out.raw(b"}");
}

fn write_fields(out: &mut Buffer, fields: Fields<'_>) {
    out.raw(b"{");
    let mut before: &[u8] = b"\"";
    for Field { name, value } in fields {
        out.raw(before);
        before = b",\"";
        out.raw(name.as_bytes());
        match value {
            Value::Binary(bytes) => write_bytes(out, name, bytes),
            Value::Number(number) => {
                out.raw(b"\":");
                out.number(number);
            }
            Value::Text(text) => {
                out.raw(b"\":");
                out.json_text(text);
            }
        }
    }
    out.raw(b"}");
}

/// The bytes themselves are in the payload already: here is how many they are and, where they are text, what
/// they say.
fn write_bytes(out: &mut Buffer, name: &str, bytes: &[u8]) {
    let plain = !bytes.is_empty() && is_plain(bytes);
    if plain || is_text(bytes) {
        out.raw(b"\":");
        if plain {
            out.plain_text(bytes);
        } else {
            out.json_text(bytes);
        }
        out.raw(b",\"");
        out.raw(name.as_bytes());
    }
    out.raw(b"_len\":");
    out.number(bytes.len() as u64);
}
