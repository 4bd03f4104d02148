//! strace as a second witness: every netlink message that a program sent and read, from the bytes of its system calls.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use super::{Json as _, Program, program::words, raw::message};

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

/// A message, which way it went, and through which descriptor.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    pub(crate) thread: u32,
    pub(crate) descriptor: u32,
    pub(crate) is_sent: bool,
    pub(crate) flags: u16,
    pub(crate) message: Seen,
}

/// The program under strace, which writes to `log`.
pub(crate) fn witnessed(program: Program, log: &str) -> Program {
    let calls = "-e trace=sendto,sendmsg,recvfrom,recvmsg -e read=all -e write=all";
    program.under(words(&format!("strace -f -qq -o {log} {calls}")))
}

impl Witness {
    /// Understands what strace wrote.
    pub(crate) fn read(log: &str) -> Self {
        let mut witness = Self::default();
        for Traffic { is_sent, message, .. } in Traffic::read(log) {
            if is_sent { witness.sent.push(message) } else { witness.read.push(message) }
        }
        witness
    }
}

impl Traffic {
    /// Understands what strace wrote, of all threads.
    pub(crate) fn read(log: &str) -> Vec<Self> {
        let text = fs::read_to_string(log).expect("strace wrote it");
        let mut traffic = Vec::new();
        let mut unfinished = BTreeMap::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let (thread, call) = line.split_once(char::is_whitespace).unwrap_or_default();
            let call = call.trim_start();
            let mut datagram = Vec::new();
            while let Some(line) = lines.next_if(|line| line.starts_with([' ', '*'])) {
                // ` | 00000  20 00 …  …text… |`
                if let Some(dump) = line.strip_prefix(" | ") {
                    datagram.extend(dumped(dump));
                }
            }
            if call.ends_with("<unfinished ...>") {
                unfinished.insert(thread, call);
                continue;
            }
            // What has a descriptor, and what has the flags, which are among the results of recvmsg(2).
            let begun =
                if call.starts_with("<...") { unfinished.remove(thread).unwrap_or(call) } else { call };
            let descriptor = begun.split(['(', ',']).nth(1).and_then(|number| number.parse().ok());
            let is_peek = begun.contains("MSG_PEEK") || call.contains("MSG_PEEK");
            let is_sent = begun.starts_with("send");
            if let Some(descriptor) =
                descriptor.filter(|_| is_sent || (begun.starts_with("recv") && !is_peek))
            {
                let thread = thread.parse().unwrap_or_else(|_| panic!("another log: {line}"));
                let of_call = |(flags, message)| Self { thread, descriptor, is_sent, flags, message };
                traffic.extend(messages(&datagram).into_iter().map(of_call));
            }
        }
        traffic
    }

    /// The message as it was.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Seen { seq, nlmsg_type, len, payload } = &self.message;
        let byte = |index| u8::from_str_radix(&payload[index..index + 2], 16).expect("hexadecimal");
        let payload: Vec<_> = (0..payload.len()).step_by(2).map(byte).collect();
        message(*len as u32, *nlmsg_type as u16, self.flags, *seq as u32, &payload)
    }
}

/// The bytes of a line: behind its offset, 16 in two groups of eight, and the text that they are.
fn dumped(line: &str) -> Vec<u8> {
    let (_, bytes) = line.split_once("  ").unwrap_or_else(|| panic!("another dump: {line}"));
    let bytes: String = bytes.chars().take(3 * 16 + 1).collect();
    let byte = |word| u8::from_str_radix(word, 16).unwrap_or_else(|_| panic!("another dump: {line}"));
    bytes.split_whitespace().map(byte).collect()
}

/// With their flags. As the kernel walks: up to the first whose length cannot be, as `ip` sends some zeros behind its requests.
fn messages(datagram: &[u8]) -> Vec<(u16, Seen)> {
    let mut messages = Vec::new();
    let mut rest = datagram;
    while let [a, b, c, d, e, f, k, l, g, h, i, j, ..] = *rest
        && rest.len() >= 16
    {
        let len = u32::from_ne_bytes([a, b, c, d]) as usize;
        if !(16..=rest.len()).contains(&len) {
            break;
        }
        let seen = Seen {
            seq: u32::from_ne_bytes([g, h, i, j]).into(),
            nlmsg_type: u16::from_ne_bytes([e, f]).into(),
            len: len as u64,
            payload: rest[16..len].iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        messages.push((u16::from_ne_bytes([k, l]), seen));
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    messages
}
