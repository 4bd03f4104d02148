//! The compiled programs, and what is written into them before they are loaded: constants and the kernel's
//! functions.

use std::collections::HashMap;

use aya_obj::{Object, generated::bpf_insn};
use nltrace_common::{
    constant::{Constant, offset_placeholder, option, placeholder},
    home_slots,
    member::{CONSTANTS, FIRST_MEMBER},
};

use super::{Outcome, Plan, ProbeError, filter::Comparison};
use crate::{
    kernel::Facts,
    options::{Comm, Filter, MessageType, Pid, PortId},
};

/// As the compiler made them: every hook and every way to attach, for one outcome.
pub(super) fn compiled(outcome: Outcome) -> &'static [u8] {
    static HIST: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/hist"));
    static HIST_BY: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/hist_by"));
    static SPANS: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/spans"));
    static SPANS_BY: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/spans_by"));
    static TRACE: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/trace"));
    static DROPS: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/drops"));

    match outcome {
        Outcome::Timed { by: None, .. } => HIST,
        Outcome::Timed { by: Some(_), .. } => HIST_BY,
        Outcome::Spanned { by: None, .. } => SPANS,
        Outcome::Spanned { by: Some(_), .. } => SPANS_BY,
        Outcome::Recorded { .. } => TRACE,
        Outcome::Dropped { .. } => DROPS,
    }
}

/// The maps of an outcome's programs. The compiler puts those of the others into the object as well.
pub(super) fn maps(outcome: Outcome) -> &'static [&'static str] {
    match outcome {
        Outcome::Timed { by: None, .. } => &["AYA_LOGS", "FOLLOWED", "STARTS", "SLOTS"],
        Outcome::Timed { by: Some(_), .. } => {
            &["AYA_LOGS", "FOLLOWED", "STARTS", "SLOTS", "PARTIES", "PARTY_COUNT", "DUMPERS"]
        }
        Outcome::Spanned { by: None, .. } => &["AYA_LOGS", "FOLLOWED", "SPANS", "SLOTS", "DUMPS", "BUFFERS"],
        Outcome::Spanned { by: Some(_), .. } => &[
            "AYA_LOGS",
            "FOLLOWED",
            "SPANS",
            "SLOTS",
            "DUMPS",
            "BUFFERS",
            "PARTIES",
            "PARTY_COUNT",
            "DUMPERS",
        ],
        Outcome::Recorded { .. } => &["AYA_LOGS", "FOLLOWED", "STACKS", "RECORDS", "LOCKS", "DUMPING"],
        Outcome::Dropped { .. } => &[
            "AYA_LOGS",
            "THREADS",
            "ROWS",
            "EPISODES",
            "EPISODE_RECORDS",
            "DROP_RECORDS",
            "CLOSING",
            "GAPS",
            "USERS",
            "PATHS",
            "PATH_COUNTS",
        ],
    }
}

/// A program that does not depend on what is captured.
#[derive(Clone, Copy, Debug)]
pub(super) enum Walk {
    /// The iterator over netlink sockets.
    Sockets,
    /// The walk over network interfaces.
    Interfaces,
}

impl Walk {
    /// As the compiler made it.
    fn compiled(self) -> &'static [u8] {
        static SOCKETS: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/sockets"));
        static INTERFACES: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/interfaces"));

        match self {
            Self::Sockets => SOCKETS,
            Self::Interfaces => INTERFACES,
        }
    }

    /// The map that it writes to, if it has one. All objects have the maps that any of them has.
    fn map(self) -> Option<&'static str> {
        match self {
            Self::Sockets => None,
            Self::Interfaces => Some(INTERFACES),
        }
    }

    /// The program on a kernel with these `facts`.
    pub(super) fn prepared(self, facts: &Facts) -> Result<Object, ProbeError> {
        let mut object = Object::parse(self.compiled()).map_err(ProbeError::Object)?;
        object.maps.retain(|name, _| self.map() == Some(name));
        write(&mut object, &constants(facts), facts);
        Ok(object)
    }
}

/// The map of the walk over interfaces.
pub(super) const INTERFACES: &str = ".bss.interfaces";

