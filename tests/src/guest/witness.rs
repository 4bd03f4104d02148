//! strace as a second witness: every netlink message that a program sent and read, from the bytes of its
//! system calls.

use std::fs;

use serde_json::Value;

use super::{Json as _, Program, program::words};

/// What both witnesses know of a message: sequence number, type, length, and its payload in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) seq: u64,
    pub(crate) nlmsg_type: u64,
    pub(crate) len: u64,
    pub(crate) payload: String,
}

impl Seen {
    /// The message of a line of `trace --json`, which has to be whole.
    pub(crate) fn of(line: &Value) -> Self {
        assert_eq!(*line.at("/payload_truncated"), false, "{line}");
        Self {
            seq: line.number("/seq"),
            nlmsg_type: line.number("/type"),
            len: line.number("/len"),
            payload: line.text("/payload").to_owned(),
        }
    }
}

/// What a program sent to netlink sockets and read from them, in order; what it only peeked at is left out.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    pub(crate) sent: Vec<Seen>,
    pub(crate) read: Vec<Seen>,
}

/// The program under strace, which writes to `log`.
pub(crate) fn witnessed(program: Program, log: &str) -> Program {
    let calls = "-e trace=sendto,sendmsg,recvfrom,recvmsg -e read=all -e write=all";
    program.under(words(&format!("strace -qq -o {log} {calls}")))
}

impl Witness {
    /// Understands what strace wrote.
    pub(crate) fn read(log: &str) -> Self {
        let text = fs::read_to_string(log).expect("strace wrote it");
        let mut witness = Self::default();
        let mut lines = text.lines().peekable();
        while let Some(call) = lines.next() {
            let mut datagram = Vec::new();
            while let Some(line) = lines.next_if(|line| line.starts_with([' ', '*'])) {
                // ` | 00000  20 00 …  …text… |`
                if let Some(dump) = line.strip_prefix(" | ") {
                    datagram.extend(dumped(dump));
                }
            }
            let is_peek = call.contains("MSG_PEEK");
            if call.starts_with("send") {
                witness.sent.extend(messages(&datagram));
            } else if call.starts_with("recv") && !is_peek {
                witness.read.extend(messages(&datagram));
            }
        }
        witness
    }
}

/// The bytes of a line: behind its offset, 16 in two groups of eight, and the text that they are.
fn dumped(line: &str) -> Vec<u8> {
    let (_, bytes) = line.split_once("  ").unwrap_or_else(|| panic!("another dump: {line}"));
    let bytes: String = bytes.chars().take(3 * 16 + 1).collect();
    let byte = |word| u8::from_str_radix(word, 16).unwrap_or_else(|_| panic!("another dump: {line}"));
    bytes.split_whitespace().map(byte).collect()
}

/// As the kernel walks: up to the first whose length cannot be, as `ip` sends some zeros behind its requests.
fn messages(datagram: &[u8]) -> Vec<Seen> {
    let mut messages = Vec::new();
    let mut rest = datagram;
    while let [a, b, c, d, e, f, _, _, g, h, i, j, ..] = *rest
        && rest.len() >= 16
    {
        let len = u32::from_ne_bytes([a, b, c, d]) as usize;
        if !(16..=rest.len()).contains(&len) {
            break;
        }
        messages.push(Seen {
            seq: u32::from_ne_bytes([g, h, i, j]).into(),
            nlmsg_type: u16::from_ne_bytes([e, f]).into(),
            len: len as u64,
            payload: rest[16..len].iter().map(|byte| format!("{byte:02x}")).collect(),
        });
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    messages
}
