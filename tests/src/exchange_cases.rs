//! Troubles that people reported in public, as small scripts (`tests/cases`), and what `nltrace trace` says
//! of the exchanges in each: it equals what the run itself measured, its line `TRUTH`.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::{
    exchange_fields::only_listed_are_null,
    guest::{Json, conforms, nltrace},
};

/// Some scripts make hundreds of devices first.
const LIMIT: Duration = Duration::from_secs(180);

const SCHEMA: &str = include_str!("../../docs/schema/trace.json");

/// A script's run: the lines of `trace --json`, and what the script says of itself.
struct Case {
    lines: Vec<Value>,
    truth: Value,
}

impl Case {
    /// Runs a script in a network namespace of its own.
    fn of(script: &str, options: &str) -> Self {
        let (name, argument) = script.split_once(' ').unwrap_or((script, ""));
        let said = format!("/tmp/{name}.said");
        let program = if name.ends_with(".sh") { "bash" } else { "python3" };
        let command = format!("unshare -n {program} /opt/nltrace/cases/{name} {argument} > {said}");
        let output = nltrace(&format!("trace --json --ring-size 64M {options} -- sh -c"))
            .word(command)
            .limit(LIMIT)
            .run();
        let lines = output.success().json_lines();
        lines.iter().for_each(|line| conforms(line, SCHEMA));
        assert_eq!(lines.first().expect("a line").text("/event"), "start");
        let summary = lines.last().expect("a line");
        assert_eq!(summary.text("/event"), "summary");
        assert_eq!(
            (summary.number("/exchanges/expired"), summary.number("/exchanges/unpaired_answers")),
            (0, 0)
        );
        assert_eq!((summary.number("/accounting/lost"), summary.number("/messages/lost")), (0, 0));
        let said = fs::read_to_string(said).expect("the script says something");
        let truth = said.lines().find_map(|line| line.strip_prefix("TRUTH ")).expect("the truth");
        let case = Self { lines, truth: serde_json::from_str(truth).expect("it is JSON") };
        only_listed_are_null(script, &case.exchanges().collect::<Vec<_>>());
        case
    }

    fn exchanges(&self) -> impl Iterator<Item = &Value> {
        self.lines.iter().filter(|line| line.text("/event") == "exchange")
    }

    /// The exchanges of the script's own process, under the name that it took, in the order of its requests.
    fn own(&self) -> Vec<&Value> {
        let pid = self.truth.number("/pid");
        let is_own = |line: &&Value| line.number("/pid") == pid && line.text("/comm") != "python3";
        let mut own: Vec<_> = self.exchanges().filter(is_own).collect();
        own.sort_by_key(|line| line.number("/ts_ns"));
        own
    }

    /// The only one of those with a sequence number.
    fn with_seq(&self, seq: u64) -> &Value {
        let own = self.own();
        let mut found = own.into_iter().filter(|line| line.at("/seq").as_u64() == Some(seq));
        let exchange = found.next().unwrap_or_else(|| panic!("no exchange has the number {seq}"));
        assert!(found.next().is_none(), "more than one has the number {seq}");
        exchange
    }
}

fn fields<'v>(line: &'v Value, names: &[&str]) -> Vec<&'v Value> {
    names.iter().map(|name| line.at(&format!("/{name}"))).collect()
}

const MS: u64 = 1_000_000;

#[test]
fn who_deleted_a_route_is_the_process_that_asked() {
    let case = Case::of("01-who-deleted-route.sh", "-f route -t delroute");
    let all: Vec<_> = case.exchanges().collect();
    let [exchange] = all[..] else { panic!("one was expected: {all:?}") };
    assert_eq!(fields(exchange, &["pid", "comm", "error"]), fields(&case.truth, &["pid", "comm", "error"]));
    assert_eq!(exchange.text("/type_name"), "DELROUTE");
    let destination = case.truth.text("/dst").strip_suffix("/32");
    assert_eq!(exchange.at("/decoded/dst").as_str(), destination);
    let is_own = |line: &&Value| line.text("/event") == "notify" && line.at("/pid") == exchange.at("/pid");
    let told: Vec<_> = case.lines.iter().filter(is_own).collect();
    assert!(!told.is_empty() && told.iter().all(|line| line.at("/caused_by/exchange") == exchange.at("/id")));
}

