use std::time::Duration;

use super::*;
use crate::{
    decode::Family,
    model::{Stage, drops::Cause},
    options::{
        CaptureOptions, Causes, Comm, DecodeFamily, ExchangeOptions, Filter, MessageType, Method,
        ModuleFunction, Netns, Pid, PortId, Which,
    },
};

fn understood(words: &[&str]) -> Command {
    parse(["nltrace"].iter().chain(words)).unwrap_or_else(|error| panic!("{words:?}: {error}")).command
}

fn trace(options: &[&str]) -> TraceOptions {
    match understood(&[&["trace"], options].concat()) {
        Command::Trace(options) => options,
        other => panic!("not trace: {other:?}"),
    }
}

fn hist(options: &[&str]) -> HistOptions {
    match understood(&[&["hist"], options].concat()) {
        Command::Hist(options) => options,
        other => panic!("not hist: {other:?}"),
    }
}

fn error(words: &[&str]) -> clap::Error {
    parse(["nltrace"].iter().chain(words)).unwrap_err()
}

#[test]
fn the_tree_is_sound() {
    tree().debug_assert();
}

#[test]
fn without_words_the_options_are_their_defaults() {
    assert_eq!(trace(&[]), TraceOptions::default());
    assert_eq!(hist(&[]), HistOptions::default());
    let Command::Doctor(doctor) = understood(&["doctor"]) else { panic!("not doctor") };
    assert_eq!(doctor, DoctorOptions::default());
}

#[test]
fn every_word_becomes_an_option() {
    let words = "-f route -p 12 -c ip --portid 7 -t getlink -s request -d 2 -i 0.5 --json --strict --wait -v \
                 --module-function mine:receive --method kprobe --snaplen 0 --ring-size 64K --calls --deliveries -- ip link";
    let comm = Comm::new(b"ip").unwrap();
    let filter = Filter {
        families: vec!["route".parse().unwrap()],
        stages: vec![Stage::Request],
        pid: Pid::new(12),
        children: false,
        comm: Some(comm),
        portid: Some(PortId(7)),
        message_type: Some(MessageType(18)),
        generic: None,
        detail: None,
    };
    let capture = CaptureOptions {
        filter,
        method: Some(Method::Kprobe),
        duration: Some(Duration::from_secs(2)),
        interval: Some(Duration::from_millis(500)),
        strict: true,
        wait: true,
        module_function: Some(ModuleFunction { module: "mine".to_owned(), function: "receive".to_owned() }),
        command: vec!["ip".into(), "link".into()],
        verbose: true,
    };
    let expected = TraceOptions {
        capture,
        exchanges: None,
        snaplen: 0,
        ring_bytes: 64 << 10,
        deliveries: true,
        specs: None,
        read: Vec::new(),
        json: true,
    };
    assert_eq!(trace(&words.split_whitespace().collect::<Vec<_>>()), expected);
    assert_eq!(hist(&["--max-keys", "64"]).max_keys, Some(64));
}

#[test]
fn exchanges_have_options_of_their_own() {
    let words = "--errors --min-latency 1.5ms --match /dev.2/ --answers --tree --who --netns blue \
                 --cgroup /system.slice --sent --fail";
    let expected = ExchangeOptions {
        netns: Some(Netns::Name("blue".to_owned())),
        cgroup: Some("/system.slice".into()),
        which: Which { sent: true, received: false },
        errors: true,
        min_latency: Some(Duration::from_micros(1500)),
        matching: "/dev.2/".parse().ok(),
        answers: true,
        tree: true,
        who: true,
        fail: true,
    };
    assert_eq!(trace(&words.split_whitespace().collect::<Vec<_>>()).exchanges, Some(expected));
    for (text, expected) in [("200us", 200_000), ("2", 2_000_000_000), ("3ns", 3), ("0.5s", 500_000_000)] {
        let least = trace(&["--min-latency", text]).exchanges.unwrap().min_latency;
        assert_eq!(least, Some(Duration::from_nanos(expected)), "{text}");
    }
    for words in [
        &["-s", "request"][..],
        &["--calls", "--errors"],
        &["--tree", "--json"],
        &["--match", "/(/"],
        &["--fail"],
        &["--sent", "--received"],
    ] {
        assert_eq!(error(&[&["trace"], words].concat()).exit_code(), 2, "{words:?}");
    }
    assert!(error(&["trace", "-s", "request"]).to_string().contains("add --calls"));
    assert!(error(&["trace", "--min-latency", "soon"]).to_string().contains("10ms"));
}

