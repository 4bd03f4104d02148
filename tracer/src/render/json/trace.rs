//! `trace --json`: an object for each message of each call, a line each.
//!
//! This runs for every message while the machine is being measured, so it is written by hand: no allocation,
//! no look at a byte more often than needed.

mod copies;
pub(super) mod decoded;

use netlink_wire::{Errno, Header, MessageType};
use nltrace_common::Stage;

use super::tree::tree_json;
use crate::{
    decode::{
        Decoded, Family, FlagNames, Message, TypeName, errno_of,
        tree::{Decoder, GenericFamilies},
    },
    model::{Call, Place},
    render::{
        buffer::{Buffer, EIGHT_DIGITS, Passage, append},
        decoding::Decoding,
    },
};
use copies::write_copies;
use decoded::write_decoded;

/// What a line takes without its payload, roughly.
const LINE_BYTES: usize = 640;

/// How a line begins.
const TIME: &[u8] = b"{\"ts_ns\":";

/// Writes lines, and remembers what they have in common.
#[derive(Debug, Default)]
pub struct TraceJson {
    moment: Moment,
    sequence: Sequence,
    starts: [Start; STARTS],
    end: End,
    decoding: Decoding,
}

/// The part of a line up to its time, without the last eight digits: the same for a tenth of a second.
#[derive(Debug, Default)]
struct Moment {
    /// The time without those digits.
    high: u64,
    text: [u8; 24],
    len: usize,
}

/// The part between sequence number and latency: a request, what the receive function takes in and the reply
/// have the same.
#[derive(Debug, Default)]
struct Sequence {
    /// The sequence number and the length.
    key: (u32, u32),
    text: Option<Passage>,
}

/// The last line's part from its payload on. A request, what the receive function takes in and often the
/// reply carry the same.
#[derive(Debug, Default)]
struct End {
    kind: EndKind,
    payload: Vec<u8>,
    text: Option<Passage>,
}

/// Everything that the part depends on besides the payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct EndKind {
    /// The family, and what there is.
    family: u32,
    /// Type and flags; no flags where they say nothing of the payload.
    message: u32,
    /// Messages and bytes of the datagram; zero where they are not part of the text.
    datagram: u64,
}

impl EndKind {
    fn new(event: &Call<'_>, message: &Message<'_>) -> Self {
        let (nlmsg_type, flags) =
            message.header.map_or((0, 0), |header| (header.message_type.0, header.flags.0));
        let flags = if MessageType(nlmsg_type).is_control() { flags } else { 0 };
        // What a family's numbers mean may be another thing on the way back; not nltest's.
        let is_back =
            matches!(event.stage, Stage::Reply | Stage::Broadcast) && event.family != Family::NLTEST;
        let mut there = [message.header.is_some(), message.truncated, event.place.of.is_some()].map(u8::from);
        there[0] |= u8::from(is_back) << 1;
        let is_only = event.place.of == Some(1) && message.header.is_some();
        let datagram = if is_only { 0 } else { pair(event.datagram_len, event.place.of.unwrap_or(0)) };
        Self {
            family: u32::from_ne_bytes([event.family.number(), there[0], there[1], there[2]]),
            message: u32::from(nlmsg_type) | u32::from(flags) << 16,
            datagram,
        }
    }
}

fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// How many different [`Start`]s are remembered.
const STARTS: usize = 32;

/// The part of a line behind its time and before its sequence number: the same for message after message of a
/// thread.
#[derive(Debug, Default)]
struct Start {
    key: Key,
    text: Vec<u8>,
}

/// Everything that the part depends on.
#[derive(Clone, Copy, Debug, Default)]
struct Key([u64; 6]);

impl PartialEq for Key {
    /// Without an early end, and so without a call.
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |found, (one, other)| found | (one ^ other)) == 0
    }
}

impl Key {
    fn new(event: &Call<'_>, header: Option<&Header>) -> Self {
        let (comm, _) = event.comm.as_chunks::<8>();
        let (nlmsg_type, nlmsg_flags) =
            header.map_or((0, 0), |header| (header.message_type.0, header.flags.0));
        let there = [event.group.is_some(), header.is_some()].map(u8::from);
        let kind = u32::from_le_bytes([event.family.number(), event.stage as u8, there[0], there[1]]);
        Self([
            u64::from_ne_bytes(comm[0]),
            u64::from_ne_bytes(comm[1]),
            pair(event.pid, event.tid),
            pair(event.netns, event.portid),
            pair(event.group.unwrap_or(0), u32::from(nlmsg_type) << 16 | u32::from(nlmsg_flags)),
            u64::from(kind),
        ])
    }

    /// Where the part is remembered.
    fn place(&self) -> usize {
        let [_, _, thread, socket, message, kind] = self.0;
        let mixed = (thread ^ socket.rotate_left(11) ^ message.rotate_left(23) ^ kind.rotate_left(47))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 59) as usize % STARTS
    }
}

