//! What a listener prints.

use std::time::{SystemTime, UNIX_EPOCH};

use nltest::{Errno, Error, Notification, uapi};
use serde::Serialize;
use terminal::units::{bytes, plural};

use crate::output::{Render, Theme, readable};

/// What a message had.
#[derive(Serialize)]
pub(super) struct Message {
    /// When it was read, nanoseconds since 1970.
    ts_ns: u64,
    groups: Vec<u32>,
    /// Who sent it, 0 for the kernel.
    sender: u32,
    #[serde(rename = "type")]
    message_type: u16,
    type_name: Option<&'static str>,
    seq: u32,
    len: u32,
    text: Option<String>,
    payload: String,
}

/// One line of the output.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// To a group.
    Notification(Message),
    /// To this socket alone.
    Message(Message),
    Overrun {
        ts_ns: u64,
    },
    Truncated {
        ts_ns: u64,
        /// Bytes of the datagram, and how many of them were read.
        len: usize,
        read: usize,
    },
    /// Reading failed, and the kernel dropped nothing that it says.
    Error {
        ts_ns: u64,
        errno: i32,
        errno_name: Option<&'static str>,
    },
    Summary(Summary),
}

/// What was heard in all, and what the kernel says about the socket.
#[derive(Default, Serialize)]
pub(super) struct Summary {
    pub(super) command: &'static str,
    pub(super) received: u64,
    pub(super) overruns: u64,
    pub(super) truncated: u64,
    pub(super) errors: u64,
    pub(super) rcvbuf: u32,
    /// What is queued when the socket is closed, in bytes as the kernel accounts them.
    pub(super) unread_bytes: u32,
    /// What this socket has missed, as the kernel counts it.
    pub(super) drops: u32,
}

impl Event {
    pub(super) fn of(notification: &Notification, ts_ns: u64) -> Self {
        let message = Message {
            ts_ns,
            groups: (0..32).filter(|bit| notification.groups & (1 << bit) != 0).map(|bit| bit + 1).collect(),
            sender: notification.sender,
            message_type: notification.message_type,
            type_name: uapi::type_name(notification.message_type.into()),
            seq: notification.sequence,
            len: notification.length,
            text: readable(&notification.payload).map(ToOwned::to_owned),
            payload: hex(&notification.payload),
        };
        if notification.groups == 0 { Self::Message(message) } else { Self::Notification(message) }
    }
}

impl Message {
    fn text(&self, theme: Theme) -> String {
        let groups = self.groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let to = if groups.is_empty() { "to this socket".to_owned() } else { format!("group {groups}") };
        let kind = self.type_name.map_or_else(|| format!("type {}", self.message_type), ToOwned::to_owned);
        let from = if self.sender == 0 { String::new() } else { format!(", from portid {}", self.sender) };
        let size = bytes(self.payload.len() as u64 / 2);
        let content = self.text.as_deref().map_or_else(|| self.payload.clone(), |text| theme.escape(text));
        format!("{} {content}\n", theme.faint(&format!("{to}, {kind}{from}, {size}:")))
    }
}

impl Summary {
    /// What was counted, without what did not happen.
    fn text(&self) -> String {
        let mut parts = vec![format!("{} {}", self.received, plural(self.received, "message"))];
        let told = [(self.overruns, "overrun"), (self.errors, "error")];
        let told = told.iter().filter(|(count, _)| *count > 0);
        parts.extend(told.map(|(count, what)| format!("{count} {}", plural(*count, what))));
        if self.truncated > 0 {
            parts.push(format!("{} cut", self.truncated));
        }
        let mut text = parts.join(", ") + "\n";
        let rcvbuf = bytes(self.rcvbuf.into());
        if self.drops > 0 {
            text += &format!("the kernel dropped {} here, receive buffer {rcvbuf}\n", self.drops);
        }
        if self.unread_bytes > 0 {
            text += &format!(
                "closed with {} of {rcvbuf} in use by unread messages\n",
                bytes(self.unread_bytes.into())
            );
        }
        text
    }
}

