//! What is measured. A new command gets its case by one entry in [`CASES`].

use serde::{Deserialize, Serialize};

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Case {
    /// What the row is called; filters, agreed counts and comparisons go by it.
    pub(crate) name: &'static str,
    /// Whose cost it is.
    pub(crate) kind: Kind,
    /// What is traced.
    pub(crate) load: Load,
    /// A shell's command line that has [`START`] run for as long as it traces, or alone where nothing traces.
    pub(crate) command: &'static str,
    /// What `command` prints once it is attached, if it cannot start the load itself.
    pub(crate) ready: Option<&'static str>,
    /// How to learn of lost events.
    pub(crate) loss: Loss,
    /// Part of the short form, which `cargo xtask test` runs.
    pub(crate) short: bool,
}

/// Whose cost a case shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The load's own: what others are compared with.
    Untraced,
    /// That of probes which do nothing.
    Floor,
    /// nltrace's.
    Ours,
    /// That of a program that people would use instead. It may be missing, or not work on a kernel.
    Peer,
}

/// What sends: a program that prints JSON with `ns_per_message`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// The command line, without its number of messages.
    pub(crate) command: &'static str,
    /// Round trips of a run.
    pub(crate) count: u32,
    /// What comes behind the number.
    pub(crate) rest: &'static str,
}

impl Load {
    /// The command line of a run.
    pub(crate) fn line(self) -> String {
        format!("{} {} {}", self.command, self.count, self.rest)
    }

    /// Whether the untraced costs of `other` are those of this one.
    pub(crate) fn is_like(self, other: Self) -> bool {
        (self.command, self.rest) == (other.command, other.rest)
    }
}

/// How a program tells of events that it lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It has none, or does not tell.
    Untold,
    /// nltrace's notes, one for each cause, which begin with the number.
    Notes,
    /// Lines of its standard output that this regular expression finds; the first number of each counts.
    Lines(&'static str),
}

/// The script that runs the load, as `bench/run.sh` writes it.
pub(crate) const START: &str = "/tmp/load";

/// tests/c/echo_loop.c with a payload of so many bytes: the shortest loop there is.
const fn echo(count: u32, size: &'static str) -> Load {
    Load { command: "echo_loop", count, rest: size }
}

/// Where most is decided: the smallest message.
const SMALL: Load = echo(10_000, "32");
/// More than a ring buffer holds, so that a reader who cannot keep up loses something.
const MANY: Load = echo(30_000, "32");
const KIB: Load = echo(10_000, "1024");
const KIB_16: Load = echo(5000, "16384");
/// strace costs fifty times as much as everybody else.
const FEW: Load = echo(500, "32");
/// tests/c/drop_loop.c: multicasts to so many listeners, or what is sent to a socket that is full.
const fn drops(rest: &'static str) -> Load {
    Load { command: "drop_loop", count: 10_000, rest }
}

/// tests/c/bystander_loop.c: traffic that is not netlink, over functions that all sockets share.
const fn bystander(rest: &'static str) -> Load {
    Load { command: "bystander_loop", count: 10_000, rest }
}

/// tests/c/message_loop.c: many messages in few datagrams.
const DUMP: Load = Load { command: "message_loop", count: 50_000, rest: "dump" };
const BATCH: Load = Load { command: "message_loop", count: 10_000, rest: "batch" };

/// tests/c/lock_loop.c: requests whose handler takes a lock that nobody else wants.
const LOCK: Load = Load { command: "lock_loop", count: 10_000, rest: "" };

const ONE_LISTENER: Load = drops("1");
const EIGHT_LISTENERS: Load = drops("8");
const FULL_UNICAST: Load = drops("unicast");
const FULL_MULTICAST: Load = drops("multicast");
const UDP: Load = bystander("udp");
const PACKET: Load = bystander("packet");
const CLIENT: Load = Load { command: "nltest --json bench -c", count: 10_000, rest: "" };
const CLIENT_BATCH: Load = Load { command: "nltest --json bench -c", count: 64_000, rest: "--batch 64" };

pub(super) const fn untraced(name: &'static str, load: Load) -> Case {
    Case { name, kind: Kind::Untraced, load, command: START, ready: None, loss: Loss::Untold, short: false }
}

/// Empty probes: bpftrace makes a program that returns 0 and nothing else of them.
const fn floor(name: &'static str, command: &'static str) -> Case {
    Case { kind: Kind::Floor, command, ..untraced(name, SMALL) }
}

