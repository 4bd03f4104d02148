//! `trace`: exchanges, notifications and messages that answer nothing.

use std::{io::IsTerminal as _, path::PathBuf};

use terminal::{Theme, columns};

use super::{Renderer, calls::report_text};
use crate::{
    commands::around::Around,
    decode::{
        Family,
        tree::{Decoder, GENL_ID_CTRL},
    },
    model::{
        Call, Event, LostEvents, Messages, Report,
        drops::DropRow,
        exchange::{ExchangeTotals, Exchanges, Followed, Line, Wanted},
    },
    options::{ExchangeOptions, Matching, Netns, TraceOptions},
    render::{
        Buffer,
        json::{ExchangeJson, Start, lost_json, start_json, trace_summary_json},
        text::{ExchangeStyle, ExchangeText, exchange_heading, exchanges_line},
    },
    source::{learn_families, recording::Learned},
};

impl Around {
    /// What is wanted of exchanges.
    pub(super) fn wanted(
        &self,
        options: &TraceOptions,
        exchanges: &ExchangeOptions,
    ) -> anyhow::Result<Wanted> {
        let netns = exchanges.netns.as_ref().map(|netns| self.inode_of(netns)).transpose()?;
        let cgroups = exchanges.cgroup.as_ref().map(|path| self.cgroups_below(path)).transpose()?;
        let least = exchanges.min_latency.map(|least| u64::try_from(least.as_nanos()).unwrap_or(u64::MAX));
        Ok(Wanted {
            filter: options.capture.filter.clone(),
            netns,
            cgroups,
            errors: exchanges.errors,
            min_latency_ns: least,
            which: exchanges.which,
            followed: Followed::default(),
        })
    }
}

/// Whether the kernel says something about generic netlink's families, as far as the first message shows.
fn is_of_nlctrl(call: &Call<'_>) -> bool {
    let is_first = || call.captured.get(4..6).is_some_and(|number| number == GENL_ID_CTRL.to_ne_bytes());
    call.family == Family::GENERIC && !call.stage.is_of_request() && is_first()
}

/// Exchanges as JSON, an object a line, or as lines of text.
pub(super) struct Exchanging {
    exchanges: Exchanges,
    /// Whether answers are shown; they are kept as well where something is looked for in them.
    answers: bool,
    matching: Option<Matching>,
    wanted: Wanted,
    totals: ExchangeTotals,
    /// Exchanges that the programs left out.
    left_out: u64,
    around: Around,
    /// None: text.
    json: Option<ExchangeJson>,
    text: ExchangeText,
    style: ExchangeStyle,
    /// The first line of JSON.
    start: Buffer,
    /// What is asked for by names, which a recording may tell later.
    asked: (Option<Netns>, Option<PathBuf>),
}

impl Exchanging {
    pub(super) fn new(
        options: &TraceOptions,
        exchanges: &ExchangeOptions,
        facts: &Start,
        (model, wanted, around): (Exchanges, Wanted, Around),
        decoder: Decoder,
    ) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let style = ExchangeStyle {
            theme: Theme::from_environment(is_terminal),
            columns: is_terminal.then(columns).flatten(),
            who: exchanges.who,
            tree: exchanges.tree,
        };
        let mut start = Buffer::default();
        if options.json {
            start_json(&mut start, facts, &options.capture, exchanges);
        }
        Self {
            exchanges: model,
            answers: exchanges.answers,
            matching: exchanges.matching.clone(),
            wanted,
            totals: ExchangeTotals::default(),
            left_out: 0,
            around,
            json: options.json.then(|| ExchangeJson::new(decoder.clone())),
            text: ExchangeText::new(facts.monotonic_ns, style, decoder),
            style,
            start,
            asked: (exchanges.netns.clone(), exchanges.cgroup.clone()),
        }
    }

    /// Learns from what nlctrl says, whoever asked, which family has which number; the one that is wanted may
    /// be among them.
    fn learn_families(&mut self, datagram: &[u8]) {
        let decoder = match &mut self.json {
            Some(json) => json.decoder_mut(),
            None => self.text.decoder_mut(),
        };
        let mut families = std::mem::take(&mut decoder.generic);
        learn_families(&mut families, decoder, datagram);
        // While it has no number, nothing is wanted.
        let _ = self.wanted.filter.resolve(&families);
        decoder.generic = families;
    }

    /// What became of exchanges.
    pub(super) fn totals(&self) -> ExchangeTotals {
        let counts = self.exchanges.counts();
        ExchangeTotals {
            filtered: self.totals.filtered.wrapping_add(self.left_out),
            expired: counts.expired,
            alone: counts.alone,
            ..self.totals
        }
    }

    /// Whether a family of generic netlink is asked for that nobody has seen.
    pub(super) fn is_awaited(&self) -> bool {
        self.wanted.filter.is_awaited()
    }

    /// Takes what is complete from the model, and writes what is wanted of it.
    fn write(&mut self, out: &mut Buffer, take: impl FnOnce(&mut Exchanges, &mut dyn FnMut(Line))) -> u64 {
        let Self { exchanges, answers, matching, wanted, totals, around, json, text, .. } = self;
        let mut lines = 0;
        take(exchanges, &mut |mut line| {
            let is_found = matching.as_ref().is_none_or(|matching| text.has(&line, matching, around));
            if !totals.count(&line, is_found && wanted.passes(&line)) {
                return;
            }
            if let Line::Exchange(exchange) = &mut line
                && !*answers
            {
                exchange.answer_messages = None;
            }
            lines += match json {
                Some(json) => {
                    json.write(out, &line, around);
                    1
                }
                None => text.write(out, &line, around),
            };
        });
        lines
    }

    /// A report in which what was left out counts as filtered.
    fn refiltered(&self, report: &Report) -> Report {
        let left_out = self.totals.filtered_messages;
        let messages = report.messages.map(|messages| {
            let left_out = left_out.min(messages.shown);
            let filtered = messages.filtered.wrapping_add(left_out);
            Messages { shown: messages.shown - left_out, filtered, ..messages }
        });
        Report { messages, ..report.clone() }
    }
}

