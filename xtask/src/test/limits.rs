//! How long each end-to-end test may run.
//!
//! The limits are for a machine of slowness 1: two idle processors of a server, the guest emulated on them.
//! PID 1 of the guest times a fixed piece of work when a test begins, and again when its time is up; on a
//! machine that needs twice as long for it, every limit is twice as long (xtask/init/src/speed.rs). A limit
//! is several times what the test takes there, so only what hangs exceeds it.

use std::time::Duration;

/// For a test that is not listed. Most take less than five seconds.
const USUAL: Duration = Duration::from_secs(60);

/// For tests that take longer than a few seconds, about five times as long as they take.
const LONG: &[(&str, Duration)] = &[
    ("c_programs::load_rounds_passes", Duration::from_secs(240)),
    (
        "exchange_witness::strace_sees_the_same_exchanges_of_everybody_who_uses_netlink",
        Duration::from_secs(240),
    ),
    (
        "messages::a_batch_of_a_thousand_rules_is_whole_and_is_filtered_by_any_of_its_types",
        Duration::from_secs(180),
    ),
    (
        "drops_report::with_the_buffer_that_is_advised_nothing_is_dropped_and_with_less_something_is",
        Duration::from_secs(150),
    ),
    ("messages::a_dump_of_ten_thousand_routes_is_whole", Duration::from_secs(180)),
    ("messages::calls_and_messages_of_eight_busy_processes_add_up", Duration::from_secs(120)),
    ("messages::strace_sees_the_same_messages_of_ip", Duration::from_secs(180)),
    ("messages::strace_sees_the_same_messages_of_nft", Duration::from_secs(180)),
    ("ynl::a_program_that_reads_the_specification_can_ask_for_everything", Duration::from_secs(120)),
];

/// The limit of a test.
pub(super) fn of(test: &str) -> Duration {
    LONG.iter().find(|(name, _)| *name == test).map_or(USUAL, |(_, limit)| *limit)
}

/// A test with a limit that is not there any more, if there is one.
pub(super) fn stale(tests: &[String]) -> Option<&'static str> {
    LONG.iter().map(|(name, _)| *name).find(|name| tests.iter().all(|test| test != name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_listed_has_a_limit_too() {
        assert_eq!(of("no::such_test"), USUAL);
    }

    #[test]
    fn a_limit_without_its_test_is_noticed() {
        let all: Vec<String> = LONG.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(stale(&all), None);
        assert_eq!(stale(&[]), LONG.first().map(|(name, _)| *name));
    }
}
