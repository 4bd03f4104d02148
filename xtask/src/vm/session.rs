//! One boot: from starting the machine to the guest's verdict and the judgement over its console.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nltrace_init::{Frame, Size, Verdict};

use super::events::{self, Event};
use super::machine::{Hardware, Machine};
use super::{console, initramfs, terminal};
use crate::project::Project;
use crate::setup::{Kernel, Provided};

/// From power-on to PID 1's first word. An emulation on a busy machine needs seconds.
const BOOT_LIMIT: Duration = Duration::from_secs(120);
/// From the verdict to the end of QEMU.
const END_LIMIT: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(200);
/// Ctrl-] ends a shell's machine, as it ends telnet.
const ESCAPE: u8 = 0x1d;

/// How far the guest's output may run ahead of whoever reads ours.
const EVENTS: usize = 256;

/// Bits of the kernel's taint that a healthy test run does not set: died, warned, locked up, bad page.
const BAD_TAINT: u64 = 1 << 5 | 1 << 7 | 1 << 9 | 1 << 14;

/// What the command reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// Nothing.
    Nothing,
    /// Our standard input.
    Pipe,
    /// Our terminal: the command gets one of its own.
    Terminal,
}

/// Where a piece of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Error,
}

/// What to run in which machine.
#[derive(Debug)]
pub(crate) struct Job {
    /// The machine.
    pub(crate) hardware: Hardware,
    /// The command.
    pub(crate) words: Vec<OsString>,
    /// On top of the guest's own environment.
    pub(crate) environment: Vec<(String, String)>,
    /// Its input.
    pub(crate) input: Input,
    /// For everything, boot included.
    pub(crate) timeout: Option<Duration>,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The command's exit status, if there was a verdict.
    pub(crate) status: Option<u8>,
    /// Everything that makes this run a failure whatever the status; each may be several lines.
    pub(crate) problems: Vec<String>,
}

impl Outcome {
    /// Status zero and a kernel without complaints.
    pub(crate) fn is_success(&self) -> bool {
        self.status == Some(0) && self.problems.is_empty()
    }
}

/// The state between power-on and verdict.
struct Session<'a> {
    job: &'a Job,
    to_guest: UnixStream,
    boot: Option<Duration>,
    verdict: Option<Verdict>,
    failure: Option<String>,
    size: Option<Size>,
}

impl Job {
    /// Boots `kernel`, runs the command, gives its output to `sink` as it comes.
    pub(crate) fn run(
        &self,
        provided: &Provided,
        kernel: &Kernel,
        sink: &mut dyn FnMut(Stream, &[u8]) -> Result<()>,
    ) -> Result<Outcome> {
        let log = console_log(&provided.project, kernel);
        let initramfs = initramfs::write(provided, kernel)?;
        let start = Instant::now();
        let mut machine = Machine::start(provided, kernel, self.hardware, &initramfs)?;
        let (sender, events) = mpsc::sync_channel(EVENTS);
        let (line_sender, line_receiver) = mpsc::channel();
        let console = machine.console.take().context("QEMU has no console")?;
        let console = console::watch(console, &log, line_sender)?;
        events::lines(line_receiver, sender.clone());
        events::session(machine.session.try_clone()?, sender.clone());
        let size = if self.input == Input::Terminal { Some(terminal::size()?) } else { None };
        let to_guest = machine.session.try_clone()?;
        let mut session = Session { job: self, to_guest, boot: None, verdict: None, failure: None, size };
        session.drive(start, &mut machine, &events, &sender, sink)?;

        let end = Instant::now() + END_LIMIT;
        while session.verdict.is_some() && !machine.is_over()? && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
        machine.stop()?;
        let lines = console.join().map_err(|_| anyhow::anyhow!("the console's thread died"))?;
        Ok(session.judge(&lines, &log))
    }
}

