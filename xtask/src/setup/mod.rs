//! `cargo xtask setup`: everything that building, booting and testing need and a fresh machine lacks.
//!
//! All of it goes to the user's cache folder, but for the Rust library's sources, which the compiler wants in
//! its own folder. Nothing needs privileges. The name of every part says what is in it; when that changes, it
//! is made anew.

pub(crate) mod apt;
mod checkers;
mod guest;
mod kernels;
mod make;
mod part;
mod problems;
mod provided;
mod root;
mod rust_src;
pub(crate) mod sources;
mod tools;

use std::{
    cell::OnceCell,
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use rustix::fs::FlockOperation;

use self::{apt::Apt, part::Part, problems::Problems, rust_src::RustSource, sources::Mirror};
use crate::{project::Project, ui};

pub(crate) use self::{
    kernels::{Kernel, Series},
    provided::Provided,
    root::{Root, remove_tree},
};

/// For `--help`.
pub(crate) const AFTER_HELP: &str = "\
Debian's packages come from the mirror in this machine's apt sources. Elsewhere, install apt, dpkg and \
debian-archive-keyring and name the mirrors: NLTRACE_DEBIAN_MIRROR for the archive, NLTRACE_DEBIAN_SECURITY_MIRROR for \
the security archive.";

/// The setup at work.
struct Setup<'a> {
    project: &'a Project,
    wanted: Vec<Part>,
    rust_source: RustSource,
    kernels: Vec<Kernel>,
    apt: OnceCell<Option<Apt>>,
}

/// Makes sure that everything is there that building and booting need; says nothing if it is.
pub(crate) fn ensure(project: &Project) -> Result<Provided> {
    ensure_parts(project, Part::ALL.into_iter().filter(|part| !part.is_for_tests()).collect())
}

/// Makes sure that everything is there.
pub(crate) fn ensure_all(project: &Project) -> Result<Provided> {
    ensure_parts(project, Part::ALL.to_vec())
}

fn ensure_parts(project: &Project, wanted: Vec<Part>) -> Result<Provided> {
    let mut setup = Setup::new(project, wanted)?;
    if setup.missing().is_empty() {
        let provided = setup.provided();
        provided.touch()?;
        return Ok(provided);
    }
    setup.run()
}

/// `cargo xtask setup`; with `update`, looks for newer point releases of the kernels.
pub(crate) fn run(project: &Project, update: bool) -> Result<()> {
    let mut setup = Setup::new(project, Part::ALL.to_vec())?;
    if update {
        let _lock = lock(project)?;
        setup.choose_kernels()?;
    }
    let missing = setup.missing();
    if !missing.is_empty() {
        setup.run()?;
    }
    Setup::new(project, Part::ALL.to_vec())?.describe(&missing);
    Ok(())
}

/// `cargo xtask setup --remove`: undoes what setup has done.
pub(crate) fn remove(project: &Project) -> Result<()> {
    let _lock = lock(project)?;
    if RustSource::new(project)?.remove(project)? {
        eprintln!("removed the library's sources from the Rust toolchain");
    }
    remove_tree(&project.cache)?;
    eprintln!("removed {}", project.cache.display());
    Ok(fs::remove_file(lock_file(project))?)
}

