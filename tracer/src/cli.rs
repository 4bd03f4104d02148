//! The command line: one tree, from which help, manual pages and completions come.

use std::{ffi::OsString, os::unix::ffi::OsStrExt as _, path::PathBuf, str::FromStr, time::Duration};

use clap::{
    ArgAction, Args, Parser, Subcommand, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser as _},
};
use nltrace_common::{MAX_PROBES, MAX_SNAPLEN};

use crate::{
    decode::{Family, TypeError, parse_type},
    model::Stage,
    probes::{Filter, MAX_KEYS, Method},
};

/// See, time and explain every netlink message on a Linux machine.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// Say more: what is attached, and what the eBPF programs report about themselves
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  nltrace hist -d 10                      where netlink's time goes, for ten seconds
  nltrace trace -f route -- ip link       the messages of one command
  nltrace doctor                          what this kernel and this user can do

Exit status: 0 done, 1 failed, 2 wrong usage, 3 this kernel or user cannot, 4 events lost with --strict.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show latency histograms, aggregated in the kernel
    #[command(after_help = HIST_EXAMPLES, allow_negative_numbers = true)]
    Hist(HistArgs),
    /// Show each message as it happens, with its payload
    #[command(after_help = TRACE_EXAMPLES, allow_negative_numbers = true)]
    Trace(TraceArgs),
    /// Show what this kernel and this user can do, what is missing and how to get it
    Doctor(DoctorArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder
    Man {
        /// The folder; it is made if need be
        folder: PathBuf,
    },
}

const HIST_EXAMPLES: &str = "\
Examples:
  nltrace hist                            everything, until Ctrl-C
  nltrace hist -f nltest -- nltest ping -c 100
                                          one family, while a command runs
  nltrace hist -f route -t getlink -s request -i 1
                                          one message type at one stage, every second
  nltrace hist --json -d 10 | jq '.histograms[] | {family_name, type_name, stage, p99_ns}'

A result ends with its accounting: hits = recorded + filtered + unmatched + lost.";

const TRACE_EXAMPLES: &str = "\
Examples:
  nltrace trace                           everything, until Ctrl-C
  nltrace trace -f route -- ip address    one family, while a command runs
  nltrace trace -c systemd-udevd --json   one thread name, an object a line
  nltrace trace --wait -f nltest          from the moment that the module nltest is loaded

A result ends with its accounting: hits = recorded + filtered + unmatched + lost.";

/// What the capturing commands have in common.
#[derive(Debug, Args)]
pub struct CaptureArgs {
    /// Only these families: a name or a number; may be repeated, or a list with commas [default: every family]
    #[arg(short, long, value_name = "NAME|N", value_delimiter = ',')]
    pub family: Vec<Family>,
    /// Only calls that a thread of this process makes
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Option<u32>,
    /// Only calls that a thread of this name makes: its whole name, of which the kernel keeps 15 bytes
    #[arg(short, long, value_name = "NAME", value_parser = OsStringValueParser::new().try_map(|name| Comm::new(name.as_bytes())))]
    pub comm: Option<Comm>,
    /// Only messages from or to the user socket with this port id
    #[arg(long, value_name = "N")]
    pub portid: Option<u32>,
    /// Only datagrams whose first message has this type: a name (GETLINK, RTM_GETLINK, echo) or a number
    #[arg(short = 't', long = "type", value_name = "NAME|N")]
    pub nlmsg_type: Option<String>,
    /// Only these stages: request, receive, reply, broadcast; a list with commas [default: all]
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    pub stages: Vec<Stage>,
    /// End after so many seconds [default: at Ctrl-C, or with COMMAND]
    #[arg(short, long, value_name = "SECS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// Report each time so many seconds have passed
    #[arg(short, long, value_name = "SECS", value_parser = seconds)]
    pub interval: Option<Duration>,
    /// Write JSON
    #[arg(long)]
    pub json: bool,
    /// Exit with 4 if anything was lost
    #[arg(long)]
    pub strict: bool,
    /// Wait for the modules of the named families if they are not loaded, and again if they are unloaded; --duration counts from
    /// when all were there
    #[arg(long)]
    pub wait: bool,
    /// The receive function of a family in a module, `void FUNCTION(struct sk_buff *)` [default: nltest:test_nl_receive_message]
    #[arg(long, value_name = "MODULE:FUNCTION")]
    pub module_function: Option<ModuleFunction>,
    /// How to attach to functions of the kernel itself
    #[arg(long, value_enum, default_value_t, value_name = "METHOD")]
    pub method: MethodChoice,
    /// Capture for as long as this command runs. Messages of the whole system are captured, not only the command's; it is
    /// started once everything is attached, and is sent SIGTERM if the capture ends before it
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// `hist`
#[derive(Debug, Args)]
pub struct HistArgs {
    /// What to capture
    #[command(flatten)]
    pub capture: CaptureArgs,
    /// Most histograms to keep, at least 8, each for one family, type and stage; what comes beyond them is counted together
    /// [default: 1024, or what fits into 64 MiB]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(i64::from(MAX_PROBES)..=i64::from(MAX_KEYS)))]
    pub max_keys: Option<u32>,
}

/// `trace`
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// What to capture
    #[command(flatten)]
    pub capture: CaptureArgs,
    /// Most bytes of a datagram to keep behind its first header, up to 16384
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = clap::value_parser!(u32).range(0..=MAX_SNAPLEN as i64))]
    pub snaplen: u32,
    /// Room for events that are not written yet, in bytes or with K or M behind the number; rounded up to a power of two
    #[arg(long, value_name = "BYTES", default_value = "4M", value_parser = bytes)]
    pub ring_size: u32,
}

