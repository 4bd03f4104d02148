//! Which Debian mirror this machine uses, read from its own apt sources.
//!
//! The project names no mirror: a machine that runs Debian knows one, and it is the one its owner chose.
//! Anywhere else the user names it in `NLTRACE_DEBIAN_MIRROR`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Overrides the archive's address.
pub(crate) const MIRROR_VARIABLE: &str = "NLTRACE_DEBIAN_MIRROR";
/// Overrides the address of the security archive.
pub(crate) const SECURITY_VARIABLE: &str = "NLTRACE_DEBIAN_SECURITY_MIRROR";

/// Names that tell a Debian source from one of another distribution or vendor.
const RELEASES: &[&str] = &[
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "oldoldstable",
    "oldstable",
    "stable",
    "testing",
    "unstable",
];

const KEYRINGS: &[&str] =
    &["/usr/share/keyrings/debian-archive-keyring.pgp", "/usr/share/keyrings/debian-archive-keyring.gpg"];

/// Where to fetch from and whose signatures count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirror {
    /// Address of the archive.
    pub(crate) archive: String,
    /// Address of the security archive, if the machine has one.
    pub(crate) security: Option<String>,
    /// The archive keyring.
    pub(crate) keyring: PathBuf,
}

/// One source, in either of apt's formats.
#[derive(Debug, Default)]
struct Entry {
    address: String,
    suites: Vec<String>,
    keyring: Option<PathBuf>,
}

impl Entry {
    fn is_debian(&self, security: bool) -> bool {
        self.suites.iter().any(|suite| {
            let (release, rest) = suite.split_once(['-', '/']).unwrap_or((suite, ""));
            RELEASES.contains(&release)
                && (rest == "security" || rest == "updates" && suite.contains('/')) == security
        })
    }
}

impl Mirror {
    /// Reads the apt sources below `etc` (`/etc/apt`) and the two environment variables.
    pub(crate) fn of_machine(etc: &Path) -> Result<Self> {
        let entries = read_entries(etc);
        let main = entries.iter().find(|entry| entry.is_debian(false));
        let archive = std::env::var(MIRROR_VARIABLE).ok().or_else(|| main.map(|entry| entry.address.clone()));
        let archive = archive.with_context(|| {
            format!(
                "no Debian archive in {}: name a mirror in the environment variable {MIRROR_VARIABLE}, \
                 and its security archive in {SECURITY_VARIABLE}",
                etc.display()
            )
        })?;
        let security = std::env::var(SECURITY_VARIABLE).ok();
        let security = security.or_else(|| {
            entries.iter().find(|entry| entry.is_debian(true)).map(|entry| entry.address.clone())
        });
        let keyring = main.and_then(|entry| entry.keyring.clone()).filter(|path| path.exists());
        let keyring =
            keyring.or_else(|| KEYRINGS.iter().map(PathBuf::from).find(|path| path.exists())).context(
                "no Debian archive keyring: install the package debian-archive-keyring (Ubuntu, Fedora and \
                      Arch have it too)",
            )?;
        Ok(Self { archive, security, keyring })
    }
}

fn read_entries(etc: &Path) -> Vec<Entry> {
    let mut files = vec![etc.join("sources.list")];
    let mut parts: Vec<_> = fs::read_dir(etc.join("sources.list.d"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.path())
        .collect();
    parts.sort();
    files.append(&mut parts);
    let mut entries = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_default();
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => entries.extend(parse_stanzas(&text)),
            Some("list") => entries.extend(text.lines().filter_map(parse_line)),
            _ => {}
        }
    }
    entries
}

/// The older format: `deb [signed-by=KEYRING] ADDRESS SUITE COMPONENT…`.
fn parse_line(line: &str) -> Option<Entry> {
    let mut rest = line.trim().strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
    let mut entry = Entry::default();
    if let Some(options) = rest.strip_prefix('[') {
        let (options, after) = options.split_once(']')?;
        entry.keyring = options
            .split_whitespace()
            .find_map(|option| option.strip_prefix("signed-by="))
            .map(PathBuf::from);
        rest = after;
    }
    let mut words = rest.split_whitespace();
    entry.address = words.next()?.to_owned();
    entry.suites = vec![words.next()?.to_owned()];
    Some(entry)
}

/// The newer format: stanzas of fields, continued by indentation.
fn parse_stanzas(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for stanza in lines.split(|line| line.trim().is_empty()) {
        let fields = parse_fields(stanza);
        let field =
            |name: &str| fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        let binary = field("types").split_whitespace().any(|kind| kind == "deb");
        let Some(address) =
            field("uris").split_whitespace().next().filter(|_| binary && field("enabled") != "no")
        else {
            continue;
        };
        entries.push(Entry {
            address: address.to_owned(),
            suites: field("suites").split_whitespace().map(str::to_owned).collect(),
            // A key may also stand in the field itself; then the machine's keyring has to do.
            keyring: Some(field("signed-by")).filter(|value| value.starts_with('/')).map(PathBuf::from),
        });
    }
    entries
}

fn parse_fields(stanza: &[&str]) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in stanza {
        match (line.starts_with([' ', '\t']), line.split_once(':')) {
            (false, Some((name, value))) => fields.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            _ => {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZAS: &str = "# a comment\nTypes: deb\nURIs: https://mirror.invalid/debian\nSuites: trixie\n trixie-updates\n\
        Components: main\nSigned-By: /usr/share/keyrings/k.gpg\n\nTypes: deb deb-src\nURIs: https://mirror.invalid/security\n\
        Suites: trixie-security\n\nTypes: deb\nURIs: https://vendor.invalid/\nSuites: nodistro\n\n\
        Types: deb\nEnabled: no\nURIs: https://off.invalid/\nSuites: trixie\n";

    #[test]
    fn reads_stanzas() {
        let entries = parse_stanzas(STANZAS);
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[0].suites, ["trixie", "trixie-updates"]);
        assert_eq!(entries[0].keyring.as_deref(), Some(Path::new("/usr/share/keyrings/k.gpg")));
        assert!(entries[0].is_debian(false) && !entries[0].is_debian(true));
        assert!(entries[1].is_debian(true) && !entries[1].is_debian(false));
        assert!(!entries[2].is_debian(false));
    }

    #[test]
    fn reads_lines() {
        let entry =
            parse_line("deb [arch=amd64 signed-by=/k.gpg] https://mirror.invalid/debian bookworm main")
                .unwrap();
        assert_eq!(entry.address, "https://mirror.invalid/debian");
        assert_eq!(entry.keyring.as_deref(), Some(Path::new("/k.gpg")));
        assert!(entry.is_debian(false));
        assert!(parse_line("deb http://s.invalid bookworm-security main").unwrap().is_debian(true));
        assert!(!parse_line("deb http://u.invalid jammy main").unwrap().is_debian(false));
        assert!(parse_line("deb-src http://mirror.invalid/debian bookworm main").is_none());
        assert!(parse_line("# deb http://mirror.invalid/debian bookworm main").is_none());
    }
}