impl<'a> Setup<'a> {
    fn new(project: &'a Project, wanted: Vec<Part>) -> Result<Self> {
        let kernels = match fs::read(kernel_list(project)) {
            Ok(list) => serde_json::from_slice(&list).unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        Ok(Self { project, wanted, rust_source: RustSource::new(project)?, kernels, apt: OnceCell::new() })
    }

    fn missing(&self) -> Vec<Part> {
        self.wanted.iter().copied().filter(|&part| !self.has(part)).collect()
    }

    fn has(&self, part: Part) -> bool {
        match part {
            Part::Compiler => tools::check_c_compiler().is_ok(),
            Part::RustSource => self.rust_source.is_there(),
            Part::BpfLinker => tools::has_bpf_linker(self.project),
            Part::Qemu | Part::BuildRoot | Part::Kernel(_) | Part::Guest | Part::Checkers => {
                self.kernels.len() == Series::ALL.len() && self.place(part).exists()
            }
        }
    }

    fn place(&self, part: Part) -> PathBuf {
        match part {
            Part::Compiler => PathBuf::from("cc"),
            Part::RustSource => self.rust_source.place(),
            Part::BpfLinker => tools::bpf_linker(self.project),
            _ => part.place(&self.project.cache, &self.kernels),
        }
    }

    fn provided(&self) -> Provided {
        Provided { project: self.project.clone(), kernels: self.kernels.clone() }
    }

    fn run(&mut self) -> Result<Provided> {
        let _lock = lock(self.project)?;
        // Another setup may have done it while we waited.
        let fresh = Self::new(self.project, self.wanted.clone())?;
        if fresh.missing().is_empty() {
            return Ok(fresh.provided());
        }
        self.announce();
        self.kernels = fresh.kernels;
        let mut problems = Problems::default();
        let mut archive = true;
        if self.missing().into_iter().any(Part::is_fetched)
            && let Err(error) = root::Root::probe().and_then(|()| self.choose_kernels())
        {
            problems.add("Debian packages", &error);
            archive = false;
        }
        for part in self.missing() {
            if part.is_fetched() && !archive || part.needs().into_iter().any(|need| !self.has(need)) {
                continue;
            }
            if let Err(error) = ui::step(&part.title(), |step| self.make(part, step)) {
                problems.add(&part.title(), &error);
            }
        }
        if !problems.is_empty() {
            let missing: Vec<String> = self.missing().into_iter().map(Part::title).collect();
            let log = self.project.cache.join("setup.log");
            bail!("{}\n  still missing: {}", problems.write(&log)?, missing.join(", "));
        }
        if let Some(Some(apt)) = self.apt.get() {
            apt.clean()?;
        }
        let provided = self.provided();
        provided.touch()?;
        provided.prune()?;
        Ok(provided)
    }

    /// Says what will change where, before anything does.
    fn announce(&self) {
        eprintln!("Setup fetches what is missing into {}.", self.project.cache.display());
        if !self.rust_source.is_there() {
            eprintln!(
                "It also adds the Rust library's sources to the toolchain: {}.",
                self.rust_source.place().display()
            );
        }
        eprintln!("Nothing else on this machine changes; `cargo xtask setup --remove` undoes all of it.");
    }

    /// Says what is where, and which of it is new.
    fn describe(&self, new: &[Part]) {
        for part in Part::ALL {
            let how = if new.contains(&part) { "fetched" } else { "was there" };
            let version = match part {
                Part::Kernel(series) => {
                    let kernel = self.kernels.iter().find(|kernel| kernel.series == series);
                    kernel.map_or(String::new(), |kernel| format!(" ({})", kernel.version))
                }
                _ => String::new(),
            };
            eprintln!("{how}: {}{version}, {}", part.title(), self.place(part).display());
        }
        eprintln!("`cargo xtask setup --remove` removes all of it.");
        if File::open("/dev/kvm").is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
            eprintln!(
                "Virtual machines will be emulated: you may not open /dev/kvm. Join the group kvm to use it."
            );
        }
    }

    /// The private apt, with fresh lists. It is tried once.
    fn apt(&self) -> Result<&Apt> {
        if self.apt.get().is_none() {
            let apt = apt::check_tools()
                .and_then(|()| Mirror::of_machine(Path::new("/etc/apt")))
                .and_then(|mirror| Apt::new(&self.project.cache.join("apt"), &mirror))
                .and_then(|apt| ui::step("Debian's package lists", |_| apt.update()).map(|()| apt));
            let _ = self.apt.set(apt.as_ref().ok().cloned());
            apt?;
        }
        let apt = self.apt.get().and_then(Option::as_ref);
        apt.context("needs the Debian archive, which could not be read before")
    }

    /// Looks the newest point releases up and remembers them: they stay until something has to be fetched
    /// anyway.
    fn choose_kernels(&mut self) -> Result<()> {
        let apt = self.apt()?;
        let kernels =
            Series::ALL.into_iter().map(|series| kernels::newest(apt, series)).collect::<Result<Vec<_>>>()?;
        fs::write(kernel_list(self.project), serde_json::to_vec_pretty(&kernels)?)?;
        self.kernels = kernels;
        Ok(())
    }
}

fn kernel_list(project: &Project) -> PathBuf {
    project.cache.join("kernels.json")
}

/// Beside the cache folder, so that it outlives its removal.
fn lock_file(project: &Project) -> PathBuf {
    project.cache.with_extension("lock")
}

/// Keeps a second setup of the same user waiting.
fn lock(project: &Project) -> Result<File> {
    let path = lock_file(project);
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        eprintln!("Another setup is running; waiting for it.");
        rustix::fs::flock(&file, FlockOperation::LockExclusive).context("wait for the other setup")?;
    }
    Ok(file)
}
