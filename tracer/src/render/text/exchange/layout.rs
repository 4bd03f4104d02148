//! How lines look: columns that hold, and what there is no room for below.

use terminal::{Charset, Theme};

use crate::render::buffer::Buffer;

/// Columns of what stands before the request.
pub(super) const SECONDS: usize = 11;
const PROCESS: usize = 18;
const FAMILY: usize = 9;

/// How far to the right the values of a message are.
pub(super) const TREE_DEPTH: usize = (SECONDS + 5) / 2;

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

/// How a line begins.
pub(super) struct Head {
    pub(super) ts_ns: u64,
    pub(super) who: String,
    pub(super) family: String,
}

/// What a line says behind the family.
#[derive(Default)]
pub(super) struct Said {
    /// What was asked or told.
    pub(super) request: String,
    /// What came of it.
    pub(super) outcome: String,
    /// What there is to say about that.
    pub(super) more: Vec<String>,
    /// Whether it is bad.
    pub(super) is_bad: bool,
    /// How long it took, and where most of that went.
    pub(super) time: Option<String>,
    /// What there is to say about that.
    pub(super) why: Option<String>,
}

/// Puts lines together.
#[derive(Debug)]
pub(super) struct Layout {
    /// Times are counted from here.
    pub(super) start_ns: u64,
    pub(super) style: ExchangeStyle,
}

impl Layout {
    /// Puts a line together, and more for what there is no room for. Returns how many lines that are.
    pub(super) fn line(&self, out: &mut Buffer, head: &Head, said: &Said) -> u64 {
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

    pub(super) fn seconds(&self, ts_ns: u64) -> String {
        let since = ts_ns.saturating_sub(self.start_ns);
        let text = format!("{}.{:06}", since / 1_000_000_000, since / 1_000 % 1_000_000);
        format!("{text:>SECONDS$}")
    }

    /// Columns that are left behind so many.
    pub(super) fn columns_behind(&self, taken: usize) -> Option<usize> {
        self.style.columns.map(|columns| columns.saturating_sub(taken))
    }
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
pub(super) fn shortened(text: &str, room: Option<usize>, charset: Charset) -> String {
    let Some(room) = room.filter(|room| columns(text) > *room) else { return text.to_owned() };
    let kept = room.saturating_sub(columns(charset.ellipsis()));
    let kept: String = text.chars().take(kept).collect();
    kept.trim_end().to_owned() + charset.ellipsis()
}
