//! Runs cases in one boot of a guest that counts instructions, and reads what `bench/run.sh` prints there.

use std::{ffi::OsString, time::Duration};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{
    cases::{Case, Loss},
    results::{Boot, Row},
};
use crate::{
    setup::{Kernel, Provided},
    ui::Step,
    vm::{Accelerator, Command, Hardware, Job, Stream},
};

const SCRIPT: &str = "/opt/nltrace/bench/run.sh";

/// The trace of the longest case goes to a file in memory.
const MEMORY_MIB: u32 = 1024;

const LIMIT: Duration = Duration::from_secs(1800);

/// How to run them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Seconds of the guest that it is left alone after boot. They cost no real time.
    pub(crate) settle_secs: u32,
    /// How often each case is run; the median counts.
    pub(crate) runs: u32,
    /// Processors. More than one take turns, and the clock counts the instructions of all of them.
    pub(crate) cpus: u32,
}

impl Manner {
    /// What figures are published with.
    pub(crate) const FULL: Self = Self { settle_secs: 8, runs: 3, cpus: 1 };
}

/// A line that a load prints, as far as it is of use here.
#[derive(Deserialize)]
struct Run {
    ns_per_message: f64,
}

/// What is known of a case when its lines have been read.
#[derive(Default)]
struct Lines {
    start_ns: Option<u64>,
    attached_ns: Option<u64>,
    resident_kib: Option<u64>,
    runs: Vec<f64>,
    lost: u64,
    said: Vec<String>,
}

/// Boots `kernel`, runs `cases`, and says in `step` which one it is at.
pub(crate) fn run(
    provided: &Provided,
    kernel: &Kernel,
    cases: &[&Case],
    manner: Manner,
    step: &Step,
) -> Result<Boot> {
    let job = Job {
        hardware: Hardware {
            accelerator: Accelerator::Counting,
            cpus: manner.cpus,
            possible_cpus: manner.cpus,
            memory_mib: MEMORY_MIB,
            poison: false,
        },
        command: Command::new(words(cases, manner)),
        timeout: Some(LIMIT),
    };
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let outcome = job.run(provided, kernel, &mut |stream: Stream, bytes: &[u8]| {
        match stream {
            Stream::Out => output.extend_from_slice(bytes),
            Stream::Error => errors.extend_from_slice(bytes),
        }
        let text = String::from_utf8_lossy(bytes);
        if let Some(name) = text.lines().rev().find_map(|line| line.strip_prefix("case ")) {
            step.say(name);
        }
        Ok(())
    })?;
    if !outcome.is_success() {
        bail!("{}\n{}", outcome.problems.join("\n"), String::from_utf8_lossy(&errors).trim_end());
    }
    let mut rows = read(&String::from_utf8_lossy(&output), cases)?;
    if manner.cpus > 1 {
        // Several are idle at the same time, which is more idle time than there is time.
        rows.iter_mut().for_each(|row| row.start_instructions = None);
    }
    Ok(Boot::new(kernel, cases, rows))
}

fn words(cases: &[&Case], manner: Manner) -> Vec<OsString> {
    let mut words = vec!["bash".to_owned(), SCRIPT.to_owned()];
    words.extend([manner.settle_secs.to_string(), manner.runs.to_string()]);
    for case in cases {
        let loss = match case.loss {
            Loss::Lines(pattern) => pattern,
            Loss::Untold | Loss::Notes => "",
        };
        let fixed = [case.ready.unwrap_or_default(), loss, case.command];
        words.extend([case.name.to_owned(), case.load.line()]);
        words.extend(fixed.map(str::to_owned));
    }
    words.into_iter().map(Into::into).collect()
}

