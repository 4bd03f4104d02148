//! `nltrace trace --json` in scenarios: exchanges and what answers nothing, held against the schema and the
//! accounting each time.

use serde_json::Value;

use super::{Json as _, Output, Running, all_conform, nltrace};

const SCHEMA: &str = include_str!("../../../docs/schema/trace.json");

/// Lines that are held against the schema, at most.
const MOST_CHECKED: usize = 500;

/// What was printed, without the line that it begins with.
#[derive(Debug)]
pub(crate) struct Exchanged {
    pub(crate) lines: Vec<Value>,
    pub(crate) summary: Value,
}

/// What `nltrace trace` with these options shows while `act` goes on.
pub(crate) fn exchanged(options: &str, act: impl FnOnce(&Running)) -> Exchanged {
    let trace = nltrace(&format!("trace --json --ring-size 64M {options}")).start().listening();
    act(&trace);
    Exchanged::of(&trace.interrupt())
}

/// The same of a family, of whose answers each belongs to a request that was seen.
pub(crate) fn paired(family: &str, act: impl FnOnce()) -> Exchanged {
    let exchanged = exchanged(&format!("-f {family}"), |_| act());
    assert_eq!(exchanged.unpaired_and_expired(), (0, 0));
    exchanged
}

impl Exchanged {
    /// Everything that came was recorded, and each message is shown once.
    pub(crate) fn of(output: &Output) -> Self {
        assert!(output.status.success(), "{output:?}");
        let mut lines = output.json_lines();
        // Of thousands the others are alike, and checking takes longer than the capture.
        let (first, last) = (lines.len().min(MOST_CHECKED), lines.len().saturating_sub(1));
        all_conform(&lines[..first], SCHEMA);
        all_conform(&lines[last..], SCHEMA);
        let start = lines.remove(0);
        assert_eq!(start.text("/event"), "start");
        let summary = lines.pop().expect("a summary");
        assert_eq!(summary.text("/event"), "summary");
        assert_eq!((summary.number("/accounting/lost"), summary.number("/messages/lost")), (0, 0));
        let exchanged = Self { lines, summary };
        assert_eq!(exchanged.exchanges().count() as u64, exchanged.summary.number("/exchanges/shown"));
        exchanged
    }

    pub(crate) fn exchanges(&self) -> impl Iterator<Item = &Value> {
        self.lines.iter().filter(|line| line.text("/event") == "exchange")
    }

    /// Those of a process, in the order of its requests.
    pub(crate) fn of_pid(&self, pid: u32) -> Vec<&Value> {
        let mut own: Vec<_> = self.exchanges().filter(|line| line.number("/pid") == u64::from(pid)).collect();
        own.sort_by_key(|line| (line.number("/ts_ns"), line.number("/datagram/index")));
        own
    }

    /// Those of this process.
    pub(crate) fn own(&self) -> Vec<&Value> {
        self.of_pid(std::process::id())
    }

    /// The only one of this process with a sequence number.
    pub(crate) fn with_seq(&self, seq: u32) -> &Value {
        let own = self.own();
        let found: Vec<_> = own.iter().filter(|line| line.at("/seq").as_u64() == Some(seq.into())).collect();
        let [exchange] = found[..] else { panic!("one exchange with the number {seq} of {own:#?}") };
        exchange
    }

    /// What answers nothing, of a family's type.
    pub(crate) fn unasked(&self, type_name: &str) -> Vec<&Value> {
        let is_it = |line: &&Value| {
            ["notify", "message"].contains(&line.text("/event")) && *line.at("/type_name") == type_name
        };
        self.lines.iter().filter(is_it).collect()
    }

    /// Answers whose request was not seen, and exchanges that made room for others.
    pub(crate) fn unpaired_and_expired(&self) -> (u64, u64) {
        (self.summary.number("/exchanges/unpaired_answers"), self.summary.number("/exchanges/expired"))
    }
}

/// An exchange's sequence number, outcome, error, answers.
pub(crate) fn result(exchange: &Value) -> (u64, &str, Option<i64>, u64) {
    (
        exchange.number("/seq"),
        exchange.text("/outcome"),
        exchange.at("/error").as_i64(),
        exchange.number("/answers"),
    )
}

/// `CLOCK_MONOTONIC` in nanoseconds, as the lines have it.
pub(crate) fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a `timespec`.
    let told = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    assert_eq!(told, 0);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
