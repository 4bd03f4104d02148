//! The options of the commands that watch the kernel, as clap reads them.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::Args;

use super::{
    kinds::{self, KindError},
    values::{self, Method},
};
use crate::{
    model::{By, Stage},
    options::{
        CaptureOptions, Comm, DecodeFamily, DoctorOptions, ExchangeOptions, Filter, HistOptions, Matching,
        ModuleFunction, Netns, Pid, PortId, TraceOptions, Which,
    },
};

/// What the capturing commands have in common.
#[derive(Debug, Args)]
pub(super) struct CaptureArgs {
    /// Only these families, by name or number; repeat the option or separate with commas [default: all].
    /// Or one of generic netlink: ethtool, generic/mine
    #[arg(short, long, value_name = "NAME|N", value_delimiter = ',', value_parser = kinds::family)]
    family: Vec<DecodeFamily>,
    /// Only calls made by threads of this process
    #[arg(short, long, value_name = "PID", value_parser = values::pid())]
    pid: Option<Pid>,
    /// With --pid: also the processes that it makes from now on, those that they make, and so on; with
    /// COMMAND and without --pid: only COMMAND and those
    #[arg(long)]
    children: bool,
    /// Only calls made by threads with exactly this name (at most 15 bytes)
    #[arg(short, long, value_name = "NAME", value_parser = values::comm())]
    comm: Option<Comm>,
    /// Only messages from or to the user socket with this port ID
    #[arg(long, value_name = "N")]
    portid: Option<u32>,
    /// Only messages of this type, wherever in their datagram: a name (GETLINK, RTM_GETLINK, echo) or a
    /// number; a command of generic netlink (ethtool/strset_get); with -f sock-diag an address family
    #[arg(short = 't', long = "type", value_name = "NAME|N")]
    nlmsg_type: Option<String>,
    /// Only these stages: request, receive, reply, broadcast, part; separate with commas
    /// [default: all of these]. hist also has answer, dump, rtt, queue, lock
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    stages: Vec<Stage>,
    /// Wait until the named families' modules are loaded; re-attach if they are reloaded. --duration starts
    /// once all are loaded. trace also takes a family of generic netlink that is registered later
    #[arg(long)]
    wait: bool,
    /// Receive function of a family in a module, `void FUNCTION(struct sk_buff *)` [default:
    /// nltest:test_nl_receive_message]
    #[arg(long, value_name = "MODULE:FUNCTION")]
    module_function: Option<ModuleFunction>,
    /// How to capture
    #[command(flatten)]
    run: RunArgs,
}

/// How long to capture, what to print and how to attach.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Stop after this many seconds [default: at Ctrl-C, or when COMMAND exits]
    #[arg(short, long, value_name = "SECS", value_parser = values::seconds)]
    duration: Option<Duration>,
    /// Report at this interval, in seconds
    #[arg(short, long, value_name = "SECS", value_parser = values::seconds)]
    interval: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Exit with 4 if any call was lost
    #[arg(long)]
    strict: bool,
    /// How to attach to the kernel's own functions
    #[arg(long, value_enum, default_value_t, value_name = "METHOD")]
    method: Method,
    /// Capture while this command runs. The whole system is captured, not only the command. It is started
    /// once everything is attached, and sent SIGTERM if the capture ends first
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// `hist`
#[derive(Debug, Args)]
pub(super) struct HistArgs {
    /// What to capture
    #[command(flatten)]
    capture: CaptureArgs,
    /// Maximum number of histograms (one per family, type and stage), at least 8; the rest are merged into
    /// `other` [default: 1024, or as many as fit into 64 MiB]
    #[arg(long, value_name = "N", value_parser = values::max_keys())]
    max_keys: Option<u32>,
    /// Keep histograms apart by who asked as well: process, cgroup, netns or socket. That is who sent the
    /// request; of a notification, who sent it
    #[arg(long, value_name = "WHO")]
    by: Option<By>,
}

