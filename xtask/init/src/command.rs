//! A command of the host: what it asks for, and the process that it becomes.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    os::{
        fd::OwnedFd,
        unix::ffi::{OsStrExt, OsStringExt},
    },
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use nltrace_init::{Frame, Manner, Size};
use rustix::{process::WaitStatus, pty::OpenptFlags, termios::Winsize};

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

/// What to run, gathered from the host's frames.
#[derive(Default)]
pub(crate) struct Request {
    words: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    /// Known from the last frame on.
    pub(crate) manner: Manner,
}

/// Makes the frame for one stream's bytes.
pub(crate) type Wrap = fn(Vec<u8>) -> Frame;

/// The command's end of its standard streams.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) input: Input,
    pub(crate) outputs: Vec<(File, Wrap)>,
}

/// Where what the host sends goes.
pub(crate) struct Input {
    /// Closed when the host says that there will be no more.
    pub(crate) bytes: Option<File>,
    /// Its terminal, if it has one: to be resized.
    pub(crate) terminal: Option<OwnedFd>,
}

impl Request {
    /// Takes a word.
    pub(crate) fn word(&mut self, word: Vec<u8>) {
        self.words.push(OsString::from_vec(word));
    }

    /// Takes `NAME=VALUE`.
    pub(crate) fn variable(&mut self, pair: &[u8]) -> Result<()> {
        let at = pair.iter().position(|&byte| byte == b'=').context("environment without =")?;
        let (name, value) = (&pair[..at], &pair[at + 1..]);
        self.environment.push((OsStr::from_bytes(name).to_owned(), OsStr::from_bytes(value).to_owned()));
        Ok(())
    }

    /// Spawns the command, on a terminal or on pipes.
    pub(crate) fn start(&self) -> Result<Running> {
        let (name, arguments) = self.words.split_first().context("the host sent no command")?;
        let mut command = if self.manner.terminal.is_some() {
            // It makes the terminal the controlling one, so that Ctrl-C and job control work.
            let mut command = Command::new("setsid");
            command.arg("--ctty").arg(name);
            command
        } else {
            Command::new(name)
        };
        command.args(arguments).current_dir("/root").env_clear();
        command.envs(ENVIRONMENT.iter().copied()).envs(self.environment.iter().cloned());
        let terminal = match self.manner.terminal {
            Some(size) => Some(open_terminal(&mut command, size)?),
            None => {
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
                None
            }
        };
        let mut child = command.spawn().with_context(|| format!("run {}", name.display()))?;
        drop(command);
        if let Some(terminal) = terminal {
            let (bytes, output) = (File::from(terminal.try_clone()?), File::from(terminal.try_clone()?));
            return Ok(Running {
                child,
                input: Input { bytes: Some(bytes), terminal: Some(terminal) },
                outputs: vec![(output, Frame::Stdout)],
            });
        }
        let input = child.stdin.take().context("no pipe for stdin")?;
        let output = child.stdout.take().context("no pipe for stdout")?;
        let errors = child.stderr.take().context("no pipe for stderr")?;
        Ok(Running {
            child,
            input: Input { bytes: Some(File::from(OwnedFd::from(input))), terminal: None },
            outputs: vec![
                (File::from(OwnedFd::from(output)), Frame::Stdout as Wrap),
                (File::from(OwnedFd::from(errors)), Frame::Stderr),
            ],
        })
    }
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

/// Tells a terminal its size.
pub(crate) fn resize(terminal: &OwnedFd, size: Size) -> Result<()> {
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(terminal, size).context("set the terminal's size")
}

/// As shells say it: 128 plus the signal's number if one ended the command.
pub(crate) fn exit_status(status: WaitStatus) -> Result<u8> {
    let status = status.exit_status().or_else(|| Some(128 + status.terminating_signal()?));
    let Some(status) = status else { bail!("the command neither exited nor was killed") };
    u8::try_from(status).context("an exit status beyond 255")
}
