//! What a capture writes to: standard output, or files. A thread of its own writes: a reader that does not
//! read, and a full disk that takes its time, keep that thread waiting and nobody else, so signals and
//! `--duration` end a capture all the same.

use std::{
    fs::File,
    io::{self, IoSlice, Write},
    os::{
        fd::AsFd as _,
        unix::thread::{JoinHandleExt as _, RawPthread},
    },
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use terminal::Patient;
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    time::{sleep, timeout},
};

use super::hold::Hold;
use crate::{note, render::Buffer};

/// A wait for the reader that a person notices.
const SLOW: Duration = Duration::from_secs(1);

/// How often the thread is called away from a write, at most, and how long its answer may take each time. It
/// answers at once unless the system call cannot be interrupted, as on a network file system that is gone.
const CALLS: usize = 50;
const ANSWER: Duration = Duration::from_millis(20);

/// What pieces are written to.
pub(super) trait Target: Send + 'static {
    /// Writes a piece, unless `given_up` is set meanwhile: with it begins another file if `begins`. How many of
    /// its bytes were written and stay, and why no more.
    fn write(&mut self, piece: &Buffer, begins: bool, given_up: &AtomicBool) -> (usize, io::Result<()>);
}

impl Target for Patient<File> {
    fn write(&mut self, piece: &Buffer, _: bool, given_up: &AtomicBool) -> (usize, io::Result<()>) {
        write_all(self, piece, given_up)
    }
}

/// Standard output or files, to which one piece at a time is written.
pub struct Output {
    /// What it is called in errors.
    name: String,
    thread: JoinHandle<()>,
    pieces: Sender<(Buffer, bool)>,
    written: Receiver<Written>,
    given_up: Arc<AtomicBool>,
    busy: bool,
    /// The memory of the piece before.
    spare: Buffer,
}

/// What became of a piece.
struct Written {
    piece: Buffer,
    /// How many of its bytes were written.
    bytes: usize,
    result: io::Result<()>,
}

/// Output could not be written, or was discarded. Whoever sees it says what is missing.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file or pipe refused.
    #[error("cannot write to {to}")]
    Refused {
        /// What it is.
        to: String,
        /// Bytes that were not written; None: it cannot be said how many.
        rest: Option<Vec<u8>>,
        /// What the kernel said.
        source: io::Error,
    },
    /// Nobody read it, and a signal ended the wait.
    #[error("{to} took no more, and the rest of the output was discarded")]
    Discarded {
        /// What it is.
        to: String,
        /// Bytes that were not written; None: it cannot be said how many.
        rest: Option<Vec<u8>>,
    },
}

impl WriteError {
    /// The end of a piece that was not written; None: it cannot be said how much that is.
    pub(super) fn rest(&self) -> Option<&[u8]> {
        match self {
            Self::Refused { rest, .. } | Self::Discarded { rest, .. } => rest.as_deref(),
        }
    }
}

impl Output {
    /// The standard output of this process.
    pub fn new() -> io::Result<Self> {
        // The standard library's own has a buffer, which is of no use here.
        Self::to(File::from(io::stdout().as_fd().try_clone_to_owned()?))
    }

    fn to(file: File) -> io::Result<Self> {
        Self::of("standard output", "stdout", Patient::new(file))
    }

