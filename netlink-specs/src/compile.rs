//! Documents to a table's bytes.

mod attributes;
mod definitions;
mod operations;

use std::collections::HashMap;

use zerocopy::{
    IntoBytes,
    little_endian::{U16, U32},
};

use crate::{
    additions::merge,
    document::{Document, Number},
    names::Names,
    record::{
        AttributeRecord, Counts, EntryRecord, EnumRecord, FormatRecord, GroupRecord, MAGIC, MemberRecord,
        NONE, OperationRecord, Range, SetRecord, SpecRecord, StructRecord, SubMessageRecord, Text,
    },
};

/// Generic netlink's number, under which the families without one of their own are.
const GENERIC: u8 = 16;

/// A specification does not hold together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{spec}: {place}: {problem}")]
pub struct CompileError {
    /// The family's name.
    pub spec: String,
    /// The part of the specification.
    pub place: String,
    /// What is wrong.
    pub problem: String,
}

/// Makes a table. Of several documents with one name the later ones add to the first.
///
/// # Errors
/// [`CompileError`] where a document refers to something that it does not have, or has too much of something.
pub fn compile(documents: Vec<Document>) -> Result<Vec<u8>, CompileError> {
    let mut table = Compiled::default();
    for document in merge(documents) {
        let mut compiler = Compiler::new(&document, &mut table);
        let name = document.name.clone();
        compiler.run().map_err(|Problem { place, problem }| CompileError { spec: name, place, problem })?;
    }
    Ok(table.bytes())
}

/// The sections.
#[derive(Debug, Default)]
struct Compiled {
    names: Names,
    specs: Vec<SpecRecord>,
    operations: Vec<OperationRecord>,
    lists: Vec<U16>,
    groups: Vec<GroupRecord>,
    sets: Vec<SetRecord>,
    attributes: Vec<AttributeRecord>,
    structs: Vec<StructRecord>,
    members: Vec<MemberRecord>,
    enums: Vec<EnumRecord>,
    entries: Vec<EntryRecord>,
    sub_messages: Vec<SubMessageRecord>,
    formats: Vec<FormatRecord>,
    words: Vec<Text>,
}

impl Compiled {
    fn bytes(&self) -> Vec<u8> {
        let count = |len: usize| U32::new(len as u32);
        let counts = Counts {
            specs: count(self.specs.len()),
            operations: count(self.operations.len()),
            lists: count(self.lists.len()),
            groups: count(self.groups.len()),
            sets: count(self.sets.len()),
            attributes: count(self.attributes.len()),
            structs: count(self.structs.len()),
            members: count(self.members.len()),
            enums: count(self.enums.len()),
            entries: count(self.entries.len()),
            sub_messages: count(self.sub_messages.len()),
            formats: count(self.formats.len()),
            words: count(self.words.len()),
            names: count(self.names.bytes().len()),
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(counts.as_bytes());
        let mut section = |section: &[u8]| bytes.extend_from_slice(section);
        section(self.specs.as_bytes());
        section(self.operations.as_bytes());
        section(self.lists.as_bytes());
        section(self.groups.as_bytes());
        section(self.sets.as_bytes());
        section(self.attributes.as_bytes());
        section(self.structs.as_bytes());
        section(self.members.as_bytes());
        section(self.enums.as_bytes());
        section(self.entries.as_bytes());
        section(self.sub_messages.as_bytes());
        section(self.formats.as_bytes());
        section(self.words.as_bytes());
        section(self.names.bytes());
        bytes
    }
}

/// What is wrong, and where.
#[derive(Debug)]
struct Problem {
    place: String,
    problem: String,
}

fn problem(place: impl Into<String>, problem: impl Into<String>) -> Problem {
    Problem { place: place.into(), problem: problem.into() }
}

/// One document on its way into the table: where its parts are there.
struct Compiler<'a> {
    document: &'a Document,
    table: &'a mut Compiled,
    constants: HashMap<&'a str, i64>,
    enums: HashMap<&'a str, u16>,
    structs: HashMap<&'a str, u16>,
    sets: HashMap<&'a str, u16>,
    sub_messages: HashMap<&'a str, u16>,
}