impl Render for Event {
    fn text(&self, theme: Theme) -> String {
        match self {
            Self::Notification(message) | Self::Message(message) => message.text(theme),
            Self::Overrun { .. } => {
                format!("{}\n", theme.bad("overrun: reading failed with ENOBUFS, so messages were lost here"))
            }
            Self::Truncated { len, read, .. } => {
                format!("{} {read} of {len} bytes were read\n", theme.bad("a datagram was cut:"))
            }
            Self::Error { errno, errno_name, .. } => {
                let errno = errno_name.map_or_else(|| format!("errno {errno}"), ToOwned::to_owned);
                format!("{} {errno}\n", theme.bad("reading failed:"))
            }
            Self::Summary(summary) => summary.text(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

impl Summary {
    /// Counts what was read, and makes a line of it.
    pub(super) fn count(&mut self, read: Result<Notification, Error>) -> Result<Event, Error> {
        let ts_ns = now_ns();
        Ok(match read {
            Ok(notification) => {
                self.received += 1;
                Event::of(&notification, ts_ns)
            }
            Err(Error::Overrun) => {
                self.overruns += 1;
                Event::Overrun { ts_ns }
            }
            Err(Error::Truncated { length, capacity }) => {
                // It was taken off the queue, so it counts as one of those to stop after.
                self.received += 1;
                self.truncated += 1;
                Event::Truncated { ts_ns, len: length, read: capacity }
            }
            Err(error @ Error::Io { .. }) => {
                let Some(errno) = error.errno() else { return Err(error) };
                self.errors += 1;
                Event::Error { ts_ns, errno, errno_name: Errno::new(errno).and_then(Errno::name) }
            }
            Err(error) => return Err(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::output::json_line;

    fn event(payload: &[u8]) -> Event {
        let notification = Notification {
            groups: 1,
            sender: 0,
            message_type: 0x12,
            sequence: 0,
            length: 48,
            payload: payload.to_vec(),
        };
        Event::of(&notification, 7)
    }

    #[test]
    fn text_is_shown_as_text_and_bytes_as_hex() {
        assert_eq!(
            event(b"Hello from kernel multicast").text(Theme::PLAIN),
            "group 1, NOTIFY, 27 bytes: Hello from kernel multicast\n"
        );
        assert_eq!(event(&[0xff, 0, 1]).text(Theme::PLAIN), "group 1, NOTIFY, 3 bytes: ff0001\n");
        assert_eq!(event(b"\x1b[2J").text(Theme::PLAIN), "group 1, NOTIFY, 4 bytes: \\u{1b}[2J\n");
    }

    #[test]
    fn json_has_both() {
        assert_eq!(
            json_line(&event(b"hi")).unwrap(),
            "{\"event\":\"notification\",\"ts_ns\":7,\"groups\":[1],\"sender\":0,\"type\":18,\
             \"type_name\":\"NOTIFY\",\"seq\":0,\"len\":48,\"text\":\"hi\",\"payload\":\"6869\"}\n"
        );
    }

    #[test]
    fn a_unicast_says_who_sent_it() {
        let notification = Notification {
            groups: 0,
            sender: 7,
            message_type: 0x13,
            sequence: 0,
            length: 20,
            payload: Vec::new(),
        };
        let event = Event::of(&notification, 7);
        assert_eq!(event.text(Theme::PLAIN), "to this socket, BURST, from portid 7, 0 bytes: \n");
        let line = json_line(&event).unwrap();
        assert!(line.starts_with("{\"event\":\"message\",\"ts_ns\":7,\"groups\":[],\"sender\":7,"), "{line}");
    }

    #[test]
    fn what_goes_wrong_is_counted_and_the_listener_goes_on() {
        let mut summary = Summary { rcvbuf: 8192, drops: 9, unread_bytes: 832, ..Summary::default() };
        let mut text = String::new();
        for error in [
            Error::Overrun,
            Error::Truncated { length: 100, capacity: 20 },
            Error::Io { action: "x", error: io::Error::from_raw_os_error(libc::EIO) },
        ] {
            text += &summary.count(Err(error)).unwrap().text(Theme::PLAIN);
        }
        assert_eq!(
            text,
            "overrun: reading failed with ENOBUFS, so messages were lost here\n\
             a datagram was cut: 20 of 100 bytes were read\n\
             reading failed: EIO\n"
        );
        assert_eq!(
            summary.text(),
            "1 message, 1 overrun, 1 error, 1 cut\n\
             the kernel dropped 9 here, receive buffer 8192 bytes\n\
             closed with 832 bytes of 8192 bytes in use by unread messages\n"
        );
        assert!(summary.count(Err(Error::Abandoned)).is_err());
    }
}
