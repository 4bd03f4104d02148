//! Runs the host's command and carries its input and output.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nltrace_init::{Frame, Size, Verdict};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

/// The environment of every command.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("PATH", "/opt/nltrace/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("USER", "root"),
    ("LOGNAME", "root"),
    ("SHELL", "/bin/bash"),
    ("TERM", "dumb"),
    ("LC_ALL", "C.UTF-8"),
];

/// How long output may still trickle in after the last process of the guest was killed.
const DRAIN: Duration = Duration::from_secs(5);

/// Exit status for a command that cannot be run.
const NOT_FOUND: u8 = 127;

/// The host's side of the channel, written to by several threads.
type Sender = Arc<Mutex<File>>;

/// Makes the frame for one stream's bytes.
type Wrap = fn(Vec<u8>) -> Frame;

/// What to run, gathered from the host's frames.
struct Request {
    words: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    terminal: Option<Size>,
}

/// The command's end of its standard streams.
struct Running {
    child: Child,
    input: File,
    /// Its terminal, if it has one: to be resized.
    terminal: Option<OwnedFd>,
    outputs: Vec<(File, Wrap)>,
}

/// Serves one command, to the verdict.
pub(crate) fn serve(channel: &File) -> Result<()> {
    let mut receiver = channel.try_clone()?;
    let sender: Sender = Arc::new(Mutex::new(channel.try_clone()?));
    loopback_up()?;
    send(&sender, &Frame::Ready)?;
    let request = receive(&mut receiver)?;
    let tainted = taint()?;
    let running = match start(&request) {
        Ok(running) => running,
        Err(error) => {
            // As shells do: a command that is not there has a status of its own.
            send(&sender, &Frame::Stderr(format!("{error:#}\n").into_bytes()))?;
            return send(&sender, &Frame::Exit(Verdict { status: NOT_FOUND, tainted: 0 }));
        }
    };
    let pid = Pid::from_child(&running.child);

    let (done, drained) = mpsc::channel();
    let outputs = running.outputs.len();
    for (output, frame) in running.outputs {
        let (sender, done) = (Arc::clone(&sender), done.clone());
        thread::spawn(move || {
            if let Err(error) = forward(output, &sender, frame) {
                eprintln!("init: output lost: {error:#}");
            }
            // The receiver is gone only when the wait below has given up.
            let _ = done.send(());
        });
    }
    thread::spawn(move || {
        if let Err(error) = feed(&mut receiver, running.input, running.terminal) {
            eprintln!("init: input lost: {error:#}");
        }
    });

    let status = wait(pid)?;
    // Processes that the command left behind hold its output open; pid -1 is everybody but this one.
    let _ = rustix::process::kill_process_group(Pid::INIT, Signal::KILL);
    for _ in 0..outputs {
        match drained.recv_timeout(DRAIN) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => eprintln!("init: output did not end"),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    send(&sender, &Frame::Exit(Verdict { status, tainted: taint()? & !tainted }))
}

fn send(sender: &Sender, frame: &Frame) -> Result<()> {
    let mut channel =
        sender.lock().map_err(|_| anyhow::anyhow!("a thread died while writing to the host"))?;
    frame.write(&mut *channel).context("write to the host")
}

/// Gathers frames up to [`Frame::Run`].
fn receive(channel: &mut File) -> Result<Request> {
    let mut request = Request { words: Vec::new(), environment: Vec::new(), terminal: None };
    loop {
        match Frame::read(channel).context("read from the host")? {
            Some(Frame::Argument(word)) => request.words.push(OsString::from_vec(word)),
            Some(Frame::Environment(pair)) => {
                let at = pair.iter().position(|&byte| byte == b'=').context("environment without =")?;
                let (name, value) = (&pair[..at], &pair[at + 1..]);
                let pair = (OsStr::from_bytes(name).to_owned(), OsStr::from_bytes(value).to_owned());
                request.environment.push(pair);
            }
            Some(Frame::Run(terminal)) => {
                request.terminal = terminal;
                return Ok(request);
            }
            other => bail!("the host sent {other:?} instead of a command"),
        }
    }
}

/// Spawns the command, on a terminal or on pipes.
fn start(request: &Request) -> Result<Running> {
    let (name, arguments) = request.words.split_first().context("the host sent no command")?;
    let mut command = if request.terminal.is_some() {
        // It makes the terminal the controlling one, so that Ctrl-C and job control work.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(name);
        command
    } else {
        Command::new(name)
    };
    command.args(arguments).current_dir("/root").env_clear();
    command.envs(ENVIRONMENT.iter().copied()).envs(request.environment.iter().cloned());
    let terminal = match request.terminal {
        Some(size) => Some(open_terminal(&mut command, size)?),
        None => {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            None
        }
    };
    let mut child = command.spawn().with_context(|| format!("run {}", name.display()))?;
    drop(command);
    if let Some(terminal) = terminal {
        let (input, output) = (File::from(terminal.try_clone()?), File::from(terminal.try_clone()?));
        return Ok(Running {
            child,
            input,
            terminal: Some(terminal),
            outputs: vec![(output, Frame::Stdout)],
        });
    }
    let input = child.stdin.take().context("no pipe for stdin")?;
    let output = child.stdout.take().context("no pipe for stdout")?;
    let errors = child.stderr.take().context("no pipe for stderr")?;
    Ok(Running {
        child,
        input: File::from(OwnedFd::from(input)),
        terminal: None,
        outputs: vec![
            (File::from(OwnedFd::from(output)), Frame::Stdout as Wrap),
            (File::from(OwnedFd::from(errors)), Frame::Stderr),
        ],
    })
}

/// Opens a pseudo-terminal, gives its far end to `command` and returns the near one.
fn open_terminal(command: &mut Command, size: Size) -> Result<OwnedFd> {
    let near = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
        .context("open a terminal")?;
    rustix::pty::grantpt(&near)?;
    rustix::pty::unlockpt(&near)?;
    let name = rustix::pty::ptsname(&near, Vec::new())?;
    let far = File::options().read(true).write(true).open(OsStr::from_bytes(name.to_bytes()))?;
    resize(&near, size)?;
    command.stdin(far.try_clone()?).stdout(far.try_clone()?).stderr(far);
    Ok(near)
}

fn resize(terminal: &OwnedFd, size: Size) -> Result<()> {
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(terminal, size).context("set the terminal's size")
}

/// Sends everything that can be read to the host.
fn forward(mut output: File, sender: &Sender, frame: Wrap) -> Result<()> {
    let mut buffer = vec![0; 32 * 1024];
    loop {
        match output.read(&mut buffer) {
            Ok(0) => return Ok(()),
            // A terminal says so when its last user has closed it.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => return Ok(()),
            Ok(length) => send(sender, &frame(buffer[..length].to_vec()))?,
            Err(error) => return Err(error).context("read the command's output"),
        }
    }
}

/// Hands the host's input to the command until there is no more.
fn feed(channel: &mut File, input: File, terminal: Option<OwnedFd>) -> Result<()> {
    let mut input = Some(input);
    loop {
        match Frame::read(channel).context("read from the host")? {
            Some(Frame::Stdin(bytes)) if bytes.is_empty() => input = None,
            Some(Frame::Stdin(bytes)) => {
                // A command that does not read its input has a right to: EPIPE is not our failure.
                if input.as_mut().is_some_and(|input| input.write_all(&bytes).is_err()) {
                    input = None;
                }
            }
            Some(Frame::Resize(size)) => {
                if let Some(terminal) = &terminal {
                    resize(terminal, size)?;
                }
            }
            None => return Ok(()),
            Some(other) => bail!("the host sent {other:?} to a running command"),
        }
    }
}

/// Reaps children, as PID 1 must, until the command itself has ended.
fn wait(command: Pid) -> Result<u8> {
    loop {
        let Some((pid, status)) =
            rustix::process::wait(WaitOptions::empty()).context("wait for the command")?
        else {
            continue;
        };
        if pid == command {
            return exit_status(status).context("the command neither exited nor was killed");
        }
    }
}

fn exit_status(status: WaitStatus) -> Option<u8> {
    let status = status.exit_status().or_else(|| Some(128 + status.terminating_signal()?))?;
    u8::try_from(status).ok()
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
