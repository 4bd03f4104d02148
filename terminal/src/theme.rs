//! How text looks: colour where it is wanted, and the characters that the terminal has.

use std::env;

use crate::{Charset, escape, units};

/// Whether to colour, and with which characters to write; a value, so that renderers stay pure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    coloured: bool,
    charset: Charset,
}

impl Theme {
    /// No colour at all.
    pub const PLAIN: Self = Self::new(false, Charset::Utf8);
    /// ASCII without colour.
    pub const ASCII: Self = Self::new(false, Charset::Ascii);

    /// With these.
    pub const fn new(coloured: bool, charset: Charset) -> Self {
        Self { coloured, charset }
    }

    /// For what is written to a terminal or not, as this process's environment says.
    pub fn from_environment(is_terminal: bool) -> Self {
        Self::new(is_terminal && !Self::refuses_colour(), Charset::from_environment())
    }

    /// Whether this process's environment asks for no colour (`NO_COLOR`), or its terminal has none.
    pub fn refuses_colour() -> bool {
        env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|value| value == "dumb")
    }

    /// The characters that may be used.
    pub const fn charset(self) -> Charset {
        self.charset
    }

    /// Nanoseconds with a unit that fits.
    pub fn duration(self, ns: u64) -> String {
        units::duration(ns, self.charset)
    }

    /// Somebody else's text, made safe for a terminal.
    pub fn escape(self, text: &str) -> String {
        escape::for_terminal(text, self.charset)
    }

    /// What matters.
    pub fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What matters less.
    pub fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// What went wrong.
    pub fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// What is all right again.
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Bars.
    pub fn bar(self, text: &str) -> String {
        self.paint("36", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.coloured && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_coloured_theme_colours() {
        let coloured = Theme::new(true, Charset::Utf8);
        assert_eq!(coloured.strong("x"), "\x1b[1mx\x1b[0m");
        assert_eq!((coloured.bad(""), Theme::PLAIN.bad("x")), (String::new(), "x".to_owned()));
        assert_eq!(Theme::ASCII.charset(), Charset::Ascii);
        assert!(!Theme::from_environment(false).coloured);
    }
}
