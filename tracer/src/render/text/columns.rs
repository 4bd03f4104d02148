//! Lines whose columns stay where they are.

use terminal::Charset;

use crate::render::buffer::Buffer;

/// A line in columns. What is wider than its column takes the room that those behind it can spare, so that
/// the line is back in its columns as soon as possible.
pub(super) struct Row<'a> {
    out: &'a mut Buffer,
    /// How far behind its place the next column begins.
    ahead: usize,
}

impl<'a> Row<'a> {
    pub(super) fn new(out: &'a mut Buffer) -> Self {
        Self { out, ahead: 0 }
    }

    /// Appends text at the left end of a column.
    pub(super) fn left(&mut self, text: &str, width: usize) {
        self.out.raw(text.as_bytes());
        self.fill(text.chars().count(), width);
    }

    /// Appends text at the right end of a column, and a space.
    pub(super) fn right(&mut self, text: &str, width: usize) {
        let taken = self.ahead + text.chars().count();
        self.out.spaces(width.saturating_sub(taken));
        self.out.raw(text.as_bytes());
        self.out.raw(b" ");
        self.ahead = taken.saturating_sub(width);
    }

    /// Appends somebody else's text at the left end of a column.
    pub(super) fn foreign(&mut self, text: &[u8], width: usize, charset: Charset) {
        let columns = self.out.terminal_text(text, charset);
        self.fill(columns, width);
    }

    /// Appends the spaces behind text that took `columns`; at least one, so that columns never touch.
    fn fill(&mut self, columns: usize, width: usize) {
        let taken = self.ahead + columns;
        let spaces = width.saturating_sub(taken).max(1);
        self.out.spaces(spaces);
        self.ahead = (taken + spaces).saturating_sub(width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_never_touch() {
        let mut out = Buffer::default();
        let mut row = Row::new(&mut out);
        row.left("ab", 4);
        row.left("abcdef", 4);
        row.left("x", 4);
        row.right("7", 3);
        row.right("1234", 3);
        row.right("5", 3);
        assert_eq!(String::from_utf8(out.rest(0)).unwrap(), "ab  abcdef x  7 1234  5 ");
    }
}
