//! strace as a second witness: every netlink message that a program sent and read, from the bytes of its
//! system calls.

use std::{collections::BTreeMap, fs};

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

    /// A message, from its header on.
    pub(crate) fn in_bytes(message: &[u8]) -> Self {
        let number =
            |at: usize| message[at..at + 4].iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
        Self {
            seq: number(8),
            nlmsg_type: number(4) & 0xffff,
            len: number(0),
            payload: message[16..].iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// A message as its bytes were, which way it went, and through whose descriptor.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    pub(crate) thread: u32,
    pub(crate) descriptor: u32,
    pub(crate) is_sent: bool,
    pub(crate) bytes: Vec<u8>,
}

/// What a program sent to netlink sockets and read from them, in order; what it only peeked at is left out.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    pub(crate) sent: Vec<Seen>,
    pub(crate) read: Vec<Seen>,
}

/// The program under strace, which writes to `log`, with all that it starts.
pub(crate) fn witnessed(program: Program, log: &str) -> Program {
    let calls = "-e trace=sendto,sendmsg,recvfrom,recvmsg -e read=all -e write=all";
    program.under(words(&format!("strace -f --seccomp-bpf -qq -o {log} {calls}")))
}

impl Witness {
    /// Understands what strace wrote.
    pub(crate) fn read(log: &str) -> Self {
        let mut witness = Self::default();
        for traffic in Traffic::read(log) {
            let seen = Seen::in_bytes(&traffic.bytes);
            if traffic.is_sent { witness.sent.push(seen) } else { witness.read.push(seen) }
        }
        witness
    }
}

/// A system call.
struct Call<'a> {
    /// As far as it was written when it began, with the descriptor.
    begin: &'a str,
    /// The line at its end, with the flags that recvmsg(2) gives back.
    end: &'a str,
    thread: u32,
    datagram: Vec<u8>,
}

impl Traffic {
    /// Understands what strace wrote of all threads, in the order in which their calls began.
    pub(crate) fn read(log: &str) -> Vec<Self> {
        let text = fs::read_to_string(log).expect("strace wrote it");
        let mut calls: Vec<Call<'_>> = Vec::new();
        let mut unfinished = BTreeMap::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let (thread, end) = line.split_once(char::is_whitespace).unwrap_or_default();
            let end = end.trim_start();
            let thread = thread.parse().unwrap_or_else(|_| panic!("another log: {line}"));
            let mut datagram = Vec::new();
            while let Some(line) = lines.next_if(|line| line.starts_with([' ', '*'])) {
                // ` | 00000  20 00 …  …text… |`
                if let Some(dump) = line.strip_prefix(" | ") {
                    datagram.extend(dumped(dump));
                }
            }
            if end.starts_with("<...") {
                let index: usize = unfinished.remove(&thread).expect("it had begun");
                (calls[index].end, calls[index].datagram) = (end, datagram);
                continue;
            }
            if end.ends_with("<unfinished ...>") {
                unfinished.insert(thread, calls.len());
            }
            calls.push(Call { begin: end, end, thread, datagram });
        }
        calls.iter().flat_map(Call::traffic).collect()
    }
}

impl Call<'_> {
    fn traffic(&self) -> Vec<Traffic> {
        let Self { begin, end, thread, datagram } = self;
        let is_sent = begin.starts_with("send");
        let is_peek = begin.contains("MSG_PEEK") || end.contains("MSG_PEEK");
        let descriptor = begin.split(['(', ',']).nth(1).and_then(|number| number.parse().ok());
        let (Some(descriptor), false) = (descriptor, is_peek) else { return Vec::new() };
        let of_message = |bytes| Traffic { thread: *thread, descriptor, is_sent, bytes };
        messages(datagram).into_iter().map(of_message).collect()
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
fn messages(datagram: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let mut rest = datagram;
    while let Some(len) = rest.first_chunk().map(|len| u32::from_ne_bytes(*len) as usize)
        && (16..=rest.len()).contains(&len)
    {
        messages.push(rest[..len].to_vec());
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    messages
}
