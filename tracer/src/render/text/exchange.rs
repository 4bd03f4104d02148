//! `trace` for people: who asked what, what came back, how long it took and where most of that went, in a
//! line that one reads aloud.

mod drop;
mod layout;
mod outcome;
#[cfg(test)]
mod tests;
mod time;

use netlink_specs::Direction as Way;
use netlink_wire::until_nul;
use nltrace_common::Context;
use terminal::{Charset, escape, units::grouped};

use super::{
    trace::{quoted, write_fields, write_status},
    tree::tree_text,
    words::{Limits, Style, words},
};
use crate::{
    decode::{
        Decoded, Family, group_name,
        tree::{Decoder, GenericFamilies},
    },
    model::{
        AskerKind, LostEvents, Thread,
        drops::DropRow,
        exchange::{Delivered, Direction, Exchange, ExchangeTotals, Line, Sent, Unasked},
    },
    options::Matching,
    render::{Surroundings, buffer::Buffer, decoding::Decoding, values::InterfacesAt},
};

use layout::{Head, Layout, SECONDS, Said, TREE_DEPTH, shortened};

pub use layout::{ExchangeStyle, exchange_heading};
pub(in crate::render) use time::unit;

/// Writes lines.
#[derive(Debug)]
pub struct ExchangeText {
    layout: Layout,
    decoding: Decoding,
}

impl ExchangeText {
    /// Lines with times counted from `start_ns`.
    pub fn new(start_ns: u64, style: ExchangeStyle, decoder: Decoder) -> Self {
        Self { layout: Layout { start_ns, style }, decoding: Decoding::new(decoder) }
    }

    /// Appends a line, and those that belong to it, with their line breaks. Returns how many there are.
    pub fn write(&mut self, out: &mut Buffer, line: &Line, around: &mut dyn Surroundings) -> u64 {
        match line {
            Line::Exchange(exchange) => self.exchange(out, exchange, around),
            Line::Unasked(unasked) => self.unasked(out, unasked, around),
        }
    }

    /// What messages are decoded with.
    pub fn decoder_mut(&mut self) -> &mut Decoder {
        self.decoding.decoder_mut()
    }

    /// Appends a line of drops that are alike: who missed what. Returns how many lines that are.
    pub fn dropped(&self, out: &mut Buffer, row: &DropRow) -> u64 {
        let theme = self.layout.style.theme;
        let row = &row.clone().named(&self.decoding.decoder().generic);
        let said = Said {
            request: drop::what(row, theme),
            outcome: drop::outcome(row),
            more: drop::more(row, theme),
            is_bad: true,
            ..Said::default()
        };
        let family = row.family.map_or_else(|| "any".to_owned(), Family::label);
        let head =
            Head { ts_ns: row.first_ts_ns.unwrap_or(row.last_ts_ns), who: drop::who(row, theme), family };
        self.layout.line(out, &head, &said)
    }

    /// Appends a line that says that calls were lost. Returns how many lines that are.
    pub fn lost(&self, out: &mut Buffer, lost: &LostEvents) -> u64 {
        let calls = if lost.count == 1 { "call was" } else { "calls were" };
        let text = format!("{} {calls} lost", grouped(lost.count));
        out.raw(
            format!("{}  {}\n", self.layout.seconds(lost.to_ns), self.layout.style.theme.bad(&text))
                .as_bytes(),
        );
        1
    }

    /// Whether something is in the words of a line's messages.
    pub fn has(&mut self, line: &Line, matching: &Matching, around: &dyn Surroundings) -> bool {
        let mut is_in = |sent: &Sent, way| matching.is_in(&self.words(sent, way, Limits::LONG, around));
        match line {
            Line::Exchange(exchange) => {
                is_in(&exchange.request, Way::Request)
                    || exchange.answer_messages.iter().flatten().any(|answer| is_in(answer, Way::Reply))
            }
            Line::Unasked(unasked) => is_in(&unasked.message, way_of(unasked)),
        }
    }

    fn exchange(&mut self, out: &mut Buffer, exchange: &Exchange, around: &mut dyn Surroundings) -> u64 {
        let request = &exchange.request;
        let mut asked = self.words(request, Way::Request, Limits::SHORT, around);
        if let Some(of @ 2..) = request.place.of {
            asked.push_str(&format!(" ({} of {of})", u64::from(request.place.index) + 1));
        }
        let (outcome, more) = outcome::outcome(exchange, self.decoding.decoder(), self.layout.style.theme);
        let (time, why) = time::time(exchange, self.decoding.decoder(), self.layout.style.theme, around);
        let is_bad = exchange.outcome.is_failure()
            || exchange.answers.interrupted != 0
            || exchange.answers.dropped != 0;
        let mut lines = self.layout.line(
            out,
            &self.head(request),
            &Said { request: asked, outcome, more, is_bad, time, why },
        );
        if self.layout.style.who {
            out.raw(format!("{:SECONDS$}  {}\n", "", self.whose(request, around)).as_bytes());
            lines += 1;
        }
        lines += self.tree(out, request, Way::Request, around);
        for answer in exchange.answer_messages.iter().flatten() {
            let text = self.words(answer, Way::Reply, Limits::SHORT, around);
            let text =
                shortened(&text, self.layout.columns_behind(SECONDS + 5), self.layout.style.theme.charset());
            out.raw(format!("{:SECONDS$}  <- {text}\n", "").as_bytes());
            lines += 1 + self.tree(out, answer, Way::Reply, around);
        }
        lines
    }

