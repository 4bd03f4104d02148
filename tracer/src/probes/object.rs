//! The compiled programs, and what is written into them before they are loaded: constants and the kernel's functions.

use nltrace_common::{
    NLMSG_TYPE_OFFSET,
    constant::{self, Constant, offset_placeholder, placeholder},
    home_slots, kfunc,
};
use object::{Object as _, ObjectSection as _, SectionFlags, elf::SHF_EXECINSTR};

use super::{Plan, ProbeError};
use crate::kernel::Types;

/// As the compiler made them.
pub(super) static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/nltrace-ebpf"));

/// Bytes of a `struct bpf_insn`: opcode, registers, offset (16 bits), number (32 bits).
const INSTRUCTION: usize = 8;

/// The programs for `plan` on a kernel with these `types`, with `slot_count` histograms.
pub(super) fn prepared(plan: &Plan, types: &Types, slot_count: u32) -> Result<Vec<u8>, ProbeError> {
    let unreadable = |_| ProbeError::Missing("its sections");
    let mut programs = OBJECT.to_vec();
    let constants = constants(plan, types, slot_count);
    let session = types.session.unwrap_or_default();
    let kfuncs = [
        (kfunc::RDONLY_CAST, types.cast.unwrap_or_default().function),
        (kfunc::SESSION_IS_RETURN, session.is_return),
        (kfunc::SESSION_COOKIE, session.cookie),
    ];
    for section in object::File::parse(OBJECT).map_err(unreadable)?.sections() {
        let SectionFlags::Elf { sh_flags } = section.flags() else { continue };
        let Some((start, len)) = section.file_range().filter(|_| sh_flags & u64::from(SHF_EXECINSTR) != 0)
        else {
            continue;
        };
        let code = programs.get_mut(start as usize..).and_then(|rest| rest.get_mut(..len as usize));
        let code = code.ok_or(ProbeError::Missing("a section's contents"))?;
        write_constants(code, &constants);
        write_kfuncs(code, &kfuncs);
    }
    Ok(programs)
}

/// Their values, each at its number's place.
fn constants(plan: &Plan, types: &Types, slot_count: u32) -> [u64; constant::COUNT] {
    let Plan { filter, .. } = plan;
    let offsets = &types.offsets;
    let cast = types.cast.unwrap_or_default();
    let (low, high) = filter.comm.as_ref().unwrap_or(&[0; 16]).split_at(8);
    let [low, high] = [low, high].map(|half| half.try_into().map_or(0, u64::from_ne_bytes));
    let mut constants = [0; constant::COUNT];
    for (constant, value) in [
        (constant::MODE, plan.mode.number()),
        (constant::SNAPLEN, plan.snaplen()),
        (constant::SLOT_COUNT, slot_count),
        (constant::WAKEUP_BYTES, plan.wakeup_bytes()),
        (constant::FILTERED, filter.number()),
        (constant::FILTER_FAMILIES, filter.families),
        (constant::FILTER_STAGES, filter.stages),
        (constant::FILTER_TGID, filter.tgid.unwrap_or(0)),
        (constant::FILTER_PORTID, filter.portid.unwrap_or(0)),
        (constant::FILTER_BY_PORTID, filter.portid.is_some().into()),
        (constant::FILTER_TYPE, filter.nlmsg_type.map_or(u32::MAX, u32::from)),
        (constant::SK_BUFF_LEN, offsets.skb_len),
        (constant::SK_BUFF_DATA_LEN, offsets.skb_data_len),
        (constant::SK_BUFF_DATA, offsets.skb_data),
        (constant::SK_BUFF_SK, offsets.skb_sk),
        (constant::NETLINK_CB_PORTID, offsets.netlink_cb_portid),
        (constant::SOCK_PROTOCOL, offsets.sock_protocol),
        (constant::SOCK_NET, offsets.sock_net),
        (constant::NET_INUM, offsets.net_inum),
        (constant::NLMSGHDR_TYPE, NLMSG_TYPE_OFFSET as u32),
        (constant::TASK_COMM, offsets.task_comm),
        (constant::TASK_COMM_HIGH, offsets.task_comm + 8),
        (constant::TASK_PID, offsets.task_pid),
        (constant::TASK_TGID, offsets.task_tgid),
        (constant::SK_BUFF, cast.sk_buff),
        (constant::SOCK, cast.sock),
        (constant::NET, cast.net),
        (constant::NLMSGHDR, cast.nlmsghdr),
    ] {
        constants[usize::from(constant)] = u64::from(value);
    }
    constants[usize::from(constant::HOME_SLOTS)] = home_slots(slot_count);
    constants[usize::from(constant::FILTER_COMM_LOW)] = low;
    constants[usize::from(constant::FILTER_COMM_HIGH)] = high;
    constants
}

