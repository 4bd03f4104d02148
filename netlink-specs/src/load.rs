//! A user's specifications: a file, or every `.yaml` and `.yml` of a folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{CompileError, Document, DocumentError, Table, compile};

/// Bytes of a file that are read at most.
const FILE_BYTES: u64 = 16 << 20;

/// A user's specifications could not be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or folder could not be read.
    #[error("cannot read {path}", path = .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// A folder has no specification in it.
    #[error("{path} has no file NAME.yaml in it", path = .0.display())]
    Empty(PathBuf),
    /// A file is too large.
    #[error("{path} has more than 16 MiB: that is no specification", path = .0.display())]
    Size(PathBuf),
    /// A file is not a specification.
    #[error("{path} is no YNL specification: {problem}", path = .0.display(), problem = .1)]
    Document(PathBuf, DocumentError),
    /// A specification does not hold together.
    #[error("{path}: {problem}", path = .0.display(), problem = .1)]
    Compile(PathBuf, CompileError),
}

/// What was read.
#[derive(Debug)]
pub struct Loaded {
    /// The specifications. They stay for as long as the program runs.
    pub table: &'static Table,
    /// Where each was read.
    pub files: Vec<PathBuf>,
}

/// Reads a file, or the specifications in a folder.
///
/// # Errors
/// [`LoadError`], naming the file.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    let files = files(path)?;
    let documents = files.iter().map(|file| document(file)).collect::<Result<Vec<_>, _>>()?;
    let bytes = compile(documents).map_err(|error| LoadError::Compile(path.to_owned(), error))?;
    let bytes: &'static [u8] = Box::leak(bytes.into_boxed_slice());
    let table = Table::from_bytes(bytes).ok_or_else(|| LoadError::Empty(path.to_owned()))?;
    Ok(Loaded { table: Box::leak(Box::new(table)), files })
}

fn files(path: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let unread = |error| LoadError::Read(path.to_owned(), error);
    if !fs::metadata(path).map_err(unread)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unread)? {
        let file = entry.map_err(unread)?.path();
        if file.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(LoadError::Empty(path.to_owned())) } else { Ok(files) }
}

fn document(path: &Path) -> Result<Document, LoadError> {
    let unread = |error| LoadError::Read(path.to_owned(), error);
    if fs::metadata(path).map_err(unread)?.len() > FILE_BYTES {
        return Err(LoadError::Size(path.to_owned()));
    }
    let text = fs::read_to_string(path).map_err(unread)?;
    Document::parse(&text).map_err(|error| LoadError::Document(path.to_owned(), error))
}
