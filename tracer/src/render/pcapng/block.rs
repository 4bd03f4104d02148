//! Blocks of pcapng (draft-ietf-opsawg-pcapng) in this machine's byte order, and packets of link type 253.

use crate::decode::Family;

/// `LINKTYPE_NETLINK`
const LINK_TYPE: u16 = 253;

/// `ARPHRD_NETLINK` of linux/if_arp.h.
const ARPHRD: u16 = 824;

/// The pseudo header ahead of each message.
const PSEUDO_HEADER: usize = 16;

/// Types of blocks.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

/// Options of every block, of sections, of interfaces, of packets, of statistics.
mod option {
    pub(super) const END: u16 = 0;
    pub(super) const COMMENT: u16 = 1;
    pub(super) const SHB_OS: u16 = 3;
    pub(super) const SHB_USERAPPL: u16 = 4;
    pub(super) const IF_NAME: u16 = 2;
    pub(super) const IF_TSRESOL: u16 = 9;
    pub(super) const EPB_FLAGS: u16 = 2;
    pub(super) const ISB_STARTTIME: u16 = 2;
    pub(super) const ISB_ENDTIME: u16 = 3;
    pub(super) const ISB_IFRECV: u16 = 4;
    pub(super) const ISB_IFDROP: u16 = 5;
}

/// A message on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    /// When, nanoseconds since 1970.
    pub(super) realtime_ns: u64,
    pub(super) family: Family,
    /// Whether a user sent it.
    pub(super) from_user: bool,
    /// Bytes of the whole message.
    pub(super) len: u32,
    /// The first of them.
    pub(super) bytes: &'a [u8],
}

/// Begins a block; [`end`] ends it.
fn begin(out: &mut Vec<u8>, block_type: u32) {
    out.extend_from_slice(&block_type.to_ne_bytes());
    out.extend_from_slice(&[0; 4]);
}

/// Ends a block's options, and the block, which begins at `from`.
pub(super) fn end(out: &mut Vec<u8>, from: usize) {
    header(out, option::END, 0);
    let len = (out.len() - from + 4) as u32;
    out[from + 4..from + 8].copy_from_slice(&len.to_ne_bytes());
    out.extend_from_slice(&len.to_ne_bytes());
}

fn header(out: &mut Vec<u8>, code: u16, len: usize) {
    out.extend_from_slice(&code.to_ne_bytes());
    out.extend_from_slice(&(len as u16).to_ne_bytes());
}

fn pad(out: &mut Vec<u8>) {
    let len = out.len().next_multiple_of(4);
    out.resize(len, 0);
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    header(out, code, value.len());
    out.extend_from_slice(value);
    pad(out);
}

/// Adds a comment to a block whose options are being written. Returns what `write` does.
///
/// What is longer than an option can be is cut off again: nobody could read it.
#[inline]
pub(super) fn comment<T>(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    header(out, option::COMMENT, 0);
    let from = out.len();
    let result = write(out);
    match u16::try_from(out.len() - from) {
        Ok(len) => out[from - 2..from].copy_from_slice(&len.to_ne_bytes()),
        Err(_) => out.truncate(from),
    }
    pad(out);
    result
}

/// Appends what a file begins with: the section, with comments that `write` adds, and its one interface.
pub(super) fn section(out: &mut Vec<u8>, kernel: Option<&str>, write: impl FnOnce(&mut Vec<u8>)) {
    let from = out.len();
    begin(out, SECTION_HEADER);
    out.extend_from_slice(&0x1a2b_3c4d_u32.to_ne_bytes());
    for version in [1u16, 0] {
        out.extend_from_slice(&version.to_ne_bytes());
    }
    // How long it is is not known.
    out.extend_from_slice(&u64::MAX.to_ne_bytes());
    let os = kernel.map_or_else(|| "Linux".to_owned(), |release| format!("Linux {release}"));
    option(out, option::SHB_OS, os.as_bytes());
    option(out, option::SHB_USERAPPL, concat!("nltrace ", env!("CARGO_PKG_VERSION")).as_bytes());
    write(out);
    end(out, from);

    let from = out.len();
    begin(out, INTERFACE_DESCRIPTION);
    for part in [LINK_TYPE, 0, 0, 0] {
        out.extend_from_slice(&part.to_ne_bytes());
    }
    option(out, option::IF_NAME, b"netlink");
    // 10^-9 s
    option(out, option::IF_TSRESOL, &[9]);
    end(out, from);
}

/// Appends a packet whose options are to be written, and which is then to be ended.
#[inline]
pub(super) fn packet(out: &mut Vec<u8>, packet: &Packet<'_>) {
    let Packet { realtime_ns, family, from_user, len, bytes } = *packet;
    out.reserve(1024 + bytes.len());
    begin(out, ENHANCED_PACKET);
    let captured = (PSEUDO_HEADER + bytes.len()) as u32;
    let len = len.saturating_add(PSEUDO_HEADER as u32).max(captured);
    for part in [0, (realtime_ns >> 32) as u32, realtime_ns as u32, captured, len] {
        out.extend_from_slice(&part.to_ne_bytes());
    }
    let mut pseudo = [0; PSEUDO_HEADER];
    // LINUX_SLL_OUTGOING
    pseudo[1] = if from_user { 4 } else { 0 };
    pseudo[2..4].copy_from_slice(&ARPHRD.to_be_bytes());
    pseudo[15] = family.number();
    out.extend_from_slice(&pseudo);
    out.extend_from_slice(bytes);
    pad(out);
    let direction: u32 = if from_user { 2 } else { 1 };
    option(out, option::EPB_FLAGS, &direction.to_ne_bytes());
}

/// Appends what the interface counted from one time to another, nanoseconds since 1970.
pub(super) fn statistics(out: &mut Vec<u8>, (from_ns, to_ns): (u64, u64), seen: u64, lost: u64) {
    let time = |ns: u64| [(ns >> 32) as u32, ns as u32].map(u32::to_ne_bytes);
    let from = out.len();
    begin(out, INTERFACE_STATISTICS);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(time(to_ns).as_flattened());
    option(out, option::ISB_STARTTIME, time(from_ns).as_flattened());
    option(out, option::ISB_ENDTIME, time(to_ns).as_flattened());
    option(out, option::ISB_IFRECV, &seen.to_ne_bytes());
    option(out, option::ISB_IFDROP, &lost.to_ne_bytes());
    end(out, from);
}
