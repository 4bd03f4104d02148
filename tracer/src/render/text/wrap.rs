//! Sentences in lines that fit a terminal.

/// Columns of a line at most, as far as its words allow.
const COLUMNS: usize = 80;

/// Text in lines, each indented by `indent` columns and ended by a line break; the first starts with `first`,
/// which is at most as long.
pub(super) fn wrap(first: &str, indent: usize, text: &str) -> String {
    let mut lines = String::new();
    let mut line = format!("{first:indent$}");
    let mut columns = indent;
    let mut is_start = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let width = word.chars().count();
        if !is_start && columns + 1 + width > COLUMNS {
            lines.push_str(&line);
            lines.push('\n');
            line = " ".repeat(indent);
            (columns, is_start) = (indent, true);
        }
        if !std::mem::take(&mut is_start) {
            line.push(' ');
            columns += 1;
        }
        line.push_str(word);
        columns += width;
    }
    lines.push_str(&line);
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_before_the_edge_unless_a_word_does_not_fit() {
        let text = wrap("->", 3, &format!("{} {} end", "word ".repeat(20), "x".repeat(90)));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[0].starts_with("-> word word") && lines[0].len() <= 80, "{text}");
        assert!(lines[1].starts_with("   word") && lines[2].len() == 93 && lines[3] == "   end", "{text}");
        assert_eq!(wrap("", 2, "one"), "  one\n");
    }
}
