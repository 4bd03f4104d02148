//! `trace --json`: an object for each message, a line each.
//!
//! This runs for every message while the machine is being measured, so it is written by hand: no allocation, no look at
//! a byte more often than needed.

use nltrace_common::{Event, flags};

use super::Buffer;
use crate::{
    decode::{
        Attributes, Details, Family, Flags, Header, Message, NltestAttribute, TypeName, Value, errno_name,
    },
    model::Stage,
};

/// What a line takes without its payload, roughly.
const LINE_BYTES: usize = 640;

/// Writes lines, and remembers what they have in common.
#[derive(Debug, Default)]
pub struct TraceJson {
    starts: [Start; STARTS],
    end: End,
}

/// The last line's part from its payload on. A request, what the receive function takes in and often the reply carry the same.
#[derive(Debug, Default)]
struct End {
    /// Family and message type.
    kind: (u8, u16),
    truncated: bool,
    payload: Vec<u8>,
    text: Vec<u8>,
}

/// Longer payloads are not remembered: they are seldom the same, and cost most when they are copied.
const END_BYTES: usize = 256;

/// Types from here on are a family's own, `NLMSG_MIN_TYPE`: their flags change nothing in the end of a line, and no error is in it.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Key([u64; 6]);

impl Key {
    fn new(event: &Event, header: Option<&Header>) -> Self {
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
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
        out.reserve(LINE_BYTES + 2 * message.payload.len());

        out.raw(b"{\"ts_ns\":");
        out.number(event.ts_ns);
        out.raw(self.start(event, family, message.header.as_ref()));
        if let Some(header) = &message.header {
            out.number(u64::from(header.seq));
            out.raw(b",\"len\":");
            out.number(u64::from(header.len));
            out.raw(b",\"latency_ns\":");
        }
        out.number(event.latency_ns);
        match message.header {
            Some(Header { nlmsg_type: nlmsg_type @ MIN_TYPE.., .. })
                if message.messages == Some(1) && message.payload.len() <= END_BYTES =>
            {
                write_result(out, event, None);
                self.end(out, family, (event.family, nlmsg_type), &message);
            }
            _ => {
                let details = Details::of(family, &message);
                write_result(out, event, details.as_ref());
                write_end(out, event.datagram_len, &message, details);
            }
        }
    }

    /// Writes the part from the payload on.
    fn end(&mut self, out: &mut Buffer, family: Family, kind: (u8, u16), message: &Message<'_>) {
        let end = &mut self.end;
        if end.kind == kind && end.truncated == message.truncated && end.payload == message.payload {
            out.raw(&end.text);
            return;
        }
        let from = out.bytes().len();
        write_end(out, 0, message, Details::of(family, message));
        (end.kind, end.truncated) = (kind, message.truncated);
        end.payload.clear();
        end.payload.extend_from_slice(message.payload);
        end.text.clear();
        end.text.extend_from_slice(&out.bytes()[from..]);
    }

    fn start(&mut self, event: &Event, family: Family, header: Option<&Header>) -> &[u8] {
        let key = Key::new(event, header);
        let start = &mut self.starts[key.place()];
        if start.key != key || start.text.is_empty() {
            let mut text = Buffer::default();
            write_start(&mut text, event, family, header);
            *start = Start { key, text: text.bytes().to_vec() };
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
                if is_text(bytes) {
                    out.raw(b"\"payload\":");
                    out.json_text(bytes);
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

/// Whether bytes are text that can be printed.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    // Without an early end: the compiler makes vector instructions of it.
    let other = |byte: u8| !matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    !bytes.is_empty() && !bytes.iter().fold(false, |found, byte| found | other(*byte))
}

#[cfg(test)]
pub(super) mod tests;
