//! The compiled programs, and what is written into them before they are loaded: constants and the kernel's functions.

use std::collections::HashMap;

use aya_obj::{Object, generated::bpf_insn};
use nltrace_common::{
    NLMSG_TYPE_OFFSET,
    constant::{self, Constant, offset_placeholder, placeholder},
    home_slots, kfunc,
};

use super::{Mode, Plan, ProbeError};
use crate::kernel::Types;

/// As the compiler made them: every way to attach, for one thing that becomes of a call.
pub(super) fn compiled(mode: Mode) -> &'static [u8] {
    static HIST: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/hist"));
    static TRACE: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/trace"));

    match mode {
        Mode::Hist => HIST,
        Mode::Trace => TRACE,
    }
}

/// The programs for `plan` on a kernel with these `types`, with `slot_count` histograms.
pub(super) fn prepared(plan: &Plan, types: &Types, slot_count: u32) -> Result<Object, ProbeError> {
    let mut object = Object::parse(compiled(plan.mode)).map_err(ProbeError::Object)?;
    let log_level = [if plan.verbose { u8::MAX } else { 0 }];
    let globals = HashMap::from([(aya_log::LEVEL, (log_level.as_slice(), true))]);
    object.patch_map_data(globals).map_err(ProbeError::Object)?;
    let constants = constants(plan, types, slot_count);
    let session = types.session.unwrap_or_default();
    let kfuncs = [
        (kfunc::RDONLY_CAST, types.cast.unwrap_or_default().function),
        (kfunc::SESSION_IS_RETURN, session.is_return),
        (kfunc::SESSION_COOKIE, session.cookie),
    ];
    for function in object.functions.values_mut() {
        write_constants(&mut function.instructions, &constants);
        write_kfuncs(&mut function.instructions, &kfuncs);
    }
    Ok(object)
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
fn write_constants(code: &mut [bpf_insn], constants: &[u64; constant::COUNT]) {
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
    (low.code == LOAD_NUMBER && constant < constant::COUNT as u64).then_some(constant as Constant)
}

/// The constant that is the offset of a load.
fn offset_in(load: &bpf_insn) -> Option<Constant> {
    /// `BPF_LDX | BPF_MEM | BPF_W`, `BPF_H`, `BPF_DW`.
    const LOADS: [u8; 3] = [0x61, 0x69, 0x79];

    let constant = load.off.checked_sub(offset_placeholder(0))?;
    let is_one = LOADS.contains(&load.code) && (0..constant::COUNT as i16).contains(&constant);
    is_one.then_some(constant as Constant)
}

/// Turns calls of helpers that do not exist into calls of the kernel's functions, by their BTF ids, where it has them.
fn write_kfuncs(code: &mut [bpf_insn], kfuncs: &[(i32, u32)]) {
    /// `BPF_JMP | BPF_CALL`
    const CALL: u8 = 0x85;
    /// `BPF_PSEUDO_KFUNC_CALL`, as source register.
    const KERNEL_FUNCTION: u8 = 2;

    for call in code.iter_mut().filter(|call| call.code == CALL && call.src_reg() == 0) {
        let callee = kfuncs.iter().find(|(number, _)| call.imm == *number);
        if let Some((_, id @ 1..)) = callee {
            call.set_src_reg(KERNEL_FUNCTION);
            call.imm = id.cast_signed();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        kernel::Functions,
        probes::{Filter, Offsets},
    };

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
        let mut known = BTreeSet::new();
        for mode in [Mode::Hist, Mode::Trace] {
            let plan = Plan {
                mode,
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
            let types = Types { offsets, cast: None, session: None, functions: Functions::default() };
            known.extend(placeholders(&Object::parse(compiled(mode)).unwrap()));
            assert!(placeholders(&prepared(&plan, &types, plan.slots(2)).unwrap()).is_empty());
        }
        assert!(known.into_iter().eq(0..constant::COUNT as Constant));
    }
}
