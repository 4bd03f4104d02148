//! `nltest listen`: joins the group and prints what comes.

use std::{
    io::{self, Write},
    time::{SystemTime, UNIX_EPOCH},
};

use nltest::{Error, Notification, Notifications, uapi};
use serde::Serialize;

use super::{Context, interrupted};
use crate::{
    cli,
    exit::Exit,
    output::{Render, Theme, bytes, escape, plural, readable},
};

/// One line of the output.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Notification {
        /// When it was read, nanoseconds since 1970.
        ts_ns: u64,
        groups: Vec<u32>,
        #[serde(rename = "type")]
        message_type: u16,
        type_name: Option<&'static str>,
        seq: u32,
        len: u32,
        text: Option<String>,
        payload: String,
    },
    Overrun {
        ts_ns: u64,
    },
    Summary {
        command: &'static str,
        received: u64,
        overruns: u64,
    },
}

impl Event {
    fn notification(notification: &Notification, ts_ns: u64) -> Self {
        Self::Notification {
            ts_ns,
            groups: (0..32).filter(|bit| notification.groups & (1 << bit) != 0).map(|bit| bit + 1).collect(),
            message_type: notification.message_type,
            type_name: uapi::type_name(notification.message_type),
            seq: notification.sequence,
            len: notification.length,
            text: readable(&notification.payload).map(ToOwned::to_owned),
            payload: hex(&notification.payload),
        }
    }
}

impl Render for Event {
    fn text(&self, theme: Theme) -> String {
        match self {
            Self::Notification { groups, message_type, type_name, text, payload, .. } => {
                let groups = groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
                let kind = type_name.map_or_else(|| format!("type {message_type}"), ToOwned::to_owned);
                let size = bytes(payload.len() as u64 / 2);
                let content = text.as_deref().map_or_else(|| payload.clone(), escape);
                format!("{} {content}\n", theme.faint(&format!("group {groups}, {kind}, {size}:")))
            }
            Self::Overrun { .. } => format!("{}\n", theme.bad("overrun: notifications were lost here")),
            Self::Summary { received, overruns, .. } => {
                let mut text = format!("{received} {}", plural(*received, "notification"));
                if *overruns > 0 {
                    text += &format!(", {overruns} {}", plural(*overruns, "overrun"));
                }
                text + "\n"
            }
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

pub(super) async fn run(context: &mut Context, args: &cli::Listen) -> anyhow::Result<Exit> {
    let options = context.options_with(args.buffer).no_enobufs(args.no_enobufs);
    let mut notifications = Notifications::join(&options, uapi::GROUP)?;
    // On standard error, and always: whoever starts a listener in the background can wait for this line.
    writeln!(
        io::stderr(),
        "Listening to group {} of family {}, portid {}",
        uapi::GROUP,
        context.global.protocol,
        notifications.portid()
    )?;
    let timeout = context.global.timeout;
    let end = async {
        match timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    let (mut received, mut overruns) = (0, 0);
    let mut stop = std::pin::pin!(interrupted());
    let mut end = std::pin::pin!(end);
    let timed_out = loop {
        if args.count.is_some_and(|count| received >= count) {
            break false;
        }
        let event = tokio::select! {
            // What has arrived counts, also when the end comes at the same time.
            biased;
            event = notifications.recv() => event,
            () = &mut stop => break false,
            () = &mut end => break true,
        };
        match event {
            Ok(notification) => {
                received += 1;
                context.printer.show(&Event::notification(&notification, now_ns()))?;
            }
            Err(Error::Overrun) => {
                overruns += 1;
                context.printer.show(&Event::Overrun { ts_ns: now_ns() })?;
            }
            Err(error) => return Err(error.into()),
        }
    };
    context.printer.show(&Event::Summary { command: "listen", received, overruns })?;
    // Who named a number wants that number; who named only a time has had it.
    Ok(if timed_out && args.count.is_some() { Exit::Failed } else { Exit::Done })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::json_line;

    fn event(payload: &[u8]) -> Event {
        let notification = Notification {
            groups: 1,
            message_type: 0x12,
            sequence: 0,
            length: 48,
            payload: payload.to_vec(),
        };
        Event::notification(&notification, 7)
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
            "{\"event\":\"notification\",\"ts_ns\":7,\"groups\":[1],\"type\":18,\"type_name\":\"NOTIFY\",\"seq\":0,\
             \"len\":48,\"text\":\"hi\",\"payload\":\"6869\"}\n"
        );
    }
}
