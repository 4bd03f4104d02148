//! Results for people: Markdown tables, which go into docs/benchmarks.md as they are.

use std::iter;

use terminal::units::grouped;

use super::{
    cases::Kind,
    results::{Boot, Row},
};

/// What was measured in one boot.
pub(crate) fn costs(boot: &Boot) -> String {
    let head = ["case", "instructions", "added", "to the floor", "lost"].map(str::to_owned);
    let rows = boot.cases.iter().map(|row| {
        let lost = row.lost.map_or_else(none, grouped);
        [row.name.clone(), count(row.instructions), count(row.added), ratio(row.ratio), lost]
    });
    let mut text = format!("Linux {}, a round trip:\n\n{}", boot.version, markdown(head, rows));
    let failures = boot.cases.iter().filter_map(|row| Some((row, row.failure.as_ref()?)));
    for (row, failure) in failures {
        text.push_str(&format!("\n{}: no figures, {failure}\n", row.name));
    }
    text
}

/// What it takes to start; empty where that was not measured.
pub(crate) fn start(boot: &Boot) -> String {
    let head = ["start of", "instructions to attached", "resident, MiB"].map(str::to_owned);
    let rows: Vec<_> = boot
        .cases
        .iter()
        .filter(|row| matches!(row.kind, Kind::Ours | Kind::Peer) && row.start_instructions.is_some())
        .map(|row| {
            let resident = row.resident_kib.map_or_else(none, |kib| format!("{:.1}", kib as f64 / 1024.0));
            [row.name.clone(), row.start_instructions.map_or_else(none, grouped), resident]
        })
        .collect();
    if rows.is_empty() { String::new() } else { markdown(head, rows.into_iter()) }
}

/// What has changed since `before`.
pub(crate) fn changes(before: &Boot, now: &Boot) -> String {
    let head = ["case", "before", "now", "change"].map(str::to_owned);
    let rows = now.cases.iter().filter_map(|row| {
        let before = before.row(&row.name).and_then(Row::figure);
        let (before, now) = (before?, row.figure()?);
        Some([row.name.clone(), count(Some(before)), count(Some(now)), change(before, now)])
    });
    format!(
        "{} since {}; what tracing adds, or all where nothing traces:\n\n{}",
        now.version,
        before.version,
        markdown(head, rows)
    )
}

/// In per cent.
pub(crate) fn change(before: f64, now: f64) -> String {
    format!("{:+.1} %", (now / before - 1.0) * 100.0)
}

fn none() -> String {
    "–".to_owned()
}

/// Instructions, to the next whole one.
pub(crate) fn count(value: Option<f64>) -> String {
    value.map_or_else(none, |value| {
        let sign = if value <= -0.5 { "-" } else { "" };
        format!("{sign}{}", grouped(value.abs().round() as u64))
    })
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(none, |value| format!("{value:.2}"))
}

/// A table whose columns line up, all but the first to the right.
fn markdown<const N: usize>(head: [String; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = iter::once(head).chain(rows).collect();
    let widths: Vec<usize> = (0..N)
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(3))
        .collect();
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let padding = " ".repeat(width - cell.chars().count());
            text.push_str(&if column == 0 {
                format!("| {cell}{padding} ")
            } else {
                format!("| {padding}{cell} ")
            });
        }
        text.push_str("|\n");
        if at == 0 {
            for (column, width) in widths.iter().enumerate() {
                let line = "-".repeat(width - 1);
                text.push_str(&if column == 0 { format!("| {line}- ") } else { format!("| {line}: ") });
            }
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Series;

    fn boot(added: f64) -> Boot {
        let untraced = Row { instructions: Some(7000.4), ..Row::new("untraced", Kind::Untraced) };
        let hist = Row {
            instructions: Some(7000.0 + added),
            added: Some(added),
            ratio: Some(1.845),
            lost: Some(1_234_567),
            start_instructions: Some(45_000_000),
            resident_kib: Some(10_240),
            ..Row::new("hist", Kind::Ours)
        };
        let peer =
            Row { failure: Some("exit status 1: no fentry".to_owned()), ..Row::new("peer", Kind::Peer) };
        Boot { series: Series::NEWEST, version: "7.3.4".to_owned(), cases: vec![untraced, hist, peer] }
    }

    #[test]
    fn costs_line_up_and_failures_are_told() {
        let expected = "\
            Linux 7.3.4, a round trip:\n\n\
            | case     | instructions | added | to the floor |      lost |\n\
            | -------- | -----------: | ----: | -----------: | --------: |\n\
            | untraced |        7,000 |     – |            – |         – |\n\
            | hist     |        9,600 | 2,600 |         1.84 | 1,234,567 |\n\
            | peer     |            – |     – |            – |         – |\n\
            \npeer: no figures, exit status 1: no fentry\n";
        assert_eq!(costs(&boot(2600.0)), expected);
    }

    #[test]
    fn a_start_has_its_own_table() {
        let text = start(&boot(1.0));
        assert!(text.ends_with("| hist     |               45,000,000 |          10.0 |\n"), "{text}");
    }

    #[test]
    fn changes_are_relative_to_what_was_before() {
        let text = changes(&boot(2600.0), &boot(2470.0));
        assert!(text.contains("| hist     |  2,600 | 2,470 | -5.0 % |"), "{text}");
        assert!(text.contains("| untraced |  7,000 | 7,000 | +0.0 % |"), "{text}");
        assert!(!text.contains("peer"));
    }
}
