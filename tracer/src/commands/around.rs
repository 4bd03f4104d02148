//! Names of what messages come from, as the machine has them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::sockets::inode_of;
use crate::{
    decode::{Family, Links, tree::GenericFamilies},
    kernel::{Cgroups, NetnsNames},
    model::drops::DropRow,
    note,
    options::{CaptureOptions, Netns},
    render::Surroundings,
    session::{SessionError, Unable, now_ns},
    source::{
        Interface, Interfaces, generic_families,
        recording::{Learned, RecordedNames},
    },
};

/// Asks the kernel for generic netlink's families if any may be wanted, before anything is watched: that is a
/// message itself. Puts the number of the one that is asked for into the filter. One that is not there is an
/// error, unless `--wait` is given and this `can_wait`.
pub(super) fn generic(options: &mut CaptureOptions, can_wait: bool) -> anyhow::Result<GenericFamilies> {
    if !options.filter.wants_family(Family::GENERIC) {
        return Ok(GenericFamilies::default());
    }
    let families = registered();
    let Err(missing) = options.filter.resolve(&families) else { return Ok(families) };
    if can_wait && options.wait {
        note(format_args!("{missing}; its messages are shown once it is registered"));
        return Ok(families);
    }
    let or_wait = match (can_wait, options.wait) {
        (true, _) => ", or wait for it with --wait",
        (false, true) => "; only trace without --calls can wait for it",
        (false, false) => "",
    };
    let remedy = format!("load the module that has it{or_wait}; `genl ctrl list` lists what there is");
    Err(SessionError::from(Unable { problem: missing.to_string(), remedy }).into())
}

/// The families that are registered now; none, and a note, where the kernel does not tell.
pub(super) fn registered() -> GenericFamilies {
    generic_families().unwrap_or_else(|error| {
        note(format_args!("generic netlink's families have no names: {error}"));
        GenericFamilies::default()
    })
}

/// How often interfaces are listed where no message tells of changes, at most; and how many times as long as
/// a list takes it is not made again.
const LIST_EVERY_NS: u64 = 1_000_000_000;
const LIST_SHARE: u64 = 100;

/// Names of control groups and namespaces.
enum Places {
    /// This machine's, as they are.
    Here { cgroups: Cgroups, names: NetnsNames, root: PathBuf },
    /// As they were recorded.
    Recorded(RecordedNames),
}

/// What [`Links`] takes of an interface.
fn parts(interface: &Interface) -> (u32, u32, &str) {
    (interface.netns, interface.index, &interface.name)
}

/// Names of control groups, namespaces, interfaces and generic netlink's families.
pub(super) struct Around {
    places: Places,
    generic: GenericFamilies,
    /// Interfaces.
    pub(super) links: Links,
    /// What lists them; None: nothing does.
    interfaces: Option<Interfaces>,
    /// When they are listed again, in nanoseconds, and whether they are a second time.
    again_ns: u64,
    goes_on: bool,
}

impl Around {
    /// Those below `root`, and the families of generic netlink.
    pub(super) fn new(root: &Path, generic: GenericFamilies) -> Self {
        Self {
            places: Places::Here {
                cgroups: Cgroups::new(root),
                names: NetnsNames::read(root),
                root: root.to_owned(),
            },
            generic,
            links: Links::default(),
            interfaces: None,
            again_ns: 0,
            goes_on: false,
        }
    }

    /// Of a recording, which tells them.
    pub(super) fn recorded() -> Self {
        Self {
            places: Places::Recorded(RecordedNames::default()),
            generic: GenericFamilies::default(),
            links: Links::default(),
            interfaces: None,
            again_ns: 0,
            goes_on: false,
        }
    }

    /// Takes what a recording tells.
    pub(super) fn learn(&mut self, learned: &Learned<'_>) {
        match learned {
            Learned::Interface(Interface { netns, index, name }, from_ns) => {
                self.links.begin_at(*netns, *from_ns, *index, name);
            }
            Learned::Gone(Interface { netns, index, .. }, from_ns) => {
                self.links.end(*netns, *from_ns, *index);
            }
            Learned::Links(netns, ts_ns, message) => self.links.learn(*netns, *ts_ns, message),
            _ => {}
        }
        if let Places::Recorded(names) = &mut self.places {
            names.take(learned);
        }
    }

    /// The inode number of a namespace that an option names; none that there is where it is not known yet, as
    /// in a recording that has not told it.
    pub(super) fn inode_of(&self, netns: &Netns) -> anyhow::Result<u32> {
        match (&self.places, netns) {
            (Places::Here { names, root, .. }, _) => inode_of(netns, names, root),
            (Places::Recorded(_), Netns::Inode(inode)) => Ok(*inode),
            (Places::Recorded(names), Netns::Name(name)) => Ok(names.netns_named(name).unwrap_or(0)),
        }
    }