#[test]
fn causes_are_a_list_and_the_others_are_left_out() {
    let drops = |options: &[&str]| match understood(&[&["drops"], options].concat()) {
        Command::Drops(options) => options,
        other => panic!("not drops: {other:?}"),
    };
    assert_eq!(drops(&[]), DropsOptions::default());
    let words = "-f route -p 12 -c ip --portid 7 -t newlink --cause overrun,truncated --cause socket_filter --stacks --fail \
                 --json -i 1 --strict -- ip link";
    let options = drops(&words.split_whitespace().collect::<Vec<_>>());
    assert_eq!(options.causes, Causes::of([Cause::Overrun, Cause::Truncated, Cause::SocketFilter]));
    assert!(options.stacks && options.fail && options.json && options.capture.strict);
    assert_eq!(options.capture.filter.message_type, Some(MessageType(16)));
    assert_eq!(options.capture.command, ["ip", "link"]);
}

#[test]
fn families_and_stages_are_lists_and_repeat() {
    let filter = trace(&["--calls", "-f", "route,25", "-f", "genl", "-s", "request,reply"]).capture.filter;
    assert_eq!(filter.families.iter().map(|family| family.number()).collect::<Vec<_>>(), [0, 25, 16]);
    assert_eq!(filter.stages, [Stage::Request, Stage::Reply]);
}

#[test]
fn a_type_is_looked_up_in_the_families() {
    let message_type = |options: &[&str]| trace(options).capture.filter.message_type;
    assert_eq!(message_type(&["-t", "echo"]), Some(MessageType(16)));
    assert_eq!(message_type(&["-f", "route", "--type", "newrule"]), Some(MessageType(32)));
}

#[test]
fn a_type_that_no_family_has_is_wrong_usage_like_any_other() {
    for subcommand in ["hist", "trace"] {
        let error = error(&[subcommand, "-f", "route", "--type", "echo"]);
        assert_eq!(error.exit_code(), 2);
        let text = error.to_string();
        assert!(text.starts_with("error: invalid value for '--type <NAME|N>': no message type"), "{text}");
        assert!(text.contains(&format!("Usage: nltrace {subcommand}")), "{text}");
    }
}

#[test]
fn a_command_follows_two_dashes_with_options_of_its_own() {
    let options = trace(&["-f", "nltest", "--", "nltest", "ping", "-c", "3"]);
    assert_eq!(options.capture.command, ["nltest", "ping", "-c", "3"]);
    assert_eq!(options.capture.filter.comm, None);
}

