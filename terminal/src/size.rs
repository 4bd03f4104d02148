//! How wide a terminal is.

use std::io;

use rustix::termios::tcgetwinsize;

/// Columns where there is a terminal that does not say how many it has.
const USUAL: usize = 100;

/// Columns of the terminal that standard output is; None: it is none.
pub fn columns() -> Option<usize> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    Some(if size.ws_col == 0 { USUAL } else { usize::from(size.ws_col) })
}
