//! A booted machine: it runs commands one after the other until it is ended, and its console is judged then.

use std::{
    io,
    os::unix::{ffi::OsStrExt, net::UnixStream},
    path::PathBuf,
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nltrace_init::{Frame, Manner, Size, Verdict};

use super::{
    command::{Command, Ended, Input, Sink, Stream},
    console,
    events::{self, Event},
    initramfs,
    machine::{Accelerator, Hardware, Machine},
    terminal,
};
use crate::setup::{Kernel, Provided};

/// From power-on to PID 1's first word. An emulation on a busy machine needs seconds.
const BOOT_LIMIT: Duration = Duration::from_secs(120);
/// From the last command to the end of QEMU.
const END_LIMIT: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(200);
/// What the kernel is asked, by keys of its `sysrq`: to show all it says; what the processors run; every
/// task.
const QUESTIONS: [u8; 3] = [b'9', b'l', b't'];
/// How long its answer to each may take, and how long it may pause meanwhile.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_secs(1);
/// Ctrl-] ends a shell's machine, as it ends telnet.
const ESCAPE: u8 = 0x1d;

/// How far the guest's output may run ahead of whoever reads ours.
const EVENTS: usize = 256;

/// Lines of the console that are shown where nothing else says what happened.
const TAIL: usize = 10;

/// Bits of the kernel's taint that a healthy test run does not set: died, warned, locked up, bad page.
const BAD_TAINT: u64 = 1 << 5 | 1 << 7 | 1 << 9 | 1 << 14;

/// A machine between power-on and its end.
pub(crate) struct Guest {
    machine: Machine,
    to_guest: UnixStream,
    events: Receiver<Event>,
    sender: SyncSender<Event>,
    console: JoinHandle<Vec<String>>,
    log: PathBuf,
    started: Instant,
    /// For its whole life.
    timeout: Option<Duration>,
    /// When PID 1 was ready.
    boot: Option<Duration>,
    /// When it was last heard of.
    heard: Instant,
    tainted: u64,
    failure: Option<Failure>,
}

/// Why it runs nothing any more.
struct Failure {
    why: String,
    /// What the kernel said about itself when it was asked.
    answer: Vec<String>,
}

/// A command that runs.
#[derive(Default)]
struct Current {
    verdict: Option<Verdict>,
    exceeded: Option<String>,
    silence: Option<Duration>,
    /// Of its terminal.
    size: Option<Size>,
}

impl Guest {
    /// Boots `kernel`. A guest that does not get ready has failed, and [`Self::end`] says why. `label` tells
    /// it from others of the same kernel that run at the same time: its files are named after it.
    pub(crate) fn boot(
        provided: &Provided,
        kernel: &Kernel,
        label: &str,
        hardware: Hardware,
        timeout: Option<Duration>,
    ) -> Result<Self> {
        let counting = if hardware.accelerator == Accelerator::Counting { "-counting" } else { "" };
        let name = format!("{}{counting}{label}", kernel.series.name());
        let log = provided.project.out().join(format!("console-{name}.log"));
        let initramfs = initramfs::write(provided, kernel, &name)?;
        let started = Instant::now();
        let mut machine = Machine::start(provided, kernel, hardware, &initramfs)?;
        let (sender, events) = mpsc::sync_channel(EVENTS);
        let (line_sender, line_receiver) = mpsc::channel();
        let console = machine.console.take().context("QEMU has no console")?;
        let console = console::watch(console, &log, line_sender)?;
        events::lines(line_receiver, sender.clone());
        events::session(machine.session.try_clone()?, sender.clone());
        let to_guest = machine.session.try_clone()?;
        let mut guest = Self {
            machine,
            to_guest,
            events,
            sender,
            console,
            log,
            started,
            timeout,
            boot: None,
            heard: started,
            tainted: 0,
            failure: None,
        };
        while guest.boot.is_none() && guest.failure.is_none() {
            guest.turn(&mut Current::default(), &mut |_, _| Ok(()))?;
            if guest.boot.is_none() && guest.started.elapsed() > BOOT_LIMIT {
                guest.fail(format!("the guest did not boot within {} s", BOOT_LIMIT.as_secs()));
            }
        }
        Ok(guest)
    }

    /// How long it took to boot, if it is ready.
    pub(crate) fn boot_time(&self) -> Option<Duration> {
        self.boot
    }

    /// Runs a command; its output goes to `sink` as it comes. A guest that has failed runs nothing.
    pub(crate) fn run(&mut self, command: &Command, sink: &mut Sink<'_>) -> Result<Ended> {
        let mut current = Current::default();
        if self.failure.is_none() {
            self.start(command, &mut current)?;
        }
        while current.verdict.is_none() && self.failure.is_none() {
            self.turn(&mut current, sink)?;
            if let Some(silence) = current.silence.filter(|silence| self.heard.elapsed() > *silence) {
                self.give_up(silence)?;
            }
            self.resize(&mut current)?;
        }
        self.tainted |= current.verdict.map_or(0, |verdict| verdict.tainted);
        let status = current.verdict.map(|verdict| verdict.status);
        Ok(Ended { status, exceeded: current.exceeded })
    }

    /// Sends the command, and from then on its input.
    fn start(&mut self, command: &Command, current: &mut Current) -> Result<()> {
        let terminal = command.input == Input::Terminal;
        current.size = if terminal { Some(terminal::size()?) } else { None };
        current.silence = command.limit.map(|limit| limit.silence);
        self.heard = Instant::now();
        for word in &command.words {
            Frame::Argument(word.as_bytes().to_owned()).write(&mut self.to_guest)?;
        }
        for (name, value) in &command.environment {
            Frame::Environment(format!("{name}={value}").into_bytes()).write(&mut self.to_guest)?;
        }
        let limit = command.limit.map(|limit| limit.time);
        Frame::Run(Manner { terminal: current.size, limit }).write(&mut self.to_guest)?;
        match command.input {
            Input::Nothing => Frame::Stdin(Vec::new()).write(&mut self.to_guest)?,
            Input::Pipe => events::pipe(self.to_guest.try_clone()?),
            Input::Terminal => events::terminal(self.sender.clone()),
        }
        Ok(())
    }

    /// Handles the next event, if there is one soon, and looks at the clock and at QEMU.
    fn turn(&mut self, current: &mut Current, sink: &mut Sink<'_>) -> Result<()> {
        match self.events.recv_timeout(TICK) {
            Ok(Event::Frame(frame)) => self.frame(frame, current, sink)?,
            Ok(Event::SessionOver(None)) => self.fail("the machine ended before the command did".to_owned()),
            Ok(Event::SessionOver(Some(error))) => self.fail(format!("the guest's channel broke: {error}")),
            Ok(Event::Input(bytes)) => self.input(bytes)?,
            Ok(Event::Console(line)) if line.contains("Kernel panic") => {
                // The rest of its message is still to come.
                thread::sleep(Duration::from_millis(300));
                self.fail("the guest's kernel panicked".to_owned());
            }
            Ok(Event::Console(_)) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                self.fail("the connection to the machine was lost".to_owned());
            }
        }
        if current.verdict.is_some() || self.failure.is_some() {
            return Ok(());
        }
        if let Some(limit) = self.timeout.filter(|limit| self.started.elapsed() > *limit) {
            self.fail(format!("the command did not end within {} s", limit.as_secs()));
        } else if self.machine.is_over()? {
            // What it sent before still counts.
            while let Ok(event) = self.events.recv_timeout(TICK) {
                if let Event::Frame(frame) = event {
                    self.frame(frame, current, sink)?;
                }
            }
            if current.verdict.is_none() && self.failure.is_none() {
                self.fail("the machine ended before the command did".to_owned());
            }
        }
        Ok(())
    }

    fn frame(&mut self, frame: Frame, current: &mut Current, sink: &mut Sink<'_>) -> Result<()> {
        self.heard = Instant::now();
        match frame {
            Frame::Ready => self.boot = Some(self.started.elapsed()),
            Frame::Stdout(bytes) => sink(Stream::Out, &bytes)?,
            Frame::Stderr(bytes) => sink(Stream::Error, &bytes)?,
            Frame::Alive => {}
            Frame::Exceeded(report) => current.exceeded = Some(report),
            Frame::Failed(why) => self.fail(format!("PID 1 can run no command: {why}")),
            Frame::Exit(verdict) => current.verdict = Some(verdict),
            other => self.fail(format!("the guest sent {other:?}")),
        }
        Ok(())
    }

    /// Nothing was heard for too long: what is left is to ask the kernel, which answers from the console's
    /// interrupt.
    fn give_up(&mut self, silence: Duration) -> Result<()> {
        let mut answer = Vec::new();
        for question in QUESTIONS {
            self.machine.ask_kernel(question)?;
            let asked = Instant::now();
            while asked.elapsed() < ANSWER_LIMIT {
                match self.events.recv_timeout(PAUSE) {
                    Ok(Event::Console(line)) => answer.push(line),
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
        }
        let why = format!(
            "the guest does not answer any more: nothing was heard of it for {} s",
            silence.as_secs()
        );
        self.failure = Some(Failure { why, answer });
        Ok(())
    }

    fn fail(&mut self, why: String) {
        self.failure = Some(Failure { why, answer: Vec::new() });
    }

    fn input(&mut self, bytes: Vec<u8>) -> Result<()> {
        if bytes.contains(&ESCAPE) {
            self.fail("turned off by Ctrl-]".to_owned());
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

    fn resize(&mut self, current: &mut Current) -> Result<()> {
        if let Some(size) = current.size.filter(|_| current.verdict.is_none()) {
            let now = terminal::size()?;
            if now != size {
                current.size = Some(now);
                Frame::Resize(now).write(&mut self.to_guest)?;
            }
        }
        Ok(())
    }

    /// Ends the machine. What makes its whole life a failure, whatever the commands came to; each may be
    /// several lines.
    pub(crate) fn end(mut self) -> Result<Vec<String>> {
        if self.failure.is_none() {
            Frame::PowerOff.write(&mut self.to_guest).context("turn the guest off")?;
            let end = Instant::now() + END_LIMIT;
            while !self.machine.is_over()? && Instant::now() < end {
                thread::sleep(Duration::from_millis(5));
            }
        }
        self.machine.stop()?;
        // Its thread must not wait for us to take lines.
        drop(self.events);
        let lines = self.console.join().map_err(|_| anyhow::anyhow!("the console's thread died"))?;
        let log = self.log.display();
        let complaints = console::complaints(&lines);
        let mut problems = Vec::new();
        if let Some(Failure { why, answer }) = self.failure {
            let tail = if complaints.is_empty() { &lines[lines.len().saturating_sub(TAIL)..] } else { &[] };
            problems.push(if answer.is_empty() {
                format!("{why}; the console ({log}) ends:\n{}", tail.join("\n"))
            } else {
                format!("{why}; asked what it is doing, its kernel said ({log}):\n{}", answer.join("\n"))
            });
        }
        for complaint in complaints {
            problems.push(format!("the guest's kernel complained ({log}):\n{complaint}"));
        }
        if self.tainted & BAD_TAINT != 0 && problems.is_empty() {
            problems.push(format!("the guest's kernel is tainted: {:#x}", self.tainted));
        }
        Ok(problems)
    }
}
