//! The messages of a datagram: each for itself, and how many there were.

use netlink_wire::{Captured, Extent, HEADER_LEN, Header, MessageType, align};
use nltrace_common::{Hook, Stage};

use super::{Call, Event, Place};
use crate::options::FirstByte;

/// What came with the records that were taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Calls.
    pub calls: u64,
    /// What happened within calls or beside them: events that are none.
    pub others: u64,
    /// Those of them of whose messages none is wanted, by [`Hook::number`].
    pub filtered_calls: [u64; Hook::COUNT],
    /// Messages.
    pub messages: u64,
    /// Those of them that are not wanted.
    pub filtered_messages: u64,
    /// What of their datagrams was not seen.
    pub unseen: Unseen,
}

impl Arrived {
    /// Calls and whatever else was told.
    pub fn records(&self) -> u64 {
        self.calls + self.others
    }
}

/// Datagrams of which a part was not seen that may hold more messages: it lies behind the first MiB or in
/// fragments, or had to wait for its call too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unseen {
    /// How many.
    pub datagrams: u64,
    /// Bytes that were not seen.
    pub bytes: u64,
}

/// Splits datagrams.
#[derive(Debug)]
pub(super) struct Splitter {
    /// Bytes to keep of a message, its header not counted.
    snaplen: usize,
    /// The wanted type; None: every one.
    wanted: Option<MessageType>,
    /// The wanted first byte behind the header; None: every one.
    pub(super) detail: Option<FirstByte>,
    /// Those of the datagram at hand.
    extents: Vec<Extent>,
    pub(super) arrived: Arrived,
}

impl Splitter {
    pub(super) fn new(snaplen: u32, wanted: Option<u16>) -> Self {
        let wanted = wanted.map(MessageType);
        let snaplen = snaplen as usize;
        Self { snaplen, wanted, detail: None, extents: Vec::new(), arrived: Arrived::default() }
    }

    /// Hands on a call whose datagram holds one message, which passed the filters.
    #[inline]
    pub(super) fn one<'a>(&mut self, mut call: Call<'a>, each: &mut impl FnMut(Event<'_>)) {
        call.place.datagram = self.arrived.calls;
        if is_request(&call)
            && let Some(header) = Header::parse(call.captured)
        {
            let extent = Extent { start: 0, len: header.length as usize };
            rest(&call, call.captured, extent, 1, each);
        }
        self.arrived.calls += 1;
        self.arrived.messages += 1;
        if self.wants(&call, call.captured) {
            each(Event::Call(&call));
        } else {
            self.arrived.filtered_messages += 1;
            self.arrived.filtered_calls[call.stage.hook().number()] += 1;
        }
    }

    /// Whether a message of a call has a wanted first byte.
    #[inline]
    fn wants(&self, call: &Call<'_>, message: &[u8]) -> bool {
        self.detail.is_none_or(|wanted| wanted.wants(call.stage, message.get(HEADER_LEN).copied()))
    }

