use clap::{CommandFactory as _, error::ErrorKind};

use super::*;

fn capture(options: &[&str]) -> CaptureArgs {
    match Cli::try_parse_from(["nltrace", "trace"].iter().chain(options)).unwrap().command {
        Command::Trace(args) => args.capture,
        _ => panic!("not trace"),
    }
}

fn error(words: &[&str]) -> clap::Error {
    Cli::try_parse_from(["nltrace"].iter().chain(words)).unwrap_err()
}

#[test]
fn the_tree_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn without_options_everything_is_wanted() {
    let args = capture(&[]);
    let filter = args.filter().unwrap();
    assert_eq!((filter.families, filter.stages), (u32::MAX, u32::MAX));
    assert_eq!((filter.tgid, filter.comm, filter.portid, filter.nlmsg_type), (None, None, None, None));
    assert!(args.wants_module() && !args.requires_module() && args.wants_receive());
}

#[test]
fn families_and_stages_are_lists_and_repeat() {
    let args = capture(&["-f", "route,25", "-f", "genl", "-s", "request,reply"]);
    let filter = args.filter().unwrap();
    assert_eq!(filter.families, 1 << 25 | 1 << 16 | 1);
    assert_eq!(filter.stages, 1 << Stage::Request.number() | 1 << Stage::Reply.number());
    assert!(args.requires_module() && !args.wants_receive());
    assert!(!capture(&["-f", "route"]).wants_module());
    let one = |options: &[&str]| capture(options).has_one_family();
    assert!(one(&["-f", "25,nltest"]) && !one(&["-f", "25,route"]) && !one(&[]));
    assert!(capture(&["-f", "30", "--module-function", "mine:receive"]).requires_module());
}

#[test]
fn a_type_is_looked_up_in_the_families() {
    let nlmsg_type = |options: &[&str]| capture(options).filter().map(|filter| filter.nlmsg_type);
    assert_eq!(nlmsg_type(&["-t", "echo"]), Ok(Some(16)));
    assert_eq!(nlmsg_type(&["-f", "route", "--type", "newrule"]), Ok(Some(32)));
    assert!(nlmsg_type(&["-f", "route", "--type", "echo"]).is_err());
}

#[test]
fn a_command_follows_two_dashes_with_options_of_its_own() {
    let args = capture(&["-f", "nltest", "--", "nltest", "ping", "-c", "3"]);
    assert_eq!(args.command, ["nltest", "ping", "-c", "3"]);
    let hist = ["hist", "--max-keys", "64", "-i", "0.5", "-d", "2", "--json", "--strict", "--wait", "-v"];
    let Command::Hist(args) = Cli::try_parse_from(["nltrace"].iter().chain(&hist)).unwrap().command else {
        panic!("not hist")
    };
    assert_eq!(args.max_keys, Some(64));
    let capture = args.capture;
    assert_eq!(capture.interval, Some(Duration::from_millis(500)));
    assert_eq!(capture.duration, Some(Duration::from_secs(2)));
    assert!(capture.json && capture.strict && capture.wait);
}

#[test]
fn sizes_have_units_and_limits() {
    let ring = |text| match Cli::try_parse_from(["nltrace", "trace", "--ring-size", text]) {
        Ok(Cli { command: Command::Trace(args), .. }) => Some(args.ring_size),
        _ => None,
    };
    assert_eq!(ring("4096"), Some(4096));
    assert_eq!(ring("64K"), Some(64 << 10));
    assert_eq!(ring("8m"), Some(8 << 20));
    assert_eq!([ring("1"), ring("8G"), ring("-1"), ring("K"), ring("4096M"), ring("")], [None; 6]);
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_right() {
    let cases: [(&[&str], &str); 20] = [
        (&["trace", "-f", "nosuch"], "names are route"),
        (&["trace", "-f", "32"], "numbered 0 to 31"),
        (&["trace", "-s", "rtt"], "request, receive, reply and broadcast"),
        (&["trace", "-p", "0"], "0 is not in"),
        (&["trace", "-c", "a-name-of-16-byte"], "15 bytes"),
        (&["trace", "-c", ""], "not empty"),
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
    let Command::Hist(args) = Cli::try_parse_from(words).unwrap().command else { panic!("not hist") };
    assert_eq!(args.capture.comm, Some(Comm(*b"a\xff\n\0\0\0\0\0\0\0\0\0\0\0\0\0")));
}
