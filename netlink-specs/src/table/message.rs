//! Families, their operations and groups.

use super::{Set, Struct, Table, part};
use crate::{
    Direction,
    record::{GroupRecord, OperationRecord, SpecRecord},
};

/// A family's specification.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub(super) table: &'static Table,
    pub(super) record: &'static SpecRecord,
}

impl Spec {
    /// Its name: that of the family, or for families with many messages that of a part, `rt-link`.
    pub fn name(self) -> &'static str {
        self.table.name(self.record.name)
    }

    /// Whether the kernel calls a family `name` that a specification calls so: `nl80211`, and
    /// `ovs_datapath`, `drm-ras`, which differ in their dashes.
    pub fn is_named(self, name: &[u8]) -> bool {
        let same = |a: u8, b: u8| {
            a.eq_ignore_ascii_case(&b) || (matches!(a, b'-' | b'_') && matches!(b, b'-' | b'_'))
        };
        let own = self.name().as_bytes();
        own.len() == name.len() && own.iter().zip(name).all(|(a, b)| same(*a, *b))
    }

    /// The family's number; generic netlink's for its families.
    pub fn protocol(self) -> u8 {
        self.record.protocol
    }

    /// Whether it is one of generic netlink's families.
    pub fn is_generic(self) -> bool {
        self.record.generic != 0
    }

    /// Its operations in both directions.
    pub fn operations(self) -> impl Iterator<Item = Operation> {
        let records = part(self.table.operations, self.record.operations).iter();
        records.map(move |record| Operation { table: self.table, record })
    }

    /// The operation with this number.
    pub fn operation(self, direction: Direction, value: u16) -> Option<Operation> {
        let records = part(self.table.operations, self.record.operations);
        let key = (direction as u8, value);
        let found =
            records.binary_search_by_key(&key, |record| (record.direction, record.value.get())).ok()?;
        records.get(found).map(|record| Operation { table: self.table, record })
    }

    /// Its multicast groups.
    pub fn groups(self) -> impl Iterator<Item = Group> {
        let records = part(self.table.groups, self.record.groups).iter();
        records.map(move |record| Group { table: self.table, record })
    }

    /// Its attribute sets.
    pub fn sets(self) -> impl Iterator<Item = Set> {
        part(self.table.sets, self.record.sets).iter().map(move |record| Set { table: self.table, record })
    }
}

/// An operation in one direction.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    table: &'static Table,
    record: &'static OperationRecord,
}

impl Operation {
    /// Its name, with `_` for `-`.
    pub fn name(self) -> &'static str {
        self.table.name(self.record.name)
    }

    /// The type of its messages; generic netlink's command.
    pub fn value(self) -> u16 {
        self.record.value.get()
    }

    /// The direction.
    pub fn direction(self) -> Direction {
        if self.record.direction == 0 { Direction::Request } else { Direction::Reply }
    }

    /// Whether nobody asked for its messages.
    pub fn is_notification(self) -> bool {
        self.record.kind & 4 != 0
    }

    /// The attributes of its messages.
    pub fn set(self) -> Option<Set> {
        self.table.set(self.record.set.get())
    }

    /// What is before the attributes.
    pub fn header(self) -> Option<Struct> {
        self.table.structure(self.record.header.get())
    }

    /// Numbers of the attributes that belong into its messages.
    pub fn attributes(self) -> impl Iterator<Item = u16> {
        part(self.table.lists, self.record.attributes).iter().map(|number| number.get())
    }
}

/// A multicast group.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    table: &'static Table,
    record: &'static GroupRecord,
}

impl Group {
    /// Its name as the specification has it: `rtnlgrp-link`, `monitor`.
    pub fn name(self) -> &'static str {
        self.table.name(self.record.name)
    }

    /// Its number; 0 where it is given out at run time.
    pub fn value(self) -> u32 {
        self.record.value.get()
    }
}
