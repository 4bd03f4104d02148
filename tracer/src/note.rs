//! Words for the person at the terminal. Results go to standard output, everything else to standard error.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

use terminal::escape;

/// Says something on standard error. Where that is closed or full, nobody listens, which is no reason to
/// stop. What could command a terminal is escaped: names of files and commands can have anything in them.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "nltrace: {}", escape::message(&text.to_string()));
}
