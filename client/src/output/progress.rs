//! How far a long run is.

use std::{
    fmt,
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};

/// A shorter run shows no bar.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// A bar on standard error, taken off the screen when dropped.
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
}

impl Progress {
    /// A bar for `count` steps, if standard error is a terminal.
    pub(crate) fn on_terminal(count: u64) -> Option<Self> {
        io::stderr()
            .is_terminal()
            .then(|| Self { bar: ProgressBar::new(count).with_style(style()), start: Instant::now() })
    }

    /// `done` steps are done.
    pub(crate) fn set(&self, done: u64) {
        if self.start.elapsed() > SHOWN_AFTER {
            self.bar.set_position(done);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} {rate}, {eta} left")
        .expect("the template is sound")
        .with_key("rate", |state: &ProgressState, text: &mut dyn fmt::Write| {
            // Writing to the line in memory cannot fail.
            let _ = text.write_str(&rate(state.per_sec()));
        })
}

/// A whole number: `9,887/s`.
fn rate(per_second: f64) -> String {
    format!("{}/s", HumanCount(per_second.round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_whole_number() {
        for (per_second, text) in [(0.0, "0/s"), (0.4, "0/s"), (9_886.859_6, "9,887/s"), (1e6, "1,000,000/s")]
        {
            assert_eq!(rate(per_second), text);
        }
    }
}
