//! The table, read in place. Whatever its bytes are, nothing panics: what does not fit is not there.

mod attribute;
mod message;

use std::sync::OnceLock;

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, little_endian::U16};

pub use attribute::{Attribute, Enum, Member, Selector, Set, Struct, SubMessage};
pub use message::{Group, Operation, Spec};

use crate::{
    names::are_plain,
    record::{
        AttributeRecord, Counts, EntryRecord, EnumRecord, FormatRecord, GroupRecord, MAGIC, MemberRecord,
        NONE, OperationRecord, Range, SetRecord, SpecRecord, StructRecord, SubMessageRecord, Text,
    },
};

/// Specifications of families.
#[derive(Debug)]
pub struct Table {
    specs: &'static [SpecRecord],
    operations: &'static [OperationRecord],
    lists: &'static [U16],
    groups: &'static [GroupRecord],
    sets: &'static [SetRecord],
    attributes: &'static [AttributeRecord],
    structs: &'static [StructRecord],
    members: &'static [MemberRecord],
    enums: &'static [EnumRecord],
    entries: &'static [EntryRecord],
    sub_messages: &'static [SubMessageRecord],
    formats: &'static [FormatRecord],
    words: &'static [Text],
    names: &'static str,
}

/// The kernel's specifications and this project's, made by `cargo xtask specs`.
static KERNEL: &[u8] = include_bytes!("../table.bin");

impl Table {
    /// The table that is part of the program. Its first use reads the sizes of its sections, and looks at
    /// every name once.
    pub fn kernel() -> &'static Self {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| Self::from_bytes(KERNEL).unwrap_or_else(Self::empty))
    }

    /// Bytes of the table that is part of the program.
    pub fn kernel_bytes() -> &'static [u8] {
        KERNEL
    }

    /// The table in the bytes that [`compile`](crate::compile) makes; None for others.
    pub fn from_bytes(bytes: &'static [u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(&MAGIC)?;
        let (counts, mut rest) = Counts::ref_from_prefix(bytes).ok()?;
        let rest = &mut rest;
        Some(Self {
            specs: section(rest, counts.specs.get())?,
            operations: section(rest, counts.operations.get())?,
            lists: section(rest, counts.lists.get())?,
            groups: section(rest, counts.groups.get())?,
            sets: section(rest, counts.sets.get())?,
            attributes: section(rest, counts.attributes.get())?,
            structs: section(rest, counts.structs.get())?,
            members: section(rest, counts.members.get())?,
            enums: section(rest, counts.enums.get())?,
            entries: section(rest, counts.entries.get())?,
            sub_messages: section(rest, counts.sub_messages.get())?,
            formats: section(rest, counts.formats.get())?,
            words: section(rest, counts.words.get())?,
            names: plain(section(rest, counts.names.get())?)?,
        })
    }

    const fn empty() -> Self {
        Self {
            specs: &[],
            operations: &[],
            lists: &[],
            groups: &[],
            sets: &[],
            attributes: &[],
            structs: &[],
            members: &[],
            enums: &[],
            entries: &[],
            sub_messages: &[],
            formats: &[],
            words: &[],
            names: "",
        }
    }

    /// All specifications.
    pub fn specs(&'static self) -> impl Iterator<Item = Spec> {
        self.specs.iter().map(move |record| Spec { table: self, record })
    }

    /// The specification of a generic netlink family.
    pub fn generic(&'static self, name: &[u8]) -> Option<Spec> {
        self.specs().find(|spec| spec.is_generic() && spec.is_named(name))
    }

    /// The operation of a family that is not generic netlink's: several specifications may share its types.
    #[inline]
    pub fn operation(
        &'static self,
        protocol: u8,
        direction: crate::Direction,
        value: u16,
    ) -> Option<Operation> {
        let mut specs = self.specs().filter(|spec| spec.protocol() == protocol && !spec.is_generic());
        specs.find_map(|spec| spec.operation(direction, value))
    }

    /// How many attributes there are, in all sets: the bound of [`Attribute::slot`].
    pub fn slots(&self) -> usize {
        self.attributes.len()
    }

    fn name(&self, text: Text) -> &'static str {
        let (at, len) = ((text.get() >> 8) as usize, (text.get() & 0xff) as usize);
        self.names.get(at..at + len).unwrap_or_default()
    }

    fn set(&'static self, index: u16) -> Option<Set> {
        at(self.sets, index).map(|record| Set { table: self, record })
    }

    fn structure(&'static self, index: u16) -> Option<Struct> {
        at(self.structs, index).map(|record| Struct { table: self, record })
    }

    fn enumeration(&'static self, index: u16) -> Option<Enum> {
        at(self.enums, index).map(|record| Enum { table: self, record })
    }
}

fn plain(names: &'static [u8]) -> Option<&'static str> {
    are_plain(names).then(|| str::from_utf8(names).ok())?
}

fn section<T: FromBytes + Immutable + KnownLayout + Unaligned>(
    rest: &mut &'static [u8],
    count: u32,
) -> Option<&'static [T]> {
    let (records, after) = <[T]>::ref_from_prefix_with_elems(rest, count as usize).ok()?;
    *rest = after;
    Some(records)
}

fn at<T>(records: &'static [T], index: u16) -> Option<&'static T> {
    if index == NONE { None } else { records.get(usize::from(index)) }
}

fn part<T>(records: &'static [T], range: Range) -> &'static [T] {
    let first = usize::from(range.first.get());
    records.get(first..first + usize::from(range.count.get())).unwrap_or_default()
}
