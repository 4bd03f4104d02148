//! Progress on standard error: a spinner or a bar while a step runs, one line when it is done.

use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What a person notices.
const SLOW: Duration = Duration::from_secs(2);

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
    step_with(title, work, |_| "ok".to_owned())
}

/// Like [`step`], but says nothing if it succeeds at once.
pub(crate) fn step_if_slow<T>(title: &str, work: impl FnOnce(&Step) -> Result<T>) -> Result<T> {
    timed(title, work, |result, took| (result.is_err() || took > SLOW).then(|| word(result)))
}

/// Like [`step`], with the word for how it went made from the result.
pub(crate) fn step_with<T>(
    title: &str,
    work: impl FnOnce(&Step) -> Result<T>,
    describe: impl FnOnce(&T) -> String,
) -> Result<T> {
    timed(title, work, |result, _| Some(result.as_ref().map_or_else(|_| word(result), describe)))
}

fn word<T>(result: &Result<T>) -> String {
    if result.is_ok() { "ok" } else { "FAILED" }.to_owned()
}

fn timed<T>(
    title: &str,
    work: impl FnOnce(&Step) -> Result<T>,
    describe: impl FnOnce(&Result<T>, Duration) -> Option<String>,
) -> Result<T> {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    let start = Instant::now();
    let step = Step { bar };
    let result = work(&step);
    step.bar.finish_and_clear();
    if let Some(how) = describe(&result, start.elapsed()) {
        eprintln!("  {title} ... {how} ({:.1} s)", start.elapsed().as_secs_f64());
    }
    result
}
