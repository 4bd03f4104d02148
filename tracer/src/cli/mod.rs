//! The command line: one tree, from which help, manual pages and completions come, and the options that it
//! stands for.

mod capture;
mod decode;
mod drops;
mod kinds;
mod record;
mod sockets;
mod tips;
mod values;

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgAction, CommandFactory as _, Parser, Subcommand, error::ErrorKind};

use self::decode::DecodeArgs;
use crate::{
    model::Stage,
    options::{
        DecodeOptions, DoctorOptions, DropsOptions, HistOptions, Pid, RecordOptions, SocketsOptions,
        TraceOptions,
    },
};
use capture::{DoctorArgs, HistArgs, TraceArgs, TraceError};
use drops::DropsArgs;
use kinds::KindError;
use record::RecordArgs;
use sockets::SocketsArgs;

/// A command line that was understood.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// How much to say on standard error about what is done.
    pub verbose: u8,
    /// What to do.
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Command {
    /// Show latency histograms.
    Hist(HistOptions),
    /// Show each message.
    Trace(TraceOptions),
    /// Show what is dropped.
    Drops(DropsOptions),
    /// Write everything to a file.
    Record(RecordOptions),
    /// Show the sockets that there are.
    Sockets(SocketsOptions),
    /// Show messages in words.
    Decode(DecodeOptions),
    /// Show what can be captured here.
    Doctor(DoctorOptions),
    /// Print a completion script.
    Completions {
        /// The shell that it is for.
        shell: clap_complete::Shell,
    },
    /// Write manual pages.
    Man {
        /// The folder that they go to.
        folder: PathBuf,
    },
}

/// Understands a command line, the program's name first. The error is the answer to one that asks for help or
/// for the version, or that is wrong.
pub fn parse<T: Into<OsString> + Clone>(
    words: impl IntoIterator<Item = T>,
) -> Result<Invocation, clap::Error> {
    let Cli { verbose, command } =
        Cli::try_parse_from(words).map_err(|answer| tips::with_other_tips(answer, &tree()))?;
    let command = match command {
        Tree::Hist(args) => Command::Hist(args.options(verbose).map_err(|error| wrong_type("hist", &error))?),
        Tree::Trace(args) => Command::Trace(args.options(verbose).map_err(|error| match error {
            TraceError::Type(error) => wrong_type("trace", &error),
            TraceError::Stages => wrong("trace", ErrorKind::MissingRequiredArgument, &error.to_string()),
        })?),
        Tree::Drops(args) => {
            Command::Drops(args.options(verbose).map_err(|error| wrong_type("drops", &error))?)
        }
        Tree::Record(args) => Command::Record(
            args.options(verbose)
                .map_err(|error| wrong("record", ErrorKind::ArgumentConflict, &error.to_string()))?,
        ),
        Tree::Sockets(args) => Command::Sockets(args.options()),
        Tree::Decode(args) => Command::Decode(args.options()),
        Tree::Doctor(args) => Command::Doctor(args.options()),
        Tree::Completions { shell } => Command::Completions { shell },
        Tree::Man { folder } => Command::Man { folder },
    };
    let capture = match &command {
        Command::Hist(options) => Some(("hist", &options.capture)),
        Command::Trace(options) => Some(("trace", &options.capture)),
        _ => None,
    };
    if let Some((subcommand, capture)) = capture
        && capture.filter.children
        && capture.filter.pid == Pid::new(std::process::id())
        && capture.command.is_empty()
    {
        let message = "--children is about a process: add --pid PID, or -- COMMAND";
        return Err(wrong(subcommand, ErrorKind::MissingRequiredArgument, message));
    }
    if let Command::Trace(options) = &command
        && let Some(stage) = options.capture.filter.stages.iter().find(|stage| !stage.is_call())
    {
        return Err(wrong_stage(*stage));
    }
    Ok(Invocation { verbose, command })
}

