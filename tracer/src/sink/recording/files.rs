//! The files of a recording: whole blocks, one file or several of which the oldest go.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use crate::{
    render::Buffer,
    sink::output::{Target, write_all},
};

/// Files that are written one after the other.
#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    /// Whether there may be several, which have numbers.
    are_numbered: bool,
    /// How many to keep; None: all.
    most: Option<usize>,
    /// The number of the last one, from 1.
    number: u32,
    file: File,
    /// Bytes of whole blocks in it.
    len: u64,
    /// Whether anything was written to it.
    has_begun: bool,
    kept: VecDeque<PathBuf>,
}

impl Files {
    /// Creates the first.
    pub(super) fn create(path: &Path, are_numbered: bool, most: Option<usize>) -> io::Result<Self> {
        let first = name(path, are_numbered.then_some(1));
        // What is in it goes when there is something else.
        let file = own().truncate(false).open(&first)?;
        let (path, kept) = (path.to_owned(), VecDeque::from([first]));
        Ok(Self { path, are_numbered, most, number: 1, file, len: 0, has_begun: false, kept })
    }

    /// Goes on with the next.
    fn next(&mut self) -> io::Result<()> {
        self.number += 1;
        let next = name(&self.path, self.are_numbered.then_some(self.number));
        self.file = own().truncate(true).open(&next)?;
        self.len = 0;
        self.kept.push_back(next);
        while self.most.is_some_and(|most| self.kept.len() > most)
            && let Some(oldest) = self.kept.pop_front()
        {
            match fs::remove_file(oldest) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Target for Files {
    fn write(&mut self, piece: &Buffer, begins: bool, given_up: &AtomicBool) -> (usize, io::Result<()>) {
        if begins
            && self.has_begun
            && let Err(error) = self.next()
        {
            return (0, Err(error));
        }
        if !self.has_begun {
            // What is no file cannot be made shorter, and holds nothing.
            let _ = self.file.set_len(0);
        }
        self.has_begun = true;
        let (written, result) = write_all(&mut self.file, piece, given_up);
        if result.is_ok() {
            self.len += written as u64;
            return (written, result);
        }
        let whole = whole_blocks(&piece.rest(0), written);
        // What is cut is read to its last whole block all the same.
        let _ = self.file.set_len(self.len + whole as u64);
        self.len += whole as u64;
        (whole, result)
    }
}

/// How a file is opened: a new one is its owner's alone, as keys go through netlink, too.
fn own() -> OpenOptions {
    let mut options = File::options();
    options.create(true).write(true).mode(0o600);
    options
}

/// The name of a file: `night.pcapng`, or `night_00001.pcapng`.
fn name(path: &Path, number: Option<u32>) -> PathBuf {
    let Some(number) = number else { return path.to_owned() };
    let mut name = OsString::from(path.file_stem().unwrap_or_default());
    name.push(format!("_{number:05}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Bytes of the blocks that end among the first `written`.
fn whole_blocks(blocks: &[u8], written: usize) -> usize {
    let mut whole = 0;
    while let Some(len) = blocks.get(whole + 4..whole + 8).and_then(|len| len.first_chunk()) {
        let end = whole + u32::from_ne_bytes(*len) as usize;
        if end > written || end == whole {
            break;
        }
        whole = end;
    }
    whole
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_have_numbers_ahead_of_their_extension() {
        let named = |path: &str, number| name(Path::new(path), number).to_string_lossy().into_owned();
        assert_eq!(named("/a/night.pcapng", None), "/a/night.pcapng");
        assert_eq!(named("/a/night.pcapng", Some(12)), "/a/night_00012.pcapng");
        assert_eq!(named("night", Some(1)), "night_00001");
    }

    #[test]
    fn only_whole_blocks_count() {
        let block = [6u32, 16, 0, 16].map(u32::to_ne_bytes).concat();
        let blocks = [&block[..], &block].concat();
        for (written, whole) in [(0, 0), (15, 0), (16, 16), (31, 16), (32, 32)] {
            assert_eq!(whole_blocks(&blocks, written), whole, "{written}");
        }
        assert_eq!(whole_blocks(&[0; 8], 8), 0);
    }

    #[test]
    fn the_oldest_files_go() {
        let folder = std::env::temp_dir().join(format!("nltrace-files-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut files = Files::create(&folder.join("a.pcapng"), true, Some(2)).unwrap();
        let stop = AtomicBool::new(false);
        for _ in 0..4 {
            let piece = Buffer::from(b"a block".to_vec());
            assert!(matches!(files.write(&piece, true, &stop), (7, Ok(()))));
            assert!(matches!(files.write(&piece, false, &stop), (7, Ok(()))));
        }
        let mut names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a_00003.pcapng", "a_00004.pcapng"]);
        let metadata = names.iter().map(|name| fs::metadata(folder.join(name)).unwrap());
        let about = metadata.map(|of| (of.len(), of.permissions().mode() & 0o777));
        assert_eq!(about.collect::<Vec<_>>(), [(14, 0o600), (14, 0o600)]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
