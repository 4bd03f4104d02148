//! The same as `hist`, with the histograms of each party apart.
#![no_std]
#![no_main]

nltrace_ebpf::object!(nltrace_ebpf::outcome::Timed<true>);
nltrace_ebpf::fork_program!(false);
