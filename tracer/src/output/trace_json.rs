//! `trace --json`: an object for each message, a line each.
//!
//! This runs for every message while the machine is being measured, so it is written by hand: no allocation, no look at
//! a byte more often than needed.

use nltrace_common::{Event, flags};

use super::{
    Buffer,
    buffer::{Passage, append},
    digits::EIGHT_DIGITS,
    scan::{is_plain, is_text},
};
use crate::{
    decode::{
        Attributes, Details, Family, Flags, Header, Message, NltestAttribute, TypeName, Value, errno_name,
    },
    model::Stage,
};

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
}

/// The part of a line up to its time, without the last eight digits: the same for a tenth of a second.
#[derive(Debug, Default)]
struct Moment {
    /// The time without those digits.
    high: u64,
    text: [u8; 24],
    len: usize,
}

/// The part between sequence number and latency: a request, what the receive function takes in and the reply have the same.
#[derive(Debug, Default)]
struct Sequence {
    /// The sequence number and the length.
    key: (u32, u32),
    text: Option<Passage>,
}

/// The last line's part from its payload on. A request, what the receive function takes in and often the reply carry the same.
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
    fn new(event: &Event, message: &Message<'_>) -> Self {
        let (nlmsg_type, flags) = message.header.map_or((0, 0), |header| (header.nlmsg_type, header.flags));
        let flags = if nlmsg_type < MIN_TYPE { flags } else { 0 };
        let there = [message.header.is_some(), message.truncated, message.messages.is_some()].map(u8::from);
        let datagram = pair(event.datagram_len, message.messages.unwrap_or(0));
        Self {
            family: u32::from_ne_bytes([event.family, there[0], there[1], there[2]]),
            message: u32::from(nlmsg_type) | u32::from(flags) << 16,
            datagram: if message.messages == Some(1) { 0 } else { datagram },
        }
    }
}

fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// Types from here on are a family's own, `NLMSG_MIN_TYPE`: no error is in them, and their flags say nothing of the payload.
const MIN_TYPE: u16 = 16;

/// How many different [`Start`]s are remembered.
const STARTS: usize = 32;

