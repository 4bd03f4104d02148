//! `cargo xtask facts`: what nltrace reads of a kernel, saved for its tests.
//!
//! A folder of `tracer/tests/kernels` is a root with the files that nltrace would find on a machine with that
//! kernel, cut down to what it reads. `wanted` says what that is.

mod archive;
mod btf;
mod image;
mod kallsyms;
mod kernels;
mod wanted;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use self::archive::Archive;
use self::image::Image;
use self::kernels::{KERNELS, Saved};
use self::wanted::{WANTED, matches};
use crate::project::Project;
use crate::setup::remove_tree;
use crate::ui::{self, Step};

/// Save what nltrace reads of other kernels, for its tests, from Debian's packages
#[derive(Debug, Args)]
pub(crate) struct FactsArgs {
    /// Only this kernel; may be given several times
    #[arg(long, short, value_parser = KERNELS.map(|kernel| kernel.name))]
    kernel: Vec<String>,
}

/// Where they are saved.
fn folder(project: &Project) -> PathBuf {
    project.root.join("tracer/tests/kernels")
}

/// Saves them; one that cannot be had stays as it was saved before, and the exit code is 1.
pub(crate) fn run(project: &Project, args: &FactsArgs) -> Result<ExitCode> {
    let archive = Archive::open(project)?;
    let mut code = ExitCode::SUCCESS;
    for kernel in &KERNELS {
        if !args.kernel.is_empty() && !args.kernel.iter().any(|name| name == kernel.name) {
            continue;
        }
        let title = format!("facts of {}", kernel.name);
        let place = folder(project).join(kernel.name);
        let describe = |saved: &Result<String>| saved.as_ref().map_or("FAILED".to_owned(), Clone::clone);
        let saved = ui::shown(&title, |step| save(&archive, kernel, &place, step), describe);
        if let Err(error) = saved {
            eprintln!("error: {}: {error:#}; what was saved before is still there", kernel.name);
            code = ExitCode::FAILURE;
        }
    }
    remove_tree(archive.scratch())?;
    Ok(code)
}

/// Returns what it was made of.
fn save(archive: &Archive, kernel: &Saved, place: &Path, step: &Step) -> Result<String> {
    let packages = archive.fetch(kernel.series, kernel.build, step)?;
    step.say("unpacking the image");
    let image = Image::unpack(&packages.vmlinuz, archive.scratch())?;
    let (release, version) = kernel.banner(&image);
    let section = |name| image.section(name).with_context(|| format!("the image has no section {name}"));
    let types = btf::read(section(".BTF")?)?;
    let config = fs::read_to_string(&packages.config.0)?;
    let files = [
        ("proc/sys/kernel/osrelease".to_owned(), format!("{release}\n").into_bytes()),
        ("proc/sys/kernel/version".to_owned(), format!("{version}\n").into_bytes()),
        ("proc/kallsyms".to_owned(), kallsyms_lines(section(".rodata")?)?.into_bytes()),
        ("sys/kernel/btf/vmlinux".to_owned(), btf::write(&btf::cut(&types, &WANTED))),
        (packages.config.1.replace(&image.release, &release), config_lines(&config).into_bytes()),
    ];
    remove_tree(place)?;
    for (path, bytes) in files {
        let path = place.join(path);
        fs::create_dir_all(path.parent().context("no folder")?)?;
        fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(packages.names.join(", "))
}

/// As a process reads them that may not see addresses: the names are what matters.
fn kallsyms_lines(rodata: &[u8]) -> Result<String> {
    let is_wanted = |name: &str| {
        // What a compiler splits off a function is called NAME.cold, NAME.isra.0 and so on.
        let whole = name.split('.').next().unwrap_or(name);
        WANTED.functions.iter().chain(WANTED.variables).any(|pattern| matches(pattern, whole))
    };
    let symbols = kallsyms::symbols(rodata)?;
    let symbols = symbols.iter().filter(|(_, name)| is_wanted(name));
    Ok(symbols.map(|(kind, name)| format!("{:016} {kind} {name}\n", 0)).collect())
}

/// The options that matter, those that are not set included.
fn config_lines(config: &str) -> String {
    let wanted = |line: &&str| {
        let setting = line.strip_prefix("# ").unwrap_or(line).strip_prefix("CONFIG_");
        let option = setting.and_then(|setting| setting.split(['=', ' ']).next());
        option.is_some_and(|option| WANTED.options.iter().any(|pattern| matches(pattern, option)))
    };
    config.lines().filter(wanted).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests;
