//! How far a long run is.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// A run that is over by then needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar on standard error, taken off the screen when dropped.
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
}

impl Progress {
    /// A bar for `count` steps, if standard error is a terminal.
    pub(crate) fn on_terminal(count: u64) -> Option<Self> {
        let style = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} {per_sec}, {eta} left");
        io::stderr().is_terminal().then(|| Self {
            bar: ProgressBar::new(count).with_style(style.expect("the template is sound")),
            start: Instant::now(),
        })
    }

    /// `done` steps are done.
    pub(crate) fn set(&self, done: u64) {
        if self.start.elapsed() > PATIENCE {
            self.bar.set_position(done);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
