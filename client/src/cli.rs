//! The command line: one tree for parsing, help, man pages and completions.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use nltest::{errno, uapi};

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 this kernel or user cannot. \
After Ctrl-C, listen, ping and bench print their summary and exit with 0.

Examples:
  nltest send Hello
  nltest ping -c 5
  nltest listen -n 1 &
  nltest notify 'to all'
  nltest --json stats";

/// Talk to the nltest kernel module over its custom netlink family.
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
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// How long to wait for an answer, or for a long burst to get on [default: 5]; for listen, how long to listen
    /// [default: for ever]
    #[arg(long, global = true, value_name = "SECS", value_parser = positive_seconds)]
    pub(crate) timeout: Option<Duration>,

    /// Netlink protocol number, if the module was loaded with another
    #[arg(long, global = true, value_name = "N", default_value_t = uapi::PROTOCOL,
          value_parser = clap::value_parser!(u8).range(0..=31))]
    pub(crate) protocol: u8,

    /// Colour the output; auto: on a terminal, unless NO_COLOR is set
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
    /// Receive buffer to ask for; the kernel doubles it and accounts whole buffers, not payloads
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=0x3fff_ffff))]
    pub(crate) rcvbuf: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send a plain-text message and print the kernel's answer
    #[command(after_help = "Examples:\n  nltest send Hello\n  nltest --json send Hello")]
    Send {
        /// The text; its NUL is added
        text: String,
    },

    /// Join the group and print notifications
    #[command(
        allow_negative_numbers = true,
        after_help = "Examples:\n  nltest listen\n  nltest listen -n 1 --timeout 5\n  \
                            nltest --json listen | jq -r .text"
    )]
    Listen(Listen),

    /// Ask for a multicast to the group (needs CAP_NET_ADMIN)
    #[command(after_help = "Examples:\n  nltest notify\n  nltest notify 'to all'")]
    Notify {
        /// What to multicast; without it the kernel sends its own text
        text: Option<String>,
    },

    /// Send echoes and time them, like ping(8)
    #[command(
        allow_negative_numbers = true,
        after_help = "Examples:\n  nltest ping\n  nltest ping -c 1000 -i 0 -q\n  \
                            nltest --json ping -c 3 -s 1024"
    )]
    Ping(Ping),

    /// Ask for a handler that sleeps inside the kernel
    #[command(allow_negative_numbers = true, after_help = "Examples:\n  nltest delay 2000")]
    Delay {
        /// Microseconds; the module takes up to a second
        #[arg(value_parser = clap::value_parser!(u32).range(0..))]
        usecs: u32,
    },

    /// Have the kernel send many messages at once, to provoke overruns (needs CAP_NET_ADMIN)
    #[command(
        allow_negative_numbers = true,
        after_help = "Examples:\n  nltest burst -n 100\n  nltest burst -n 10000 -s 1024 --rcvbuf 65536\n  \
                            nltest burst -n 10000 --group"
    )]
    Burst(Burst),

    /// Ask for an error with its extended ACK; succeeds when exactly that error comes
    #[command(
        allow_negative_numbers = true,
        after_help = "Examples:\n  nltest fail EBUSY\n  nltest fail 16 --text 'not today'"
    )]
    Fail {
        /// The error, by name or number
        #[arg(value_name = "ERRNO", value_parser = errno_argument)]
        errno: u32,
        /// The extended ACK's text; without it the module uses its own
        #[arg(long)]
        text: Option<String>,
    },

    /// Print the module's counters for this network namespace
    #[command(after_help = "Examples:\n  nltest stats\n  nltest --json stats | jq .commands.ECHO.received")]
    Stats {
        /// Zero bytes to add to each message of the dump, so that it needs many buffers
        #[arg(short, long, value_name = "BYTES", default_value_t = 0, value_parser = payload_size())]
        size: u32,
    },

    /// Measure the rate and the latency of echoes
    #[command(
        allow_negative_numbers = true,
        after_help = "One message at a time over a blocking socket, unless told otherwise. Every payload carries its \
                      sequence number and is compared when it comes back.\n\n\
                      Examples:\n  nltest bench\n  nltest bench -c 1000000 --batch 64\n  \
                      nltest bench --async --in-flight 32\n  nltest --json bench --threads 4"
    )]
    Bench(Bench),

    /// Print a completion script for a shell
    #[command(after_help = "Examples:\n  nltest completions bash > /etc/bash_completion.d/nltest")]
    Completions { shell: clap_complete::Shell },

    /// Write the man pages into a folder
    #[command(after_help = "Examples:\n  nltest man /usr/local/share/man/man1")]
    Man {
        /// The folder; it is made if need be
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// Stop after this many notifications
    #[arg(short = 'n', long, value_parser = count::<{ u64::MAX }>)]
    pub(crate) count: Option<u64>,
    /// Do not report overruns (NETLINK_NO_ENOBUFS)
    #[arg(long)]
    pub(crate) no_enobufs: bool,
    #[command(flatten)]
    pub(crate) buffer: ReceiveBuffer,
}

