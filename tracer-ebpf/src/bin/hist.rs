//! Latency histograms: every call that is wanted becomes a value in one.
#![no_std]
#![no_main]

nltrace_ebpf::object!(nltrace_ebpf::outcome::Timed<false>);
nltrace_ebpf::fork_program!(false);
