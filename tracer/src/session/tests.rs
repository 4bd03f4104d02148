//! The loop, with a source that plays a script and a sink that keeps what it gets.

use std::{collections::VecDeque, io};

use super::*;
use crate::{
    decode::Family,
    model::{Accounting, Arrived, Key, Ledger, Rows, Stage, Watched, tests::histogram},
    sink::WriteError,
    source::{Call, tests::call},
};

/// Calls that come in batches, each as soon as somebody waits for it.
#[derive(Default)]
struct Script {
    batches: VecDeque<u64>,
    /// Calls that have come and were not taken, and all that have come.
    waiting: u64,
    came: u64,
    /// Calls that never arrive although they were recorded.
    missing: u64,
    /// Calls that are recorded and arrive only when the accounting was read so many times after the end.
    late: VecDeque<u64>,
    /// What each look at the modules finds; the last goes on.
    polls: VecDeque<Option<End>>,
    /// After how many looks what is waited for comes.
    awaited: usize,
    counts: bool,
    stopped: bool,
    arrived: Arrived,
}

impl Script {
    fn of(batches: &[u64]) -> Self {
        Self { batches: batches.iter().copied().collect(), ..Self::default() }
    }

    fn ledger(&self) -> Ledger {
        let recorded = self.came + self.missing;
        let mut ledger = Ledger::default();
        ledger.hooks[0] = Accounting { hits: recorded, recorded, ..Accounting::default() };
        ledger
    }
}

impl Source for Script {
    async fn readable(&mut self) {
        match self.batches.pop_front() {
            Some(calls) => {
                self.came += calls;
                self.waiting += if self.counts { 0 } else { calls };
            }
            None => std::future::pending().await,
        }
    }

    fn next(&mut self, each: &mut impl FnMut(Event<'_>)) -> Result<bool, SessionError> {
        let Some(rest) = self.waiting.checked_sub(1) else { return Ok(false) };
        let call = Call { ts_ns: self.came - self.waiting, ..call(b"datagram") };
        self.waiting = rest;
        self.arrived.calls += 1;
        self.arrived.messages += 1;
        each(Event::Call(&call));
        Ok(true)
    }

    fn poll(&mut self, _: bool) -> Option<End> {
        self.awaited = self.awaited.saturating_sub(1);
        self.polls.pop_front().flatten()
    }

    fn is_polled(&self) -> bool {
        self.awaited != 0 || !self.polls.is_empty()
    }

    fn is_awaited(&self) -> bool {
        self.awaited != 0
    }

    fn rows(&self) -> Result<Option<Rows>, SessionError> {
        let mut rows = Rows::default();
        let key = Key::Messages {
            family: Family::NLTEST,
            nlmsg_type: Some(16),
            detail: None,
            stage: Stage::Request,
            party: None,
        };
        rows.add(key, &histogram(0..self.came));
        Ok(self.counts.then_some(rows))
    }

    fn running_ledger(&self, _: Option<&Rows>) -> Result<Ledger, SessionError> {
        Ok(self.ledger())
    }

    fn ended_ledger(&mut self) -> Result<Ledger, SessionError> {
        let late = self.late.pop_front().unwrap_or(0);
        self.came += late;
        self.waiting += late;
        let mut ledger = self.ledger();
        let expected: u64 = self.late.iter().sum();
        ledger.hooks[0].recorded += expected;
        ledger.hooks[0].hits += expected;
        Ok(ledger)
    }

    fn arrived(&self) -> &Arrived {
        &self.arrived
    }

    fn cut(&self) -> u64 {
        0
    }

    fn watched(&self) -> Vec<Watched> {
        let (hook, function, method) = ("unicast", "netlink_unicast".to_owned(), "fake".to_owned());
        if self.stopped { Vec::new() } else { vec![Watched { hook, function, method }] }
    }

    fn stop(&mut self) {
        self.stopped = true;
    }
}

/// What a sink got, in order.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    Call(u64),
    /// Number of the interval, calls in its accounting and in its histograms.
    Report(Option<u64>, u64, u64),
}

