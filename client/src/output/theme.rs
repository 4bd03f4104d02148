//! Colour, where it is wanted.

use std::env;

use crate::cli::Color;

/// Whether to colour; a value, so that renderers stay pure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Theme {
    on: bool,
}

impl Theme {
    /// No colour at all.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { on: false };

    pub(crate) fn choose(color: Color, is_terminal: bool) -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { on: Self::decide(color, is_terminal, refused) }
    }

    const fn decide(color: Color, is_terminal: bool, refused: bool) -> bool {
        match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && !refused,
        }
    }

    pub(crate) fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(crate) fn bar(self, text: &str) -> String {
        self.paint("36", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.on && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_loses_only_against_always() {
        assert!(Theme::decide(Color::Auto, true, false));
        assert!(!Theme::decide(Color::Auto, true, true));
        assert!(!Theme::decide(Color::Auto, false, false));
        assert!(Theme::decide(Color::Always, false, true));
        assert!(!Theme::decide(Color::Never, true, false));
        assert_eq!(Theme { on: true }.strong("x"), "\x1b[1mx\x1b[0m");
        assert_eq!(Theme::PLAIN.bad("x"), "x");
    }
}
