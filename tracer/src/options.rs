//! What a capture is asked to do: all that the engine knows of the command line, checked, and without the
//! command line.

mod causes;
mod filter;
mod matching;

use std::{ffi::OsString, fmt, path::PathBuf, str::FromStr, time::Duration};

use netlink_specs::Direction;
use nltrace_common::By;

use crate::decode::Family;

pub use causes::Causes;
pub use filter::{Comm, CommError, Filter, FirstByte, MessageType, NotRegistered, Pid, PortId, SocketFilter};
pub use matching::{Matching, MatchingError};

/// What every capture is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureOptions {
    /// Which calls are wanted.
    pub filter: Filter,
    /// The only way to attach to functions of the kernel itself; None: the cheapest that works and sees every
    /// call.
    pub method: Option<Method>,
    /// When to end; None: at a signal, or with the command.
    pub duration: Option<Duration>,
    /// How often to report; None: at the end only.
    pub interval: Option<Duration>,
    /// Whether a loss makes the capture fail.
    pub strict: bool,
    /// Whether to wait for the modules of the named families. [`CaptureOptions::duration`] counts from when
    /// all were loaded.
    pub wait: bool,
    /// A receive function to watch in place of nltest's.
    pub module_function: Option<ModuleFunction>,
    /// The program to run meanwhile, and its arguments; empty: none.
    pub command: Vec<OsString>,
    /// Whether to hand what the eBPF programs report about themselves to the [`log`] crate's logger.
    pub verbose: bool,
}

/// What `hist` is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistOptions {
    /// What to capture.
    pub capture: CaptureOptions,
    /// Most histograms to keep; None: as many as fit into [`crate::probes::HISTOGRAM_BYTES`].
    pub max_keys: Option<u32>,
    /// What histograms are kept apart by, besides family, type and stage.
    pub by: Option<By>,
    /// Whether the result is JSON.
    pub json: bool,
}

/// Which side of a message a process or control group is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Which {
    /// What it sends.
    pub sent: bool,
    /// What is delivered to a socket that it holds.
    pub received: bool,
}

impl Default for Which {
    fn default() -> Self {
        Self { sent: true, received: true }
    }
}

/// What `trace` shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeOptions {
    /// Network namespace; None: all.
    pub netns: Option<Netns>,
    /// A control group, by its folder or by its path below the root of all; None: all.
    pub cgroup: Option<PathBuf>,
    /// Which side of a message is asked for.
    pub which: Which,
    /// Whether only what failed is wanted.
    pub errors: bool,
    /// What took less is not wanted.
    pub min_latency: Option<Duration>,
    /// What is looked for in the words of requests, answers and messages; None: everything is wanted.
    pub matching: Option<Matching>,
    /// Whether each answer is shown.
    pub answers: bool,
    /// Whether the values of messages are shown, one a line.
    pub tree: bool,
    /// Whether user, control group and namespace of who asked are shown.
    pub who: bool,
    /// Whether something that failed makes the capture fail.
    pub fail: bool,
}

impl ExchangeOptions {
    /// Whether drops are shown: they are no refusals, took no time and say nothing.
    pub fn has_drops(&self) -> bool {
        !self.errors && self.min_latency.is_none() && self.matching.is_none()
    }
}

/// What `trace` is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceOptions {
    /// What to capture.
    pub capture: CaptureOptions,
    /// Exchanges; None: each message of each call.
    pub exchanges: Option<ExchangeOptions>,
    /// Most bytes of a datagram to keep, behind its first header.
    pub snaplen: u32,
    /// Size of the ring buffer in bytes; it is rounded up to a power of two.
    pub ring_bytes: u32,
    /// Whether each listener of a multicast is named.
    pub deliveries: bool,
    /// The user's specifications: a file, or a folder of them.
    pub specs: Option<PathBuf>,
    /// The files of the recording to show; none: what happens now.
    pub read: Vec<PathBuf>,
    /// Whether the result is JSON.
    pub json: bool,
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self {
            capture: CaptureOptions::default(),
            exchanges: Some(ExchangeOptions::default()),
            snaplen: 256,
            ring_bytes: 4 << 20,
            deliveries: false,
            specs: None,
            read: Vec::new(),
            json: false,
        }
    }
}

/// What `drops` is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DropsOptions {
    /// What to capture.
    pub capture: CaptureOptions,
    /// Which drops are wanted.
    pub causes: Causes,
    /// Whether the kernel's way to each is wanted.
    pub stacks: bool,
    /// Whether a drop makes the capture fail.
    pub fail: bool,
    /// Whether the result is JSON.
    pub json: bool,
}

/// What `record` is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordOptions {
    /// What to capture.
    pub capture: CaptureOptions,
    /// The file; `-`: standard output.
    pub output: PathBuf,
    /// How much goes into a file.
    pub limits: FileLimits,
    /// Most bytes of a datagram to keep, behind its first header.
    pub snaplen: u32,
    /// Size of the ring buffer in bytes; it is rounded up to a power of two.
    pub ring_bytes: u32,
    /// Whether it is recorded who asked.
    pub who: bool,
}