#[test]
fn an_interrupted_dump_names_who_did_it() {
    let case = Case::of("04-dump-intr.py", "-f route");
    let dump = case.with_seq(case.truth.number("/seq"));
    assert_eq!((dump.text("/outcome"), dump.number("/error")), ("dump", 0));
    assert_eq!(dump.at("/answers"), case.truth.at("/messages"));
    assert_eq!(dump.at("/dump_interrupted"), case.truth.at("/flagged"));
    let [by] = dump.list("/interrupted_by") else { panic!("one did it: {dump}") };
    assert_eq!(fields(by, &["pid", "comm"]), fields(&case.truth, &["interrupter_pid", "interrupter_comm"]));
    assert_eq!(by.text("/type_name"), "NEWLINK");
    let id = by.at("/exchange");
    let change = case.exchanges().find(|line| line.at("/id") == id).expect("the exchange that did it");
    assert_eq!(change.at("/decoded/ifname"), case.truth.at("/ifname"));
}

#[test]
fn what_nobody_answers_is_silent() {
    let case = Case::of("05-no-reply.py", "-f route");
    for seq in case.truth.list("/seqs") {
        let exchange = case.with_seq(seq.as_u64().expect("a number"));
        assert_eq!((exchange.text("/outcome"), exchange.number("/answers")), ("silent", 0));
        assert_eq!((exchange.number("/error"), exchange.at("/acked")), (0, &json!(false)));
    }
}

#[test]
fn an_answer_that_nobody_reads_is_queued_meanwhile() {
    let case = Case::of("06-reply-waits.py", "-f route");
    let exchange = case.with_seq(case.truth.number("/seq"));
    assert_eq!(exchange.text("/comm"), case.truth.text("/comm"));
    assert!(exchange.number("/rtt_ns") >= case.truth.number("/rtt_ms_min") * MS, "{exchange}");
    assert!(exchange.number("/queue_ns") >= case.truth.number("/queue_ms_min") * MS, "{exchange}");
    assert!(exchange.number("/kernel_ns") <= case.truth.number("/kernel_ms_max") * MS, "{exchange}");
    let explained = exchange.number("/kernel_ns") + exchange.number("/queue_ns");
    assert!(explained * 100 >= exchange.number("/rtt_ns") * 95, "{exchange}");
}

#[test]
fn the_kernels_sentence_is_there_though_the_program_did_not_ask() {
    let case = Case::of("07-extack-hidden.py truth", "-f route --errors");
    let (hidden, told) = (case.with_seq(5), case.with_seq(6));
    assert_eq!(hidden.at("/error"), case.truth.at("/error"));
    assert_eq!(hidden.at("/extack"), case.truth.at("/extack"));
    assert_eq!(hidden.at("/extack"), told.at("/extack"));
    assert_eq!((hidden.at("/extack_delivered"), told.at("/extack_delivered")), (&json!(false), &json!(true)));
}

#[test]
fn a_lock_that_another_namespace_holds_is_most_of_the_time() {
    let case = Case::of("09-rtnl-held.py 300", "-f route");
    let exchange = case.with_seq(case.truth.number("/worst_seq"));
    let worst_ms = case.truth.at("/worst_rtt_ms").as_f64().expect("a number");
    assert!((exchange.number("/rtt_ns") as f64) < worst_ms * 1e6, "{exchange}");
    let parts = ["kernel_ns", "queue_ns"].map(|name| exchange.number(&format!("/{name}")));
    assert!(parts.iter().sum::<u64>() * 100 >= exchange.number("/rtt_ns") * 95, "{exchange}");
    assert!(exchange.number("/lock_ns") * 10 >= exchange.number("/rtt_ns") * 9, "{exchange}");
    let locks: Vec<_> = exchange.list("/locks").iter().map(|lock| lock.at("/name")).collect();
    assert!(locks.contains(&&json!("rtnl_mutex")), "{exchange}");
    let by = exchange.list("/blocked_by").first().expect("somebody had the lock");
    assert_eq!(fields(by, &["pid", "comm"]), fields(&case.truth, &["holder_pid", "holder_comm"]));
    assert_eq!(by.text("/type_name"), "DELLINK");
    assert_ne!(by.at("/netns"), exchange.at("/netns"));
    let waited: u64 = exchange.list("/blocked_by").iter().map(|by| by.number("/wait_ns")).sum();
    assert_eq!(waited, exchange.number("/lock_ns"));
}

#[test]
fn one_message_fails_and_its_batch_is_aborted() {
    let case = Case::of("10-nft-batch.sh", "-f netfilter");
    let own = case.own();
    let batch: Vec<_> = own.iter().filter(|line| !line.at("/batch").is_null()).collect();
    assert_eq!(batch.len() as u64, case.truth.number("/batch_messages"));
    assert!(batch.iter().all(|line| line.at("/batch/committed") == case.truth.at("/committed")));
    let failed: Vec<_> = batch.iter().filter(|line| line.text("/outcome") == "error").collect();
    let [failed] = failed[..] else { panic!("one failed: {batch:?}") };
    assert_eq!(
        (failed.at("/seq"), failed.at("/error")),
        (case.truth.at("/failed_seq"), case.truth.at("/error"))
    );
    assert_eq!(failed.text("/type_name"), "nftables/DELCHAIN");
    assert_eq!(batch.iter().filter(|line| line.text("/outcome") == "aborted").count(), batch.len() - 1);
}

