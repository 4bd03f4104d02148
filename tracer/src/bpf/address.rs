//! Addresses of the kernel's functions, by a program that asks for them.
//!
//! A link to functions by name has the kernel go through all of its symbols, for each link: some sixty
//! million instructions. The helper `bpf_kallsyms_lookup_name` (5.16) finds a name by halving, since 6.2. It
//! takes CAP_SYSLOG, or a kernel that shows addresses to all.

use std::{
    ffi::{CStr, CString},
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use aya_obj::generated::bpf_insn;

use super::program::{Purpose, load_program, run_program};

/// Bytes of a name, its NUL included.
const NAME_BYTES: usize = 64;

/// What the program is run with.
#[repr(C)]
struct Question {
    /// The answer; 0: there is no such function.
    address: u64,
    /// Padded with NULs.
    name: [u8; NAME_BYTES],
}

/// A program that can be asked.
pub(crate) struct Addresses(OwnedFd);

impl Addresses {
    /// Loads it.
    pub(crate) fn new() -> io::Result<Self> {
        load_program(Purpose::Run, "address", c"GPL", &instructions()).map(Self)
    }

    /// Where the functions begin, in their order. NotFound where the kernel has one not, or does not say.
    pub(crate) fn of(&self, functions: &[CString]) -> io::Result<Vec<u64>> {
        functions.iter().map(|name| self.of_one(name)).collect()
    }

    fn of_one(&self, function: &CStr) -> io::Result<u64> {
        let mut question = Question { address: 0, name: [0; NAME_BYTES] };
        let name = function.to_bytes_with_nul();
        question.name.get_mut(..name.len()).ok_or(io::ErrorKind::NotFound)?.copy_from_slice(name);
        // SAFETY: a number and bytes.
        unsafe { run_program(self.0.as_fd(), &mut question) }?;
        // SAFETY: `question` is alive; the compiler does not see that the kernel has written to it.
        match unsafe { (&raw const question.address).read_volatile() } {
            0 => Err(io::ErrorKind::NotFound.into()),
            address => Ok(address),
        }
    }
}

/// `question->address = bpf_kallsyms_lookup_name(question->name, NAME_BYTES, 0, &address)`, by way of the
/// stack.
fn instructions() -> Vec<bpf_insn> {
    /// Of include/uapi/linux/bpf.h: of eight bytes each, and with a register as source unless it ends in `K`.
    const LOAD: u8 = 0x79;
    const STORE: u8 = 0x7b;
    const STORE_K: u8 = 0x7a;
    const MOVE: u8 = 0xbf;
    const MOVE_K: u8 = 0xb7;
    const ADD_K: u8 = 0x07;
    const CALL: u8 = 0x85;
    const EXIT: u8 = 0x95;
    const KALLSYMS_LOOKUP_NAME: i32 = 179;
    const QUESTION: u8 = 6;
    const STACK: u8 = 10;
    const NAME: i16 = -(NAME_BYTES as i16);
    const ADDRESS: i16 = NAME - 8;

    let instruction = |code, to, from, off, imm| bpf_insn {
        code,
        _bitfield_align_1: [],
        _bitfield_1: bpf_insn::new_bitfield_1(to, from),
        off,
        imm,
    };
    let mut all = vec![instruction(MOVE, QUESTION, 1, 0, 0), instruction(STORE_K, STACK, 0, ADDRESS, 0)];
    for at in (0..NAME_BYTES as i16).step_by(8) {
        all.push(instruction(LOAD, 2, QUESTION, 8 + at, 0));
        all.push(instruction(STORE, STACK, 2, NAME + at, 0));
    }
    all.extend([
        instruction(MOVE, 1, STACK, 0, 0),
        instruction(ADD_K, 1, 0, 0, NAME.into()),
        instruction(MOVE_K, 2, 0, 0, NAME_BYTES as i32),
        instruction(MOVE_K, 3, 0, 0, 0),
        instruction(MOVE, 4, STACK, 0, 0),
        instruction(ADD_K, 4, 0, 0, ADDRESS.into()),
        instruction(CALL, 0, 0, 0, KALLSYMS_LOOKUP_NAME),
        instruction(LOAD, 1, STACK, ADDRESS, 0),
        instruction(STORE, QUESTION, 1, 0, 0),
        instruction(MOVE_K, 0, 0, 0, 0),
        instruction(EXIT, 0, 0, 0, 0),
    ]);
    all
}