#[test]
fn sizes_have_units_and_limits() {
    let ring = |text| match parse(["nltrace", "trace", "--ring-size", text]) {
        Ok(Invocation { command: Command::Trace(options), .. }) => Some(options.ring_bytes),
        _ => None,
    };
    assert_eq!(ring("4096"), Some(4096));
    assert_eq!(ring("64K"), Some(64 << 10));
    assert_eq!(ring("8m"), Some(8 << 20));
    assert_eq!([ring("1G"), ring("1024M")], [Some(1 << 30); 2]);
    assert_eq!([ring("1"), ring("8G"), ring("-1"), ring("K"), ring("4096M"), ring("")], [None; 6]);
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_right() {
    let cases: [(&[&str], &str); 23] = [
        (&["drops", "--cause", "overun"], "'overrun'"),
        (&["drops", "-s", "reply"], "unexpected argument '-s'"),
        (&["trace", "-f", "nosuch"], "names are route"),
        (&["trace", "-f", "32"], "numbered 0 to 31"),
        (&["trace", "-s", "nosuch"], "request, receive, reply, broadcast, part"),
        (&["trace", "-p", "0"], "0 is not in"),
        (&["trace", "-c", "a-name-of-16-byte"], "15 bytes"),
        (&["trace", "-c", ""], "cannot be empty"),
        (&["trace", "--portid", "-1"], "-1 is not in 0..="),
        (&["trace", "-f", "-1"], "no netlink family"),
        (&["trace", "-f", "netfitler"], "did you mean netfilter?"),
        (&["trace", "-d", "-1"], "at least 0.001"),
        (&["trace", "-i", "-0.5"], "at least 0.001"),
        (&["trace", "-d", "1e30"], "less than a billion seconds"),
        (&["trace", "-5"], "unexpected argument '-5'"),
        (&["trace", "-d", "0"], "at least 0.001"),
        (&["trace", "-d", "nan"], "at least 0.001"),
        (&["trace", "--snaplen", "16385"], "16385 is not in"),
        (&["trace", "--ring-size", "2G"], "at least 4K and at most 1G"),
        (&["trace", "--module-function", "nltest"], "MODULE:FUNCTION"),
        (&["trace", "--module-function", "a:b c"], "MODULE:FUNCTION"),
        (&["hist", "--max-keys", "0"], "0 is not in"),
        (&["nosuch"], "unrecognized subcommand"),
    ];
    for (words, message) in cases {
        let error = error(words);
        assert_eq!(error.exit_code(), 2, "{words:?}");
        assert!(error.to_string().contains(message), "{words:?}: {error}");
    }
    assert_eq!(error(&[]).exit_code(), 2);
    let help = error(&["trace", "--help"]);
    assert_eq!((help.kind(), help.exit_code()), (ErrorKind::DisplayHelp, 0));
    assert!(help.to_string().contains("Examples:"));
}

#[test]
fn a_threads_name_is_bytes() {
    use std::os::unix::ffi::OsStrExt as _;

    let words = [&b"nltrace"[..], b"hist", b"-c", b"a\xff\n"].map(std::ffi::OsStr::from_bytes);
    let Command::Hist(options) = parse(words).unwrap().command else { panic!("not hist") };
    assert_eq!(options.capture.filter.comm, Comm::new(b"a\xff\n").ok());
}

#[test]
fn tips_do_not_send_options_behind_the_dashes() {
    let tips = |words: &[&str]| error(words).to_string();
    let of_trace = tips(&["hist", "--ring-size", "4K"]);
    assert!(of_trace.contains("tip: --ring-size is an option of nltrace trace"), "{of_trace}");
    let misspelt = tips(&["hist", "--famly", "route"]);
    assert!(misspelt.contains("'--family'"), "{misspelt}");
    assert!(!of_trace.contains("'-- ") && !misspelt.contains("'-- "), "{of_trace}{misspelt}");
}

#[test]
fn decode_takes_families_of_both_kinds_and_bytes_in_words() {
    let decode = |words: &[&str]| {
        let words: Vec<_> = ["decode"].iter().chain(words).copied().collect();
        let Command::Decode(options) = understood(&words) else { panic!("not decode") };
        options
    };
    assert_eq!(decode(&[]), DecodeOptions::default());
    let options = decode(&["-f", "netfilter", "--direction", "reply", "--tree", "1400", "0000"]);
    let expected = DecodeOptions {
        family: Some(DecodeFamily::Family(Family::NETFILTER)),
        direction: Some(netlink_specs::Direction::Reply),
        tree: true,
        bytes: vec!["1400".to_owned(), "0000".to_owned()],
        ..DecodeOptions::default()
    };
    assert_eq!(options, expected);
    let generic = |name: &str| Some(DecodeFamily::Generic(name.to_owned()));
    assert_eq!(decode(&["-f", "ethtool", "-"]).family, generic("ethtool"));
    assert_eq!(decode(&["-f", "generic/mine", "-"]).family, generic("mine"));
    let options = decode(&["-", "--json"]);
    assert!(options.json && options.bytes == ["-"], "{options:?}");
    for words in [&["decode", "-f", "nosuch", "-"][..], &["decode", "--tree", "--json", "-"]] {
        assert!(parse(["nltrace"].iter().chain(words)).is_err(), "{words:?}");
    }
}