    /// The numbers of a control group and of those below it.
    pub(super) fn cgroups_below(&self, path: &Path) -> anyhow::Result<Vec<u64>> {
        match &self.places {
            Places::Here { cgroups, .. } => cgroups.below(path).with_context(|| {
                format!("there is no control group {}; systemd-cgls lists them", path.display())
            }),
            Places::Recorded(names) => {
                let path = path.to_string_lossy();
                let path = path.strip_prefix("/sys/fs/cgroup").unwrap_or(&path);
                Ok(names.cgroups_below(&format!("/{}", path.trim_start_matches('/'))))
            }
        }
    }

    /// Takes what lists interfaces, and what it listed before anything was watched.
    pub(super) fn watch_interfaces(&mut self, interfaces: Interfaces, before: &[Interface]) {
        self.links.take(0, before.iter().map(parts));
        self.interfaces = Some(interfaces);
        self.list_interfaces();
    }

    /// Calls were lost until a time, and with them may be names of interfaces.
    pub(super) fn lost(&mut self, to_ns: u64) {
        if let Places::Recorded(_) = self.places {
            // What they were called then was recorded, and may have been told already.
            return self.links.forget_from(to_ns);
        }
        self.links.forget();
        self.list_interfaces();
    }

    /// Takes what lists interfaces, for a recording: once more when everything is watched, when calls were
    /// lost, and now and then if `goes_on`.
    pub(super) fn record_interfaces(&mut self, interfaces: Interfaces, goes_on: bool) {
        self.interfaces = Some(interfaces);
        self.goes_on = goes_on;
    }

    /// Lists interfaces, as they are now.
    pub(super) fn list_interfaces(&mut self) {
        if let Some((before_ns, all)) = self.listed() {
            self.links.take(before_ns, all.iter().map(parts));
        }
    }

    /// All interfaces, and when they were listed.
    fn listed(&mut self) -> Option<(u64, Vec<Interface>)> {
        let interfaces = self.interfaces.as_ref()?;
        let before_ns = now_ns();
        let all = interfaces.read().inspect_err(|error| {
            note(format_args!("names of interfaces may be old from here on: {error}"));
        });
        if all.is_err() {
            self.interfaces = None;
        }
        let after_ns = now_ns();
        self.again_ns = after_ns + LIST_EVERY_NS.max((after_ns - before_ns) * LIST_SHARE);
        Some((before_ns, all.ok()?))
    }

    /// The same if the last time was a while ago.
    pub(super) fn list_interfaces_again(&mut self, now_ns: u64) {
        if now_ns >= self.again_ns {
            self.list_interfaces();
        }
    }

    /// The control groups that the processes are in now that sent or missed what was dropped; those that are
    /// gone are in none.
    pub(super) fn groups_of(&self, row: &DropRow) -> Vec<u64> {
        let Places::Here { cgroups, root, .. } = &self.places else { return Vec::new() };
        let processes = row.owners.iter().chain(&row.owner).chain(&row.sender);
        processes.filter_map(|process| cgroups.of_process(root, process.pid)).collect()
    }

    /// Asks for generic netlink's families again if there are types of which none is known.
    pub(super) fn know_families(&mut self, mut types: impl Iterator<Item = u16>) {
        if types.any(|number| self.generic.name(number).is_none()) {
            self.generic = registered();
        }
    }

    /// Looks for namespaces that have got a name since.
    pub(super) fn look_again(&mut self) {
        if let Places::Here { names, root, .. } = &mut self.places {
            names.add(NetnsNames::read(root));
        }
    }
}

impl Surroundings for Around {
    fn cgroup(&mut self, number: u64) -> Option<&str> {
        match &mut self.places {
            Places::Here { cgroups, .. } => cgroups.path(number),
            Places::Recorded(names) => names.cgroup(number),
        }
    }

    fn netns(&self, inode: u32) -> Option<&str> {
        match &self.places {
            Places::Here { names, .. } => names.name(inode),
            Places::Recorded(names) => names.netns(inode),
        }
    }

    fn interface(&self, netns: u32, ts_ns: u64, index: u32) -> Option<&str> {
        self.links.name(netns, ts_ns, index)
    }

    fn list_again(&mut self, now_ns: u64, has_lost: bool) -> Option<(u64, Vec<Interface>)> {
        let is_first = self.again_ns == 0;
        let is_time = has_lost || is_first || (self.goes_on && now_ns >= self.again_ns);
        if is_time { self.listed() } else { None }
    }

    fn has_interfaces(&self) -> bool {
        !self.links.is_empty()
    }

    fn generic(&self, number: u16) -> Option<&str> {
        self.generic.name(number)
    }
}
