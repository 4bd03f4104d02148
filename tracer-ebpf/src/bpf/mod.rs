//! What aya-ebpf lacks.

mod atomic;
mod opaque;
mod shared;
mod symbol;
mod task_storage;

pub(crate) use atomic::{add, add_and_get, compare_exchange, raise, replace_if, replace_unless};
pub(crate) use opaque::{forgotten, opaque};
pub(crate) use shared::Shared;
pub(crate) use symbol::{write_name, write_place};
pub(crate) use task_storage::TaskStorage;
