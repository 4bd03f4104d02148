//! The counts that were agreed on, in bench/agreed.json: `cargo xtask test` fails when one is exceeded, or
//! missed by far.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{
    results::{Boot, Row},
    table,
};
use crate::{project::Project, setup::Series};

/// What may come on top of an agreed count. Counts of two boots differ by a tenth of a per cent, those of two
/// C compilers by more.
const TOLERANCE: f64 = 0.03;

/// The same for a start, which depends on what the kernel has in memory already, and for resident memory.
const START_TOLERANCE: f64 = 0.1;

/// What may be missing of an agreed count. With less it is more likely that something is not done any more
/// than that it got this much cheaper.
const SUSPICIOUS: f64 = 0.2;

/// What was agreed on for the kernels of a series.
#[derive(Debug, Serialize, Deserialize)]
struct Agreed {
    /// The kernel that it was measured in.
    version: String,
    /// By case: the instructions that tracing adds to a round trip, or all where nothing traces.
    instructions: BTreeMap<String, f64>,
    /// By case: the instructions from exec(2) to the moment when everything is attached.
    start_instructions: BTreeMap<String, f64>,
    /// By case: KiB of resident memory until then, at most.
    resident_kib: BTreeMap<String, f64>,
}

/// All of them.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Agreement(BTreeMap<Series, Agreed>);

fn file(project: &Project) -> PathBuf {
    project.root.join("xtask/bench/agreed.json")
}

impl Agreement {
    /// Reads it.
    pub(crate) fn read(project: &Project) -> Result<Self> {
        let path = file(project);
        let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("parse {}", path.display()))
    }

    /// Writes it.
    pub(crate) fn write(&self, project: &Project) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(fs::write(file(project), text)?)
    }

    /// Agrees on what was measured.
    pub(crate) fn agree(&mut self, boot: &Boot) {
        let by_case = |figure: fn(&Row) -> Option<f64>| {
            boot.cases.iter().filter_map(|row| Some((row.name.clone(), figure(row)?.round()))).collect()
        };
        let agreed = Agreed {
            version: boot.version.clone(),
            instructions: by_case(Row::figure),
            start_instructions: by_case(start),
            resident_kib: by_case(resident),
        };
        self.0.insert(boot.series, agreed);
    }

    /// Whether each case of the short form keeps to it; an error says by how much it does not.
    pub(crate) fn check(&self, boot: &Boot) -> Vec<Result<(), String>> {
        boot.cases.iter().map(|row| self.check_row(boot, row)).collect()
    }

    fn check_row(&self, boot: &Boot, row: &Row) -> Result<(), String> {
        let name = &row.name;
        if row.figure().is_none() {
            return Err(format!("{name}: {}", row.failure.as_deref().unwrap_or("not measured")));
        }
        if let Some(lost @ 1..) = row.lost {
            return Err(format!("{name}: {lost} events lost"));
        }
        let Some(agreed) = self.0.get(&boot.series) else { return Err(nothing_agreed(name)) };
        for (what, tolerance, now, counts) in [
            ("instructions", TOLERANCE, row.figure(), &agreed.instructions),
            ("instructions until it is attached", START_TOLERANCE, start(row), &agreed.start_instructions),
            ("KiB resident", START_TOLERANCE, resident(row), &agreed.resident_kib),
        ] {
            let (now, count) = match (now, counts.get(name)) {
                (None, None) => continue,
                (None, Some(_)) => return Err(format!("{name}: {what} not measured")),
                (Some(_), None) => return Err(nothing_agreed(name)),
                (Some(now), Some(count)) => (now, *count),
            };
            let advice = match now / count {
                ratio if ratio > 1.0 + tolerance => "",
                ratio if ratio < 1.0 - SUSPICIOUS => {
                    "; if that is intended, record it with `cargo xtask bench --agree`"
                }
                _ => continue,
            };
            return Err(format!(
                "{name}: {} {what} in {}, {} agreed in {}, {}{advice}",
                table::count(Some(now)),
                boot.version,
                table::count(Some(count)),
                agreed.version,
                table::change(count, now)
            ));
        }
        Ok(())
    }
}

fn start(row: &Row) -> Option<f64> {
    row.start_instructions.map(|count| count as f64)
}

/// Where nothing traces it is the shell's.
fn resident(row: &Row) -> Option<f64> {
    row.start_instructions.and(row.resident_kib).map(|kib| kib as f64)
}

fn nothing_agreed(name: &str) -> String {
    format!("{name}: no agreed count; record one with `cargo xtask bench --agree`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::cases::Kind;

    fn boot(added: f64, lost: u64) -> Boot {
        let row = Row { added: Some(added), lost: Some(lost), ..Row::new("hist", Kind::Ours) };
        Boot { series: Series::NEWEST, version: "7.3.4".to_owned(), cases: vec![row] }
    }

    #[test]
    fn three_per_cent_more_is_kept_to_and_what_exceeds_them_is_not() {
        let mut agreement = Agreement::default();
        agreement.agree(&boot(1000.0, 0));
        assert_eq!(agreement.check(&boot(1030.0, 0)), [Ok(())]);
        let exceeded = "hist: 1,031 instructions in 7.3.4, 1,000 agreed in 7.3.4, +3.1 %";
        assert_eq!(agreement.check(&boot(1031.0, 0)), [Err(exceeded.to_owned())]);
    }

    #[test]
    fn a_start_and_its_memory_may_vary_by_a_tenth() {
        let started = |instructions, kib| {
            let mut boot = boot(1000.0, 0);
            boot.cases[0].start_instructions = Some(instructions);
            boot.cases[0].resident_kib = Some(kib);
            boot
        };
        let mut agreement = Agreement::default();
        agreement.agree(&started(1_000_000, 3_000));
        assert_eq!(agreement.check(&started(1_090_000, 3_200)), [Ok(())]);
        for (exceeded, what) in [
            (started(1_110_000, 3_000), "1,110,000 instructions until it is attached"),
            (started(1_000_000, 3_400), "3,400 KiB resident"),
        ] {
            let error = agreement.check(&exceeded).remove(0).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn a_start_that_is_not_measured_any_more_fails() {
        let mut started = boot(1000.0, 0);
        started.cases[0].start_instructions = Some(1_000_000);
        let mut agreement = Agreement::default();
        agreement.agree(&started);
        let error = agreement.check(&boot(1000.0, 0)).remove(0).unwrap_err();
        assert!(error.contains("not measured"), "{error}");
    }

    #[test]
    fn much_less_than_agreed_is_not_taken_for_a_success() {
        let mut agreement = Agreement::default();
        agreement.agree(&boot(1000.0, 0));
        assert_eq!(agreement.check(&boot(801.0, 0)), [Ok(())]);
        assert!(agreement.check(&boot(799.0, 0))[0].as_ref().is_err_and(|error| error.contains("--agree")));
    }

    #[test]
    fn a_loss_and_a_case_without_agreement_fail() {
        let mut agreement = Agreement::default();
        assert!(agreement.check(&boot(1.0, 0))[0].is_err());
        agreement.agree(&boot(1.0, 0));
        assert_eq!(agreement.check(&boot(1.0, 2)), [Err("hist: 2 events lost".to_owned())]);
    }
}
