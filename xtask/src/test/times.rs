//! Where the time of a run went.

use std::{
    cmp::Reverse,
    time::{Duration, Instant},
};

/// Of the tests of one kernel, those that took longest are shown one by one.
const SHOWN: usize = 5;

/// The lap in which a guest boots.
pub(super) const BOOT: &str = "boot";

/// Something within a part: a boot, a test.
pub(super) struct Lap {
    pub(super) name: String,
    pub(super) took: Duration,
}

/// One part of the run.
struct Part {
    title: String,
    took: Duration,
    laps: Vec<Lap>,
}

/// All parts, in the order in which they began.
pub(super) struct Times {
    begin: Instant,
    parts: Vec<Part>,
}

/// A part that is under way.
pub(super) struct Clock {
    part: usize,
    begin: Instant,
}

impl Default for Times {
    fn default() -> Self {
        Self { begin: Instant::now(), parts: Vec::new() }
    }
}

impl Times {
    /// A part begins.
    pub(super) fn begin(&mut self, title: &str) -> Clock {
        self.parts.push(Part { title: title.to_owned(), took: Duration::ZERO, laps: Vec::new() });
        Clock { part: self.parts.len() - 1, begin: Instant::now() }
    }

    /// A part ends, which consisted of `laps`.
    pub(super) fn end(&mut self, clock: Clock, laps: Vec<Lap>) {
        let part = &mut self.parts[clock.part];
        (part.took, part.laps) = (clock.begin.elapsed(), laps);
    }
}

impl Times {
    /// A short table: each part, and of what it consisted the boot and what took longest.
    pub(super) fn short(&self) -> String {
        let mut text = format!("{:>8}  part; some ran at the same time\n", "seconds");
        for part in &self.parts {
            text.push_str(&line(part.took, &part.title));
            let (boot, mut laps): (Vec<&Lap>, Vec<&Lap>) = part.laps.iter().partition(|lap| lap.name == BOOT);
            laps.sort_by_key(|lap| Reverse(lap.took));
            let (shown, rest) = laps.split_at(SHOWN.min(laps.len()));
            boot.iter()
                .chain(shown)
                .for_each(|lap| text.push_str(&line(lap.took, &format!("  {}", lap.name))));
            if !rest.is_empty() {
                let took = rest.iter().map(|lap| lap.took).sum();
                text.push_str(&line(took, &format!("  and {} more", rest.len())));
            }
        }
        text + &line(self.begin.elapsed(), "all")
    }

    /// All laps of all parts, in their order.
    pub(super) fn full(&self) -> String {
        let parts = self.parts.iter().map(|part| {
            let laps = part.laps.iter().map(|lap| line(lap.took, &format!("  {}", lap.name)));
            line(part.took, &part.title) + &laps.collect::<String>()
        });
        parts.collect()
    }
}

fn line(took: Duration, what: &str) -> String {
    format!("{:>8.1}  {what}\n", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_laps_are_shown_and_the_others_added_up() {
        let lap = |seconds: u64| Lap { name: format!("t{seconds}"), took: Duration::from_secs(seconds) };
        let boot = Lap { name: BOOT.to_owned(), took: Duration::from_secs(2) };
        let part = Part {
            title: "tests".to_owned(),
            took: Duration::from_secs(30),
            laps: [boot].into_iter().chain([1, 7, 2, 6, 3, 5, 4].map(lap)).collect(),
        };
        let times = Times { begin: Instant::now(), parts: vec![part] };
        let expected = [
            " seconds  part; some ran at the same time",
            "    30.0  tests",
            "     2.0    boot",
            "     7.0    t7",
            "     6.0    t6",
            "     5.0    t5",
            "     4.0    t4",
            "     3.0    t3",
            "     3.0    and 2 more",
            "     0.0  all",
        ];
        assert_eq!(times.short().lines().collect::<Vec<_>>(), expected);
        assert_eq!(times.full().lines().count(), 9);
    }
}
