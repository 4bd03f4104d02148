//! What was measured: kept as JSON, compared with what was measured before.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::cases::{Case, Kind};
use crate::setup::{Kernel, Series};

/// All kernels.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    /// One for each kernel that was booted.
    pub(crate) kernels: Vec<Boot>,
}

/// One boot of a kernel.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Boot {
    /// Its series.
    pub(crate) series: Series,
    /// What `uname -r` says.
    pub(crate) version: String,
    /// In the order in which they were measured.
    pub(crate) cases: Vec<Row>,
}

/// What came of a case.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The case's name.
    pub(crate) name: String,
    /// Whose cost it is.
    pub(crate) kind: Kind,
    /// Instructions for a round trip, those of user space and of everything else included: the median of
    /// `runs`.
    pub(crate) instructions: Option<f64>,
    /// Each run's.
    pub(crate) runs: Vec<f64>,
    /// How many of them the load does not need when nobody traces.
    pub(crate) added: Option<f64>,
    /// `added` in relation to that of the first floor.
    pub(crate) ratio: Option<f64>,
    /// Events lost in all runs, where the program tells.
    pub(crate) lost: Option<u64>,
    /// Instructions from exec(2) to the moment when everything is attached; time in which the processor was
    /// idle is not counted.
    pub(crate) start_instructions: Option<u64>,
    /// Most memory that the process had resident until then, in KiB.
    pub(crate) resident_kib: Option<u64>,
    /// Why there are no figures.
    pub(crate) failure: Option<String>,
}

impl Results {
    /// Reads what [`Self::write`] has written.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is not from `cargo xtask bench --json`", path.display()))
    }

    /// Writes JSON.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }

    /// What was measured in a kernel of this series.
    pub(crate) fn of(&self, series: Series) -> Option<&Boot> {
        self.kernels.iter().find(|boot| boot.series == series)
    }
}

impl Boot {
    /// Puts the rows of `cases` in relation to each other.
    pub(crate) fn new(kernel: &Kernel, cases: &[&Case], mut rows: Vec<Row>) -> Self {
        let untraced = |load: super::cases::Load| {
            cases.iter().position(|base| base.kind == Kind::Untraced && base.load.is_like(load))
        };
        let bases: Vec<Option<usize>> = cases.iter().map(|case| untraced(case.load)).collect();
        let costs: Vec<_> = rows.iter().map(|row| (row.instructions, row.start_instructions)).collect();
        for (row, base) in rows.iter_mut().zip(bases) {
            let base = base.filter(|_| row.kind != Kind::Untraced).and_then(|base| costs.get(base));
            let (base, start) = base.copied().unwrap_or_default();
            row.added = row.instructions.zip(base).map(|(traced, untraced)| traced - untraced);
            // The load's shell has started in both.
            row.start_instructions =
                row.start_instructions.zip(start).map(|(traced, untraced)| traced.saturating_sub(untraced));
        }
        let floor = rows.iter().find(|row| row.kind == Kind::Floor).and_then(|row| row.added);
        for row in &mut rows {
            row.ratio = row.added.zip(floor).map(|(added, floor)| added / floor);
        }
        Self { series: kernel.series, version: kernel.version.clone(), cases: rows }
    }

    /// The row of a case.
    pub(crate) fn row(&self, name: &str) -> Option<&Row> {
        self.cases.iter().find(|row| row.name == name)
    }
}

impl Row {
    /// A case of which nothing is known yet.
    pub(crate) fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            instructions: None,
            runs: Vec::new(),
            added: None,
            ratio: None,
            lost: None,
            start_instructions: None,
            resident_kib: None,
            failure: None,
        }
    }

    /// The figure that a change is judged by: what tracing adds, or all where nothing traces.
    pub(crate) fn figure(&self) -> Option<f64> {
        if self.kind == Kind::Untraced { self.instructions } else { self.added }
    }
}
