//! A decoded message as an object: the values of the message by name.
//!
//! Numbers with names are their names, sets of bits are lists of names, addresses are text as people write
//! them. `X_len` is the length of bytes, which are `X` where they are text and else `X_hex`; `X_name` is the
//! name of an interface; `X_cut` says that the end was not captured.

use crate::{
    decode::tree::{Bits, Name, Problem, Tree, Value},
    render::{
        Interfaces,
        buffer::{Buffer, is_text},
        values,
    },
};

/// Appends the object.
pub fn tree_json(out: &mut Buffer, tree: &Tree<'_>, interfaces: &dyn Interfaces) {
    let mut writer = Writer { out, tree, interfaces };
    writer.out.byte(b'{');
    let mut comma = Comma::default();
    for index in tree.roots() {
        writer.member(index, &mut comma);
    }
    writer.out.byte(b'}');
}

/// What stands before a member.
#[derive(Default)]
struct Comma(bool);

impl Comma {
    fn write(&mut self, out: &mut Buffer) {
        if self.0 {
            out.byte(b',');
        }
        self.0 = true;
    }
}

struct Writer<'w, 't, 'a> {
    out: &'w mut Buffer,
    tree: &'t Tree<'a>,
    interfaces: &'w dyn Interfaces,
}

impl Writer<'_, '_, '_> {
    /// The member that a node is, with what belongs to it.
    fn member(&mut self, index: usize, comma: &mut Comma) {
        let node = self.tree.node(index);
        if let Value::Problem(problem) = node.value {
            return self.problem(problem, node.offset, comma);
        }
        if node.is_listed() {
            self.key(node.name, "", comma);
            self.out.byte(b'[');
            let mut between = Comma::default();
            let tree = self.tree;
            for item in tree.list(index) {
                between.write(self.out);
                self.item(item);
            }
            return self.out.byte(b']');
        }
        match node.value {
            Value::Bytes(bytes) => {
                if is_text(bytes) {
                    self.key(node.name, "", comma);
                    self.out.json_text(bytes);
                } else {
                    self.key(node.name, "_hex", comma);
                    self.hex(bytes);
                }
                self.key(node.name, "_len", comma);
                self.out.number(bytes.len() as u64);
            }
            Value::Interface(number) => {
                self.key(node.name, "", comma);
                self.out.number(number.into());
                self.key(node.name, "_name", comma);
                self.interface(number);
            }
            _ => {
                self.key(node.name, "", comma);
                self.value(index);
            }
        }
        if node.cut {
            self.key(node.name, "_cut", comma);
            self.out.raw(b"true");
        }
    }

    /// An element of an array.
    fn item(&mut self, index: usize) {
        let node = self.tree.node(index);
        match node.value {
            Value::Number(number) => self.out.number(number),
            Value::Bytes(bytes) => {
                if is_text(bytes) {
                    self.out.raw(b"{\"text\":");
                    self.out.json_text(bytes);
                } else {
                    self.out.raw(b"{\"hex\":");
                    self.hex(bytes);
                }
                self.out.raw(b",\"len\":");
                self.out.number(bytes.len() as u64);
                self.out.byte(b'}');
            }
            Value::Interface(number) => {
                self.out.raw(b"{\"index\":");
                self.out.number(number.into());
                self.out.raw(b",\"name\":");
                self.interface(number);
                self.out.byte(b'}');
            }
            Value::Problem(problem) => {
                self.out.byte(b'{');
                self.problem(problem, node.offset, &mut Comma::default());
                self.out.byte(b'}');
            }
            _ => self.value(index),
        }
    }

    fn value(&mut self, index: usize) {
        match self.tree.node(index).value {
            Value::Nest => {
                self.out.byte(b'{');
                let (tree, mut comma) = (self.tree, Comma::default());
                for child in tree.children(index) {
                    self.member(child, &mut comma);
                }
                self.out.byte(b'}');
            }
            Value::Array => {
                self.out.byte(b'[');
                let (tree, mut comma) = (self.tree, Comma::default());
                for child in tree.children(index) {
                    comma.write(self.out);
                    self.item(child);
                }
                self.out.byte(b']');
            }
            Value::Flag => self.out.raw(b"true"),
            Value::Number(number) | Value::Time(number, _) | Value::Enum(number, None) => {
                self.out.number(number);
            }
            Value::Signed(number) => self.out.signed(number),
            Value::Enum(_, Some(name)) => self.out.plain_text(name.as_bytes()),
            Value::Bits(bits) => self.bits(bits),
            Value::Text(text) => self.out.json_text(text),
            Value::Bytes(bytes) => self.hex(bytes),
            Value::Interface(number) => self.out.number(number.into()),
            Value::Problem(_) => self.out.raw(b"null"),
            other => {
                self.out.byte(b'"');
                values::write(self.out, other);
                self.out.byte(b'"');
            }
        }
    }

    fn bits(&mut self, bits: Bits) {
        self.out.byte(b'[');
        let mut comma = Comma::default();
        for name in bits.named() {
            comma.write(self.out);
            self.out.plain_text(name.as_bytes());
        }
        let unnamed = bits.unnamed();
        if unnamed != 0 {
            comma.write(self.out);
            self.out.byte(b'"');
            values::write(self.out, Value::Hex(unnamed));
            self.out.byte(b'"');
        }
        self.out.byte(b']');
    }

    fn problem(&mut self, problem: Problem, offset: u32, comma: &mut Comma) {
        let mut number = |key: &'static str, number: u64| {
            self.key(Name::Known(key), "", comma);
            self.out.number(number);
        };
        match problem {
            Problem::Cut(missing) => {
                number("cut_at", offset.into());
                number("cut_missing", missing as u64);
            }
            Problem::Bad { claimed, left } => {
                number("bad_at", offset.into());
                number("bad_claimed", claimed.into());
                number("bad_left", left as u64);
            }
        }
    }

    fn interface(&mut self, number: u32) {
        match self.interfaces.name(number) {
            Some(name) => self.out.json_text(name.as_bytes()),
            None => self.out.raw(b"null"),
        }
    }

    fn hex(&mut self, bytes: &[u8]) {
        self.out.byte(b'"');
        self.out.hex(bytes);
        self.out.byte(b'"');
    }

    #[inline]
    fn key(&mut self, name: Name<'_>, end: &str, comma: &mut Comma) {
        comma.write(self.out);
        match name {
            Name::Known(known) => {
                self.out.byte(b'"');
                self.out.raw(known.as_bytes());
                self.out.raw(end.as_bytes());
                self.out.byte(b'"');
            }
            Name::Attribute(number) => self.rare_key(&format!("attr_{number}"), end),
            Name::Index(number) => self.rare_key(&number.to_string(), end),
            Name::Foreign(bytes) => self.rare_key(&String::from_utf8_lossy(bytes), end),
        }
        self.out.byte(b':');
    }

    #[cold]
    fn rare_key(&mut self, name: &str, end: &str) {
        self.out.json_text([name, end].concat().as_bytes());
    }
}
