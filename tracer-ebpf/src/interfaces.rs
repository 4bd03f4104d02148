//! A walk over all network namespaces and their interfaces, through the kernel's own lists, also those of
//! namespaces in which no process is. Nobody is asked, so no message is sent.
//!
//! The lists may change meanwhile: what is read is held against where it was found, and ends the walk if it
//! does not fit.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_loop;
use nltrace_common::{
    interfaces::{InterfaceRecord, InterfaceWalk, TOLD},
    member::{
        DEVICE_INDEX, DEVICE_LIST, DEVICE_NAME, DEVICE_NAME_HIGH, DEVICE_NET, NET_DEVICES, NET_INUM,
        NET_LIST, NET_OPS,
    },
};

use crate::{
    bpf::{Shared, opaque},
    kernel::{Task, place_of, read_number},
};

/// What is told.
#[unsafe(link_section = ".bss.interfaces")]
static WALK: Shared<InterfaceWalk> = Shared::zeroed();

/// Namespaces, and interfaces of one, at most.
const MOST: u32 = 1 << 16;

/// Where a walk is.
#[repr(C)]
struct Place {
    /// The namespace that it began in.
    first: u64,
    /// What tells namespaces of the network from whatever else the list goes through: its head.
    ops: u64,
    /// The namespace that it is in, and its number.
    net: u64,
    netns: u64,
    /// The next interface there, where it is linked to the others, and where the list ends.
    link: u64,
    end: u64,
}

/// Walks. 0.
#[inline(always)]
pub fn walk() -> i32 {
    let first = Task::current().net();
    let mut place = Place { first, ops: read_number(first, NET_OPS), net: first, netns: 0, link: 0, end: 0 };
    // SAFETY: a map value, and `place` is on the stack.
    unsafe {
        (*WALK.get()).found = 0;
        (*WALK.get()).is_whole = 0;
        bpf_loop(MOST, namespace as *mut c_void, (&raw mut place).cast(), 0);
    }
    0
}

/// Looks at the interfaces of a namespace, and goes on to the next. 1 after the last.
unsafe extern "C" fn namespace(_turn: u64, place: *mut Place) -> u64 {
    let (Some(list), Some(devices)) = (place_of(NET_LIST), place_of(NET_DEVICES)) else { return 1 };
    // SAFETY: the kernel passes on the walk's `place`.
    unsafe {
        let net = (*place).net;
        if read_number(net, NET_OPS) == (*place).ops {
            (*place).netns = read_number(net, NET_INUM);
            (*place).link = read_number(net, NET_DEVICES);
            (*place).end = net.wrapping_add(devices);
            bpf_loop(MOST, interface as *mut c_void, place.cast(), 0);
            if (*place).link != (*place).end {
                return 1;
            }
        }
        let next = read_number(net, NET_LIST);
        (*place).net = next.wrapping_sub(list);
        let is_back = (*place).net == (*place).first;
        (*WALK.get()).is_whole = is_back.into();
        u64::from(is_back || next == 0)
    }
}

/// Tells of an interface. 1 after the last.
unsafe extern "C" fn interface(_turn: u64, place: *mut Place) -> u64 {
    let Some(list) = place_of(DEVICE_LIST) else { return 1 };
    // SAFETY: the kernel passes on the walk's `place`; a map value.
    unsafe {
        let device = (*place).link.wrapping_sub(list);
        if (*place).link == (*place).end || read_number(device, DEVICE_NET) != (*place).net {
            return 1;
        }
        let walk = WALK.get();
        let index = (*walk).found.wrapping_sub((*walk).skip);
        if index < TOLD as u64 {
            let record =
                (&raw mut (*walk).told).cast::<InterfaceRecord>().add(opaque(index) as usize & (TOLD - 1));
            (*record).netns = (*place).netns as u32;
            (*record).index = read_number(device, DEVICE_INDEX) as u32;
            let name = (&raw mut (*record).name).cast::<u64>();
            name.write(read_number(device, DEVICE_NAME));
            name.add(1).write(read_number(device, DEVICE_NAME_HIGH));
        }
        (*walk).found += 1;
        (*place).link = read_number(device, DEVICE_LIST);
    }
    0
}

const _: () = assert!(TOLD.is_power_of_two());
