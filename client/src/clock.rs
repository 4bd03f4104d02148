//! The clock of the measurements.

/// Nanoseconds on CLOCK_MONOTONIC. `Instant` is the same clock, but its checked subtraction takes as many
/// instructions as the reading, which counts where every message is timed.
#[inline]
pub(crate) fn now_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec that outlives the call. It cannot fail: every Linux has this
    // clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // The clock starts at 0 with the machine.
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    #[test]
    fn goes_forward_in_nanoseconds() {
        let start = std::time::Instant::now();
        let first = super::now_ns();
        while start.elapsed().as_millis() < 2 {}
        let passed = super::now_ns() - first;
        assert!((1_900_000..10_000_000_000).contains(&passed), "{passed}");
    }
}
