mod builders;
mod coverage;
mod encoder;
mod hostile;
mod messages;
mod real;

use super::*;
use crate::{
    decode::{Family, Message, message::tests::message},
    render::{
        Buffer,
        json::tree_json,
        text::{Limits, Style, tree_text, words},
    },
};

/// Decodes a message with `nlmsghdr`, as a request or an answer as its flags say.
pub(super) fn decoded(family: Family, bytes: &[u8]) -> Tree<'_> {
    let message = Message::parse(family, bytes, bytes.len() as u32);
    Decoder::default().decode(family, &message, None, Tree::default())
}

/// The three forms of a tree: a line, lines, JSON.
pub(super) fn rendered(family: Family, message_type: Option<u16>, tree: &Tree<'_>) -> [String; 3] {
    let style = Style { charset: terminal::Charset::Utf8, interfaces: &(), limits: Limits::SHORT };
    let written = |write: &dyn Fn(&mut Buffer)| {
        let mut out = Buffer::default();
        write(&mut out);
        String::from_utf8(out.rest(0)).expect("output is UTF-8")
    };
    [
        written(&|out| words(out, family, message_type, tree, style)),
        written(&|out| tree_text(out, tree, 0, style)),
        written(&|out| tree_json(out, tree, &())),
    ]
}

/// An attribute; `0x8000` in the number marks a nest.
pub(super) fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = (value.len() as u16 + 4).to_ne_bytes().to_vec();
    bytes.extend(number.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A whole message.
pub(super) fn whole(nlmsg_type: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    message(16 + payload.len() as u32, nlmsg_type, flags, payload)
}
