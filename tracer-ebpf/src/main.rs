//! nltrace's eBPF programs.
fn main() {}
