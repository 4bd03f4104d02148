//! The list of sockets. It is no capture, but begins with the same questions: what the kernel offers, and
//! what it refuses.

use std::path::Path;

use super::{error::SessionError, refusal::explain, setup::look_at_kernel};
use crate::source::{Socket, Sockets};

/// The sockets as they are now, and the kernel's release.
pub fn read_sockets(root: &Path) -> Result<(Vec<Socket>, Option<String>), SessionError> {
    let facts = look_at_kernel(root)?;
    let sockets = Sockets::open(&facts).and_then(|sockets| sockets.read());
    Ok((sockets.map_err(|error| explain(error, root))?, facts.release))
}
