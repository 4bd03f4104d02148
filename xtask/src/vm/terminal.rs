//! The person's terminal, during `--shell`.

use std::io::stdin;

use anyhow::{Context, Result};
use nltrace_init::Size;
use rustix::termios::{OptionalActions, Termios};

/// Puts the terminal into raw mode, and back when dropped.
#[derive(Debug)]
pub(crate) struct Raw {
    before: Termios,
}

impl Raw {
    /// Every key goes to the guest from now on.
    pub(crate) fn enter() -> Result<Self> {
        let before = rustix::termios::tcgetattr(stdin()).context("--shell needs a terminal")?;
        let mut raw = before.clone();
        raw.make_raw();
        rustix::termios::tcsetattr(stdin(), OptionalActions::Drain, &raw)
            .context("set the terminal's mode")?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The terminal may be gone; there is nothing to restore then.
        let _ = rustix::termios::tcsetattr(stdin(), OptionalActions::Drain, &self.before);
    }
}

/// The terminal's size.
pub(crate) fn size() -> Result<Size> {
    let size = rustix::termios::tcgetwinsize(stdin()).context("--shell needs a terminal")?;
    Ok(Size { rows: size.ws_row, columns: size.ws_col })
}
