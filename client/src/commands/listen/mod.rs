//! `nltest listen`: joins the multicast group and prints its notifications, as well or as badly as asked.

mod event;

use std::{
    io::{self, Write},
    pin::Pin,
    thread,
    time::Duration,
};

use nltest::{Memory, Notifications, uapi};

use self::event::{Event, Summary};
use super::{Context, interrupted};
use crate::{cli, exit::Exit};

pub(super) async fn run(context: &mut Context, args: &cli::Listen) -> anyhow::Result<Exit> {
    let options = context
        .options_with(args.buffer)
        .filter(args.filter)
        .from_processes(args.from_processes)
        .no_enobufs(args.no_enobufs)
        .broadcast_error(args.broadcast_error);
    let mut notifications = match args.read_buffer {
        Some(length) => Notifications::join_with(&options, uapi::GROUP, length as usize)?,
        None => Notifications::join(&options, uapi::GROUP)?,
    };
    let mut end = End::new(context.global.timeout);
    // Always, and on standard error: a script that starts a listener in the background can wait for this
    // line.
    writeln!(
        io::stderr(),
        "Listening to group {} of family {}, portid {}",
        uapi::GROUP,
        context.global.protocol,
        notifications.portid()
    )?;
    let mut summary = Summary { command: "listen", ..Summary::default() };
    let wanted = match (args.count, args.unread) {
        (None, true) => Some(0),
        (count, _) => count,
    };
    let ended = loop {
        if wanted.is_some_and(|wanted| summary.received >= wanted) {
            break if args.unread { end.come().await } else { Ended::Enough };
        }
        let event = tokio::select! {
            // What has arrived is printed, even if the end comes at the same time.
            biased;
            event = notifications.recv() => event,
            ended = end.come() => break ended,
        };
        let event = summary.count(event)?;
        context.printer.show(&event)?;
        if let Some(ended) = end.come_within(args.delay).await {
            break ended;
        }
    };
    let Memory { unread, receive_buffer, drops } = notifications.socket().memory()?;
    let summary = Summary { rcvbuf: receive_buffer, unread_bytes: unread, drops, ..summary };
    let enough = args.count.is_none_or(|count| summary.received >= count);
    context.printer.show(&Event::Summary(summary))?;
    // With --count, fewer are a failure. With --timeout alone, the end of the time is the expected end.
    Ok(if ended == Ended::TimedOut && !enough { Exit::Failed } else { Exit::Done })
}

/// Why listening ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Enough,
    Interrupted,
    TimedOut,
}

/// The end from outside: Ctrl-C, or the timeout.
struct End(Pin<Box<dyn Future<Output = Ended>>>);

impl End {
    fn new(timeout: Option<Duration>) -> Self {
        let timed_out = async move {
            match timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        let interrupted = interrupted();
        Self(Box::pin(async move {
            tokio::select! {
                () = interrupted => Ended::Interrupted,
                () = timed_out => Ended::TimedOut,
            }
        }))
    }

    /// Resolves at the end, and is not to be used again then.
    async fn come(&mut self) -> Ended {
        self.0.as_mut().await
    }

    /// Waits for `delay`, or until the end if that comes earlier.
    async fn come_within(&mut self, delay: Duration) -> Option<Ended> {
        /// The runtime's timer counts milliseconds; what is shorter than some of them is slept through.
        const SHORT: Duration = Duration::from_millis(10);
        if delay.is_zero() {
            return None;
        }
        if delay < SHORT {
            thread::sleep(delay);
            return None;
        }
        tokio::select! {
            ended = self.come() => Some(ended),
            () = tokio::time::sleep(delay) => None,
        }
    }
}
