//! Floors and circles: no import runs up a floor of `xtask/floors.txt`, and no files or modules import each
//! other in a circle.
//!
//! Within a folder the rule for circles is about neighbours: those below the same module, each with
//! everything below it, must not import each other in a circle. A module and what is below it are one house:
//! `mod.rs` may use its children, and they may use it. A name that is only passed on (`pub use
//! self::child::Name`) counts as an import of the file that defines it.

mod c;
mod circles;
mod crates;
mod findings;
mod roots;
mod rust;
mod table;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use self::{
    crates::Crate,
    findings::{Findings, Report},
    table::{NAME, Table},
};
use crate::project::Project;

/// C files, by folder, and whether they are linked into one program.
const C_FOLDERS: [(&str, bool); 3] = [("kmod", true), ("tests/c", false), ("tests/kmod", false)];

/// Something that a file needs of another.
#[derive(Debug, Clone)]
struct Import {
    from: PathBuf,
    line: usize,
    /// As it stands there.
    what: String,
    to: Place,
}

/// Where an import leads.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    /// Another crate of the workspace, by its name in code.
    Crate(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Crate(name) => write!(f, "{name}"),
        }
    }
}

impl Place {
    /// As an exception names it.
    fn path(&self) -> &Path {
        match self {
            Self::File(file) => file,
            Self::Crate(name) => Path::new(name),
        }
    }
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} imports {}", self.from.display(), self.line, self.what, self.to)
    }
}

/// Checks the project's files.
pub(super) fn check(project: &Project) -> Result<Report> {
    let (top, roots) = (&project.root, roots::of_workspace(project)?);
    let text = std::fs::read_to_string(top.join(NAME)).with_context(|| format!("read {NAME}"))?;
    let table = Table::read(&text)?;
    let libraries: Vec<&str> = roots.iter().filter_map(|root| root.library.as_deref()).collect();
    let mut found = Findings::default();
    for root in &roots {
        let tree = Crate::read(top, &root.file, &libraries)?;
        found.rust(&table, root, &tree, tree.imports(&libraries));
    }
    for (folder, is_one_program) in C_FOLDERS {
        found.c(c::imports(top, folder.as_ref(), is_one_program)?);
    }
    Ok(found.report(&table))
}
