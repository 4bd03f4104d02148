//! A capture that is written to files, as it happens.

mod files;
#[cfg(test)]
mod tests;

use std::{future::pending, io, path::Path};

use super::{
    handover::Sink,
    output::{Output, WriteError},
};
use crate::{
    model::{
        Event, LostEvents, Report,
        drops::DropRow,
        exchange::{Exchanges, Line},
    },
    options::FileLimits,
    render::{Buffer, Surroundings, pcapng::Recorder},
};
use files::Files;

/// Bytes that are held for what becomes of messages, and that are written at once, at most.
const HELD_BYTES: usize = 1 << 20;
const PIECE_BYTES: usize = 256 << 10;

/// Bytes that may wait while a piece is being written.
const WAITING_BYTES: usize = 8 << 20;

/// Writes what happens to a recording.
pub struct Recording<S> {
    recorder: Recorder,
    /// What came of requests.
    exchanges: Exchanges,
    around: S,
    output: Output,
    limits: FileLimits,
    buffer: Vec<u8>,
    /// Bytes of a file's header that the buffer begins with.
    header: usize,
    /// Where packets end in the buffer and in the piece that is being written, and messages of calls until
    /// there.
    filling: Content,
    writing: Content,
    /// The number of the file, bytes that it has been given, and since when it is there.
    file: u32,
    file_bytes: u64,
    file_ns: Option<u64>,
    now_ns: u64,
    /// Whether the next piece begins a file.
    begins: bool,
    written: Written,
}

/// What is in files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Messages of calls.
    pub messages: u64,
    /// Bytes.
    pub bytes: u64,
    /// Files that were begun.
    pub files: u32,
}

/// Packets in a piece.
#[derive(Debug, Default)]
struct Content {
    bytes: usize,
    calls: u64,
    ends: Vec<(usize, u64)>,
}

impl Content {
    /// Messages of calls in the first `bytes`.
    fn calls_in(&self, bytes: usize) -> u64 {
        let whole = self.ends.iter().take_while(|(end, _)| *end <= bytes);
        whole.last().map_or(0, |(_, calls)| *calls)
    }

    /// Takes what is in the first `bytes`; the rest stays.
    fn take(&mut self, bytes: usize) -> Self {
        let calls = self.calls_in(bytes);
        let rest = self.ends.split_off(self.ends.partition_point(|(end, _)| *end <= bytes));
        let ends = std::mem::replace(&mut self.ends, rest);
        self.ends.iter_mut().for_each(|(end, of)| (*end, *of) = (*end - bytes, *of - calls));
        self.calls -= calls;
        Self { bytes, calls, ends }
    }
}

/// Where a recording goes.
pub fn recording_output(path: &Path, limits: &FileLimits) -> io::Result<Output> {
    if path == Path::new("-") {
        return Output::new();
    }
    let files = Files::create(path, limits.are_several(), limits.max_files)?;
    Output::of(path.display().to_string(), "recording", files)
}

impl<S: Surroundings> Recording<S> {
    /// Of what `recorder` makes of what happens, and `exchanges` of requests.
    pub fn new(
        recorder: Recorder,
        exchanges: Exchanges,
        around: S,
        output: Output,
        limits: FileLimits,
    ) -> Self {
        let mut recording = Self {
            recorder,
            exchanges,
            around,
            output,
            limits,
            buffer: Vec::new(),
            header: 0,
            filling: Content::default(),
            writing: Content::default(),
            file: 1,
            file_bytes: 0,
            file_ns: None,
            now_ns: 0,
            begins: true,
            written: Written { files: 1, ..Written::default() },
        };
        recording.recorder.begin(&mut recording.buffer, 1);
        recording.header = recording.buffer.len();
        recording
    }

    /// What is in files.
    pub fn written(&self) -> Written {
        self.written
    }

    fn take(&mut self, take: impl FnOnce(&mut Exchanges, &mut dyn FnMut(Line))) {
        let Self { recorder, exchanges, .. } = self;
        take(exchanges, &mut |line| {
            if let Line::Exchange(exchange) = &line {
                recorder.exchange(exchange);
            }
        });
    }

    /// Has interfaces recorded that no message may have told of.
    fn list_again(&mut self, now_ns: u64, has_lost: bool) {
        if let Some((at_ns, all)) = self.around.list_again(now_ns, has_lost) {
            self.recorder.interfaces(at_ns, &all);
        }
    }

    /// Takes packets from the recorder.
    fn fill(&mut self, take: impl FnOnce(&mut Recorder, &mut S, &mut dyn FnMut(&[u8], u64))) {
        let Self { recorder, around, buffer, filling, .. } = self;
        take(recorder, around, &mut |block, calls| {
            buffer.extend_from_slice(block);
            if calls != 0 {
                filling.calls += calls;
                filling.ends.push((buffer.len(), filling.calls));
            }
        });
    }

