//! All processes of the guest: their end, and before it what each is doing, for people who want to know why a
//! command does not end.
//!
//! Reading about a stuck process may get stuck too: `stack` waits for an exec(2) in progress, `cmdline` for
//! the address space. So a thread of its own reads, and what it has when the time is up is the report.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal};

/// For everything.
const LIMIT: Duration = Duration::from_secs(15);

/// Bytes of a report; a frame holds twice as much.
const LONGEST: usize = 512 * 1024;

/// `PF_KTHREAD` of linux/sched.h.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Clock ticks a second, for user space on every architecture.
const TICKS: f64 = 100.0;

/// What has been read so far, and what is being read.
#[derive(Default)]
struct Report {
    text: String,
    reading: PathBuf,
}

type Shared = Arc<Mutex<Report>>;

/// Kills every process but this one.
pub(crate) fn kill_everybody() {
    // Process -1 is everybody; that nobody is there is the usual case.
    let _ = rustix::process::kill_process_group(Pid::INIT, Signal::KILL);
}

/// All processes with the kernel stacks of their threads, and what the processors run.
pub(crate) fn report() -> String {
    within_limit(|shared| {
        processes(shared);
        processors(shared);
    })
}

/// What `gather` has read when it is done or the time is up.
fn within_limit(gather: impl FnOnce(&Shared) + Send + 'static) -> String {
    let shared = Shared::default();
    let (sender, done) = mpsc::channel();
    let writer = Arc::clone(&shared);
    thread::spawn(move || {
        gather(&writer);
        // The receiver is gone if it took too long.
        let _ = sender.send(());
    });
    let complete = done.recv_timeout(LIMIT).is_ok();
    let report = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let mut text = report.text.clone();
    if !complete {
        let _ = write!(text, "(reading {} did not end)", report.reading.display());
    }
    let end = text.floor_char_boundary(LONGEST);
    text.truncate(end);
    text
}

fn processes(shared: &Shared) {
    say(shared, "processes:");
    for process in numbered("/proc".as_ref()) {
        let Some(status) = Status::of(&read(shared, &process.join("stat"))) else { continue };
        // Kernel threads sleep, all but a few.
        if status.id == 1 || status.flags & KERNEL_THREAD != 0 && !matches!(status.state, 'D' | 'R') {
            continue;
        }
        say(shared, &status.line());
        for task in numbered(&process.join("task")) {
            thread_of(shared, &task);
        }
        let command = read(shared, &process.join("cmdline")).replace('\0', " ");
        say(shared, &format!("    command: {}", command.trim_end()));
    }
}

/// A thread: where it waits, and how it got there. Of one that runs, the kernel shows no stack.
fn thread_of(shared: &Shared, task: &Path) {
    let Some(status) = Status::of(&read(shared, &task.join("stat"))) else { return };
    let (place, call) = (read(shared, &task.join("wchan")), read(shared, &task.join("syscall")));
    // The number; its arguments are addresses.
    let call = call.split_whitespace().next().unwrap_or("unknown");
    let Status { id, name, state, .. } = &status;
    say(shared, &format!("    thread {id} {name} ({state}), wchan {place}, system call {call}"));
    for frame in read(shared, &task.join("stack")).lines() {
        say(shared, &format!("        {}", frame.trim_start_matches("[<0>] ")));
    }
}

/// Has the kernel log what each processor runs. The others are asked by an interrupt that cannot be masked.
fn processors(shared: &Shared) {
    say(shared, "processors:");
    let Ok(mut log) = log_from_now() else { return };
    if fs::write("/proc/sysrq-trigger", "l").is_err() {
        return;
    }
    let mut record = [0; 8192];
    while let Ok(length @ 1..) = log.read(&mut record) {
        let record = String::from_utf8_lossy(&record[..length]);
        let message = record.split_once(';').map_or("", |(_, message)| message);
        say(shared, &format!("    {}", message.lines().next().unwrap_or_default()));
    }
}

/// The kernel's log, a record a read, without what is in it already.
fn log_from_now() -> std::io::Result<File> {
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let mut log = OpenOptions::new().read(true).custom_flags(nonblocking).open("/dev/kmsg")?;
    log.seek(SeekFrom::End(0))?;
    Ok(log)
}

fn say(shared: &Shared, line: &str) {
    let mut report = shared.lock().unwrap_or_else(PoisonError::into_inner);
    report.text.push_str(line);
    report.text.push('\n');
}

/// A file of /proc; empty if its process is gone.
fn read(shared: &Shared, path: &Path) -> String {
    shared.lock().unwrap_or_else(PoisonError::into_inner).reading = path.to_owned();
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The entries that are numbers, in order.
fn numbered(folder: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut numbers: Vec<u32> = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|number| folder.join(number.to_string())).collect()
}

/// What `stat` says of a process or thread.
#[derive(Debug, PartialEq)]
struct Status {
    id: u32,
    name: String,
    state: char,
    parent: u32,
    flags: u64,
    /// Processor time, user space's and the kernel's, in seconds.
    used: (f64, f64),
}

impl Status {
    fn of(stat: &str) -> Option<Self> {
        // The name may contain anything, also parentheses.
        let (id, rest) = stat.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let seconds = |at: usize| Some(words.get(at)?.parse::<f64>().ok()? / TICKS);
        Some(Self {
            id: id.parse().ok()?,
            name: name.to_owned(),
            state: words.first()?.chars().next()?,
            parent: words.get(1)?.parse().ok()?,
            flags: words.get(6)?.parse().ok()?,
            used: (seconds(11)?, seconds(12)?),
        })
    }

    fn line(&self) -> String {
        let Self { id, name, state, parent, used: (user, kernel), .. } = self;
        format!(
            "  {id} {name} ({state}), child of {parent}, has run for {user:.2} s and {kernel:.2} s in the kernel"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_status_of_a_process_with_a_difficult_name() {
        let stat = "42 (a) (b c) D 7 42 42 0 -1 2097216 1 2 3 4 150 20 5 6 20 0 1 0 99 0 0";
        let expected = Status {
            id: 42,
            name: "a) (b c".to_owned(),
            state: 'D',
            parent: 7,
            flags: 2_097_216,
            used: (1.5, 0.2),
        };
        assert_eq!(Status::of(stat), Some(expected));
        assert_eq!(Status::of(""), None);
    }

    #[test]
    fn the_report_shows_this_process_and_where_its_threads_wait() {
        let report = within_limit(processes);
        let id = std::process::id();
        assert!(report.contains(&format!("  {id} ")), "{report}");
        assert!(report.contains("wchan") && report.contains("    command: "), "{report}");
    }
}