impl TraceJson {
    /// Lines whose messages are decoded so.
    pub fn new(decoder: Decoder) -> Self {
        Self { decoding: Decoding::new(decoder), ..Self::default() }
    }

    /// Appends the line of a call, with its line break.
    pub fn write(&mut self, out: &mut Buffer, event: &Call<'_>) {
        let family = event.family;
        let message = Message::parse(family, event.captured, event.len);
        out.reserve(LINE_BYTES);

        self.time(out, event.ts_ns);
        match event.cpu {
            Some(cpu) => {
                out.raw(b",\"cpu\":");
                out.number(cpu.into());
            }
            None => out.raw(b",\"cpu\":null"),
        }
        out.raw(self.start(event, family, message.header.as_ref()));
        if let Some(header) = &message.header {
            self.sequence(out, header);
        }
        out.number(event.latency_ns);
        // Only a control message can say how a request ended; what others say is looked at only if it has to
        // be written.
        let control = message.header.is_some_and(|header| header.message_type.is_control());
        let decoded = if control { Decoded::of(family, &message) } else { None };
        write_result(out, event, decoded.as_ref());
        self.end(out, event, family, &message, decoded);
        if self.decoding.take_has_learned() {
            // What is remembered may have other names now.
            (self.starts, self.end) = Default::default();
        }
    }

    /// Writes the part up to the time.
    fn time(&mut self, out: &mut Buffer, ts_ns: u64) {
        let (high, low) = (ts_ns / EIGHT_DIGITS, ts_ns % EIGHT_DIGITS);
        if high == 0 {
            out.raw(TIME);
            out.number(low);
            return;
        }
        let moment = &mut self.moment;
        if moment.high != high {
            let mut text = Buffer::from(TIME.to_vec());
            text.number(high);
            moment.high = high;
            moment.len = text.len();
            moment.text[..moment.len].copy_from_slice(&text.rest(0));
        }
        out.short(&moment.text, moment.len);
        out.eight_digits(low);
    }

    /// Writes sequence number and length.
    fn sequence(&mut self, out: &mut Buffer, header: &Header) {
        let (sequence, key) = (&mut self.sequence, (header.sequence, header.length));
        if sequence.key == key && sequence.text.as_ref().is_some_and(|text| out.repeat(text)) {
            return;
        }
        let from = out.place();
        out.number(u64::from(header.sequence));
        out.raw(b",\"len\":");
        out.number(u64::from(header.length));
        out.raw(b",\"latency_ns\":");
        *sequence = Sequence { key, text: Some(out.since(from)) };
    }

    /// Writes the part from the payload on.
    fn end(
        &mut self,
        out: &mut Buffer,
        event: &Call<'_>,
        family: Family,
        message: &Message<'_>,
        decoded: Option<Decoded<'_>>,
    ) {
        let (end, kind) = (&mut self.end, EndKind::new(event, message));
        let known = end.kind == kind && end.payload == message.payload;
        if known && end.text.as_ref().is_some_and(|text| out.repeat(text)) {
            return;
        }
        let from = out.place();
        let decoded = decoded.or_else(|| Decoded::of(family, message));
        write_payload(out, event, message);
        match decoded {
            // nltest's are measured with; these take the fewest instructions.
            Some(decoded) if family == Family::NLTEST || matches!(decoded, Decoded::Status(_)) => {
                write_decoded(out, decoded);
            }
            _ => self.decoding.with(event, message, |tree| match tree.is_described() {
                true => tree_json(out, tree, &()),
                false => out.raw(b"null"),
            }),
        }
        out.raw(b"}\n");
        end.text = Some(out.since(from));
        if !known {
            end.kind = kind;
            end.payload.clear();
            append(&mut end.payload, message.payload);
        }
    }

    fn start(&mut self, event: &Call<'_>, family: Family, header: Option<&Header>) -> &[u8] {
        let key = Key::new(event, header);
        let start = &mut self.starts[key.place()];
        if start.key != key || start.text.is_empty() {
            let mut text = Buffer::default();
            write_start(&mut text, event, &self.decoding.decoder().generic, family, header);
            *start = Start { key, text: text.rest(0) };
        }
        &start.text
    }
}

/// The part of a line from its payload on, up to what it says.
fn write_payload(out: &mut Buffer, event: &Call<'_>, message: &Message<'_>) {
    out.hex(message.payload);
    if message.truncated {
        out.raw(b"\",\"payload_truncated\":true");
    } else {
        out.raw(b"\",\"payload_truncated\":false");
    }
    let messages = event.place.of.filter(|_| message.header.is_some());
    if messages != Some(1) {
        out.raw(b",\"datagram_len\":");
        out.number(u64::from(event.datagram_len));
        out.raw(b",\"messages\":");
        number(out, messages);
    }
    out.raw(b",\"decoded\":");
}