    /// Hands on the messages of a call whose datagram holds several.
    pub(super) fn several<'a>(&mut self, call: Call<'a>, each: &mut impl FnMut(Event<'_>)) {
        let whole = call.captured;
        self.extents.clear();
        let is_cut = if call.family.has_headers() {
            let mut extents = Captured::new(whole, call.datagram_len as usize).extents();
            self.extents.extend(extents.by_ref());
            extents.is_cut()
        } else {
            false
        };
        if self.extents.is_empty() {
            self.extents.push(Extent { start: 0, len: call.datagram_len as usize });
        }
        if is_cut {
            self.arrived.unseen.datagrams += 1;
            self.arrived.unseen.bytes += (call.datagram_len as usize).saturating_sub(whole.len()) as u64;
        }
        let of = (!is_cut).then_some(self.extents.len() as u32);
        if let (true, Some(of), Some(last)) = (is_request(&call), of, self.extents.last()) {
            let place = Place { datagram: self.arrived.calls, ..call.place };
            rest(&Call { place, ..call }, whole, *last, of, each);
        }
        let mut wanted_messages = 0;
        for (index, Extent { start, len }) in (0..).zip(&self.extents) {
            let rest = whole.get(*start..).unwrap_or_default();
            let captured = &rest[..rest.len().min(*len).min(HEADER_LEN + self.snaplen)];
            let nlmsg_type = Header::parse(captured).map(|header| header.message_type);
            let is_wanted = self.wanted.is_none_or(|wanted| nlmsg_type == Some(wanted));
            if is_wanted && self.wants(&call, captured) {
                wanted_messages += 1;
                let place = Place { datagram: self.arrived.calls, index, of };
                each(Event::Call(&Call { place, len: *len as u32, captured, ..call }));
            }
        }
        self.arrived.calls += 1;
        self.arrived.messages += self.extents.len() as u64;
        self.arrived.filtered_messages += self.extents.len() as u64 - wanted_messages;
        if wanted_messages == 0 {
            self.arrived.filtered_calls[call.stage.hook().number()] += 1;
        }
    }
}

/// Whether a call is a request of which exchanges are made, in a family whose messages have headers.
fn is_request(call: &Call<'_>) -> bool {
    call.stage == Stage::Request && call.from_user.is_some() && call.family.has_headers()
}

/// Hands on what is behind the last message of a request's datagram, if that is enough for another one: it
/// can be none, or it would have been found.
fn rest(call: &Call<'_>, whole: &[u8], last: Extent, of: u32, each: &mut impl FnMut(Event<'_>)) {
    let datagram_len = call.datagram_len as usize;
    let end = last.start.saturating_add(align(last.len));
    let len = datagram_len.saturating_sub(end);
    if last.len < HEADER_LEN || last.len > datagram_len || len < HEADER_LEN {
        return;
    }
    let captured = whole.get(end..).unwrap_or_default();
    // Many programs send what they have reserved for attributes, too: nobody means zeros as a message.
    if captured.first_chunk() == Some(&[0; HEADER_LEN]) {
        return;
    }
    let place = Place { index: of, of: Some(of + 1), ..call.place };
    each(Event::Rest(&Call { place, len: len as u32, captured, ..*call }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tests::call;

    fn message(length: u32) -> Vec<u8> {
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.resize(16, 0);
        bytes
    }

    /// Lengths of what is handed on of a request: a rest is negative.
    fn handed_on(datagram: &[u8], is_one: bool, from_user: Option<bool>) -> Vec<i64> {
        let mut splitter = Splitter::new(256, None);
        let mut lengths = Vec::new();
        let mut each = |event: Event<'_>| match event {
            Event::Call(call) => lengths.push(i64::from(call.len)),
            Event::Rest(call) => lengths.push(-i64::from(call.len)),
            _ => panic!("{event:?}"),
        };
        let call = Call { from_user, ..call(datagram) };
        if is_one {
            splitter.one(call, &mut each);
        } else {
            splitter.several(call, &mut each);
        }
        lengths
    }

    #[test]
    fn what_is_behind_a_requests_messages_is_handed_on_for_itself() {
        let bad = [message(16), message(15)].concat();
        assert_eq!(handed_on(&bad, true, Some(true)), [-16, 32]);
        assert_eq!(handed_on(&[message(16), bad.clone()].concat(), false, Some(true)), [-16, 16, 16]);
        // Too little for a message, nothing at all, no request of which exchanges are made, and a datagram
        // that is bad from its start.
        assert_eq!(handed_on(&bad[..28], true, Some(true)), [28]);
        assert_eq!(handed_on(&bad[..16], true, Some(true)), [16]);
        assert_eq!(handed_on(&bad, true, None), [32]);
        assert_eq!(handed_on(&[message(15), message(16)].concat(), true, Some(true)), [32]);
        assert_eq!(
            handed_on(&[message(16), vec![0; 128]].concat(), true, Some(true)),
            [144],
            "unused memory"
        );
    }
}
