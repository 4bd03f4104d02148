//! An independent count of a kernel function's calls: a kprobe of ftrace, set by hand, whose hits the kernel
//! counts itself.

use std::{fs, fs::OpenOptions, io::Write};

const TRACING: &str = "/sys/kernel/tracing";

/// Counts calls of a function, for as long as it lives.
pub(crate) struct Calls {
    name: String,
}

impl Calls {
    /// Calls of `function` from now on.
    pub(crate) fn of(function: &str) -> Self {
        let name = format!("calls_of_{function}");
        append(&format!("p:nltrace_tests/{name} {function}"));
        enable(&name, true);
        Self { name }
    }

    /// How many there were. The kernel must not have missed any.
    pub(crate) fn count(&self) -> u64 {
        let profile = fs::read_to_string(format!("{TRACING}/kprobe_profile")).expect("tracefs is mounted");
        let line = profile.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let line = line.into_iter().find(|words| words.first() == Some(&self.name.as_str()));
        let [hits, misses] = [1, 2].map(|column| {
            let word = line.as_ref().and_then(|words| words.get(column));
            word.and_then(|word| word.parse::<u64>().ok())
                .unwrap_or_else(|| panic!("another table: {profile}"))
        });
        assert_eq!(misses, 0, "the independent count is not exact either");
        hits
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        enable(&self.name, false);
        append(&format!("-:nltrace_tests/{}", self.name));
    }
}

fn enable(name: &str, on: bool) {
    let switch = format!("{TRACING}/events/nltrace_tests/{name}/enable");
    fs::write(switch, if on { "1" } else { "0" }).expect("the event was made");
}

fn append(definition: &str) {
    let mut events =
        OpenOptions::new().append(true).open(format!("{TRACING}/kprobe_events")).expect("tracefs is mounted");
    events.write_all(definition.as_bytes()).unwrap_or_else(|error| panic!("{definition}: {error}"));
}
