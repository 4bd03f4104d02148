//! `trace` for people: who asked what, what came back, how long it took and where most of that went, in a
//! line that one reads aloud.

mod drop;
mod outcome;
#[cfg(test)]
mod tests;
mod time;

use netlink_specs::Direction as Way;
use netlink_wire::until_nul;
use nltrace_common::Context;
use terminal::{Charset, Theme, escape, units::grouped};

use super::{
    trace::{quoted, write_fields, write_status},
    tree::tree_text,
    words::{Limits, Style, words},
};
use crate::{
    decode::{Decoded, Family, TypeName, group_name, tree::Decoder},
    model::{
        AskerKind, LostEvents, Thread,
        drops::DropRow,
        exchange::{Delivered, Direction, Exchange, ExchangeTotals, Line, Sent, Unasked},
    },
    options::Matching,
    render::{Surroundings, buffer::Buffer, decoding::Decoding},
};

pub(in crate::render) use time::unit;

/// Columns of what stands before the request.
const SECONDS: usize = 11;
const PROCESS: usize = 18;
const FAMILY: usize = 9;

/// How far to the right the values of a message are.
const TREE_DEPTH: usize = (SECONDS + 5) / 2;

/// Columns that a request has at least and at most on a terminal, and without one.
const LEAST_REQUEST: usize = 20;
const MOST_REQUEST: usize = 48;
const REQUEST: usize = 32;

/// Columns of what came of it, and of the time.
const OUTCOME: usize = 12;
const TIME: usize = 15;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeStyle {
    /// Colours and characters.
    pub theme: Theme,
    /// Columns of the terminal; None: there is none, and lines are as long as they are.
    pub columns: Option<usize>,
    /// Whether to say on whose behalf requests are made.
    pub who: bool,
    /// Whether to show the values of messages, one a line.
    pub tree: bool,
}

/// Appends what stands over the lines, with its line break.
pub fn exchange_heading(out: &mut Buffer, style: ExchangeStyle) {
    let request = style.request();
    let heading = format!(
        "{:>SECONDS$}  {:PROCESS$} {:FAMILY$} {:request$}  {:OUTCOME$}  TIME\n",
        "SECONDS", "PROCESS", "FAMILY", "REQUEST", "OUTCOME"
    );
    out.raw(heading.as_bytes());
}

impl ExchangeStyle {
    /// Columns of a request.
    fn request(self) -> usize {
        let others = SECONDS + 2 + PROCESS + 1 + FAMILY + 1 + 2 + OUTCOME + 2 + TIME;
        self.columns
            .map_or(REQUEST, |columns| columns.saturating_sub(others).clamp(LEAST_REQUEST, MOST_REQUEST))
    }
}

/// Writes lines.
#[derive(Debug)]
pub struct ExchangeText {
    /// Times are counted from here.
    start_ns: u64,
    style: ExchangeStyle,
    decoding: Decoding,
}

/// How a line begins.
struct Head {
    ts_ns: u64,
    who: String,
    family: String,
}

/// What a line says behind the family.
#[derive(Default)]
struct Said {
    /// What was asked or told.
    request: String,
    /// What came of it.
    outcome: String,
    /// What there is to say about that.
    more: Vec<String>,
    /// Whether it is bad.
    is_bad: bool,
    /// How long it took, and where most of that went.
    time: Option<String>,
    /// What there is to say about that.
    why: Option<String>,
}

impl ExchangeText {
    /// Lines with times counted from `start_ns`.
    pub fn new(start_ns: u64, style: ExchangeStyle, decoder: Decoder) -> Self {
        Self { start_ns, style, decoding: Decoding::new(decoder) }
    }

    /// Appends a line, and those that belong to it, with their line breaks. Returns how many there are.
    pub fn write(&mut self, out: &mut Buffer, line: &Line, around: &mut dyn Surroundings) -> u64 {
        match line {
            Line::Exchange(exchange) => self.exchange(out, exchange, around),
            Line::Unasked(unasked) => self.unasked(out, unasked),
        }
    }

    /// Appends a line of drops that are alike: who missed what. Returns how many lines that are.
    pub fn dropped(&self, out: &mut Buffer, row: &DropRow) -> u64 {
        let theme = self.style.theme;
        let said = Said {
            request: drop::what(row),
            outcome: drop::outcome(row),
            more: drop::more(row, theme),
            is_bad: true,
            ..Said::default()
        };
        let family = row.family.map_or_else(|| "any".to_owned(), Family::label);
        let head =
            Head { ts_ns: row.first_ts_ns.unwrap_or(row.last_ts_ns), who: drop::who(row, theme), family };
        self.line(out, &head, &said)
    }

    /// Appends a line that says that calls were lost. Returns how many lines that are.
    pub fn lost(&self, out: &mut Buffer, lost: &LostEvents) -> u64 {
        let calls = if lost.count == 1 { "call was" } else { "calls were" };
        let text = format!("{} {calls} lost", grouped(lost.count));
        out.raw(format!("{}  {}\n", self.seconds(lost.to_ns), self.style.theme.bad(&text)).as_bytes());
        1
    }

