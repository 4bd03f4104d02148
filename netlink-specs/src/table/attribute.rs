//! Attributes, structs and enums.

use super::{Table, at, part};
use crate::record::{
    AttributeRecord, EnumRecord, Hint, Kind, MemberRecord, Order, Range, SetRecord, StructRecord,
    SubMessageRecord, Text,
    bits::{AS_FLAGS, BIG, LITTLE, MULTI},
};

/// The attributes of a message or a nest.
#[derive(Clone, Copy, Debug)]
pub struct Set {
    pub(super) table: &'static Table,
    pub(super) record: &'static SetRecord,
}

impl Set {
    /// Its name, which only specifications use.
    pub fn name(self) -> &'static str {
        self.table.name(self.record.name)
    }

    /// The attribute with this number; a subset knows those of the whole set, too.
    #[inline]
    pub fn attribute(self, number: u16) -> Option<Attribute> {
        let of = |range: Range| {
            let attributes = part(self.table.attributes, range);
            let first = attributes.first()?.value.get();
            let near = attributes.get(usize::from(number.wrapping_sub(first)));
            let found = near.filter(|record| record.value.get() == number).or_else(|| {
                let found = attributes.binary_search_by_key(&number, |record| record.value.get()).ok()?;
                attributes.get(found)
            })?;
            Some(Attribute { table: self.table, record: found })
        };
        of(self.record.attributes).or_else(|| of(at(self.table.sets, self.record.whole.get())?.attributes))
    }

    /// The attribute that a selector names.
    pub fn selected(self, selector: Selector) -> Option<Attribute> {
        let mut records = part(self.table.attributes, self.record.attributes).iter();
        let record = records.find(|record| record.name == selector.0)?;
        Some(Attribute { table: self.table, record })
    }

    /// The attribute with this name.
    pub fn named(self, name: &str) -> Option<Attribute> {
        self.attributes().find(|attribute| attribute.name() == name)
    }

    /// All of them, by number.
    pub fn attributes(self) -> impl Iterator<Item = Attribute> {
        let records = part(self.table.attributes, self.record.attributes).iter();
        records.map(move |record| Attribute { table: self.table, record })
    }
}

/// The name of the attribute that says what a sub-message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selector(Text);

/// An attribute.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    table: &'static Table,
    record: &'static AttributeRecord,
}

impl Attribute {
    /// Its name, with `_` for `-`.
    #[inline]
    pub fn name(self) -> &'static str {
        self.table.name(self.record.name)
    }

    /// Its number.
    pub fn number(self) -> u16 {
        self.record.value.get()
    }

    /// What it is.
    #[inline]
    pub fn kind(self) -> Kind {
        Kind::numbered(self.record.kind)
    }

    /// What the elements of an array are.
    pub fn sub_kind(self) -> Kind {
        Kind::numbered(self.record.sub)
    }

    /// How people write it.
    pub fn hint(self) -> Hint {
        Hint::numbered(self.record.hint)
    }

    /// The order of its bytes.
    pub fn order(self) -> Order {
        order(self.record.bits)
    }

    /// Whether it may come several times.
    pub fn is_multi(self) -> bool {
        self.record.bits & MULTI != 0
    }

    /// The names of its values, and whether each is a bit.
    pub fn enumeration(self) -> Option<(Enum, bool)> {
        let found = self.table.enumeration(self.record.enumeration.get())?;
        Some((found, found.is_flags() || self.record.bits & AS_FLAGS != 0))
    }

    /// The attributes inside.
    #[inline]
    pub fn set(self) -> Option<Set> {
        let has_set = matches!(self.kind(), Kind::Nest | Kind::IndexedArray | Kind::NestTypeValue);
        if has_set { self.table.set(self.record.inner.get()) } else { None }
    }

    /// The struct before the attributes inside.
    pub fn header(self) -> Option<Struct> {
        if self.kind() == Kind::Nest { self.table.structure(self.record.extra.get() as u16) } else { None }
    }

    /// The struct that its bytes are.
    pub fn structure(self) -> Option<Struct> {
        if self.kind() == Kind::Binary { self.table.structure(self.record.inner.get()) } else { None }
    }

    /// What it may be, and the attribute that says which.
    pub fn sub_message(self) -> Option<(SubMessage, Selector)> {
        if self.kind() != Kind::SubMessage {
            return None;
        }
        let record = at(self.table.sub_messages, self.record.inner.get())?;
        Some((SubMessage { table: self.table, record }, Selector(self.record.extra)))
    }

    /// The names of the values that the types of the nests in it are.
    pub fn type_values(self) -> impl Iterator<Item = &'static str> {
        let extra = self.record.extra.get();
        let (first, count) = match self.kind() {
            Kind::NestTypeValue => ((extra >> 16) as u16, extra as u16),
            _ => (0, 0),
        };
        let range = Range { first: first.into(), count: count.into() };
        part(self.table.words, range).iter().map(move |word| self.table.name(*word))
    }

    /// Its place among the attributes of all sets: below [`Table::slots`].
    pub fn slot(self) -> usize {
        let bytes = std::ptr::from_ref(self.record).addr() - self.table.attributes.as_ptr().addr();
        bytes / size_of::<AttributeRecord>()
    }
}

