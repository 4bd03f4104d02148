//! Attributes that hold several values: numbers, nests by index or by value, next hops.

use netlink_specs::{Attribute, Kind, Order};
use netlink_wire::align;

use super::{
    attributes::{Found, Part, Walk},
    node::{Bits, Name, Problem, Value},
    scalar::{Shape, scalar, unsigned},
    selector::Scope,
};

impl<'a> Walk<'_, 'a> {
    /// Numbers one after the other.
    pub(super) fn numbers(&mut self, attribute: Attribute, name: Name<'a>, found: &Found<'a>) {
        let kind = attribute.sub_kind();
        let size = match kind {
            Kind::U8 | Kind::S8 => 1,
            Kind::U16 | Kind::S16 => 2,
            Kind::U32 | Kind::S32 => 4,
            Kind::U64 | Kind::S64 => 8,
            _ => return self.plain(name, found, Value::Bytes(found.value.bytes)),
        };
        let open = self.tree.open(name, Value::Array, found.offset);
        let shape = Shape::of(attribute, kind);
        self.tree.nodes.reserve(found.value.bytes.len() / size);
        for (index, bytes) in (0..).zip(found.value.bytes.chunks(size)) {
            let offset = found.value.offset + size * index as usize;
            let value = scalar(shape, bytes).unwrap_or(Value::Bytes(bytes));
            self.tree.push(Name::Index(index), value, offset);
        }
        self.tree.close(open).cut = found.value.missing != 0;
    }

    pub(super) fn array(
        &mut self,
        attribute: Attribute,
        name: Name<'a>,
        found: &Found<'a>,
        scope: &Scope<'_, 'a>,
    ) {
        if !self.enter() {
            return self.plain(name, found, Value::Bytes(found.value.bytes));
        }
        let open = self.tree.open(name, Value::Array, found.offset);
        let kind = attribute.sub_kind();
        self.each(found.value, |walk, item| {
            let name = Name::Index(item.number.into());
            if kind == Kind::Nest {
                walk.nest(name, &item, None, attribute.set(), scope);
            } else {
                let value = walk.scalar_of(attribute, kind, item.value);
                walk.plain(name, &item, value);
            }
        });
        self.tree.close(open);
        self.depth += 1;
    }

    /// Nests in nests whose types are values: each of the innermost ones becomes an element with these
    /// values.
    pub(super) fn by_type(
        &mut self,
        attribute: Attribute,
        name: Name<'a>,
        found: &Found<'a>,
        scope: &Scope<'_, 'a>,
    ) {
        let open = self.tree.open(name, Value::Array, found.offset);
        let mut values = Vec::new();
        self.type_values(attribute, found.value, &mut values, scope);
        self.tree.close(open);
    }

    fn type_values(
        &mut self,
        attribute: Attribute,
        part: Part<'a>,
        values: &mut Vec<(&'static str, u16, usize)>,
        scope: &Scope<'_, 'a>,
    ) {
        let Some(name) = attribute.type_values().nth(values.len()) else { return };
        let is_last = attribute.type_values().count() == values.len() + 1;
        if !self.enter() {
            return;
        }
        self.each(part, |walk, item| {
            values.push((name, item.number, item.offset));
            if is_last {
                let open = walk.tree.open(Name::Index(item.number.into()), Value::Nest, item.offset);
                for (name, value, offset) in &*values {
                    walk.tree.push(Name::Known(name), Value::Number((*value).into()), *offset);
                }
                walk.attributes(item.value, attribute.set(), Some(scope));
                walk.tree.close(open);
            } else {
                walk.type_values(attribute, item.value, values, scope);
            }
            values.pop();
        });
        self.depth += 1;
    }

    /// `struct nla_bitfield32`
    pub(super) fn bitfield(&mut self, attribute: Attribute, name: Name<'a>, found: &Found<'a>) {
        let bytes = found.value.bytes;
        let halves = bytes.split_at_checked(4).filter(|_| bytes.len() == 8);
        let Some((value, selector)) = halves else {
            return self.plain(name, found, Value::Bytes(bytes));
        };
        let bits = |bytes| bits(attribute, unsigned(bytes, Order::Native).unwrap_or_default());
        let open = self.tree.open(name, Value::Nest, found.offset);
        self.tree.push(Name::Known("value"), bits(value), found.value.offset);
        self.tree.push(Name::Known("selector"), bits(selector), found.value.offset + 4);
        self.tree.close(open);
    }

    /// `struct rtnexthop`, each with attributes of the same set behind it.
    pub(super) fn next_hops(
        &mut self,
        attribute: Attribute,
        name: Name<'a>,
        found: &Found<'a>,
        scope: &Scope<'_, 'a>,
    ) {
        const HEADER_LEN: usize = 8;
        if !self.enter() {
            return self.plain(name, found, Value::Bytes(found.value.bytes));
        }
        let open = self.tree.open(name, Value::Array, found.offset);
        let mut rest = found.value;
        let mut index = 0;
        while let Some((&[a, b, flags, hops, c, d, e, f], _)) = rest.bytes.split_first_chunk::<HEADER_LEN>() {
            let claimed = u16::from_ne_bytes([a, b]);
            let length = usize::from(claimed);
            let missing = length.saturating_sub(rest.bytes.len());
            if length < HEADER_LEN || missing > rest.missing {
                let left = rest.bytes.len();
                self.tree.problem(Problem::Bad { claimed, left }, rest.offset);
                break;
            }
            let item = self.tree.open(Name::Index(index), Value::Nest, rest.offset);
            let flags = bits(attribute, flags.into());
            self.tree.push(Name::Known("flags"), flags, rest.offset + 2);
            self.tree.push(Name::Known("hops"), Value::Number(hops.into()), rest.offset + 3);
            let interface = Value::Interface(u32::from_ne_bytes([c, d, e, f]));
            self.tree.push(Name::Known("ifindex"), interface, rest.offset + 4);
            let bytes = rest.bytes.get(HEADER_LEN..length.min(rest.bytes.len())).unwrap_or_default();
            let inside = Part { bytes, offset: rest.offset + HEADER_LEN, missing };
            self.attributes(inside, scope.set, Some(scope));
            self.tree.close(item);
            rest = rest.after(align(length));
            index += 1;
        }
        self.tree.close(open).cut = found.value.missing != 0;
        self.depth += 1;
    }
}

/// Flags by the names that an attribute has for them.
fn bits<'a>(attribute: Attribute, value: u64) -> Value<'a> {
    match attribute.enumeration() {
        Some((names, _)) => Value::Bits(Bits { value, names }),
        None => Value::Hex(value),
    }
}