#[derive(Debug, Args)]
pub(crate) struct Ping {
    /// Stop after this many
    #[arg(short, long, value_parser = count::<{ u64::MAX }>)]
    pub(crate) count: Option<u64>,
    /// Between one and the next; 0: as fast as they come back
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
    /// How many messages
    #[arg(short = 'n', long, value_parser = clap::value_parser!(u32).range(1..=i64::from(uapi::BURST_MAX)))]
    pub(crate) count: u32,
    /// Payload size of each
    #[arg(short, long, value_name = "BYTES", default_value_t = 32, value_parser = payload_size())]
    pub(crate) size: u32,
    /// To the multicast group instead of this socket
    #[arg(long)]
    pub(crate) group: bool,
    #[command(flatten)]
    pub(crate) buffer: ReceiveBuffer,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Bench {
    /// How many messages, all threads together
    #[arg(short, long, default_value_t = 100_000, value_parser = count::<0xffff_ffff>)]
    pub(crate) count: u64,
    /// Payload size
    #[arg(short, long, value_name = "BYTES", default_value_t = 32, value_parser = payload_size())]
    pub(crate) size: u32,
    /// Keep this many requests in flight, with the async client
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65536),
          conflicts_with = "batch")]
    pub(crate) in_flight: u32,
    /// Send this many messages in one datagram
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(crate) batch: u32,
    /// Threads, each with its own socket
    // All wait for each other, and tokio's pool of blocking threads has 512.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub(crate) threads: u32,
    /// Use the async client
    #[arg(long = "async")]
    pub(crate) asynchronous: bool,
    #[command(flatten)]
    pub(crate) buffer: ReceiveBuffer,
}

fn payload_size() -> impl clap::builder::TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(0..=uapi::PAYLOAD_MAX as i64)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds, such as 10 or 0.5".to_owned())?;
    let duration = Duration::try_from_secs_f64(seconds).ok().filter(|_| seconds < 1e9);
    duration.ok_or_else(|| "give at least 0 and less than a billion seconds".to_owned())
}

fn count<const MAX: u64>(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| (1..=MAX).contains(count));
    count.ok_or_else(|| match MAX {
        u64::MAX => "give a whole number from 1 on".to_owned(),
        _ => format!("give a whole number from 1 to {MAX}"),
    })
}

fn positive_seconds(text: &str) -> Result<Duration, String> {
    let duration = seconds(text)?;
    if duration < Duration::from_micros(1) {
        Err("give at least a microsecond".to_owned())
    } else {
        Ok(duration)
    }
}

fn errno_argument(text: &str) -> Result<u32, String> {
    let number = errno::from_name(text).and_then(|number| u32::try_from(number).ok());
    number
        .or_else(|| text.parse().ok())
        .filter(|number| (1..=4095).contains(number))
        .ok_or_else(|| "neither the name of an error, such as EBUSY, nor a number from 1 to 4095".to_owned())
}

#[cfg(test)]
mod tests;
