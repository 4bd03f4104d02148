//! `nltest unicast`: messages from this process to another one's socket.

use std::{io, mem, ptr, thread, time::Duration};

use anyhow::Context as _;
use nltest::{Blocking, Sent, Socket, codec};
use serde::Serialize;
use terminal::units::{bytes, plural};

use super::Context;
use crate::{
    cli,
    exit::Exit,
    output::{Render, Theme},
};

/// How long from one signal to the next.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(10);

/// What became of the messages.
#[derive(Default, Serialize)]
struct Summary {
    command: &'static str,
    portid: u32,
    size: u32,
    requested: u64,
    sent: u64,
    would_block: u64,
    interrupted: u64,
    no_receiver: u64,
}

impl Summary {
    const fn count(&mut self, sent: Sent) {
        match sent {
            Sent::Queued => self.sent += 1,
            Sent::WouldBlock => self.would_block += 1,
            Sent::Interrupted => self.interrupted += 1,
            Sent::NoReceiver => self.no_receiver += 1,
        }
    }
}

impl Render for Summary {
    fn text(&self, _: Theme) -> String {
        let messages = plural(self.requested, "message");
        let mut text = format!(
            "sent {} of {} {messages} of {} to portid {}\n",
            self.sent,
            self.requested,
            bytes(self.size.into()),
            self.portid
        );
        for (count, reason) in [
            (self.would_block, "the receiver's buffer was full (EAGAIN)"),
            (self.interrupted, "a signal came while waiting for room in the receiver's buffer (EINTR)"),
            (
                self.no_receiver,
                "nobody has this portid, or its socket is connected to the kernel (ECONNREFUSED); `nltest listen \
                 --from-processes` is not",
            ),
        ] {
            if count > 0 {
                text += &format!("{count} not sent: {reason}\n");
            }
        }
        text
    }
}

pub(super) fn run(context: &mut Context, args: &cli::Unicast) -> anyhow::Result<Exit> {
    let socket = Socket::open(&context.options(), Blocking::Yes)?;
    socket.set_send_timeout(Some(context.timeout()))?;
    if let Some(delay) = args.interrupt {
        interrupt_this_thread_after(delay).context("arranging for a signal")?;
    }
    let blocking = if args.nonblock { Blocking::No } else { Blocking::Yes };
    let mut summary = Summary {
        command: "unicast",
        portid: args.portid,
        size: args.size,
        requested: args.count,
        ..Summary::default()
    };
    let mut datagram = Vec::new();
    for number in 1..=args.count {
        datagram.clear();
        codec::encode_burst_message(number as u32, args.size as usize, &mut datagram)?;
        summary.count(socket.send_to(args.portid, &datagram, blocking)?);
    }
    context.printer.show(&summary)?;
    Ok(Exit::Done)
}

/// Has this thread's system calls fail with `EINTR` from then on: a signal that does nothing, again and
/// again, as one that comes between two calls ends neither.
fn interrupt_this_thread_after(delay: Duration) -> io::Result<()> {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: all bits zero is an action without flags (no SA_RESTART) and with an empty mask.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
    // SAFETY: `action` outlives the call, and its handler does nothing, which may happen at any time.
    if unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it has no preconditions.
    let this = unsafe { libc::pthread_self() };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        thread::sleep(delay);
        // SAFETY: `this` is the main thread, which exists as long as the process.
        while unsafe { libc::pthread_kill(this, libc::SIGUSR1) } == 0 {
            thread::sleep(SIGNAL_INTERVAL);
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_that_was_not_sent_has_its_reason() {
        let mut summary = Summary { portid: 7, size: 32, requested: 9, ..Summary::default() };
        for (sent, count) in
            [(Sent::Queued, 1), (Sent::WouldBlock, 2), (Sent::Interrupted, 3), (Sent::NoReceiver, 3)]
        {
            (0..count).for_each(|_| summary.count(sent));
        }
        let text = summary.text(Theme::PLAIN);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "sent 1 of 9 messages of 32 bytes to portid 7");
        assert!(lines[1].starts_with("2 not sent: ") && lines[1].ends_with("(EAGAIN)"), "{text}");
        assert!(lines[2].starts_with("3 not sent: ") && lines[2].ends_with("(EINTR)"), "{text}");
        assert!(lines[3].starts_with("3 not sent: ") && lines[3].contains("ECONNREFUSED"), "{text}");
        summary = Summary { requested: 1, sent: 1, ..Summary::default() };
        assert_eq!(summary.text(Theme::PLAIN).lines().count(), 1);
    }
}
