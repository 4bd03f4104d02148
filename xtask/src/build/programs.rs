//! The Rust programs, linked statically: the guest's libraries are not the host's.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{
    process,
    project::{Project, TARGET},
};

/// `tests/`, whose test binary is a program of the guest.
const TESTS: &str = "nltrace-tests";

/// One line of `cargo build --message-format json`, as far as it is of use here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds the commands nltest and nltrace into `target/xtask/bin/`; returns their names.
pub(crate) fn commands(project: &Project) -> Result<Vec<OsString>> {
    let mut names = Vec::new();
    for (name, program) in cargo(project, &["build", "-p", "nltest", "-p", "nltrace", "--bins"])? {
        install(&program, &project.out().join("bin").join(&name))?;
        names.push(name.into());
    }
    Ok(names)
}

/// Builds the test binary into `target/xtask/bin/`; returns its name.
pub(crate) fn tests(project: &Project) -> Result<OsString> {
    let tests = cargo(project, &["test", "--no-run", "-p", TESTS])?;
    let [(_, program)] = tests.as_slice() else {
        bail!("tests/ must build exactly one test binary, not {}", tests.len())
    };
    install(program, &project.out().join("bin").join(TESTS))?;
    Ok(TESTS.into())
}

/// Builds PID 1 of the guest as `target/xtask/init`.
pub(crate) fn init(project: &Project) -> Result<()> {
    let programs = cargo(project, &["build", "-p", "nltrace-init", "--bins"])?;
    let (_, program) = programs.first().context("nltrace-init has no program")?;
    install(program, &project.out().join("init"))
}

/// Runs cargo for the guest; returns the programs that it made or found up to date.
fn cargo(project: &Project, words: &[&str]) -> Result<Vec<(String, PathBuf)>> {
    let mut command = project.cargo();
    command.args(words).args(["--locked", "--release", "--target", TARGET, "--quiet"]);
    command.args(["--message-format", "json-render-diagnostics"]);
    let mut flags = std::env::var_os("RUSTFLAGS").unwrap_or_default();
    if !flags.is_empty() {
        flags.push(" ");
    }
    flags.push("-C target-feature=+crt-static -C strip=debuginfo");
    // What is stripped need not be made.
    command.env("RUSTFLAGS", flags).env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    let said = process::output(&mut command)?;
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let programs = messages.filter(|message| message.reason == "compiler-artifact");
    Ok(programs.filter_map(|message| Some((message.target?.name, message.executable?))).collect())
}

/// Copies a program if it has changed, whole or not at all.
fn install(from: &Path, to: &Path) -> Result<()> {
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    if changed(to).is_some() && changed(to) >= changed(from) {
        return Ok(());
    }
    let unfinished = to.with_extension("unfinished");
    fs::create_dir_all(to.parent().context("a program without a folder")?)?;
    fs::copy(from, &unfinished).with_context(|| format!("copy {}", from.display()))?;
    Ok(fs::rename(unfinished, to)?)
}
