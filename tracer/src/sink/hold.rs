//! Which threads take the signals that ask a capture to end, and when.

use std::mem::zeroed;

/// The signals that ask a capture to end.
const ENDING: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// While this lives, the current thread takes none of the signals that ask a capture to end: where no other
/// does, they wait.
#[must_use]
pub struct Hold(libc::sigset_t);

impl Hold {
    /// From now on.
    pub fn begin() -> Self {
        // SAFETY: a set of signals is plain data, which sigemptyset makes one of.
        let mut ending: libc::sigset_t = unsafe { zeroed() };
        let mut before = ending;
        // SAFETY: `ending` is a set to write to.
        unsafe { libc::sigemptyset(&raw mut ending) };
        for signal in ENDING {
            // SAFETY: `ending` is a set, and `signal` is one.
            unsafe { libc::sigaddset(&raw mut ending, signal) };
        }
        // SAFETY: both are sets, the second to write to.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const ending, &raw mut before) };
        Self(before)
    }

    /// For as long as the thread runs.
    pub(super) fn for_ever() {
        std::mem::forget(Self::begin());
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // SAFETY: the set is what was blocked before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_blocked(signal: libc::c_int) -> bool {
        // SAFETY: plain data.
        let mut now = unsafe { zeroed() };
        // SAFETY: without a new set, the call only writes the present one.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut now) };
        // SAFETY: `now` is a set.
        unsafe { libc::sigismember(&raw const now, signal) == 1 }
    }

    #[test]
    fn signals_wait_as_long_as_they_are_held() {
        assert!(!is_blocked(libc::SIGINT));
        let hold = Hold::begin();
        assert!(ENDING.into_iter().all(is_blocked) && !is_blocked(libc::SIGUSR1));
        drop(hold);
        assert!(!ENDING.into_iter().any(is_blocked));
    }
}
