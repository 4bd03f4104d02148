//! Writing to what others share and close.

use std::{
    error::Error,
    io::{self, ErrorKind, IoSlice, Write},
    iter,
    os::fd::AsFd,
};

use rustix::event::{PollFd, PollFlags, poll};

/// Whether an error, or what caused it, is that nobody reads the output any more. A reader that left, as in
/// `nltrace trace | head`, has what it wanted: that ends a program without a word and with success.
pub fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    iter::successors(Some(error), |&error| error.source())
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Waits until a write does not have to wait: there is room, or the write will fail. A signal ends the wait
/// with [`ErrorKind::Interrupted`].
fn wait_writable(file: impl AsFd) -> io::Result<()> {
    poll(&mut [PollFd::new(&file, PollFlags::OUT)], None)?;
    Ok(())
}

/// Writes that wait for room also where another process set O_NONBLOCK: a terminal or pipe is shared with
/// whoever else has it open, flags and all. A signal ends a wait in [`Write::write`] with
/// [`ErrorKind::Interrupted`], as it ends a write that blocks; [`Write::write_all`] goes on then.
#[derive(Debug)]
pub struct Patient<W>(W);

impl<W: Write + AsFd> Patient<W> {
    /// Writes to `inner`.
    pub const fn new(inner: W) -> Self {
        Self(inner)
    }

    fn retry<T>(&mut self, mut act: impl FnMut(&mut W) -> io::Result<T>) -> io::Result<T> {
        loop {
            match act(&mut self.0) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait_writable(&self.0)?,
                result => return result,
            }
        }
    }
}

impl<W: Write + AsFd> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.retry(|inner| inner.write(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.retry(|inner| inner.write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        loop {
            match self.retry(Write::flush) {
                // Whoever writes tries again after this error; whoever flushes does not.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt, fs::File, io::Read as _, os::fd::OwnedFd, thread};

    use rustix::pipe::{PipeFlags, pipe_with};

    use super::*;

    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_broken_pipe_is_found_however_deep_it_is() {
        assert!(is_broken_pipe(&io::Error::from(ErrorKind::BrokenPipe)));
        assert!(is_broken_pipe(&Outer(ErrorKind::BrokenPipe.into())));
        assert!(is_broken_pipe(&Outer(io::Error::new(ErrorKind::BrokenPipe, "in words"))));
        assert!(!is_broken_pipe(&Outer(ErrorKind::StorageFull.into())));
        assert!(!is_broken_pipe(&fmt::Error));
    }

    #[test]
    fn a_pipe_that_does_not_block_gets_everything_all_the_same() {
        let (reader, writer): (OwnedFd, OwnedFd) = pipe_with(PipeFlags::NONBLOCK).unwrap();
        let text: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
        assert!(
            File::from(writer.try_clone().unwrap()).write_all(&text).is_err(),
            "more than a pipe has room for"
        );
        let expected = text.clone();
        let writing = thread::spawn(move || Patient::new(File::from(writer)).write_all(&text));
        // The reader's end does not block either.
        let (mut reader, mut read, mut piece) = (File::from(reader), Vec::new(), vec![0; 1 << 16]);
        loop {
            match reader.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => read.extend_from_slice(&piece[..length]),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    poll(&mut [PollFd::new(&reader, PollFlags::IN)], None).unwrap();
                }
            }
        }
        writing.join().unwrap().unwrap();
        assert!(read.ends_with(&expected));
    }
}
