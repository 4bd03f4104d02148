//! From bytes to types.

use anyhow::{Context, Result, bail, ensure};

use super::{MAGIC, Role, Shape, Type, Word, kind};

/// All types of a BTF file, the first of which has the id 1.
pub(in crate::facts) fn read(bytes: &[u8]) -> Result<Vec<Type<'_>>> {
    ensure!(bytes.get(..2) == Some(&MAGIC.to_le_bytes()), "no BTF");
    let field = |at| u32_at(bytes, at).map(|value| value as usize).context("header cut short");
    let header = field(4)?;
    let section = |at| -> Result<&[u8]> {
        let (start, length) = (header + field(at)?, field(at + 4)?);
        bytes.get(start..start + length).context("section beyond the end")
    };
    let mut reader = Reader { types: section(8)?, strings: section(16)?, at: 0 };
    let mut types = Vec::new();
    while reader.at < reader.types.len() {
        types.push(reader.ty().with_context(|| format!("type {}", types.len() + 1))?);
    }
    Ok(types)
}

struct Reader<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn ty(&mut self) -> Result<Type<'a>> {
        let name = self.name()?;
        let info = self.number()?;
        // Fields that were of 5 and 16 bits have grown into bits that were zero.
        let (kind, flag, vlen) = (info >> 24 & 0x7f, info >> 31 != 0, info & 0x00ff_ffff);
        let Some(shape) = Shape::of(kind) else { bail!("kind {kind} is new: teach it to this program") };
        let size_or_type = self.word(shape.size_or_type)?;
        let (count, linkage) = match (shape.repeats, kind) {
            (true, _) => (vlen as usize, 0),
            (false, kind::FUNC) => (1, vlen),
            (false, _) => (1, 0),
        };
        let roles = shape.entry.iter().cycle().take(shape.entry.len() * count);
        let tail = roles.map(|role| self.word(*role)).collect::<Result<_>>()?;
        Ok(Type { name, kind, flag, linkage, size_or_type, tail })
    }

    fn word(&mut self, role: Role) -> Result<Word<'a>> {
        Ok(match role {
            Role::Name => Word::Name(self.name()?),
            Role::Type => Word::Type(self.number()?),
            Role::Number => Word::Number(self.number()?),
        })
    }

    fn name(&mut self) -> Result<&'a str> {
        let strings = self.strings.get(self.number()? as usize..).context("name beyond the end")?;
        let name = strings.split(|byte| *byte == 0).next().unwrap_or_default();
        std::str::from_utf8(name).context("name")
    }

    fn number(&mut self) -> Result<u32> {
        let number = u32_at(self.types, self.at).context("type cut short")?;
        self.at += 4;
        Ok(number)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}
