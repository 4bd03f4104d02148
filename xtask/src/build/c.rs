//! Test programs in C: each .c file of tests/c is one program, and the headers there are shared.

use std::{ffi::OsString, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{process, project::Project};

const FLAGS: &[&str] = &["-O2", "-g", "-Wall", "-Wextra", "-Werror", "-static", "-pthread"];

/// Compiles those that have changed; returns the names of all.
pub(crate) fn build(project: &Project) -> Result<Vec<OsString>> {
    let folder = project.root.join("tests/c");
    let include = project.root.join("kmod/include/uapi");
    let (bin, stamps) = (project.out().join("bin"), project.out().join("stamps"));
    fs::create_dir_all(&bin)?;
    fs::create_dir_all(&stamps)?;
    let mut sources: Vec<PathBuf> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .map(|file| file.map(|file| file.path()))
        .collect::<Result<_, _>>()?;
    sources.retain(|source| source.extension().is_some_and(|extension| extension == "c"));
    sources.sort();
    let mut names = Vec::new();
    for source in sources {
        let name = source.file_stem().context("a C file without a name")?;
        let program = bin.join(name);
        super::unless_fresh(&stamps.join(name), &program, &[&folder, &include], &FLAGS.join(" "), || {
            let mut command = Command::new("cc");
            command.args(FLAGS).arg("-I").arg(&include).arg("-o").arg(&program).arg(&source);
            process::run(&mut command).map(drop)
        })?;
        names.push(name.to_owned());
    }
    Ok(names)
}
