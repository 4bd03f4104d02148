//! From the ring buffer to standard output, with a count of what got there.

use nltrace_common::Event;

use crate::{
    capture::Clock,
    commands::{
        charset,
        stdout::{Output, WriteError},
    },
    events::Assembler,
    output::{self, Buffer, Charset, TraceJson, accounting_line, summary_json, trace_heading, trace_text},
    probes::Ring,
};

/// Output is handed over once it takes this many bytes of memory, and whenever there are no more events for now.
const PIECE_BYTES: usize = 128 << 10;

/// Output that may wait while a piece is being written. The thread that writes needs a processor first, and on a busy machine the ring buffer
/// would overflow before it gets one.
const WAITING_BYTES: usize = 4 << 20;

/// Events that are taken in a row before signals and time are looked at again.
const BATCH: usize = 4096;

/// Turns events into lines, and lines into output.
pub(super) struct Printer {
    pub(super) output: Output,
    json: bool,
    charset: Charset,
    start_ns: u64,
    assembler: Assembler,
    lines: TraceJson,
    buffer: Buffer,
    /// How full the buffer is when it is handed over, or when that is tried again.
    hand_over_at: usize,
    /// What is in `buffer`, and in the piece that is being written.
    filling: Content,
    writing: Content,
    /// Events that arrived.
    pub(super) delivered: u64,
    /// Events whose lines were written whole.
    printed: u64,
}

/// Lines in a piece of output.
#[derive(Debug, Default)]
struct Content {
    bytes: usize,
    events: u64,
    /// Where lines end that are not events'.
    others: Vec<usize>,
}

impl Content {
    /// How many of the events are whole although `rest`, the piece's end, was not written.
    fn events_before(&self, rest: Option<&[u8]>) -> u64 {
        let Some(rest) = rest else { return 0 };
        let written = self.bytes.saturating_sub(rest.len());
        let lines = rest.iter().filter(|byte| **byte == b'\n').count();
        let others = self.others.iter().filter(|end| **end > written).count();
        self.events.saturating_sub(lines.saturating_sub(others) as u64)
    }
}

impl Printer {
    pub(super) fn new(json: bool, start_ns: u64, output: Output) -> Self {
        let mut printer = Self {
            output,
            json,
            charset: charset(),
            start_ns,
            assembler: Assembler::default(),
            lines: TraceJson::default(),
            buffer: Buffer::default(),
            hand_over_at: PIECE_BYTES,
            filling: Content::default(),
            writing: Content::default(),
            delivered: 0,
            printed: 0,
        };
        if !json {
            trace_heading(&mut printer.buffer);
            printer.mark_other();
        }
        printer
    }

    /// Whether there is room for more events: output is not behind.
    pub(super) fn takes_more(&self) -> bool {
        self.buffer.size() < WAITING_BYTES
    }

    /// Events whose lines were written whole.
    pub(super) fn printed(&self) -> u64 {
        self.printed
    }

    /// Prints the events that are there, as far as there is room. True if there may be more.
    pub(super) fn drain(&mut self, ring: Option<&mut Ring>) -> anyhow::Result<bool> {
        let Some(ring) = ring else { return self.hand_over().map(|()| false) };
        for _ in 0..BATCH {
            if self.buffer.size() >= self.hand_over_at {
                self.hand_over()?;
                if !self.takes_more() {
                    return Ok(true);
                }
            }
            let Some(record) = ring.next_record() else { return self.hand_over().map(|()| false) };
            if let Some(told) = self.assembler.take(&record)? {
                let mut print = |event: &Event| {
                    self.delivered += 1;
                    self.filling.events += 1;
                    if self.json {
                        self.lines.write(&mut self.buffer, event, told.captured);
                    } else {
                        trace_text(&mut self.buffer, event, told.captured, self.start_ns, self.charset);
                    }
                };
                told.receive().iter().for_each(&mut print);
                print(told.event);
            }
        }
        self.hand_over().map(|()| true)
    }

    /// Has the buffer written, unless there is nothing in it or output is still busy.
    fn hand_over(&mut self) -> anyhow::Result<()> {
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

    /// Counts what became of the piece that was being written.
    pub(super) fn confirm(&mut self, done: Result<(), WriteError>) -> anyhow::Result<()> {
        let writing = std::mem::take(&mut self.writing);
        self.printed += match &done {
            Ok(()) => writing.events,
            Err(error) => writing.events_before(error.rest()),
        };
        Ok(done?)
    }

    /// After the capture: waits until output is not busy.
    pub(super) async fn settle(&mut self, clock: &mut Clock) -> anyhow::Result<()> {
        let done = self.output.settle(clock).await;
        self.confirm(done)
    }

    /// After the capture: writes everything that is left.
    pub(super) async fn finish(&mut self, clock: &mut Clock) -> anyhow::Result<()> {
        while !self.buffer.is_empty() || self.output.is_busy() {
            self.hand_over()?;
            self.settle(clock).await?;
        }
        Ok(())
    }

    /// Prints the accounting of the whole, or of an interval.
    pub(super) fn accounting(&mut self, result: &output::Capture) -> anyhow::Result<()> {
        if !self.json && result.interval.is_none() {
            self.buffer.raw(b"\n");
            self.mark_other();
        }
        let text = match (self.json, result.interval) {
            (true, _) => summary_json(result),
            (false, Some(number)) => format!("interval {number}: {}", accounting_line(&result.ledger)),
            (false, None) => accounting_line(&result.ledger),
        };
        self.buffer.raw(text.as_bytes());
        self.buffer.raw(b"\n");
        self.mark_other();
        self.hand_over()
    }

    /// Notes that the line which ends here is not an event's.
    fn mark_other(&mut self) {
        self.filling.others.push(self.buffer.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_that_were_written_whole_count_as_printed() {
        // HEADING, a, b, an interval, c, the accounting.
        let piece = b"HEAD\na\nb\ni\nc\n\nsum\n";
        let content = Content { bytes: piece.len(), events: 3, others: vec![5, 11, 14, 18] };
        let printed = |written: usize| content.events_before(Some(&piece[written..]));
        let cases = [(0, 0), (5, 0), (6, 0), (7, 1), (8, 1), (9, 2), (11, 2), (12, 2), (13, 3), (18, 3)];
        for (written, expected) in cases {
            assert_eq!(printed(written), expected, "{written} bytes");
        }
        assert_eq!(content.events_before(None), 0, "nobody knows");
    }
}
