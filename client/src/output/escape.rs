//! Other people's bytes, made safe for a terminal.

use std::fmt::Write;

use serde::Serialize;

/// Whether a character can move the cursor, change colours, reorder text or hide in it.
fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Text with everything but printable characters escaped as in Rust; a backslash is doubled, so nothing is ambiguous.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '\r' => escaped.push_str("\\r"),
            '\0' => escaped.push_str("\\0"),
            dangerous if is_dangerous(dangerous) => {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(dangerous));
            }
            harmless => escaped.push(harmless),
        }
    }
    escaped
}

/// The text in a payload, if it is one: UTF-8, one NUL at its end taken off.
pub(crate) fn readable(payload: &[u8]) -> Option<&str> {
    let text = payload.strip_suffix(&[0]).unwrap_or(payload);
    std::str::from_utf8(text).ok()
}

/// A line of JSON. serde_json escapes ASCII control characters only; the rest of what a terminal acts on is escaped here.
pub(crate) fn json_line(item: &impl Serialize) -> serde_json::Result<String> {
    let json = serde_json::to_string(item)?;
    let mut line = String::with_capacity(json.len() + 1);
    for character in json.chars() {
        // Outside of strings JSON is ASCII, and all of these lie in the basic plane.
        if is_dangerous(character) {
            let _ = write!(line, "\\u{:04x}", u32::from(character));
        } else {
            line.push(character);
        }
    }
    line.push('\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_nothing_to_act_on() {
        assert_eq!(escape("\x1b[2J\u{9b}31m\u{202e}x\u{7f}"), r"\u{1b}[2J\u{9b}31m\u{202e}x\u{7f}");
        assert_eq!(escape("a\\nb\nc\0"), r"a\\nb\nc\0");
        assert_eq!(escape("grün ≤ 6 %"), "grün ≤ 6 %");
    }

    #[test]
    fn json_stays_json() {
        let text = "\u{9b}31m\u{202e}\n";
        let line = json_line(&text).unwrap();
        assert_eq!(line, "\"\\u009b31m\\u202e\\n\"\n");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }

    #[test]
    fn payloads_are_text_or_not() {
        assert_eq!(readable(b"Hello\0"), Some("Hello"));
        assert_eq!(readable(b"a\0b"), Some("a\0b"));
        assert_eq!(readable(&[0xff, 0xfe]), None);
    }
}