    fn unasked(&mut self, out: &mut Buffer, unasked: &Unasked, around: &dyn Surroundings) -> u64 {
        let message = &unasked.message;
        let way = way_of(unasked);
        let words = self.words(message, way, Limits::SHORT, around);
        let verb = if unasked.is_notification() { "notify" } else { "message" };
        let charset = self.layout.style.theme.charset();
        let (outcome, more) = reached(unasked, &self.decoding.decoder().generic, charset);
        let said = Said {
            request: format!("{verb} {words}"),
            outcome,
            more,
            is_bad: unasked.dropped.is_some_and(|dropped| dropped != 0),
            time: time::cause(unasked, self.decoding.decoder(), charset),
            why: None,
        };
        let lines = self.layout.line(out, &self.head(message), &said) + self.tree(out, message, way, around);
        for delivered in unasked.deliveries.iter().flatten() {
            out.raw(format!("{:SECONDS$}  -> {}\n", "", self.delivered(delivered)).as_bytes());
        }
        lines + unasked.deliveries.as_ref().map_or(0, Vec::len) as u64
    }

    /// `networkd[612] socket 20154: queued, read after 20 µs`
    fn delivered(&self, delivered: &Delivered) -> String {
        let theme = self.layout.style.theme;
        let owner = delivered
            .owner
            .map(|owner| format!("{}[{}] ", escaped(until_nul(&owner.comm), theme.charset()), owner.pid));
        let socket = delivered.socket_inode.map_or_else(String::new, |inode| format!("socket {inode}"));
        let result = match (delivered.queued, delivered.queue_ns) {
            (false, _) => theme.bad("dropped, its buffer was full"),
            (true, Some(ns)) => format!("read after {}", theme.duration(ns)),
            (true, None) => "queued".to_owned(),
        };
        format!("{}{socket}: {result}", owner.unwrap_or_default())
    }

    /// Who asked, and from where.
    fn whose(&self, request: &Sent, around: &mut dyn Surroundings) -> String {
        let charset = self.layout.style.theme.charset();
        let mut parts = Vec::new();
        parts.extend(request.uid.map(|uid| format!("uid {uid}")));
        let group = request.cgroup.and_then(|number| around.cgroup(number)).map(str::to_owned);
        parts.extend(group.map(|path| escaped(time::unit(&path).as_bytes(), charset)));
        parts.push(format!("netns {}", time::netns(request.netns, around, charset)));
        parts.extend(request.socket_inode.map(|inode| format!("socket {inode}")));
        parts.push(format!("port {}", request.portid));
        if let Some(asker) = &request.asker {
            parts.extend(match asker.kind {
                None | Some(AskerKind::Process) => None,
                Some(AskerKind::Kernel) => Some("a thread of the kernel".to_owned()),
                Some(AskerKind::IoWorker) => Some("a worker of io_uring".to_owned()),
            });
            parts.extend(asker.executable.as_deref().map(|path| escaped(path, charset)));
            parts.extend(asker.parent.map(|parent| {
                format!("child of {}[{}]", escaped(until_nul(&parent.comm), charset), parent.pid)
            }));
        }
        parts.join(", ")
    }

    /// How the line of a message begins.
    fn head(&self, sent: &Sent) -> Head {
        Head { ts_ns: sent.ts_ns, who: self.process(sent), family: sent.family.label() }
    }

    /// Who sent it: a softirq has nothing to do with the thread that it runs on top of.
    fn process(&self, sent: &Sent) -> String {
        match sent.context {
            Some(Context::Softirq) => "softirq".to_owned(),
            _ => named(sent.who, self.layout.style.theme.charset()),
        }
    }

    /// A message's type and what it says.
    fn words(&mut self, sent: &Sent, way: Way, limits: Limits, around: &dyn Surroundings) -> String {
        let interfaces = InterfacesAt { around, netns: sent.netns, ts_ns: sent.ts_ns };
        let (family, charset) = (sent.family, self.layout.style.theme.charset());
        let message = sent.message();
        let nlmsg_type = message.header.map(|header| header.message_type.0);
        let mut text = self.type_name(family, nlmsg_type);
        let mut said = Buffer::default();
        match Decoded::of(family, &message) {
            Some(Decoded::Status(status)) => {
                write_status(&mut said, &status, charset);
                text.clear();
            }
            Some(Decoded::Text(text)) => quoted(&mut said, text, charset),
            Some(Decoded::Fields(fields)) if family == Family::NLTEST => {
                write_fields(&mut said, fields, charset);
            }
            _ => self.decoding.decode(family, &message, way, |tree| {
                if tree.is_described() {
                    let style = Style { charset, interfaces: &interfaces, limits };
                    words(&mut said, family, nlmsg_type, tree, style);
                } else {
                    super::trace::bytes(&mut said, message.payload, charset);
                }
            }),
        }
        let said = String::from_utf8_lossy(&said.rest(0)).into_owned();
        match (text.is_empty(), said.is_empty()) {
            (false, false) => format!("{text} {said}"),
            _ => text + &said,
        }
    }

