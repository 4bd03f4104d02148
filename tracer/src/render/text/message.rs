//! A message that somebody asked for: its header, and what it says.

use terminal::Charset;

use super::{
    trace::flag_text,
    tree::tree_text,
    words::{Style, words},
};
use crate::{
    decode::{
        Family, FlagNames, Message,
        tree::{GenericFamilies, Tree},
    },
    render::buffer::Buffer,
};

/// Appends a message as a line.
pub fn message_text(
    out: &mut Buffer,
    family: Family,
    message: &Message<'_>,
    tree: &Tree<'_>,
    families: &GenericFamilies,
    style: Style<'_>,
) {
    head(out, family, message, families, style.charset);
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
    families: &GenericFamilies,
    style: Style<'_>,
) {
    head(out, family, message, families, style.charset);
    out.raw(b"\n");
    tree_text(out, tree, 1, style);
}

/// `route NEWLINK REQUEST|ACK seq 7 len 32`
fn head(
    out: &mut Buffer,
    family: Family,
    message: &Message<'_>,
    families: &GenericFamilies,
    charset: Charset,
) {
    out.raw(family.label().as_bytes());
    let Some(header) = &message.header else {
        if family.has_headers() {
            out.raw(format!(" {} bytes that are no message", message.payload.len()).as_bytes());
        }
        return;
    };
    let kind = families.type_name(family, header.message_type.0);
    let kind = kind.unwrap_or_else(|| header.message_type.0.to_string());
    let flags = flag_text(FlagNames::new(family, header.message_type, header.flags));
    out.byte(b' ');
    out.terminal_text(kind.as_bytes(), charset);
    out.raw(format!(" {flags} seq {} len {}", header.sequence, header.length).as_bytes());
}