pub(super) const fn ours(name: &'static str, load: Load, command: &'static str) -> Case {
    Case { kind: Kind::Ours, loss: Loss::Notes, command, ..untraced(name, load) }
}

const fn peer(name: &'static str, load: Load, command: &'static str) -> Case {
    Case { kind: Kind::Peer, command, ..untraced(name, load) }
}

const fn short(case: Case) -> Case {
    Case { short: true, ..case }
}

const DROPS: &str = "nltrace drops --json -- /tmp/load";
const DROPS_OVERRUN: &str = "nltrace drops --json --cause overrun -- /tmp/load";

/// The kernel's part: nobody reads meanwhile.
const READER_STOPPED: &str = "nltrace trace --calls --json --ring-size 64M -- \
     sh -c 'kill -STOP $PPID; bash /tmp/load; kill -CONT $PPID' > /dev/null";

/// All of them, in the order in which they are measured and shown.
pub(crate) const CASES: &[Case] = &[
    short(untraced("untraced", SMALL)),
    untraced("untraced, 1 KiB", KIB),
    untraced("untraced, 16 KiB", KIB_16),
    short(untraced("nltest bench", CLIENT)),
    short(untraced("nltest bench --batch 64", CLIENT_BATCH)),
    floor(
        "floor: empty fentry, fexit; kprobe, kretprobe",
        "bpftrace -c 'bash /tmp/load' -e 'fentry:netlink_unicast {} fexit:netlink_unicast {} \
         kprobe:test_nl_receive_message {} kretprobe:test_nl_receive_message {}'",
    ),
    floor(
        "floor: empty kprobes, kretprobes",
        "bpftrace -c 'bash /tmp/load' -e 'kprobe:netlink_unicast {} kretprobe:netlink_unicast {} \
         kprobe:test_nl_receive_message {} kretprobe:test_nl_receive_message {}'",
    ),
    short(ours("hist", SMALL, "nltrace hist --json -- /tmp/load")),
    ours("hist --method fentry", SMALL, "nltrace hist --json --method fentry -- /tmp/load"),
    ours("hist --method kprobe", SMALL, "nltrace hist --json --method kprobe -- /tmp/load"),
    short(ours("hist, filtered out", SMALL, "nltrace hist --json -f route -- /tmp/load")),
    ours(
        "hist, answer and queue, too",
        SMALL,
        "nltrace hist --json -s request,receive,reply,broadcast,part,answer,queue -- /tmp/load",
    ),
    untraced("untraced, RTM_GETLINK of one link", LOCK),
    ours("hist -s lock, RTM_GETLINK of one link", LOCK, "nltrace hist --json -s lock -- /tmp/load"),
    ours("hist, 1 KiB", KIB, "nltrace hist --json -- /tmp/load"),
    ours("hist, 16 KiB", KIB_16, "nltrace hist --json -- /tmp/load"),
    ours("trace --calls --json > file", MANY, "nltrace trace --calls --json -- /tmp/load > /tmp/trace"),
    short(ours(
        "trace --calls --json > /dev/null",
        MANY,
        "nltrace trace --calls --json -- /tmp/load > /dev/null",
    )),
    ours("exchanges, trace --json > /dev/null", MANY, "nltrace trace --json -- /tmp/load > /dev/null"),
    ours("record, snaplen 256 > file", MANY, "nltrace record -o /tmp/trace -- /tmp/load"),
    ours("record, snaplen 256 > /dev/null", MANY, "nltrace record -o /dev/null -- /tmp/load"),
    ours("exchanges, trace --errors", SMALL, "nltrace trace --errors -- /tmp/load"),
    ours(
        "trace --calls --json --snaplen 1024 > /dev/null, 1 KiB",
        KIB,
        "nltrace trace --calls --json --snaplen 1024 -- /tmp/load > /dev/null",
    ),
    ours(
        "trace --calls --json --snaplen 16384 > /dev/null, 16 KiB",
        KIB_16,
        "nltrace trace --calls --json --snaplen 16384 -- /tmp/load > /dev/null",
    ),
    untraced("untraced, message of a dump of 10,000 routes", DUMP),
    untraced("untraced, message of a batch of 1,000 rules", BATCH),
    ours("hist, message of a dump of 10,000 routes", DUMP, "nltrace hist --json -- /tmp/load"),
    ours("hist, message of a batch of 1,000 rules", BATCH, "nltrace hist --json -- /tmp/load"),
    ours(
        "trace, message of a dump of 10,000 routes",
        DUMP,
        "nltrace trace --calls --json -- /tmp/load > /dev/null",
    ),
    ours(
        "trace, message of a batch of 1,000 rules",
        BATCH,
        "nltrace trace --calls --json -- /tmp/load > /dev/null",
    ),
    ours(
        "exchanges, message of a dump of 10,000 routes",
        DUMP,
        "nltrace trace --json -- /tmp/load > /dev/null",
    ),
    ours(
        "exchanges, message of a batch of 1,000 rules",
        BATCH,
        "nltrace trace --json -- /tmp/load > /dev/null",
    ),
    ours(
        "exchanges, multicast to one listener",
        ONE_LISTENER,
        "nltrace trace --json -- /tmp/load > /dev/null",
    ),
    ours("trace, message of a dump of 10,000 routes, reader stopped", DUMP, READER_STOPPED),
    ours("trace, message of a batch of 1,000 rules, reader stopped", BATCH, READER_STOPPED),
    untraced("untraced, multicast to one listener", ONE_LISTENER),
    untraced("untraced, multicast to 8 listeners", EIGHT_LISTENERS),
    untraced("untraced, unicast to a full socket", FULL_UNICAST),
    untraced("untraced, multicast to a full socket", FULL_MULTICAST),
    untraced("untraced, UDP", UDP),
    untraced("untraced, packet socket", PACKET),
    ours("drops --cause overrun", SMALL, DROPS_OVERRUN),
    ours("drops --cause overrun, multicast to one listener", ONE_LISTENER, DROPS_OVERRUN),
    ours("drops --cause overrun, unicast to a full socket", FULL_UNICAST, DROPS_OVERRUN),
    ours("drops --cause overrun, multicast to a full socket", FULL_MULTICAST, DROPS_OVERRUN),
    ours("drops", SMALL, DROPS),
    ours("drops, multicast to one listener", ONE_LISTENER, DROPS),
    ours("drops, multicast to 8 listeners", EIGHT_LISTENERS, DROPS),
    ours("drops, unicast to a full socket", FULL_UNICAST, DROPS),
    ours("drops, multicast to a full socket", FULL_MULTICAST, DROPS),
    ours("drops, UDP", UDP, DROPS),
    ours("drops, packet socket", PACKET, DROPS),
    peer(
        "bpftrace, drops, multicast to a full socket",
        FULL_MULTICAST,
        "bpftrace -c 'bash /tmp/load' /opt/nltrace/bench/drops.bt",
    ),
    ours(
        "hist --stages receive, --batch 64",
        CLIENT_BATCH,
        "nltrace hist --json -f nltest -s receive -- /tmp/load",
    ),
    // A reader that is stopped meanwhile leaves the kernel's part.
    ours(
        "trace --stages receive, --batch 64, reader stopped",
        CLIENT_BATCH,
        "nltrace trace --calls --json -f nltest -s receive --ring-size 64M -- \
         sh -c 'kill -STOP $PPID; bash /tmp/load; kill -CONT $PPID' > /dev/null",
    ),
    peer("bpftrace, histograms", SMALL, "bpftrace -c 'bash /tmp/load' /opt/nltrace/bench/histograms.bt"),
    peer(
        "bpftrace, histograms, answer and queue, too",
        SMALL,
        "bpftrace -c 'bash /tmp/load' /opt/nltrace/bench/spans.bt",
    ),
    Case {
        loss: Loss::Lines("^Lost [0-9]+ events"),
        ..peer(
            "bpftrace, printing > file",
            MANY,
            "bpftrace -B full -c 'bash /tmp/load' /opt/nltrace/bench/print.bt",
        )
    },
    peer(
        "bpftrace, printing > /dev/null",
        MANY,
        "bpftrace -B full -c 'bash /tmp/load' /opt/nltrace/bench/print.bt > /dev/null",
    ),
    Case {
        ready: Some("Hit Ctrl-C"),
        ..peer(
            "funclatency netlink_unicast",
            SMALL,
            // Its message has to come at once, not when it ends.
            "stdbuf -oL funclatency-libbpf netlink_unicast",
        )
    },
    Case {
        loss: Loss::Lines("^(overrun|dropped events): "),
        ..peer(
            "trace-cmd record -p function_graph",
            MANY,
            "trace-cmd record -b 4096 -o /tmp/trace.dat -p function_graph -l netlink_unicast \
             -l test_nl_receive_message /tmp/load",
        )
    },
    peer("strace", FEW, "strace -f --seccomp-bpf -e trace=sendto,recvfrom -o /dev/null /tmp/load"),
];
