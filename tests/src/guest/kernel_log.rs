//! The kernel's log from a moment on.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
};

use super::wait_for;

/// What a healthy kernel never logs, whoever is the cause. "callbacks suppressed" and the like are none of
/// these.
const COMPLAINTS: &[&str] = &[
    "WARNING:",
    "BUG:",
    "Oops",
    "general protection fault",
    "unable to handle",
    "detected stall",
    "soft lockup",
    "refcount_t:",
    "corruption",
    "scheduling while atomic",
];

/// Reads `/dev/kmsg`, one record a read.
pub(crate) struct KernelLog {
    file: File,
    seen: Vec<String>,
}

impl KernelLog {
    /// What is logged from now on.
    pub(crate) fn from_now() -> Self {
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")
            .expect("the kernel's log can be opened by root");
        file.seek(SeekFrom::End(0)).expect("the kernel's log has an end");
        Self { file, seen: Vec::new() }
    }

    /// Every line since the mark, without level and time.
    pub(crate) fn lines(&mut self) -> &[String] {
        let mut record = [0; 8192];
        loop {
            match self.file.read(&mut record) {
                Ok(0) => break,
                Ok(length) => self.seen.push(text_of(&record[..length])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {
                    panic!("the kernel's log was overwritten before it was read")
                }
                Err(error) => panic!("reading the kernel's log: {error}"),
            }
        }
        &self.seen
    }

    /// What the module logged since the mark, without its prefix.
    pub(crate) fn of_module(&mut self) -> Vec<String> {
        self.lines().iter().filter_map(|line| line.strip_prefix("nltest: ").map(ToOwned::to_owned)).collect()
    }

    /// Waits until a line contains `text`.
    pub(crate) fn wait_for(&mut self, text: &str) {
        wait_for(&format!("the kernel logs {text:?}"), || {
            self.lines().iter().any(|line| line.contains(text)).then_some(())
        });
    }

    /// The lines in which the kernel complains.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        let complains = |line: &&String| COMPLAINTS.iter().any(|complaint| line.contains(complaint));
        self.lines().iter().filter(complains).cloned().collect()
    }
}

/// The message of a record `level,sequence,time,flags;MESSAGE`, followed by a line for each of its
/// properties.
fn text_of(record: &[u8]) -> String {
    let record = String::from_utf8_lossy(record);
    let (_, message) = record.split_once(';').expect("a record has a header");
    unescaped(message.lines().next().unwrap_or_default())
}

/// `/dev/kmsg` shows bytes that are not printable, and the backslash, as `\xHH`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.strip_prefix(b"x").and_then(|after| after.first_chunk::<2>());
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if first == b'\\' => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
