//! Serves the host: runs its commands one after the other, carries their input and output, and says how each
//! ended.

use std::{
    fs::File,
    io::{Read, Write},
    mem,
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nltrace_init::{Frame, Verdict};
use rustix::{
    io::Errno,
    process::{Pid, WaitOptions},
};

use crate::{
    command::{self, Input, Request, Wrap},
    host::Host,
    processes,
    watch::Watch,
};

/// How long output may still trickle in after the last process of the guest was killed.
const DRAIN: Duration = Duration::from_secs(5);

/// Exit status for a command that cannot be run.
const NOT_FOUND: u8 = 127;

/// Where the host's input goes: to the command that runs, if it still takes any.
type Current = Arc<Mutex<Option<Input>>>;

/// A command that is to be run.
struct Order {
    request: Request,
    /// Dropped once it can take input, or cannot be run. The host sends input without waiting for that.
    taken: Sender<()>,
}

/// Serves commands until the host wants no more.
pub(crate) fn serve(channel: &File) -> Result<()> {
    let host = Host::new(channel.try_clone()?);
    loopback_up()?;
    host.send(&Frame::Ready)?;
    let (sender, orders) = mpsc::channel();
    let current = Current::default();
    let (mut receiver, inputs) = (channel.try_clone()?, Arc::clone(&current));
    thread::spawn(move || {
        if let Err(error) = listen(&mut receiver, &inputs, &sender) {
            eprintln!("init: input lost: {error:#}");
        }
    });
    while let Ok(order) = orders.recv() {
        let verdict = run(&host, order, &current)?;
        host.send(&Frame::Exit(verdict))?;
    }
    Ok(())
}

/// Reads the host's frames to the last: makes orders of them, and gives a running command its input.
fn listen(channel: &mut File, current: &Current, orders: &Sender<Order>) -> Result<()> {
    let mut request = Request::default();
    loop {
        match Frame::read(channel).context("read from the host")? {
            Some(Frame::Argument(word)) => request.word(word),
            Some(Frame::Environment(pair)) => request.variable(&pair)?,
            Some(Frame::Run(manner)) => {
                request.manner = manner;
                let (taken, is_taken) = mpsc::channel();
                // The receiver is gone only when the machine is about to go.
                let _ = orders.send(Order { request: mem::take(&mut request), taken });
                // What comes back is that the sender is gone.
                let _ = is_taken.recv();
            }
            Some(Frame::Stdin(bytes)) => feed(current, &bytes),
            Some(Frame::Resize(size)) => {
                let current = current.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(terminal) = current.as_ref().and_then(|input| input.terminal.as_ref()) {
                    command::resize(terminal, size)?;
                }
            }
            Some(Frame::PowerOff) | None => return Ok(()),
            Some(other) => bail!("the host sent {other:?}"),
        }
    }
}

/// Hands bytes to the command; none are the end of its input.
fn feed(current: &Current, bytes: &[u8]) {
    let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(input) = current.as_mut() else { return };
    // A command that does not read its input has a right to: EPIPE is not our failure.
    if bytes.is_empty() || input.bytes.as_mut().is_some_and(|input| input.write_all(bytes).is_err()) {
        input.bytes = None;
    }
}

/// Runs one command, to its end and that of everything it left behind.
fn run(host: &Host, Order { request, taken }: Order, current: &Current) -> Result<Verdict> {
    let tainted = taint()?;
    let running = match request.start() {
        Ok(running) => running,
        Err(error) => {
            // As shells do: a command that is not there has a status of its own.
            host.send(&Frame::Stderr(format!("{error:#}\n").into_bytes()))?;
            return Ok(Verdict { status: NOT_FOUND, tainted: 0 });
        }
    };
    let pid = Pid::from_child(&running.child);
    *current.lock().unwrap_or_else(PoisonError::into_inner) = Some(running.input);
    drop(taken);
    let watch = request.manner.limit.map(|limit| Watch::begin(host, limit));
    let drained = carry(host, running.outputs);

    let status = wait(pid)?;
    processes::kill_everybody();
    reap()?;
    for _ in 0..drained.outputs {
        match drained.done.recv_timeout(DRAIN) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => eprintln!("init: output did not end"),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if let Some(watch) = watch {
        watch.end()?;
    }
    *current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    Ok(Verdict { status, tainted: taint()? & !tainted })
}

/// Threads that carry a command's output.
struct Drained {
    outputs: usize,
    done: Receiver<()>,
}

/// Sends all output to the host while it comes.
fn carry(host: &Host, outputs: Vec<(File, Wrap)>) -> Drained {
    let (sender, done) = mpsc::channel();
    let drained = Drained { outputs: outputs.len(), done };
    for (output, frame) in outputs {
        let (host, sender) = (host.clone(), sender.clone());
        thread::spawn(move || {
            if let Err(error) = forward(output, &host, frame) {
                eprintln!("init: output lost: {error:#}");
            }
            // The receiver is gone only when nobody waits for the output any more.
            let _ = sender.send(());
        });
    }
    drained
}

/// Sends everything that can be read to the host.
fn forward(mut output: File, host: &Host, frame: Wrap) -> Result<()> {
    let mut buffer = vec![0; 32 * 1024];
    loop {
        match output.read(&mut buffer) {
            Ok(0) => return Ok(()),
            // A terminal says so when its last user has closed it.
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => return Ok(()),
            Ok(length) => host.send(&frame(buffer[..length].to_vec()))?,
            Err(error) => return Err(error).context("read the command's output"),
        }
    }
}

/// Reaps children, as PID 1 must, until the command itself has ended.
fn wait(command: Pid) -> Result<u8> {
    loop {
        let ended = rustix::process::wait(WaitOptions::empty()).context("wait for the command")?;
        if let Some((pid, status)) = ended
            && pid == command
        {
            return command::exit_status(status);
        }
    }
}

/// Reaps everybody else. Each process whose parent has ended is a child of PID 1.
fn reap() -> Result<()> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(_) => {}
            Err(Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error).context("wait for what the command left behind"),
        }
    }
}

fn taint() -> Result<u64> {
    let bits = std::fs::read_to_string("/proc/sys/kernel/tainted").context("read the kernel's taint")?;
    bits.trim().parse().context("parse the kernel's taint")
}

/// Tools expect 127.0.0.1 to answer.
fn loopback_up() -> Result<()> {
    let status = Command::new("/usr/sbin/ip").args(["link", "set", "lo", "up"]).status();
    if !status.context("run ip")?.success() {
        bail!("ip link set lo up failed");
    }
    Ok(())
}
