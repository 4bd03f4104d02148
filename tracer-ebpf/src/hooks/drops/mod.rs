//! The hooks of drops: a file for each function, which says what is taken from a call of it.

mod ack;
mod attach;
mod broadcast;
mod consume;
mod destruct;
mod dump;
mod filter;
mod free;
mod overrun;
mod queue;
mod read;
mod release;
mod set_error;
mod unicast;

use super::{
    Arguments,
    probe::{Place, Probe},
};
use crate::bpf::opaque;

pub use ack::Ack;
pub use attach::Attach;
pub use broadcast::Broadcast;
pub use consume::Consume;
pub use destruct::Destruct;
pub use dump::Dump;
pub use filter::SocketFilter;
pub use free::free;
pub use overrun::Overrun;
pub use queue::Queue;
pub use read::Read;
pub use release::Release;
pub use set_error::SetError;
pub use unicast::Unicast;

/// What the owner of a socket is told that missed a message.
const ENOBUFS: u32 = 105;

/// Whether the call that began at `of_call` on the stack can be the one that is in progress at `address`.
#[inline(always)]
fn is_just_above(of_call: u64, address: u64) -> bool {
    /// How far up it may be, in bytes.
    const NEAR: u64 = 2048;

    opaque(of_call) > opaque(address) && opaque(of_call) < opaque(address + NEAR)
}
