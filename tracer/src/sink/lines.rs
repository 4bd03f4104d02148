//! Lines on standard output, with a count of the calls whose lines got there.

use std::future::pending;

use super::{
    handover::Sink,
    output::{Output, WriteError},
};
use crate::{
    model::{
        Event, LostEvents, Report,
        drops::{DropRow, Notice},
    },
    render::Buffer,
    source::recording::Learned,
};

/// Output is handed over once it takes this many bytes of memory, and whenever there are no more calls for
/// now.
const PIECE_BYTES: usize = 128 << 10;

/// Makes text of results.
pub trait Renderer {
    /// Bytes that may wait while a piece is being written; 0: nothing is taken meanwhile.
    const WAITING_BYTES: usize;

    /// Writes what stands over everything else: one line, or nothing.
    fn heading(&mut self, out: &mut Buffer);

    /// Writes what is to be said when something happened. Returns how many lines that took.
    fn event(&mut self, out: &mut Buffer, event: &Event<'_>) -> u64;

    /// The same when time has passed: `now_ns` of `CLOCK_MONOTONIC`.
    fn tick(&mut self, _out: &mut Buffer, _now_ns: u64) -> u64 {
        0
    }

    /// The same when events were lost.
    fn lost(&mut self, _out: &mut Buffer, _lost: &LostEvents) -> u64 {
        0
    }

    /// The same when there will be no more.
    fn end(&mut self, _out: &mut Buffer) -> u64 {
        0
    }

    /// The same of a drop, or several that are alike.
    fn dropped(&mut self, _out: &mut Buffer, _row: &DropRow) -> u64 {
        0
    }

    /// Takes names of what comes next, which a recording has.
    fn learn(&mut self, _: &Learned<'_>) {}

    /// The lines, if any, of what just happened to a socket.
    fn notice(&mut self, _: &Notice) -> String {
        String::new()
    }

    /// The lines of a report.
    fn report(&mut self, report: &Report) -> String;
}

/// Writes what a renderer makes of results to standard output.
pub struct Lines<R> {
    renderer: R,
    output: Output,
    buffer: Buffer,
    /// How full the buffer is when it is handed over, or when that is tried again.
    hand_over_at: usize,
    /// What is in `buffer`, and in the piece that is being written.
    filling: Content,
    writing: Content,
    /// Calls whose lines were written whole.
    printed: u64,
}

/// Lines in a piece of output.
#[derive(Debug, Default)]
struct Content {
    bytes: usize,
    calls: u64,
    /// Where lines end that are not calls'.
    others: Vec<usize>,
}

impl Content {
    /// How many of the calls are whole although `rest`, the piece's end, was not written.
    fn calls_before(&self, rest: Option<&[u8]>) -> u64 {
        let Some(rest) = rest else { return 0 };
        let written = self.bytes.saturating_sub(rest.len());
        let lines = rest.iter().filter(|byte| **byte == b'\n').count();
        let others = self.others.iter().filter(|end| **end > written).count();
        self.calls.saturating_sub(lines.saturating_sub(others) as u64)
    }
}

impl<R: Renderer> Lines<R> {
    /// On an output to which nothing was written yet.
    pub fn new(renderer: R, output: Output) -> Self {
        let mut lines = Self {
            renderer,
            output,
            buffer: Buffer::default(),
            hand_over_at: PIECE_BYTES,
            filling: Content::default(),
            writing: Content::default(),
            printed: 0,
        };
        lines.renderer.heading(&mut lines.buffer);
        if !lines.buffer.is_empty() {
            lines.filling.others.push(lines.buffer.len());
        }
        lines
    }

    /// Calls whose lines were written whole.
    pub fn printed(&self) -> u64 {
        self.printed
    }

    /// What makes the lines.
    pub fn renderer(&self) -> &R {
        &self.renderer
    }

    /// Takes lines that are no call's.
    fn take(&mut self, text: &str) {
        let start = self.buffer.len();
        self.buffer.raw(text.as_bytes());
        self.filling.others.extend(text.match_indices('\n').map(|(at, _)| start + at + 1));
    }

    /// Counts what became of the piece that was being written.
    fn confirm(&mut self, done: Result<(), WriteError>) -> Result<(), WriteError> {
        let writing = std::mem::take(&mut self.writing);
        self.printed += match &done {
            Ok(()) => writing.calls,
            Err(error) => writing.calls_before(error.rest()),
        };
        done
    }
}

impl<R: Renderer> Sink for Lines<R> {
    fn has_room(&self) -> bool {
        !self.output.is_busy() || self.buffer.size() < R::WAITING_BYTES
    }

    #[inline]
    fn make_room(&mut self) -> Result<bool, WriteError> {
        if self.buffer.size() < self.hand_over_at {
            return Ok(true);
        }
        self.flush()?;
        Ok(self.has_room())
    }

    #[inline]
    fn event(&mut self, event: &Event<'_>) {
        self.filling.calls += self.renderer.event(&mut self.buffer, event);
    }

    fn tick(&mut self, now_ns: u64) {
        self.filling.calls += self.renderer.tick(&mut self.buffer, now_ns);
    }

    fn lost(&mut self, lost: &LostEvents) {
        self.filling.calls += self.renderer.lost(&mut self.buffer, lost);
    }

    fn dropped(&mut self, row: &DropRow) {
        self.filling.calls += self.renderer.dropped(&mut self.buffer, row);
    }

    fn learn(&mut self, learned: &Learned<'_>) {
        self.renderer.learn(learned);
    }

    fn notice(&mut self, notice: &Notice) {
        let text = self.renderer.notice(notice);
        self.take(&text);
    }

    fn report(&mut self, report: &Report) -> Result<(), WriteError> {
        if report.interval.is_none() {
            self.filling.calls += self.renderer.end(&mut self.buffer);
        }
        let text = self.renderer.report(report);
        self.take(&text);
        self.flush()
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if self.output.is_busy() {
            let done = self.output.is_done();
            if matches!(done, Ok(false)) {
                self.hand_over_at = self.buffer.size() + PIECE_BYTES;
                return Ok(());
            }
            self.confirm(done.map(drop))?;
        }
        self.hand_over_at = PIECE_BYTES;
        let piece = self.buffer.replace(self.output.spare());
        self.filling.bytes = piece.len();
        self.writing = std::mem::take(&mut self.filling);
        self.output.begin(piece);
        Ok(())
    }

    fn is_written(&self) -> bool {
        self.buffer.is_empty() && !self.output.is_busy()
    }

    async fn progress(&mut self) -> Result<(), WriteError> {
        if !self.output.is_busy() {
            return pending().await;
        }
        let done = self.output.done().await;
        self.confirm(done)
    }

    async fn wait_written(&mut self, interrupted: impl Future<Output = ()>) -> Result<(), WriteError> {
        let done = self.output.wait_written(interrupted).await;
        self.confirm(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_that_were_written_whole_count_as_printed() {
        // HEADING, a, b, an interval, c, the accounting.
        let piece = b"HEAD\na\nb\ni\nc\n\nsum\n";
        let content = Content { bytes: piece.len(), calls: 3, others: vec![5, 11, 14, 18] };
        let printed = |written: usize| content.calls_before(Some(&piece[written..]));
        let cases = [(0, 0), (5, 0), (6, 0), (7, 1), (8, 1), (9, 2), (11, 2), (12, 2), (13, 3), (18, 3)];
        for (written, expected) in cases {
            assert_eq!(printed(written), expected, "{written} bytes");
        }
        assert_eq!(content.calls_before(None), 0, "nobody knows");
    }
}
