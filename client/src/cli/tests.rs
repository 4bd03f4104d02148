use clap::{CommandFactory, error::ErrorKind};

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_tree_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_subcommand_shows_examples() {
    for command in Cli::command().get_subcommands() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("Examples:"), "{}", command.get_name());
    }
}

#[test]
fn global_options_stand_anywhere() {
    for line in ["nltest --json --timeout 0.5 stats", "nltest stats --json --timeout 0.5"] {
        let cli = parse(line).unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.timeout, Some(Duration::from_millis(500)));
        assert_eq!(cli.global.protocol, 25);
    }
}

#[test]
fn ping_is_like_ping() {
    let Command::Ping(ping) = parse("nltest ping -c 3 -i 0.2 -s 100").unwrap().command else { panic!() };
    assert_eq!((ping.count, ping.interval, ping.size), (Some(3), Duration::from_millis(200), 100));
    let Command::Ping(ping) = parse("nltest ping -i 0").unwrap().command else { panic!() };
    assert_eq!((ping.count, ping.interval), (None, Duration::ZERO));
}

#[test]
fn errors_have_names_and_numbers() {
    for (line, expected) in [("nltest fail EBUSY", 16), ("nltest fail ebusy", 16), ("nltest fail 4095", 4095)]
    {
        let Command::Fail { errno, .. } = parse(line).unwrap().command else { panic!() };
        assert_eq!(errno, expected, "{line}");
    }
}

#[test]
fn filters_have_names_and_numbers() {
    for (argument, expected) in [
        ("none", Filter::Nothing),
        ("all", Filter::All),
        ("burst", Filter::Type(0x13.into())),
        ("SET_ERR", Filter::Type(0x17.into())),
        ("0x13", Filter::Type(0x13.into())),
        ("3", Filter::Type(3.into())),
    ] {
        let line = format!("nltest listen --filter {argument}");
        let Command::Listen(listen) = parse(&line).unwrap().command else { panic!() };
        assert_eq!(listen.filter, Some(expected), "{line}");
    }
}

#[test]
fn a_refused_value_is_met_with_what_would_be_accepted() {
    for (line, words) in [
        ("nltest ping -i -1", "must be at least 0"),
        ("nltest ping -i nan", "less than a billion"),
        ("nltest --timeout 1e30 stats", "less than a billion"),
        ("nltest ping -i soon", "such as 10 or 0.5"),
        ("nltest ping -c -1", "a whole number of at least 1"),
        ("nltest listen -n 0", "a whole number of at least 1"),
        ("nltest bench -c -1", "from 1 to 4294967295"),
        ("nltest delay -5", "-5 is not in 0..="),
        ("nltest burst -n -1", "-1 is not in 1..=1000000"),
        ("nltest fail -16", "a number from 1 to 4095"),
        ("nltest set-err -16", "a number from 1 to 4095"),
        ("nltest listen --filter some", "none, all, or a message type"),
        ("nltest listen --delay -1", "must be at least 0"),
        ("nltest unicast 0", "0 is not in 1..="),
        ("nltest parts -n 0", "0 is not in 1..=1000000"),
    ] {
        let error = parse(line).expect_err(line).to_string();
        assert!(error.contains(words), "{line}: {error}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for line in [
        "nltest",
        "nltest ping -c 0",
        "nltest ping -i -1",
        "nltest ping -i NaN",
        "nltest ping -s 32769",
        "nltest --timeout 0 stats",
        "nltest --timeout 1e30 stats",
        "nltest --protocol 32 stats",
        "nltest fail 0",
        "nltest fail 4096",
        "nltest fail EWHAT",
        "nltest burst",
        "nltest burst -n 1000001",
        "nltest delay -5",
        "nltest bench --batch 2 --in-flight 2",
        "nltest bench --threads 0",
        "nltest bench --threads 513",
        "nltest listen -n 0",
        "nltest listen --no-force",
        "nltest listen --read-buffer 1048577",
        "nltest burst -n 1 --group --portid 1",
        "nltest burst -n 1 --portid 0",
        "nltest unicast",
        "nltest unicast 1 --nonblock --interrupt 1",
        "nltest parts -n 1 --stall --fail EIO",
        "nltest parts",
    ] {
        let error = parse(line).expect_err(line);
        assert_ne!(error.kind(), ErrorKind::DisplayHelp);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}
