//! Other people's bytes, made safe to look at.
//!
//! One promise for text and for JSON: nothing that comes out moves the cursor, changes colours, reorders text
//! or hides in it. [`is_hostile`] is the one rule for both; only the spelling differs, `\u{202e}` for people
//! and `\u202e` in JSON.

use std::fmt::Write as _;

use crate::Charset;

/// Whether a character must not reach a terminal as it is.
pub fn is_hostile(character: char) -> bool {
    // Controls are ASCII's, DEL, and those of Latin 1, among which is another escape: U+009B is ESC [. Line
    // and paragraph separators break lines; interlinear annotations hide text.
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}')
        || is_ignorable(character)
}

/// Unicode's Default_Ignorable_Code_Point: characters that show nothing. Marks, embeddings, overrides and
/// isolates of the direction of writing are among them, zero-width joiners, variation selectors and tags.
const fn is_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Hands a text for a terminal to `put`, in pieces, and returns how many columns it takes where each
/// character takes one.
///
/// What is hostile is escaped as in Rust, and so is what `charset` does not have; a byte that is not UTF-8
/// becomes `\xff`. A backslash is doubled, so nothing is ambiguous.
pub fn terminal(text: &[u8], charset: Charset, mut put: impl FnMut(&str)) -> usize {
    let mut columns = 0;
    let mut emit = |piece: &str| {
        columns += piece.chars().count();
        put(piece);
    };
    let stands = |character| {
        character != '\\' && !is_hostile(character) && (charset == Charset::Utf8 || character.is_ascii())
    };
    for chunk in text.utf8_chunks() {
        runs(chunk.valid(), stands, |run| match run {
            Run::Stands(text) => emit(text),
            Run::Other('\\') => emit("\\\\"),
            Run::Other(character) => emit(&escape(character)),
        });
        chunk.invalid().iter().for_each(|byte| emit(&format!("\\x{byte:02x}")));
    }
    columns
}

/// A part of a text.
enum Run<'t> {
    /// As much as stands as it is.
    Stands(&'t str),
    /// What does not.
    Other(char),
}

/// Hands out a text in parts.
fn runs<'t>(text: &'t str, stands: impl Fn(char) -> bool, mut put: impl FnMut(Run<'t>)) {
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|character| !stands(character)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        if !run.is_empty() {
            put(Run::Stands(run));
        }
        let mut characters = after.chars();
        if let Some(character) = characters.next() {
            put(Run::Other(character));
        }
        rest = characters.as_str();
    }
}

/// A character as Rust escapes it.
fn escape(character: char) -> String {
    match character {
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        '\r' => "\\r".to_owned(),
        '\0' => "\\0".to_owned(),
        _ => character.escape_unicode().to_string(),
    }
}

/// [`terminal`] as a string.
pub fn for_terminal(text: &str, charset: Charset) -> String {
    let mut escaped = String::with_capacity(text.len());
    terminal(text.as_bytes(), charset, |piece| escaped.push_str(piece));
    escaped
}

