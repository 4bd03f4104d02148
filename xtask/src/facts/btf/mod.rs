//! BTF, the kernel's description of its own types: read, cut down to what is wanted, written again.
//!
//! Format: Documentation/bpf/btf.rst in the kernel's source. A type is a name, a kind, a size or another
//! type's id, and a tail of names, ids and numbers that the kind decides about; ids count from 1, 0 is
//! `void`.

mod cut;
mod read;
mod write;

pub(super) use cut::cut;
pub(super) use read::read;
pub(super) use write::write;

const MAGIC: u16 = 0xeb9f;
/// `struct btf_header`
const HEADER_BYTES: u32 = 24;

/// A type's number.
type Id = u32;

/// A word of a type, by what it refers to: a number stays as it is when types are left out, the others do
/// not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word<'a> {
    Name(&'a str),
    Type(Id),
    Number(u32),
}

/// `struct btf_type` and its tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Type<'a> {
    name: &'a str,
    kind: u32,
    /// Bit-field offsets of a struct, signed values of an enum, a union of a forward declaration.
    flag: bool,
    /// Of a function alone, which has no tail: its linkage.
    linkage: u32,
    size_or_type: Word<'a>,
    tail: Vec<Word<'a>>,
}

/// `BTF_KIND_…`
mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const PTR: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const FWD: u32 = 7;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC: u32 = 12;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const FLOAT: u32 = 16;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// What a word refers to.
#[derive(Debug, Clone, Copy)]
enum Role {
    Name,
    Type,
    Number,
}

/// How types of one kind are built.
#[derive(Debug, Clone, Copy)]
struct Shape {
    size_or_type: Role,
    /// The tail, or one of its entries.
    entry: &'static [Role],
    /// Whether the tail has as many entries as the header says, not one.
    repeats: bool,
}

impl Shape {
    /// None: a kind that came after this was written.
    const fn of(kind: u32) -> Option<Self> {
        use Role::{Name, Number, Type};

        const fn shape(size_or_type: Role, entry: &'static [Role], repeats: bool) -> Option<Shape> {
            Some(Shape { size_or_type, entry, repeats })
        }

        match kind {
            kind::INT => shape(Number, &[Number], false),
            kind::PTR
            | kind::TYPEDEF
            | kind::VOLATILE
            | kind::CONST
            | kind::RESTRICT
            | kind::FUNC
            | kind::TYPE_TAG => shape(Type, &[], false),
            kind::ARRAY => shape(Number, &[Type, Type, Number], false),
            kind::STRUCT | kind::UNION => shape(Number, &[Name, Type, Number], true),
            kind::ENUM => shape(Number, &[Name, Number], true),
            kind::FWD | kind::FLOAT => shape(Number, &[], false),
            kind::FUNC_PROTO => shape(Type, &[Name, Type], true),
            kind::VAR | kind::DECL_TAG => shape(Type, &[Number], false),
            kind::DATASEC => shape(Number, &[Type, Number, Number], true),
            kind::ENUM64 => shape(Number, &[Name, Number, Number], true),
            _ => None,
        }
    }
}

/// Entries of a type's tail: members, parameters, values.
fn entries<'t, 'a>(ty: &'t Type<'a>) -> impl Iterator<Item = &'t [Word<'a>]> {
    let words = Shape::of(ty.kind).map_or(1, |shape| shape.entry.len().max(1));
    ty.tail.chunks(words)
}

/// The name of a member, a parameter or a value.
fn entry_name<'a>(entry: &[Word<'a>]) -> &'a str {
    match entry.first() {
        Some(Word::Name(name)) => name,
        _ => "",
    }
}

/// The types that a word or some refer to.
fn referred(words: &[Word<'_>]) -> impl Iterator<Item = Id> {
    words.iter().filter_map(|word| match word {
        Word::Type(id) => Some(*id),
        Word::Name(_) | Word::Number(_) => None,
    })
}

#[cfg(test)]
mod tests;
