//! nltrace: see, time and explain every netlink message on a Linux machine.

pub mod decode;
pub mod kernel;
pub mod probes;
