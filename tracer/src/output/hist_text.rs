//! `hist` for people: a table, then the shape of each histogram.

use std::fmt::Write as _;

use super::{
    Capture, Charset,
    accounting::accounting_line,
    bars::{BAR_COLUMNS, Line, bar, lines},
    duration, grouped,
    units::percent,
};
use crate::{
    decode::TypeName,
    model::{Histogram, Key},
};

const HEADINGS: [&str; 10] = ["FAMILY", "TYPE", "STAGE", "COUNT", "MIN", "P50", "P90", "P99", "P99.9", "MAX"];

/// Columns up to here are text, and the others numbers.
const TEXT_COLUMNS: usize = 3;

/// Percentiles that the bars mark, in thousandths.
const MARKS: [(u64, &str); 4] = [(500, "p50"), (900, "p90"), (990, "p99"), (999, "p99.9")];

/// The whole text, with its line break.
pub fn hist_text(capture: &Capture, charset: Charset) -> String {
    let mut text = String::new();
    let time = duration(capture.duration_ns, charset);
    let _ = match capture.interval {
        Some(number) => writeln!(text, "interval {number}, {time}"),
        None => writeln!(text, "captured {time}"),
    };
    if capture.rows.is_empty() {
        text.push_str("no messages\n");
    } else {
        text.push('\n');
        table(&mut text, capture, charset);
        // Intervals follow each other quickly: their shapes would only scroll by.
        if capture.interval.is_none() {
            for (key, histogram) in capture.rows.iter() {
                shape(&mut text, key, histogram, charset);
            }
        }
    }
    let _ = writeln!(text, "\n{}", accounting_line(&capture.ledger));
    text
}

fn table(text: &mut String, capture: &Capture, charset: Charset) {
    let mut table = vec![HEADINGS.map(str::to_owned)];
    for (key, histogram) in capture.rows.iter() {
        let [family, nlmsg_type, stage] = names(key);
        let time = |ns| duration(ns, charset);
        let percentile = |(per_mille, _): (u64, &str)| time(histogram.percentile_ns(per_mille));
        let [p50, p90, p99, p999] = MARKS.map(percentile);
        let (min, max) = (time(histogram.min_ns), time(histogram.max_ns));
        table.push([family, nlmsg_type, stage, grouped(histogram.count), min, p50, p90, p99, p999, max]);
    }
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    for row in &table {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < TEXT_COLUMNS { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  "));
    }
}

/// Family, type and stage.
fn names(key: &Key) -> [String; 3] {
    let dash = || "-".to_owned();
    match *key {
        Key::Other { stage } => {
            ["other".to_owned(), dash(), stage.map_or_else(dash, |stage| stage.name().to_owned())]
        }
        Key::Messages { family, nlmsg_type, stage } => {
            let nlmsg_type = nlmsg_type.map_or_else(dash, |number| {
                TypeName::of(family, number).map_or_else(|| number.to_string(), |name| name.to_string())
            });
            [family.label(), nlmsg_type, stage.name().to_owned()]
        }
    }
}

fn shape(text: &mut String, key: &Key, histogram: &Histogram, charset: Charset) {
    let messages = if histogram.count == 1 { "message" } else { "messages" };
    let mean = duration(histogram.mean_ns(), charset);
    let _ = writeln!(
        text,
        "\n{}: {} {messages}, mean {mean}",
        names(key).into_iter().filter(|name| name != "-").collect::<Vec<_>>().join(" "),
        grouped(histogram.count)
    );
    let lines = lines(histogram);
    let counts = lines.iter().map(|line| if let Line::Bucket(_, _, count) = line { *count } else { 0 });
    let most = counts.max().unwrap_or(0);
    let width = grouped(most).len();
    for line in &lines {
        let Line::Bucket(low, high, count) = *line else {
            text.push_str(if charset == Charset::Utf8 { "        ⋮\n" } else { "        :\n" });
            continue;
        };
        let start = format!(
            "{:>9}  {:>width$}  {:>5}%  {:BAR_COLUMNS$}  {}",
            duration(low, charset),
            grouped(count),
            percent(count, histogram.count),
            bar(count, most, charset),
            marks(histogram, low, high),
        );
        let _ = writeln!(text, "{}", start.trim_end());
    }
}

/// The percentiles that lie in a line.
fn marks(histogram: &Histogram, low: u64, high: u64) -> String {
    let within = |(per_mille, _): &(u64, &str)| (low..high).contains(&histogram.percentile_ns(*per_mille));
    MARKS.iter().filter(|mark| within(mark)).map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        decode::Family,
        model::{Accounting, Ledger, Lost, Rows, Stage, tests::histogram},
        output::Watched,
    };

    pub(in crate::output) fn capture() -> Capture {
        let mut rows = Rows::default();
        let echo = |stage| Key::Messages { family: Family::NLTEST, nlmsg_type: Some(16), stage };
        let times = |start: u64| histogram((0..1000).map(move |n| start + n * n / 100).chain([start * 90]));
        rows.add(echo(Stage::Request), &times(5_200));
        rows.add(echo(Stage::Receive), &times(3_900));
        rows.add(echo(Stage::Reply), &times(900));
        rows.add(Key::Other { stage: Some(Stage::Reply) }, &histogram([700]));
        let unicast =
            Accounting { hits: 2_004, recorded: 2_002, filtered: 2, unmatched: 0, lost: Lost::default() };
        let lost = Lost { no_memory: 1, ..Lost::default() };
        let receive = Accounting { hits: 1_003, recorded: 1_001, filtered: 0, unmatched: 1, lost };
        Capture {
            interval: None,
            duration_ns: 2_345_678_901,
            rows,
            ledger: Ledger { hooks: [unicast, Accounting::default(), receive] },
            watched: vec![Watched {
                hook: "unicast",
                function: "netlink_unicast".into(),
                method: "fentry+fexit".into(),
            }],
        }
    }

    #[test]
    fn text_is_as_it_was_approved() {
        assert_eq!(hist_text(&capture(), Charset::Utf8), include_str!("snapshots/hist.txt"));
        assert_eq!(hist_text(&capture(), Charset::Ascii), include_str!("snapshots/hist-ascii.txt"));
    }

    #[test]
    fn an_interval_has_a_table_only_and_nothing_says_so() {
        let interval = hist_text(&Capture { interval: Some(2), ..capture() }, Charset::Utf8);
        assert!(interval.starts_with("interval 2, 2.35 s\n\nFAMILY") && !interval.contains('█'));
        let nothing = Capture { rows: Rows::default(), ledger: Ledger::default(), ..capture() };
        let expected = "captured 2.35 s\nno messages\n\n\
            0 hits = 0 recorded + 0 filtered + 0 unmatched + 0 lost\n";
        assert_eq!(hist_text(&nothing, Charset::Utf8), expected);
    }
}
