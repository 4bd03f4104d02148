//! Attributes along a specification, or without one.

use netlink_specs::{Attribute, Hint, Kind, Set, Struct};
use netlink_wire::{ALIGN, ATTRIBUTE_HEADER_LEN, align};

use super::{
    node::{Name, Problem, Tree, Value},
    scalar::{Shape, scalar},
    selector::{Scope, format},
    writer::{KNOWN_KEYS, UNKNOWN_KEYS},
};

/// Nests in nests that are followed.
const DEPTH: usize = 24;

/// `NLA_TYPE_MASK`
const TYPE_MASK: u16 = 0x3fff;
/// `NLA_F_NESTED`
const NESTED: u16 = 0x8000;

/// A message on its way into a tree.
#[derive(Debug)]
pub(super) struct Walk<'t, 'a> {
    pub(super) tree: &'t mut Tree<'a>,
    /// Nests that may still be entered.
    pub(super) depth: usize,
    /// The address family that addresses without a length are of.
    pub(super) family: u16,
}

/// Bytes at their place in the message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) bytes: &'a [u8],
    /// Bytes before them in the message.
    pub(super) offset: usize,
    /// How many bytes were not captured behind them.
    pub(super) missing: usize,
}

impl<'a> Part<'a> {
    /// What follows the first `count` bytes.
    pub(super) fn after(self, count: usize) -> Self {
        let bytes = self.bytes.get(count..).unwrap_or_default();
        Self { bytes, offset: self.offset + count.min(self.bytes.len()), missing: self.missing }
    }
}

/// An attribute's header and value.
pub(super) struct Found<'a> {
    pub(super) number: u16,
    is_nested: bool,
    /// Where its header is.
    pub(super) offset: usize,
    pub(super) value: Part<'a>,
}

impl<'t, 'a> Walk<'t, 'a> {
    pub(super) fn new(tree: &'t mut Tree<'a>) -> Self {
        Self { tree, depth: DEPTH, family: 0 }
    }

    /// Appends attributes, up to the first that cannot be followed.
    pub(super) fn attributes(&mut self, part: Part<'a>, set: Option<Set>, outer: Option<&Scope<'_, 'a>>) {
        let scope = Scope { set, bytes: part.bytes, outer };
        self.each(part, |walk, found| walk.attribute(&found, &scope));
    }

