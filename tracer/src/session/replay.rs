//! The loop of a recording, in place of that of a capture: the same facts in the same order, to the same
//! sink.

use std::{
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
        At, Item, Recording, RecordingError,
        notation::{FactError, Line, Start},
    },
};

/// Bytes of a file that are read at once.
const READ_BYTES: usize = 256 << 10;

/// Blocks that are read in a row before output is looked at, and their bytes, unless one has more.
const BATCH: usize = 256;
const BATCH_BYTES: u64 = 1 << 20;

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
    files: Vec<PathBuf>,
    /// Which of them is being read.
    file: usize,
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
    bad: Option<(At, FactError)>,
}

impl Replay {
    /// Opens files of a recording, in the order in which they were written. Of what is in them, `filter` says
    /// by family what is wanted, as it does for the kernel's programs; drops if there are to be some.
    pub fn open(files: &[PathBuf], filter: &Filter, has_drops: bool) -> Result<Self, ReplayError> {
        let path = files.first().cloned().unwrap_or_default();
        let failed = |source| ReplayError { path: path.clone(), source };
        let file = open(&path).map_err(|error| failed(error.into()))?;
        let mut recording = Recording::new(file, filter.families.clone());
        let start = recording.begin().map_err(failed)?;
        let (files, filter) = (files.to_vec(), filter.clone());
        let (handed, report) = (Handed::default(), Report::default());
        Ok(Self { recording, files, file: 0, start, filter, has_drops, handed, report })
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
        let mut failed = loop {
            match self.batch(sink) {
                Ok(true) => {}
                Ok(false) => break None,
                Err(error) => break Some(error),
            }
            while !sink.make_room()? {
                sink.progress().await?;
            }
            sink.flush()?;
        };
        let Self { recording, filter, has_drops, handed, .. } = self;
        recording.finish(&mut |item| handed.take(item, filter, *has_drops, sink));
        failed = failed.or_else(|| self.bad_line());
        self.report = self.end();
        sink.report(&self.report)?;
        while !sink.is_written() {
            sink.flush()?;
            sink.progress().await?;
        }
        Ok(failed)
    }

    /// Reads some blocks. False: there are no more.
    fn batch(&mut self, sink: &mut impl Sink) -> Result<bool, ReplayError> {
        let Self { recording, filter, has_drops, handed, .. } = self;
        let before = recording.bytes();
        for _ in 0..BATCH {
            if recording.bytes() - before > BATCH_BYTES {
                break;
            }
            let read = recording.next(&mut |item| handed.take(item, filter, *has_drops, sink));
            if handed.bad.is_some() {
                break;
            }
            match read {
                Ok(true) => {}
                Ok(false) => return self.next_file(),
                Err(source) => return Err(ReplayError { path: self.path(self.file), source }),
            }
        }
        self.bad_line().map_or(Ok(true), Err)
    }

    /// What is wrong with a line that was handed out, if one was wrong: lines are handed out in the order of
    /// what they tell, so it may be of an earlier block or file.
    fn bad_line(&mut self) -> Option<ReplayError> {
        let (At { file, offset }, source) = self.handed.bad.take()?;
        Some(ReplayError { path: self.path(file), source: RecordingError::Fact { offset, source } })
    }

    fn path(&self, file: usize) -> PathBuf {
        self.files.get(file).cloned().unwrap_or_default()
    }

    /// Goes on with the next file. False: there is none.
    fn next_file(&mut self) -> Result<bool, ReplayError> {
        if let Some(offset) = self.recording.take_cut() {
            note(format_args!(
                "{} ends in the middle of the block at byte {offset}; what stands before that is shown",
                self.path(self.file).display()
            ));
        }
        let Some(path) = self.files.get(self.file + 1) else { return Ok(false) };
        self.file += 1;
        match open(path) {
            Ok(file) => self.recording.go_on(file),
            Err(error) => return Err(ReplayError { path: path.clone(), source: error.into() }),
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
            Item::Line(at, line) => {
                if let Err(error) = self.line(line, filter, has_drops, sink) {
                    self.bad.get_or_insert((at, error));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{render::pcapng::Recorder, sink::Discard};

    /// A packet of 16 bytes with a comment.
    fn packet(comment: &str) -> Vec<u8> {
        let mut body = [0u32, 0, 0, 16, 16].map(u32::to_ne_bytes).concat();
        body.extend([0; 16]);
        body.extend([1u16, comment.len() as u16].map(u16::to_ne_bytes).concat());
        body.extend(comment.as_bytes());
        body.resize(body.len().next_multiple_of(4), 0);
        let len = (12 + body.len() as u32).to_ne_bytes();
        [&6u32.to_ne_bytes()[..], &len, &body, &len].concat()
    }

    /// Why files of these blocks cannot be read to their end.
    fn failure(name: &str, files: &[&[Vec<u8>]]) -> Option<String> {
        let folder = std::env::temp_dir().join(format!("nltrace-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut paths = Vec::new();
        for (number, blocks) in (1..).zip(files) {
            let mut recorder = Recorder::new(Start::default(), Vec::new(), Vec::new());
            let mut whole = Vec::new();
            recorder.begin(&mut whole, number);
            whole.extend(blocks.concat());
            paths.push(folder.join(number.to_string()));
            std::fs::write(&paths[paths.len() - 1], whole).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut replay = Replay::open(&paths, &Filter::default(), true).unwrap();
        let failed = runtime.block_on(replay.run(&mut Discard)).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        failed.map(|failed| failed.to_string().replace(&format!("{}/", folder.display()), ""))
    }

    /// Also where it waited for others until the end, and another file had begun.
    #[test]
    fn a_line_that_is_wrong_is_said_with_its_place() {
        assert_eq!(failure("right", &[&[packet("nltrace: time n=0 ts_ns=1")]]), None);
        let bad = "nltrace: drop n=5 cause=overrun last_ts_ns=1";
        let offset = {
            let mut header = Vec::new();
            Recorder::new(Start::default(), Vec::new(), Vec::new()).begin(&mut header, 1);
            header.len()
        };
        let expected = Some(format!("1 a comment of the block at byte {offset} is wrong: count is missing"));
        assert_eq!(failure("waits", &[&[packet(bad)]]), expected);
        assert_eq!(failure("waits2", &[&[packet(bad)], &[packet("nltrace: time n=0 ts_ns=1")]]), expected);
    }
}