/// A stage that is not one call of a function, which is all that `trace` shows by stage.
fn wrong_stage(stage: Stage) -> clap::Error {
    let message = format!(
        "invalid value '{stage}' for '--stages <LIST>': it is a stage of hist; here stages are request, receive, \
         reply, broadcast and part"
    );
    let mut tree = tree();
    tree.build();
    match tree.find_subcommand_mut("trace") {
        Some(subcommand) => subcommand.error(ErrorKind::ValueValidation, message),
        None => tree.error(ErrorKind::ValueValidation, message),
    }
}

/// The tree, for what is made of it.
pub fn tree() -> clap::Command {
    Cli::command()
}

/// A type that has no such name. The parser cannot know: which names there are depends on another option.
fn wrong_type(subcommand: &str, error: &KindError) -> clap::Error {
    let option = if matches!(error, KindError::Alone(_)) { "--family" } else { "--type" };
    wrong(subcommand, ErrorKind::ValueValidation, &format!("invalid value for '{option} <NAME|N>': {error}"))
}

/// Options that the parser alone does not refuse.
fn wrong(subcommand: &str, kind: ErrorKind, message: &str) -> clap::Error {
    let mut tree = tree();
    tree.build();
    match tree.find_subcommand_mut(subcommand) {
        Some(subcommand) => subcommand.error(kind, message),
        None => tree.error(kind, message),
    }
}

/// See, time and explain every netlink message on a Linux machine.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    /// Show what is attached, and the eBPF programs' own log; -vv also shows why the kernel refused a program
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// What to do
    #[command(subcommand)]
    command: Tree,
}

const EXAMPLES: &str = "\
Examples:
  nltrace hist -d 10                      time every message for ten seconds
  nltrace trace -f route -- ip link       what one command asked for, and what came back
  nltrace drops -d 10                     what was dropped, whose, why, and what would have helped
  nltrace record -o net.pcapng -d 60      everything into a file, for Wireshark or nltrace trace -r
  nltrace sockets                         every netlink socket, and who holds it
  nltrace doctor                          what this kernel and this user can do

Exit status:
  0  done
  1  failed, or COMMAND failed
  2  wrong usage
  3  not possible on this kernel or for this user
  4  calls were lost, and --strict was given
  5  something was dropped (drops) or refused (trace --errors), and --fail was given";

