//! The JSON of the contract: each field is there, has its type, and there is no other but those named here.

use serde_json::Value;

use super::Json;

/// What a field may hold.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Number,
    Signed,
    Text,
    Flag,
    List,
    Object,
    /// The same, or null where it is not known.
    MaybeNumber,
    MaybeSigned,
    MaybeText,
    MaybeList,
    MaybeObject,
    Null,
}

use Kind::*;

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Number => value.is_u64(),
            Signed => value.is_i64() || value.is_u64(),
            Text => value.is_string(),
            Flag => value.is_boolean(),
            List => value.is_array(),
            Object => value.is_object(),
            MaybeNumber => value.is_null() || Number.fits(value),
            MaybeSigned => value.is_null() || Signed.fits(value),
            MaybeText => value.is_null() || Text.fits(value),
            MaybeList => value.is_null() || List.fits(value),
            MaybeObject => value.is_null() || Object.fits(value),
            Null => value.is_null(),
        }
    }
}

/// `object` has the fields of `fixed`, may have those of `optional`, and has no others.
fn check(object: &Value, fixed: &[(&str, Kind)], optional: &[(&str, Kind)]) {
    let fields = object.as_object().unwrap_or_else(|| panic!("{object} is not an object"));
    for (name, kind) in fixed {
        let value = fields.get(*name).unwrap_or_else(|| panic!("{name} is missing in {object}"));
        assert!(kind.fits(value), "{name} is {value}, which is not {kind:?}, in {object}");
    }
    for (name, value) in fields.iter().filter(|(name, _)| fixed.iter().all(|(known, _)| known != name)) {
        let known = optional.iter().find(|(known, _)| known == name);
        let (_, kind) = known.unwrap_or_else(|| panic!("{name} is in no contract: {object}"));
        assert!(kind.fits(value), "{name} is {value}, which is not {kind:?}, in {object}");
    }
}

const COUNTERS: [(&str, Kind); 5] =
    [("hits", Number), ("recorded", Number), ("filtered", Number), ("unmatched", Number), ("lost", Number)];

fn accounting(accounting: &Value) {
    check(accounting, &COUNTERS, &[("hooks", List), ("loss", Object)]);
    loss(accounting);
    for hook in accounting.list("/hooks") {
        check(hook, &[COUNTERS.as_slice(), &[("hook", Text)]].concat(), &[("loss", Object)]);
        loss(hook);
    }
    for (counter, _) in COUNTERS {
        let of_hooks = accounting.list("/hooks").iter().map(|hook| hook.number(&format!("/{counter}")));
        assert_eq!(
            accounting.number(&format!("/{counter}")),
            of_hooks.sum::<u64>(),
            "{counter} of {accounting}"
        );
    }
}

/// The causes that are counted add up to what is lost.
fn loss(accounting: &Value) {
    // What the kernel skips it does not count everywhere.
    let causes = [("no_room", Number), ("no_memory", Number), ("skipped", MaybeNumber)];
    check(accounting.at("/loss"), &causes, &[]);
    let counted = causes.iter().filter_map(|(cause, _)| accounting.at(&format!("/loss/{cause}")).as_u64());
    let sum: u64 = counted.sum();
    assert_eq!(accounting.number("/lost"), sum, "{accounting}");
}

fn attachments(object: &Value) {
    for attachment in object.list("/attachments") {
        check(attachment, &[("hook", Text), ("function", Text), ("method", Text)], &[]);
    }
}

/// The object of `hist --json`.
pub(super) fn hist(object: &Value) {
    let fixed = [("command", Text), ("duration_ns", Number), ("accounting", Object), ("histograms", List)];
    check(object, &fixed, &[("interval", MaybeNumber), ("attachments", List), ("by", Text)]);
    assert_eq!(object.text("/command"), "hist");
    accounting(object.at("/accounting"));
    attachments(object);
    object.list("/histograms").iter().for_each(histogram);
    let counted: u64 = object.list("/histograms").iter().map(|row| row.number("/count")).sum();
    assert_eq!(counted, object.number("/accounting/recorded"), "what is recorded is in a histogram");
}

