//! Values that are words.

use nltrace_common::{Cause, Context, Delivery, Hook, SocketOption};

use crate::source::{AskerKind, LockKind};

/// What has a name, or several.
pub trait Word: Sized {
    /// Appends it.
    fn write(&self, out: &mut Vec<u8>);

    /// None: there is no such word.
    fn read(word: &[u8]) -> Option<Self>;
}

/// The options of a socket, a bit each by [`SocketOption`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options(pub u32);

impl Word for Options {
    fn write(&self, out: &mut Vec<u8>) {
        let set = SocketOption::ALL.into_iter().filter(|option| self.0 & 1 << option.number() != 0);
        for (index, option) in set.enumerate() {
            out.extend_from_slice(if index == 0 { b"" } else { b"," });
            out.extend_from_slice(option.name().as_bytes());
        }
        let known = (1u32 << SocketOption::COUNT) - 1;
        if self.0 & known == 0 {
            out.extend_from_slice(b"none");
        }
    }

    fn read(words: &[u8]) -> Option<Self> {
        if words == b"none" {
            return Some(Self(0));
        }
        let mut known = None;
        for word in words.split(|byte| *byte == b',') {
            // One that is not known here was added later. Where none is known, that is not the same as none.
            let option = SocketOption::ALL.into_iter().find(|option| option.name().as_bytes() == word);
            if let Some(option) = option {
                known = Some(known.unwrap_or(0) | 1 << option.number());
            }
        }
        known.map(Self)
    }
}

/// Words by their values.
macro_rules! words {
    ($type:ty { $($word:literal = $value:expr,)+ }) => {
        impl Word for $type {
            fn write(&self, out: &mut Vec<u8>) {
                let words: &[(&str, $type)] = &[$(($word, $value)),+];
                let found = words.iter().find(|(_, value)| value == self);
                out.extend_from_slice(found.map_or("", |(word, _)| word).as_bytes());
            }

            fn read(text: &[u8]) -> Option<Self> {
                let words: &[(&str, $type)] = &[$(($word, $value)),+];
                words.iter().find(|(word, _)| word.as_bytes() == text).map(|(_, value)| *value)
            }
        }
    };
}

// Whose socket something was sent from: whether from a user's.
words! { bool { "user" = true, "kernel" = false, } }

words! {
    AskerKind {
        "process" = AskerKind::Process,
        "kworker" = AskerKind::Kernel,
        "io_worker" = AskerKind::IoWorker,
    }
}

words! {
    LockKind {
        "mutex" = LockKind::Mutex,
        "read" = LockKind::Read,
        "write" = LockKind::Write,
        "rt" = LockKind::Rt,
    }
}

/// What has a name in a table.
macro_rules! named {
    ($($type:ty)*) => {
        $(impl Word for $type {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self.name().as_bytes());
            }

            fn read(word: &[u8]) -> Option<Self> {
                Self::ALL.into_iter().find(|known| known.name().as_bytes() == word)
            }
        })*
    };
}

named! { Cause Context Delivery Hook }
