//! A message that somebody asked for, as an object a line.

use super::{trace::write_type, tree::tree_json};
use crate::{
    decode::{
        Family, Message,
        tree::{GenericFamilies, Tree},
    },
    render::buffer::Buffer,
};

/// Appends a message: its header as in `trace`, and what it says.
pub fn message_json(
    out: &mut Buffer,
    family: Family,
    message: &Message<'_>,
    tree: &Tree<'_>,
    families: &GenericFamilies,
) {
    out.raw(b"{\"family\":");
    out.number(family.number().into());
    out.raw(b",\"family_name\":");
    match family.name() {
        Some(name) => out.json_text(name.as_bytes()),
        None => out.raw(b"null"),
    }
    match &message.header {
        Some(header) => {
            write_type(out, families, family, header);
            out.number(header.sequence.into());
            out.raw(b",\"nlmsg_pid\":");
            out.number(header.portid.0.into());
            out.raw(b",\"len\":");
            out.number(header.length.into());
        }
        None => {
            out.raw(b",\"type\":null,\"type_name\":null,\"flags\":null,\"seq\":null,\"nlmsg_pid\":null,\"len\":null");
        }
    }
    out.raw(b",\"payload_truncated\":");
    out.raw(if message.truncated { b"true" } else { b"false" });
    out.raw(b",\"decoded\":");
    tree_json(out, tree, &());
    out.raw(b"}\n");
}
