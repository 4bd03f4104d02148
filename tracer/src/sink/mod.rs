//! Where results go: writers, and what may keep them from writing.

mod handover;
mod hold;
mod lines;
mod output;
mod recording;

use std::io::{self, Write as _};

use terminal::Patient;

pub use handover::{Discard, Sink};
pub use hold::Hold;
pub use lines::{Lines, Renderer};
pub use output::{Output, WriteError};
pub use recording::{Recording, Written, recording_output};

/// Writes what is no capture's to standard output. Nothing else is to be done meanwhile, so the default
/// action of signals is right.
pub fn print(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = Patient::new(io::stdout().lock());
    stdout.write_all(bytes)?;
    stdout.flush()
}