impl Renderer for Exchanging {
    const WAITING_BYTES: usize = 4 << 20;

    fn heading(&mut self, out: &mut Buffer) {
        match self.json {
            Some(_) => out.raw(&self.start.rest(0)),
            None => exchange_heading(out, self.style),
        }
    }

    fn event(&mut self, out: &mut Buffer, event: &Event<'_>) -> u64 {
        match event {
            Event::Fork(fork) => self.wanted.followed.add(fork),
            // What the kernel says of interfaces, whoever asked.
            Event::Call(call) if call.family == Family::ROUTE && !call.stage.is_of_request() => {
                self.around.links.learn(call.netns, call.ts_ns, call.captured);
            }
            Event::Call(call) if is_of_nlctrl(call) => self.learn_families(call.captured),
            _ => {}
        }
        self.write(out, |exchanges, each| exchanges.take(event, each))
    }

    fn tick(&mut self, out: &mut Buffer, now_ns: u64) -> u64 {
        // No message tells of interfaces.
        if !self.wanted.filter.wants_family(Family::ROUTE) {
            self.around.list_interfaces_again(now_ns);
        }
        self.write(out, |exchanges, each| exchanges.tick(now_ns, each))
    }

    fn lost(&mut self, out: &mut Buffer, lost: &LostEvents) -> u64 {
        self.around.lost(lost.to_ns);
        match self.json {
            Some(_) => {
                lost_json(out, lost);
                1
            }
            None => self.text.lost(out, lost),
        }
    }

    fn dropped(&mut self, out: &mut Buffer, row: &DropRow) -> u64 {
        let groups = match self.wanted.cgroups {
            Some(_) => self.around.groups_of(row),
            None => Vec::new(),
        };
        if !self.totals.count_dropped(row, self.wanted.passes_drop(row, &groups)) {
            return 0;
        }
        match &self.json {
            Some(json) => {
                json.dropped(out, row);
                1
            }
            None => self.text.dropped(out, row),
        }
    }

    fn learn(&mut self, learned: &Learned<'_>) {
        if let Learned::Family(message) = learned {
            return self.learn_families(message);
        }
        self.around.learn(learned);
        if !matches!(learned, Learned::Netns(..) | Learned::Cgroup(..)) {
            return;
        }
        let (netns, cgroup) = &self.asked;
        // What is not told yet is nobody's.
        if let Some(netns) = netns {
            self.wanted.netns = self.around.inode_of(netns).ok().or(Some(0));
        }
        if let Some(path) = cgroup {
            self.wanted.cgroups = Some(self.around.cgroups_below(path).unwrap_or_default());
        }
    }

    fn end(&mut self, out: &mut Buffer) -> u64 {
        self.write(out, |exchanges, each| exchanges.finish(each))
    }

    fn report(&mut self, report: &Report) -> String {
        let left_out = report.ledger.further.left_out;
        self.left_out =
            if report.interval.is_some() { self.left_out.wrapping_add(left_out) } else { left_out };
        // Of an interval it is not known which messages of its exchanges will be left out.
        let report = if report.interval.is_none() { self.refiltered(report) } else { report.clone() };
        match &self.json {
            Some(_) => format!("{}\n", trace_summary_json(&report, &self.totals())),
            None => report_text(&report, Some(exchanges_line(&self.totals()))),
        }
    }
}
