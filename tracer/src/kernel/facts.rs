//! What the kernel offers to the programs: where members lie, which functions there are, what its eBPF can
//! do.

use std::path::Path;

use nltrace_common::{
    kfunc,
    member::{self, Place},
};

use super::{
    BtfError,
    btf::{self, Btf, Query},
    is_preemptible, release,
};

/// Where the kernel has one of these functions, sessions see every call: from 6.14 on, "fprobe: Rewrite
/// fprobe on function-graph tracer" (4346ba160409), under the first name until 6.18 and under the second
/// since 6.19 (2c67dc457bc6). Before, in 6.10 to 6.13, they had room for a few calls at once, and those that
/// found none were counted nowhere.
const EXACT_SESSIONS: [&str; 2] = ["fprobe_entry", "fprobe_fgraph_entry"];

/// The kinds of maps that the kernel has, and the one that calls in progress are kept in: since 5.11
/// (4cf1bc1f1045).
const MAP_TYPES: &str = "bpf_map_type";
const TASK_STORAGE: &str = "BPF_MAP_TYPE_TASK_STORAGE";

/// What the kernel says of a link; since 6.7 how often a kprobe was not run (3acf8ace6823), and programs then
/// count those that were not run because another was at work (dd8657894c11).
const LINK_INFO: &str = "bpf_link_info";
const KPROBES_NOT_RUN: [&str; 3] = ["perf_event", "kprobe", "missed"];

/// What the kernel offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its release, as `uname -r` prints it; None where `proc` is not mounted.
    pub release: Option<String>,
    /// Where members lie, in bytes from the start of their struct: by their order in [`member::PLACES`].
    pub offsets: [u32; member::COUNT],
    /// BTF ids of the structs in [`member::STRUCTURE_NAMES`], in their order.
    pub structures: [u32; member::STRUCTURES],
    /// Those of the functions that were asked for which are in the kernel itself, not in a module.
    pub functions: Functions,
    /// BTF ids of the functions that programs may call, in the order of [`kfunc::ALL`]; None: the kernel
    /// lacks it.
    pub kfuncs: [Option<u32>; kfunc::ALL.len()],
    /// Whether sessions, where there are any, see every call.
    pub exact_sessions: bool,
    /// Whether there is storage for each thread.
    pub task_storage: bool,
    /// Whether the kernel counts the kprobes that it does not run.
    pub counts_skipped_kprobes: bool,
    /// Whether the kernel takes the processor from a thread in the middle of kernel code.
    pub preemptible: bool,
}

impl Facts {
    /// Reads them below `root`: the kernel's types, and what is known of its scheduling. `functions` are
    /// those whose presence matters.
    pub fn read(root: &Path, functions: impl IntoIterator<Item = &'static str>) -> Result<Self, BtfError> {
        let functions: Vec<_> = functions.into_iter().collect();
        btf::read(root, &query(&functions), |btf| {
            Ok(Self {
                release: release(root),
                preemptible: is_preemptible(root),
                ..Self::of(btf, &functions)?
            })
        })
    }

    fn of(btf: &Btf<'_>, functions: &[&'static str]) -> Result<Self, BtfError> {
        let mut offsets = [0; member::COUNT];
        for (offset, place) in offsets.iter_mut().zip(member::PLACES) {
            let Place { structure, path, within, further, optional } = place;
            let inner = within.map(|(structure, path)| btf.member(structure, path)).transpose()?;
            *offset = match btf.member(structure, path) {
                Ok(found) => found + inner.unwrap_or(0) + further,
                Err(_) if optional => member::ABSENT,
                Err(error) => return Err(error),
            };
        }
        let found = functions.iter().filter_map(|name| Some((*name, btf.function(name)?)));
        Ok(Self {
            release: None,
            offsets,
            structures: member::STRUCTURE_NAMES.map(|name| btf.structure(name).unwrap_or(0)),
            functions: found.collect(),
            kfuncs: kfunc::ALL.map(|(_, name)| btf.function(name)),
            exact_sessions: EXACT_SESSIONS.iter().any(|name| btf.function(name).is_some()),
            task_storage: btf.has_enumerator(MAP_TYPES, TASK_STORAGE),
            counts_skipped_kprobes: btf.member(LINK_INFO, &KPROBES_NOT_RUN).is_ok(),
            preemptible: true,
        })
    }

    /// The BTF id of a function that programs may call, one of [`kfunc`]'s numbers; None: the kernel lacks
    /// it.
    pub fn kfunc(&self, number: i32) -> Option<u32> {
        let index = kfunc::ALL.iter().position(|(known, _)| *known == number)?;
        self.kfuncs[index]
    }

    /// Whether programs of every kind may give memory a type.
    pub fn casts(&self) -> bool {
        self.kfunc(kfunc::RDONLY_CAST).is_some()
    }

    /// Whether a program may be one for a call's entry and its return, and sees every call then.
    pub fn has_sessions(&self) -> bool {
        let callable = [kfunc::SESSION_IS_RETURN, kfunc::SESSION_COOKIE];
        self.exact_sessions && callable.iter().all(|number| self.kfunc(*number).is_some())
    }
}

fn query(functions: &[&'static str]) -> Query {
    let within = member::PLACES.iter().filter_map(|place| Some(place.within?.0));
    let callable = kfunc::ALL.map(|(_, name)| name);
    Query {
        structs: member::STRUCTURE_NAMES.into_iter().chain(within).chain([LINK_INFO]).collect(),
        enums: vec![MAP_TYPES],
        functions: functions.iter().copied().chain(callable).chain(EXACT_SESSIONS).collect(),
    }
}

/// Functions by name, with their BTF ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Functions(Vec<(&'static str, u32)>);

impl Functions {
    /// A function's BTF id; None if it is not among them.
    pub fn id(&self, name: &str) -> Option<u32> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, id)| *id)
    }
}

impl FromIterator<(&'static str, u32)> for Functions {
    fn from_iter<T: IntoIterator<Item = (&'static str, u32)>>(functions: T) -> Self {
        Self(functions.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
