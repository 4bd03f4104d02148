//! Decoding of calls' messages on their way into lines, with what was learned of generic netlink meanwhile.

use netlink_specs::Direction;
use nltrace_common::Stage;

use crate::{
    decode::{
        Family, Message,
        tree::{Decoder, Tree},
    },
    model::Call,
};

/// A decoder and memory for the next message.
#[derive(Debug, Default)]
pub(super) struct Decoding {
    decoder: Decoder,
    memory: Tree<'static>,
    has_learned: bool,
}

impl Decoding {
    pub(super) fn new(decoder: Decoder) -> Self {
        Self { decoder, ..Self::default() }
    }

    /// Whether names of generic netlink became others since this was asked last.
    pub(super) fn take_has_learned(&mut self) -> bool {
        std::mem::take(&mut self.has_learned)
    }

    /// Decodes the message of a call, and lets `write` have it.
    pub(super) fn with(&mut self, call: &Call<'_>, message: &Message<'_>, write: impl FnOnce(&Tree<'_>)) {
        self.decode(call.family, message, direction_of(call.stage), write);
    }

    /// The same for a message of a family that went one way.
    pub(super) fn decode(
        &mut self,
        family: Family,
        message: &Message<'_>,
        direction: Direction,
        write: impl FnOnce(&Tree<'_>),
    ) {
        let memory = std::mem::take(&mut self.memory);
        let tree = self.decoder.decode(family, message, Some(direction), memory);
        if family == Family::GENERIC {
            self.has_learned |= self.decoder.generic.learn(message, Some(direction), &tree);
        }
        write(&tree);
        self.memory = tree.recycle();
    }

    pub(super) fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    pub(super) fn decoder_mut(&mut self) -> &mut Decoder {
        &mut self.decoder
    }
}

/// Which way messages at a stage go.
pub(super) fn direction_of(stage: Stage) -> Direction {
    if stage.is_of_request() { Direction::Request } else { Direction::Reply }
}