/// How much of a recording goes into a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileLimits {
    /// Bytes; None: all.
    pub max_size: Option<u64>,
    /// How long; None: to the end.
    pub max_age: Option<Duration>,
    /// Files to keep, the last ones; None: all.
    pub max_files: Option<usize>,
}

impl FileLimits {
    /// Whether there may be several files.
    pub fn are_several(&self) -> bool {
        self.max_size.is_some() || self.max_age.is_some()
    }
}

/// What `sockets` is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketsOptions {
    /// Which sockets are wanted, but for their namespace.
    pub filter: SocketFilter,
    /// Their network namespace; None: all.
    pub netns: Option<Netns>,
    /// Whether the result is JSON.
    pub json: bool,
}

/// A network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Netns {
    /// By its inode number: `readlink /proc/PID/ns/net`.
    Inode(u32),
    /// By the name that `ip netns` has for it.
    Name(String),
}

/// This names no network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("give a name of `ip netns list`, or an inode number of `readlink /proc/PID/ns/net`")]
pub struct NetnsError;

impl FromStr for Netns {
    type Err = NetnsError;

    /// An inode number, also as `net:[4026531840]`, or a name, which is that of a file.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_prefix("net:[").and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        match number.parse() {
            Ok(inode) => Ok(Self::Inode(inode)),
            Err(_) if text.is_empty() || text.contains('/') || matches!(text, "." | "..") => Err(NetnsError),
            Err(_) => Ok(Self::Name(text.to_owned())),
        }
    }
}

/// What `doctor` is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoctorOptions {
    /// The receive function in a module to try.
    pub module_function: ModuleFunction,
    /// Whether the result is JSON.
    pub json: bool,
}

/// What `decode` is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecodeOptions {
    /// The family of the messages; None: what the notation says, or what fits best.
    pub family: Option<DecodeFamily>,
    /// Which way they went; None: what the notation or their flags say.
    pub direction: Option<Direction>,
    /// Whether to print a value a line.
    pub tree: bool,
    /// Whether the result is JSON.
    pub json: bool,
    /// The user's specifications: a file, or a folder of them.
    pub specs: Option<PathBuf>,
    /// The bytes in words of a common notation; none or `-`: standard input.
    pub bytes: Vec<String>,
}

/// A family whose messages are decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeFamily {
    /// A netlink family.
    Family(Family),
    /// One of generic netlink's, by name; the messages' type is its number.
    Generic(String),
}

/// How a function is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// fentry and fexit: a trampoline at the function, the cheapest.
    Fentry,
    /// A kprobe session: one program at both ends.
    Session,
    /// kprobe and kretprobe.
    Kprobe,
    /// A tracepoint, where the kernel has one in place of a function.
    Tracepoint,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fentry => "fentry+fexit",
            Self::Session => "kprobe session",
            Self::Kprobe => "kprobe+kretprobe",
            Self::Tracepoint => "raw tracepoint",
        })
    }
}

/// A receive function in a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleFunction {
    /// The module's name.
    pub module: String,
    /// The function's name.
    pub function: String,
}

impl Default for ModuleFunction {
    /// The receive function of nltest.
    fn default() -> Self {
        Self { module: "nltest".to_owned(), function: "test_nl_receive_message".to_owned() }
    }
}

/// This names no function in a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write it as MODULE:FUNCTION")]
pub struct ModuleFunctionError;

impl FromStr for ModuleFunction {
    type Err = ModuleFunctionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        };
        match text.split_once(':') {
            Some((module, function)) if is_name(module) && is_name(function) => {
                Ok(Self { module: module.to_owned(), function: function.to_owned() })
            }
            _ => Err(ModuleFunctionError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_a_number_or_a_name() {
        assert_eq!("4026531840".parse(), Ok(Netns::Inode(4_026_531_840)));
        assert_eq!("net:[4026531840]".parse(), Ok(Netns::Inode(4_026_531_840)));
        for name in ["blue", "99999999999", "net:[x]"] {
            assert_eq!(name.parse(), Ok(Netns::Name(name.to_owned())));
        }
        for text in ["", ".", "..", "../etc"] {
            assert_eq!(text.parse::<Netns>(), Err(NetnsError), "{text}");
        }
    }

    #[test]
    fn a_function_is_named_with_its_module() {
        let expected = ModuleFunction { module: "my-mod".to_owned(), function: "receive.part.0".to_owned() };
        assert_eq!("my-mod:receive.part.0".parse(), Ok(expected));
        for text in ["", ":", "nltest", "nltest:", ":receive", "a:b c", "a:b:c", "a/b:c"] {
            assert_eq!(text.parse::<ModuleFunction>(), Err(ModuleFunctionError), "{text}");
        }
    }
}
