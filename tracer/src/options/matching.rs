//! A text or a regular expression that a message's words are searched for.

use std::str::FromStr;

use regex_lite::Regex;

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Matching(Pattern);

#[derive(Clone, Debug)]
enum Pattern {
    Text(String),
    Regex(Regex),
}

/// This is nothing to look for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatchingError {
    /// Everything would match.
    #[error("give a text, or a regular expression between slashes: 10.9.0.0/16, /^newroute .* dev 2/")]
    Empty,
    /// It begins and ends with a slash, and is none in between.
    #[error("no regular expression: {0}")]
    Regex(String),
}

impl FromStr for Matching {
    type Err = MatchingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let regex = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        match regex {
            _ if text.is_empty() => Err(MatchingError::Empty),
            Some("") => Err(MatchingError::Empty),
            Some(regex) => {
                let regex = Regex::new(regex).map_err(|error| MatchingError::Regex(error.to_string()))?;
                Ok(Self(Pattern::Regex(regex)))
            }
            None => Ok(Self(Pattern::Text(text.to_owned()))),
        }
    }
}

impl Matching {
    /// Whether it is somewhere in these words; a text also in another case.
    pub fn is_in(&self, words: &str) -> bool {
        match &self.0 {
            Pattern::Text(text) => words.to_lowercase().contains(&text.to_lowercase()),
            Pattern::Regex(regex) => regex.is_match(words),
        }
    }

    fn text(&self) -> (&str, bool) {
        match &self.0 {
            Pattern::Text(text) => (text, false),
            Pattern::Regex(regex) => (regex.as_str(), true),
        }
    }
}

impl std::fmt::Display for Matching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.text() {
            (text, true) => write!(f, "/{text}/"),
            (text, false) => f.write_str(text),
        }
    }
}

impl PartialEq for Matching {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Matching {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_looked_for_as_it_is_and_between_slashes_it_is_a_regular_expression() {
        let is_in = |pattern: &str, words| pattern.parse::<Matching>().map(|pattern| pattern.is_in(words));
        let words = "newroute 10.9.0.0/16 via 1.2.3.4 dev 2";
        for (pattern, expected) in [
            ("10.9.0.0/16", true),
            ("10x9", false),
            ("NEWROUTE", true),
            ("/10.9/", true),
            ("/^newroute .* dev 2$/", true),
            ("/^via/", false),
            ("/16 via", true),
        ] {
            assert_eq!(is_in(pattern, words), Ok(expected), "{pattern}");
        }
        assert_eq!(
            (is_in("", words), is_in("//", words)),
            (Err(MatchingError::Empty), Err(MatchingError::Empty))
        );
        let error = is_in("/(/", words).unwrap_err().to_string();
        assert!(error.starts_with("no regular expression: "), "{error}");
        assert_eq!("/a.b/".parse::<Matching>().unwrap().to_string(), "/a.b/");
    }
}
