//! Objects that are written as they are made: for lines of which there are many.

use crate::render::buffer::Buffer;

/// An object in the making.
pub(super) struct Object<'o> {
    out: &'o mut Buffer,
    is_empty: bool,
}

impl<'o> Object<'o> {
    /// An empty one.
    pub(super) fn begin(out: &'o mut Buffer) -> Self {
        out.raw(b"{");
        Self { out, is_empty: true }
    }

    pub(super) fn end(self) {
        self.out.raw(b"}");
    }

    /// The output, behind a key that is no one else's text.
    pub(super) fn key(&mut self, key: &str) -> &mut Buffer {
        self.out.raw(if std::mem::replace(&mut self.is_empty, false) { b"\"" } else { b",\"" });
        self.out.raw(key.as_bytes());
        self.out.raw(b"\":");
        self.out
    }

    /// Where the next byte will be.
    pub(super) fn place(&self) -> usize {
        self.out.place()
    }

    /// What was written since then.
    pub(super) fn since(&self, from: usize) -> &[u8] {
        self.out.bytes_since(from)
    }

    /// Fields that were written before, behind others.
    pub(super) fn again(&mut self, text: &[u8]) {
        self.out.raw(text);
    }

    pub(super) fn number(&mut self, key: &str, number: impl Into<u64>) {
        let number = number.into();
        self.key(key).number(number);
    }

    pub(super) fn maybe(&mut self, key: &str, number: Option<impl Into<u64>>) {
        match number {
            Some(number) => self.number(key, number),
            None => self.null(key),
        }
    }

    pub(super) fn signed(&mut self, key: &str, number: Option<i32>) {
        match number {
            Some(number) => self.key(key).signed(number.into()),
            None => self.null(key),
        }
    }

    /// Somebody's text.
    pub(super) fn text(&mut self, key: &str, text: Option<&[u8]>) {
        match text {
            Some(text) => self.key(key).json_text(text),
            None => self.null(key),
        }
    }

    pub(super) fn flag(&mut self, key: &str, flag: Option<bool>) {
        let text: &[u8] = match flag {
            Some(true) => b"true",
            Some(false) => b"false",
            None => b"null",
        };
        self.key(key).raw(text);
    }

    pub(super) fn null(&mut self, key: &str) {
        self.key(key).raw(b"null");
    }

    /// An object in this one; null where there is none.
    pub(super) fn object<T>(&mut self, key: &str, of: Option<T>, write: impl FnOnce(&mut Object<'_>, T)) {
        let Some(of) = of else { return self.null(key) };
        let mut inner = Object::begin(self.key(key));
        write(&mut inner, of);
        inner.end();
    }

    /// A list of objects.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Object<'_>, T),
    ) {
        let out = self.key(key);
        out.raw(b"[");
        for (index, item) in items.into_iter().enumerate() {
            out.raw(if index == 0 { b"" } else { b"," });
            let mut inner = Object::begin(out);
            write(&mut inner, item);
            inner.end();
        }
        out.raw(b"]");
    }

    /// A list of names that are no one else's text.
    pub(super) fn names<'n>(&mut self, key: &str, names: impl IntoIterator<Item = &'n str>) {
        let out = self.key(key);
        out.raw(b"[");
        for (index, name) in names.into_iter().enumerate() {
            out.raw(if index == 0 { b"\"" } else { b",\"" });
            out.raw(name.as_bytes());
            out.raw(b"\"");
        }
        out.raw(b"]");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_json() {
        let mut out = Buffer::default();
        let mut object = Object::begin(&mut out);
        object.number("a", 1u32);
        object.maybe("b", None::<u32>);
        object.text("c", Some(b"\"\x1b"));
        object.list("d", [1u32, 2], |inner, number| inner.number("n", number));
        object.object("e", Some(-3), |inner, number| inner.signed("s", Some(number)));
        object.names("f", ["x", "y"]);
        object.flag("g", Some(true));
        object.end();
        let expected =
            r#"{"a":1,"b":null,"c":"\"\u001b","d":[{"n":1},{"n":2}],"e":{"s":-3},"f":["x","y"],"g":true}"#;
        assert_eq!(String::from_utf8(out.rest(0)).unwrap(), expected);
    }
}
