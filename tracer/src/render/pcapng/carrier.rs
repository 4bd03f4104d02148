//! Packets that are no messages: they have comments for which there is no other.

use super::{
    block::{self, Packet},
    window::Window,
};
use crate::{
    decode::Family,
    model::end::TakeFact,
    source::recording::notation::{Comment, Fact, Tokens},
};

/// The type of an `NLMSG_NOOP`, and the length of one.
const NOOP: u16 = 1;
const LEN: u32 = 16;

/// Begins one, at a time in nanoseconds since 1970.
pub(super) fn begin(out: &mut Vec<u8>, realtime_ns: u64, tokens: &Tokens) {
    let mut bytes = [0; LEN as usize];
    bytes[..4].copy_from_slice(&LEN.to_ne_bytes());
    bytes[4..6].copy_from_slice(&NOOP.to_ne_bytes());
    let (family, from_user) = (Family::ROUTE, false);
    block::packet(out, &Packet { realtime_ns, family, from_user, len: LEN, bytes: &bytes });
    block::comment(out, |out| _ = Comment::begin(out, tokens, "carrier", None));
}

/// Adds one for comments that no other packet has, with so many calls among them, at a time of both clocks.
pub(super) fn add(
    window: &mut Window,
    (loose, calls): (&mut Vec<u8>, u64),
    (now_ns, realtime_ns): (u64, u64),
    tokens: &Tokens,
) {
    window.add(now_ns, calls, |block| {
        begin(block, realtime_ns, tokens);
        block.append(loose);
    });
}

/// The facts that a recording ends with, as comments.
pub(super) struct EndComments<'o> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) tokens: &'o Tokens,
}

impl TakeFact for EndComments<'_> {
    fn take<F: Fact>(&mut self, mut fact: F) {
        block::comment(self.out, |out| Comment::write(out, self.tokens, None, &mut fact));
    }
}
