//! nltrace: see, time and explain every netlink message on a Linux machine.

pub mod decode;
pub mod events;
pub mod kernel;
pub mod model;
pub mod output;
pub mod probes;
