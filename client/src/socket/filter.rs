//! Socket filters: which messages a socket refuses before they are queued.

use std::{io, mem, os::fd::AsRawFd};

use netlink_wire::MessageType;

/// A socket filter in classic BPF. It sees the first message of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// It is attached, and refuses nothing.
    Nothing,
    /// It refuses every datagram.
    All,
    /// It refuses the datagrams that begin with a message of this type.
    Type(MessageType),
}

/// Loads 16 bits, in network order.
const LOAD_HALF: u16 = 0x28;
/// Jumps if what was loaded is equal to a constant.
const JUMP_IF_EQUAL: u16 = 0x15;
/// Ends with a constant: how many bytes to keep, 0 to refuse.
const RETURN: u16 = 0x06;

/// Offset of `nlmsg_type` in a header, in bytes.
const TYPE_OFFSET: u32 = 4;

const fn instruction(code: u16, when_true: u8, when_false: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt: when_true, jf: when_false, k }
}

const KEEP: libc::sock_filter = instruction(RETURN, 0, 0, u32::MAX);
const REFUSE: libc::sock_filter = instruction(RETURN, 0, 0, 0);

impl Filter {
    fn program(self) -> Vec<libc::sock_filter> {
        match self {
            Self::Nothing => vec![KEEP],
            Self::All => vec![REFUSE],
            Self::Type(MessageType(number)) => {
                // The message has it in the machine's order.
                let loaded = u16::from_be_bytes(number.to_ne_bytes());
                vec![
                    instruction(LOAD_HALF, 0, 0, TYPE_OFFSET),
                    instruction(JUMP_IF_EQUAL, 0, 1, loaded.into()),
                    REFUSE,
                    KEEP,
                ]
            }
        }
    }

    /// Attaches it to a socket.
    pub(super) fn attach(self, socket: &impl AsRawFd) -> io::Result<()> {
        let mut program = self.program();
        let argument = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        // SAFETY: the pointer and the length describe `argument`, which points to `program`; both outlive the
        // call, which copies them.
        let result = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ATTACH_FILTER,
                (&raw const argument).cast(),
                mem::size_of_val(&argument) as libc::socklen_t,
            )
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::uapi::Command;

    /// Whether a message of this type passes, by the kernel's own interpreter.
    fn passes(filter: Filter, message_type: MessageType) -> bool {
        let (sender, receiver) = UnixDatagram::pair().unwrap();
        receiver.set_nonblocking(true).unwrap();
        filter.attach(&receiver).unwrap();
        let mut message = [0; 16];
        message[4..6].copy_from_slice(&message_type.0.to_ne_bytes());
        // A sender learns of the filter's refusal, or not: that differs by family.
        let _ = sender.send(&message);
        receiver.recv(&mut [0; 16]).is_ok_and(|length| length == 16)
    }

    #[test]
    fn refuses_what_it_says() {
        let (burst, notify) = (Command::Burst.number(), Command::Notify.number());
        for (filter, expected) in [
            (Filter::Nothing, [true, true]),
            (Filter::All, [false, false]),
            (Filter::Type(burst), [false, true]),
            (Filter::Type(notify), [true, false]),
        ] {
            assert_eq!([burst, notify].map(|kind| passes(filter, kind)), expected, "{filter:?}");
        }
    }
}
