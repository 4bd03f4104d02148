//! The accounting, which ends every output.

use serde::Serialize;

use super::{Capture, Watched, grouped};
use crate::model::{Accounting, Ledger};

/// The accounting as JSON has it.
#[derive(Serialize)]
pub(super) struct AccountingJson {
    hits: u64,
    recorded: u64,
    filtered: u64,
    unmatched: u64,
    lost: u64,
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
}

impl AccountingJson {
    pub(super) fn new(ledger: &Ledger) -> Self {
        let Accounting { hits, recorded, filtered, unmatched, lost } = ledger.total();
        let hooks = ledger.called().map(|(hook, accounting)| {
            let Accounting { hits, recorded, filtered, unmatched, lost } = *accounting;
            HookJson { hook, hits, recorded, filtered, unmatched, lost }
        });
        Self { hits, recorded, filtered, unmatched, lost, hooks: hooks.collect() }
    }
}

/// `N hits = N recorded + N filtered + N unmatched + N lost`
pub fn accounting_line(ledger: &Ledger) -> String {
    let total = ledger.total();
    let [hits, recorded, filtered, unmatched, lost] =
        [total.hits, total.recorded, total.filtered, total.unmatched, total.lost].map(grouped);
    let equals = if total.is_balanced() { "=" } else { "!=" };
    format!(
        "{hits} hits {equals} {recorded} recorded + {filtered} filtered + {unmatched} unmatched + {lost} lost"
    )
}

/// What to do about loss; None where nothing was lost.
pub fn loss_advice(ledger: &Ledger, tracing: bool) -> Option<String> {
    let lost = ledger.total().lost;
    let advice = if tracing {
        "a larger --ring-size, a smaller --snaplen or a narrower filter leaves more room"
    } else {
        "the kernel had no memory for their start times"
    };
    (lost != 0).then(|| {
        let calls = if lost == 1 { "call was" } else { "calls were" };
        format!("{} {calls} lost: {advice}", grouped(lost))
    })
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
        let unicast = Accounting { hits: 12_345, recorded: 12_000, filtered: 300, unmatched: 5, lost: 40 };
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
    fn loss_comes_with_advice() {
        assert!(
            loss_advice(&ledger(), true).unwrap().starts_with("40 calls were lost: a larger --ring-size")
        );
        assert_eq!(loss_advice(&Ledger::default(), true), None);
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
            r#""filtered":300,"unmatched":5,"lost":40,"hooks":[{"hook":"unicast","hits":12345,"recorded":12000,"#,
            r#""filtered":300,"unmatched":5,"lost":40}]},"#,
            r#""attachments":[{"hook":"unicast","function":"netlink_unicast","method":"fentry+fexit"}]}"#,
        );
        assert_eq!(summary_json(&capture), expected);
        let interval = Capture { interval: Some(3), ..capture };
        assert!(summary_json(&interval).starts_with(r#"{"event":"interval","interval":3,"#));
    }
}
