//! Writes the archive format that the kernel unpacks into its first root file system: cpio, "newc".
//!
//! Documented in the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst`.

use std::io::{self, Write};

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;
const TRAILER: &str = "TRAILER!!!";

/// An archive in the making.
#[derive(Debug)]
pub(crate) struct Archive<W> {
    out: W,
    entries: u32,
    written: usize,
}

impl<W: Write> Archive<W> {
    /// An empty archive.
    pub(crate) fn new(out: W) -> Self {
        Self { out, entries: 0, written: 0 }
    }

    /// A folder; its parents must have been added before.
    pub(crate) fn folder(&mut self, path: &str) -> io::Result<()> {
        self.entry(path, FOLDER, (0, 0), &[])
    }

    /// A regular file that may be executed.
    pub(crate) fn file(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        self.entry(path, PROGRAM, (0, 0), content)
    }

    /// A character device.
    pub(crate) fn device(&mut self, path: &str, major: u32, minor: u32) -> io::Result<()> {
        self.entry(path, CHARACTER_DEVICE, (major, minor), &[])
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.entry(TRAILER, 0, (0, 0), &[])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) -> io::Result<()> {
        let size = u32::try_from(content.len()).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{path} is larger than 4 GiB"))
        })?;
        let links = if mode & 0o170_000 == 0o040_000 { 2 } else { 1 };
        self.entries += 1;
        // ino, mode, uid, gid, nlink, mtime, filesize, dev major and minor, rdev major and minor, namesize,
        // check
        let name_size = u32::try_from(path.len() + 1).map_err(io::Error::other)?;
        let fields = [self.entries, mode, 0, 0, links, 0, size, 0, 0, device.0, device.1, name_size, 0];
        let mut header = String::from("070701");
        for field in fields {
            header.push_str(&format!("{field:08x}"));
        }
        self.put(header.as_bytes())?;
        self.put(path.as_bytes())?;
        self.put(&[0])?;
        self.align()?;
        self.put(content)?;
        self.align()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len();
        self.out.write_all(bytes)
    }

    fn align(&mut self) -> io::Result<()> {
        self.put(&[0; 3][..self.written.next_multiple_of(4) - self.written])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lays_entries_out_as_the_kernel_reads_them() {
        let mut archive = Archive::new(Vec::new());
        archive.folder("dev").unwrap();
        archive.device("dev/console", 5, 1).unwrap();
        archive.file("init", b"hello").unwrap();
        let bytes = archive.finish().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.len() % 4, 0);
        let folder = "070701\
            00000001000041ed00000000000000000000000200000000000000000000000000000000000000000000000000000004\
            00000000dev\0\0\0";
        assert!(text.starts_with(folder), "{text}");
        assert!(text.contains("0000000500000001"), "device number");
        assert!(text.contains("init\0\0hello\0\0\x00070701"), "padding of name and content: {text}");
        assert!(text.contains("TRAILER!!!\0"));
    }
}