/// Puts the constants in the place of what stands for them.
fn write_constants(code: &mut [u8], constants: &[u64; constant::COUNT]) {
    /// `BPF_LD | BPF_IMM | BPF_DW`: a number of 64 bits. The next instruction holds its upper half.
    const LOAD_NUMBER: u8 = 0x18;
    /// `BPF_LDX | BPF_MEM | BPF_W`, `BPF_H`, `BPF_DW`.
    const LOADS: [u8; 3] = [0x61, 0x69, 0x79];

    let find = |is: &dyn Fn(Constant) -> bool| {
        (0..).zip(constants).find(|(constant, _)| is(*constant)).map(|(_, value)| *value)
    };
    for at in (0..code.len()).step_by(INSTRUCTION) {
        let (opcode, rest) = (code[at], &mut code[at..]);
        if opcode == LOAD_NUMBER && rest.len() >= 2 * INSTRUCTION {
            let number = |rest: &[u8]| [&rest[4..8], &rest[12..16]].concat();
            let held = number(rest);
            if let Some(value) = find(&|constant| held == placeholder(constant).to_ne_bytes()) {
                let (low, high) = rest.split_at_mut(INSTRUCTION);
                low[4..].copy_from_slice(&value.to_ne_bytes()[..4]);
                high[4..8].copy_from_slice(&value.to_ne_bytes()[4..]);
            }
        } else if LOADS.contains(&opcode) && rest.len() >= INSTRUCTION {
            let held = [rest[2], rest[3]];
            if let Some(value) = find(&|constant| held == offset_placeholder(constant).to_ne_bytes()) {
                rest[2..4].copy_from_slice(&(value as i16).to_ne_bytes());
            }
        }
    }
}

/// Turns calls of helpers that do not exist into calls of the kernel's functions, by their BTF ids, where it has them.
fn write_kfuncs(code: &mut [u8], kfuncs: &[(i32, u32)]) {
    /// A call of a helper: opcode, registers, offset. The helper's number follows.
    const CALL_HELPER: [u8; 4] = [0x85, 0, 0, 0];
    /// The same with `BPF_PSEUDO_KFUNC_CALL` as source register.
    const CALL_KERNEL: [u8; 4] = [0x85, 0x20, 0, 0];

    for instruction in
        code.chunks_exact_mut(INSTRUCTION).filter(|instruction| instruction[..4] == CALL_HELPER)
    {
        let callee = kfuncs.iter().find(|(number, _)| instruction[4..] == number.to_ne_bytes());
        if let Some((_, id @ 1..)) = callee {
            instruction[..4].copy_from_slice(&CALL_KERNEL);
            instruction[4..].copy_from_slice(&id.to_ne_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::{Filter, Mode, Offsets};

    /// Where each constant's placeholders are in code, as numbers and as offsets.
    fn placeholders(code: &[u8]) -> Vec<Constant> {
        let mut found = Vec::new();
        for instruction in code.chunks_exact(INSTRUCTION).zip(code[INSTRUCTION..].chunks_exact(INSTRUCTION)) {
            let (this, next) = instruction;
            let number = [&this[4..], &next[4..]].concat();
            let is_load = [0x61, 0x69, 0x79].contains(&this[0]);
            found.extend((0..constant::COUNT as Constant).filter(|constant| {
                number == placeholder(*constant).to_ne_bytes()
                    || is_load && this[2..4] == offset_placeholder(*constant).to_ne_bytes()
            }));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn code_of(object: &[u8]) -> Vec<u8> {
        let sections = object::File::parse(object).unwrap();
        let code = sections.sections().filter(|section| {
            matches!(section.flags(), SectionFlags::Elf { sh_flags } if sh_flags & u64::from(SHF_EXECINSTR) != 0)
        });
        code.flat_map(|section| section.data().unwrap().to_vec()).collect()
    }

    #[test]
    fn every_constant_is_in_the_programs_and_none_is_left_unwritten() {
        let plan = Plan {
            mode: Mode::Hist,
            filter: Filter::default(),
            snaplen: 256,
            ring_bytes: 4096,
            max_keys: None,
            method: None,
            verbose: false,
        };
        let offsets = Offsets {
            skb_len: 112,
            skb_data_len: 116,
            skb_data: 208,
            skb_sk: 24,
            netlink_cb_portid: 56,
            sock_protocol: 540,
            sock_net: 48,
            net_inum: 152,
            task_comm: 3000,
            task_pid: 2400,
            task_tgid: 2404,
        };
        let types = Types { offsets, cast: None, session: None, functions: Vec::new() };
        assert!(placeholders(&code_of(OBJECT)).into_iter().eq(0..constant::COUNT as Constant));
        let prepared = prepared(&plan, &types, 1024).unwrap();
        assert!(placeholders(&code_of(&prepared)).is_empty());
    }
}
