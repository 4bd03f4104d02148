//! Receive functions' calls, which end before their request's and have the same datagram: they need no packet
//! of their own.

use std::mem;

use crate::{model::Call, source::recording::notation::Shortened};

/// Calls whose request has not come.
#[derive(Debug, Default)]
pub(super) struct Receives(Vec<Receive>);

/// A call, and its number among all facts.
#[derive(Debug)]
struct Receive {
    call: Call<'static>,
    bytes: Vec<u8>,
    number: u64,
}

impl Receives {
    /// Keeps one.
    pub(super) fn keep(&mut self, call: &Call<'_>, number: u64) {
        let whole = Call { captured: b"", copies: None, ..*call };
        self.0.push(Receive { call: whole, bytes: call.captured.to_vec(), number });
    }

    /// Takes that of a request, of which nothing but its time is not known by the request.
    pub(super) fn of(&mut self, request: &Call<'_>) -> Option<(u64, Shortened)> {
        let is_of = |receive: &Receive| {
            let Call { tid, place, .. } = receive.call;
            (tid, place.index) == (request.tid, request.place.index)
        };
        let at = self.0.iter().position(is_of)?;
        let Receive { call, bytes, number } = self.0.get(at)?;
        let short = Shortened::new(&Call { captured: bytes, ..*call }, request)?;
        let number = *number;
        self.0.remove(at);
        Some((number, short))
    }

    /// Hands out all, which are packets of their own then.
    pub(super) fn give_up(&mut self, mut each: impl FnMut(&Call<'_>, u64)) {
        for Receive { call, bytes, number } in mem::take(&mut self.0) {
            each(&Call { captured: &bytes, ..call }, number);
        }
    }
}