fn histogram(row: &Value) {
    let fixed = [
        ("family", MaybeNumber),
        ("family_name", MaybeText),
        ("stage", MaybeText),
        ("type", MaybeNumber),
        ("type_name", MaybeText),
        ("cmd", MaybeNumber),
        ("cmd_name", MaybeText),
        ("address_family", MaybeNumber),
        ("address_family_name", MaybeText),
        ("comm", MaybeText),
        ("count", Number),
        ("min_ns", Number),
        ("max_ns", Number),
        ("mean_ns", Number),
        ("p50_ns", Number),
        ("p90_ns", Number),
        ("p99_ns", Number),
        ("p999_ns", Number),
        ("buckets", List),
    ];
    // Only where histograms are kept apart by who asked.
    let of_some = [
        ("sum_ns", Number),
        ("party", Text),
        ("pid", MaybeNumber),
        ("cgroup_id", MaybeNumber),
        ("cgroup", MaybeText),
        ("unit", MaybeText),
        ("netns", MaybeNumber),
        ("netns_name", MaybeText),
        ("netns_cookie", MaybeNumber),
        ("portid", MaybeNumber),
    ];
    check(row, &fixed, &of_some);
    let [min, mean, max, p50, p90, p99, p999] =
        ["min", "mean", "max", "p50", "p90", "p99", "p999"].map(|name| row.number(&format!("/{name}_ns")));
    assert!(min <= mean && mean <= max && p50 <= p90 && p90 <= p99 && p99 <= p999, "out of order: {row}");
    assert!(min <= p50 && p999 <= max, "percentiles lie between the ends: {row}");
    let mut end = 0;
    for bucket in row.list("/buckets") {
        let [low, high, count] = ["/0", "/1", "/2"].map(|field| bucket.number(field));
        assert!(end <= low && low < high && count > 0, "buckets in order, none empty: {row}");
        assert!(high - low == 1 || (high - low) * 16 <= low, "a bucket is at most 6.25 % wide: {row}");
        end = high;
    }
    let buckets = row.list("/buckets");
    assert_eq!(buckets.iter().map(|bucket| bucket.number("/2")).sum::<u64>(), row.number("/count"), "{row}");
    let within = |bucket: Option<&Value>, value: u64| {
        bucket.is_some_and(|bucket| bucket.number("/0") <= value && value < bucket.number("/1"))
    };
    assert!(
        within(buckets.first(), min) && within(buckets.last(), max),
        "the ends lie in the end buckets: {row}"
    );
}

/// A line of `trace --json`.
pub(super) fn event(line: &Value) {
    let fixed = [
        ("ts_ns", Number),
        ("cpu", MaybeNumber),
        ("event", Text),
        ("family", Number),
        ("family_name", MaybeText),
        ("pid", Number),
        ("tid", Number),
        ("comm", Text),
        ("netns", Number),
        ("portid", Number),
        ("group", MaybeNumber),
        ("type", MaybeNumber),
        ("type_name", MaybeText),
        ("flags", MaybeList),
        ("seq", MaybeNumber),
        ("len", MaybeNumber),
        ("latency_ns", Number),
        ("ret", MaybeSigned),
        ("errno", MaybeText),
        ("extack", MaybeText),
        ("payload", Text),
        ("payload_truncated", Flag),
        ("decoded", MaybeObject),
        ("datagram", Object),
    ];
    let of_some = [
        ("datagram_len", Number),
        ("messages", MaybeNumber),
        ("listeners", MaybeNumber),
        ("dropped", MaybeNumber),
        ("deliveries", MaybeList),
    ];
    check(line, &fixed, &of_some);
    assert_eq!(line.get("listeners").is_some(), *line.at("/event") == "notify", "{line}");
    line.get("deliveries").and_then(Value::as_array).into_iter().flatten().for_each(delivery);
    check(line.at("/datagram"), &[("id", Number), ("index", Number), ("of", MaybeNumber)], &[]);
    let event = line.text("/event");
    assert!(["request", "reply", "notify", "receive", "part"].contains(&event), "{line}");
}

fn delivery(delivery: &Value) {
    let fixed = [
        ("socket_inode", MaybeNumber),
        ("portid", Number),
        ("pid", MaybeNumber),
        ("comm", MaybeText),
        ("netns", Number),
        ("nsid", MaybeNumber),
        ("result", Text),
    ];
    check(delivery, &fixed, &[]);
    assert!(["queued", "overrun"].contains(&delivery.text("/result")), "{delivery}");
}

/// The last line of `trace --json`, and those of intervals.
pub(super) fn summary(line: &Value) {
    let (event, interval) = match line.at("/interval") {
        Value::Null => ("summary", Null),
        _ => ("interval", Number),
    };
    let fixed = [("event", Text), ("accounting", Object), ("messages", Object), ("interval", interval)];
    check(line, &fixed, &[("duration_ns", Number), ("attachments", List)]);
    assert_eq!(line.text("/event"), event);
    accounting(line.at("/accounting"));
    let messages =
        [("seen", Number), ("shown", Number), ("filtered", Number), ("lost", Number), ("unseen", Object)];
    check(line.at("/messages"), &messages, &[]);
    attachments(line);
}
