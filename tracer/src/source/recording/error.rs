//! What keeps a recording from being read.

use std::io;

use super::notation::FactError;

/// A recording, or a part of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The operating system refused.
    #[error("cannot be read")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("is no pcapng file: it does not begin with a section header")]
    NoPcapng,
    /// Times and messages have the other byte order.
    #[error("was made on a machine of the other byte order, whose messages cannot be read here")]
    ByteOrder,
    /// A block is not what its type promises.
    #[error("the block at byte {offset} {problem}")]
    Block {
        /// Where it begins in the file, in bytes.
        offset: u64,
        /// What is wrong with it.
        problem: BlockProblem,
    },
    /// A comment is not what its kind promises.
    #[error("a comment of the block at byte {offset} is wrong: {source}")]
    Fact {
        /// Where the block begins in the file, in bytes.
        offset: u64,
        /// What is wrong with it.
        source: FactError,
    },
    /// It is a file, or the rest of one, of something else than what was read before.
    #[error(
        "is of another recording than what was read before: give the files of one recording at a time, in \
         the order of their numbers"
    )]
    OtherRecording,
    /// It has packets only, or others.
    #[error(
        "has no messages that nltrace recorded: packets without nltrace's comments, such as those of nlmon, \
         are shown by Wireshark"
    )]
    NothingRecorded,
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockProblem {
    /// Its length is none that a block can have.
    #[error("says that it is {0} bytes long, which no block can be")]
    Length(u32),
    /// Its two lengths differ.
    #[error("does not end where it says")]
    End,
    /// What is in it does not fit into it.
    #[error("is too short for what is in it")]
    Short,
    /// It is of an interface that was not described.
    #[error("is of an interface that was not described")]
    Interface,
}
