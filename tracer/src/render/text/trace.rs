//! `trace` for people: a line for each message.

use netlink_wire::{Errno, Status, until_nul};
use terminal::{Charset, units::duration};

use super::{
    columns::Row,
    words::{Limits, Style, words},
};
use crate::{
    decode::{
        Decoded, Family, Field, Fields, FlagNames, Message, Value, errno_of,
        tree::{Decoder, GenericFamilies},
    },
    model::{Call, Copies, Delivery, Holder, Place},
    render::{
        buffer::{Buffer, is_text},
        decoding::Decoding,
    },
};

/// Widths of the columns, in their order; the last, the payload, has what is left. The gap behind a column of
/// text is part of it.
mod width {
    pub(super) const SECONDS: usize = 11;
    pub(super) const EVENT: usize = 8;
    pub(super) const FAMILY: usize = 10;
    /// `nftables/NEWSETELEM`, `SOCK_DIAG_BY_FAMILY`
    pub(super) const TYPE: usize = 20;
    /// `REQUEST|ACK|REPLACE|CREATE`
    pub(super) const FLAGS: usize = 27;
    pub(super) const SEQ: usize = 10;
    pub(super) const PORTID: usize = 10;
    pub(super) const PID: usize = 7;
    pub(super) const COMM: usize = 16;
    pub(super) const LEN: usize = 6;
    pub(super) const LATENCY: usize = 8;
    /// `ECONNREFUSED`
    pub(super) const RET: usize = 13;
}

/// Appends what stands over the columns, with its line break.
pub fn trace_heading(out: &mut Buffer) {
    let mut row = Row::new(out);
    row.right("SECONDS", width::SECONDS);
    row.left("EVENT", width::EVENT);
    row.left("FAMILY", width::FAMILY);
    row.left("TYPE", width::TYPE);
    row.left("FLAGS", width::FLAGS);
    row.right("SEQ", width::SEQ);
    row.right("PORTID", width::PORTID);
    row.right("PID", width::PID);
    row.left("COMM", width::COMM);
    row.right("LEN", width::LEN);
    row.right("LATENCY", width::LATENCY);
    row.left("RET", width::RET);
    out.raw(b"PAYLOAD\n");
}

/// Bytes of a payload that are shown in hexadecimal, and of text.
const HEX_BYTES: usize = 24;
const TEXT_BYTES: usize = 64;

/// Writes lines.
#[derive(Debug)]
pub struct TraceText {
    /// Times are counted from here.
    start_ns: u64,
    charset: Charset,
    decoding: Decoding,
}

impl TraceText {
    /// Lines with times counted from `start_ns`.
    pub fn new(start_ns: u64, charset: Charset, decoder: Decoder) -> Self {
        Self { start_ns, charset, decoding: Decoding::new(decoder) }
    }

    /// Appends the line of an event, with its line break.
    pub fn write(&mut self, out: &mut Buffer, event: &Call<'_>) {
        let Self { start_ns, charset, .. } = *self;
        let message = Message::parse(event.family, event.captured, event.len);
        let decoded = Decoded::of(event.family, &message);
        columns(out, event, &message, start_ns, &self.decoding.decoder().generic, charset);
        match decoded {
            Some(Decoded::Status(status)) => write_status(out, &status, charset),
            Some(Decoded::Text(text)) => quoted(out, text, charset),
            Some(Decoded::Fields(fields)) if event.family == Family::NLTEST => {
                write_fields(out, fields, charset);
            }
            _ => self.decoding.with(event, &message, |tree| {
                if tree.is_described() {
                    let nlmsg_type = message.header.map(|header| header.message_type.0);
                    let style = Style { charset, interfaces: &(), limits: Limits::SHORT };
                    words(out, event.family, nlmsg_type, tree, style);
                } else {
                    bytes(out, message.payload, charset);
                }
            }),
        }
        others(out, event, charset);
        out.raw(b"\n");
    }
}

/// Appends everything before the payload.
fn columns(
    out: &mut Buffer,
    event: &Call<'_>,
    message: &Message<'_>,
    start_ns: u64,
    families: &GenericFamilies,
    charset: Charset,
) {
    let family = event.family;
    let since = event.ts_ns.saturating_sub(start_ns);
    let mut row = Row::new(out);
    row.right(&format!("{}.{:06}", since / 1_000_000_000, since / 1_000 % 1_000_000), width::SECONDS);
    row.left(event.stage.event_name(), width::EVENT);
    row.left(&family.label(), width::FAMILY);
    match message.header {
        Some(header) => {
            let number = header.message_type.0;
            let text = families.type_name(family, number).unwrap_or_else(|| number.to_string());
            row.foreign(text.as_bytes(), width::TYPE, charset);
            row.left(&flag_text(FlagNames::new(family, header.message_type, header.flags)), width::FLAGS);
            row.right(&header.sequence.to_string(), width::SEQ);
        }
        None => {
            row.left("-", width::TYPE);
            row.left("-", width::FLAGS);
            row.right("-", width::SEQ);
        }
    }
    row.right(&event.portid.to_string(), width::PORTID);
    row.right(&event.pid.to_string(), width::PID);
    row.foreign(event.thread_name(), width::COMM, charset);
    row.right(&message.header.map_or(event.datagram_len, |header| header.length).to_string(), width::LEN);
    row.right(&duration(event.latency_ns, charset), width::LATENCY);
    row.left(&result(event), width::RET);
}

