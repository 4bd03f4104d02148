//! A message that somebody asked for: its header, and what it says.

use super::{
    trace::flag_text,
    tree::tree_text,
    words::{Style, words},
};
use crate::{
    decode::{Family, FlagNames, Message, TypeName, tree::Tree},
    render::buffer::Buffer,
};

/// Appends a message as a line.
pub fn message_text(
    out: &mut Buffer,
    family: Family,
    message: &Message<'_>,
    tree: &Tree<'_>,
    style: Style<'_>,
) {
    head(out, family, message);
    let end = out.place();
    out.raw(b": ");
    let start = out.place();
    words(out, family, message.header.map(|header| header.message_type.0), tree, style);
    if out.place() == start {
        out.back_to(end);
    }
    out.byte(b'\n');
}

/// Appends a message as a tree, a value a line.
pub fn message_tree(
    out: &mut Buffer,
    family: Family,
    message: &Message<'_>,
    tree: &Tree<'_>,
    style: Style<'_>,
) {
    head(out, family, message);
    out.raw(b"\n");
    tree_text(out, tree, 1, style);
}

/// `route NEWLINK REQUEST|ACK seq 7 len 32`
fn head(out: &mut Buffer, family: Family, message: &Message<'_>) {
    out.raw(family.label().as_bytes());
    let Some(header) = &message.header else {
        if family.has_headers() {
            out.raw(format!(" {} bytes that are no message", message.payload.len()).as_bytes());
        }
        return;
    };
    let kind = TypeName::of(family, header.message_type);
    let kind = kind.map_or_else(|| header.message_type.0.to_string(), |name| name.to_string());
    let flags = flag_text(FlagNames::new(family, header.message_type, header.flags));
    out.raw(format!(" {kind} {flags} seq {} len {}", header.sequence, header.length).as_bytes());
}
