//! What a terminal can show.

use std::env;

/// The characters that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// ASCII only.
    Ascii,
}

impl Charset {
    /// Chooses by the values of LC_ALL, LC_CTYPE and LANG: the first that is set and not empty counts.
    pub fn from_locale<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let locale = values.into_iter().flatten().find(|value| !value.is_empty()).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") { Self::Utf8 } else { Self::Ascii }
    }

    /// What this process's environment says.
    pub fn from_environment() -> Self {
        let values = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| env::var(name).ok());
        Self::from_locale(values.each_ref().map(Option::as_deref))
    }

    /// The unit of microseconds.
    pub const fn microseconds(self) -> &'static str {
        match self {
            Self::Utf8 => "µs",
            Self::Ascii => "us",
        }
    }

    /// What stands for text that is left out, and for what lies between two numbers.
    pub const fn ellipsis(self) -> &'static str {
        match self {
            Self::Utf8 => "…",
            Self::Ascii => "...",
        }
    }

    /// What stands for lines that are left out.
    pub const fn vertical_ellipsis(self) -> &'static str {
        match self {
            Self::Utf8 => "⋮",
            Self::Ascii => ":",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_that_is_set_decides() {
        let cases = [
            ([None, None, Some("C.UTF-8")], Charset::Utf8),
            ([Some(""), Some("de_DE.utf8"), Some("C")], Charset::Utf8),
            ([Some("C"), Some("C.UTF-8"), Some("C.UTF-8")], Charset::Ascii),
            ([None, None, None], Charset::Ascii),
        ];
        for (values, expected) in cases {
            assert_eq!(Charset::from_locale(values), expected, "{values:?}");
        }
    }
}
