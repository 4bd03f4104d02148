//! The accounting, which ends every output.

use serde::Serialize;

use super::{Capture, Watched, grouped};
use crate::model::{Accounting, Ledger, Lost};

/// The accounting as JSON has it.
#[derive(Serialize)]
pub(super) struct AccountingJson {
    hits: u64,
    recorded: u64,
    filtered: u64,
    unmatched: u64,
    lost: u64,
    loss: LossJson,
    hooks: Vec<HookJson>,
}

#[derive(Serialize)]
struct HookJson {
    hook: &'static str,
    hits: u64,
    recorded: u64,
    filtered: u64,
    unmatched: u64,
    lost: u64,
    loss: LossJson,
}

/// What `lost` is the sum of.
#[derive(Serialize)]
struct LossJson {
    no_room: u64,
    no_memory: u64,
    skipped: u64,
}

impl LossJson {
    fn new(Lost { no_room, no_memory, skipped }: Lost) -> Self {
        Self { no_room, no_memory, skipped }
    }
}

impl AccountingJson {
    pub(super) fn new(ledger: &Ledger) -> Self {
        let Accounting { hits, recorded, filtered, unmatched, lost } = ledger.total();
        let hooks = ledger.called().map(|(hook, accounting)| {
            let Accounting { hits, recorded, filtered, unmatched, lost } = *accounting;
            let (lost, loss) = (lost.total(), LossJson::new(lost));
            HookJson { hook, hits, recorded, filtered, unmatched, lost, loss }
        });
        let (lost, loss) = (lost.total(), LossJson::new(lost));
        Self { hits, recorded, filtered, unmatched, lost, loss, hooks: hooks.collect() }
    }
}

/// `N hits = N recorded + N filtered + N unmatched + N lost`
pub fn accounting_line(ledger: &Ledger) -> String {
    let total = ledger.total();
    let [hits, recorded, filtered, unmatched, lost] =
        [total.hits, total.recorded, total.filtered, total.unmatched, total.lost.total()].map(grouped);
    let equals = if total.is_balanced() { "=" } else { "!=" };
    format!(
        "{hits} hits {equals} {recorded} recorded + {filtered} filtered + {unmatched} unmatched + {lost} lost"
    )
}

/// What to do about loss: a line for each cause. `fentry` says whether a function was watched by fentry.
pub fn loss_advice(ledger: &Ledger, fentry: bool) -> Vec<String> {
    let Lost { no_room, no_memory, skipped } = ledger.total().lost;
    let skipped_advice = if fentry {
        "the program for them was at work on the same processor already, and the kernel does not run one of fentry's twice; \
         --method kprobe sees such calls"
    } else {
        "they came in the middle of another eBPF program, and the kernel runs one at a time on a processor; end other tracers"
    };
    let causes = [
        (
            no_room,
            "the ring buffer was full; a larger --ring-size, a smaller --snaplen or a narrower filter leaves more room",
        ),
        (
            no_memory,
            "the kernel had no memory for their start times; a narrower filter needs less, free memory helps",
        ),
        (skipped, skipped_advice),
    ];
    let causes = causes.into_iter().filter(|(lost, _)| *lost != 0);
    let line = |(lost, advice)| {
        let calls = if lost == 1 { "call was" } else { "calls were" };
        format!("{} {calls} lost: {advice}", grouped(lost))
    };
    causes.map(line).collect()
}

/// The last line of `trace --json`, or one between where `--interval` asks for it: without a line break.
pub fn summary_json(capture: &Capture) -> String {
    #[derive(Serialize)]
    struct Summary<'a> {
        event: &'static str,
        interval: Option<u64>,
        duration_ns: u64,
        accounting: AccountingJson,
        attachments: &'a [Watched],
    }
    let summary = Summary {
        event: if capture.interval.is_some() { "interval" } else { "summary" },
        interval: capture.interval,
        duration_ns: capture.duration_ns,
        accounting: AccountingJson::new(&capture.ledger),
        attachments: &capture.watched,
    };
    to_json(&summary)
}

/// What has only strings and numbers in it cannot fail to become JSON.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        let lost = Lost { no_room: 37, no_memory: 1, skipped: 2 };
        let unicast = Accounting { hits: 12_345, recorded: 12_000, filtered: 300, unmatched: 5, lost };
        Ledger { hooks: [unicast, Accounting::default(), Accounting::default()] }
    }

    #[test]
    fn the_line_is_an_equation_and_says_so_if_it_is_not() {
        let expected = "12,345 hits = 12,000 recorded + 300 filtered + 5 unmatched + 40 lost";
        assert_eq!(accounting_line(&ledger()), expected);
        let mut broken = ledger();
        broken.hooks[0].hits += 1;
        assert!(accounting_line(&broken).starts_with("12,346 hits != 12,000 recorded"));
    }

    #[test]
    fn each_cause_of_loss_comes_with_its_own_advice() {
        let starts = [
            "37 calls were lost: the ring buffer",
            "1 call was lost: the kernel had no memory",
            "2 calls were",
        ];
        let advice = loss_advice(&ledger(), true);
        assert_eq!(advice.len(), starts.len());
        assert!(advice.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{advice:?}");
        assert!(advice[0].contains("--ring-size") && advice[2].contains("--method"), "{advice:?}");
        assert!(!loss_advice(&ledger(), false)[2].contains("--method"), "there is nothing better");
        assert_eq!(loss_advice(&Ledger::default(), true), [""; 0]);
    }

    #[test]
    fn the_summary_has_the_accounting_of_each_hook() {
        let capture = Capture {
            interval: None,
            duration_ns: 7,
            rows: Default::default(),
            ledger: ledger(),
            watched: vec![Watched {
                hook: "unicast",
                function: "netlink_unicast".into(),
                method: "fentry+fexit".into(),
            }],
        };
        let expected = concat!(
            r#"{"event":"summary","interval":null,"duration_ns":7,"accounting":{"hits":12345,"recorded":12000,"#,
            r#""filtered":300,"unmatched":5,"lost":40,"loss":{"no_room":37,"no_memory":1,"skipped":2},"#,
            r#""hooks":[{"hook":"unicast","hits":12345,"recorded":12000,"filtered":300,"unmatched":5,"lost":40,"#,
            r#""loss":{"no_room":37,"no_memory":1,"skipped":2}}]},"#,
            r#""attachments":[{"hook":"unicast","function":"netlink_unicast","method":"fentry+fexit"}]}"#,
        );
        assert_eq!(summary_json(&capture), expected);
        let interval = Capture { interval: Some(3), ..capture };
        assert!(summary_json(&interval).starts_with(r#"{"event":"interval","interval":3,"#));
    }
}
