//! Spans longer than a call: every request, or every datagram that is read, becomes a value in a histogram.
#![no_std]
#![no_main]

nltrace_ebpf::spans_object!(false);
nltrace_ebpf::fork_program!(false);
