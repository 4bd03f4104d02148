//! Progress on standard error: a spinner or a bar while a step runs, one line when it has ended.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// What a person notices.
const SLOW: Duration = Duration::from_secs(2);

/// All bars: steps may run at the same time. They are drawn on standard error, if that is a terminal.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// A running step, for its own updates.
#[derive(Debug)]
pub(crate) struct Step {
    bar: ProgressBar,
}

impl Step {
    /// Says what the step is at.
    pub(crate) fn say(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
    }

    /// Shows `done` of `total` bytes.
    pub(crate) fn bytes(&self, done: u64, total: u64) {
        if self.bar.length() != Some(total) {
            self.bar.set_length(total);
            if let Ok(style) = ProgressStyle::with_template(
                "  {spinner} {prefix} {bar:24} {bytes}/{total_bytes} {binary_bytes_per_sec} {wide_msg}",
            ) {
                self.bar.set_style(style);
            }
        }
        self.bar.set_position(done);
    }
}

/// Runs `work` as a step called `title` and prints how long it took.
pub(crate) fn step<T>(title: &str, work: impl FnOnce(&Step) -> Result<T>) -> Result<T> {
    shown(title, work, word)
}

/// Like [`step`], but says nothing if it succeeds at once.
pub(crate) fn step_if_slow<T>(title: &str, work: impl FnOnce(&Step) -> Result<T>) -> Result<T> {
    timed(title, work, |result, took| (result.is_err() || took > SLOW).then(|| word(result)))
}

/// Like [`step`], with the word for how it went made from what came of it.
pub(crate) fn shown<T>(title: &str, work: impl FnOnce(&Step) -> T, describe: impl FnOnce(&T) -> String) -> T {
    timed(title, work, |result, _| Some(describe(result)))
}

/// Prints lines between the bars.
pub(crate) fn say(text: &str) {
    BARS.suspend(|| eprintln!("{text}"));
}

fn word<T>(result: &Result<T>) -> String {
    if result.is_ok() { "ok" } else { "FAILED" }.to_owned()
}

fn timed<T>(
    title: &str,
    work: impl FnOnce(&Step) -> T,
    describe: impl FnOnce(&T, Duration) -> Option<String>,
) -> T {
    let bar = BARS.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    let start = Instant::now();
    let step = Step { bar };
    let result = work(&step);
    step.bar.finish_and_clear();
    BARS.remove(&step.bar);
    if let Some(how) = describe(&result, start.elapsed()) {
        say(&format!("  {title} ... {how} ({:.1} s)", start.elapsed().as_secs_f64()));
    }
    result
}
