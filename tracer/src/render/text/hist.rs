//! `hist` for people: a table, then the shape of each histogram.

mod party;

use std::fmt::Write as _;

use nltrace_common::SUB_BUCKETS;
use terminal::{
    Charset,
    bars::{Bucket, Line, bar, lines},
    units::{duration, grouped, percent, plural},
};

use super::accounting::accounting_line;
use crate::{
    decode::{Detail, Family, TypeName},
    model::{By, Histogram, Key, Report},
    render::{Surroundings, decoding::direction_of},
};

/// Columns that are text, and those that are numbers.
const NAMES: [&str; 3] = ["FAMILY", "TYPE", "STAGE"];
const NUMBERS: [&str; 7] = ["COUNT", "MIN", "P50", "P90", "P99", "P99.9", "MAX"];

/// Lines of a shape at most, roughly.
const SHAPE_LINES: usize = 14;

/// Columns of the longest bar.
const BAR_COLUMNS: usize = 36;

/// Percentiles that the bars mark, in thousandths.
const MARKS: [(u64, &str); 4] = [(500, "p50"), (900, "p90"), (990, "p99"), (999, "p99.9")];

/// How the result of a capture reads.
#[derive(Clone, Copy, Debug)]
pub struct HistStyle {
    /// What can be shown.
    pub charset: Charset,
    /// What histograms are kept apart by.
    pub by: Option<By>,
}

/// The whole text, with its line break.
pub fn hist_text(report: &Report, style: HistStyle, around: &mut dyn Surroundings) -> String {
    let charset = style.charset;
    let mut text = String::new();
    let time = duration(report.duration_ns, charset);
    let _ = match report.interval {
        Some(number) => writeln!(text, "interval {number}, {time}"),
        None => writeln!(text, "captured {time}"),
    };
    if report.rows.is_empty() {
        text.push_str("no messages\n");
    } else {
        text.push('\n');
        let names: Vec<_> = report.rows.iter().map(|(key, _)| names(key, style, around)).collect();
        table(&mut text, report, &names, style);
        // Intervals follow each other quickly: their shapes would only scroll by.
        if report.interval.is_none() {
            for (names, (_, histogram)) in names.iter().zip(report.rows.iter()) {
                shape(&mut text, names, histogram, charset);
            }
        }
    }
    let _ = writeln!(text, "\n{}", accounting_line(&report.ledger));
    text
}

fn table(text: &mut String, report: &Report, names: &[Vec<String>], style: HistStyle) {
    let headings = NAMES.into_iter().chain(style.by.map(party::heading));
    let headings: Vec<_> = headings.map(str::to_owned).collect();
    let text_columns = headings.len();
    let mut table = vec![headings];
    table[0].extend(NUMBERS.map(str::to_owned));
    for (names, (_, histogram)) in names.iter().zip(report.rows.iter()) {
        let time = |ns| duration(ns, style.charset);
        let percentile = |(per_mille, _): (u64, &str)| time(histogram.percentile_ns(per_mille));
        let [p50, p90, p99, p999] = MARKS.map(percentile);
        let (min, max) = (time(histogram.min_ns), time(histogram.max_ns));
        let numbers = [grouped(histogram.count), min, p50, p90, p99, p999, max];
        table.push(names.iter().cloned().chain(numbers).collect());
    }
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table[0].len()).map(width).collect();
    for row in &table {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < text_columns { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  "));
    }
}

/// Family, type and stage, and whose.
fn names(key: &Key, style: HistStyle, around: &mut dyn Surroundings) -> Vec<String> {
    let [family, nlmsg_type, stage] = kind(key, around);
    let party = match *key {
        Key::Messages { party: Some(party), .. } => party::label(&party, around, style.charset),
        Key::Messages { .. } | Key::Other { .. } => "-".to_owned(),
    };
    [family, nlmsg_type, stage].into_iter().chain(style.by.map(|_| party)).collect()
}

/// Family, type and stage.
fn kind(key: &Key, around: &dyn Surroundings) -> [String; 3] {
    let dash = || "-".to_owned();
    match *key {
        Key::Other { stage } => {
            ["other".to_owned(), dash(), stage.map_or_else(dash, |stage| stage.name().to_owned())]
        }
        Key::Messages { family, nlmsg_type, detail, stage, .. } => {
            let text = nlmsg_type.map_or_else(dash, |number| {
                let generic = around.generic(number).filter(|_| family == Family::GENERIC);
                let name = TypeName::of(family, number).map(|name| name.to_string());
                let name = name.or_else(|| generic.map(str::to_owned));
                let name = name.unwrap_or_else(|| number.to_string());
                let detail =
                    detail.and_then(|byte| Detail::named(family, number, byte, generic, direction_of(stage)));
                match detail {
                    Some(detail) => format!("{name}/{}", detail.label()),
                    None => name,
                }
            });
            [family.label(), text, stage.name().to_owned()]
        }
    }
}