    /// What is called so, and so in the name of the thread that writes.
    pub(super) fn of(name: impl Into<String>, thread: &str, mut target: impl Target) -> io::Result<Self> {
        let (pieces, mut to_write) = mpsc::channel::<(Buffer, bool)>(1);
        let (sender, written) = mpsc::channel(1);
        let given_up = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&given_up);
        let write = move || {
            Hold::for_ever();
            while let Some((piece, begins)) = to_write.blocking_recv() {
                let (bytes, result) = target.write(&piece, begins, &stop);
                if sender.blocking_send(Written { piece, bytes, result }).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name(thread.to_owned()).spawn(write)?;
        Ok(Self {
            name: name.into(),
            thread,
            pieces,
            written,
            given_up,
            busy: false,
            spare: Buffer::default(),
        })
    }

    /// Whether a piece is being written, so that no other can be taken yet.
    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Memory of a piece that was written, for the next one.
    pub(super) fn spare(&mut self) -> Buffer {
        std::mem::take(&mut self.spare)
    }

    /// Begins to write a piece. There must be none in work.
    pub(super) fn begin(&mut self, piece: impl Into<Buffer>) {
        self.begin_with(piece.into(), false);
    }

    /// The same of a piece with which another file may begin.
    pub(super) fn begin_with(&mut self, piece: Buffer, begins: bool) {
        self.busy = true;
        // There is room for one. It fails only where the thread is gone, and then so is the result that is
        // waited for.
        let _ = self.pieces.try_send((piece, begins));
    }

    /// Waits until the piece in work is written; not at all if there is none. Cancel-safe.
    pub(super) async fn done(&mut self) -> Result<(), WriteError> {
        if !self.busy {
            return Ok(());
        }
        let written = self.written.recv().await;
        self.busy = false;
        self.take(written)
    }

    /// The same without waiting: whether the next piece can be taken.
    pub(super) fn is_done(&mut self) -> Result<bool, WriteError> {
        if !self.busy {
            return Ok(true);
        }
        match self.written.try_recv() {
            Err(mpsc::error::TryRecvError::Empty) => Ok(false),
            written => {
                self.busy = false;
                self.take(written.ok()).map(|()| true)
            }
        }
    }

    /// Waits like [`Output::done`] after a capture's end, and no longer than until `interrupted`: whoever
    /// waits is told that there is a wait.
    pub(super) async fn wait_written(
        &mut self,
        interrupted: impl Future<Output = ()>,
    ) -> Result<(), WriteError> {
        let mut noted = false;
        let mut interrupted = pin!(interrupted);
        loop {
            tokio::select! {
                biased;
                result = self.done() => return result,
                () = &mut interrupted => {
                    let rest = self.discard().await;
                    return Err(WriteError::Discarded { to: self.name.clone(), rest });
                }
                () = sleep(SLOW), if !noted => {
                    note(format_args!("capture finished; waiting for {} to drain (Ctrl-C to discard)", self.name));
                    noted = true;
                }
            }
        }
    }

    fn take(&mut self, written: Option<Written>) -> Result<(), WriteError> {
        let Some(Written { piece, bytes, result }) = written else {
            let source = io::Error::other("the thread that writes has ended");
            return Err(WriteError::Refused { to: self.name.clone(), rest: None, source });
        };
        if let Err(source) = result {
            let (to, rest) = (self.name.clone(), Some(piece.rest(bytes)));
            return Err(WriteError::Refused { to, rest, source });
        }
        self.spare = piece;
        Ok(())
    }

    /// Calls the thread away from a write that does not end; returns what it has not written.
    async fn discard(&mut self) -> Option<Vec<u8>> {
        self.given_up.store(true, Ordering::Relaxed);
        interruptible();
        for _ in 0..CALLS {
            interrupt(self.thread.as_pthread_t());
            if let Ok(written) = timeout(ANSWER, self.written.recv()).await {
                self.busy = false;
                return written.map(|Written { piece, bytes, .. }| piece.rest(bytes));
            }
        }
        None
    }
}

/// How many bytes were written, and why no more.
pub(super) fn write_all(
    file: &mut impl Write,
    piece: &Buffer,
    given_up: &AtomicBool,
) -> (usize, io::Result<()>) {
    let mut done = 0;
    while done < piece.len() {
        let slices: Vec<IoSlice<'_>> = piece.slices(done).map(IoSlice::new).collect();
        match file.write_vectored(&slices) {
            Ok(0) => return (done, Err(io::ErrorKind::WriteZero.into())),
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (done, Err(error)),
        }
        if given_up.load(Ordering::Relaxed) && done < piece.len() {
            return (done, Err(io::ErrorKind::Interrupted.into()));
        }
    }
    (done, Ok(()))
}

/// The signal that calls the thread away; nothing else uses it.
const CALL: libc::c_int = libc::SIGUSR1;

/// Lets [`CALL`] interrupt system calls and do nothing else.
fn interruptible() {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: a sigaction is plain data for which zeros mean: no flags, above all not SA_RESTART, and an
    // empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the action is a whole one, and its handler does nothing.
    unsafe { libc::sigaction(CALL, &raw const action, std::ptr::null_mut()) };
}

fn interrupt(thread: RawPthread) {
    // SAFETY: the thread was not joined, so its handle is valid.
    unsafe { libc::pthread_kill(thread, CALL) };
}

#[cfg(test)]
mod tests {
    use std::{
        fs::OpenOptions,
        io::Read as _,
        os::{fd::OwnedFd, unix::net::UnixStream},
    };

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(future)
    }

