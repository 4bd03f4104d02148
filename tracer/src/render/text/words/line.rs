//! A line that is put together of a tree's values: what was said once is not said again at its end.

use super::{Style, generic};
use crate::{
    decode::tree::{Node, Tree, Value},
    render::buffer::Buffer,
};

/// Up to so many values that a shape did not use are written out.
const LEFT_OVER: usize = 6;

/// Values that a message has, of those with many.
const USUAL: usize = 64;

/// A line in the making.
pub(super) struct Line<'l, 't, 'a> {
    pub(super) out: &'l mut Buffer,
    pub(super) tree: &'t Tree<'a>,
    pub(super) style: Style<'l>,
    start: usize,
    /// The message's own values that were said.
    said: Vec<usize>,
    /// Whether a shape spoke.
    shaped: bool,
}

impl<'l, 't, 'a> Line<'l, 't, 'a> {
    pub(super) fn new(out: &'l mut Buffer, tree: &'t Tree<'a>, style: Style<'l>) -> Self {
        let start = out.place();
        Self { out, tree, style, start, said: Vec::with_capacity(USUAL), shaped: false }
    }

    /// The value with this name; it is not written at the end of the line.
    pub(super) fn take(&mut self, name: &str) -> Option<usize> {
        let found = self.tree.get(name)?;
        self.said.push(found);
        Some(found)
    }

    /// Values that say nothing here.
    pub(super) fn skip(&mut self, names: &[&str]) {
        for name in names {
            let _ = self.take(name);
        }
    }

    pub(super) fn value(&self, index: usize) -> Value<'a> {
        self.tree.node(index).value
    }

    /// The number of a value.
    pub(super) fn number(&self, index: Option<usize>) -> Option<u64> {
        match self.value(index?) {
            Value::Number(number) | Value::Hex(number) | Value::Enum(number, _) | Value::Time(number, _) => {
                Some(number)
            }
            Value::Signed(number) => Some(number.cast_unsigned()),
            Value::Interface(number) | Value::Handle(number) => Some(number.into()),
            Value::Bits(bits) => Some(bits.value),
            _ => None,
        }
    }

    /// The number of a value with this name, which is not written at the end of the line.
    pub(super) fn take_number(&mut self, name: &str) -> Option<u64> {
        let found = self.take(name);
        self.number(found)
    }

    fn space(&mut self) {
        self.shaped = true;
        if self.out.place() != self.start {
            self.out.raw(b" ");
        }
    }

    /// A word of the line.
    pub(super) fn word(&mut self, word: &str) {
        self.space();
        self.out.raw(word.as_bytes());
    }

    /// What follows the last word without a space.
    pub(super) fn glue(&mut self, text: &str) {
        self.out.raw(text.as_bytes());
    }

    /// A value, as a word of the line.
    pub(super) fn say(&mut self, index: usize) {
        self.space();
        self.bare(index);
    }

    /// The same without a space before it. Text stands without quotes if it needs none.
    pub(super) fn bare(&mut self, index: usize) {
        if let Value::Text(text) = self.value(index)
            && is_word(text)
        {
            return self.out.raw(text);
        }
        generic::value(self.out, self.tree, index, self.style);
    }

    /// `WORD VALUE` if there is a value with this name that is not zero.
    pub(super) fn named(&mut self, word: &str, name: &str) -> bool {
        let Some(index) = self.take(name) else { return false };
        if is_nothing(self.tree.node(index)) {
            return false;
        }
        self.word(word);
        self.say(index);
        true
    }

    /// `WORD VALUE` of a value in another one.
    pub(super) fn named_in(&mut self, word: &str, nest: usize, name: &str) {
        if let Some(index) = self.tree.get_in(nest, name).filter(|index| !is_nothing(self.tree.node(*index)))
        {
            self.word(word);
            self.say(index);
        }
    }

    /// What no shape said: by name, or how many there are. Nothing that is zero.
    pub(super) fn rest(mut self) {
        let tree = self.tree;
        // Both are in the order of the message then.
        self.said.sort_unstable();
        let mut said = self.said.iter().copied().peekable();
        let mut left = Vec::with_capacity(USUAL);
        left.extend(tree.roots().filter(|index| {
            while said.next_if(|said| said < index).is_some() {}
            let says_nothing = self.shaped && is_nothing(tree.node(*index));
            !says_nothing && said.peek() != Some(index)
        }));
        let problems = |index: &&usize| matches!(tree.node(**index).value, Value::Problem(_));
        let all = !self.shaped || left.len() <= LEFT_OVER || self.style.limits.items > 100;
        for (position, index) in left.iter().enumerate() {
            if self.out.place() - self.start > self.style.limits.line {
                let more = left.len() - position;
                self.word(&format!("(+{more} values)"));
                return;
            }
            if all {
                self.space();
                generic::named(self.out, tree, *index, self.style);
            }
        }
        if !all {
            for index in left.iter().filter(problems) {
                self.space();
                generic::named(self.out, tree, *index, self.style);
            }
            self.word(&format!("(+{} values)", left.len()));
        }
    }
}

/// Whether a text needs no quotes.
fn is_word(text: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.:/@%+".contains(byte);
    !text.is_empty() && text.len() <= 64 && text.iter().all(plain)
}

/// Whether a value is what it is if nobody sets it.
pub(super) fn is_nothing(node: &Node<'_>) -> bool {
    match node.value {
        Value::Number(number) | Value::Hex(number) | Value::Enum(number, _) | Value::Time(number, _) => {
            number == 0
        }
        Value::Signed(number) => number == 0,
        Value::Bits(bits) => bits.value == 0,
        Value::Interface(number) | Value::Handle(number) => number == 0,
        Value::Text(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty() && !node.cut,
        _ => false,
    }
}
