//! The same as `spans`, with the histograms of each party apart.
#![no_std]
#![no_main]

nltrace_ebpf::spans_object!(true);
nltrace_ebpf::fork_program!(false);
