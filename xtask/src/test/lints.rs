//! Formatting and lints.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::{process, project::Project};

/// Whether the toolchain can do it, to be asked before anything that takes its time.
pub(super) fn ensure_components(project: &Project) -> Result<()> {
    let has = |tool: &str| process::output(project.cargo().args([tool, "--version"])).is_ok();
    need_components(&[("rustfmt", has("fmt")), ("clippy", has("clippy"))])
}

/// Components of the toolchain and whether they are there. rustup's minimal profile leaves them out.
fn need_components(components: &[(&str, bool)]) -> Result<()> {
    let missing: Vec<_> = components.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
    ensure!(
        missing.is_empty(),
        "the toolchain lacks {}: run `rustup component add {}`, or give a FILTER, which leaves formatting and lints out",
        missing.join(" and "),
        missing.join(" ")
    );
    Ok(())
}

/// Whether rustfmt would change anything.
pub(super) fn formatting(project: &Project) -> Command {
    let mut command = project.cargo();
    command.args(["fmt", "--all", "--check"]);
    command
}

/// The guest's own crates are checked on the host, too: they compile there.
pub(super) fn host(project: &Project) -> Command {
    let mut command = project.cargo();
    command.args(["clippy", "--locked", "--workspace", "--exclude", "nltrace-ebpf", "--all-targets"]);
    command.args(["--", "-D", "warnings"]);
    command
}

/// With what tracer/build.rs compiles it with. A target folder of its own, because `RUSTC_BOOTSTRAP` would
/// make cargo build everything else again.
pub(super) fn bpf(project: &Project) -> Command {
    let mut command = project.cargo();
    command.args(["clippy", "--locked", "-p", "nltrace-ebpf", "--release"]);
    command.args(["--target", "bpfel-unknown-none", "-Z", "build-std=core"]);
    command.arg("--target-dir").arg(project.out().join("bpf")).args(["--", "-D", "warnings"]);
    let flags = ["--cfg=bpf_target_arch=\"x86_64\"", "-Ctarget-cpu=v3"];
    command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_without_lints_is_told_what_to_add() {
        need_components(&[("rustfmt", true), ("clippy", true)]).unwrap();
        let both = need_components(&[("rustfmt", false), ("clippy", false)]).unwrap_err().to_string();
        assert!(
            both.contains("rustfmt and clippy") && both.contains("component add rustfmt clippy"),
            "{both}"
        );
        let one = need_components(&[("rustfmt", true), ("clippy", false)]).unwrap_err().to_string();
        assert!(one.contains("`rustup component add clippy`"), "{one}");
    }
}