/// `trace`
#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    /// What to capture
    #[command(flatten)]
    capture: CaptureArgs,
    /// One line for each message of each kernel call: request, receive, reply, notify, part. By default there
    /// is one for each exchange (a request with all its answers), notification and message that answers
    /// nothing
    #[arg(long, conflicts_with_all = [
        "errors", "min_latency", "answers", "tree", "matching", "who", "netns", "cgroup", "sent", "received", "fail"
    ])]
    calls: bool,
    /// Only exchanges that failed: refused, aborted, malformed, not sent
    #[arg(long)]
    errors: bool,
    /// Only exchanges that took at least this long, e.g. 10ms, 1.5s, 200us
    #[arg(long, value_name = "DURATION", value_parser = values::length)]
    min_latency: Option<Duration>,
    /// Only what has this in its words, in those of an answer too, in any case, e.g. 10.9.0.0/16; between
    /// slashes it is a regular expression, in which the case counts
    #[arg(long = "match", value_name = "TEXT|/REGEX/")]
    matching: Option<Matching>,
    /// Show each answer
    #[arg(long)]
    answers: bool,
    /// Show the values of each message, one a line
    #[arg(long, conflicts_with = "json")]
    tree: bool,
    /// Show who asked: user, control group, network namespace, executable and parent
    #[arg(long)]
    who: bool,
    /// Only messages of this network namespace: a name of `ip netns`, or the inode number that
    /// `readlink /proc/PID/ns/net` shows
    #[arg(long, value_name = "NAME|INODE")]
    netns: Option<Netns>,
    /// Only what this control group and those below it send: a folder, or a path below /sys/fs/cgroup
    #[arg(long, value_name = "PATH")]
    cgroup: Option<PathBuf>,
    /// With --pid and --comm: only what the process sends
    #[arg(long, conflicts_with = "received")]
    sent: bool,
    /// With --pid and --comm: only what is delivered to sockets that the process holds
    #[arg(long)]
    received: bool,
    /// Exit with 5 if an exchange failed that is shown
    #[arg(long, requires = "errors")]
    fail: bool,
    /// Name each listener of a notification: its socket, port ID and network namespace, and whether the
    /// notification could be queued there
    #[arg(long)]
    deliveries: bool,
    /// Maximum number of bytes to keep of a message after its header, at most 16384
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = values::snaplen())]
    snaplen: u32,
    /// Ring buffer size, e.g. 65536, 64K, 4M (rounded up to a power of two)
    #[arg(long, value_name = "BYTES", default_value = "4M", value_parser = values::bytes)]
    ring_size: u32,
    /// Your own YNL specification, or a folder of them; they count more than the built-in ones
    #[arg(long, value_name = "FILE|DIR")]
    specs: Option<PathBuf>,
    /// Show what `nltrace record` wrote to these files, in the order in which it did; - is standard input. Needs
    /// no privileges
    #[arg(short, long, value_name = "FILE", num_args = 1.., conflicts_with_all = [
        "calls", "children", "wait", "module_function", "duration", "interval", "strict", "method", "command",
        "snaplen", "ring_size"
    ])]
    read: Vec<PathBuf>,
}

/// `doctor`
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Receive function of a family in a module to try [default: nltest:test_nl_receive_message]
    #[arg(long, value_name = "MODULE:FUNCTION")]
    module_function: Option<ModuleFunction>,
}

impl CaptureArgs {
    fn options(self, verbose: u8) -> Result<CaptureOptions, KindError> {
        let kinds = kinds::kinds(self.family, self.nlmsg_type.as_deref())?;
        let filter = Filter {
            stages: self.stages,
            // What makes COMMAND is this process.
            pid: self.pid.or(if self.children { Pid::new(std::process::id()) } else { None }),
            children: self.children,
            comm: self.comm,
            portid: self.portid.map(PortId),
            ..kinds
        };
        let options = self.run.options(filter, verbose);
        Ok(CaptureOptions { wait: self.wait, module_function: self.module_function, ..options })
    }
}

impl RunArgs {
    pub(super) fn options(self, filter: Filter, verbose: u8) -> CaptureOptions {
        CaptureOptions {
            filter,
            method: self.method.only(),
            duration: self.duration,
            interval: self.interval,
            strict: self.strict,
            wait: false,
            module_function: None,
            command: self.command,
            verbose: verbose > 0,
        }
    }
}

impl HistArgs {
    pub(super) fn options(self, verbose: u8) -> Result<HistOptions, KindError> {
        let json = self.capture.run.json;
        Ok(HistOptions {
            capture: self.capture.options(verbose)?,
            max_keys: self.max_keys,
            by: self.by,
            json,
        })
    }
}

impl TraceArgs {
    pub(super) fn options(self, verbose: u8) -> Result<TraceOptions, TraceError> {
        if !self.calls && !self.capture.stages.is_empty() {
            return Err(TraceError::Stages);
        }
        let exchanges = (!self.calls).then_some(ExchangeOptions {
            netns: self.netns,
            cgroup: self.cgroup,
            which: Which { sent: !self.received, received: !self.sent },
            errors: self.errors,
            min_latency: self.min_latency,
            matching: self.matching,
            answers: self.answers,
            tree: self.tree,
            who: self.who,
            fail: self.fail,
        });
        let rest = (self.deliveries, self.snaplen, self.ring_size, self.specs, self.read);
        let json = self.capture.run.json;
        let capture = self.capture.options(verbose)?;
        let (deliveries, snaplen, ring_bytes, specs, read) = rest;
        Ok(TraceOptions { capture, exchanges, snaplen, ring_bytes, deliveries, specs, read, json })
    }
}

/// The options of `trace` make no sense.
#[derive(Debug, thiserror::Error)]
pub(super) enum TraceError {
    /// Its type has no such name.
    #[error(transparent)]
    Type(#[from] KindError),
    /// An exchange has all its stages.
    #[error("--stages is about calls, and an exchange has all of them: add --calls")]
    Stages,
}

impl DoctorArgs {
    pub(super) fn options(self) -> DoctorOptions {
        DoctorOptions { module_function: self.module_function.unwrap_or_default(), json: self.json }
    }
}
