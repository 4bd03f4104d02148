//! Programs: run with a time limit, their output captured, never left behind.

use std::{
    fmt, fs,
    io::Read,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::wait_for;

/// For a program that nobody gave another limit.
const LIMIT: Duration = Duration::from_secs(120);

/// A program that is going to be run.
#[derive(Clone)]
pub(crate) struct Program {
    words: Vec<String>,
    limit: Duration,
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
        Self { words: vec![name.to_owned()], limit: LIMIT }
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

    /// Runs it to its end.
    pub(crate) fn run(self) -> Output {
        self.start().end()
    }

    /// Starts it.
    pub(crate) fn start(self) -> Running {
        let [program, arguments @ ..] = self.words.as_slice() else { panic!("a program without a name") };
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("start {self}: {error}"));
        let stdout = Capture::of(child.stdout.take().expect("it is piped"));
        let stderr = Capture::of(child.stderr.take().expect("it is piped"));
        Running { child, started: Instant::now(), program: self, stdout, stderr }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.words.join(" "))
    }
}

/// What a program has written so far.
struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Capture {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut chunk = vec![0; 1 << 16];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                kept.lock().expect("nobody panics with it").extend_from_slice(&chunk[..length]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("nobody panics with it")).into_owned()
    }

    fn all(&mut self) -> String {
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
    pub(crate) fn says(mut self, text: &str) -> Self {
        let program = self.program.to_string();
        wait_for(&format!("{program} says {text:?}"), || {
            let said = self.stderr.so_far();
            assert!(said.contains(text) || !self.has_ended(), "{program} ended and said {said:?} only");
            said.contains(text).then_some(())
        });
        self
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

    /// Waits for its end, for as long as it may take.
    pub(crate) fn end(mut self) -> Output {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            if self.started.elapsed() > self.program.limit {
                let (stdout, stderr) = (self.stdout.so_far(), self.stderr.so_far());
                panic!(
                    "{} did not end within {:?}; it printed {stdout:?} and said {stderr:?}",
                    self.program, self.program.limit
                );
            }
            thread::sleep(Duration::from_millis(1));
        };
        Output {
            program: self.program.to_string(),
            status,
            stdout: self.stdout.all(),
            stderr: self.stderr.all(),
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
}

impl Output {
    /// It must have ended well.
    pub(crate) fn success(self) -> Self {
        self.exits(0)
    }

    /// It must have ended with this code.
    pub(crate) fn exits(self, code: i32) -> Self {
        let Self { program, status, stdout, stderr } = &self;
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
