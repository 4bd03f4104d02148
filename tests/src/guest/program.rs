//! Programs: run with a time limit, their output captured, never left behind.

use std::{
    ffi::OsStr,
    fmt, fs,
    fs::File,
    io::{Read, Write},
    os::unix::{ffi::OsStrExt, process::ExitStatusExt},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::{
    pipe::fcntl_setpipe_size,
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::Value;

use super::wait_for;

/// For a program that nobody gave another limit.
const LIMIT: Duration = Duration::from_secs(120);

/// A program that is going to be run.
#[derive(Clone)]
pub(crate) struct Program {
    words: Vec<String>,
    limit: Duration,
    stdout: Stdout,
}

/// Where standard output goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stdout {
    /// To us.
    Captured,
    /// Into a pipe that nobody reads before the program has ended.
    Unread,
    /// With standard input and standard error to a terminal, of which we are the other side.
    Terminal,
}

/// `nltest` with these words as arguments.
pub(crate) fn nltest(arguments: &str) -> Program {
    Program::new("nltest").words(arguments)
}

/// The words of a text without quotes.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

impl Program {
    pub(crate) fn new(name: &str) -> Self {
        Self { words: vec![name.to_owned()], limit: LIMIT, stdout: Stdout::Captured }
    }

    /// Adds the words of a text as arguments.
    pub(crate) fn words(mut self, arguments: &str) -> Self {
        self.words.extend(words(arguments));
        self
    }

    /// Adds one argument as it is.
    pub(crate) fn word(mut self, argument: impl Into<String>) -> Self {
        self.words.push(argument.into());
        self
    }

    /// Changes how long it may run.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Makes the program an argument of another.
    pub(crate) fn under(mut self, mut other: Vec<String>) -> Self {
        other.append(&mut self.words);
        self.words = other;
        self
    }

    /// As the user nobody, without any capability.
    pub(crate) fn by_nobody(self) -> Self {
        self.under(words("setpriv --reuid=65534 --regid=65534 --clear-groups --"))
    }

    /// As the user nobody, with the capabilities to trace and no other.
    pub(crate) fn by_a_tracer(self) -> Self {
        self.under(words(
            "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+bpf,+perfmon --ambient-caps=+bpf,+perfmon --",
        ))
    }

    /// With a pipe as standard output that nobody reads before the program has ended.
    pub(crate) fn unread(mut self) -> Self {
        self.stdout = Stdout::Unread;
        self
    }

    /// On a terminal of its own, which is its standard error, too.
    pub(crate) fn on_a_terminal(mut self) -> Self {
        self.stdout = Stdout::Terminal;
        self.under(words("setsid --wait --ctty"))
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Output {
        self.start().end()
    }

    /// Starts it.
    pub(crate) fn start(self) -> Running {
        let [program, arguments @ ..] = self.words.as_slice() else { panic!("a program without a name") };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let keyboard = (self.stdout == Stdout::Terminal).then(|| terminal(&mut command));
        let child = command.spawn();
        let mut child = child.unwrap_or_else(|error| panic!("start {self}: {error}"));
        // The far side of a terminal is closed when nobody has it any more.
        drop(command);
        let stdout = match (self.stdout, &keyboard, child.stdout.take()) {
            (Stdout::Terminal, Some(keyboard), _) => Capture::of(keyboard.try_clone().expect("a descriptor")),
            (Stdout::Unread, _, Some(pipe)) => {
                // As small as can be: what writes little fills it, too.
                fcntl_setpipe_size(&pipe, 4096).expect("a pipe has a page at least");
                Capture::later(pipe)
            }
            (_, _, Some(pipe)) => Capture::of(pipe),
            (_, _, None) => Capture::nothing(),
        };
        let stderr = child.stderr.take().map_or_else(Capture::nothing, Capture::of);
        Running { child, started: Instant::now(), program: self, stdout, stderr, keyboard }
    }
}

/// Gives a terminal to a command; the near side of it.
fn terminal(command: &mut Command) -> File {
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&near).expect("its far side");
    unlockpt(&near).expect("its far side");
    let name = ptsname(&near, Vec::new()).expect("its far side's name");
    let far = File::options().read(true).write(true).open(OsStr::from_bytes(name.to_bytes()));
    let far = far.expect("its far side");
    let again = || far.try_clone().expect("a descriptor");
    command.stdin(again()).stdout(again()).stderr(again());
    File::from(near)
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.words.join(" "))
    }
}

