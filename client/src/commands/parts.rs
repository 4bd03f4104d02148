//! `nltest parts`: a dump of parts, which ends as asked.

use anyhow::bail;
use nltest::{Connection, DumpEnd, DumpReport, Errno};
use serde::Serialize;
use terminal::units::{bytes, plural};

use super::Context;
use crate::{
    cli,
    exit::Exit,
    output::{Render, Theme},
};

#[derive(Serialize)]
struct Summary {
    command: &'static str,
    requested: u32,
    size: u32,
    received: u64,
    received_bytes: u64,
    /// `done`, `failed` or `stalled`.
    end: &'static str,
    #[serde(skip)]
    error: Option<Errno>,
    errno: Option<i32>,
    errno_name: Option<&'static str>,
    extack: Option<String>,
    /// What this socket has missed, as the kernel counts it.
    drops: u32,
}

impl Summary {
    fn new(args: &cli::Parts, report: DumpReport, drops: u32) -> Self {
        let (end, error, extack) = match report.end {
            DumpEnd::Done => ("done", None, None),
            DumpEnd::Failed(refusal) => ("failed", Some(refusal.errno), refusal.message),
            DumpEnd::Stalled => ("stalled", Some(Errno::ENOBUFS), None),
        };
        Self {
            command: "parts",
            requested: args.count,
            size: args.size,
            received: report.received,
            received_bytes: report.received_bytes,
            end,
            error,
            errno: error.map(Errno::number),
            errno_name: error.and_then(Errno::name),
            extack,
            drops,
        }
    }

    /// Whether that is what was asked for.
    fn is_as_asked(&self, args: &cli::Parts) -> bool {
        let errno = self.errno.and_then(|errno| u32::try_from(errno).ok());
        let end = match (args.fail, args.stall) {
            (Some(_), _) => "failed",
            (None, true) => "stalled",
            (None, false) => "done",
        };
        self.end == end
            && (args.fail.is_none() || args.fail == errno)
            && self.received == u64::from(args.count)
    }
}

impl Render for Summary {
    fn text(&self, theme: Theme) -> String {
        let mut text = format!(
            "received {} {} ({}) of {}\n",
            self.received,
            plural(self.received, "part"),
            bytes(self.received_bytes),
            self.requested
        );
        let errno = self.error.map(|errno| errno.to_string()).unwrap_or_default();
        text += &match self.end {
            "done" => "the dump is complete\n".to_owned(),
            "failed" => format!("{} {errno}\n", theme.bad("the dump failed:")),
            _ => format!(
                "{} reading failed with {errno}, and the kernel sends no more; drops of this socket: {}\n",
                theme.bad("the dump has stopped without an end:"),
                self.drops
            ),
        };
        if let Some(extack) = &self.extack {
            text += &format!("extended ACK: {}\n", theme.escape(extack));
        }
        text
    }
}

pub(super) async fn run(context: &mut Context, args: &cli::Parts) -> anyhow::Result<Exit> {
    let connection: Connection = context.connect()?;
    let report = connection.parts(args.count, args.size, args.fail, args.stall).await?;
    let summary = Summary::new(args, report, connection.socket().memory()?.drops);
    let as_asked = summary.is_as_asked(args);
    context.printer.show(&summary)?;
    if !as_asked {
        bail!("the dump did not end as asked: repeat it, and look at dmesg if that does not help");
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use nltest::Refusal;

    use super::*;

    const ARGS: cli::Parts = cli::Parts { count: 3, size: 10, fail: None, stall: false };

    fn summary(args: &cli::Parts, received: u64, end: DumpEnd) -> Summary {
        Summary::new(args, DumpReport { received, received_bytes: 10 * received, end }, 0)
    }

    #[test]
    fn an_end_is_told_from_none() {
        let refusal =
            Refusal { message: Some("as\tasked".to_owned()), ..Errno::new(libc::EIO).unwrap().into() };
        for (end, text) in [
            (DumpEnd::Done, "the dump is complete\n"),
            (
                DumpEnd::Failed(refusal.into()),
                "the dump failed: EIO (Input/output error)\nextended ACK: as\\tasked\n",
            ),
            (
                DumpEnd::Stalled,
                "the dump has stopped without an end: reading failed with ENOBUFS (No buffer space available), \
                 and the kernel sends no more; drops of this socket: 0\n",
            ),
        ] {
            let expected = format!("received 3 parts (30 bytes) of 3\n{text}");
            assert_eq!(summary(&ARGS, 3, end).text(Theme::PLAIN), expected);
        }
    }

    #[test]
    fn only_the_end_that_was_asked_for_is_a_success() {
        let failed = |errno| DumpEnd::Failed(Box::new(Errno::new(errno).unwrap().into()));
        let fail = cli::Parts { fail: Some(5), ..ARGS };
        let stall = cli::Parts { stall: true, ..ARGS };
        for (args, received, end, expected) in [
            (&ARGS, 3, DumpEnd::Done, true),
            (&ARGS, 2, DumpEnd::Done, false),
            (&ARGS, 3, failed(5), false),
            (&fail, 3, failed(5), true),
            (&fail, 3, failed(6), false),
            (&fail, 3, DumpEnd::Done, false),
            (&stall, 3, DumpEnd::Stalled, true),
            (&stall, 1, DumpEnd::Stalled, false),
            (&stall, 3, failed(libc::ENOBUFS), false),
        ] {
            let text = format!("{args:?}: {received} parts, {end:?}");
            assert_eq!(summary(args, received, end).is_as_asked(args), expected, "{text}");
        }
    }
}
