//! Compiles nltrace-ebpf for the BPF target, and leaves its objects where `include_bytes_aligned!` finds
//! them.
//!
//! `core` for that target is built from source, which a stable compiler does when `RUSTC_BOOTSTRAP` says so.
//! This is what aya-build does too, but that cannot choose the revision of the instruction set: 3 brings
//! compare-and-exchange, which the histograms rely on. Kernels have it since 5.12.

use std::{
    env,
    error::Error,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const PACKAGE: &str = "nltrace-ebpf";
const TARGET: &str = "bpfel-unknown-none";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../tracer-ebpf");
    println!("cargo:rerun-if-changed=../tracer-common");
    for variable in ["PATH", "XDG_CACHE_HOME", "HOME"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let target_dir = out_dir.join("bpf");

    compile(&target_dir)?;
    for name in ["hist", "hist_by", "spans", "spans_by", "trace", "drops", "sockets", "interfaces"] {
        fs::copy(target_dir.join(TARGET).join("release").join(name), out_dir.join(name))?;
    }
    Ok(())
}

/// Without debug information and the types made of it: nothing in the programs is relocated by them, and
/// reading them took longer at each start than all the rest of the object.
fn compile(target_dir: &Path) -> Result<(), Box<dyn Error>> {
    let flags = [
        format!("--cfg=bpf_target_arch=\"{}\"", env::var("CARGO_CFG_TARGET_ARCH")?),
        "-Ctarget-cpu=v3".to_owned(),
    ];
    let status = Command::new(env::var_os("CARGO").ok_or("CARGO is not set")?)
        .args(["build", "--locked", "--release", "--package", PACKAGE, "--bins", "--target", TARGET])
        .args(["-Z", "build-std=core", "--target-dir"])
        .arg(target_dir)
        .env("PATH", path_with_linker()?)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        // What cargo and clippy set for this build is not meant for that one.
        .env_remove("RUSTC")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .status()?;
    if !status.success() {
        return Err("the eBPF programs did not compile; if `core` or bpf-linker is missing, `cargo xtask setup` gets it".into());
    }
    Ok(())
}

/// `PATH`, and before it the folder where `cargo xtask setup` puts the bpf-linker that fits this compiler's
/// LLVM.
fn path_with_linker() -> Result<OsString, Box<dyn Error>> {
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|cache| cache.is_absolute())
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    let path = env::var_os("PATH").unwrap_or_default();
    let tools = cache.map(|cache| cache.join("nltrace/tools/bin"));
    Ok(env::join_paths(tools.into_iter().chain(env::split_paths(&path)))?)
}
