//! The kernel's own types: where struct members lie, and which functions there are.
//!
//! `/sys/kernel/btf/vmlinux` has more than 100,000 types. They are walked once, and nothing is kept of them
//! but where each starts: a tracer that is about to measure a machine should not be a load on it. Format:
//! Documentation/bpf/btf.rst in the kernel's source.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use memmap2::MmapOptions;

const MAGIC: u16 = 0xeb9f;
const INFO_BYTES: usize = 12;

mod kind {
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC: u32 = 12;
    pub(super) const TYPE_TAG: u32 = 18;
}

/// The kernel's types could not be used.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// There is no file, or it cannot be read.
    #[error("cannot read the kernel's types from {path}: {source}{}", absent(.source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file is not what the format's description says.
    #[error("the kernel's types cannot be read: {0}; please report this with the output of `uname -r`")]
    Malformed(&'static str),
    /// A struct has another shape than nltrace knows.
    #[error("this kernel's types have no {0}; please report this with the output of `uname -r`")]
    Missing(String),
}

fn absent(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; the kernel must be built with CONFIG_DEBUG_INFO_BTF=y",
        _ => "",
    }
}

/// What is looked for among the kernel's types: the names of structs, enums and functions.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    pub(super) structs: Vec<&'static str>,
    pub(super) enums: Vec<&'static str>,
    pub(super) functions: Vec<&'static str>,
}

