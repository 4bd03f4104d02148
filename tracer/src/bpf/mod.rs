//! bpf(2) and perf_event_open(2), as far as aya does not offer what is needed: it knows neither sessions nor
//! task storage, to attach a program to a kernel function by fentry it has to read all of the kernel's types,
//! and it attaches only what it has loaded itself.

pub(crate) mod address;
mod btf;
mod functions;
pub(crate) mod info;
pub(crate) mod link;
pub(crate) mod map;
pub(crate) mod program;
mod syscall;