impl<'a> Compiler<'a> {
    fn new(document: &'a Document, table: &'a mut Compiled) -> Self {
        let (constants, enums, structs) = (HashMap::new(), HashMap::new(), HashMap::new());
        let (sets, sub_messages) = (HashMap::new(), HashMap::new());
        Self { document, table, constants, enums, structs, sets, sub_messages }
    }

    fn run(&mut self) -> Result<(), Problem> {
        let first_set = self.table.sets.len();
        self.place_all()?;
        self.definitions()?;
        self.attribute_sets()?;
        self.sub_messages()?;
        let operations = self.operations()?;
        let first_group = self.table.groups.len();
        for group in &self.document.mcast_groups.list {
            let value = group.value.as_ref().map_or(Ok(0), |value| self.number(value, &group.name))?;
            let name = self.table.names.add(&group.name);
            self.table.groups.push(GroupRecord { name, value: U32::new(value as u32) });
        }
        let groups = range(first_group, self.table.groups.len(), "mcast-groups")?;
        let sets = range(first_set, self.table.sets.len(), "attribute-sets")?;
        let name = self.table.names.add(&self.document.name);
        let protocol = self.document.protonum.unwrap_or(GENERIC);
        let generic = u8::from(self.document.protonum.is_none());
        self.table.specs.push(SpecRecord { name, protocol, generic, operations, groups, sets });
        if let Some(odd) = self.table.names.odd() {
            let rule = "a name has printable ASCII without quotes and backslashes";
            return Err(problem(odd.escape_default().to_string(), rule));
        }
        Ok(())
    }

    /// Everything may refer to everything, so places are given out first.
    fn place_all(&mut self) -> Result<(), Problem> {
        let document = self.document;
        for definition in &document.definitions {
            let name = definition.name.as_str();
            match definition.kind.as_str() {
                "const" => {
                    // Some are texts.
                    let value = definition.value.as_ref().map(|value| self.number(value, name));
                    if let Some(Ok(value)) = value {
                        self.constants.insert(name, value);
                    }
                }
                "enum" | "flags" => {
                    self.enums.insert(name, index(self.table.enums.len(), name)?);
                    self.table.enums.push(EnumRecord::default());
                }
                "struct" => {
                    self.structs.insert(name, index(self.table.structs.len(), name)?);
                    self.table.structs.push(StructRecord::default());
                }
                other => return Err(problem(name, format!("there is no type {other} of definitions"))),
            }
        }
        for set in &document.attribute_sets {
            self.sets.insert(&set.name, index(self.table.sets.len(), &set.name)?);
            self.table.sets.push(SetRecord::default());
        }
        for message in &document.sub_messages {
            self.sub_messages.insert(&message.name, index(self.table.sub_messages.len(), &message.name)?);
            self.table.sub_messages.push(SubMessageRecord::default());
        }
        Ok(())
    }

    /// The value of a number that may be a constant.
    fn number(&self, number: &Number, place: &str) -> Result<i64, Problem> {
        let text = match number {
            Number::Known(number) => return Ok(*number),
            Number::Constant(text) => text.trim(),
        };
        let (name, less) = text.strip_suffix(" - 1").map_or((text, 0), |name| (name, 1));
        if let Some(value) = self.constants.get(name) {
            return Ok(value - less);
        }
        let hex = text.strip_prefix("0x").and_then(|hex| i64::from_str_radix(hex, 16).ok());
        hex.or_else(|| text.parse().ok())
            .ok_or_else(|| problem(place, format!("there is no constant {text}")))
    }
}

/// The place of something that was named; [`NONE`] if nothing was.
fn find(places: &HashMap<&str, u16>, name: Option<&String>, what: &str, place: &str) -> Result<u16, Problem> {
    let Some(name) = name else { return Ok(NONE) };
    let found = places.get(name.as_str()).copied();
    found.ok_or_else(|| problem(place, format!("there is no {what} {name}")))
}

fn index(number: usize, place: &str) -> Result<u16, Problem> {
    let number = u16::try_from(number).ok().filter(|number| *number != NONE);
    number.ok_or_else(|| problem(place, "there is no room for more than 65,534 of these"))
}

fn range(first: usize, end: usize, place: &str) -> Result<Range, Problem> {
    Ok(Range { first: U16::new(index(first, place)?), count: U16::new(index(end - first, place)?) })
}