/// The subcommands.
#[derive(Debug, Subcommand)]
enum Tree {
    /// Show latency histograms, aggregated in the kernel
    #[command(after_help = HIST_EXAMPLES, allow_negative_numbers = true)]
    Hist(HistArgs),
    /// Show who asked what, what came back, how long it took and why
    #[command(after_help = TRACE_EXAMPLES, allow_negative_numbers = true)]
    Trace(TraceArgs),
    /// Show what was dropped: where, whose, how much, why, and what would have helped
    #[command(after_help = DROPS_EXAMPLES, allow_negative_numbers = true)]
    Drops(DropsArgs),
    /// Record everything into a file that Wireshark opens too
    #[command(after_help = RECORD_EXAMPLES, allow_negative_numbers = true)]
    Record(RecordArgs),
    /// Show every netlink socket: who holds it, what it listens to, how full it is, what it missed
    #[command(after_help = SOCKETS_EXAMPLES, allow_negative_numbers = true)]
    Sockets(SocketsArgs),
    /// Show messages in words: bytes from strace, a log, a core or the clipboard; needs no privileges
    #[command(after_help = DECODE_EXAMPLES)]
    Decode(DecodeArgs),
    /// Show what this kernel and this user can do, what is missing and how to get it
    Doctor(DoctorArgs),
    /// Print a completion script for a shell
    Completions {
        /// Shell to complete for
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder
    Man {
        /// Folder to write to; created if missing
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
  nltrace hist --by process -s answer,lock -d 10
                                          whose requests took how long, and waited for locks
  nltrace hist --children -- ./build.sh   what one command and all that it starts does
  nltrace hist --json -d 10 | jq '.histograms[] | {family_name, type_name, stage, p99_ns}'

A result ends with its accounting: hits = recorded + filtered + unmatched + lost.";

const DECODE_EXAMPLES: &str = "\
Examples:
  nltrace decode 14000000 12000103 07000000 00000000 11000000
                                          hex, with or without separators
  strace -yy -e trace=%network -e write=all -e read=all ip link 2>&1 | nltrace decode -
                                          what a program sends and receives
  xxd message.bin | nltrace decode -f netfilter --tree -
                                          a value a line; raw bytes do as well
  nltrace decode -f ethtool --json \"$HEX\"  a family of generic netlink, as JSON

Understood are hex digits, 0x…, C strings, C arrays, base64, lines of strace, and the output of xxd, hexdump, od and
tcpdump -x. Numbers are in this machine's byte order, as netlink has them.";

const TRACE_EXAMPLES: &str = "\
Examples:
  nltrace trace                           everything, until Ctrl-C
  nltrace trace -f route -- ip address    one family, while a command runs
  nltrace trace --errors                  what is refused, and the kernel's reason
  nltrace trace --min-latency 100ms       what is slow, and where the time goes
  nltrace trace --match 10.20.0.77        everything that mentions this address
  nltrace trace --errors --fail -- ./test exit with 5 if anything was refused
  nltrace trace -c systemd-udevd --json   threads of one name, as JSON, an object a line
  nltrace trace --calls -f nltest         each message of each kernel call
  nltrace trace -r net.pcapng -c dhcpcd   what nltrace record wrote, on any machine

A line appears when its exchange is complete and its last answer was read. A result ends with its accounting:
hits = recorded + filtered + unmatched + lost.";

const DROPS_EXAMPLES: &str = "\
Examples:
  nltrace drops                           everything, until Ctrl-C
  nltrace drops -c frr -d 60              what a program missed or sent in vain
  nltrace drops -f uevent -- udevadm trigger
                                          while a command runs
  nltrace drops --cause overrun --fail -- ./integration-test
                                          exit with 5 if any receive buffer overflowed; costs least
  nltrace drops --json | jq '.episodes[] | {owner_comm, dropped, advised_so_rcvbuf}'

Causes: overrun alloc_failed error_only no_receiver would_block interrupted truncated closed_unread, and
socket_filter if asked for. docs/drops.md says what each means. Exit status 5: something was dropped, and
--fail was given.

A result ends with its accounting: hits = recorded + filtered + unmatched + lost.";

const RECORD_EXAMPLES: &str = "\
Examples:
  nltrace record -o net.pcapng            everything, until Ctrl-C
  nltrace record -o net.pcapng -- ip link set eth0 up
                                          while a command runs
  nltrace record -o /var/log/net.pcapng --max-size 100M --max-files 10
                                          the last gigabyte: net_00001.pcapng, net_00002.pcapng, ...
  nltrace record -o - | tshark -r -       live, in Wireshark's words
  nltrace trace -r net.pcapng --errors    what was refused, on any machine, without privileges

Each message is a packet; who sent it, how long it took and what came of it stand in its comments.
docs/recording.md describes them. A recording that was cut can be read to its last whole packet.";

const SOCKETS_EXAMPLES: &str = "\
Examples:
  nltrace sockets                         all of them, in all network namespaces
  nltrace sockets --drops                 those that missed messages
  nltrace sockets -f route --portid 1     who has the port ID that bind() was refused
  nltrace sockets --netns blue -c dhcpcd  by namespace and by process
  nltrace sockets --json | jq '.sockets[] | select(.congested)'

A socket is seen if a process holds it as an open file, and if that process is in the PID
namespace that nltrace runs in. Sockets of the kernel, those on their way in a message
(SCM_RIGHTS) and those that only io_uring has are not seen.";

#[cfg(test)]
mod tests;
