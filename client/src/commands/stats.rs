//! `nltest stats`: the module's counters.

use nltest::{Stats, uapi};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::Context;
use crate::{
    exit::Exit,
    output::{Render, Theme},
};

/// A counter's name, and where it is.
type Column = (&'static str, fn(&Stats) -> u64);

/// Counters in the order of their columns.
const COLUMNS: [Column; 9] = [
    ("received", |stats| stats.received),
    ("replied", |stats| stats.replied),
    ("notified", |stats| stats.notified),
    ("refused", |stats| stats.refused),
    ("malformed", |stats| stats.malformed),
    ("rx_bytes", |stats| stats.rx_bytes),
    ("tx_bytes", |stats| stats.tx_bytes),
    ("delivered", |stats| stats.delivered),
    ("undelivered", |stats| stats.undelivered),
];

struct Counters<'a>(&'a Stats);

impl Serialize for Counters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(COLUMNS.iter().map(|(name, value)| (name, value(self.0))))
    }
}

struct Dump {
    interrupted: bool,
    all: Vec<Stats>,
}

impl Dump {
    fn namespace(&self) -> Option<&Stats> {
        self.all.iter().find(|stats| stats.command.is_none())
    }

    fn commands(&self) -> impl Iterator<Item = (String, &Stats)> {
        self.all.iter().filter_map(|stats| Some((name(stats.command?), stats)))
    }
}

fn name(command: u32) -> String {
    let name = u16::try_from(command).ok().and_then(|number| uapi::type_name(number.into()));
    name.map_or_else(|| command.to_string(), ToOwned::to_owned)
}

impl Serialize for Dump {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Commands<'a>(&'a Dump);
        impl Serialize for Commands<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.commands().map(|(name, stats)| (name, Counters(stats))))
            }
        }
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("command", "stats")?;
        map.serialize_entry("interrupted", &self.interrupted)?;
        map.serialize_entry("total", &self.namespace().map(Counters))?;
        map.serialize_entry("commands", &Commands(self))?;
        map.end()
    }
}

impl Render for Dump {
    fn text(&self, theme: Theme) -> String {
        let mut rows = vec![("", COLUMNS.map(|(name, _)| name.to_owned()))];
        let commands: Vec<_> = self.commands().collect();
        rows.extend(commands.iter().map(|(name, stats)| (name.as_str(), numbers(stats))));
        rows.extend(self.namespace().map(|stats| ("total", numbers(stats))));
        let widths: Vec<_> = (0..COLUMNS.len())
            .map(|column| rows.iter().map(|(_, cells)| cells[column].len()).max().unwrap_or(0))
            .collect();
        let names = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut text = String::new();
        for (i, (name, cells)) in rows.iter().enumerate() {
            let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}"));
            let line = format!("{name:<names$}  {}", cells.collect::<Vec<_>>().join("  "));
            text += &if i == 0 { theme.strong(&line) } else { line };
            text.push('\n');
        }
        if self.interrupted {
            text += "The counters changed during the dump (NLM_F_DUMP_INTR): run it again.\n";
        }
        text
    }
}

fn numbers(stats: &Stats) -> [String; COLUMNS.len()] {
    COLUMNS.map(|(_, value)| value(stats).to_string())
}

pub(super) async fn run(context: &mut Context, padding: u32) -> anyhow::Result<Exit> {
    let (all, interrupted) = context.connect()?.all_stats(padding).await?;
    context.printer.show(&Dump { interrupted, all })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::json_line;

    fn dump() -> Dump {
        let total =
            Stats { received: 1005, replied: 1003, rx_bytes: 52_000, tx_bytes: 51_000, ..Stats::default() };
        let echo = Stats { command: Some(0x10), received: 1000, replied: 1000, ..Stats::default() };
        let text = Stats { command: Some(0), received: 5, replied: 3, undelivered: 2, ..Stats::default() };
        Dump { interrupted: false, all: vec![total, text, echo] }
    }

    #[test]
    fn a_table_with_a_row_for_each_command() {
        assert_eq!(
            dump().text(Theme::PLAIN),
            "       received  replied  notified  refused  malformed  rx_bytes  tx_bytes  delivered  undelivered\n\
             TEXT          5        3         0        0          0         0         0          0            2\n\
             ECHO       1000     1000         0        0          0         0         0          0            0\n\
             total      1005     1003         0        0          0     52000     51000          0            0\n"
        );
    }

    #[test]
    fn json_finds_a_counter_by_its_command() {
        let line = json_line(&dump()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["command"], "stats");
        assert_eq!(value["total"]["received"], 1005);
        assert_eq!(value["commands"]["ECHO"]["replied"], 1000);
        assert_eq!(value["commands"]["TEXT"]["undelivered"], 2);
    }
}