pub(super) fn flag_text(mut flags: FlagNames) -> String {
    let mut text = flags.by_ref().collect::<Vec<_>>().join("|");
    let unnamed = flags.unnamed();
    if unnamed != 0 {
        let bar = if text.is_empty() { "" } else { "|" };
        text.push_str(&format!("{bar}{unnamed:#x}"));
    }
    if text.is_empty() { "-".to_owned() } else { text }
}

/// What the function returned: a number, the name of an error, or nothing for a function that returns
/// nothing.
fn result(event: &Call<'_>) -> String {
    let Some(ret) = event.ret else { return "-".to_owned() };
    let error = errno_of(event.ret, None).and_then(Errno::name);
    error.map_or_else(|| ret.to_string(), str::to_owned)
}

/// What the message is part of: a multicast's copies, and its place among the messages of its datagram.
fn others(out: &mut Buffer, event: &Call<'_>, charset: Charset) {
    if let Some(copies) = &event.copies {
        write_copies(out, copies, charset);
    }
    let Place { index, of, .. } = event.place;
    match of {
        Some(0 | 1) => {}
        Some(messages) => out.raw(format!(" ({} of {messages})", index + 1).as_bytes()),
        None => {
            let text =
                format!(" ({} of more than were seen, {} bytes in all)", index + 1, event.datagram_len);
            out.raw(text.as_bytes());
        }
    }
}

/// ` -> 3 listeners, 1 dropped`, and each in brackets where they are told.
fn write_copies(out: &mut Buffer, copies: &Copies<'_>, charset: Charset) {
    let Some(queued) = copies.queued else { return };
    let listeners = if queued == 1 { "listener" } else { "listeners" };
    out.raw(format!(" -> {queued} {listeners}").as_bytes());
    if let Some(dropped @ 1..) = copies.dropped {
        out.raw(format!(", {dropped} dropped").as_bytes());
    }
    for delivery in copies.each.unwrap_or_default() {
        let Delivery { portid, netns, queued, .. } = delivery;
        let result = if *queued { "queued" } else { "overrun" };
        out.raw(b" [");
        if let Some(Holder { pid, comm }) = &delivery.owner {
            out.terminal_text(until_nul(comm), charset);
            out.raw(format!(" {pid} ").as_bytes());
        }
        out.raw(format!("portid {portid} netns {netns}: {result}]").as_bytes());
    }
}

pub(super) fn write_status(out: &mut Buffer, status: &Status<'_>, charset: Charset) {
    if status.code() == 0 {
        return out.raw(b"acknowledged");
    }
    match Errno::from_code(status.code()).and_then(Errno::name) {
        Some(name) => out.raw(name.as_bytes()),
        None => out.signed(status.code().into()),
    }
    if let Some(extack) = status.captured_extack().message {
        out.raw(b" ");
        quoted(out, extack, charset);
    }
}

pub(super) fn write_fields(out: &mut Buffer, mut fields: Fields<'_>, charset: Charset) {
    for (index, Field { name, value }) in fields.by_ref().enumerate() {
        out.raw(if index == 0 { b"" } else { b" " });
        out.raw(name.as_bytes());
        out.raw(b"=");
        match value {
            Value::Number(number) => out.number(number),
            Value::Text(text) => quoted(out, text, charset),
            Value::Binary(value) if is_text(value) => quoted(out, value, charset),
            Value::Binary(value) => bytes(out, value, charset),
        }
    }
    if let Some(rest) = fields.rest() {
        out.raw(b" ");
        bytes(out, rest, charset);
    }
}

pub(super) fn quoted(out: &mut Buffer, text: &[u8], charset: Charset) {
    out.raw(b"\"");
    out.terminal_text(&text[..text.len().min(TEXT_BYTES)], charset);
    out.raw(b"\"");
    ellipsis(out, text.len() > TEXT_BYTES, charset);
}

