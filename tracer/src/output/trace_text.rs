//! `trace` for people: a line for each message.

use nltrace_common::{Event, flags};

use super::{
    Buffer, Charset,
    scan::is_text,
    trace_json::{comm, error_of},
    units::duration,
};
use crate::{
    decode::{Attributes, Details, Family, Flags, Message, NltestAttribute, TypeName, Value, errno_name},
    model::Stage,
};

/// Widths of the columns, in their order; the last, the payload, has what is left.
mod width {
    pub(super) const SECONDS: usize = 11;
    pub(super) const EVENT: usize = 8;
    pub(super) const FAMILY: usize = 10;
    pub(super) const TYPE: usize = 13;
    pub(super) const FLAGS: usize = 16;
    pub(super) const SEQ: usize = 10;
    pub(super) const PORTID: usize = 10;
    pub(super) const PID: usize = 7;
    pub(super) const COMM: usize = 16;
    pub(super) const LEN: usize = 6;
    pub(super) const LATENCY: usize = 8;
    pub(super) const RET: usize = 8;
}

/// Appends what stands over the columns, with its line break.
pub fn trace_heading(out: &mut Buffer) {
    out.right("SECONDS", width::SECONDS);
    out.column("EVENT", width::EVENT);
    out.column("FAMILY", width::FAMILY);
    out.column("TYPE", width::TYPE);
    out.column("FLAGS", width::FLAGS);
    out.right("SEQ", width::SEQ);
    out.right("PORTID", width::PORTID);
    out.right("PID", width::PID);
    out.column("COMM", width::COMM);
    out.right("LEN", width::LEN);
    out.right("LATENCY", width::LATENCY);
    out.column("RET", width::RET);
    out.raw(
        b"PAYLOAD
",
    );
}

/// Bytes of a payload that are shown in hexadecimal, and of text.
const HEX_BYTES: usize = 24;
const TEXT_BYTES: usize = 64;

/// Appends the line of an event, with its line break. Times are counted from `start_ns`.
pub fn trace_text(out: &mut Buffer, event: &Event, captured: &[u8], start_ns: u64, charset: Charset) {
    let family = Family::from_number(event.family);
    let message = Message::parse(family, captured, event.datagram_len);
    let details = Details::of(family, &message);

    let since = event.ts_ns.saturating_sub(start_ns);
    out.right(&format!("{}.{:06}", since / 1_000_000_000, since / 1_000 % 1_000_000), width::SECONDS);
    out.column(Stage::from_number(event.stage).map_or("?", Stage::event_name), width::EVENT);
    out.column(&family.label(), width::FAMILY);
    match message.header {
        Some(header) => {
            let text = TypeName::of(family, header.nlmsg_type)
                .map_or_else(|| header.nlmsg_type.to_string(), |name| name.to_string());
            out.column(&text, width::TYPE);
            out.column(&flag_text(Flags::new(family, header.nlmsg_type, header.flags)), width::FLAGS);
            out.right(&header.seq.to_string(), width::SEQ);
        }
        None => {
            out.column("-", width::TYPE);
            out.column("-", width::FLAGS);
            out.right("-", width::SEQ);
        }
    }
    out.right(&event.portid.to_string(), width::PORTID);
    out.right(&event.tgid.to_string(), width::PID);
    let columns = out.terminal_text(comm(event), charset);
    out.spaces(width::COMM.saturating_sub(columns).max(1));
    out.right(&message.header.map_or(event.datagram_len, |header| header.len).to_string(), width::LEN);
    out.right(&duration(event.latency_ns, charset), width::LATENCY);
    out.column(&result(event), width::RET);
    preview(out, &message, event, details, charset);
    out.raw(b"\n");
}

fn flag_text(mut flags: Flags) -> String {
    let mut text = flags.by_ref().collect::<Vec<_>>().join("|");
    let unnamed = flags.unnamed();
    if unnamed != 0 {
        let bar = if text.is_empty() { "" } else { "|" };
        text.push_str(&format!("{bar}{unnamed:#x}"));
    }
    if text.is_empty() { "-".to_owned() } else { text }
}

/// What the function returned: a number, the name of an error, or nothing for a function that returns nothing.
fn result(event: &Event) -> String {
    if event.flags & flags::HAS_RET == 0 {
        return "-".to_owned();
    }
    let error = error_of(event, None).and_then(errno_name);
    error.map_or_else(|| event.ret.to_string(), str::to_owned)
}

