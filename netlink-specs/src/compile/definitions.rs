//! Enums, flags and structs.

use zerocopy::little_endian::{I64, U16};

use super::{Compiler, Problem, attributes, find, problem, range};
use crate::{
    document::{Attribute, Definition},
    record::{EntryRecord, EnumRecord, Kind, MemberRecord, NONE, Range, StructRecord},
};

/// Structs in structs in structs: no more of them.
const DEPTH: usize = 8;

impl Compiler<'_> {
    pub(super) fn definitions(&mut self) -> Result<(), Problem> {
        for definition in &self.document.definitions {
            match definition.kind.as_str() {
                "enum" | "flags" => self.enumeration(definition)?,
                "struct" => self.structure(definition)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Members of a struct before attributes are called `hdr_…` where an attribute has their name: both are
    /// values of one message.
    pub(super) fn tell_apart(&mut self, header: u16, set: u16) {
        if header == NONE || set == NONE {
            return;
        }
        let part = |range: Range| {
            let first = usize::from(range.first.get());
            first..first + usize::from(range.count.get())
        };
        let attributes = part(self.table.sets[usize::from(set)].attributes);
        for member in part(self.table.structs[usize::from(header)].members) {
            let name = self.table.members[member].name;
            if self.table.attributes[attributes.clone()].iter().any(|attribute| attribute.name == name) {
                let other = self.table.names.prefixed("hdr_", name);
                self.table.members[member].name = other;
            }
        }
    }

    fn enumeration(&mut self, definition: &Definition) -> Result<(), Problem> {
        let place = &definition.name;
        let mut next = definition.value_start.as_ref().map_or(Ok(0), |start| self.number(start, place))?;
        let mut entries = Vec::new();
        for entry in &definition.entries {
            let value = entry.value.as_ref().map_or(Ok(next), |value| self.number(value, place))?;
            next = value.wrapping_add(1);
            entries.push(EntryRecord { value: I64::new(value), name: self.table.names.add(&entry.name) });
        }
        entries.sort_by_key(|entry| entry.value.get());
        entries.dedup_by_key(|entry| entry.value.get());
        let first = self.table.entries.len();
        self.table.entries.append(&mut entries);
        let entries = range(first, self.table.entries.len(), place)?;
        let (name, flags) = (self.table.names.add(place), u8::from(definition.kind == "flags"));
        let at = usize::from(self.enums[place.as_str()]);
        self.table.enums[at] = EnumRecord { name, entries, flags };
        Ok(())
    }

    fn structure(&mut self, definition: &Definition) -> Result<(), Problem> {
        let place = &definition.name;
        let first = self.table.members.len();
        let mut offset = 0;
        for member in &definition.members {
            let record = self.member(member, offset, place)?;
            let end = offset.checked_add(record.size.get());
            offset = end.ok_or_else(|| problem(place, "the struct has more than 65,535 bytes"))?;
            self.table.members.push(record);
        }
        let members = range(first, self.table.members.len(), place)?;
        let name = self.table.names.key(place);
        let at = usize::from(self.structs[place.as_str()]);
        self.table.structs[at] = StructRecord { name, members, size: U16::new(offset) };
        Ok(())
    }

    fn member(&mut self, member: &Attribute, offset: u16, place: &str) -> Result<MemberRecord, Problem> {
        let place = format!("{place}.{}", member.name);
        let kind = attributes::kind(member.kind.as_ref(), &place)?;
        Ok(MemberRecord {
            name: self.table.names.key(&member.name),
            offset: U16::new(offset),
            size: U16::new(self.member_size(member, kind, &place, DEPTH)?),
            kind: kind as u8,
            hint: attributes::hint(member) as u8,
            bits: attributes::bits(member, &place)?,
            enumeration: U16::new(find(&self.enums, member.enumeration.as_ref(), "enum", &place)?),
            inner: U16::new(find(&self.structs, member.structure.as_ref(), "struct", &place)?),
        })
    }

    /// Bytes of a member. Specifications name padding, so nothing is aligned.
    fn member_size(&self, member: &Attribute, kind: Kind, place: &str, depth: usize) -> Result<u16, Problem> {
        if let Some(len) = &member.len {
            let len = self.number(len, place)?;
            return u16::try_from(len).map_err(|_| problem(place, "the length is not 0 to 65,535"));
        }
        let inner = find(&self.structs, member.structure.as_ref(), "struct", place)?;
        match kind {
            Kind::U8 | Kind::S8 => Ok(1),
            Kind::U16 | Kind::S16 => Ok(2),
            Kind::U32 | Kind::S32 => Ok(4),
            Kind::U64 | Kind::S64 | Kind::Bitfield32 => Ok(8),
            _ if inner == NONE => Err(problem(place, "its length is missing (len)")),
            _ if depth == 0 => Err(problem(place, "structs are too deep inside of each other")),
            _ => {
                let name = member.structure.as_deref().unwrap_or_default();
                let found = self.document.definitions.iter().find(|definition| definition.name == name);
                found.into_iter().flat_map(|inner| &inner.members).try_fold(0u16, |sum, member| {
                    let kind = attributes::kind(member.kind.as_ref(), place)?;
                    let size = self.member_size(member, kind, place, depth - 1)?;
                    sum.checked_add(size).ok_or_else(|| problem(place, "the struct is too large"))
                })
            }
        }
    }
}
