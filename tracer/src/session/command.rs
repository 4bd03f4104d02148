//! The command that a session lasts as long as.

use std::{
    env,
    ffi::{CString, OsStr, OsString},
    fs::{self, File},
    future::pending,
    io,
    os::{fd::AsRawFd as _, unix::ffi::OsStrExt as _},
    path::Path,
    process::ExitStatus,
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    signal::unix::SignalKind,
    time::sleep,
};

use super::{end::End, error::CommandError, signals::Signals};
use crate::note;

/// How long a command may take to end once it was told to.
const GRACE: Duration = Duration::from_secs(2);

/// Where programs are looked for if there is no PATH, as execvp(3) does.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Looks whether a command can be run, before anything is attached for it. Whether it does run is known once
/// it was started.
pub(super) fn check(words: &[OsString]) -> Result<(), CommandError> {
    let Some(program) = words.first() else { return Ok(()) };
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    find(program, &path).map_err(|error| CommandError::new(program.clone(), error))
}

/// Looks for a program as execvp(3) does: in the folders of `path`, unless it has a slash.
fn find(program: &OsStr, path: &OsStr) -> io::Result<()> {
    if program.as_bytes().contains(&b'/') {
        return check_executable(Path::new(program));
    }
    let mut answer = io::ErrorKind::NotFound.into();
    for folder in env::split_paths(path).filter(|_| !program.is_empty()) {
        match check_executable(&folder.join(program)) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => answer = error,
            Err(_) => {}
        }
    }
    Err(answer)
}

fn check_executable(path: &Path) -> io::Result<()> {
    // That a folder is executable means something else.
    if fs::metadata(path)?.is_dir() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: `path` is a string that lives longer than the call.
    let answer = unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), libc::X_OK, libc::AT_EACCESS) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A command that runs. Dropping it asks it to end: whatever the way out, it does not outlive the session.
pub(super) struct TracedCommand {
    /// None once it has ended.
    child: Option<Child>,
}

impl TracedCommand {
    /// Starts it: a program and its arguments. None if there are no words.
    pub(super) fn start(words: &[OsString]) -> Result<Option<Self>, CommandError> {
        let Some((program, arguments)) = words.split_first() else { return Ok(None) };
        match Command::new(program).args(arguments).spawn() {
            Ok(child) => Ok(Some(Self { child: Some(child) })),
            Err(error) => Err(CommandError::new(program.clone(), error)),
        }
    }

    /// Waits until it has ended by itself. Cancel-safe.
    pub(super) async fn exited(&mut self) -> io::Result<ExitStatus> {
        match &mut self.child {
            Some(child) => child.wait().await,
            None => pending().await,
        }
    }

    /// Ends it if it still runs, and waits a little for that; no longer once another signal comes.
    ///
    /// A terminal sends its SIGINT to the command, too, which may end by itself then, and have something to
    /// print.
    pub(super) async fn end(&mut self, end: Option<End>, signals: &mut Signals) {
        let Some(child) = &mut self.child else { return };
        let interrupted = end == Some(End::Signal(SignalKind::interrupt())) && is_in_foreground();
        let mut ended = false;
        if interrupted {
            ended = ends_within_grace(child, signals).await;
        }
        if !ended {
            ask_to_end(child);
            ended = ends_within_grace(child, signals).await;
        }
        if ended {
            self.child = None;
        } else {
            note("the command is still running although it was sent SIGTERM");
        }
    }
}

impl Drop for TracedCommand {
    fn drop(&mut self) {
        if let Some(child) = &self.child {
            ask_to_end(child);
        }
    }
}

fn ask_to_end(child: &Child) {
    if let Some(pid) = child.id().and_then(|pid| libc::pid_t::try_from(pid).ok()) {
        // SAFETY: no memory is involved; the child was not waited for, so the number is still its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
    }
}

/// Whether the child ends within [`GRACE`]; a signal cuts that short.
async fn ends_within_grace(child: &mut Child, signals: &mut Signals) -> bool {
    tokio::select! {
        biased;
        status = child.wait() => status.is_ok(),
        _ = signals.next() => false,
        () = sleep(GRACE) => false,
    }
}

/// Whether what is typed at the terminal as a signal goes to this process and those that it started.
fn is_in_foreground() -> bool {
    let Ok(terminal) = File::open("/dev/tty") else { return false };
    // SAFETY: no memory is involved, and the descriptor is open.
    let foreground = unsafe { libc::tcgetpgrp(terminal.as_raw_fd()) };
    // SAFETY: no preconditions.
    foreground == unsafe { libc::getpgrp() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::kernel::fixture::Root;

    fn with_programs() -> Root {
        let root = Root::new().file("first/plain", "").file("second/plain", "").file("second/tool", "");
        for program in ["second/plain", "second/tool"] {
            fs::set_permissions(root.path().join(program), fs::Permissions::from_mode(0o755)).unwrap();
        }
        root
    }

    fn found(root: &Root, program: &str, folders: &[&str]) -> Result<(), io::ErrorKind> {
        let path = env::join_paths(folders.iter().map(|folder| root.path().join(folder))).unwrap();
        find(OsStr::new(program), &path).map_err(|error| error.kind())
    }

    #[test]
    fn programs_are_found_along_the_path_as_the_kernel_will_find_them() {
        let root = with_programs();
        assert_eq!(found(&root, "tool", &["nowhere", "first", "second"]), Ok(()));
        assert_eq!(found(&root, "plain", &["first", "second"]), Ok(()), "the first cannot be run");
        assert_eq!(found(&root, "plain", &["first"]), Err(io::ErrorKind::PermissionDenied));
        assert_eq!(found(&root, "first", &[""]), Err(io::ErrorKind::PermissionDenied), "a folder");
        for program in ["", "tool", "nosuch"] {
            assert_eq!(found(&root, program, &["first"]), Err(io::ErrorKind::NotFound), "{program}");
        }
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        let root = with_programs();
        let at = |path: &str| found(&root, root.path().join(path).to_str().unwrap(), &["second"]);
        assert_eq!(at("second/tool"), Ok(()));
        assert_eq!(at("first/plain"), Err(io::ErrorKind::PermissionDenied));
        assert_eq!([at("first/tool"), at("second/tool/x")].map(|one| one.is_err()), [true; 2]);
    }

    #[test]
    fn the_check_says_what_the_start_would_say() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let root = with_programs();
        let folder = root.path().display().to_string();
        let plain = format!("{folder}/first/plain");
        for program in ["/no/such/program", "nltrace-no-such-program", &folder, &plain, &format!("{plain}/x")]
        {
            let words = [program.into()];
            let checked = check(&words).unwrap_err().to_string();
            let started = runtime.block_on(async { TracedCommand::start(&words).err().unwrap().to_string() });
            assert_eq!(checked, started);
        }
        assert!(check(&["sh".into()]).is_ok() && check(&[]).is_ok());
    }
}