fn order(bits: u8) -> Order {
    match bits & (BIG | LITTLE) {
        BIG => Order::Big,
        LITTLE => Order::Little,
        _ => Order::Native,
    }
}

/// A struct.
#[derive(Clone, Copy, Debug)]
pub struct Struct {
    pub(super) table: &'static Table,
    pub(super) record: &'static StructRecord,
}

impl Struct {
    /// Its name, with `_` for `-`.
    pub fn name(self) -> &'static str {
        self.table.name(self.record.name)
    }

    /// Its bytes.
    pub fn size(self) -> usize {
        self.record.size.get().into()
    }

    /// Its members in their order.
    pub fn members(self) -> impl Iterator<Item = Member> {
        let records = part(self.table.members, self.record.members).iter();
        records.map(move |record| Member { table: self.table, record })
    }
}

/// A struct's member.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    table: &'static Table,
    record: &'static MemberRecord,
}

impl Member {
    /// Its name, with `_` for `-`.
    pub fn name(self) -> &'static str {
        self.table.name(self.record.name)
    }

    /// Bytes before it in the struct.
    pub fn offset(self) -> usize {
        self.record.offset.get().into()
    }

    /// Its bytes.
    pub fn size(self) -> usize {
        self.record.size.get().into()
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        Kind::numbered(self.record.kind)
    }

    /// How people write it.
    pub fn hint(self) -> Hint {
        Hint::numbered(self.record.hint)
    }

    /// The order of its bytes.
    pub fn order(self) -> Order {
        order(self.record.bits)
    }

    /// The names of its values, and whether each is a bit.
    pub fn enumeration(self) -> Option<(Enum, bool)> {
        let found = self.table.enumeration(self.record.enumeration.get())?;
        Some((found, found.is_flags() || self.record.bits & AS_FLAGS != 0))
    }

    /// The struct that it is.
    pub fn structure(self) -> Option<Struct> {
        self.table.structure(self.record.inner.get())
    }
}

/// Names of values, or of bits.
#[derive(Clone, Copy, Debug)]
pub struct Enum {
    pub(super) table: &'static Table,
    pub(super) record: &'static EnumRecord,
}

impl Enum {
    /// Its name.
    pub fn name(self) -> &'static str {
        self.table.name(self.record.name)
    }

    /// Whether the values are numbers of bits.
    pub fn is_flags(self) -> bool {
        self.record.flags != 0
    }

    /// The name of a value, or of a bit.
    pub fn entry(self, value: i64) -> Option<&'static str> {
        let entries = part(self.table.entries, self.record.entries);
        let near = usize::try_from(value).ok().and_then(|value| entries.get(value));
        let found = near.filter(|entry| entry.value.get() == value).or_else(|| {
            let found = entries.binary_search_by_key(&value, |entry| entry.value.get()).ok()?;
            entries.get(found)
        })?;
        Some(self.table.name(found.name))
    }

    /// All values with their names.
    pub fn entries(self) -> impl Iterator<Item = (i64, &'static str)> {
        let entries = part(self.table.entries, self.record.entries).iter();
        entries.map(move |entry| (entry.value.get(), self.table.name(entry.name)))
    }
}

/// What a sub-message may be.
#[derive(Clone, Copy, Debug)]
pub struct SubMessage {
    table: &'static Table,
    record: &'static SubMessageRecord,
}

impl SubMessage {
    /// The struct and the attributes of the one with this name; None if there is none.
    pub fn format(self, value: &[u8]) -> Option<(Option<Struct>, Option<Set>)> {
        self.formats().find(|(name, ..)| name.as_bytes() == value).map(|(_, header, set)| (header, set))
    }

    /// All of them, by name.
    pub fn formats(self) -> impl Iterator<Item = (&'static str, Option<Struct>, Option<Set>)> {
        part(self.table.formats, self.record.formats).iter().map(move |format| {
            let (header, set) = (format.header.get(), format.set.get());
            (self.table.name(format.value), self.table.structure(header), self.table.set(set))
        })
    }
}
