//! Structs, a member after the other.

use netlink_specs::{Hint, Kind, Member, Order, Struct};

use super::{
    attributes::{Part, Walk},
    known,
    node::{Name, Problem, Value},
    scalar::{Shape, scalar, unsigned, v4, v6},
};

/// Structs in structs that are followed; a table that was made by `compile` has no more.
const DEPTH: usize = 8;

impl<'a> Walk<'_, 'a> {
    /// Appends the members, as many as there are bytes for. Older kernels have shorter structs than the
    /// specification.
    pub(super) fn structure(&mut self, structure: Struct, part: Part<'a>) {
        self.members(structure, part, DEPTH);
        if part.missing != 0 && part.bytes.len() < structure.size() {
            self.tree.problem(Problem::Cut(part.missing), part.offset + part.bytes.len());
        }
    }

    fn members(&mut self, structure: Struct, part: Part<'a>, depth: usize) {
        self.note_family(structure, part);
        for member in structure.members() {
            let end = member.offset() + member.size();
            let Some(bytes) = part.bytes.get(member.offset()..end) else {
                // Only text says something in part.
                if let Some(rest) = part.bytes.get(member.offset()..).filter(|rest| !rest.is_empty()) {
                    let offset = part.offset + member.offset();
                    self.tree.push(Name::Known(member.name()), Value::Bytes(rest), offset).cut = true;
                }
                return;
            };
            let inside = Part { bytes, offset: part.offset + member.offset(), missing: 0 };
            self.member(member, inside, depth);
        }
    }

    fn member(&mut self, member: Member, part: Part<'a>, depth: usize) {
        let name = Name::Known(member.name());
        let (kind, hint, order) = (member.kind(), member.hint(), member.order());
        let value = match (kind, member.structure()) {
            (Kind::Pad | Kind::Unused, _) => return,
            (_, Some(inner)) if depth != 0 => {
                let (before, open) = (self.family, self.tree.open(name, Value::Nest, part.offset));
                self.members(inner, part, depth - 1);
                self.tree.close(open);
                self.family = before;
                return;
            }
            (Kind::Binary, _) if hint == Hint::AddressByFamily => self.address(part.bytes),
            _ => {
                let names = member.enumeration();
                scalar(Shape { kind, hint, order, names }, part.bytes).unwrap_or(Value::Bytes(part.bytes))
            }
        };
        self.tree.push(name, value, part.offset);
    }

    /// A struct that has its family as a member says what its addresses are.
    fn note_family(&mut self, structure: Struct, part: Part<'a>) {
        const NAMES: [&str; 3] = ["family", "sdiag_family", "idiag_family"];
        // Most names need not be looked at.
        let may_be = |member: &Member| matches!(member.kind(), Kind::U8 | Kind::U16 | Kind::U32);
        let family = structure.members().find(|member| may_be(member) && NAMES.contains(&member.name()));
        let bytes =
            family.and_then(|family| part.bytes.get(family.offset()..family.offset() + family.size()));
        let number = bytes.and_then(|bytes| unsigned(bytes, Order::Native));
        if let Some(number) = number.and_then(|number| u16::try_from(number).ok()) {
            self.family = number;
        }
    }

    /// 16 bytes of which IPv4 takes the first four; without a family they look like one or the other.
    pub(super) fn address(&self, bytes: &'a [u8]) -> Value<'a> {
        let Some(whole) = bytes.first_chunk::<16>() else { return Value::Bytes(bytes) };
        let ([first, ..], rest) = (whole.as_chunks::<4>().0, &whole[4..]) else { return Value::Bytes(bytes) };
        let is_v4 = match self.family {
            known::INET => true,
            known::INET6 => false,
            _ => rest.iter().all(|byte| *byte == 0) && *first != [0; 4],
        };
        if is_v4 { v4(*first) } else { v6(*whole) }
    }
}