/// A message of the program itself, in which names that somebody else chose may be quoted: its lines and
/// backslashes stay, what is hostile is escaped.
pub fn message(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && is_hostile(character) {
            escaped.push_str(&escape(character));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Hands what stands between the quotes of a JSON string to `put`, in pieces. What is not UTF-8 becomes the
/// replacement character: JSON has no way to write it.
pub fn json(text: &[u8], mut put: impl FnMut(&str)) {
    let stands = |character| !matches!(character, '"' | '\\') && !is_hostile(character);
    for chunk in text.utf8_chunks() {
        runs(chunk.valid(), stands, |run| match run {
            Run::Stands(text) => put(text),
            Run::Other('"') => put("\\\""),
            Run::Other('\\') => put("\\\\"),
            Run::Other('\n') => put("\\n"),
            Run::Other('\t') => put("\\t"),
            Run::Other(character) => json_escape(character, &mut put),
        });
        if !chunk.invalid().is_empty() {
            put("\u{fffd}");
        }
    }
}

/// Finished JSON with everything escaped that its writer left and a terminal would act on. Outside of strings
/// JSON has nothing of that kind.
pub fn finished_json(json: String) -> String {
    if !json.chars().any(is_hostile) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_hostile(character) {
            json_escape(character, &mut |piece| escaped.push_str(piece));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

fn json_escape(character: char, put: &mut impl FnMut(&str)) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        let mut escape = String::with_capacity(6);
        // Writing to a string cannot fail.
        let _ = write!(escape, "\\u{unit:04x}");
        put(&escape);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The start and end of each range that must not pass, and some of what it means.
    const HOSTILE: [char; 22] = [
        '\u{1b}',
        '\u{7f}',
        '\u{9b}',
        '\u{ad}',
        '\u{61c}',
        '\u{115f}',
        '\u{200b}',
        '\u{200d}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2069}',
        '\u{3164}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{fff9}',
        '\u{e0001}',
        '\u{e0041}',
        '\u{e01ef}',
    ];

    fn json_string(text: &[u8]) -> String {
        let mut escaped = String::new();
        json(text, |piece| escaped.push_str(piece));
        escaped
    }

    #[test]
    fn what_is_hostile_is_escaped_everywhere_alike() {
        for character in HOSTILE {
            let text = format!("a{character}b");
            let escape = character.escape_unicode().to_string();
            assert_eq!(for_terminal(&text, Charset::Utf8), format!("a{escape}b"));
            assert_eq!(message(&text), format!("a{escape}b"));
            let in_json = json_string(text.as_bytes());
            assert!(in_json.is_ascii() && in_json.starts_with("a\\u") && in_json.ends_with('b'), "{in_json}");
            assert_eq!(finished_json(text), in_json);
        }
    }

    #[test]
    fn what_people_write_stays() {
        let text = "grün ≤ 6 %, नमस्ते, été, 日本, 🦀";
        assert_eq!(for_terminal(text, Charset::Utf8), text);
        assert_eq!((message(text), json_string(text.as_bytes())), (text.to_owned(), text.to_owned()));
        assert_eq!(finished_json(text.to_owned()), text);
    }

    #[test]
    fn a_terminal_gets_nothing_that_it_would_obey() {
        let hostile = "\x1b]0;title\x07\r\n\u{202e}abc\u{9b}31m\u{200b}";
        assert_eq!(
            for_terminal(hostile, Charset::Utf8),
            r"\u{1b}]0;title\u{7}\r\n\u{202e}abc\u{9b}31m\u{200b}"
        );
        assert_eq!(for_terminal("a\\nb\nc\0\t", Charset::Utf8), r"a\\nb\nc\0\t");
        let mut shown = String::new();
        let columns = terminal(b"it's \"\xc3\" \xe2\x82\xac", Charset::Utf8, |piece| shown.push_str(piece));
        assert_eq!((shown.as_str(), columns), ("it's \"\\xc3\" €", 13));
        assert_eq!(for_terminal("€", Charset::Ascii), r"\u{20ac}");
    }

    #[test]
    fn messages_keep_their_lines() {
        let text = "cannot run 'a\\b': \u{1b}[2J\u{202e}é\rx\nremedy";
        assert_eq!(message(text), "cannot run 'a\\b': \\u{1b}[2J\\u{202e}é\\rx\nremedy");
    }

    #[test]
    fn json_stays_json() {
        assert_eq!(
            json_string(b"quote \" and \\ \xff\xfe \n\t\r"),
            "quote \\\" and \\\\ \u{fffd}\u{fffd} \\n\\t\\u000d"
        );
        // Beyond the basic plane it takes two escapes.
        assert_eq!(json_string("\u{e0041}".as_bytes()), "\\udb40\\udc41");
        assert_eq!(finished_json("{\"a\":\"\u{9b}31m\u{202e}\"}".to_owned()), r#"{"a":"\u009b31m\u202e"}"#);
    }
}
