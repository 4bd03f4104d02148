//! Whether to colour.

use terminal::{Charset, Theme};

use crate::cli::Color;

/// What is asked for, as far as the environment allows it.
pub(crate) fn choose(color: Color, is_terminal: bool) -> Theme {
    Theme::new(decide(color, is_terminal, Theme::refuses_colour()), Charset::from_environment())
}

const fn decide(color: Color, is_terminal: bool, refused: bool) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && !refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_loses_only_against_always() {
        assert!(decide(Color::Auto, true, false));
        assert!(!decide(Color::Auto, true, true));
        assert!(!decide(Color::Auto, false, false));
        assert!(decide(Color::Always, false, true));
        assert!(!decide(Color::Never, true, false));
    }
}
