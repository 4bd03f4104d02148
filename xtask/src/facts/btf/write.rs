//! From types to bytes.

use std::collections::HashMap;

use super::{HEADER_BYTES, MAGIC, Shape, Type, Word, entries, kind};

/// A BTF file of these types. Every string is in it once, in the order in which they are first used.
pub(in crate::facts) fn write(types: &[Type<'_>]) -> Vec<u8> {
    let mut strings = Strings::default();
    strings.offset("");
    let mut section = Vec::new();
    for ty in types {
        let vlen = match ty.kind {
            kind::FUNC => ty.linkage,
            _ if Shape::of(ty.kind).is_some_and(|shape| shape.repeats) => entries(ty).count() as u32,
            _ => 0,
        };
        let info = u32::from(ty.flag) << 31 | ty.kind << 24 | vlen;
        for word in [Word::Name(ty.name), Word::Number(info), ty.size_or_type].iter().chain(&ty.tail) {
            let number = match word {
                Word::Name(name) => strings.offset(name),
                Word::Type(number) | Word::Number(number) => *number,
            };
            section.extend(number.to_le_bytes());
        }
    }
    let mut file = MAGIC.to_le_bytes().to_vec();
    // Version 1, no flags.
    file.extend([1, 0]);
    let (types, names) = (section.len() as u32, strings.bytes.len() as u32);
    for number in [HEADER_BYTES, 0, types, types, names] {
        file.extend(number.to_le_bytes());
    }
    file.extend(section);
    file.extend(strings.bytes);
    file
}

#[derive(Default)]
struct Strings<'a> {
    bytes: Vec<u8>,
    offsets: HashMap<&'a str, u32>,
}

impl<'a> Strings<'a> {
    fn offset(&mut self, string: &'a str) -> u32 {
        *self.offsets.entry(string).or_insert_with(|| {
            let offset = self.bytes.len() as u32;
            self.bytes.extend(string.bytes().chain([0]));
            offset
        })
    }
}