pub(super) fn bytes(out: &mut Buffer, bytes: &[u8], charset: Charset) {
    out.hex(&bytes[..bytes.len().min(HEX_BYTES)]);
    ellipsis(out, bytes.len() > HEX_BYTES, charset);
}

fn ellipsis(out: &mut Buffer, more: bool, charset: Charset) {
    if more {
        out.raw(charset.ellipsis().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use nltrace_common::Stage;

    use super::*;
    use crate::render::json::trace::tests::{event, message};

    fn lines(charset: Charset) -> String {
        let mut out = Buffer::default();
        trace_heading(&mut out);
        let mut lines = TraceText::new(1_234_000_000, charset, Decoder::default());
        let mut error = (-2i32).to_ne_bytes().to_vec();
        error.extend(message(0x14, 5, b""));
        error.extend(b"\x0c\x00\x01\x00no such\0");
        let cases: [(u8, Stage, Vec<u8>); 8] = [
            (25, Stage::Request, message(0x10, 5, b"\x08\x00\x01\x00\xde\xad\xbe\xef")),
            (25, Stage::Receive, message(0x11, 1, b"\x08\x00\x02\x00\xd0\x07\x00\x00")),
            (25, Stage::Reply, message(2, 0x300, &error)),
            (25, Stage::Reply, message(2, 0x100, &[0; 20])),
            (25, Stage::Request, message(0, 0, b"Hello \x1b[31m\xe2\x80\xae there\0\0\0\0")),
            (0, Stage::Request, message(18, 0x301, &[0x5a; 40])),
            (15, Stage::Broadcast, b"add@/devices/virtual/net/dummy0\0ACTION=add\0".to_vec()),
            (12, Stage::Request, [message(16, 1, b"\0\0\0\x0a"), message(0xa00, 0x401, b"")].concat()),
        ];
        for (index, (family, stage, datagram)) in (0u64..).zip(&cases) {
            let mut event = event(*family, *stage, datagram);
            event.ts_ns += index * 1_234_567;
            match event.stage {
                Stage::Receive => event.ret = None,
                Stage::Reply => event.ret = Some(-11),
                _ => {}
            }
            if *family == 12 {
                event.place.of = Some(2);
                event.len = 20;
            }
            lines.write(&mut out, &event);
        }
        String::from_utf8(out.rest(0)).unwrap()
    }

    #[test]
    fn text_is_as_it_was_approved() {
        assert_eq!(lines(Charset::Utf8), include_str!("snapshots/trace.txt"));
    }

    /// The line of a message, and where in it the column ends that has `value`.
    fn end_of(value: &str, family: u8, nlmsg_type: u16, nlmsg_flags: u16) -> (usize, String) {
        let datagram = message(nlmsg_type, nlmsg_flags, b"");
        let mut out = Buffer::default();
        let mut lines = TraceText::new(1_234_000_000, Charset::Utf8, Decoder::default());
        lines.write(&mut out, &event(family, Stage::Request, &datagram));
        let line = String::from_utf8(out.rest(0)).unwrap();
        (line.find(value).unwrap() + value.len(), line)
    }

    #[test]
    fn columns_hold_whatever_is_in_them() {
        let mut out = Buffer::default();
        trace_heading(&mut out);
        let heading = String::from_utf8(out.rest(0)).unwrap();
        let end = |name: &str| heading.find(name).unwrap() + name.len();
        // The message's sequence number is 7; the socket and the process are the event's.
        let common = [
            (0, 16, 0x605),            // NEWLINK REQUEST|ACK|EXCL|CREATE
            (0, 24, 0x505),            // NEWROUTE REQUEST|ACK|REPLACE|CREATE
            (12, 10 << 8 | 16, 0x1),   // nftables/GETGEN
            (12, 10 << 8 | 12, 0xc05), // nftables/NEWSETELEM REQUEST|ACK|CREATE|APPEND
            (4, 20, 0x301),            // SOCK_DIAG_BY_FAMILY REQUEST|DUMP
            (12, 2 << 8 | 3, 0x301),   // ctnetlink_exp/EXP_GET_STATS_CPU REQUEST|DUMP
        ];
        for (family, nlmsg_type, flags) in common {
            let (found, line) = end_of(" 7 ", family, nlmsg_type, flags);
            assert_eq!(found, end("SEQ") + 1, "{line}");
        }
        // Wider than its column: what follows makes room for it.
        let (found, line) = end_of(" 7 ", 12, 10 << 8 | 33, 0x70d);
        assert_eq!(found, end("SEQ") + 1, "{line}");
    }

    #[test]
    fn ascii_means_ascii() {
        let text = lines(Charset::Ascii);
        assert!(text.is_ascii() && !text.contains('\x1b'), "{text}");
    }
}
