//! The loop of a recording, in place of that of a capture: the same facts in the same order, to the same sink.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use super::SessionError;
use crate::{
    model::{
        Event, Hook, Report,
        drops::DropRow,
        end::{EndOfRecording, refiltered},
    },
    note,
    options::Filter,
    sink::Sink,
    source::recording::{
        Item, Recording, RecordingError,
        notation::{FactError, Line, Start},
    },
};

/// Bytes of a file that are read at once.
const READ_BYTES: usize = 256 << 10;

/// Blocks that are read in a row before output is looked at.
const BATCH: usize = 256;

/// A recording cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} {source}", .path.display())]
pub struct ReplayError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: RecordingError,
}

/// A recording that is handed to a sink.
pub struct Replay {
    recording: Recording<Box<dyn BufRead>>,
    /// The file that is being read, and those after it.
    path: PathBuf,
    rest: VecDeque<PathBuf>,
    start: Start,
    /// Which drops are wanted.
    filter: Filter,
    /// Whether any are.
    has_drops: bool,
    handed: Handed,
    report: Report,
}

/// What was handed out.
#[derive(Debug, Default)]
struct Handed {
    end: EndOfRecording,
    /// The latest time of a call, nanoseconds of `CLOCK_MONOTONIC`.
    last_ns: u64,
    /// The first line that was not understood.
    bad: Option<FactError>,
}

impl Replay {
    /// Opens files of a recording, in the order in which they were written. Of what is in them, `filter` says
    /// by family what is wanted, as it does for the kernel's programs; drops if there are to be some.
    pub fn open(files: &[PathBuf], filter: &Filter, has_drops: bool) -> Result<Self, ReplayError> {
        let mut rest: VecDeque<_> = files.iter().cloned().collect();
        let path = rest.pop_front().unwrap_or_default();
        let failed = |source| ReplayError { path: path.clone(), source };
        let file = open(&path).map_err(|error| failed(error.into()))?;
        let mut recording = Recording::new(file, filter.families.clone());
        let start = recording.begin().map_err(failed)?;
        let filter = filter.clone();
        let (handed, report) = (Handed::default(), Report::default());
        Ok(Self { recording, path, rest, start, filter, has_drops, handed, report })
    }

    /// How the recording began.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// What was recorded, once [`Replay::run`] has returned.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Hands over everything. Where a file cannot be read to its end, what stands before that is handed over,
    /// and why comes back.
    pub async fn run(&mut self, sink: &mut impl Sink) -> Result<Option<ReplayError>, SessionError> {
        let failed = loop {
            match self.batch(sink) {
                Ok(true) => {}
                Ok(false) => break None,
                Err(error) => break Some(error),
            }
            while !sink.make_room()? {
                sink.wait_written(std::future::pending()).await?;
            }
            sink.flush()?;
        };
        let Self { recording, filter, has_drops, handed, .. } = self;
        recording.finish(&mut |item| handed.take(item, filter, *has_drops, sink));
        self.report = self.end();
        sink.report(&self.report)?;
        while !sink.is_written() {
            sink.flush()?;
            sink.wait_written(std::future::pending()).await?;
        }
        Ok(failed)
    }

    /// Reads some blocks. False: there are no more.
    fn batch(&mut self, sink: &mut impl Sink) -> Result<bool, ReplayError> {
        let Self { recording, filter, has_drops, handed, .. } = self;
        for _ in 0..BATCH {
            let read = recording.next(&mut |item| handed.take(item, filter, *has_drops, sink));
            let bad = handed.bad.take().map(|source| RecordingError::Line { source });
            let read = read.and_then(|more| bad.map_or(Ok(more), Err));
            match read {
                Ok(true) => {}
                Ok(false) => return self.next_file(),
                Err(source) => return Err(ReplayError { path: self.path.clone(), source }),
            }
        }
        Ok(true)
    }

    /// Goes on with the next file. False: there is none.
    fn next_file(&mut self) -> Result<bool, ReplayError> {
        if let Some(offset) = self.recording.take_cut() {
            note(format_args!(
                "{} ends in the middle of the block at byte {offset}; what stands before that is shown",
                self.path.display()
            ));
        }
        let Some(path) = self.rest.pop_front() else { return Ok(false) };
        let file = open(&path);
        self.path = path;
        match file {
            Ok(file) => self.recording.go_on(file),
            Err(error) => return Err(ReplayError { path: self.path.clone(), source: error.into() }),
        }
        Ok(true)
    }

    /// The report at the end, in which what is not wanted counts as filtered.
    fn end(&mut self) -> Report {
        let end = std::mem::take(&mut self.handed.end);
        let counts = self.recording.counts();
        // Of a part of a recording its accounting says nothing.
        let is_whole =
            |report: &Report| report.messages.is_none_or(|messages| messages.shown == counts.messages);
        match end.report().filter(is_whole) {
            Some(report) => {
                let report = refiltered(report, &counts.filtered_calls, counts.filtered);
                Report { drop_calls: report.drop_calls.filter(|_| self.has_drops), ..report }
            }
            None => {
                let duration_ns = self.handed.last_ns.saturating_sub(self.start.monotonic_ns);
                Report { duration_ns, is_cut: true, ..Report::default() }
            }
        }
    }

    /// Whether something was watched.
    pub fn watches(&self, hook: Hook) -> bool {
        match hook {
            Hook::Queue => self.start.queued,
            Hook::Consume => self.start.reads,
            Hook::Wait | Hook::WaitEnd => self.start.waits,
            _ => true,
        }
    }
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    Ok(match path == Path::new("-") {
        true => Box::new(BufReader::with_capacity(READ_BYTES, io::stdin())),
        false => Box::new(BufReader::with_capacity(READ_BYTES, File::open(path)?)),
    })
}

impl Handed {
    fn take(&mut self, item: Item<'_>, filter: &Filter, has_drops: bool, sink: &mut impl Sink) {
        match item {
            Item::Event(event) => {
                if let Event::Call(call) = event {
                    self.last_ns = self.last_ns.max(call.ts_ns.saturating_add(call.latency_ns));
                }
                sink.event(&event);
            }
            Item::Time(now_ns) => sink.tick(now_ns),
            Item::Lost(lost) => sink.lost(lost),
            Item::Learned(learned) => sink.learn(learned),
            Item::Line(line) => {
                if let Err(error) = self.line(line, filter, has_drops, sink) {
                    self.bad.get_or_insert(error);
                }
            }
        }
    }

    /// What is known here, and not below.
    fn line(
        &mut self,
        line: &[u8],
        filter: &Filter,
        has_drops: bool,
        sink: &mut impl Sink,
    ) -> Result<(), FactError> {
        let Some(mut line) = Line::parse(line) else { return Ok(()) };
        if line.kind() == b"drop" {
            let row: DropRow = line.fact()?;
            if has_drops && row.family.is_none_or(|family| filter.wants_family(family)) {
                sink.dropped(&row);
            }
        } else {
            self.end.take(&mut line)?;
        }
        Ok(())
    }
}