#[derive(Default)]
struct Kept {
    got: Vec<Got>,
    /// How many times yet it is asked for room and has none.
    full: usize,
    /// After how many calls the output breaks.
    breaks_after: Option<usize>,
}

impl Kept {
    fn calls(&self) -> Vec<u64> {
        let call = |got: &Got| if let Got::Call(number) = got { Some(*number) } else { None };
        self.got.iter().filter_map(call).collect()
    }

    fn reports(&self) -> Vec<(Option<u64>, u64, u64)> {
        let report = |got: &Got| match *got {
            Got::Report(interval, calls, rows) => Some((interval, calls, rows)),
            Got::Call(_) => None,
        };
        self.got.iter().filter_map(report).collect()
    }
}

impl Sink for Kept {
    fn has_room(&self) -> bool {
        self.full == 0
    }

    fn make_room(&mut self) -> Result<bool, WriteError> {
        self.full = self.full.saturating_sub(1);
        Ok(self.has_room())
    }

    fn event(&mut self, event: &Event<'_>) {
        let Event::Call(call) = event else { panic!("{event:?} is no call") };
        assert_eq!(call.captured, b"datagram");
        self.got.push(Got::Call(call.ts_ns));
    }

    fn report(&mut self, report: &Report) -> Result<(), WriteError> {
        assert_eq!(report.watched.len(), 1, "what was watched is known after it was detached");
        let rows = report.rows.iter().map(|(_, histogram)| histogram.count).sum();
        self.got.push(Got::Report(report.interval, report.ledger.total().hits, rows));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        match self.breaks_after {
            Some(calls) if self.got.len() >= calls => {
                let source = io::Error::from(io::ErrorKind::StorageFull);
                Err(WriteError::Refused { to: "standard output".to_owned(), rest: None, source })
            }
            _ => Ok(()),
        }
    }

    fn is_written(&self) -> bool {
        true
    }

    async fn progress(&mut self) -> Result<(), WriteError> {
        std::future::pending().await
    }

    async fn wait_written(&mut self, _: impl Future<Output = ()>) -> Result<(), WriteError> {
        Ok(())
    }
}

const fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

/// Time passes as soon as there is nothing else to do.
fn run(
    script: Script,
    options: &CaptureOptions,
    mut kept: Kept,
) -> (Result<End, SessionError>, Session<Script>, Kept) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut session = Session::start(script, options).unwrap();
        let end = session.run(&mut kept).await;
        (end, session, kept)
    })
}

fn lasting(duration: Option<Duration>) -> CaptureOptions {
    CaptureOptions { duration, ..CaptureOptions::default() }
}

#[test]
fn every_call_arrives_in_order_and_the_whole_comes_last() {
    let batches = [1, 3, 2 * BATCH as u64];
    let (end, session, kept) = run(Script::of(&batches), &lasting(ms(50)), Kept::default());
    assert_eq!(end.unwrap(), End::Duration);
    let calls = 4 + 2 * BATCH as u64;
    assert_eq!(kept.calls(), (0..calls).collect::<Vec<_>>());
    assert_eq!(kept.got.last(), Some(&Got::Report(None, calls, 0)));
    assert!(session.source.stopped);
    assert_eq!(session.report().ledger.total().recorded, calls);
}

#[test]
fn intervals_add_up_to_the_whole_with_the_rest_behind_the_last() {
    for counts in [false, true] {
        let script = Script { counts, ..Script::of(&[5, 7]) };
        let options = CaptureOptions { interval: ms(10), ..lasting(ms(35)) };
        let (end, _, kept) = run(script, &options, Kept::default());
        assert_eq!(end.unwrap(), End::Duration);
        let rows = if counts { 12 } else { 0 };
        let expected =
            [(Some(1), 12, rows), (Some(2), 0, 0), (Some(3), 0, 0), (Some(4), 0, 0), (None, 12, rows)];
        assert_eq!(kept.reports(), expected);
        assert_eq!(kept.calls().len(), if counts { 0 } else { 12 });
    }
}