/// The programs of an outcome for `plan` on a kernel with these `facts`, with `slot_count` histograms.
pub(super) fn prepared(
    outcome: Outcome,
    plan: &Plan,
    facts: &Facts,
    slot_count: u32,
) -> Result<Object, ProbeError> {
    let mut object = Object::parse(compiled(outcome)).map_err(ProbeError::Object)?;
    let log_level = [if plan.verbose { u8::MAX } else { 0 }];
    let globals = HashMap::from([(aya_log::LEVEL, (log_level.as_slice(), true))]);
    object.patch_map_data(globals).map_err(ProbeError::Object)?;
    let mut constants = constants(facts);
    write_options(&mut constants, outcome, &plan.filter_of(outcome), slot_count);
    constants[usize::from(option::WHO)] = plan.who.into();
    constants[usize::from(option::FAILURES)] = plan.failures.into();
    if let Some(pid) = plan.filter.pid.filter(|_| plan.filter.children) {
        // Also where the programs compare nothing with it: it is whose children they follow.
        constants[usize::from(option::FILTER_TGID)] = pid.number().into();
    }
    constants[usize::from(option::BROADCASTS_END)] = plan.broadcasts_end(facts).into();
    write(&mut object, &constants, facts);
    Ok(object)
}

/// Writes everything that stands for something else in the programs.
fn write(object: &mut Object, constants: &[u64; CONSTANTS], facts: &Facts) {
    for function in object.functions.values_mut() {
        write_constants(&mut function.instructions, constants);
        write_kfuncs(&mut function.instructions, facts);
    }
}

/// What follows from the user's options, each at its number's place.
fn write_options(constants: &mut [u64; CONSTANTS], outcome: Outcome, filter: &Filter, slot_count: u32) {
    let Comparison { filtered, families, stages } = Comparison::of(filter);
    let comm = filter.comm.map_or([0; 16], Comm::bytes);
    let (comm, _) = comm.as_chunks();
    for (option, value) in [
        (option::SNAPLEN, outcome.snaplen().into()),
        (option::SLOT_COUNT, slot_count.into()),
        (option::HOME_SLOTS, home_slots(slot_count)),
        (option::WAKEUP_BYTES, outcome.wakeup_bytes().into()),
        (option::DELIVERIES, matches!(outcome, Outcome::Recorded { deliveries: true, .. }).into()),
        (option::EXCHANGES, outcome.has_exchanges().into()),
        (option::SPANS, outcome.spans().into()),
        (option::BY, outcome.by().map_or(0, |by| by as u64)),
        (option::FILTERED, filtered.into()),
        (option::FILTER_FAMILIES, families.into()),
        (option::FILTER_STAGES, stages.into()),
        (option::FILTER_TGID, filter.pid.map_or(0, Pid::number).into()),
        (option::CHILDREN, filter.children.into()),
        (option::FILTER_PORTID, filter.portid.map_or(0, |PortId(portid)| portid).into()),
        (option::FILTER_BY_PORTID, filter.portid.is_some().into()),
        (option::FILTER_TYPE, filter.message_type.map_or(u64::MAX, |MessageType(number)| number.into())),
        (option::FILTER_COMM_LOW, u64::from_ne_bytes(comm[0])),
        (option::FILTER_COMM_HIGH, u64::from_ne_bytes(comm[1])),
        (option::CAUSES, outcome.causes().into()),
        (option::PATHS, matches!(outcome, Outcome::Dropped { stacks: true, .. }).into()),
        (option::TELL_DROPS, matches!(outcome, Outcome::Dropped { each: true, .. }).into()),
    ] {
        constants[usize::from(option)] = value;
    }
}

/// What follows from the kernel alone, each at its number's place; the user's options are zeros.
fn constants(facts: &Facts) -> [u64; CONSTANTS] {
    let mut constants = [0; CONSTANTS];
    let (_, others) = constants.split_at_mut(FIRST_MEMBER.into());
    let (offsets, structures) = others.split_at_mut(facts.offsets.len());
    for (constant, offset) in offsets.iter_mut().zip(facts.offsets) {
        *constant = offset.into();
    }
    // Where programs cannot give memory a type, its number is of no use.
    for (constant, id) in structures.iter_mut().zip(facts.structures).filter(|_| facts.casts()) {
        *constant = id.into();
    }
    constants
}

/// Puts the constants in the place of what stands for them.
fn write_constants(code: &mut [bpf_insn], constants: &[u64; CONSTANTS]) {
    let value = |constant: Option<Constant>| constants.get(usize::from(constant?)).copied();
    for at in 0..code.len() {
        if let Some(value) = value(number_at(code, at)) {
            code[at].imm = value as i32;
            code[at + 1].imm = (value >> 32) as i32;
        }
        if let Some(value) = value(offset_in(&code[at])) {
            code[at].off = value as i16;
        }
    }
}

