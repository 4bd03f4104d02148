//! Who asks: parent and executable, read while the request begins.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use nltrace_common::{
    constant::option,
    member::{
        DENTRY_NAME, DENTRY_PARENT, FILE_DENTRY, FILE_MOUNT, MEMORY_FILE, MOUNT_COMMON, MOUNT_PARENT,
        MOUNT_POINT, MOUNTED_ROOT, TASK_COMM, TASK_COMM_HIGH, TASK_LEADER, TASK_MEMORY, TASK_PARENT,
        TASK_TGID,
    },
    record::{MAX_NAMES, NAME_BYTES, WhoRecord, kind, who_flags},
};

use crate::{
    bpf::opaque,
    config::constant,
    emit,
    kernel::{Task, place_of, read_number},
};

/// Whether it is asked for.
#[inline(always)]
pub(super) fn is_wanted() -> bool {
    constant::<{ option::WHO }>() != 0
}

/// Tells who asks in the request of the thread `tid` that began at `ts_ns`.
#[inline(never)]
pub(super) fn tell(tid: u64, ts_ns: u64) -> u64 {
    // SAFETY: there is room for the record.
    emit::send_aside(|record: *mut WhoRecord| unsafe {
        let task = Task::current();
        (*record).record = kind::WHO;
        (*record).tid = tid as u32;
        (*record).ts_ns = ts_ns;
        let mut flags = 0;
        if task.is_of_kernel() {
            flags |= who_flags::KERNEL;
        }
        if task.is_io_worker() {
            flags |= who_flags::IO_WORKER;
        }
        let own = read_number(task.as_ptr::<u8>() as u64, TASK_LEADER);
        let parent = read_number(read_number(own, TASK_PARENT), TASK_LEADER);
        (*record).parent_tgid = tgid_of(parent);
        (*record).parent_comm = [read_number(parent, TASK_COMM), read_number(parent, TASK_COMM_HIGH)];
        if write_path(record, read_number(read_number(own, TASK_MEMORY), MEMORY_FILE)) {
            flags |= who_flags::HAS_PATH;
        }
        (*record).flags = flags;
    });
    0
}

/// The process id of the thread at an address.
#[inline(always)]
fn tgid_of(task: u64) -> u32 {
    use crate::kernel::{Probed, Reader as _};
    if task == 0 { 0 } else { Probed::read(task, TASK_TGID) as u32 }
}

/// Writes the names of an executable's path, the last first, across mounts up to the first. False if they are
/// not all there.
#[inline(always)]
unsafe fn write_path(record: *mut WhoRecord, file: u64) -> bool {
    let (Some(common), Some(_), Some(_), Some(_), Some(_)) = (
        place_of(MOUNT_COMMON),
        place_of(FILE_DENTRY),
        place_of(FILE_MOUNT),
        place_of(MOUNTED_ROOT),
        place_of(DENTRY_NAME),
    ) else {
        return false;
    };
    if file == 0 {
        return false;
    }
    let mut dentry = read_number(file, FILE_DENTRY);
    let mut mount = read_number(file, FILE_MOUNT).wrapping_sub(common);
    for turn in 0..opaque(MAX_NAMES as u64) {
        // SAFETY: `turn` is below MAX_NAMES; the helper accepts any source.
        unsafe {
            let name = (&raw mut (*record).names).cast::<[u8; NAME_BYTES]>().add(turn as usize);
            if dentry == read_number(mount.wrapping_add(common), MOUNTED_ROOT) {
                let above = read_number(mount, MOUNT_PARENT);
                name.cast::<u8>().write_volatile(0);
                if above == mount {
                    return true;
                }
                dentry = read_number(mount, MOUNT_POINT);
                mount = above;
            } else {
                let text = read_number(dentry, DENTRY_NAME) as *const core::ffi::c_void;
                let len = bpf_probe_read_kernel_str(name.cast(), NAME_BYTES as u32, text);
                let parent = read_number(dentry, DENTRY_PARENT);
                // A name that fills its place may be longer. What is in no folder is nowhere.
                if len <= 1 || len >= NAME_BYTES as i64 || parent == dentry {
                    return false;
                }
                dentry = parent;
            }
        }
    }
    false
}