    /// Whether something is in the words of a line's messages.
    pub fn has(&mut self, line: &Line, matching: &Matching) -> bool {
        let mut is_in = |sent: &Sent, way| matching.is_in(&self.words(sent, way, Limits::LONG));
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
        let mut asked = self.words(request, Way::Request, Limits::SHORT);
        if let Some(of @ 2..) = request.place.of {
            asked.push_str(&format!(" ({} of {of})", request.place.index + 1));
        }
        let (outcome, more) = outcome::outcome(exchange, self.decoding.decoder(), self.style.theme);
        let (time, why) = time::time(exchange, self.style.theme, around);
        let is_bad = exchange.outcome.is_failure()
            || exchange.answers.interrupted != 0
            || exchange.answers.dropped != 0;
        let mut lines =
            self.line(out, &self.head(request), &Said { request: asked, outcome, more, is_bad, time, why });
        if self.style.who {
            out.raw(format!("{:SECONDS$}  {}\n", "", self.whose(request, around)).as_bytes());
            lines += 1;
        }
        lines += self.tree(out, request, Way::Request);
        for answer in exchange.answer_messages.iter().flatten() {
            let text = self.words(answer, Way::Reply, Limits::SHORT);
            let text = shortened(&text, self.columns_behind(SECONDS + 5), self.style.theme.charset());
            out.raw(format!("{:SECONDS$}  <- {text}\n", "").as_bytes());
            lines += 1 + self.tree(out, answer, Way::Reply);
        }
        lines
    }

    fn unasked(&mut self, out: &mut Buffer, unasked: &Unasked) -> u64 {
        let message = &unasked.message;
        let way = way_of(unasked);
        let words = self.words(message, way, Limits::SHORT);
        let verb = if unasked.is_notification() { "notify" } else { "message" };
        let (outcome, more) = reached(unasked);
        let said = Said {
            request: format!("{verb} {words}"),
            outcome,
            more,
            is_bad: unasked.dropped.is_some_and(|dropped| dropped != 0),
            time: time::cause(unasked),
            why: None,
        };
        let lines = self.line(out, &self.head(message), &said) + self.tree(out, message, way);
        for delivered in unasked.deliveries.iter().flatten() {
            out.raw(format!("{:SECONDS$}  -> {}\n", "", self.delivered(delivered)).as_bytes());
        }
        lines + unasked.deliveries.as_ref().map_or(0, Vec::len) as u64
    }

    /// `networkd[612] socket 20154: queued, read after 20 µs`
    fn delivered(&self, delivered: &Delivered) -> String {
        let theme = self.style.theme;
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
        let charset = self.style.theme.charset();
        let mut parts = Vec::new();
        parts.extend(request.uid.map(|uid| format!("uid {uid}")));
        let group = request.cgroup.and_then(|number| around.cgroup(number)).map(str::to_owned);
        parts.extend(group.map(|path| escaped(time::unit(&path).as_bytes(), charset)));
        parts.push(format!("netns {}", time::netns(request.netns, around, charset)));
        parts.extend(request.socket_inode.map(|inode| format!("socket {inode}")));
        parts.push(format!("port {}", request.portid));
        if let Some(asker) = &request.asker {
            parts.extend(match asker.kind {
                AskerKind::Process => None,
                AskerKind::Kernel => Some("a thread of the kernel".to_owned()),
                AskerKind::IoWorker => Some("a worker of io_uring".to_owned()),
            });
            parts.extend(asker.executable.as_deref().map(|path| escaped(path, charset)));
            parts.extend(asker.parent.map(|parent| {
                format!("child of {}[{}]", escaped(until_nul(&parent.comm), charset), parent.pid)
            }));
        }
        parts.join(", ")
    }

