//! `nltest burst`: many messages at once.

use nltest::{BurstReport, Connection, uapi};
use serde::Serialize;

use super::Context;
use crate::{
    cli,
    exit::Exit,
    output::{Render, Theme, bytes, plural},
};

#[derive(Serialize)]
struct Bursted {
    command: &'static str,
    requested: u32,
    size: u32,
    group: Option<u32>,
    /// As the kernel says; null when its answer was dropped too.
    delivered: Option<u64>,
    undelivered: Option<u64>,
    /// As this socket saw it.
    received: u64,
    received_bytes: u64,
    overruns: u64,
    rcvbuf: usize,
}

impl Render for Bursted {
    fn text(&self, _: Theme) -> String {
        let to = self.group.map_or_else(|| "this socket".to_owned(), |group| format!("group {group}"));
        let requested = u64::from(self.requested);
        let mut text =
            format!("{requested} {} of {} to {to}\n", plural(requested, "message"), bytes(self.size.into()));
        text += &match (self.delivered, self.undelivered) {
            (Some(delivered), Some(undelivered)) => {
                format!(
                    "the kernel says: {delivered} delivered, {undelivered} refused by the receiving socket\n"
                )
            }
            _ => "the kernel's answer was lost with the rest: the receive buffer was full\n".to_owned(),
        };
        if self.group.is_none() {
            text += &format!(
                "received {} ({}), lost {}; {} reported, receive buffer {}\n",
                self.received,
                bytes(self.received_bytes),
                requested.saturating_sub(self.received),
                format_args!("{} {}", self.overruns, plural(self.overruns, "overrun")),
                bytes(self.rcvbuf as u64),
            );
        }
        text
    }
}

pub(super) async fn run(context: &mut Context, args: &cli::Burst) -> anyhow::Result<Exit> {
    let connection = Connection::open(&context.options_with(args.buffer))?;
    let group = args.group.then_some(uapi::GROUP);
    let report = connection.burst(args.count, args.size, group).await?;
    let BurstReport { delivered, undelivered, received, received_bytes, overruns, .. } = report;
    context.printer.show(&Bursted {
        command: "burst",
        requested: args.count,
        size: args.size,
        group,
        delivered,
        undelivered,
        received,
        received_bytes,
        overruns,
        rcvbuf: connection.socket().receive_buffer()?,
    })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lossy() -> Bursted {
        Bursted {
            command: "burst",
            requested: 1000,
            size: 32,
            group: None,
            delivered: None,
            undelivered: None,
            received: 256,
            received_bytes: 8192,
            overruns: 1,
            rcvbuf: 212_992,
        }
    }

    #[test]
    fn an_overrun_is_told_as_a_result() {
        assert_eq!(
            lossy().text(Theme::PLAIN),
            "1000 messages of 32 bytes to this socket\n\
             the kernel's answer was lost with the rest: the receive buffer was full\n\
             received 256 (8192 bytes), lost 744; 1 overrun reported, receive buffer 212992 bytes\n"
        );
    }

    #[test]
    fn a_burst_to_the_group_is_not_received_here() {
        let burst = Bursted { group: Some(1), delivered: Some(900), undelivered: Some(100), ..lossy() };
        assert_eq!(
            burst.text(Theme::PLAIN),
            "1000 messages of 32 bytes to group 1\n\
             the kernel says: 900 delivered, 100 refused by the receiving socket\n"
        );
    }
}