    #[test]
    fn pieces_arrive_in_order_and_their_memory_comes_back() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut output = Output::to(File::from(OwnedFd::from(writer))).unwrap();
        run(async {
            for piece in [&b"one "[..], b"two"] {
                output.begin(piece.to_vec());
                output.done().await.unwrap();
                assert_eq!(output.spare().rest(0), piece);
            }
            assert!(!output.is_busy() && output.is_done().unwrap());
        });
        drop(output);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one two");
    }

    #[test]
    fn output_that_nobody_reads_can_be_discarded_and_what_was_not_taken_is_known() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut output = Output::to(File::from(OwnedFd::from(writer))).unwrap();
        let piece: Vec<u8> = (0..1_000_000u32).map(|n| n as u8).collect();
        let rest = run(async {
            output.begin(piece.clone());
            assert!(timeout(Duration::from_millis(50), output.done()).await.is_err(), "the pipe is full");
            assert!(!output.is_done().unwrap());
            output.discard().await.unwrap()
        });
        drop(output);
        let mut taken = Vec::new();
        reader.read_to_end(&mut taken).unwrap();
        assert!(!taken.is_empty() && !rest.is_empty());
        assert!([taken, rest].concat() == piece);
    }

    /// A reader, and standard output that another process set O_NONBLOCK.
    fn without_blocking() -> (UnixStream, Output) {
        let (reader, writer) = UnixStream::pair().unwrap();
        writer.set_nonblocking(true).unwrap();
        (reader, Output::to(File::from(OwnedFd::from(writer))).unwrap())
    }

    #[test]
    fn output_that_does_not_block_gets_everything_all_the_same() {
        let (mut reader, mut output) = without_blocking();
        let piece: Vec<u8> = (0..1_000_000u32).map(|n| n as u8).collect();
        let reading = thread::spawn(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).map(|_| read)
        });
        run(async {
            output.begin(piece.clone());
            assert!(output.done().await.is_ok());
        });
        drop(output);
        assert!(reading.join().unwrap().unwrap() == piece);
    }

    #[test]
    fn output_that_does_not_block_can_be_discarded() {
        let (mut reader, mut output) = without_blocking();
        let piece: Vec<u8> = (0..1_000_000u32).map(|n| n as u8).collect();
        let rest = run(async {
            output.begin(piece.clone());
            assert!(
                timeout(Duration::from_millis(50), output.done()).await.is_err(),
                "there is no more room"
            );
            output.discard().await.unwrap()
        });
        drop(output);
        let mut taken = Vec::new();
        reader.read_to_end(&mut taken).unwrap();
        assert!(!taken.is_empty() && !rest.is_empty());
        assert!([taken, rest].concat() == piece);
    }

    #[test]
    fn a_full_disk_is_an_error_that_says_what_is_missing() {
        let mut output = Output::to(OpenOptions::new().write(true).open("/dev/full").unwrap()).unwrap();
        let error = run(async {
            output.begin(b"result".to_vec());
            output.done().await.unwrap_err()
        });
        assert_eq!(error.rest(), Some(&b"result"[..]));
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert!(source.is_some_and(|text| text.contains("No space left on device")), "{error:?}");
    }
}