/// Makes a row of each case's lines.
fn read(output: &str, cases: &[&Case]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut lines = Lines::default();
    for line in output.lines() {
        let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        match key {
            "case" => lines = Lines::default(),
            "start" => lines.start_ns = value.parse().ok(),
            "attached" => lines.attached_ns = value.parse().ok(),
            "VmHWM:" => lines.resident_kib = first_number(value),
            "run" => {
                let run: Run =
                    serde_json::from_str(value).with_context(|| format!("a load printed {value}"))?;
                lines.runs.push(run.ns_per_message);
            }
            "loss" => lines.lost += first_number(value).unwrap_or(0),
            "said" => lines.said.push(value.to_owned()),
            "status" => {
                let case = cases.get(rows.len()).context("the guest ran more cases than it was asked to")?;
                let status = value.parse().with_context(|| format!("the guest printed {line:?}"))?;
                rows.push(row(case, std::mem::take(&mut lines), status));
            }
            _ => bail!("the guest printed {line:?}"),
        }
    }
    if rows.len() != cases.len() {
        bail!("the guest ended after {} of {} cases", rows.len(), cases.len());
    }
    Ok(rows)
}

fn row(case: &Case, lines: Lines, status: u8) -> Row {
    let mut row = Row::new(case.name, case.kind);
    let lost = match case.loss {
        Loss::Untold => None,
        Loss::Lines(_) => Some(lines.lost),
        Loss::Notes => Some(lines.said.iter().filter_map(|line| lost_calls(line)).sum()),
    };
    if status != 0 || lines.runs.is_empty() {
        row.failure = Some(format!("exit status {status}: {}", lines.said.join(" / ")));
        return row;
    }
    row.lost = lost;
    row.instructions = median(&lines.runs);
    row.runs = lines.runs;
    // A program that does not start the load is not its parent, either.
    if case.ready.is_none() {
        row.resident_kib = lines.resident_kib;
        row.start_instructions =
            lines.start_ns.zip(lines.attached_ns).map(|(start, attached)| attached.saturating_sub(start));
    }
    row
}

/// How many calls a note of nltrace says were lost.
fn lost_calls(note: &str) -> Option<u64> {
    let (number, _) =
        note.split_once(" calls were lost: ").or_else(|| note.split_once(" call was lost: "))?;
    first_number(number)
}

/// The first number in a text, which may have its digits grouped by commas.
fn first_number(text: &str) -> Option<u64> {
    let word = text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    word.replace(',', "").parse().ok()
}

/// The middle one.
fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::cases::CASES;

    fn case(name: &str) -> &'static Case {
        CASES.iter().find(|case| case.name == name).unwrap()
    }

    #[test]
    fn reads_what_the_guest_prints() {
        let cases = [case("untraced"), case("hist"), case("bpftrace, printing > file"), case("strace")];
        let output = "case untraced\nstart 100\nattached 150\nVmHWM:\t    2000 kB\nrun {\"ns_per_message\":7000.0}\n\
            run {\"ns_per_message\":7002.0}\nrun {\"ns_per_message\":7001.0}\nstatus 0\n\
            case hist\nstart 200\nattached 450\nVmHWM:\t    9000 kB\nrun {\"ns_per_message\":9001.0}\n\
            said nltrace: 1,234 calls were lost: the ring\nsaid nltrace: 6 calls were lost: the program\nsaid nltrace: 20 ran\nstatus 0\n\
            case bpftrace, printing > file\nstart 500\nattached 600\nrun {\"ns_per_message\":20000.0}\n\
            loss Lost 12 events\nloss Lost 30 events\nstatus 0\n\
            case strace\nstart 700\nsaid no such program\nstatus 127\n";
        let rows = read(output, &cases).unwrap();
        assert_eq!((rows[0].instructions, rows[0].lost), (Some(7001.0), None));
        assert_eq!((rows[1].instructions, rows[1].lost), (Some(9001.0), Some(1240)));
        assert_eq!((rows[1].start_instructions, rows[1].resident_kib), (Some(250), Some(9000)));
        assert_eq!(rows[2].lost, Some(42));
        assert_eq!(rows[3].failure.as_deref(), Some("exit status 127: no such program"));
    }

    #[test]
    fn a_status_is_a_failure_and_so_is_silence() {
        let rows = read("case hist\nrun {\"ns_per_message\":1.0}\nstatus 4\n", &[case("hist")]).unwrap();
        assert!(rows[0].failure.is_some() && rows[0].instructions.is_none());
        assert!(read("case hist\nstatus 0\n", &[case("hist")]).unwrap()[0].failure.is_some());
        assert!(read("", &[case("hist")]).is_err());
    }
}
