//! `nltrace drops`: what was dropped, whose it was, why, and what would have helped.

use std::{io::IsTerminal as _, path::Path};

use anyhow::Context as _;
use terminal::Theme;

use super::{
    around::{generic, registered},
    conclude::conclude,
};
use crate::{
    decode::tree::GenericFamilies,
    exit::Exit,
    model::{
        Event, Report,
        drops::{DropRow, Drops, Notice},
    },
    options::DropsOptions,
    render::{
        Buffer,
        json::drops_json,
        text::{LiveLines, drops_text},
    },
    session::Session,
    sink::{Lines, Output, Renderer},
};

/// Captures until something ends it, and prints what was dropped.
pub(super) async fn run(options: &DropsOptions, root: &Path) -> anyhow::Result<Exit> {
    let output = Output::new().context("standard output cannot be used")?;
    let mut options = options.clone();
    let families = match &options.capture.filter.generic {
        Some(_) => Some(generic(&mut options.capture, false)?),
        None => None,
    };
    let mut session = Session::drops(&options, root)?;
    let theme = Theme::from_environment(std::io::stdout().is_terminal());
    let live = (!options.json).then(|| LiveLines::new(theme, session.start_ns()));
    let mut sink = Lines::new(Found { live, theme, families, has_lines: false }, output);
    let end = session.run(&mut sink).await?;
    let exit = conclude(&session, end, options.capture.strict)?;
    let dropped = session.report().drops.as_ref().map_or(0, Drops::total);
    Ok(if options.fail && dropped != 0 && exit == Exit::Done { Exit::Dropped } else { exit })
}

/// Drops as JSON, an object a line, or as text.
struct Found {
    /// None: JSON.
    live: Option<LiveLines>,
    theme: Theme,
    /// The families of generic netlink; None: nobody had to know them so far.
    families: Option<GenericFamilies>,
    /// Whether there is something above the next report.
    has_lines: bool,
}

impl Renderer for Found {
    const WAITING_BYTES: usize = 64 << 10;

    fn heading(&mut self, _: &mut Buffer) {}

    fn event(&mut self, _: &mut Buffer, _: &Event<'_>) -> u64 {
        0
    }

    fn notice(&mut self, notice: &Notice) -> String {
        let lines = self.live.as_mut().map_or_else(String::new, |live| live.lines(notice));
        self.has_lines |= !lines.is_empty();
        lines
    }

    fn report(&mut self, report: &Report) -> String {
        let mut drops = report.drops.clone().unwrap_or_default();
        // Not before it has ended: what asks is a message, too.
        if report.interval.is_none() && drops.rows.iter().any(DropRow::is_generic) {
            self.families.get_or_insert_with(registered);
        }
        if let Some(families) = &self.families {
            drops.rows = drops.rows.into_iter().map(|row| row.named(families)).collect();
        }
        let drops = &drops;
        let Some(live) = &mut self.live else { return drops_json(report, drops) + "\n" };
        let left_out = live.left_out_line();
        // Reports end in a line break; with an empty line between two, they can be told apart.
        let between = if std::mem::replace(&mut self.has_lines, true) { "\n" } else { "" };
        format!("{left_out}{between}{}", drops_text(report, drops, self.theme))
    }
}
