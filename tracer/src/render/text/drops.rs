//! `drops` for people: a line when a socket begins to drop and when it receives again; at the end a table by
//! socket, and what happened to each and what to do.

mod advice;
mod elsewhere;
mod live;
pub(super) mod names;
mod sentence;
mod stacks;
mod table;

use std::fmt::Write as _;

use terminal::{
    Theme,
    units::{grouped, plural},
};

use super::{accounting::accounting_line, wrap::wrap};
use crate::model::{
    Report,
    drops::{Drops, by_socket},
};

pub use live::LiveLines;

/// The whole text of a capture, or of an interval, with its line break.
pub fn drops_text(report: &Report, drops: &Drops, theme: Theme) -> String {
    let mut text = String::new();
    let time = theme.duration(report.duration_ns);
    let watched = watched(drops);
    let found = match drops.total() {
        0 => "nothing was dropped".to_owned(),
        count => theme.bad(&format!("{} {} dropped", grouped(count), plural(count, "message"))),
    };
    let _ = match report.interval {
        Some(number) => writeln!(text, "interval {number}, {time}, {watched}: {found}"),
        None => writeln!(text, "captured {time}, {watched}: {found}"),
    };
    let sockets = by_socket(drops);
    if !sockets.is_empty() {
        text.push('\n');
        text.push_str(&table::table(&sockets, theme));
        // Intervals follow each other quickly: their sentences would only scroll by.
        if report.interval.is_none() {
            let arrow = match theme.charset() {
                terminal::Charset::Utf8 => "→",
                terminal::Charset::Ascii => ">",
            };
            for socket in &sockets {
                let subject = sentence::subject(socket, theme);
                let _ = writeln!(text, "\n{}", theme.strong(&subject));
                text.push_str(&wrap("", 2, &sentence::happened(socket, theme)));
                text.push_str(&wrap(&format!("  {arrow}"), 4, &advice::what_to_do(socket, drops.rmem_max)));
            }
        }
    }
    if report.interval.is_none() {
        text.push_str(&stacks::stacks(drops.stacks.as_deref().unwrap_or_default()));
    }
    text.push_str(&elsewhere::elsewhere(&drops.elsewhere));
    if drops.left_out.owner_unknown != 0 {
        let unknown = drops.left_out.owner_unknown;
        let note = format!(
            "{} {} not shown: nobody knows who holds the socket, so -p and -c cannot tell",
            grouped(unknown),
            plural(unknown, "drop")
        );
        let _ = writeln!(text, "\n{note}");
    }
    if drops.episodes_lost != 0 {
        let lost = drops.episodes_lost;
        let note = format!(
            "{} {} of episodes could not be kept; the advice may be too small",
            grouped(lost),
            plural(lost, "record")
        );
        let _ = writeln!(text, "\n{note}");
    }
    let _ = writeln!(text, "\n{}", accounting_line(&report.ledger));
    text
}

/// How much was watched.
fn watched(drops: &Drops) -> String {
    match (drops.watched.messages, drops.watched.deliveries) {
        (Some(sent), Some(delivered)) => {
            format!("{} {} sent and {} delivered", grouped(sent), plural(sent, "message"), grouped(delivered))
        }
        (None, Some(delivered)) => {
            format!("{} {} delivered", grouped(delivered), plural(delivered, "message"))
        }
        (Some(sent), None) => format!("{} {} sent", grouped(sent), plural(sent, "message")),
        (None, None) => "other messages not counted".to_owned(),
    }
}

#[cfg(test)]
mod tests;
