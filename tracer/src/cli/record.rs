//! `record`: everything into a file.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, builder::RangedU64ValueParser};

use super::values::{self, Method};
use crate::{
    decode::{Family, FamilyError},
    options::{CaptureOptions, FileLimits, Filter, RecordOptions},
};

/// `record`
#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    /// File to write; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Only these families, by name or number; repeat the option or separate with commas [default: all]
    #[arg(short, long, value_name = "NAME|N", value_delimiter = ',', value_parser = family)]
    family: Vec<Family>,
    /// Begin another file before one gets larger than this, e.g. 100M, 1G; at least 1M. Files are numbered
    /// then: FILE_00001, FILE_00002
    #[arg(long, value_name = "BYTES", value_parser = values::file_size)]
    max_size: Option<u64>,
    /// Begin another file after this many seconds
    #[arg(long, value_name = "SECS", value_parser = values::seconds)]
    max_age: Option<Duration>,
    /// With --max-size or --max-age: keep only the last N files
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    max_files: Option<usize>,
    /// Maximum number of bytes to keep of a message after its header, at most 16384
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = values::snaplen())]
    snaplen: u32,
    /// Record who asked as well: executable and parent, for trace -r --who
    #[arg(long)]
    who: bool,
    /// Ring buffer size, e.g. 65536, 64K, 4M (rounded up to a power of two)
    #[arg(long, value_name = "BYTES", default_value = "4M", value_parser = values::bytes)]
    ring_size: u32,
    /// Stop after this many seconds [default: at Ctrl-C, or when COMMAND exits]
    #[arg(short, long, value_name = "SECS", value_parser = values::seconds)]
    duration: Option<Duration>,
    /// Exit with 4 if any call was lost
    #[arg(long)]
    strict: bool,
    /// How to attach to the kernel's own functions
    #[arg(long, value_enum, default_value_t, value_name = "METHOD")]
    method: Method,
    /// Record while this command runs. The whole system is recorded, not only the command
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Options do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RecordError {
    /// There is only one file.
    #[error("--max-files is about several files: add --max-size or --max-age")]
    OneFile,
    /// There is none.
    #[error("--max-size and --max-age are about files: name one with -o FILE.pcapng")]
    NoFile,
}

fn family(text: &str) -> Result<Family, FamilyError> {
    text.parse()
}

impl RecordArgs {
    pub(super) fn options(self, verbose: u8) -> Result<RecordOptions, RecordError> {
        let Self { output, max_size, max_age, max_files, snaplen, who, .. } = self;
        let limits = FileLimits { max_size, max_age, max_files };
        if max_files.is_some() && !limits.are_several() {
            return Err(RecordError::OneFile);
        }
        if limits.are_several() && output.as_os_str() == "-" {
            return Err(RecordError::NoFile);
        }
        let capture = CaptureOptions {
            filter: Filter { families: self.family, ..Filter::default() },
            method: self.method.only(),
            duration: self.duration,
            strict: self.strict,
            command: self.command,
            verbose: verbose > 0,
            ..CaptureOptions::default()
        };
        Ok(RecordOptions { capture, output, limits, snaplen, ring_bytes: self.ring_size, who })
    }
}
