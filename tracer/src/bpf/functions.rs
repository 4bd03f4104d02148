//! What the kernel wants to know of a program that hands one of its functions to a helper: a type for each of
//! its functions (`func_info`), which says that only the program itself calls it.
//!
//! Beyond that it does not matter what the types are: every function gets the same one.

use std::{collections::BTreeSet, io, os::fd::OwnedFd};

use aya_obj::generated::{BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, bpf_func_info, bpf_insn};

use super::btf::{kind, load_types};

/// A program's functions.
pub(super) struct Functions {
    /// The types that they have.
    pub(super) btf: OwnedFd,
    /// Where they begin, ascending.
    pub(super) places: Vec<bpf_func_info>,
}

impl Functions {
    /// None: none of them is handed to a helper.
    pub(super) fn of(instructions: &[bpf_insn]) -> io::Result<Option<Self>> {
        let Some(places) = places(instructions) else { return Ok(None) };
        // One without arguments and result, which only its own program calls.
        let types = [[0, kind::FUNC_PROTO, 0], [1, kind::FUNC, 1]];
        let btf = load_types(types.as_flattened(), b"\0function\0")?;
        Ok(Some(Self { btf, places }))
    }
}

/// Where functions begin, if one of them is handed to a helper.
fn places(instructions: &[bpf_insn]) -> Option<Vec<bpf_func_info>> {
    /// `BPF_JMP | BPF_CALL`, and `BPF_LD | BPF_IMM | BPF_DW`, of include/uapi/linux/bpf.h.
    const CALL: u8 = 0x85;
    const LOAD: u8 = 0x18;

    let mut starts = BTreeSet::from([0]);
    let mut is_handed_over = false;
    for (index, instruction) in instructions.iter().enumerate() {
        let is_handed = match (instruction.code, u32::from(instruction.src_reg())) {
            (CALL, BPF_PSEUDO_CALL) => false,
            (LOAD, BPF_PSEUDO_FUNC) => true,
            _ => continue,
        };
        is_handed_over |= is_handed;
        starts.insert((index as i32 + 1 + instruction.imm) as u32);
    }
    is_handed_over
        .then(|| starts.into_iter().map(|insn_off| bpf_func_info { insn_off, type_id: FUNCTION }).collect())
}

/// The number of the only function among the types.
const FUNCTION: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn instruction(code: u8, source: u32, imm: i32) -> bpf_insn {
        bpf_insn {
            code,
            _bitfield_align_1: [],
            _bitfield_1: bpf_insn::new_bitfield_1(0, source as u8),
            off: 0,
            imm,
        }
    }

    #[test]
    fn functions_are_told_where_one_is_handed_over() {
        let (helper, exit) = (instruction(0x85, 0, 181), instruction(0x95, 0, 0));
        let call = instruction(0x85, BPF_PSEUDO_CALL, 3);
        assert!(places(&[call, helper, exit, exit, exit]).is_none());
        let hand_over = instruction(0x18, BPF_PSEUDO_FUNC, 4);
        let again = instruction(0x85, BPF_PSEUDO_CALL, -2);
        let places = places(&[call, hand_over, helper, exit, again, exit, exit]).expect("one is");
        let starts: Vec<_> = places.iter().map(|place| (place.insn_off, place.type_id)).collect();
        assert_eq!(starts, [(0, FUNCTION), (3, FUNCTION), (4, FUNCTION), (6, FUNCTION)]);
    }
}
