//! `cargo xtask bench --scale`: how the costs grow with processors, senders, keys, sockets and rings, and
//! memory with processors and events.

use std::time::Duration;

use anyhow::{Result, bail};

use super::{
    cases::{Case, Load, ours, untraced},
    guest::{self, Manner},
    table,
};
use crate::{
    setup::{Kernel, Provided},
    ui,
    vm::{self, Command, Hardware, Job, Stream},
};

/// The processors that a capture must get along with in 64 MiB.
const POSSIBLE_CPUS: u32 = 128;
/// An hour of a thousand events a second, three for each message.
const MESSAGES: &str = "1200000";
const MEMORY_LIMIT: Duration = Duration::from_secs(1800);

/// Cases that share a boot.
struct Group {
    cpus: u32,
    cases: &'static [Case],
}

const HIST: &str = "nltrace hist --json -- /tmp/load";
const HIST_10000: &str = "nltrace hist --json --max-keys 10000 -- /tmp/load";

const fn senders(rest: &'static str) -> Load {
    Load { command: "nltest --json bench -c", count: 16_000, rest }
}

/// Message types, of which each makes two keys, and sockets.
const fn spread(rest: &'static str) -> Load {
    Load { command: "spread_loop", count: 20_000, rest }
}

const fn echo(rest: &'static str) -> Load {
    Load { command: "echo_loop", count: 30_000, rest }
}

const ONE: &[Case] = &[
    untraced("1 sender", senders("--threads 1")),
    ours("1 sender, hist", senders("--threads 1"), HIST),
    untraced("8 senders on one processor", senders("--threads 8")),
    ours("8 senders on one processor, hist", senders("--threads 8"), HIST),
    untraced("1 type", spread("1 1")),
    ours("1 type, hist", spread("1 1"), HIST),
    untraced("100 types", spread("100 1")),
    ours("100 types, hist", spread("100 1"), HIST),
    untraced("5,000 types", spread("5000 1")),
    ours("5,000 types, hist (most become `other`)", spread("5000 1"), HIST),
    ours("5,000 types, hist --max-keys 10000", spread("5000 1"), HIST_10000),
    untraced("64 sockets", spread("1 64")),
    ours("64 sockets, hist", spread("1 64"), HIST),
    untraced("for rings", echo("32")),
    ours(
        "trace, --ring-size 64K",
        echo("32"),
        "nltrace trace --calls --json --ring-size 64K -- /tmp/load > /dev/null",
    ),
    ours(
        "trace, --ring-size 512K",
        echo("32"),
        "nltrace trace --calls --json --ring-size 512K -- /tmp/load > /dev/null",
    ),
    ours(
        "trace, --ring-size 4M",
        echo("32"),
        "nltrace trace --calls --json --ring-size 4M -- /tmp/load > /dev/null",
    ),
    ours(
        "trace, --ring-size 32M",
        echo("32"),
        "nltrace trace --calls --json --ring-size 32M -- /tmp/load > /dev/null",
    ),
];
const TWO: &[Case] =
    &[untraced("2 senders", senders("--threads 2")), ours("2 senders, hist", senders("--threads 2"), HIST)];
const FOUR: &[Case] =
    &[untraced("4 senders", senders("--threads 4")), ours("4 senders, hist", senders("--threads 4"), HIST)];
const EIGHT: &[Case] =
    &[untraced("8 senders", senders("--threads 8")), ours("8 senders, hist", senders("--threads 8"), HIST)];

const GROUPS: &[Group] = &[
    Group { cpus: 1, cases: ONE },
    Group { cpus: 2, cases: TWO },
    Group { cpus: 4, cases: FOUR },
    Group { cpus: 8, cases: EIGHT },
];

/// Measures in one kernel and prints.
pub(super) fn run(provided: &Provided, kernel: &Kernel) -> Result<()> {
    for &Group { cpus, cases } in GROUPS {
        let cases: Vec<&Case> = cases.iter().collect();
        let manner = Manner { cpus, ..Manner::FULL };
        let title = format!("{} with {cpus} processors", kernel.version);
        let boot = ui::step(&title, |step| guest::run(provided, kernel, &cases, manner, step))?;
        println!("{cpus} processors, {}", table::costs(&boot));
    }
    let title = format!("memory in {}", kernel.version);
    println!("{}", ui::step(&title, |_| memory(provided, kernel))?);
    Ok(())
}

/// What `bench/memory.sh` prints.
fn memory(provided: &Provided, kernel: &Kernel) -> Result<String> {
    let hardware = vm::hardware(provided, kernel, 2, 2048, false)?;
    let job = Job {
        hardware: Hardware { possible_cpus: POSSIBLE_CPUS, ..hardware },
        command: Command::new(["bash", "/opt/nltrace/bench/memory.sh", MESSAGES].map(Into::into).to_vec()),
        timeout: Some(MEMORY_LIMIT),
    };
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let outcome = job.run(provided, kernel, &mut |stream: Stream, bytes: &[u8]| {
        match stream {
            Stream::Out => output.extend_from_slice(bytes),
            Stream::Error => errors.extend_from_slice(bytes),
        }
        Ok(())
    })?;
    if !outcome.is_success() {
        bail!("{}\n{}", outcome.problems.join("\n"), String::from_utf8_lossy(&errors).trim_end());
    }
    Ok(String::from_utf8_lossy(&output).into_owned())
}
