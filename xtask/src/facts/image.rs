//! What is in a bootable image: the kernel's release, and the kernel itself.
//!
//! Formats: Documentation/arch/x86/boot.rst in the kernel's source, and elf(5).

use std::path::Path;
use std::process::Command;
use std::{fs, str};

use anyhow::{Context, Result, bail, ensure};

use crate::process;

/// An unpacked image.
#[derive(Debug)]
pub(super) struct Image {
    /// What `uname -r` says.
    pub(super) release: String,
    /// What `uname -v` says.
    pub(super) version: String,
    elf: Vec<u8>,
}

impl Image {
    /// Unpacks `vmlinuz` with the program that its compression takes; `scratch` is a folder for what that
    /// reads.
    pub(super) fn unpack(vmlinuz: &Path, scratch: &Path) -> Result<Self> {
        let image = fs::read(vmlinuz).with_context(|| format!("read {}", vmlinuz.display()))?;
        let (release, version) = banner(&image).context("the image has no release")?;
        let payload = payload(&image).context("the image has no payload")?;
        let (tool, options, payload) = decompressor(payload)?;
        ensure!(process::find(tool).is_some(), "{tool} is missing: install the package of this name");
        let file = scratch.join("payload");
        fs::write(&file, payload).with_context(|| format!("write {}", file.display()))?;
        let elf = process::run(Command::new(tool).args(options).arg(&file))?.stdout;
        Ok(Self { release, version, elf })
    }

    /// The bytes of a section; None if there is none of this name.
    pub(super) fn section(&self, name: &str) -> Option<&[u8]> {
        let elf = self.elf.as_slice();
        let table = usize::try_from(u64_at(elf, 0x28)?).ok()?;
        let (entry, count, names) = (u16_at(elf, 0x3a)?, u16_at(elf, 0x3c)?, u16_at(elf, 0x3e)?);
        let header = |index: u16| elf.get(table + usize::from(entry) * usize::from(index)..);
        let bytes = |header: &[u8]| {
            let start = usize::try_from(u64_at(header, 0x18)?).ok()?;
            elf.get(start..start.checked_add(usize::try_from(u64_at(header, 0x20)?).ok()?)?)
        };
        let names = bytes(header(names)?)?;
        let wanted = (0..count).filter_map(header).find(|header| {
            let own = u32_at(header, 0).and_then(|at| names.get(at as usize..));
            own.and_then(|own| own.strip_prefix(name.as_bytes())).is_some_and(|rest| rest.starts_with(&[0]))
        });
        bytes(wanted?)
    }
}

/// `RELEASE (WHO) VERSION`, which the boot header points to.
fn banner(image: &[u8]) -> Option<(String, String)> {
    let text = image.get(usize::from(u16_at(image, 0x20e)?) + 0x200..)?;
    let text = str::from_utf8(text.split(|byte| *byte == 0).next()?).ok()?;
    let (release, rest) = text.split_once(' ')?;
    Some((release.to_owned(), rest.split_once(") ")?.1.to_owned()))
}

/// The compressed kernel: where the boot header says, behind the sectors of real-mode code.
fn payload(image: &[u8]) -> Option<&[u8]> {
    let sectors = usize::from(*image.get(0x1f1)?);
    let start = (sectors + 1) * 512 + u32_at(image, 0x248)? as usize;
    image.get(start..start.checked_add(u32_at(image, 0x24c)? as usize)?)
}

/// The program for a payload, its options, and the payload without what the kernel's build has added.
fn decompressor(payload: &[u8]) -> Result<(&'static str, &'static [&'static str], &[u8])> {
    // The unpacked size, for the image's own decompressor.
    let without_size = &payload[..payload.len().saturating_sub(4)];
    Ok(match payload {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("zstd", &["-d", "-c"], without_size),
        [0x02, 0x21, 0x4c, 0x18, ..] => ("lz4", &["-d", "-c"], without_size),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => ("xz", &["-d", "-c", "--single-stream"], payload),
        [0x1f, 0x8b, ..] => ("gzip", &["-d", "-c"], payload),
        _ => bail!("the image is compressed in a way that this program does not know"),
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_header_tells_the_release_and_where_the_kernel_is() {
        let mut image = vec![0; 2048];
        image[0x1f1] = 1;
        image[0x20e..0x210].copy_from_slice(&0x150_u16.to_le_bytes());
        image[0x248..0x24c].copy_from_slice(&16_u32.to_le_bytes());
        image[0x24c..0x250].copy_from_slice(&9_u32.to_le_bytes());
        let text = b"6.1.0-56-cloud-amd64 (kernel@example.org) #1 SMP Debian 6.1.192-2 (2026-11-16)\0";
        image[0x350..0x350 + text.len()].copy_from_slice(text);
        image[1040..1049].copy_from_slice(b"\x02\x21\x4c\x18.SIZE");
        let (release, version) = banner(&image).unwrap();
        assert_eq!(release, "6.1.0-56-cloud-amd64");
        assert_eq!(version, "#1 SMP Debian 6.1.192-2 (2026-11-16)");
        let (tool, _, packed) = decompressor(payload(&image).unwrap()).unwrap();
        assert_eq!((tool, packed), ("lz4", b"\x02\x21\x4c\x18.".as_slice()));
        assert!(decompressor(b"plain").is_err());
        assert!(banner(&image[..0x200]).is_none() && payload(&image[..1045]).is_none());
    }

    #[test]
    fn a_section_is_found_by_its_name() {
        let mut elf = vec![0; 0x40];
        elf.extend(b"\0.BTF_ids\0.BTF\0bytes");
        elf.resize(0x80, 0);
        // The names, then two sections of which one's name begins with the other's.
        for (name, start, length) in [(0, 0x40, 15_u64), (1, 0x40, 1), (10, 0x4f, 5)] {
            let mut header = vec![0; 0x40];
            header[0] = name;
            header[0x18] = start;
            header[0x20..0x28].copy_from_slice(&length.to_le_bytes());
            elf.extend(header);
        }
        (elf[0x28], elf[0x3a], elf[0x3c]) = (0x80, 0x40, 3);
        let mut image = Image { release: String::new(), version: String::new(), elf };
        assert_eq!(image.section(".BTF"), Some(b"bytes".as_slice()));
        assert_eq!(image.section(".data"), None);
        image.elf.truncate(0x90);
        assert_eq!(image.section(".BTF"), None);
    }
}
