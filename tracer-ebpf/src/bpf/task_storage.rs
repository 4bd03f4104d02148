//! Task storage: memory that belongs to a thread.

use core::{cell::UnsafeCell, ffi::c_void, marker::PhantomData};

use aya_ebpf::{
    bindings::{
        BPF_F_NO_PREALLOC, BPF_LOCAL_STORAGE_GET_F_CREATE, bpf_map_def,
        bpf_map_type::BPF_MAP_TYPE_TASK_STORAGE,
    },
    helpers::generated::bpf_task_storage_get,
};

/// How often the kernel is asked for a thread's memory.
const ATTEMPTS: u32 = 8;

/// A map with a `T` for each thread, which starts as zeros.
#[repr(transparent)]
pub struct TaskStorage<T>(UnsafeCell<bpf_map_def>, PhantomData<T>);

// SAFETY: a description for the loader; nothing reads it at run time.
unsafe impl<T> Sync for TaskStorage<T> {}

impl<T> TaskStorage<T> {
    pub(crate) const fn new() -> Self {
        let definition = bpf_map_def {
            type_: BPF_MAP_TYPE_TASK_STORAGE,
            key_size: size_of::<i32>() as u32,
            value_size: size_of::<T>() as u32,
            max_entries: 0,
            map_flags: BPF_F_NO_PREALLOC,
            id: 0,
            pinning: 0,
        };
        Self(UnsafeCell::new(definition), PhantomData)
    }

    /// What the current thread has, made now if it has none. None where memory is short, or where this
    /// program interrupted another in the middle of its own look-up. `task` is the current thread.
    ///
    /// The kernel waits for nobody while it makes it: it gives up where another processor has one of the
    /// allocator's locks just then (`kmalloc_nolock`, since 6.18), which is over at once.
    #[inline(always)]
    pub(crate) fn get_or_create(&self, task: *mut c_void) -> Option<*mut T> {
        for _ in 0..ATTEMPTS {
            if let Some(value) = self.get(task, u64::from(BPF_LOCAL_STORAGE_GET_F_CREATE)) {
                return Some(value);
            }
        }
        None
    }

    /// What the current thread has, if it has any. `task` is the current thread.
    #[inline(always)]
    pub(crate) fn existing(&self, task: *mut c_void) -> Option<*mut T> {
        self.get(task, 0)
    }

    #[inline(always)]
    fn get(&self, task: *mut c_void, flags: u64) -> Option<*mut T> {
        let map = (&raw const *self).cast_mut().cast();
        // SAFETY: `task` is the current one, and the map one of task storage.
        let value = unsafe { bpf_task_storage_get(map, task.cast(), core::ptr::null_mut(), flags) };
        (!value.is_null()).then_some(value.cast())
    }
}