fn write_start(
    out: &mut Buffer,
    event: &Call<'_>,
    families: &GenericFamilies,
    family: Family,
    header: Option<&Header>,
) {
    out.raw(b",\"event\":");
    name(out, Some(event.stage.event_name()));
    out.raw(b",\"family\":");
    out.number(u64::from(event.family.number()));
    out.raw(b",\"family_name\":");
    name(out, family.name());
    out.raw(b",\"pid\":");
    out.number(u64::from(event.pid));
    out.raw(b",\"tid\":");
    out.number(u64::from(event.tid));
    out.raw(b",\"comm\":");
    out.json_text(event.thread_name());
    out.raw(b",\"netns\":");
    out.number(u64::from(event.netns));
    out.raw(b",\"portid\":");
    out.number(u64::from(event.portid));
    out.raw(b",\"group\":");
    number(out, event.group);
    match header {
        Some(header) => write_type(out, families, family, header),
        None => out.raw(
            b",\"type\":null,\"type_name\":null,\"flags\":null,\"seq\":null,\"len\":null,\"latency_ns\":",
        ),
    }
}

pub(super) fn name(out: &mut Buffer, name: Option<&str>) {
    match name {
        Some(name) => {
            out.raw(b"\"");
            out.raw(name.as_bytes());
            out.raw(b"\"");
        }
        None => out.raw(b"null"),
    }
}

fn number(out: &mut Buffer, number: Option<u32>) {
    match number {
        Some(number) => out.number(u64::from(number)),
        None => out.raw(b"null"),
    }
}

fn text(out: &mut Buffer, text: Option<&[u8]>) {
    match text {
        Some(text) => out.json_text(text),
        None => out.raw(b"null"),
    }
}

pub(super) fn write_type(out: &mut Buffer, families: &GenericFamilies, family: Family, header: &Header) {
    let number = header.message_type.0;
    out.raw(b",\"type\":");
    out.number(u64::from(number));
    out.raw(b",\"type_name\":");
    match TypeName::of(family, header.message_type) {
        Some(TypeName::Netfilter(subsystem, message)) => {
            out.raw(b"\"");
            netfilter(out, subsystem, message);
            out.raw(b"\"");
        }
        Some(TypeName::Named(named)) => name(out, Some(named)),
        None if family == Family::GENERIC => text(out, families.name(number).map(str::as_bytes)),
        None => out.raw(b"null"),
    }
    out.raw(b",\"flags\":[");
    write_flags(out, FlagNames::new(family, header.message_type, header.flags));
    out.raw(b"],\"seq\":");
}

/// `SUBSYSTEM/MESSAGE`
fn netfilter(out: &mut Buffer, subsystem: &str, message: Result<&str, u8>) {
    out.raw(subsystem.as_bytes());
    out.raw(b"/");
    match message {
        Ok(message) => out.raw(message.as_bytes()),
        Err(number) => out.number(u64::from(number)),
    }
}

pub(super) fn write_flags(out: &mut Buffer, mut flags: FlagNames) {
    let mut comma: &[u8] = b"";
    for flag in flags.by_ref() {
        out.raw(comma);
        name(out, Some(flag));
        comma = b",";
    }
    let unnamed = flags.unnamed();
    if unnamed != 0 {
        out.raw(comma);
        out.raw(b"\"0x");
        out.hex(&unnamed.to_be_bytes());
        out.raw(b"\"");
    }
}

/// What the call returned and which error that or its message is, up to the start of the payload.
fn write_result(out: &mut Buffer, event: &Call<'_>, decoded: Option<&Decoded<'_>>) {
    out.raw(b",\"ret\":");
    match event.ret {
        Some(ret) => out.signed(i64::from(ret)),
        None => out.raw(b"null"),
    }
    let error = errno_of(event.ret, decoded);
    let extack = decoded.and_then(Decoded::status).and_then(|status| status.captured_extack().message);
    if error.is_none() && extack.is_none() {
        out.raw(b",\"errno\":null,\"extack\":null");
    } else {
        out.raw(b",\"errno\":");
        name(out, error.and_then(Errno::name));
        out.raw(b",\"extack\":");
        text(out, extack);
    }
    write_place(out, event.place);
    if let Some(copies) = &event.copies {
        write_copies(out, copies);
    }
    out.raw(b",\"payload\":\"");
}

/// Which message of which datagram it is.
fn write_place(out: &mut Buffer, Place { datagram, index, of }: Place) {
    out.raw(b",\"datagram\":{\"id\":");
    out.number(datagram);
    if (index, of) == (0, Some(1)) {
        return out.raw(b",\"index\":0,\"of\":1}");
    }
    out.raw(b",\"index\":");
    out.number(u64::from(index));
    out.raw(b",\"of\":");
    number(out, of);
    out.raw(b"}");
}

#[cfg(test)]
pub(in crate::render) mod tests;