/// The part of a line behind its time and before its sequence number: the same for message after message of a thread.
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
    fn new(event: &Event, header: Option<&Header>) -> Self {
        let (comm, _) = event.comm.as_chunks::<8>();
        let (nlmsg_type, nlmsg_flags) = header.map_or((0, 0), |header| (header.nlmsg_type, header.flags));
        let kind = u32::from_le_bytes([event.family, event.stage, event.flags, u8::from(header.is_some())]);
        Self([
            u64::from_ne_bytes(comm[0]),
            u64::from_ne_bytes(comm[1]),
            pair(event.tgid, event.tid),
            pair(event.netns, event.portid),
            pair(event.group, u32::from(nlmsg_type) << 16 | u32::from(nlmsg_flags)),
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
    /// Appends the line of an event, with its line break. `captured` are the first bytes of its datagram.
    pub fn write(&mut self, out: &mut Buffer, event: &Event, captured: &[u8]) {
        let family = Family::from_number(event.family);
        let message = Message::parse(family, captured, event.datagram_len);
        out.reserve(LINE_BYTES);

        self.time(out, event.ts_ns);
        out.raw(self.start(event, family, message.header.as_ref()));
        if let Some(header) = &message.header {
            self.sequence(out, header);
        }
        out.number(event.latency_ns);
        let error = match message.header {
            Some(Header { nlmsg_type: MIN_TYPE.., .. }) => None,
            _ => Details::of(family, &message),
        };
        write_result(out, event, error.as_ref());
        self.end(out, event, family, &message);
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
        let (sequence, key) = (&mut self.sequence, (header.seq, header.len));
        if sequence.key == key && sequence.text.as_ref().is_some_and(|text| out.repeat(text)) {
            return;
        }
        let from = out.place();
        out.number(u64::from(header.seq));
        out.raw(b",\"len\":");
        out.number(u64::from(header.len));
        out.raw(b",\"latency_ns\":");
        *sequence = Sequence { key, text: Some(out.since(from)) };
    }

    /// Writes the part from the payload on.
    fn end(&mut self, out: &mut Buffer, event: &Event, family: Family, message: &Message<'_>) {
        let (end, kind) = (&mut self.end, EndKind::new(event, message));
        let known = end.kind == kind && end.payload == message.payload;
        if known && end.text.as_ref().is_some_and(|text| out.repeat(text)) {
            return;
        }
        let from = out.place();
        write_end(out, event.datagram_len, message, Details::of(family, message));
        end.text = Some(out.since(from));
        if !known {
            end.kind = kind;
            end.payload.clear();
            append(&mut end.payload, message.payload);
        }
    }

    fn start(&mut self, event: &Event, family: Family, header: Option<&Header>) -> &[u8] {
        let key = Key::new(event, header);
        let start = &mut self.starts[key.place()];
        if start.key != key || start.text.is_empty() {
            let mut text = Buffer::default();
            write_start(&mut text, event, family, header);
            *start = Start { key, text: text.rest(0) };
        }
        &start.text
    }
}

/// The part of a line from its payload on, with the line break. `datagram_len` counts where there are several messages.
fn write_end(out: &mut Buffer, datagram_len: u32, message: &Message<'_>, details: Option<Details<'_>>) {
    out.hex(message.payload);
    if message.truncated {
        out.raw(b"\",\"payload_truncated\":true");
    } else {
        out.raw(b"\",\"payload_truncated\":false");
    }
    if message.messages != Some(1) {
        out.raw(b",\"datagram_len\":");
        out.number(u64::from(datagram_len));
        out.raw(b",\"messages\":");
        number(out, message.messages);
    }
    match details {
        Some(details) => {
            out.raw(b",\"decoded\":");
            write_details(out, details);
            out.raw(b"}\n");
        }
        None => out.raw(b",\"decoded\":null}\n"),
    }
}

fn write_start(out: &mut Buffer, event: &Event, family: Family, header: Option<&Header>) {
    out.raw(b",\"event\":");
    name(out, Some(Stage::from_number(event.stage).map_or("unknown", Stage::event_name)));
    out.raw(b",\"family\":");
    out.number(u64::from(event.family));
    out.raw(b",\"family_name\":");
    name(out, family.name());
    out.raw(b",\"pid\":");
    out.number(u64::from(event.tgid));
    out.raw(b",\"tid\":");
    out.number(u64::from(event.tid));
    out.raw(b",\"comm\":");
    out.json_text(comm(event));
    out.raw(b",\"netns\":");
    out.number(u64::from(event.netns));
    out.raw(b",\"portid\":");
    out.number(u64::from(event.portid));
    out.raw(b",\"group\":");
    number(out, (event.flags & flags::HAS_GROUP != 0).then_some(event.group));
    match header {
        Some(header) => write_type(out, family, header),
        None => out.raw(
            b",\"type\":null,\"type_name\":null,\"flags\":null,\"seq\":null,\"len\":null,\"latency_ns\":",
        ),
    }
}

/// The name of the thread, up to its NUL.
pub(super) fn comm(event: &Event) -> &[u8] {
    let end = event.comm.iter().position(|byte| *byte == 0).unwrap_or(event.comm.len());
    &event.comm[..end]
}

/// The error of a call that failed, or else the one that its message carries; positive.
pub(super) fn error_of(event: &Event, details: Option<&Details<'_>>) -> Option<u32> {
    if event.flags & flags::HAS_RET != 0 && event.ret < 0 {
        return Some(event.ret.unsigned_abs());
    }
    match details {
        Some(Details::Error { error, .. }) if *error < 0 => Some(error.unsigned_abs()),
        _ => None,
    }
}

fn name(out: &mut Buffer, name: Option<&str>) {
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

fn write_type(out: &mut Buffer, family: Family, header: &Header) {
    out.raw(b",\"type\":");
    out.number(u64::from(header.nlmsg_type));
    out.raw(b",\"type_name\":");
    match TypeName::of(family, header.nlmsg_type) {
        Some(TypeName::Netfilter(subsystem, message)) => {
            out.raw(b"\"");
            netfilter(out, subsystem, message);
            out.raw(b"\"");
        }
        Some(TypeName::Named(named)) => name(out, Some(named)),
        None => out.raw(b"null"),
    }
    out.raw(b",\"flags\":[");
    write_flags(out, Flags::new(family, header.nlmsg_type, header.flags));
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

fn write_flags(out: &mut Buffer, mut flags: Flags) {
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
fn write_result(out: &mut Buffer, event: &Event, details: Option<&Details<'_>>) {
    out.raw(b",\"ret\":");
    if event.flags & flags::HAS_RET != 0 {
        out.signed(i64::from(event.ret));
    } else {
        out.raw(b"null");
    }
    let error = error_of(event, details);
    let extack = if let Some(Details::Error { extack, .. }) = details { *extack } else { None };
    if error.is_none() && extack.is_none() {
        out.raw(b",\"errno\":null,\"extack\":null,\"payload\":\"");
        return;
    }
    out.raw(b",\"errno\":");
    name(out, error.and_then(errno_name));
    out.raw(b",\"extack\":");
    text(out, extack);
    out.raw(b",\"payload\":\"");
}

fn write_details(out: &mut Buffer, details: Details<'_>) {
    match details {
        Details::Error { error, extack, offset } => {
            out.raw(b"{\"error\":");
            out.signed(i64::from(error));
            out.raw(b",\"errno\":");
            name(out, if error < 0 { errno_name(error.unsigned_abs()) } else { None });
            out.raw(b",\"extack\":");
            text(out, extack);
            out.raw(b",\"offset\":");
            number(out, offset);
            out.raw(b"}");
        }
        Details::Text(text) => {
            out.raw(b"{\"text\":");
            out.json_text(text);
            out.raw(b"}");
        }
        Details::Nltest(attributes) => write_attributes(out, attributes),
        Details::Generic { cmd, version } => {
            out.raw(b"{\"cmd\":");
            out.number(u64::from(cmd));
            out.raw(b",\"version\":");
            out.number(u64::from(version));
            out.raw(b"}");
        }
    }
}

/// The payload itself is in `payload` already: here is how long it is and, where it is text, what it says.
fn write_attributes(out: &mut Buffer, attributes: Attributes<'_>) {
    out.raw(b"{");
    let mut first = true;
    for NltestAttribute { name, value } in attributes.filter_map(NltestAttribute::of) {
        if !first {
            out.raw(b",");
        }
        first = false;
        match value {
            Value::Binary(bytes) => {
                let plain = !bytes.is_empty() && is_plain(bytes);
                if plain || is_text(bytes) {
                    out.raw(b"\"payload\":");
                    if plain {
                        out.plain_text(bytes);
                    } else {
                        out.json_text(bytes);
                    }
                    out.raw(b",");
                }
                out.raw(b"\"payload_len\":");
                out.number(bytes.len() as u64);
            }
            Value::Number(number) => {
                write_name(out, name);
                out.number(number);
            }
            Value::Text(text) => {
                write_name(out, name);
                out.json_text(text);
            }
        }
    }
    out.raw(b"}");
}

fn write_name(out: &mut Buffer, name: &str) {
    out.raw(b"\"");
    out.raw(name.as_bytes());
    out.raw(b"\":");
}

#[cfg(test)]
pub(super) mod tests;