fn shape(text: &mut String, names: &[String], histogram: &Histogram, charset: Charset) {
    let mean = duration(histogram.mean_ns(), charset);
    let _ = writeln!(
        text,
        "\n{}: {} {}, mean {mean}",
        names.iter().filter(|name| *name != "-").map(String::as_str).collect::<Vec<_>>().join(" "),
        grouped(histogram.count),
        plural(histogram.count, "message")
    );
    let finest: Vec<_> =
        histogram.buckets().map(|(from, below, count)| Bucket { from, below, count }).collect();
    let lines = lines(&finest, SUB_BUCKETS as u64, SHAPE_LINES);
    let most = lines.iter().map(Line::count).max().unwrap_or(0);
    let width = grouped(most).len();
    for line in &lines {
        let Line::Bucket(Bucket { from, below, count }) = *line else {
            let _ = writeln!(text, "        {}", charset.vertical_ellipsis());
            continue;
        };
        let start = format!(
            "{:>9}  {:>width$}  {:>5}%  {:BAR_COLUMNS$}  {}",
            duration(from, charset),
            grouped(count),
            percent(count, histogram.count),
            bar(count, most, BAR_COLUMNS, charset),
            marks(histogram, from, below),
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
pub(in crate::render) mod tests {
    use super::*;
    use crate::{
        decode::Family,
        model::{Accounting, Hook, Ledger, Lost, Party, Rows, Stage, Watched, tests::histogram},
    };

    pub(in crate::render) fn report() -> Report {
        let mut rows = Rows::default();
        let echo = |stage| Key::Messages {
            family: Family::NLTEST,
            nlmsg_type: Some(16),
            detail: None,
            stage,
            party: None,
        };
        let times = |start: u64| histogram((0..1000).map(move |n| start + n * n / 100).chain([start * 90]));
        rows.add(echo(Stage::Request), &times(5_200));
        rows.add(echo(Stage::Receive), &times(3_900));
        rows.add(echo(Stage::Reply), &times(900));
        rows.add(Key::Other { stage: Some(Stage::Reply) }, &histogram([700]));
        let unicast =
            Accounting { hits: 2_004, recorded: 2_002, filtered: 2, unmatched: 0, lost: Lost::default() };
        let lost = Lost::new([Some(0), Some(1), Some(0)]);
        let receive = Accounting { hits: 1_003, recorded: 1_001, filtered: 0, unmatched: 1, lost };
        let mut ledger = Ledger::default();
        ledger.hooks[Hook::Unicast.number()] = unicast;
        ledger.hooks[Hook::Receive.number()] = receive;
        Report {
            is_cut: false,
            interval: None,
            duration_ns: 2_345_678_901,
            rows,
            ledger,
            messages: None,
            watched: vec![Watched {
                hook: "unicast",
                function: "netlink_unicast".into(),
                method: "fentry+fexit".into(),
            }],
            drops: None,
            drop_calls: None,
        }
    }

    /// With what can be shown, and nobody told apart.
    fn plain(report: &Report, charset: Charset) -> String {
        hist_text(report, HistStyle { charset, by: None }, &mut ())
    }

    /// The same message of two processes.
    pub(in crate::render) fn report_by_process() -> Report {
        let of = |party| Key::Messages {
            family: Family::NLTEST,
            nlmsg_type: Some(16),
            detail: None,
            stage: Stage::Request,
            party: Some(party),
        };
        let mut comm = [0; 16];
        comm[..4].copy_from_slice(b"a\x1bb\n");
        let mut rows = Rows::default();
        rows.add(of(Party::Process { pid: 7, comm, is_kernel: false }), &histogram([5_200]));
        rows.add(of(Party::Unknown), &histogram([900, 901]));
        rows.add(Key::Other { stage: Some(Stage::Reply) }, &histogram([700]));
        Report { rows, ..Report::default() }
    }

    #[test]
    fn whose_a_histogram_is_has_a_column_and_hostile_names_are_escaped() {
        let style = HistStyle { charset: Charset::Ascii, by: Some(By::Process) };
        let text = hist_text(&report_by_process(), style, &mut ());
        let table: Vec<_> = text.lines().skip(2).take(4).collect();
        let words = |line: &str| line.split_whitespace().take(5).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(table[0]), ["FAMILY", "TYPE", "STAGE", "PROCESS", "COUNT"]);
        assert_eq!(words(table[1]), ["nltest", "ECHO", "request", "a\\u{1b}b\\n[7]", "1"]);
        assert_eq!(words(table[2]), ["nltest", "ECHO", "request", "unknown", "2"]);
        assert_eq!(words(table[3]), ["other", "-", "reply", "-", "1"]);
    }

    #[test]
    fn text_is_as_it_was_approved() {
        assert_eq!(plain(&report(), Charset::Utf8), include_str!("snapshots/hist.txt"));
        assert_eq!(plain(&report(), Charset::Ascii), include_str!("snapshots/hist-ascii.txt"));
    }

    #[test]
    fn an_interval_has_a_table_only_and_nothing_says_so() {
        let interval = plain(&Report { interval: Some(2), ..report() }, Charset::Utf8);
        assert!(interval.starts_with("interval 2, 2.35 s\n\nFAMILY") && !interval.contains('█'));
        let nothing = Report { rows: Rows::default(), ledger: Ledger::default(), ..report() };
        let expected = "captured 2.35 s\nno messages\n\n\
            0 hits = 0 recorded + 0 filtered + 0 unmatched + 0 lost\n";
        assert_eq!(plain(&nothing, Charset::Utf8), expected);
    }
}