/// The constant that is loaded as a number by two instructions, of which the second holds its upper half.
fn number_at(code: &[bpf_insn], at: usize) -> Option<Constant> {
    /// `BPF_LD | BPF_IMM | BPF_DW`: a number of 64 bits.
    const LOAD_NUMBER: u8 = 0x18;

    let [low, high] = code.get(at..at + 2)? else { return None };
    let held = u64::from(high.imm.cast_unsigned()) << 32 | u64::from(low.imm.cast_unsigned());
    let constant = held.checked_sub(placeholder(0))?;
    (low.code == LOAD_NUMBER && constant < CONSTANTS as u64).then_some(constant as Constant)
}

/// The constant that is the offset of a load.
fn offset_in(load: &bpf_insn) -> Option<Constant> {
    /// `BPF_LDX | BPF_MEM | BPF_W`, `BPF_H`, `BPF_B`, `BPF_DW`.
    const LOADS: [u8; 4] = [0x61, 0x69, 0x71, 0x79];

    let constant = load.off.checked_sub(offset_placeholder(0))?;
    let is_one = LOADS.contains(&load.code) && (0..CONSTANTS as i16).contains(&constant);
    is_one.then_some(constant as Constant)
}

/// Turns calls of helpers that do not exist into calls of the kernel's functions, by their BTF ids, where it
/// has them.
fn write_kfuncs(code: &mut [bpf_insn], facts: &Facts) {
    /// `BPF_JMP | BPF_CALL`
    const CALL: u8 = 0x85;
    /// `BPF_PSEUDO_KFUNC_CALL`, as source register.
    const KERNEL_FUNCTION: u8 = 2;

    for call in code.iter_mut().filter(|call| call.code == CALL && call.src_reg() == 0) {
        if let Some(id) = facts.kfunc(call.imm) {
            call.set_src_reg(KERNEL_FUNCTION);
            call.imm = id.cast_signed();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use nltrace_common::{
        By,
        member::{FIRST_STRUCTURE, STRUCTURE_NAMES},
    };

    use super::*;
    use crate::{kernel::fixture::facts, options::Causes};

    /// The constants that programs have placeholders for.
    fn placeholders(object: &Object) -> BTreeSet<Constant> {
        let code = object.functions.values().map(|function| &*function.instructions);
        let found = code.flat_map(|code| {
            (0..code.len()).flat_map(|at| number_at(code, at).into_iter().chain(offset_in(&code[at])))
        });
        found.collect()
    }

    #[test]
    fn every_constant_is_in_the_programs_and_none_is_left_unwritten() {
        let outcomes = [
            Outcome::Timed { max_keys: None, by: None },
            Outcome::Timed { max_keys: None, by: Some(By::Process) },
            Outcome::Spanned { max_keys: None, stages: u32::MAX, by: None },
            Outcome::Spanned { max_keys: None, stages: u32::MAX, by: Some(By::Socket) },
            Outcome::Recorded { snaplen: 256, ring_bytes: 4096, deliveries: false, exchanges: false },
            Outcome::Dropped { causes: Causes::default(), stacks: false, each: false },
        ];
        let mut known = BTreeSet::new();
        for walk in [Walk::Sockets, Walk::Interfaces] {
            known.extend(placeholders(&Object::parse(walk.compiled()).unwrap()));
            assert!(placeholders(&walk.prepared(&facts("7.3")).unwrap()).is_empty());
        }
        for outcome in outcomes {
            let plan = Plan {
                outcomes: vec![outcome],
                filter: Filter::default(),
                method: Default::default(),
                verbose: false,
                who: false,
                failures: false,
            };
            known.extend(placeholders(&Object::parse(compiled(outcome)).unwrap()));
            let prepared = prepared(outcome, &plan, &facts("7.3"), outcome.slots(2)).unwrap();
            assert!(placeholders(&prepared).is_empty());
        }
        // The verifier knows a thread's type without being told, and those of what the iterator is shown;
        // what leads to an executable is copied.
        for name in [
            "task_struct",
            "file",
            "inode",
            "socket",
            "mm_struct",
            "dentry",
            "vfsmount",
            "mount",
            "net_device",
        ] {
            let index = STRUCTURE_NAMES.iter().position(|other| *other == name).unwrap();
            known.insert(FIRST_STRUCTURE + index as Constant);
        }
        assert!(known.into_iter().eq(0..CONSTANTS as Constant));
    }
}
