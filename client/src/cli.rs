//! The command line: one tree for parsing, help, man pages and completions.

mod values;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use nltest::{Filter, uapi};

use self::values::{
    MAX_READ_BUFFER, count, errno_argument, filter_argument, payload_size, positive_seconds, seconds,
};

const AFTER_HELP: &str = "\
Exit status: 0 success, 1 failure, 2 wrong usage, 3 not possible with this kernel or these privileges. \
On Ctrl-C, listen, ping and bench print their summary and exit with 0.

Examples:
  nltest send Hello
  nltest ping -c 5
  nltest listen -n 1 &
  nltest notify 'to all'
  nltest --json stats";

/// Client for the nltest kernel module and its netlink family.
#[derive(Debug, Parser)]
#[command(name = "nltest", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every subcommand takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Global {
    /// Print JSON, one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// How long to wait for an answer; for burst, how long it may make no progress; for unicast, for room in
    /// the receiver's buffer [default: 5]; for listen, how long to listen [default: no limit]
    #[arg(long, global = true, value_name = "SECS", value_parser = positive_seconds)]
    pub(crate) timeout: Option<Duration>,

    /// Netlink protocol number that the module was loaded with
    #[arg(long, global = true, value_name = "N", default_value_t = uapi::PROTOCOL,
          value_parser = clap::value_parser!(u8).range(0..=31))]
    pub(crate) protocol: u8,

    /// When to colour the output; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// The receive buffer, where its size is part of the experiment.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ReceiveBuffer {
    /// Receive buffer size; the kernel doubles it, and charges whole buffers to it, not only payloads
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=0x3fff_ffff))]
    pub(crate) rcvbuf: Option<u32>,

    /// Set it by SO_RCVBUF even if CAP_NET_ADMIN would allow SO_RCVBUFFORCE: net.core.rmem_max then limits it
    #[arg(long, requires = "rcvbuf")]
    pub(crate) no_force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send a plain-text message and print the kernel's answer
    #[command(after_help = "Examples:\n  nltest send Hello\n  nltest --json send Hello")]
    Send {
        /// The text; a terminating NUL is added
        text: String,
    },

    /// Join the multicast group and print its notifications, and what is sent to this socket alone
    #[command(
        allow_negative_numbers = true,
        after_help = "Examples:\n  nltest listen\n  nltest listen -n 1 --timeout 5\n  \
                            nltest --json listen | jq -r .text\n  \
                            nltest listen --rcvbuf 4096 --delay 0.01   # slow: a burst overruns it\n  \
                            nltest listen --read-buffer 20             # cuts what is longer\n  \
                            nltest listen --unread --timeout 5         # closes with all messages unread\n  \
                            nltest listen --filter burst               # refuses what a burst sends"
    )]
    Listen(Listen),

    /// Have the kernel send a notification to the multicast group (needs CAP_NET_ADMIN)
    #[command(after_help = "Examples:\n  nltest notify\n  nltest notify 'to all'")]
    Notify {
        /// Payload of the notification [default: the kernel's own text]
        text: Option<String>,
    },

    /// Send echo requests and print their round-trip times, like ping(8)
    #[command(
        allow_negative_numbers = true,
        after_help = "Examples:\n  nltest ping\n  nltest ping -c 1000 -i 0 -q\n  \
                            nltest --json ping -c 3 -s 1024"
    )]
    Ping(Ping),

    /// Have the kernel sleep before it answers
    #[command(allow_negative_numbers = true, after_help = "Examples:\n  nltest delay 2000")]
    Delay {
        /// Microseconds to sleep, at most 1000000
        #[arg(value_parser = clap::value_parser!(u32).range(0..))]
        usecs: u32,
    },

    /// Have the kernel send many messages at once, to provoke overruns (needs CAP_NET_ADMIN)
    #[command(
        allow_negative_numbers = true,
        after_help = "Examples:\n  nltest burst -n 100\n  nltest burst -n 10000 -s 1024 --rcvbuf 65536\n  \
                            nltest burst -n 10000 --group\n  nltest burst -n 10000 --portid 4711"
    )]
    Burst(Burst),

    /// Send messages straight to another process's socket, without the kernel's doing (needs CAP_NET_ADMIN)
    #[command(
        allow_negative_numbers = true,
        after_help = "The receiver must take what processes send, as `nltest listen --from-processes` does. It is \
                      no failure if messages are not sent: the command is there to provoke that.\n\n\
                      Examples:\n  nltest unicast 4711 -n 100\n  \
                      nltest unicast 4711 -n 1000 --nonblock      # the receiver's buffer is full\n  \
                      nltest unicast 4711 -n 1000 --interrupt 0.5 # a signal comes while it waits for room\n  \
                      nltest unicast 99999                        # nobody has this portid"
    )]
    Unicast(Unicast),

    /// Have the kernel send a dump of parts, and end it as asked
    #[command(
        allow_negative_numbers = true,
        after_help = "It succeeds if the dump ends as asked.\n\n\
                      Examples:\n  nltest parts -n 10 -s 1000\n  nltest parts -n 10 --fail EIO\n  \
                      nltest parts -n 10 --stall"
    )]
    Parts(Parts),

    /// Have the next read of each listener fail with an errno, though nothing is dropped (needs
    /// CAP_NET_ADMIN)
    #[command(
        allow_negative_numbers = true,
        after_help = "It is what the kernel does when it cannot make a notification: netlink_set_err().\n\n\
                      Examples:\n  nltest set-err ENOBUFS\n  nltest set-err EIO"
    )]
    SetErr {
        /// The errno, by name or number
        #[arg(value_name = "ERRNO", value_parser = errno_argument)]
        errno: u32,
    },

    /// Have the kernel refuse a request with an errno, and print its extended ACK
    #[command(
        allow_negative_numbers = true,
        after_help = "It succeeds if exactly this errno comes back.\n\n\
                      Examples:\n  nltest fail EBUSY\n  nltest fail 16 --text 'not today'"
    )]
    Fail {
        /// The errno, by name or number
        #[arg(value_name = "ERRNO", value_parser = errno_argument)]
        errno: u32,
        /// Text of the extended ACK [default: the module's own]
        #[arg(long)]
        text: Option<String>,
    },

    /// Print the module's counters for this network namespace
    #[command(after_help = "Examples:\n  nltest stats\n  nltest --json stats | jq .commands.ECHO.received")]
    Stats {
        /// Padding to add to each message of the dump, so that it takes many datagrams
        #[arg(short, long, value_name = "BYTES", default_value_t = 0, value_parser = payload_size())]
        size: u32,
    },

    /// Measure the rate and the latency of echoes
    #[command(
        allow_negative_numbers = true,
        after_help = "By default it sends one message at a time over a blocking socket. Each payload carries its \
                      sequence number and is verified when it comes back.\n\n\
                      Examples:\n  nltest bench\n  nltest bench -c 1000000 --batch 64\n  \
                      nltest bench --async --in-flight 32\n  nltest --json bench --threads 4"
    )]
    Bench(Bench),

    /// Print a completion script for a shell
    #[command(after_help = "Examples:\n  nltest completions bash > /etc/bash_completion.d/nltest")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },

    /// Write the man pages to a directory
    #[command(after_help = "Examples:\n  nltest man /usr/local/share/man/man1")]
    Man {
        /// The directory; it is created if it does not exist
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// Stop after this many messages, and close the socket with the rest of them unread
    #[arg(short = 'n', long, value_parser = count::<{ u64::MAX }>)]
    pub(crate) count: Option<u64>,
    /// Be slow: how long to wait after each message
    #[arg(long, value_name = "SECS", default_value = "0", value_parser = seconds)]
    pub(crate) delay: Duration,
    /// Read nothing, or nothing after -n messages; close the socket at the end with what is queued
    #[arg(long)]
    pub(crate) unread: bool,
    /// Read each datagram into a buffer of this size, which cuts longer ones; 0 discards them
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(0..=MAX_READ_BUFFER))]
    pub(crate) read_buffer: Option<u32>,
    /// Attach a socket filter that refuses: none, all, or the messages of a type (burst, notify, 0x13, …)
    #[arg(long, value_name = "WHAT", value_parser = filter_argument)]
    pub(crate) filter: Option<Filter>,
    /// Receive what processes send, too: do not connect the socket to the kernel
    #[arg(long)]
    pub(crate) from_processes: bool,
    /// Do not report overruns (NETLINK_NO_ENOBUFS)
    #[arg(long)]
    pub(crate) no_enobufs: bool,
    /// Have multicasts fail for their sender if this socket misses them (NETLINK_BROADCAST_ERROR)
    #[arg(long)]
    pub(crate) broadcast_error: bool,
    #[command(flatten)]
    pub(crate) buffer: ReceiveBuffer,
}

