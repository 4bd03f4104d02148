//! What crosses from nltrace's eBPF programs to user space.
#![no_std]
