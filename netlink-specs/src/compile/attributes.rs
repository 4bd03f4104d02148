//! Attribute sets and sub-messages.

use zerocopy::little_endian::{U16, U32};

use super::{Compiler, Problem, find, index, problem, range};
use crate::{
    additions::add_attribute,
    document::{Attribute, AttributeSet},
    record::{
        AttributeRecord, FormatRecord, Hint, Kind, SetRecord, SubMessageRecord,
        bits::{AS_FLAGS, BIG, LITTLE, MULTI},
    },
};

impl Compiler<'_> {
    pub(super) fn attribute_sets(&mut self) -> Result<(), Problem> {
        for set in &self.document.attribute_sets {
            let mut records = Vec::new();
            for (attribute, value) in self.numbered(set)? {
                records.push(self.attribute(&attribute, value, &set.name)?);
            }
            // Of two with one number the first counts.
            records.sort_by_key(|record| record.value.get());
            records.dedup_by_key(|record| record.value.get());
            let first = self.table.attributes.len();
            self.table.attributes.append(&mut records);
            let attributes = range(first, self.table.attributes.len(), &set.name)?;
            let whole = U16::new(find(&self.sets, set.subset_of.as_ref(), "attribute set", &set.name)?);
            let name = self.table.names.add(&set.name);
            let at = usize::from(self.sets[set.name.as_str()]);
            self.table.sets[at] = SetRecord { name, attributes, whole };
        }
        Ok(())
    }

    /// The attributes of a set with their numbers. A subset has those of the whole set, changed or not.
    fn numbered(&self, set: &AttributeSet) -> Result<Vec<(Attribute, u16)>, Problem> {
        if let Some(whole) = &set.subset_of {
            let found = self.document.attribute_sets.iter().find(|other| other.name == *whole);
            let found = found.filter(|found| found.subset_of.is_none());
            let found = found
                .ok_or_else(|| problem(&set.name, format!("there is no whole attribute set {whole}")))?;
            let all = self.numbered(found)?;
            let of_subset = |attribute: &Attribute| {
                let (whole, number) = all.iter().find(|(known, _)| known.name == attribute.name)?;
                let mut whole = whole.clone();
                add_attribute(&mut whole, attribute.clone());
                Some((whole, *number))
            };
            return set
                .attributes
                .iter()
                .map(|attribute| {
                    let missing = || format!("the set {whole} has no attribute {}", attribute.name);
                    of_subset(attribute).ok_or_else(|| problem(&set.name, missing()))
                })
                .collect();
        }
        let mut next = 1;
        let mut all = Vec::new();
        for attribute in &set.attributes {
            let value = attribute.value.as_ref().map_or(Ok(next), |value| self.number(value, &set.name))?;
            next = value + 1;
            let number = u16::try_from(value).ok().filter(|number| *number <= 0x3fff);
            let wrong = || problem(&set.name, format!("{}: numbers end at 16,383", attribute.name));
            all.push((attribute.clone(), number.ok_or_else(wrong)?));
        }
        Ok(all)
    }

    fn attribute(
        &mut self,
        attribute: &Attribute,
        value: u16,
        set: &str,
    ) -> Result<AttributeRecord, Problem> {
        let place = format!("{set}.{}", attribute.name);
        let kind = kind(attribute.kind.as_ref(), &place)?;
        let sub = match &attribute.sub_type {
            Some(_) => self::kind(attribute.sub_type.as_ref(), &place)?,
            None => Kind::Unused,
        };
        let inner = match kind {
            Kind::SubMessage => {
                find(&self.sub_messages, attribute.sub_message.as_ref(), "sub-message", &place)?
            }
            _ if attribute.nested_attributes.is_some() => {
                find(&self.sets, attribute.nested_attributes.as_ref(), "attribute set", &place)?
            }
            _ => find(&self.structs, attribute.structure.as_ref(), "struct", &place)?,
        };
        let header = find(&self.structs, attribute.structure.as_ref(), "struct", &place)?;
        let extra = match (&attribute.selector, &attribute.type_value) {
            // A nest with a struct before its attributes, which the kernel's schema does not have.
            _ if kind == Kind::Nest => U32::new(header.into()),
            (Some(selector), _) => self.table.names.key(selector),
            (None, Some(values)) => {
                let first = index(self.table.words.len(), &place)?;
                for value in values {
                    let word = self.table.names.key(value);
                    self.table.words.push(word);
                }
                U32::new(u32::from(first) << 16 | u32::from(index(values.len(), &place)?))
            }
            (None, None) => U32::new(0),
        };
        Ok(AttributeRecord {
            name: self.table.names.key(&attribute.name),
            value: U16::new(value),
            kind: kind as u8,
            sub: sub as u8,
            hint: hint(attribute) as u8,
            bits: bits(attribute, &place)?,
            enumeration: U16::new(find(&self.enums, attribute.enumeration.as_ref(), "enum", &place)?),
            inner: U16::new(inner),
            extra,
        })
    }

    pub(super) fn sub_messages(&mut self) -> Result<(), Problem> {
        for message in &self.document.sub_messages {
            let place = &message.name;
            let first = self.table.formats.len();
            for format in &message.formats {
                let header = find(&self.structs, format.fixed_header.as_ref(), "struct", place)?;
                let set = find(&self.sets, format.attribute_set.as_ref(), "attribute set", place)?;
                self.tell_apart(header, set);
                let (header, set) = (U16::new(header), U16::new(set));
                let value = self.table.names.add(&format.value);
                self.table.formats.push(FormatRecord { value, header, set });
            }
            let formats = range(first, self.table.formats.len(), place)?;
            let name = self.table.names.add(place);
            let at = usize::from(self.sub_messages[place.as_str()]);
            self.table.sub_messages[at] = SubMessageRecord { name, formats };
        }
        Ok(())
    }
}

pub(super) fn kind(name: Option<&String>, place: &str) -> Result<Kind, Problem> {
    let name = name.ok_or_else(|| problem(place, "its type is missing"))?;
    Kind::named(name).ok_or_else(|| problem(place, format!("there is no type {name}")))
}

/// A hint that is not known changes nothing.
pub(super) fn hint(attribute: &Attribute) -> Hint {
    attribute.display_hint.as_ref().and_then(|name| Hint::named(name)).unwrap_or_default()
}

pub(super) fn bits(attribute: &Attribute, place: &str) -> Result<u8, Problem> {
    let order = match attribute.byte_order.as_deref() {
        Some("big-endian") => BIG,
        Some("little-endian") => LITTLE,
        None => 0,
        Some(other) => return Err(problem(place, format!("there is no byte order {other}"))),
    };
    let multi = if attribute.multi_attr == Some(true) { MULTI } else { 0 };
    let as_flags = if attribute.enum_as_flags == Some(true) { AS_FLAGS } else { 0 };
    Ok(order | multi | as_flags)
}
