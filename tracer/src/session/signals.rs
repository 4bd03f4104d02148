//! The signals that ask a session to end.

use std::{future::pending, io};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::sink::Hold;

/// SIGINT, SIGTERM, and SIGHUP unless that was ignored from the start.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None where it was ignored from the start, as nohup(1) has it.
    hangup: Option<Signal>,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        // The first to come would be gone if it came in the middle: the handler is there before it knows for
        // whom.
        let _hold = Hold::begin();
        let hangup = (!is_ignored(libc::SIGHUP)).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup,
        })
    }

    /// Waits for one of them, and says which. Cancel-safe.
    pub(super) async fn next(&mut self) -> SignalKind {
        let hung_up = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = hung_up => SignalKind::hangup(),
        }
    }
}

fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: a sigaction is plain data, of which zeros are a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action, the call only writes the old one.
    unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    action.sa_sigaction == libc::SIG_IGN
}