/// What a program has written so far.
#[derive(Default)]
struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Begins to read.
    begin: Option<Box<dyn FnOnce() -> JoinHandle<()>>>,
    reader: Option<JoinHandle<()>>,
}

impl Capture {
    fn nothing() -> Self {
        Self::default()
    }

    fn of(pipe: impl Read + Send + 'static) -> Self {
        let mut capture = Self::later(pipe);
        capture.read();
        capture
    }

    /// Reads nothing before the end.
    fn later(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let read = move || {
            let mut chunk = vec![0; 1 << 16];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                kept.lock().expect("nobody panics with it").extend_from_slice(&chunk[..length]);
            }
        };
        Self { bytes, begin: Some(Box::new(move || thread::spawn(read))), reader: None }
    }

    fn read(&mut self) {
        if let Some(begin) = self.begin.take() {
            self.reader = Some(begin());
        }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("nobody panics with it")).into_owned()
    }

    /// Whether everybody who could write has closed it, and all of it was read.
    fn is_complete(&mut self) -> bool {
        self.read();
        self.reader.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn all(&mut self) -> String {
        self.read();
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reading does not panic");
        }
        self.so_far()
    }
}

/// A program that runs. Dropped before its end, it is killed.
pub(crate) struct Running {
    child: Child,
    started: Instant,
    program: Program,
    stdout: Capture,
    stderr: Capture,
    /// The near side of its terminal, if it has one.
    keyboard: Option<File>,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// It must not have ended yet.
    pub(crate) fn must_still_run(&mut self) {
        if self.has_ended() {
            panic!("{} ended: {:?} {:?}", self.program, self.stdout.all(), self.stderr.all());
        }
    }

    /// Whether it has a handler for a signal.
    pub(crate) fn catches(&self, signal: Signal) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("procfs is mounted");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a set of signals");
        let caught = u64::from_str_radix(caught.trim(), 16).expect("a hexadecimal number");
        caught >> (signal.as_raw() - 1) & 1 == 1
    }

    /// Waits until its standard error contains `text`.
    pub(crate) fn says(self, text: &str) -> Self {
        self.says_times(text, 1)
    }

    /// Waits until its standard error contains `text` so many times.
    pub(crate) fn says_times(mut self, text: &str, times: usize) -> Self {
        let program = self.program.to_string();
        wait_for(&format!("{program} says {text:?} {times} times"), || {
            let ended = self.has_ended();
            let said = self.stderr.so_far();
            let often_enough = said.matches(text).count() >= times;
            assert!(often_enough || !ended, "{program} ended and said {said:?} only");
            often_enough.then_some(())
        });
        self
    }

    /// Waits until it has a handler for Ctrl-C. nltrace has attached everything by then.
    pub(crate) fn listening(mut self) -> Self {
        let program = self.program.to_string();
        wait_for(&format!("{program} listens to signals"), || {
            self.must_still_run();
            self.catches(Signal::INT).then_some(())
        });
        self
    }

    /// Waits until its standard output, or its terminal, shows `text`.
    pub(crate) fn shows(mut self, text: &str) -> Self {
        let program = self.program.to_string();
        wait_for(&format!("{program} shows {text:?}"), || {
            let shown = self.stdout.so_far();
            assert!(shown.contains(text) || !self.has_ended(), "{program} ended and showed {shown:?} only");
            shown.contains(text).then_some(())
        });
        self
    }

    /// Types something on its terminal.
    pub(crate) fn types(mut self, keys: &[u8]) -> Self {
        let keyboard = self.keyboard.as_mut().expect("it has a terminal");
        keyboard.write_all(keys).expect("a terminal takes what is typed");
        self
    }

    /// Begins to read what it prints, and waits for its end.
    pub(crate) fn read(mut self) -> Output {
        self.stdout.read();
        self.end()
    }

    /// Whether a thread of this name waits in the system call write(2).
    pub(crate) fn waits_in_write(&self, thread: &str) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("procfs is mounted");
        let read = |path: &Path, file| fs::read_to_string(path.join(file)).unwrap_or_default();
        threads.flatten().map(|entry| entry.path()).any(|path| {
            // A thread that does not wait is `running`; another shows its system call's number, and
            // arguments.
            let call = read(&path, "syscall");
            let writes = |number| call.starts_with(&format!("{number} "));
            read(&path, "comm").trim() == thread && (writes(libc::SYS_write) || writes(libc::SYS_writev))
        })
    }

    /// What it has printed so far.
    pub(crate) fn printed(&self) -> String {
        self.stdout.so_far()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap_or_else(|error| panic!("signal to {}: {error}", self.program));
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn interrupt(self) -> Output {
        self.signal(Signal::INT);
        self.end()
    }

    /// Waits for its end and that of its output, for as long as both may take: a process that it left behind
    /// may have the output open, too.
    pub(crate) fn end(mut self) -> Output {
        let status =
            self.within_limit("did not end", |running| running.child.try_wait().expect("it is our child"));
        self.within_limit("ended, but something that it started still has its output open", |running| {
            (running.stdout.is_complete() && running.stderr.is_complete()).then_some(())
        });
        let (program, stderr) = (self.program.to_string(), self.stderr.all());
        let reminder = Reminder { program: program.clone(), stderr: stderr.clone() };
        Output { program, status, stdout: self.stdout.all(), stderr, _reminder: reminder }
    }
}

