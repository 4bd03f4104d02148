//! The families of generic netlink that are registered: their numbers are given out at run time.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use netlink_specs::Direction;
use netlink_wire::{Captured, Header};

use crate::decode::{
    Family, Messages,
    tree::{Decoder, GENL_ID_CTRL, GenericFamilies, Tree},
};

/// `CTRL_CMD_GETFAMILY` of nlctrl, of all families: nlmsghdr and genlmsghdr.
const REQUEST: [u16; 10] = {
    const NLM_F_REQUEST: u16 = 1;
    const NLM_F_DUMP: u16 = 0x300;
    let [length, version_and_command] = [[20, 0], [3, 1]];
    [
        u16::from_ne_bytes(length),
        0,
        GENL_ID_CTRL,
        NLM_F_REQUEST | NLM_F_DUMP,
        1,
        0,
        0,
        0,
        u16::from_ne_bytes(version_and_command),
        0,
    ]
};

/// Datagrams of an answer at most, which ends the wait if something else answers.
const MOST: usize = 1 << 10;

/// How long to wait for each, in milliseconds.
const WAIT_MS: i64 = 500;

/// Asks the kernel for all of them: one request on a socket of its own. Needs no privileges.
pub fn generic_families() -> io::Result<GenericFamilies> {
    let mut families = GenericFamilies::default();
    let decoder = Decoder::default();
    ask(|datagram| learn_families(&mut families, &decoder, datagram))?;
    Ok(families)
}

/// The same as the kernel says it: a message for each family.
pub fn family_messages() -> io::Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    ask(|datagram| {
        let mut is_end = false;
        for extent in Captured::new(datagram, datagram.len()).extents() {
            let message = datagram.get(extent.start..).unwrap_or_default();
            let message = message.get(..extent.len).unwrap_or(message);
            match Header::parse(message).map(|header| header.message_type.0) {
                Some(GENL_ID_CTRL) => all.push(message.to_vec()),
                _ => is_end = true,
            }
        }
        is_end
    })?;
    Ok(all)
}

/// Hands the datagrams of the answer to `take`, until that says that it is over.
fn ask(mut take: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    let socket = open()?;
    let bytes: Vec<u8> = REQUEST.iter().flat_map(|part| part.to_ne_bytes()).collect();
    // SAFETY: a socket, and bytes with their length.
    let sent = unsafe { libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0) };
    checked(sent)?;
    let mut buffer = vec![0; 64 << 10];
    for _ in 0..MOST {
        // SAFETY: a socket, and memory with its length.
        let received = unsafe { libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        let received = checked(received)?;
        if take(buffer.get(..received).unwrap_or_default()) {
            return Ok(());
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "the answer has no end"))
}

/// Learns from a datagram of nlctrl's, an answer or the announcement of a family. True if it ends an answer.
pub fn learn_families(families: &mut GenericFamilies, decoder: &Decoder, datagram: &[u8]) -> bool {
    for message in Messages::new(Family::GENERIC, datagram, false) {
        // NLMSG_ERROR, NLMSG_DONE
        if message.header.is_none_or(|header| matches!(header.message_type.0, 2 | 3)) {
            return true;
        }
        let tree = decoder.decode(Family::GENERIC, &message, Some(Direction::Reply), Tree::default());
        families.learn(&tree);
    }
    false
}

fn open() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_GENERIC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just opened, and nobody else has it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let wait = libc::timeval { tv_sec: 0, tv_usec: WAIT_MS * 1000 };
    // SAFETY: an option of a socket, with a value of its type.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVTIMEO,
            (&raw const wait).cast(),
            size_of_val(&wait) as libc::socklen_t,
        )
    };
    checked(set as isize)?;
    Ok(socket)
}

fn checked(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_names_its_controller_and_others() {
        // Every kernel with generic netlink has this family itself.
        let families = generic_families().unwrap();
        assert_eq!((families.name(16), families.number("nlctrl")), (Some("nlctrl"), Some(16)));
        let learned: Vec<_> = (17..1024).filter_map(|number| families.name(number)).collect();
        assert!(!learned.is_empty() && learned.iter().all(|name| !name.is_empty()), "{learned:?}");
        // The messages say the same.
        let mut again = GenericFamilies::default();
        for message in family_messages().unwrap() {
            assert!(!learn_families(&mut again, &Decoder::default(), &message));
        }
        assert_eq!((17..1024).filter_map(|number| again.name(number)).collect::<Vec<_>>(), learned);
    }

    #[test]
    fn an_answer_may_be_cut_anywhere() {
        let mut whole: Vec<u8> = REQUEST.iter().flat_map(|part| part.to_ne_bytes()).collect();
        whole.extend([20, 0, 0, 0, 3, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for length in 0..=whole.len() {
            let mut families = GenericFamilies::default();
            let ended = learn_families(&mut families, &Decoder::default(), &whole[..length]);
            assert!(ended || length <= 36, "{length}");
            assert_eq!(families.name(17), None);
        }
    }
}
