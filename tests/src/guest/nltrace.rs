//! nltrace in scenarios: what it prints is parsed, and held against the contract each time.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use super::{Json, Output, Program, Running, schema, wait_for};

/// `nltrace` with these words as arguments.
pub(crate) fn nltrace(arguments: &str) -> Program {
    Program::new("nltrace").words(arguments)
}

/// Whether the kernel has sessions that see every call: the first function is there from 6.14 to 6.18, the
/// second since 6.19.
pub(crate) fn has_sessions() -> bool {
    let symbols = fs::read_to_string("/proc/kallsyms").expect("procfs is mounted");
    [" fprobe_entry\n", " fprobe_fgraph_entry\n"].iter().any(|name| symbols.contains(name))
}

/// Starts a capture with nltest's receive function that goes on until it is told to end, and waits until it
/// watches, and listens to signals.
pub(crate) fn capturing(arguments: &str) -> Running {
    let before = probes();
    let running = nltrace(arguments).start().listening();
    assert!(probes() > before, "the receive function is not watched");
    running
}

/// Waits until nobody watches the module's receive function any more.
pub(crate) fn wait_until_unwatched() {
    wait_for("the receive function is not watched any more", || (probes() == 0).then_some(()));
}

/// How many pairs of probes there are on the module's receive function.
fn probes() -> usize {
    let list = fs::read_to_string("/sys/kernel/debug/kprobes/list").expect("debugfs is mounted");
    let ours =
        list.lines().filter(|line| line.contains("test_nl_receive_message") && !line.contains("[GONE]"));
    let kinds: Vec<_> = ours.filter_map(|line| line.split_whitespace().nth(1)).collect();
    let of = |kind| kinds.iter().filter(|other| **other == kind).count();
    of("k").min(of("r"))
}

/// What became of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accounting {
    pub(crate) hits: u64,
    pub(crate) recorded: u64,
    pub(crate) filtered: u64,
    pub(crate) unmatched: u64,
    pub(crate) lost: u64,
}

impl Accounting {
    /// As it is where every call was recorded.
    pub(crate) fn all_recorded(calls: u64) -> Self {
        Self { hits: calls, recorded: calls, filtered: 0, unmatched: 0, lost: 0 }
    }

    /// As it is where some were recorded, and all others filtered out.
    pub(crate) fn filtered(recorded: u64, filtered: u64) -> Self {
        Self { hits: recorded + filtered, recorded, filtered, unmatched: 0, lost: 0 }
    }

    fn of(value: &Value) -> Self {
        let [hits, recorded, filtered, unmatched, lost] =
            ["/hits", "/recorded", "/filtered", "/unmatched", "/lost"].map(|field| value.number(field));
        assert_eq!(hits, recorded + filtered + unmatched + lost, "the accounting must add up: {value}");
        Self { hits, recorded, filtered, unmatched, lost }
    }
}

/// What became of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Messages {
    pub(crate) seen: u64,
    pub(crate) shown: u64,
    pub(crate) filtered: u64,
    pub(crate) lost: u64,
    /// Datagrams that may hold more, and bytes of them that were not seen.
    pub(crate) unseen: (u64, u64),
}

impl Messages {
    fn of(value: &Value) -> Self {
        let [seen, shown, filtered, lost] =
            ["/seen", "/shown", "/filtered", "/lost"].map(|field| value.number(field));
        assert_eq!(seen, shown + filtered + lost, "messages must add up: {value}");
        let unseen = (value.number("/unseen/datagrams"), value.number("/unseen/bytes"));
        Self { seen, shown, filtered, lost, unseen }
    }
}

/// The accounting of an object, in all, and of one hook; zeros for a hook that was never called.
fn accounting(object: &Value, hook: Option<&str>) -> Accounting {
    let whole = object.at("/accounting");
    let Some(hook) = hook else { return Accounting::of(whole) };
    let of_hook = whole.list("/hooks").iter().find(|entry| entry.text("/hook") == hook);
    of_hook.map_or(Accounting::all_recorded(0), Accounting::of)
}

/// The result of `nltrace hist --json`.
#[derive(Debug)]
pub(crate) struct Hist(Value);

impl Hist {
    /// The one object that was printed.
    pub(crate) fn of(output: &Output) -> Self {
        Self::new(output.json())
    }

    /// An object, if it follows the contract.
    pub(crate) fn new(object: Value) -> Self {
        schema::hist(&object);
        Self(object)
    }

