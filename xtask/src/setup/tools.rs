//! Programs that are built or must be there: bpf-linker, a C compiler with a static C library.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{process, project::Project, ui::Step};

/// Links with rustc's own LLVM 22; later releases need one of the system's.
pub(crate) const BPF_LINKER: &str = "0.10.4";
const BPF_LINKER_FEATURES: &str = "llvm-22,rust-llvm-22";
const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// Where setup installs it.
pub(crate) fn bpf_linker(project: &Project) -> PathBuf {
    project.cache.join("tools/bin/bpf-linker")
}

/// Whether the wanted version is there, on `PATH` or in the cache.
pub(crate) fn has_bpf_linker(project: &Project) -> bool {
    let version =
        |program: &Path| process::output(Command::new(program).arg("--version")).unwrap_or_default();
    let wanted = format!("bpf-linker {BPF_LINKER}");
    [Some(bpf_linker(project)), process::find("bpf-linker")]
        .into_iter()
        .flatten()
        .any(|program| version(&program).trim() == wanted)
}

/// Builds and installs it.
pub(crate) fn install_bpf_linker(project: &Project, step: &Step) -> Result<()> {
    step.say("cargo install, a minute or two");
    let mut command = Command::new("cargo");
    command.args(["install", "bpf-linker", "--version", BPF_LINKER, "--locked", "--force"]);
    command.args(["--no-default-features", "--features", BPF_LINKER_FEATURES, "--root"]);
    command.arg(project.cache.join("tools")).arg("--target-dir").arg(project.cache.join("tools/build"));
    command.current_dir(&project.root);
    process::watch(&mut command, &project.cache.join("bpf-linker.log"), BUILD_LIMIT, || ())
        .context("cannot build bpf-linker; is the crate registry reachable?")?;
    super::root::remove_tree(&project.cache.join("tools/build"))
}

/// Programs for the guest are linked statically by the host's compiler.
pub(crate) fn check_c_compiler() -> Result<()> {
    let library = Command::new("cc").arg("-print-file-name=libc.a").output();
    let library = library.context("no C compiler: install gcc and libc6-dev (Fedora: gcc glibc-static)")?;
    // gcc prints the bare name of a file that it does not find.
    if !String::from_utf8_lossy(&library.stdout).contains('/') {
        bail!("no static C library: install libc6-dev (Fedora: glibc-static; Arch has it in glibc)");
    }
    Ok(())
}