/// Reads a BTF file, `sys/kernel/btf/vmlinux` below `root`, and has `answer` look at it.
pub(super) fn read<T>(
    root: &Path,
    query: &Query,
    answer: impl FnOnce(&Btf<'_>) -> Result<T, BtfError>,
) -> Result<T, BtfError> {
    let path = root.join("sys/kernel/btf/vmlinux");
    let failed = |source| BtfError::Read { path: path.clone(), source };
    let mut file = File::open(&path).map_err(failed)?;
    // From 6.16 on it can be mapped, if not to be shared, so that nothing is copied. SAFETY: the kernel does
    // not change these bytes; those of a file that stands for them in a test are not changed either.
    if let Ok(bytes) = unsafe { MmapOptions::new().map_copy_read_only(&file) } {
        return answer(&Btf::parse(&bytes, query)?);
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    answer(&Btf::parse(&bytes, query)?)
}

/// A BTF file, and where each of its types starts.
pub(super) struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// By type id; 0 is `void`.
    starts: Vec<u32>,
    structs: Found,
    enums: Found,
    functions: Found,
}

/// Names that are looked for, and the ids of those that were found.
struct Found {
    ids: Vec<(&'static str, Option<u32>)>,
    /// How they begin: most others are told from them by one look.
    beginnings: Beginnings,
}

impl Found {
    fn new(names: &[&'static str]) -> Self {
        Self {
            ids: names.iter().map(|name| (*name, None)).collect(),
            beginnings: Beginnings::of(names.iter().copied()),
        }
    }

    /// Takes a type's id if the first of `strings`, its name, is one of these. Of two with the same name the
    /// first counts.
    fn offer(&mut self, strings: &[u8], id: u32) {
        if !self.beginnings.may_have(strings) {
            return;
        }
        if let Some((_, known @ None)) = self.ids.iter_mut().find(|(name, _)| begins_with(strings, name)) {
            *known = Some(id);
        }
    }

    fn id(&self, name: &str) -> Option<u32> {
        self.ids.iter().find(|(known, _)| *known == name)?.1
    }
}

/// How names begin that are looked for: by their first eight bytes, those of shorter ones by the first alone.
struct Beginnings {
    long: [bool; 256],
    short: [bool; 256],
}

impl Beginnings {
    fn of(names: impl Iterator<Item = &'static str>) -> Self {
        let mut known = Self { long: [false; 256], short: [false; 256] };
        for name in names.map(str::as_bytes) {
            match (Self::hash(name), name.first()) {
                (Some(hash), _) => known.long[hash] = true,
                (None, Some(first)) => known.short[usize::from(*first)] = true,
                (None, None) => {}
            }
        }
        known
    }

    /// Whether the string at the beginning of `strings` may be one of them.
    fn may_have(&self, strings: &[u8]) -> bool {
        Self::hash(strings).is_some_and(|hash| self.long[hash])
            || strings.first().is_some_and(|first| self.short[usize::from(*first)])
    }

    /// By the first eight bytes; None where there are fewer.
    fn hash(bytes: &[u8]) -> Option<usize> {
        let first = u64::from_ne_bytes(*bytes.first_chunk()?);
        Some((first.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize)
    }
}

/// `struct btf_type`
#[derive(Clone, Copy)]
struct Type {
    name: u32,
    kind: u32,
    kind_flag: bool,
    vlen: usize,
    /// Size, or the id of another type.
    size_or_type: u32,
}

impl<'a> Btf<'a> {
    /// Finds what `query` names in the bytes of a BTF file.
    pub(super) fn parse(bytes: &'a [u8], query: &Query) -> Result<Self, BtfError> {
        let malformed = BtfError::Malformed;
        if bytes.get(..2) != Some(&MAGIC.to_ne_bytes()) {
            return Err(malformed("not BTF in this machine's byte order"));
        }
        let field = |at| u32_at(bytes, at).map(|value| value as usize).ok_or(malformed("header cut short"));
        let header = field(4)?;
        let section = |at: usize| {
            let start = header.checked_add(field(at)?);
            let range = start.and_then(|start| Some(start..start.checked_add(field(at + 4).ok()?)?));
            range.and_then(|range| bytes.get(range)).ok_or(malformed("section beyond the end"))
        };
        let mut btf = Self {
            types: section(8)?,
            strings: section(16)?,
            starts: Vec::with_capacity(bytes.len() / 32),
            structs: Found::new(&query.structs),
            enums: Found::new(&query.enums),
            functions: Found::new(&query.functions),
        };
        btf.walk()?;
        Ok(btf)
    }

    fn walk(&mut self) -> Result<(), BtfError> {
        self.starts.push(u32::MAX);
        let mut at = 0;
        while at < self.types.len() {
            let ty = type_at(self.types, at).ok_or(BtfError::Malformed("type cut short"))?;
            let id = self.starts.len() as u32;
            self.starts.push(at as u32);
            let name = self.strings.get(ty.name as usize..).unwrap_or_default();
            match ty.kind {
                kind::STRUCT => self.structs.offer(name, id),
                kind::ENUM => self.enums.offer(name, id),
                kind::FUNC => self.functions.offer(name, id),
                _ => {}
            }
            at += INFO_BYTES + trailing_bytes(ty).ok_or(BtfError::Malformed("a kind of type that is new"))?;
        }
        Ok(())
    }

    /// The id of a function that was looked for; None: it is not there.
    pub(super) fn function(&self, name: &str) -> Option<u32> {
        self.functions.id(name)
    }

    /// The id of a struct that was looked for; None: it is not there.
    pub(super) fn structure(&self, name: &str) -> Option<u32> {
        self.structs.id(name)
    }

    /// Whether an enum that was looked for has an enumerator of this name.
    pub(super) fn has_enumerator(&self, enumeration: &str, name: &str) -> bool {
        let Some((ty, at)) = self.enums.id(enumeration).and_then(|id| self.by_id(id)) else { return false };
        (0..ty.vlen).any(|index| {
            u32_at(self.types, at + index * 8).is_some_and(|enumerator| self.is_named(enumerator, name))
        })
    }

    fn is_named(&self, name_off: u32, name: &str) -> bool {
        begins_with(self.strings.get(name_off as usize..).unwrap_or_default(), name)
    }

    fn by_id(&self, id: u32) -> Option<(Type, usize)> {
        let start = *self.starts.get(id as usize)? as usize;
        Some((type_at(self.types, start)?, start + INFO_BYTES))
    }

    /// Where a member lies in `structure`, in bytes; `path` leads through members that are structs
    /// themselves.
    pub(super) fn member(&self, structure: &str, path: &[&str]) -> Result<u32, BtfError> {
        let missing = || BtfError::Missing(format!("struct {structure} with {}", path.join(".")));
        let (mut id, mut bits) = (self.structs.id(structure).ok_or_else(missing)?, 0u32);
        for name in path {
            let (offset, member) = self.find(id, name, 0).ok_or_else(missing)?;
            bits = bits.checked_add(offset).ok_or_else(missing)?;
            id = member;
        }
        // The programs read whole bytes, and an instruction has 15 bits for where they are.
        let readable = bits % 8 == 0 && bits / 8 <= i16::MAX as u32;
        if readable { Ok(bits / 8) } else { Err(missing()) }
    }

    /// Looks for a member, also in members without a name: its offset in bits and the id of its type.
    fn find(&self, id: u32, name: &str, depth: u32) -> Option<(u32, u32)> {
        // Types may refer to each other in a circle only through pointers, but a file may say anything.
        if depth > 16 {
            return None;
        }
        let (ty, members) = self.by_id(id)?;
        match ty.kind {
            kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                self.find(ty.size_or_type, name, depth + 1)
            }
            kind::STRUCT | kind::UNION => (0..ty.vlen).find_map(|index| {
                let at = members + index * 12;
                let member_name = u32_at(self.types, at)?;
                let member_type = u32_at(self.types, at + 4)?;
                let offset = u32_at(self.types, at + 8)?;
                // With the flag, the top eight bits are the size of a bit-field.
                let offset = if ty.kind_flag { offset & 0x00ff_ffff } else { offset };
                if self.is_named(member_name, name) {
                    return Some((offset, member_type));
                }
                if !self.is_named(member_name, "") {
                    return None;
                }
                let (inner, member_type) = self.find(member_type, name, depth + 1)?;
                Some((offset.checked_add(inner)?, member_type))
            }),
            _ => None,
        }
    }
}

/// Whether the first of some strings is this one.
fn begins_with(strings: &[u8], name: &str) -> bool {
    strings.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
}

/// Bytes that follow a type of this kind.
fn trailing_bytes(ty: Type) -> Option<usize> {
    Some(match ty.kind {
        // PTR, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FLOAT, TYPE_TAG
        2 | 7..=12 | 16 | 18 => 0,
        // INT, VAR, DECL_TAG
        1 | 14 | 17 => 4,
        // ARRAY
        3 => 12,
        // STRUCT, UNION, DATASEC, ENUM64
        4 | 5 | 15 | 19 => ty.vlen * 12,
        // ENUM, FUNC_PROTO
        6 | 13 => ty.vlen * 8,
        _ => return None,
    })
}

fn type_at(types: &[u8], at: usize) -> Option<Type> {
    let info = u32_at(types, at + 4)?;
    Some(Type {
        name: u32_at(types, at)?,
        // Bits that early kernels leave zero: the fields grew from 5 and 16 bits.
        kind: info >> 24 & 0x7f,
        kind_flag: info >> 31 != 0,
        vlen: (info & 0x00ff_ffff) as usize,
        size_or_type: u32_at(types, at + 8)?,
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests;
