//! Running other programs, with errors that show what they said.

use std::{
    ffi::OsStr,
    io::{self, Read},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::{io::Errno, process::Signal};

/// Has the kernel kill the program when this one dies, however it dies. To be started from a thread that
/// waits for its end: the kernel watches the thread.
pub(crate) fn die_with_us(command: &mut Command) -> &mut Command {
    let owner = rustix::process::getpid();
    // SAFETY: only system calls between fork and exec, nothing that allocates or locks.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            // We may have died before the line above.
            if rustix::process::getppid() == Some(owner) { Ok(()) } else { Err(io::Error::from(Errno::SRCH)) }
        })
    }
}

/// Runs to the end, nothing printed; an error carries the command line and everything it wrote.
pub(crate) fn run(command: &mut Command) -> Result<Output> {
    die_with_us(command).stdin(Stdio::null());
    let output = command.output().with_context(|| format!("start `{}`", line(command)))?;
    if output.status.success() { Ok(output) } else { Err(failure(command, &output)) }
}

/// Like [`run`], for its standard output. That is for us to read: an error carries what was written for
/// people.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    output_for(command, Stdio::null())
}

/// Like [`output`], of what it reads.
pub(crate) fn output_for(command: &mut Command, input: impl Into<Stdio>) -> Result<String> {
    die_with_us(command).stdin(input);
    let mut output = command.output().with_context(|| format!("start `{}`", line(command)))?;
    if !output.status.success() {
        output.stdout.clear();
        return Err(failure(command, &output));
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no UTF-8", line(command)))
}

/// Like [`run`], with a time limit and a callback about ten times a second. Output goes to a temporary file,
/// so that a talkative program never waits for us.
pub(crate) fn watch(
    command: &mut Command,
    log: &Path,
    limit: Duration,
    mut tick: impl FnMut(),
) -> Result<()> {
    let file = std::fs::File::create(log).with_context(|| format!("create {}", log.display()))?;
    die_with_us(command).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let mut child = command.spawn().with_context(|| format!("start `{}`", line(command)))?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("`{}` took longer than {} s", line(command), limit.as_secs());
        }
        tick();
        std::thread::sleep(Duration::from_millis(50));
    };
    let said = std::fs::read(log)?;
    std::fs::remove_file(log)?;
    if status.success() {
        return Ok(());
    }
    Err(failure(command, &Output { status, stdout: said, stderr: Vec::new() }))
}

/// A program that did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("`{command}`: {status}\n{said}")]
pub(crate) struct Failure {
    command: String,
    status: ExitStatus,
    said: String,
}

impl Failure {
    /// The line that most likely says why: the first that calls itself an error, else the last.
    pub(crate) fn reason(&self) -> &str {
        let lines = || self.said.lines().map(str::trim).filter(|line| !line.is_empty());
        let error = lines().find(|line| line.starts_with("E:") || line.starts_with("error"));
        error.or_else(|| lines().next_back()).unwrap_or("it said nothing")
    }
}

fn failure(command: &Command, output: &Output) -> anyhow::Error {
    let mut said = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    if !said.is_empty() && !errors.trim().is_empty() {
        said.push('\n');
    }
    said.push_str(errors.trim_end());
    Failure { command: line(command), status: output.status, said }.into()
}

/// Runs to the end; whether it succeeded, and all it wrote, in order.
pub(crate) fn capture(command: &mut Command) -> Result<(bool, String)> {
    let (mut reader, writer) = io::pipe()?;
    die_with_us(command).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("start `{}`", line(command)))?;
    // Our copies of the writing end would keep the pipe open.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut output = Vec::new();
    reader.read_to_end(&mut output)?;
    Ok((child.wait()?.success(), String::from_utf8_lossy(&output).into_owned()))
}

/// The command as a person would type it, for messages.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Finds a program on `PATH`, or where Debian keeps what an ordinary user's `PATH` leaves out.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|folder| folder.join(name)).find(|file| file.is_file())
}
