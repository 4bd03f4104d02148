//! Processes that are copies of the test's own, and descriptors that they hand to each other.

use std::{
    ffi::CStr,
    fs::File,
    io,
    io::{IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::{
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
    thread::set_name,
};

/// A process of the test's own, which does what it is told and ends.
pub(crate) struct Child {
    pub(crate) pid: u32,
    near: File,
}

/// The child's side of what connects it with the test.
pub(crate) struct Told(File);

impl Told {
    /// Says a number.
    pub(crate) fn say(&mut self, byte: u8) {
        // Nobody is left to be told that this failed.
        let _ = self.0.write_all(&[byte]);
    }

    /// Until the test says that it may end, or has ended itself.
    pub(crate) fn wait(&mut self) {
        let _ = self.0.read(&mut [0]);
    }
}

impl Child {
    /// Does `act` in a copy of this process that has this one thread, under another name.
    pub(crate) fn start(name: &CStr, act: impl FnOnce(&mut Told)) -> Self {
        let [near, far] = socket_pair();
        // SAFETY: of what other threads may have locked, the child uses only the allocator, which fork(3)
        // looks after.
        match unsafe { libc::fork() } {
            0 => {
                drop(near);
                let named = set_name(name);
                if named.is_ok() {
                    act(&mut Told(far.into()));
                }
                // SAFETY: it ends here, without what the test does at its end.
                unsafe { libc::_exit(0) }
            }
            pid => {
                assert!(pid > 0, "fork: {}", io::Error::last_os_error());
                Self { pid: pid as u32, near: near.into() }
            }
        }
    }

    /// The number that it says next.
    pub(crate) fn said(&mut self) -> u8 {
        let mut byte = [0];
        self.near.read_exact(&mut byte).expect("the child says something");
        byte[0]
    }

    /// Lets it end.
    pub(crate) fn end(mut self) {
        self.near.write_all(&[0]).expect("the child waits");
        self.ended();
    }

    /// Waits for its end, which is near.
    pub(crate) fn ended(self) {
        // SAFETY: numbers only; the child is ours.
        let ended = unsafe { libc::waitpid(self.pid as i32, std::ptr::null_mut(), 0) };
        assert_eq!(ended, self.pid as i32);
    }
}

/// Two connected sockets.
pub(crate) fn socket_pair() -> [OwnedFd; 2] {
    let (near, far) = UnixStream::pair().expect("two descriptors");
    [near.into(), far.into()]
}

/// Sends a descriptor through a socket.
pub(crate) fn send_descriptor(to: &OwnedFd, fd: BorrowedFd<'_>) {
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut room);
    let fds = [fd];
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)), "there is room for one");
    // A message cannot be empty.
    sendmsg(to.as_fd(), &[IoSlice::new(&[0])], &mut control, SendFlags::empty()).expect("it is read");
}

/// The descriptor that [`send_descriptor`] sent.
pub(crate) fn receive_descriptor(from: &OwnedFd) -> Option<OwnedFd> {
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut room);
    let mut byte = [0];
    recvmsg(from.as_fd(), &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC).ok()?;
    control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    })
}