    pub(crate) fn json(&self) -> &Value {
        &self.0
    }

    /// In all.
    pub(crate) fn accounting(&self) -> Accounting {
        accounting(&self.0, None)
    }

    /// Of `unicast`, `broadcast` or `receive`.
    pub(crate) fn hook(&self, hook: &str) -> Accounting {
        accounting(&self.0, Some(hook))
    }

    /// The histogram of a stage and type of nltest's family, if there is one.
    pub(crate) fn find(&self, stage: &str, type_name: &str) -> Option<&Value> {
        let mut rows = self.0.list("/histograms").iter().filter(|row| {
            *row.at("/family") == 25 && *row.at("/stage") == stage && *row.at("/type_name") == type_name
        });
        let row = rows.next();
        assert!(rows.next().is_none(), "{stage} of {type_name} has two histograms: {}", self.0);
        row
    }

    /// The same; it must be there.
    pub(crate) fn row(&self, stage: &str, type_name: &str) -> &Value {
        self.find(stage, type_name).unwrap_or_else(|| panic!("no {stage} of {type_name} in {}", self.0))
    }

    /// How many calls it counts; 0 without a histogram.
    pub(crate) fn count(&self, stage: &str, type_name: &str) -> u64 {
        self.find(stage, type_name).map_or(0, |row| row.number("/count"))
    }

    /// Of request, receive and reply.
    pub(crate) fn counts(&self, type_name: &str) -> [u64; 3] {
        ["request", "receive", "reply"].map(|stage| self.count(stage, type_name))
    }
}

/// The result of `nltrace drops --json`.
#[derive(Debug)]
pub(crate) struct Drops(Value);

impl Drops {
    /// The one object that was printed.
    pub(crate) fn of(output: &Output) -> Self {
        let drops = Self::in_part(output);
        assert_eq!(drops.accounting().lost, 0, "{}", drops.0);
        drops
    }

    /// The same, where something may have been missed: an interrupt that came on top of a program.
    pub(crate) fn in_part(output: &Output) -> Self {
        let drops = Self(output.json());
        assert_eq!(drops.0.text("/command"), "drops");
        assert_eq!(drops.accounting().unmatched, 0, "{}", drops.0);
        drops
    }

    pub(crate) fn json(&self) -> &Value {
        &self.0
    }

    /// What was dropped.
    pub(crate) fn rows(&self) -> &[Value] {
        self.0.list("/drops")
    }

    /// In all.
    pub(crate) fn accounting(&self) -> Accounting {
        accounting(&self.0, None)
    }
}

/// The result of `nltrace trace --json`.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) events: Vec<Value>,
    intervals: Vec<Value>,
    summary: Value,
}

impl Trace {
    /// All lines that were printed.
    pub(crate) fn of(output: &Output) -> Self {
        let mut events = output.json_lines();
        let summary = events.pop().expect("a summary at least");
        let intervals: Vec<_> = events.extract_if(.., |line| *line.at("/event") == "interval").collect();
        intervals.iter().chain([&summary]).for_each(schema::summary);
        events.iter().for_each(schema::event);
        let trace = Self { events, intervals, summary };
        let calls: BTreeSet<_> = trace.events.iter().map(|line| line.number("/datagram/id")).collect();
        let recorded = trace.accounting().recorded;
        assert_eq!(calls.len() as u64, recorded, "each call that was recorded is printed");
        assert_eq!(
            trace.messages().shown,
            trace.events.len() as u64,
            "each message that was handed on is printed"
        );
        trace
    }

    /// In all.
    pub(crate) fn accounting(&self) -> Accounting {
        accounting(&self.summary, None)
    }

    /// Of `unicast`, `broadcast` or `receive`.
    pub(crate) fn hook(&self, hook: &str) -> Accounting {
        accounting(&self.summary, Some(hook))
    }

    /// What became of messages.
    pub(crate) fn messages(&self) -> Messages {
        Messages::of(self.summary.at("/messages"))
    }

    /// Of each interval.
    pub(crate) fn intervals(&self) -> Vec<Accounting> {
        self.intervals.iter().map(|interval| accounting(interval, None)).collect()
    }

    /// The events of a kind and type, in the order in which they were printed.
    pub(crate) fn select(&self, event: &str, type_name: &str) -> Vec<&Value> {
        let wanted = |line: &&Value| *line.at("/event") == event && *line.at("/type_name") == type_name;
        self.events.iter().filter(wanted).collect()
    }
}
