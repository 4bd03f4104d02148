//! The accounting as JSON has it, and the object that ends `trace --json`.

use serde::{Serialize, Serializer};

use super::to_json;
use crate::model::{Accounting, Ledger, Lost, Messages, Report, Unseen, Watched, exchange::ExchangeTotals};

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

/// What `lost` is the sum of, as far as it is counted.
struct LossJson(Lost);

impl Serialize for LossJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.causes().map(|(cause, lost)| (cause.name(), lost)))
    }
}

impl AccountingJson {
    pub(super) fn new(ledger: &Ledger) -> Self {
        let Accounting { hits, recorded, filtered, unmatched, lost } = ledger.total();
        let hooks = ledger.called().map(|(hook, accounting)| {
            let hook = hook.name();
            let Accounting { hits, recorded, filtered, unmatched, lost } = *accounting;
            let (lost, loss) = (lost.total(), LossJson(lost));
            HookJson { hook, hits, recorded, filtered, unmatched, lost, loss }
        });
        let (lost, loss) = (lost.total(), LossJson(lost));
        Self { hits, recorded, filtered, unmatched, lost, loss, hooks: hooks.collect() }
    }
}

/// What became of messages.
#[derive(Serialize)]
struct MessagesJson {
    seen: u64,
    shown: u64,
    filtered: u64,
    lost: u64,
    unseen: UnseenJson,
}

/// Datagrams that may hold more messages, and their bytes that were not seen.
#[derive(Serialize)]
struct UnseenJson {
    datagrams: u64,
    bytes: u64,
}

impl MessagesJson {
    fn new(messages: Messages) -> Self {
        let Messages { seen, shown, filtered, lost, unseen: Unseen { datagrams, bytes } } = messages;
        Self { seen, shown, filtered, lost, unseen: UnseenJson { datagrams, bytes } }
    }
}

/// What became of exchanges.
#[derive(Serialize)]
struct ExchangesJson {
    shown: u64,
    filtered: u64,
    expired: u64,
    unpaired_answers: u64,
}

/// What became of drops.
#[derive(Serialize)]
struct DropsJson {
    shown: u64,
    filtered: u64,
    calls_lost: u64,
}

/// The last line of `trace --calls --json`, or one between where `--interval` asks for it: without a line
/// break.
pub fn summary_json(report: &Report) -> String {
    summary(report, None)
}

/// The same of `trace --json`, with exchanges.
pub fn trace_summary_json(report: &Report, totals: &ExchangeTotals) -> String {
    let ExchangeTotals { shown, filtered, expired, alone, dropped, dropped_filtered, .. } = *totals;
    let exchanges = ExchangesJson { shown, filtered, expired, unpaired_answers: alone };
    let drops = report.drop_calls.map(|calls| DropsJson {
        shown: dropped,
        filtered: dropped_filtered,
        calls_lost: calls.lost.total(),
    });
    summary(report, Some((exchanges, drops)))
}

fn summary(report: &Report, more: Option<(ExchangesJson, Option<DropsJson>)>) -> String {
    #[derive(Serialize)]
    struct Summary<'a> {
        event: &'static str,
        interval: Option<u64>,
        duration_ns: u64,
        accounting: Option<AccountingJson>,
        messages: Option<MessagesJson>,
        #[serde(skip_serializing_if = "Option::is_none")]
        exchanges: Option<ExchangesJson>,
        #[serde(skip_serializing_if = "Option::is_none")]
        drops: Option<Option<DropsJson>>,
        attachments: &'a [Watched],
    }
    let (exchanges, drops) = more.unzip();
    let summary = Summary {
        event: if report.interval.is_some() { "interval" } else { "summary" },
        interval: report.interval,
        duration_ns: report.duration_ns,
        accounting: (!report.is_cut).then(|| AccountingJson::new(&report.ledger)),
        messages: report.messages.map(MessagesJson::new),
        exchanges,
        drops,
        attachments: &report.watched,
    };
    to_json(&summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::Hook, render::text::accounting::tests::ledger};

    #[test]
    fn what_nobody_counts_is_null() {
        let mut ledger = Ledger::default();
        let receive = &mut ledger.hooks[Hook::Receive.number()];
        receive.hits = 1;
        receive.lost = Lost::new([Some(0), Some(1), None]);
        let json = to_json(&AccountingJson::new(&ledger));
        let loss = r#""lost":1,"loss":{"no_room":0,"no_memory":1,"skipped":null}"#;
        assert_eq!(json.matches(loss).count(), 2, "in all and by hook: {json}");
    }

    #[test]
    fn the_summary_has_the_accounting_of_each_hook() {
        let report = Report {
            interval: None,
            duration_ns: 7,
            rows: Default::default(),
            ledger: ledger(),
            messages: Some(Messages {
                seen: 9,
                shown: 6,
                filtered: 2,
                lost: 1,
                unseen: Unseen { datagrams: 1, bytes: 70 },
            }),
            drops: None,
            drop_calls: None,
            is_cut: false,
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
            r#""messages":{"seen":9,"shown":6,"filtered":2,"lost":1,"unseen":{"datagrams":1,"bytes":70}},"#,
            r#""attachments":[{"hook":"unicast","function":"netlink_unicast","method":"fentry+fexit"}]}"#,
        );
        assert_eq!(summary_json(&report), expected);
        let cut = Report { is_cut: true, messages: None, ..report.clone() };
        assert!(summary_json(&cut).contains(r#""accounting":null,"messages":null,"#));
        let interval = Report { interval: Some(3), ..report };
        assert!(summary_json(&interval).starts_with(r#"{"event":"interval","interval":3,"#));
    }
}