impl Running {
    /// Polls until `look` finds something.
    fn within_limit<T>(&mut self, problem: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            if self.started.elapsed() > self.program.limit {
                let (stdout, stderr) = (self.stdout.so_far(), self.stderr.so_far());
                panic!(
                    "{} {problem} within {:?}; it printed {stdout:?} and said {stderr:?}",
                    self.program, self.program.limit
                );
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended meanwhile; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Output {
    program: String,
    pub(crate) status: ExitStatus,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it said on standard error.
    pub(crate) stderr: String,
    _reminder: Reminder,
}

/// Tells what a program said if the test fails later, because what it printed is not as it should be.
#[derive(Debug)]
struct Reminder {
    program: String,
    stderr: String,
}

impl Output {
    /// It must have ended well.
    pub(crate) fn success(self) -> Self {
        self.exits(0)
    }

    /// It must have ended with this code.
    pub(crate) fn exits(self, code: i32) -> Self {
        let Self { program, status, stdout, stderr, .. } = &self;
        assert!(
            status.code() == Some(code),
            "{program} ended with {status}, not {code}; it printed {stdout:?} and said {stderr:?}"
        );
        self
    }

    /// Its standard error must contain this.
    pub(crate) fn said(self, text: &str) -> Self {
        let Self { program, stderr, .. } = &self;
        assert!(stderr.contains(text), "{program} did not say {text:?} but {stderr:?}");
        self
    }

    /// The signal that killed it.
    pub(crate) fn killed_by(&self) -> Option<i32> {
        self.status.signal()
    }

    /// What it printed: JSON, one object a line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let parse = |line| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{} printed no JSON, {error}: {line:?}", self.program))
        };
        self.stdout.lines().map(parse).collect()
    }

    /// The one JSON object that it printed.
    pub(crate) fn json(&self) -> Value {
        let mut lines = self.json_lines();
        assert_eq!(lines.len(), 1, "{} printed other than one line: {:?}", self.program, self.stdout);
        lines.remove(0)
    }
}

impl Drop for Reminder {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{} said {:?}", self.program, self.stderr);
        }
    }
}

mod tests {
    use super::*;

    /// trace-cmd has done so: its recorders went on when it had ended.
    #[test]
    #[should_panic(expected = "still has its output open")]
    fn a_program_that_leaves_something_with_its_output_behind_fails_in_time() {
        Program::new("sh").words("-c").word("sleep infinity &").limit(Duration::from_secs(1)).run();
    }
}