/// What the message says, as far as it is understood, and otherwise its bytes.
fn preview(
    out: &mut Buffer,
    message: &Message<'_>,
    event: &Event,
    details: Option<Details<'_>>,
    charset: Charset,
) {
    match details {
        Some(Details::Error { error: 0, .. }) => out.raw(b"acknowledged"),
        Some(Details::Error { error, extack, .. }) => {
            let name = errno_name(error.unsigned_abs());
            out.raw(name.map_or_else(|| error.to_string(), str::to_owned).as_bytes());
            if let Some(extack) = extack {
                out.raw(b" ");
                quoted(out, extack, charset);
            }
        }
        Some(Details::Text(text)) => quoted(out, text, charset),
        Some(Details::Nltest(attributes)) => write_attributes(out, attributes, charset),
        Some(Details::Generic { cmd, version }) => {
            out.raw(format!("cmd={cmd} version={version} ").as_bytes());
            bytes(out, message.payload.get(4..).unwrap_or_default(), charset);
        }
        None => bytes(out, message.payload, charset),
    }
    match message.messages {
        Some(0 | 1) => {}
        Some(2) => out.raw(b" (+1 message)"),
        Some(messages) => out.raw(format!(" (+{} messages)", messages - 1).as_bytes()),
        None if message.header.is_some() => {
            out.raw(format!(" (+ messages, {} bytes in all)", event.datagram_len).as_bytes());
        }
        None => {}
    }
}

fn write_attributes(out: &mut Buffer, attributes: Attributes<'_>, charset: Charset) {
    for (index, attribute) in attributes.filter_map(NltestAttribute::of).enumerate() {
        if index != 0 {
            out.raw(b" ");
        }
        out.raw(attribute.name.as_bytes());
        out.raw(b"=");
        match attribute.value {
            Value::Number(number) => out.number(number),
            Value::Text(text) => quoted(out, text, charset),
            Value::Binary(value) if is_text(value) => quoted(out, value, charset),
            Value::Binary(value) => bytes(out, value, charset),
        }
    }
}

fn quoted(out: &mut Buffer, text: &[u8], charset: Charset) {
    out.raw(b"\"");
    out.terminal_text(&text[..text.len().min(TEXT_BYTES)], charset);
    out.raw(b"\"");
    ellipsis(out, text.len() > TEXT_BYTES, charset);
}

fn bytes(out: &mut Buffer, bytes: &[u8], charset: Charset) {
    out.hex(&bytes[..bytes.len().min(HEX_BYTES)]);
    ellipsis(out, bytes.len() > HEX_BYTES, charset);
}

fn ellipsis(out: &mut Buffer, more: bool, charset: Charset) {
    if more {
        out.raw(if charset == Charset::Utf8 { "…".as_bytes() } else { b"..." });
    }
}

#[cfg(test)]
mod tests {
    use nltrace_common::stage;

    use super::*;
    use crate::output::trace_json::tests::{event, message};

    fn lines(charset: Charset) -> String {
        let mut out = Buffer::default();
        trace_heading(&mut out);
        let mut error = (-2i32).to_ne_bytes().to_vec();
        error.extend(message(0x14, 5, b""));
        error.extend(b"\x0c\x00\x01\x00no such\0");
        let cases: [(u8, u8, Vec<u8>); 8] = [
            (25, stage::REQUEST, message(0x10, 5, b"\x08\x00\x01\x00\xde\xad\xbe\xef")),
            (25, stage::RECEIVE, message(0x11, 1, b"\x08\x00\x02\x00\xd0\x07\x00\x00")),
            (25, stage::REPLY, message(2, 0x300, &error)),
            (25, stage::REPLY, message(2, 0x100, &[0; 20])),
            (25, stage::REQUEST, message(0, 0, b"Hello \x1b[31m\xe2\x80\xae there\0\0\0\0")),
            (0, stage::REQUEST, message(18, 0x301, &[0x5a; 40])),
            (15, stage::BROADCAST, b"add@/devices/virtual/net/dummy0\0ACTION=add\0".to_vec()),
            (12, stage::REQUEST, [message(16, 1, b"\0\0\0\x0a"), message(0xa00, 0x401, b"")].concat()),
        ];
        for (index, (family, stage, datagram)) in (0u64..).zip(&cases) {
            let mut event = event(*family, *stage, datagram.len() as u32);
            event.ts_ns += index * 1_234_567;
            match event.stage {
                stage::RECEIVE => event.flags = 0,
                stage::REPLY => event.ret = -11,
                _ => {}
            }
            trace_text(&mut out, &event, datagram, 1_234_000_000, charset);
        }
        String::from_utf8(out.rest(0)).unwrap()
    }

    #[test]
    fn text_is_as_it_was_approved() {
        assert_eq!(lines(Charset::Utf8), include_str!("snapshots/trace.txt"));
    }

    #[test]
    fn ascii_means_ascii() {
        let text = lines(Charset::Ascii);
        assert!(text.is_ascii() && !text.contains('\x1b'), "{text}");
    }
}