    /// Puts a line together, and more for what there is no room for. Returns how many lines that are.
    fn line(&self, out: &mut Buffer, head: &Head, said: &Said) -> u64 {
        let ExchangeStyle { theme, columns: width, .. } = self.style;
        let request_columns = self.style.request();
        let request = match width {
            Some(_) => shortened(&said.request, Some(request_columns), theme.charset()),
            None => said.request.clone(),
        };
        let start = format!("{}  {}", self.seconds(head.ts_ns), head.who);
        // What is wider than its column takes the room that those behind it can spare.
        let start = padded(&start, SECONDS + 2 + PROCESS) + " " + &head.family;
        let start = padded(&start, SECONDS + 2 + PROCESS + 1 + FAMILY);
        let start = format!("{start} {}  ", padded(&request, request_columns));
        let mut time = said.time.as_deref().unwrap_or_default();
        let room = width.map_or(usize::MAX, |width| width.saturating_sub(columns(&start)));
        if columns(&said.outcome).max(OUTCOME) + 2 + columns(time) > room {
            // Where the time went says less than what came of it.
            time = time.split(',').next().unwrap_or_default();
        }
        let behind = if time.is_empty() { 0 } else { 2 + columns(time) };
        let fits = |outcome: &str, time: usize| columns(outcome).max(OUTCOME).saturating_add(time) <= room;
        let mut below = Vec::new();
        let long = said.more.iter().fold(said.outcome.clone(), |long, more| joined(&long, more));
        let outcome = if fits(&long, behind) {
            long
        } else {
            below.extend(said.more.iter().map(String::as_str));
            shortened(&said.outcome, Some(room.saturating_sub(behind).max(1)), theme.charset())
        };
        let mut time = time.to_owned();
        if let Some(why) = &said.why {
            let long = format!("{}: {why}", time.trim_end_matches(", lock"));
            if fits(&outcome, 2 + columns(&long)) { time = long } else { below.push(why) }
        }
        let fill = OUTCOME.saturating_sub(columns(&outcome));
        let coloured = if said.is_bad { theme.bad(&outcome) } else { outcome };
        let line = if time.is_empty() { coloured } else { format!("{coloured}{:fill$}  {time}", "") };
        out.raw(start.as_bytes());
        out.raw(line.as_bytes());
        out.raw(b"\n");
        let mut lines = 1;
        let room = self.columns_behind(SECONDS + 4);
        let mut below = below.into_iter().peekable();
        while let Some(first) = below.next() {
            let mut text = first.to_owned();
            let fits =
                |text: &str, next: &str| room.is_none_or(|room| columns(text) + 2 + columns(next) <= room);
            while let Some(next) = below.next_if(|next| fits(&text, next)) {
                text = format!("{text}, {next}");
            }
            let text = shortened(&text, room, theme.charset());
            out.raw(format!("{:indent$}{text}\n", "", indent = SECONDS + 4).as_bytes());
            lines += 1;
        }
        lines
    }

    fn seconds(&self, ts_ns: u64) -> String {
        let since = ts_ns.saturating_sub(self.start_ns);
        let text = format!("{}.{:06}", since / 1_000_000_000, since / 1_000 % 1_000_000);
        format!("{text:>SECONDS$}")
    }

    /// Columns that are left behind so many.
    fn columns_behind(&self, taken: usize) -> Option<usize> {
        self.style.columns.map(|columns| columns.saturating_sub(taken))
    }

    /// How the line of a message begins.
    fn head(&self, sent: &Sent) -> Head {
        Head { ts_ns: sent.ts_ns, who: self.process(sent), family: sent.family.label() }
    }

    /// Who sent it: a softirq has nothing to do with the thread that it runs on top of.
    fn process(&self, sent: &Sent) -> String {
        match sent.context {
            Some(Context::Softirq) => "softirq".to_owned(),
            _ => named(sent.who, self.style.theme.charset()),
        }
    }

    /// A message's type and what it says.
    fn words(&mut self, sent: &Sent, way: Way, limits: Limits) -> String {
        let (family, charset) = (sent.family, self.style.theme.charset());
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
                    let style = Style { charset, interfaces: &(), limits };
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
    fn tree(&mut self, out: &mut Buffer, sent: &Sent, way: Way) -> u64 {
        if !self.style.tree {
            return 0;
        }
        let style = Style { charset: self.style.theme.charset(), interfaces: &(), limits: Limits::LONG };
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
        let generic = self.decoding.decoder().generic.name(number).filter(|_| family == Family::GENERIC);
        match generic {
            Some(name) => escaped(name.as_bytes(), self.style.theme.charset()),
            None => type_name(family, number),
        }
    }
}

/// A type of message in small letters, or its number.
fn type_name(family: Family, number: u16) -> String {
    let name = TypeName::of(family, number);
    name.map_or_else(|| format!("type {number}"), |name| name.to_string().to_lowercase())
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
fn reached(unasked: &Unasked) -> (String, Vec<String>) {
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
    let name = group_name(unasked.message.family, group);
    let name = name.map_or_else(|| format!("group {group}"), |name| format!("group {name}"));
    let is_heard = unasked.listeners != Some(0);
    (listeners, dropped.into_iter().chain(is_heard.then_some(name)).collect())
}

/// An outcome and what there is to say about it.
fn joined(outcome: &str, more: &str) -> String {
    let comma = if more.starts_with(['"', '(']) { "" } else { "," };
    format!("{outcome}{comma} {more}")
}

/// A text with spaces behind it.
fn padded(text: &str, width: usize) -> String {
    format!("{text}{:fill$}", "", fill = width.saturating_sub(columns(text)))
}

fn columns(text: &str) -> usize {
    text.chars().count()
}

/// As much of a text as there is room for.
fn shortened(text: &str, room: Option<usize>, charset: Charset) -> String {
    let Some(room) = room.filter(|room| columns(text) > *room) else { return text.to_owned() };
    let kept = room.saturating_sub(columns(charset.ellipsis()));
    let kept: String = text.chars().take(kept).collect();
    kept.trim_end().to_owned() + charset.ellipsis()
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