#[test]
fn a_family_that_is_missing_is_enoent_each_time() {
    let case = Case::of("s2-genl-missing.py", "-f generic --errors");
    let own = case.own();
    assert_eq!(own.len() as u64, case.truth.number("/attempts"));
    let errors: Vec<_> = own.iter().map(|line| line.at("/error").clone()).collect();
    assert_eq!(&Value::from(errors), case.truth.at("/errors"));
    assert!(own.iter().all(|line| line.at("/decoded/family_name") == case.truth.at("/name") && line.number("/cmd") == 3));
}

#[test]
fn what_is_too_large_is_never_sent() {
    let case = Case::of("s3-emsgsize.py", "-f route --errors");
    let exchange = case.with_seq(case.truth.number("/seq"));
    assert_eq!((exchange.text("/outcome"), exchange.text("/errno")), ("not_sent", "EMSGSIZE"));
    assert_eq!(exchange.at("/len"), case.truth.at("/bytes"));
}

#[test]
fn a_storm_of_dumps_is_counted_to_the_message_and_byte() {
    let case = Case::of("s4-dump-storm.py", "-f route -c exporter");
    let own = case.own();
    let dumps: Vec<_> = own.iter().filter(|line| line.text("/outcome") == "dump").collect();
    let sum = |field: &str| dumps.iter().map(|line| line.number(field)).sum::<u64>();
    assert_eq!(dumps.len() as u64, case.truth.number("/requests"));
    assert_eq!(sum("/answers"), case.truth.number("/messages"));
    assert_eq!(sum("/answer_bytes"), case.truth.number("/reply_bytes"));
}

#[test]
fn a_second_answer_is_read_for_the_next_request() {
    let case = Case::of("s7-extra-ack.py", "-f route");
    let first = case.with_seq(case.truth.number("/stale_ack_seq"));
    assert_eq!(
        (first.text("/outcome"), first.at("/acked"), first.number("/answers")),
        ("reply", &json!(true), 2)
    );
    assert!(first.number("/queue_ns") >= case.truth.number("/stale_ack_queued_ms_min") * MS, "{first}");
    assert_eq!(first.at("/read_by/pid"), case.truth.at("/pid"));
}

#[test]
fn all_at_once_in_namespaces_of_their_own_they_are_told_apart() {
    let scripts = [
        "04-dump-intr",
        "05-no-reply",
        "06-reply-waits",
        "07-extack-hidden",
        "s2-genl-missing",
        "s7-extra-ack",
    ];
    let said = |script: &str| format!("/tmp/{script}.together");
    let each = scripts.map(|script| {
        format!("unshare -n python3 /opt/nltrace/cases/{script}.py truth > {} & ", said(script))
    });
    let command = format!("{}wait", each.concat());
    let output = nltrace("trace --json --ring-size 64M -- sh -c").word(command).limit(LIMIT).run();
    let lines = output.success().json_lines();
    let outcome_of = |script: &str, seq: u64| {
        let said = fs::read_to_string(said(script)).expect("the script says something");
        let truth = said.lines().find_map(|line| line.strip_prefix("TRUTH ")).expect("the truth");
        let pid = serde_json::from_str::<Value>(truth).expect("it is JSON").number("/pid");
        let is_it = |line: &&Value| {
            line.text("/event") == "exchange"
                && line.number("/pid") == pid
                && line.at("/seq").as_u64() == Some(seq)
        };
        let found: Vec<_> = lines.iter().filter(is_it).collect();
        let [exchange] = found[..] else { panic!("one exchange {seq} of {script} was expected: {found:?}") };
        (
            exchange.text("/outcome").to_owned(),
            exchange.number("/answers"),
            exchange.list("/interrupted_by").len(),
        )
    };
    assert_eq!(outcome_of("04-dump-intr", 7), ("dump".to_owned(), 153, 1));
    for seq in [11, 12] {
        assert_eq!(outcome_of("05-no-reply", seq), ("silent".to_owned(), 0, 0));
    }
    assert_eq!(outcome_of("06-reply-waits", 42), ("ack".to_owned(), 1, 0));
    for seq in [5, 6] {
        assert_eq!(outcome_of("07-extack-hidden", seq), ("error".to_owned(), 1, 0));
    }
    for seq in [1, 2, 3] {
        assert_eq!(outcome_of("s2-genl-missing", seq), ("error".to_owned(), 1, 0));
        assert_eq!(outcome_of("s7-extra-ack", seq), ("reply".to_owned(), 2, 0));
    }
}