    /// Whether the file is not to be given more because of its age.
    fn is_file_old(&self) -> bool {
        let age = self.file_ns.map(|since_ns| self.now_ns.saturating_sub(since_ns));
        let is_old = |most: std::time::Duration| age.is_some_and(|age| u128::from(age) >= most.as_nanos());
        self.file_bytes != 0 && self.limits.max_age.is_some_and(is_old)
    }

    /// Bytes of what waits that the file has room for: whole blocks, and one at least in each file.
    fn fitting(&self) -> usize {
        let Some(most) = self.limits.max_size else { return self.buffer.len() };
        let mut fits = self.header;
        while let Some(len) = self.buffer.get(fits + 4..fits + 8).and_then(|len| len.first_chunk()) {
            let end = fits + u32::from_ne_bytes(*len) as usize;
            let is_first = self.file_bytes == 0 && fits == self.header;
            if !is_first && self.file_bytes + end as u64 > most {
                break;
            }
            fits = end;
        }
        fits
    }

    /// Begins another file, ahead of what waits.
    fn begin_file(&mut self) {
        self.file += 1;
        let mut whole = Vec::with_capacity(self.buffer.len() + PIECE_BYTES);
        self.recorder.begin(&mut whole, self.file);
        let ahead = whole.len();
        whole.append(&mut self.buffer);
        self.buffer = whole;
        self.filling.ends.iter_mut().for_each(|(end, _)| *end += ahead);
        self.header = ahead;
        (self.begins, self.file_bytes, self.file_ns) = (true, 0, Some(self.now_ns));
    }

    /// Counts what became of the piece that was being written.
    fn confirm(&mut self, done: Result<(), WriteError>) -> Result<(), WriteError> {
        let writing = std::mem::take(&mut self.writing);
        let bytes = match &done {
            Ok(()) => writing.bytes,
            Err(error) => writing.bytes - error.rest().map_or(writing.bytes, <[u8]>::len),
        };
        self.written.bytes += bytes as u64;
        self.written.messages += writing.calls_in(bytes);
        done
    }
}

impl<S: Surroundings> Sink for Recording<S> {
    fn has_room(&self) -> bool {
        !self.output.is_busy() || self.buffer.len() + self.recorder.bytes() < WAITING_BYTES
    }

    #[inline]
    fn make_room(&mut self) -> Result<bool, WriteError> {
        if self.recorder.bytes() < HELD_BYTES {
            return Ok(true);
        }
        self.fill(|recorder, _, each| recorder.release_half(each));
        if self.buffer.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(self.has_room())
    }

    #[inline]
    fn event(&mut self, event: &Event<'_>) {
        self.recorder.event(event, &mut self.around);
        self.take(|exchanges, each| exchanges.take(event, each));
    }

    fn tick(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
        self.file_ns.get_or_insert(now_ns);
        self.recorder.tick(now_ns);
        self.list_again(now_ns, false);
        self.take(|exchanges, each| exchanges.tick(now_ns, each));
        self.fill(|recorder, _, each| recorder.release(each));
    }

    fn lost(&mut self, lost: &LostEvents) {
        self.recorder.lost(lost);
        self.list_again(lost.to_ns, true);
    }

    fn dropped(&mut self, row: &DropRow) {
        self.recorder.dropped(row, &mut self.around);
    }

    fn report(&mut self, report: &Report) -> Result<(), WriteError> {
        self.take(|exchanges, each| exchanges.finish(each));
        self.fill(|recorder, around, each| recorder.finish(report, around, each));
        self.flush()
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if self.output.is_busy() {
            let done = self.output.is_done();
            if matches!(done, Ok(false)) {
                return Ok(());
            }
            self.confirm(done.map(drop))?;
        }
        if self.is_file_old() {
            self.begin_file();
        }
        let mut fits = self.fitting();
        if fits == 0 {
            self.begin_file();
            fits = self.fitting();
        }
        let begins = std::mem::replace(&mut self.begins, false);
        if begins {
            self.written.files = self.file;
        }
        let mut rest = self.output.spare().into_bytes();
        rest.extend_from_slice(self.buffer.get(fits..).unwrap_or_default());
        let mut piece = std::mem::replace(&mut self.buffer, rest);
        piece.truncate(fits);
        self.file_bytes += fits as u64;
        self.header = 0;
        self.writing = self.filling.take(fits);
        self.output.begin_with(Buffer::from(piece), begins);
        if !self.buffer.is_empty() {
            self.begin_file();
        }
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
