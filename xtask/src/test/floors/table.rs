//! `xtask/floors.txt`: which part of a crate stands on which floor, and which imports are known not to keep
//! to it yet.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Name of the table, for people.
pub(super) const NAME: &str = "xtask/floors.txt";

/// The section with the known exceptions.
const EXCEPTIONS: &str = "exceptions";

/// The floors of one crate, the lowest first.
#[derive(Debug, PartialEq, Eq)]
struct House {
    package: String,
    floors: Vec<Vec<String>>,
}

/// An import that is known to be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exception {
    pub(super) from: PathBuf,
    /// A file, or a crate's name.
    pub(super) to: PathBuf,
}

/// The whole table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    houses: Vec<House>,
    pub(super) exceptions: Vec<Exception>,
}

impl Table {
    /// Reads it.
    pub(super) fn read(text: &str) -> Result<Self> {
        let mut table = Self::default();
        let mut section = "";
        for line in text.lines() {
            let line = line.split_once('#').map_or(line, |(line, _)| line).trim();
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name;
                if name != EXCEPTIONS {
                    table.houses.push(House { package: name.to_owned(), floors: Vec::new() });
                }
            } else if section == EXCEPTIONS && !line.is_empty() {
                let (from, to) =
                    line.split_once(" -> ").with_context(|| format!("{NAME}: {line:?} has no ` -> `"))?;
                table.exceptions.push(Exception { from: from.trim().into(), to: to.trim().into() });
            } else if !line.is_empty() {
                let Some(house) = table.houses.last_mut() else {
                    bail!("{NAME}: {line:?} stands in no section")
                };
                house.floors.push(line.split_whitespace().map(str::to_owned).collect());
            }
        }
        Ok(table)
    }

    /// Whether the table has floors for a package.
    pub(super) fn has(&self, package: &str) -> bool {
        self.houses.iter().any(|house| house.package == package)
    }

    /// The floor of a part; higher ones have higher numbers.
    pub(super) fn floor(&self, package: &str, part: &str) -> Option<usize> {
        let house = self.houses.iter().find(|house| house.package == package)?;
        house.floors.iter().position(|floor| floor.iter().any(|other| other == part))
    }

    /// Whether an import is a known exception.
    pub(super) fn excepts(&self, from: &Path, to: &Path) -> bool {
        self.exceptions.iter().any(|exception| exception.from == from && exception.to == to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_floor_and_the_first_is_the_lowest() {
        let text = "# about it\n[a]\nlow\nmiddle beside # why\n\nhigh\n[exceptions]\na/src/low.rs -> a/src/high.rs\n";
        let table = Table::read(text).unwrap();
        assert_eq!(["low", "beside", "high"].map(|part| table.floor("a", part)), [Some(0), Some(1), Some(2)]);
        assert_eq!((table.floor("a", "none"), table.floor("b", "low")), (None, None));
        assert!(table.has("a") && !table.has("b"));
        assert!(table.excepts("a/src/low.rs".as_ref(), "a/src/high.rs".as_ref()));
        Table::read("low\n").unwrap_err();
        Table::read("[exceptions]\na b\n").unwrap_err();
    }
}
