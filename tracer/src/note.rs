//! Words for the person at the terminal. Results go to standard output, everything else to standard error.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

/// Says something on standard error. Where that is closed or full, nobody listens, which is no reason to stop. What could command a
/// terminal is escaped: names of files and commands can have anything in them.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "nltrace: {}", printable(&text.to_string()));
}

fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' | '\'' | '"' | '\\' => printable.push(char),
            char => printable.extend(char.escape_debug()),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_people_cannot_command_their_terminal() {
        let text = "cannot run 'a\\b': \u{1b}[2J\u{202e}é\nremedy";
        assert_eq!(printable(text), "cannot run 'a\\b': \\u{1b}[2J\\u{202e}é\nremedy");
    }
}