    /// Appends the values of a message, one a line, if they are asked for. Returns how many lines that are.
    fn tree(&mut self, out: &mut Buffer, sent: &Sent, way: Way, around: &dyn Surroundings) -> u64 {
        if !self.layout.style.tree {
            return 0;
        }
        let interfaces = InterfacesAt { around, netns: sent.netns, ts_ns: sent.ts_ns };
        let style = Style {
            charset: self.layout.style.theme.charset(),
            interfaces: &interfaces,
            limits: Limits::LONG,
        };
        let mut lines = Buffer::default();
        let message = sent.message();
        self.decoding.decode(sent.family, &message, way, |tree| {
            tree_text(&mut lines, tree, TREE_DEPTH, style);
        });
        let lines = lines.rest(0);
        out.raw(&lines);
        lines.iter().filter(|byte| **byte == b'\n').count() as u64
    }

    /// A type as people say it: its name in small letters.
    fn type_name(&self, family: Family, nlmsg_type: Option<u16>) -> String {
        let Some(number) = nlmsg_type else { return String::new() };
        type_name(self.decoding.decoder(), family, number, self.layout.style.theme.charset())
    }
}

/// A type of message in small letters, or its number.
fn type_name(decoder: &Decoder, family: Family, number: u16, charset: Charset) -> String {
    let name = decoder.generic.type_name(family, number);
    name.map_or_else(|| format!("type {number}"), |name| escaped(name.to_lowercase().as_bytes(), charset))
}

/// `ip[139]`
fn named(who: Thread, charset: Charset) -> String {
    format!("{}[{}]", escaped(who.name(), charset), who.pid)
}

/// Somebody's text, made safe for a terminal.
fn escaped(text: &[u8], charset: Charset) -> String {
    let mut safe = String::new();
    escape::terminal(text, charset, |piece| safe.push_str(piece));
    safe
}

/// Which way a message went that answers nothing.
fn way_of(unasked: &Unasked) -> Way {
    if unasked.direction == Direction::KernelToUser { Way::Reply } else { Way::Request }
}

/// Where a message that answers nothing got, and what there is to say about that.
fn reached(unasked: &Unasked, families: &GenericFamilies, charset: Charset) -> (String, Vec<String>) {
    let number = |count: u32| grouped(count.into());
    let Some(group) = unasked.group else {
        let verb = if unasked.listeners == Some(0) { "dropped" } else { "to" };
        return (format!("{verb} port {}", unasked.message.portid), Vec::new());
    };
    let listeners = match unasked.listeners {
        None => "sent".to_owned(),
        Some(0) if unasked.dropped.is_none_or(|dropped| dropped == 0) => "no listener".to_owned(),
        Some(1) => "1 listener".to_owned(),
        Some(count) => format!("{} listeners", number(count)),
    };
    let dropped =
        unasked.dropped.filter(|dropped| *dropped != 0).map(|dropped| format!("{} dropped", number(dropped)));
    let is_generic = unasked.message.family == Family::GENERIC;
    let name = match is_generic.then(|| families.group_name(group)).flatten() {
        Some(name) => format!("group {}", escaped(name.as_bytes(), charset)),
        None => group_name(unasked.message.family, group)
            .map_or_else(|| format!("group {group}"), |name| format!("group {name}")),
    };
    let is_heard = unasked.listeners != Some(0);
    (listeners, dropped.into_iter().chain(is_heard.then_some(name)).collect())
}

/// What is left to say at the end: what was left out, what nobody answered or read. None where that is
/// nothing.
pub fn exchanges_line(totals: &ExchangeTotals) -> String {
    let ExchangeTotals { shown, filtered, expired, alone, pending, unread, dropped, .. } = *totals;
    let number = |count: u64, one: &str, more: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{} {more}", grouped(count)),
    };
    let mut text = number(shown, "exchange", "exchanges");
    let parts = [
        (filtered, "left out", "left out"),
        (pending, "not answered yet", "not answered yet"),
        (unread, "answer never read", "answers never read"),
        (alone, "answer to a request that was not seen", "answers to requests that were not seen"),
        (expired, "shown before it was over, to make room", "shown before they were over, to make room"),
        (dropped, "message dropped", "messages dropped"),
    ];
    for (count, one, more) in parts.into_iter().filter(|(count, ..)| *count != 0) {
        text.push_str(", ");
        text.push_str(&number(count, one, more));
    }
    text
}