impl Session<'_> {
    /// Handles events until there is a verdict or none can come any more.
    fn drive(
        &mut self,
        start: Instant,
        machine: &mut Machine,
        events: &Receiver<Event>,
        sender: &SyncSender<Event>,
        sink: &mut dyn FnMut(Stream, &[u8]) -> Result<()>,
    ) -> Result<()> {
        while self.verdict.is_none() && self.failure.is_none() {
            match events.recv_timeout(TICK) {
                Ok(Event::Frame(frame)) => self.frame(frame, start, sender, sink)?,
                Ok(Event::SessionOver(None)) => {
                    self.failure = Some("the machine ended without a verdict".to_owned());
                }
                Ok(Event::SessionOver(Some(error))) => {
                    self.failure = Some(format!("the guest's channel broke: {error}"));
                }
                Ok(Event::Input(bytes)) => self.input(bytes)?,
                Ok(Event::Console(line)) if line.contains("Kernel panic") => {
                    // The rest of its message is still to come.
                    thread::sleep(Duration::from_millis(300));
                    self.failure = Some("the guest's kernel panicked".to_owned());
                }
                Ok(Event::Console(_)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.failure = Some("the machine is gone".to_owned()),
            }
            let elapsed = start.elapsed();
            if let Some(limit) = self.job.timeout.filter(|limit| elapsed > *limit && self.verdict.is_none()) {
                self.failure = Some(format!("no verdict within {} s", limit.as_secs()));
            } else if self.boot.is_none() && elapsed > BOOT_LIMIT {
                self.failure = Some(format!("no sign of PID 1 within {} s", BOOT_LIMIT.as_secs()));
            } else if self.failure.is_none() && machine.is_over()? && self.verdict.is_none() {
                self.last_words(events, start, sender, sink)?;
            }
            self.resize()?;
        }
        Ok(())
    }

    /// QEMU has ended: what it sent before still counts.
    fn last_words(
        &mut self,
        events: &Receiver<Event>,
        start: Instant,
        sender: &SyncSender<Event>,
        sink: &mut dyn FnMut(Stream, &[u8]) -> Result<()>,
    ) -> Result<()> {
        while let Ok(event) = events.recv_timeout(TICK) {
            if let Event::Frame(frame) = event {
                self.frame(frame, start, sender, sink)?;
            }
        }
        if self.verdict.is_none() && self.failure.is_none() {
            self.failure = Some("the machine ended without a verdict".to_owned());
        }
        Ok(())
    }

    fn frame(
        &mut self,
        frame: Frame,
        start: Instant,
        sender: &SyncSender<Event>,
        sink: &mut dyn FnMut(Stream, &[u8]) -> Result<()>,
    ) -> Result<()> {
        match frame {
            Frame::Ready => {
                self.boot = Some(start.elapsed());
                self.command(sender)?;
            }
            Frame::Stdout(bytes) => sink(Stream::Out, &bytes)?,
            Frame::Stderr(bytes) => sink(Stream::Error, &bytes)?,
            Frame::Failed(why) => self.failure = Some(format!("PID 1 cannot run the command: {why}")),
            Frame::Exit(verdict) => self.verdict = Some(verdict),
            other => self.failure = Some(format!("the guest sent {other:?}")),
        }
        Ok(())
    }

    /// Sends the command, and from then on its input.
    fn command(&mut self, sender: &SyncSender<Event>) -> Result<()> {
        for word in &self.job.words {
            Frame::Argument(word.clone().into_vec()).write(&mut self.to_guest)?;
        }
        for (name, value) in &self.job.environment {
            Frame::Environment(format!("{name}={value}").into_bytes()).write(&mut self.to_guest)?;
        }
        Frame::Run(self.size).write(&mut self.to_guest)?;
        match self.job.input {
            Input::Nothing => Frame::Stdin(Vec::new()).write(&mut self.to_guest)?,
            Input::Pipe => events::pipe(self.to_guest.try_clone()?),
            Input::Terminal => events::terminal(sender.clone()),
        }
        Ok(())
    }

    fn input(&mut self, bytes: Vec<u8>) -> Result<()> {
        if bytes.contains(&ESCAPE) {
            self.failure = Some("ended by Ctrl-]".to_owned());
            return Ok(());
        }
        // The guest may have ended in between; then its verdict is already on the way.
        if let Err(error) = Frame::Stdin(bytes).write(&mut self.to_guest)
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            return Err(error).context("send input to the guest");
        }
        Ok(())
    }

    fn resize(&mut self) -> Result<()> {
        if let Some(size) = self.size.filter(|_| self.boot.is_some() && self.verdict.is_none()) {
            let now = terminal::size()?;
            if now != size {
                self.size = Some(now);
                Frame::Resize(now).write(&mut self.to_guest)?;
            }
        }
        Ok(())
    }

    fn judge(self, lines: &[String], log: &std::path::Path) -> Outcome {
        let complaints = console::complaints(lines);
        let mut problems = Vec::new();
        if let Some(failure) = self.failure {
            let tail = if complaints.is_empty() { &lines[lines.len().saturating_sub(10)..] } else { &[] };
            problems.push(format!("{failure}; the console ({}) ends:\n{}", log.display(), tail.join("\n")));
        }
        for complaint in complaints {
            problems.push(format!("the guest's kernel complained ({}):\n{complaint}", log.display()));
        }
        if let Some(verdict) = self.verdict
            && verdict.tainted & BAD_TAINT != 0
            && problems.is_empty()
        {
            problems.push(format!("the guest's kernel is tainted: {:#x}", verdict.tainted));
        }
        Outcome { status: self.verdict.map(|verdict| verdict.status), problems }
    }
}

/// Where a boot's console is kept.
fn console_log(project: &Project, kernel: &Kernel) -> PathBuf {
    project.out().join(format!("console-{}.log", kernel.series.name()))
}

/// Passes output through to our own streams.
pub(crate) fn echo(stream: Stream, bytes: &[u8]) -> Result<()> {
    match stream {
        Stream::Out => {
            let mut out = io::stdout().lock();
            out.write_all(bytes)?;
            out.flush()?;
        }
        Stream::Error => io::stderr().lock().write_all(bytes)?,
    }
    Ok(())
}
