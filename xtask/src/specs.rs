//! `cargo xtask specs`: the table that nltrace decodes with, made of the kernel's specifications and of those
//! that they lack.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use netlink_specs::{Document, Table, compile};

use crate::{
    project::Project,
    setup,
    ui::{self, Step},
};

/// The most that the table may take in the program.
const MOST_BYTES: usize = 600 << 10;

/// Make the decoder's table from the specifications in Debian's newest linux-source
#[derive(Debug, Args)]
pub(crate) struct SpecsArgs {
    /// Write nothing; the exit code is 1 if the table would be another one
    #[arg(long)]
    check: bool,
    /// The kernel's specifications, from another place than Debian's package
    #[arg(long, value_name = "FOLDER")]
    kernel: Option<PathBuf>,
}

/// Makes the table.
pub(crate) fn run(project: &Project, args: &SpecsArgs) -> Result<ExitCode> {
    let kernels = match &args.kernel {
        Some(folder) => folder.clone(),
        None => {
            let provided = setup::ensure_all(project)?;
            let (root, source) = provided.checkers();
            root.dir().join(source.trim_start_matches('/')).join("Documentation/netlink/specs")
        }
    };
    // What comes later adds to what is there.
    let own = project.root.join("netlink-specs/specs");
    let mut files = yaml_files(&kernels)?;
    files.push(project.root.join("docs/nltest.yaml"));
    files.extend(yaml_files(&own)?);
    let bytes = ui::shown(
        "decoder's table",
        |step| make(&files, step),
        |made| match made {
            Ok(bytes) => summary(bytes),
            Err(_) => "FAILED".to_owned(),
        },
    )?;
    let place = project.root.join("netlink-specs/table.bin");
    let same = fs::read(&place).is_ok_and(|old| old == bytes);
    match (same, args.check) {
        (true, _) => eprintln!("{} is up to date", place.display()),
        (false, true) => {
            eprintln!("{} is out of date: run `cargo xtask specs`", place.display());
            return Ok(ExitCode::FAILURE);
        }
        (false, false) => fs::write(&place, bytes).with_context(|| format!("write {}", place.display()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    if files.is_empty() {
        bail!("{} has no specifications", folder.display());
    }
    Ok(files)
}

fn make(files: &[PathBuf], step: &Step) -> Result<Vec<u8>> {
    let mut documents = Vec::new();
    for file in files {
        step.say(file.display().to_string());
        let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        documents.push(Document::parse(&text).with_context(|| format!("understand {}", file.display()))?);
    }
    let bytes = compile(documents)?;
    if bytes.len() > MOST_BYTES {
        bail!("the table has {} bytes, more than {MOST_BYTES}", bytes.len());
    }
    Ok(bytes)
}

fn summary(bytes: &[u8]) -> String {
    let leaked: &'static [u8] = Box::leak(bytes.to_vec().into_boxed_slice());
    let Some(table) = Table::from_bytes(leaked) else { return "unreadable".to_owned() };
    let table: &'static Table = Box::leak(Box::new(table));
    let operations: usize = table.specs().map(|spec| spec.operations().count()).sum();
    let specs = table.specs().count();
    format!(
        "{specs} specifications, {operations} messages, {} attributes, {} bytes",
        table.slots(),
        bytes.len()
    )
}
