//! What is not known of exchanges, as root: the fields that are null although there is something to say. Each
//! run of a script in `tests/cases` is held against it (exchange_cases.rs), and docs/trace.md has the same.
//! The list may only get shorter.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::guest::Json;

/// Fields that no kernel's exchange has.
const NOWHERE: &[&str] = &[];

/// Fields that not every kernel or every capture has, which docs/trace.md says beside those above; the
/// kernels that the tests run in have them.
const NOT_EVERYWHERE: &[&str] = &[
    "queue_ns",
    "rtt_ns",
    "read_by",
    "answers_unread",
    "lock_ns",
    "locks",
    "cgroup",
    "listeners",
    "dropped",
    "exe",
    "parent",
    "thread",
];

/// Whether a field has something to say of an exchange.
fn applies(exchange: &Value, field: &str) -> bool {
    let outcome = exchange.text("/outcome");
    let is_answered = exchange.number("/answers") > exchange.number("/answers_dropped");
    let is_over = !["pending", "abandoned"].contains(&outcome);
    let has_error = exchange.at("/error").as_i64().is_some_and(|error| error != 0);
    match field {
        "cmd" | "cmd_version" => *exchange.at("/family_name") == "generic",
        "batch" => *exchange.at("/family_name") == "netfilter" && *exchange.at("/datagram/of") != 1,
        // Too little of a message that is only a header, or was cut.
        "decoded" => !exchange.text("/payload").is_empty() && *exchange.at("/payload_truncated") == false,
        // Of these the kernel says no result.
        "error" => !["aborted", "ignored", "malformed", "abandoned", "pending"].contains(&outcome),
        "errno" => has_error,
        // The kernel need not have words for a refusal, nor a place.
        "extack" | "extack_offset" | "extack_attribute" | "extack_missing" | "extack_policy" => false,
        "extack_delivered" => !exchange.at("/extack").is_null() && outcome != "not_sent",
        "busy_with" => *exchange.at("/errno") == "EBUSY" && exchange.list("/flags").contains(&"DUMP".into()),
        // Messages of a transaction cannot be told apart.
        "kernel_ns" => exchange.at("/batch").is_null() && outcome != "not_sent",
        "lock_ns" | "locks" => outcome != "not_sent",
        "answer_ns" => is_answered && is_over,
        "queue_ns" | "read_by" => is_answered && exchange.number("/answers_unread") == 0,
        "rtt_ns" => is_answered && is_over && exchange.number("/answers_unread") == 0,
        // Asked for by options of their own.
        "answer_messages" | "exe" | "parent" | "thread" => false,
        _ => true,
    }
}

fn unknown(exchange: &Value) -> impl Iterator<Item = &str> {
    let fields = exchange.as_object().expect("an object");
    fields
        .iter()
        .filter(|(field, value)| value.is_null() && applies(exchange, field))
        .map(|(field, _)| field.as_str())
}

/// Of these exchanges, which a script made, no field is null that has something to say but is not in the
/// list; and those in it all are.
pub(crate) fn only_listed_are_null(script: &str, exchanges: &[&Value]) {
    let found: BTreeSet<_> = exchanges.iter().flat_map(|exchange| unknown(exchange)).collect();
    let listed: BTreeSet<_> = NOWHERE.iter().copied().collect();
    let example =
        |field: &str| exchanges.iter().find(|exchange| unknown(exchange).any(|other| other == field));
    if let Some(more) = found.difference(&listed).next() {
        panic!("{script}: {more} is null in {:?}", example(more));
    }
    let known: Vec<_> = listed.difference(&found).collect();
    assert!(
        exchanges.is_empty() || known.is_empty(),
        "{script}: {known:?} is known now: take it from the list, and from docs/trace.md"
    );
}

#[test]
fn the_documentation_lists_what_is_null() {
    let text = include_str!("../../docs/trace.md");
    let (_, section) = text.split_once("## What is null\n").expect("a section");
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let fields = rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split(','));
    let documented: BTreeSet<_> = fields.map(|field| field.trim().trim_matches('`')).collect();
    let listed: BTreeSet<_> = NOWHERE.iter().chain(NOT_EVERYWHERE).copied().collect();
    assert_eq!(documented, listed);
}
