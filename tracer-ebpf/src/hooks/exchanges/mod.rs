//! The hooks of exchanges: what happens within requests and beside them, a file for each subject. They are
//! attached only where exchanges are asked for.

mod ack;
mod lock;
mod read;
mod release;
mod send;
mod text;

use super::{
    Arguments, Event,
    probe::{Place, Probe},
};

pub use ack::Ack;
pub use lock::{wait, wait_end};
pub use read::Consume;
pub use release::Release;
pub use send::SendMsg;
pub use text::text;