    /// Does something with each attribute.
    pub(super) fn each(&mut self, part: Part<'a>, mut act: impl FnMut(&mut Self, Found<'a>)) {
        let mut rest = part;
        while let Some((&[a, b, c, d], _)) = rest.bytes.split_first_chunk::<ATTRIBUTE_HEADER_LEN>() {
            let claimed = u16::from_ne_bytes([a, b]);
            let kind = u16::from_ne_bytes([c, d]);
            let length = usize::from(claimed);
            let missing = length.saturating_sub(rest.bytes.len());
            if length < ATTRIBUTE_HEADER_LEN || missing > rest.missing {
                let left = rest.bytes.len();
                return self.tree.problem(Problem::Bad { claimed, left }, rest.offset);
            }
            let end = length.min(rest.bytes.len());
            let bytes = rest.bytes.get(ATTRIBUTE_HEADER_LEN..end).unwrap_or_default();
            let value = Part { bytes, offset: rest.offset + ATTRIBUTE_HEADER_LEN, missing };
            let (number, is_nested) = (kind & TYPE_MASK, kind & NESTED != 0);
            act(self, Found { number, is_nested, offset: rest.offset, value });
            rest = rest.after(align(length));
        }
        // What is left of a capture; a whole message may have padding there.
        if part.missing != 0 {
            self.tree.problem(Problem::Cut(part.missing), rest.offset + rest.bytes.len());
        } else if rest.bytes.len() >= ALIGN {
            let left = rest.bytes.len();
            self.tree.problem(Problem::Bad { claimed: 0, left }, rest.offset);
        }
    }

    fn attribute(&mut self, found: &Found<'a>, scope: &Scope<'_, 'a>) {
        let first = self.tree.nodes.len();
        let (key, multi) = match scope.set.and_then(|set| set.attribute(found.number)) {
            Some(attribute) if attribute.kind() == Kind::Pad => return,
            Some(attribute) => {
                self.known(attribute, Name::Known(attribute.name()), found, scope);
                (KNOWN_KEYS + attribute.slot() as u32, attribute.is_multi())
            }
            None => {
                self.unknown(Name::Attribute(found.number), found, scope);
                (UNKNOWN_KEYS + u32::from(found.number), false)
            }
        };
        if let Some(node) = self.tree.nodes.get_mut(first) {
            (node.key, node.listed) = (key, multi);
        }
    }

    /// Without a specification: a nest if it says so, else bytes.
    fn unknown(&mut self, name: Name<'a>, found: &Found<'a>, scope: &Scope<'_, 'a>) {
        if found.is_nested {
            self.nest(name, found, None, None, scope);
        } else {
            self.plain(name, found, Value::Bytes(found.value.bytes));
        }
    }

    pub(super) fn plain(&mut self, name: Name<'a>, found: &Found<'a>, value: Value<'a>) {
        self.tree.push(name, value, found.offset).cut = found.value.missing != 0;
    }

    fn known(&mut self, attribute: Attribute, name: Name<'a>, found: &Found<'a>, scope: &Scope<'_, 'a>) {
        match attribute.kind() {
            Kind::Nest => self.nest(name, found, attribute.header(), attribute.set(), scope),
            Kind::SubMessage => match format(attribute, scope) {
                Some((None, None)) | None => self.unknown(name, found, scope),
                Some((header, set)) => self.nest(name, found, header, set, scope),
            },
            Kind::IndexedArray => self.array(attribute, name, found, scope),
            Kind::NestTypeValue => self.by_type(attribute, name, found, scope),
            Kind::Bitfield32 => self.bitfield(attribute, name, found),
            Kind::Binary if attribute.hint() == Hint::NextHops => {
                self.next_hops(attribute, name, found, scope);
            }
            Kind::Binary if attribute.structure().is_some() => {
                self.binary_struct(attribute.structure(), attribute.hint(), name, found, scope);
            }
            Kind::Binary if attribute.sub_kind() != Kind::Unused => self.numbers(attribute, name, found),
            Kind::Binary if attribute.hint() == Hint::AddressByFamily => {
                let value = self.address(found.value.bytes);
                self.plain(name, found, value);
            }
            kind => {
                let value = self.scalar_of(attribute, kind, found.value);
                self.plain(name, found, value);
            }
        }
    }

    /// A value as the specification says; bytes where it is not.
    pub(super) fn scalar_of(&self, attribute: Attribute, kind: Kind, value: Part<'a>) -> Value<'a> {
        let bytes = value.bytes;
        let shown_cut = matches!(kind, Kind::String | Kind::Binary);
        if value.missing != 0 && !shown_cut {
            return Value::Bytes(bytes);
        }
        scalar(Shape::of(attribute, kind), bytes).unwrap_or(Value::Bytes(bytes))
    }

    /// Whether another nest may be entered; it has to be left again.
    pub(super) fn enter(&mut self) -> bool {
        let may = self.depth != 0;
        self.depth -= usize::from(may);
        may
    }

    pub(super) fn nest(
        &mut self,
        name: Name<'a>,
        found: &Found<'a>,
        header: Option<Struct>,
        set: Option<Set>,
        outer: &Scope<'_, 'a>,
    ) {
        if !self.enter() {
            return self.plain(name, found, Value::Bytes(found.value.bytes));
        }
        let open = self.tree.open(name, Value::Nest, found.offset);
        let after = match header {
            Some(header) => self.header(header, found.value),
            None => found.value,
        };
        match set {
            None if header.is_some() => self.more(after),
            _ => self.attributes(after, set, Some(outer)),
        }
        self.tree.close(open);
        self.depth += 1;
    }

    /// A struct before attributes; what follows it.
    pub(super) fn header(&mut self, header: Struct, part: Part<'a>) -> Part<'a> {
        self.structure(header, part);
        if part.bytes.len() < header.size() {
            return part.after(part.bytes.len()).without_missing();
        }
        part.after(align(header.size()))
    }

    /// Bytes behind a struct, as kernels have them that are newer than the specification.
    pub(super) fn more(&mut self, part: Part<'a>) {
        if !part.bytes.is_empty() {
            self.tree.push(Name::Known("more"), Value::Bytes(part.bytes), part.offset).cut =
                part.missing != 0;
        } else if part.missing != 0 {
            self.tree.problem(Problem::Cut(part.missing), part.offset);
        }
    }

    fn binary_struct(
        &mut self,
        structure: Option<Struct>,
        hint: Hint,
        name: Name<'a>,
        found: &Found<'a>,
        scope: &Scope<'_, 'a>,
    ) {
        let size = structure.map_or(0, Struct::size);
        let Some(structure) = structure.filter(|_| size != 0 && hint == Hint::Structs) else {
            return self.nest(name, found, structure, None, scope);
        };
        let open = self.tree.open(name, Value::Array, found.offset);
        let mut part = found.value;
        for index in 0.. {
            if part.bytes.is_empty() {
                break;
            }
            let one = Part { bytes: part.bytes.get(..size).unwrap_or(part.bytes), ..part };
            let item = self.tree.open(Name::Index(index), Value::Nest, one.offset);
            self.structure(structure, one.without_missing());
            self.tree.close(item);
            part = part.after(size);
        }
        self.tree.close(open).cut = found.value.missing != 0;
    }
}

impl Part<'_> {
    /// The same where its end does not matter.
    pub(super) fn without_missing(self) -> Self {
        Self { missing: 0, ..self }
    }
}
