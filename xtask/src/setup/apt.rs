//! A private apt: its own sources, lists and cache, and an empty idea of what is installed.
//!
//! With it apt resolves, fetches and verifies packages for folders instead of for the machine, needs no
//! privileges and changes nothing outside of the cache folder.

use std::{
    cmp::Ordering,
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::sources::Mirror;
use crate::{process, ui::Step};

/// What is read of each archive. The newest version wins, except that a backport is taken only if it is asked
/// for by a name or version that only it has: that is how Debian marks those suites.
const SUITES: &str = "bookworm bookworm-updates bookworm-backports trixie trixie-updates trixie-backports";
const SECURITY_SUITES: &str = "bookworm-security trixie-security";

/// Settings of the machine's apt that ours takes over: how to reach the network.
const TAKEN_OVER: &[&str] =
    &["Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Force", "Acquire::Retries"];

const DOWNLOAD_LIMIT: Duration = Duration::from_secs(3600);

/// One package file in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deb {
    /// `NAME=VERSION`.
    wanted: String,
    /// Name of the file in the download folder.
    file: String,
    /// Bytes.
    size: u64,
}

/// The private apt.
#[derive(Debug, Clone)]
pub(crate) struct Apt {
    dir: PathBuf,
}

impl Apt {
    /// Writes the configuration below `dir`. Nothing is fetched yet.
    pub(crate) fn new(dir: &Path, mirror: &Mirror) -> Result<Self> {
        Self::with_suites(dir, mirror, SUITES, SECURITY_SUITES)
    }

    /// Like [`new`](Self::new), with other suites.
    pub(crate) fn with_suites(dir: &Path, mirror: &Mirror, suites: &str, security: &str) -> Result<Self> {
        for part in ["sources", "empty", "lists/partial", "cache/archives/partial", "debs"] {
            fs::create_dir_all(dir.join(part)).with_context(|| format!("create {}", dir.display()))?;
        }
        fs::write(dir.join("status"), "")?;
        fs::write(dir.join("sources/debian.sources"), sources(mirror, suites, security))?;
        fs::write(dir.join("apt.conf"), configuration(dir)?)?;
        Ok(Self { dir: dir.to_owned() })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", self.dir.join("apt.conf")).env("LC_ALL", "C").current_dir(&self.dir);
        command
    }

    /// Fetches the package lists.
    pub(crate) fn update(&self) -> Result<()> {
        process::run(self.command("apt-get").args(["--error-on=any", "update"]))
            .map(drop)
            .context("cannot read the Debian archive; is the network up, and does apt need a proxy?")
    }

    /// Those of `names` that really are in the archive, with their version and dependencies, each in its
    /// newest version.
    pub(crate) fn show(&self, names: &[String]) -> Result<Vec<HashMap<String, String>>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        // It fails if one of them is only mentioned by others, and still shows the rest.
        let output = self.command("apt-cache").args(["show", "--no-all-versions"]).args(names).output()?;
        let text = String::from_utf8(output.stdout)?;
        Ok(text.split("\n\n").map(fields).filter(|fields| fields.contains_key("Package")).collect())
    }

    /// All names that begin with `prefix`.
    pub(crate) fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let names = process::output(self.command("apt-cache").args(["pkgnames", prefix]))?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// Every version of a package.
    pub(crate) fn versions(&self, name: &str) -> Result<Vec<String>> {
        let table = process::output(self.command("apt-cache").args(["madison", name]))?;
        Ok(table.lines().filter_map(|line| Some(line.split('|').nth(1)?.trim().to_owned())).collect())
    }

    /// `packages` with everything they depend on.
    pub(crate) fn closure(&self, packages: &[String]) -> Result<Vec<Deb>> {
        let mut command = self.command("apt-get");
        command.args(["install", "--yes", "--print-uris"]).args(packages);
        parse_uris(&process::output(&mut command)?)
    }

    /// `packages` (names, or `NAME=VERSION`) and nothing else.
    pub(crate) fn exactly(&self, packages: &[String]) -> Result<Vec<Deb>> {
        parse_uris(&process::output(
            self.command("apt-get").args(["download", "--print-uris"]).args(packages),
        )?)
    }

    /// Fetches what is not there yet; apt verifies every file.
    pub(crate) fn download(&self, debs: &[Deb], step: &Step) -> Result<()> {
        let folder = self.dir.join("debs");
        let total = debs.iter().map(|deb| deb.size).sum();
        let mut command = self.command("apt-get");
        command.current_dir(&folder).arg("download").args(debs.iter().map(|deb| &deb.wanted));
        step.say("downloading");
        process::watch(&mut command, &self.dir.join("download.log"), DOWNLOAD_LIMIT, || {
            let sizes = debs.iter().filter_map(|deb| fs::metadata(folder.join(&deb.file)).ok());
            step.bytes(sizes.map(|file| file.len()).sum(), total);
        })
        .context(
            "cannot download from the Debian archive; run the command again, it goes on where it stopped",
        )
    }

    /// Unpacks into `dir`, without running any of the packages' scripts.
    pub(crate) fn unpack(&self, debs: &[Deb], dir: &Path, step: &Step) -> Result<()> {
        step.say("unpacking");
        // The links /bin, /lib and so on come in base-files; everything else must find them in place.
        let (first, rest): (Vec<_>, Vec<_>) =
            debs.iter().partition(|deb| deb.wanted.starts_with("base-files="));
        let total = debs.iter().map(|deb| deb.size).sum();
        let mut done = 0;
        for deb in first.into_iter().chain(rest) {
            process::run(
                Command::new("dpkg-deb").arg("-x").arg(self.dir.join("debs").join(&deb.file)).arg(dir),
            )?;
            done += deb.size;
            step.bytes(done, total);
        }
        Ok(())
    }

    /// Unpacks one folder or file of a package (`usr/src/…`) into `dir`: some packages hold far more than we
    /// need.
    pub(crate) fn unpack_folder(&self, deb: &Deb, folder: &str, dir: &Path) -> Result<()> {
        let mut archive = Command::new("dpkg-deb");
        process::die_with_us(&mut archive).arg("--fsys-tarfile").arg(self.dir.join("debs").join(&deb.file));
        let mut archive = archive.stdout(Stdio::piped()).spawn().context("start dpkg-deb")?;
        let stream = archive.stdout.take().context("dpkg-deb has no output")?;
        let mut tar = Command::new("tar");
        process::die_with_us(&mut tar).arg("-x").arg("-C").arg(dir).arg(format!("./{folder}")).stdin(stream);
        let unpacked = tar.status().context("start tar")?.success() && archive.wait()?.success();
        if !unpacked {
            bail!("cannot unpack {folder} of {}", deb.file);
        }
        Ok(())
    }

    /// Drops the downloaded packages, which are unpacked, and apt's index, which it makes from the lists.
    pub(crate) fn clean(&self) -> Result<()> {
        for index in ["pkgcache.bin", "srcpkgcache.bin"] {
            // It is there only if apt found it worth while.
            let _ = fs::remove_file(self.dir.join("cache").join(index));
        }
        for file in fs::read_dir(self.dir.join("debs"))? {
            fs::remove_file(file?.path())?;
        }
        Ok(())
    }
}