/// `doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
    /// The receive function of a family in a module [default: nltest:test_nl_receive_message]
    #[arg(long, value_name = "MODULE:FUNCTION")]
    pub module_function: Option<ModuleFunction>,
}

/// How to attach to functions of the kernel itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MethodChoice {
    /// The cheapest that works and sees every call
    #[default]
    Auto,
    /// Only fentry and fexit
    Fentry,
    /// Only kprobe sessions, from Linux 6.14 on
    Session,
    /// Only kprobe and kretprobe
    Kprobe,
}

impl MethodChoice {
    /// The one method that is allowed; None: the best.
    pub fn only(self) -> Option<Method> {
        match self {
            Self::Auto => None,
            Self::Fentry => Some(Method::Fentry),
            Self::Session => Some(Method::Session),
            Self::Kprobe => Some(Method::Kprobe),
        }
    }
}

/// A thread's name as the kernel keeps it: padded with NULs, the last byte always one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comm(pub [u8; 16]);

impl Comm {
    /// From the name, which can be any bytes.
    pub fn new(name: &[u8]) -> Result<Self, &'static str> {
        let mut comm = [0; 16];
        match name.len() {
            0 => Err("a thread's name is not empty"),
            1..16 => {
                comm[..name.len()].copy_from_slice(name);
                Ok(Self(comm))
            }
            _ => Err("the kernel keeps 15 bytes of a thread's name: give those"),
        }
    }
}

/// A function in a module.
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

impl FromStr for ModuleFunction {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        };
        match text.split_once(':') {
            Some((module, function)) if is_name(module) && is_name(function) => {
                Ok(Self { module: module.to_owned(), function: function.to_owned() })
            }
            _ => Err("write it as MODULE:FUNCTION"),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds, such as 10 or 0.5")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration >= Duration::from_millis(1) && seconds < 1e9 => Ok(duration),
        _ => Err("give at least 0.001 and less than a billion seconds"),
    }
}

fn bytes(text: &str) -> Result<u32, &'static str> {
    let (digits, scale) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    let number: u32 = digits.parse().map_err(|_| "give a number of bytes, such as 65536, 64K or 4M")?;
    let bytes = number.checked_mul(scale).filter(|bytes| (4096..=1 << 30).contains(bytes));
    bytes.ok_or("give at least 4K and at most 1024M")
}

impl CaptureArgs {
    /// The kernel-side filter.
    pub fn filter(&self) -> Result<Filter, TypeError> {
        let nlmsg_type = self.nlmsg_type.as_deref().map(|text| parse_type(text, &self.family)).transpose()?;
        let bits = |numbers: &mut dyn Iterator<Item = u8>| {
            numbers.map(|number| 1 << number).reduce(|bits: u32, bit| bits | bit).unwrap_or(u32::MAX)
        };
        Ok(Filter {
            families: bits(&mut self.family.iter().map(|family| family.number())),
            stages: bits(&mut self.stages.iter().map(|stage| stage.number())),
            tgid: self.pid,
            comm: self.comm.map(|comm| comm.0),
            portid: self.portid,
            nlmsg_type,
        })
    }

    /// Whether the module's receive function is wanted at all.
    pub fn wants_module(&self) -> bool {
        self.requires_module() || self.family.is_empty()
    }

    /// Whether the capture makes no sense without the module.
    pub fn requires_module(&self) -> bool {
        self.family.contains(&Family::NLTEST) || self.module_function.is_some()
    }

    /// Whether exactly one family is wanted.
    pub fn has_one_family(&self) -> bool {
        self.family.first().is_some_and(|first| self.family.iter().all(|family| family == first))
    }

    /// Whether the receive stage is wanted.
    pub fn wants_receive(&self) -> bool {
        self.stages.is_empty() || self.stages.contains(&Stage::Receive)
    }
}

#[cfg(test)]
mod tests;