#[test]
fn without_an_interval_there_is_one_report() {
    let (_, _, kept) = run(Script::of(&[5]), &lasting(ms(35)), Kept::default());
    assert_eq!(kept.reports(), [(None, 5, 0)]);
}

#[test]
fn an_interval_that_output_has_no_room_for_is_part_of_the_next() {
    let options = CaptureOptions { interval: ms(10), ..lasting(ms(25)) };
    let (end, _, kept) = run(Script::of(&[5]), &options, Kept { full: 2, ..Kept::default() });
    assert_eq!(end.unwrap(), End::Duration);
    // There is room again when the second interval ends; until then no call was taken.
    assert_eq!(kept.got[0], Got::Report(Some(1), 0, 0));
    assert_eq!(kept.reports(), [(Some(1), 0, 0), (Some(2), 5, 0), (None, 5, 0)]);
}

#[test]
fn output_that_breaks_ends_the_session_and_what_was_recorded_is_known() {
    let kept = Kept { breaks_after: Some(3), ..Kept::default() };
    let (end, session, kept) = run(Script::of(&[2, 2, 2]), &lasting(None), kept);
    assert!(matches!(end, Err(SessionError::Write(WriteError::Refused { .. }))));
    assert!(session.source.stopped);
    assert_eq!((kept.calls().len(), session.report().ledger.total().recorded), (4, 4));
    assert_eq!(kept.reports(), []);
}

#[test]
fn calls_that_were_recorded_and_do_not_arrive_are_an_error_after_the_result() {
    let script = Script { missing: 1, ..Script::of(&[2]) };
    let (end, _, kept) = run(script, &lasting(ms(5)), Kept::default());
    assert!(matches!(end, Err(SessionError::Arrived { recorded: 3, arrived: 2 })));
    assert_eq!(kept.reports(), [(None, 3, 0)]);
    // Those that are counted in the kernel are not to arrive.
    let script = Script { counts: true, missing: 1, ..Script::of(&[2]) };
    assert_eq!(run(script, &lasting(ms(5)), Kept::default()).0.unwrap(), End::Duration);
}

/// They are counted before they can be read, and a program may lose its processor in between.
#[test]
fn calls_that_arrive_late_are_waited_for() {
    let script = Script { late: [0, 0, 0, 0, 2, 0, 1].into(), ..Script::of(&[2]) };
    let (end, session, kept) = run(script, &lasting(ms(5)), Kept::default());
    assert_eq!(end.unwrap(), End::Duration);
    assert_eq!((kept.calls().len(), session.report().ledger.total().recorded), (5, 5));
    assert_eq!(kept.reports(), [(None, 5, 0)]);
}

#[test]
fn a_look_at_the_modules_may_end_the_session() {
    let script = Script { polls: [None, Some(End::ModuleGone)].into(), ..Script::of(&[4]) };
    let (end, _, kept) = run(script, &lasting(None), Kept::default());
    assert_eq!(end.unwrap(), End::ModuleGone);
    assert_eq!((kept.calls().len(), kept.reports()), (4, vec![(None, 4, 0)]));
}

#[test]
fn the_time_begins_when_what_is_waited_for_is_there() {
    let script = Script { awaited: 3, ..Script::of(&[]) };
    let options = CaptureOptions { interval: ms(10), ..lasting(ms(15)) };
    let (end, _, kept) = run(script, &options, Kept::default());
    assert_eq!(end.unwrap(), End::Duration);
    // Three looks of 20 ms each, and 15 ms.
    assert_eq!(kept.reports().len(), 7 + 2, "{:?}", kept.reports());
}

#[test]
fn a_session_lasts_as_long_as_its_command() {
    let words = |words: &[&str]| words.iter().map(Into::into).collect::<Vec<_>>();
    let options = CaptureOptions { command: words(&["sh", "-c", "exit 3"]), ..CaptureOptions::default() };
    let (end, _, kept) = run(Script::of(&[2]), &options, Kept::default());
    let Ok(End::Command(status)) = end else { panic!("{end:?}") };
    assert_eq!((status.code(), kept.calls().len()), (Some(3), 2));
}