/// Whether this machine has what all of this is made of.
pub(crate) fn check_tools() -> Result<()> {
    for tool in ["apt-get", "apt-cache", "apt-config", "dpkg", "dpkg-deb", "tar"] {
        if process::find(tool).is_none() {
            bail!(
                "{tool} is missing: install the packages apt and dpkg, which other distributions have, too"
            );
        }
    }
    Ok(())
}

/// Compares two versions as dpkg does.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let holds = |operator: &str| {
        let status = Command::new("dpkg").args(["--compare-versions", left, operator, right]).status();
        status.is_ok_and(|status| status.success())
    };
    if holds("lt") {
        Ordering::Less
    } else if holds("gt") {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}

fn sources(mirror: &Mirror, suites: &str, security_suites: &str) -> String {
    let stanza = |address: &str, suites: &str| {
        let keyring = mirror.keyring.display();
        format!("Types: deb\nURIs: {address}\nSuites: {suites}\nComponents: main\nSigned-By: {keyring}\n\n")
    };
    let mut sources = stanza(&mirror.archive, suites);
    if let Some(security) = &mirror.security {
        sources.push_str(&stanza(security, security_suites));
    }
    sources
}

fn configuration(dir: &Path) -> Result<String> {
    let dir = dir
        .to_str()
        .filter(|dir| !dir.contains('"'))
        .context("the cache folder's name must be plain UTF-8")?;
    let mut text = format!(
        r#"Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "{dir}/empty";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "{dir}/sources";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "{dir}/empty";
Dir::Etc::Trusted "/dev/null";
Dir::Etc::TrustedParts "{dir}/empty";
Dir::State "{dir}";
Dir::State::Lists "{dir}/lists";
Dir::State::Status "{dir}/status";
Dir::Cache "{dir}/cache";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
"#
    );
    let machine = process::output(Command::new("apt-config").arg("dump").env("LC_ALL", "C"))?;
    for line in machine.lines().filter(|line| TAKEN_OVER.iter().any(|name| line.starts_with(name))) {
        text.push_str(line);
        text.push('\n');
    }
    Ok(text)
}

/// Reads lines of `'ADDRESS' FILE SIZE HASH`, and skips what apt says in between.
fn parse_uris(text: &str) -> Result<Vec<Deb>> {
    let mut debs = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('\'')) {
        let mut words = line.split_whitespace().skip(1);
        let (file, size) = words.next().zip(words.next()).with_context(|| format!("apt said: {line}"))?;
        let mut parts = file.split('_');
        let (name, version) = parts.next().zip(parts.next()).with_context(|| format!("apt said: {line}"))?;
        let version = version.replace("%3a", ":");
        debs.push(Deb {
            wanted: format!("{name}={version}"),
            file: file.to_owned(),
            size: size.parse().with_context(|| format!("apt said: {line}"))?,
        });
    }
    if debs.is_empty() {
        bail!("apt found nothing to fetch");
    }
    Ok(debs)
}

/// The fields of one package's record that stand on one line each.
fn fields(record: &str) -> HashMap<String, String> {
    let lines = record.lines().filter_map(|line| line.split_once(": "));
    lines.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_apt_would_fetch() {
        let text = "Reading package lists...\n\
            'https://m.invalid/p/qemu.deb' qemu-system-x86_1%3a10.0.13+ds-0_amd64.deb 4711 SHA256:00\nAfter this\n";
        let wanted = "qemu-system-x86=1:10.0.13+ds-0".to_owned();
        let file = "qemu-system-x86_1%3a10.0.13+ds-0_amd64.deb".to_owned();
        assert_eq!(parse_uris(text).unwrap(), [Deb { wanted, file, size: 4711 }]);
        assert!(parse_uris("Reading package lists...\n").is_err());
    }

    #[test]
    fn reads_a_record() {
        let record = fields("Package: a\nVersion: 1:2\nDepends: b (= 1), c\n continued: no\n");
        assert_eq!(record["Version"], "1:2");
        assert_eq!(record["Depends"], "b (= 1), c");
    }
}
