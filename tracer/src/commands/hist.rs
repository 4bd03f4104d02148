//! `nltrace hist`: latency histograms, aggregated in the kernel.

use std::path::Path;

use anyhow::Context as _;
use terminal::Charset;

use super::{
    around::{Around, generic},
    conclude::conclude,
};
use crate::{
    exit::Exit,
    model::{Event, Report},
    options::HistOptions,
    render::{
        Buffer,
        json::hist_json,
        text::{HistStyle, hist_text},
    },
    session::Session,
    sink::{Lines, Output, Renderer},
};

/// Captures until something ends it, and prints what was counted.
pub(super) async fn run(options: &HistOptions, root: &Path) -> anyhow::Result<Exit> {
    let output = Output::new().context("standard output cannot be used")?;
    let mut options = options.clone();
    let generic = generic(&mut options.capture, false)?;
    let mut sink = Lines::new(
        Histograms {
            json: options.json,
            style: HistStyle { charset: Charset::from_environment(), by: options.by },
            around: Around::new(root, generic),
            reported: false,
        },
        output,
    );
    let mut session = Session::hist(&options, root)?;
    let end = session.run(&mut sink).await?;
    conclude(&session, end, options.capture.strict)
}

/// Histograms as JSON, an object a line, or as text.
struct Histograms {
    json: bool,
    style: HistStyle,
    around: Around,
    /// Whether there is a report above the next one.
    reported: bool,
}

impl Renderer for Histograms {
    const WAITING_BYTES: usize = 0;

    fn heading(&mut self, _: &mut Buffer) {}

    fn event(&mut self, _: &mut Buffer, _: &Event<'_>) -> u64 {
        0
    }

    fn report(&mut self, report: &Report) -> String {
        if self.style.by.is_some() {
            self.around.look_again();
        }
        // Not before it has ended: what asks is a message, too.
        if report.interval.is_none() {
            self.around.know_families(report.rows.generic_types());
        }
        if self.json {
            return hist_json(report, self.style.by, &mut self.around) + "\n";
        }
        // Reports end in a line break; with an empty line between two, they can be told apart.
        let between = if std::mem::replace(&mut self.reported, true) { "\n" } else { "" };
        format!("{between}{}", hist_text(report, self.style, &mut self.around))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tree::GenericFamilies;

    #[test]
    fn a_result_ends_in_one_line_break_and_an_empty_line_parts_two() {
        let style = HistStyle { charset: Charset::Ascii, by: None };
        let around = Around::new(Path::new("/nothing"), GenericFamilies::default());
        let mut text = Histograms { json: false, style, around, reported: false };
        let interval = text.report(&Report { interval: Some(1), ..Report::default() });
        let whole = text.report(&Report::default());
        assert!(interval.starts_with("interval 1, ") && interval.ends_with(" 0 lost\n"), "{interval:?}");
        assert!(whole.starts_with("\ncaptured ") && whole.ends_with(" 0 lost\n"), "{whole:?}");
        let mut json = Histograms { json: true, ..text };
        let lines = json.report(&Report::default()) + &json.report(&Report::default());
        assert_eq!((lines.lines().count(), lines.ends_with("}\n")), (2, true), "{lines:?}");
    }
}