#[derive(Debug, Args)]
pub(crate) struct Ping {
    /// Stop after this many echoes
    #[arg(short, long, value_parser = count::<{ u64::MAX }>)]
    pub(crate) count: Option<u64>,
    /// Time from one echo to the next; 0: send it as soon as the answer has come
    #[arg(short, long, value_name = "SECS", default_value = "1", value_parser = seconds)]
    pub(crate) interval: Duration,
    /// Payload size
    #[arg(short, long, value_name = "BYTES", default_value_t = 56, value_parser = payload_size())]
    pub(crate) size: u32,
    /// Print the summary only
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Burst {
    /// Number of messages
    #[arg(short = 'n', long, value_parser = clap::value_parser!(u32).range(1..=i64::from(uapi::BURST_MAX)))]
    pub(crate) count: u32,
    /// Payload size of each message
    #[arg(short, long, value_name = "BYTES", default_value_t = 32, value_parser = payload_size())]
    pub(crate) size: u32,
    /// Send to the multicast group instead of to this socket
    #[arg(long, conflicts_with = "portid")]
    pub(crate) group: bool,
    /// Send to the socket with this portid instead of to this one; nobody may have it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) portid: Option<u32>,
    #[command(flatten)]
    pub(crate) buffer: ReceiveBuffer,
}

#[derive(Debug, Args)]
pub(crate) struct Unicast {
    /// Portid of the socket, as `nltest listen` prints it; nobody may have it
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) portid: u32,
    /// Number of messages
    #[arg(short = 'n', long, default_value_t = 1, value_parser = count::<0xffff_ffff>)]
    pub(crate) count: u64,
    /// Payload size of each message
    #[arg(short, long, value_name = "BYTES", default_value_t = 32, value_parser = payload_size())]
    pub(crate) size: u32,
    /// Do not wait for room in the receiver's buffer
    #[arg(long)]
    pub(crate) nonblock: bool,
    /// Send this process a signal after this time and every 10 ms from then on, which ends a wait for room
    #[arg(long, value_name = "SECS", value_parser = seconds, conflicts_with = "nonblock")]
    pub(crate) interrupt: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Parts {
    /// Number of parts, each a datagram of one message
    #[arg(short = 'n', long, value_parser = clap::value_parser!(u32).range(1..=i64::from(uapi::BURST_MAX)))]
    pub(crate) count: u32,
    /// Payload size of each part
    #[arg(short, long, value_name = "BYTES", default_value_t = 32, value_parser = payload_size())]
    pub(crate) size: u32,
    /// Have it fail after the parts with this errno, by name or number
    #[arg(long, value_name = "ERRNO", value_parser = errno_argument, conflicts_with = "stall")]
    pub(crate) fail: Option<u32>,
    /// Have it stop after the parts without an end: the kernel cannot make another part, and reading fails
    /// with ENOBUFS
    #[arg(long)]
    pub(crate) stall: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Bench {
    /// Number of messages, over all threads
    #[arg(short, long, default_value_t = 100_000, value_parser = count::<0xffff_ffff>)]
    pub(crate) count: u64,
    /// Payload size
    #[arg(short, long, value_name = "BYTES", default_value_t = 32, value_parser = payload_size())]
    pub(crate) size: u32,
    /// Number of requests to keep in flight; more than one implies --async
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65536),
          conflicts_with = "batch")]
    pub(crate) in_flight: u32,
    /// Number of messages to send in one datagram
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(crate) batch: u32,
    /// Number of threads, each with its own socket
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub(crate) threads: u32,
    /// Use the async client
    #[arg(long = "async")]
    pub(crate) asynchronous: bool,
    #[command(flatten)]
    pub(crate) buffer: ReceiveBuffer,
}

#[cfg(test)]
mod tests;
