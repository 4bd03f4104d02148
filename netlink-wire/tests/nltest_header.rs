//! The Rust constants against the header that defines the wire.

use std::collections::BTreeMap;

use netlink_wire::{
    Flags,
    nltest::{self, Attribute, Command, Format},
};

const HEADER: &str = include_str!("../../kmod/include/uapi/nltest.h");

/// The header without comments.
fn code() -> String {
    let mut code = String::new();
    let mut rest = HEADER;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").expect("a comment ends").1;
    }
    code + rest
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `#define NAME VALUE`, values as they are written.
fn defines() -> BTreeMap<String, String> {
    code()
        .lines()
        .filter_map(|line| line.strip_prefix("#define"))
        .filter_map(|line| line.trim().split_once(char::is_whitespace))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

/// The named values of an enum; those with two leading underscores are the header's own.
fn enumeration(name: &str) -> BTreeMap<String, u64> {
    let code = code();
    let (_, body) = code.split_once(&format!("enum {name} {{")).expect("the enum is in the header");
    let (body, _) = body.split_once('}').expect("the enum ends");
    body.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty() && !entry.starts_with("__"))
        .map(|entry| {
            let (name, value) = entry.split_once('=').expect("every entry says its number");
            (name.trim().to_owned(), number(value.trim()).expect("a number"))
        })
        .collect()
}

#[test]
fn commands_are_the_same_both_ways() {
    let ours: BTreeMap<_, _> = Command::ALL
        .iter()
        .map(|command| (command.c_name().to_owned(), u64::from(command.number().0)))
        .collect();
    assert_eq!(ours, enumeration("nltest_cmd"));
}

#[test]
fn attributes_are_the_same_both_ways() {
    let ours: BTreeMap<_, _> = Attribute::ALL
        .iter()
        .map(|attribute| (attribute.c_name().to_owned(), u64::from(attribute.number().0)))
        .collect();
    assert_eq!(ours, enumeration("nltest_attr"));
}

/// What the header's comment says first about each attribute: `u32`, `string` …
fn documented_formats() -> BTreeMap<String, String> {
    let entries = HEADER.lines().filter_map(|line| line.trim().strip_prefix("* @NLTEST_A_"));
    let first_word = |text: &str| text.split([' ', ',']).next().unwrap_or_default().to_owned();
    entries
        .filter_map(|entry| entry.split_once(": "))
        .map(|(name, text)| (format!("NLTEST_A_{name}"), first_word(text)))
        .collect()
}

#[test]
fn attributes_have_the_formats_that_the_header_documents() {
    let word = |attribute: &Attribute| match attribute.format() {
        Format::Binary => "binary",
        Format::Text => "string",
        Format::Flag => "flag",
        Format::U32 => "u32",
        Format::U64 => "u64",
        Format::Nothing if *attribute == Attribute::Pad => "padding",
        Format::Nothing => "not",
    };
    let ours: BTreeMap<_, _> = Attribute::ALL
        .iter()
        .map(|attribute| (attribute.c_name().to_owned(), word(attribute).to_owned()))
        .collect();
    assert_eq!(ours, documented_formats());
}

#[test]
fn every_define_is_known_and_equal() {
    let text = |text: &str| format!("\"{text}\"");
    let expected: BTreeMap<_, _> = [
        ("NETLINK_TESTFAMILY", nltest::PROTOCOL.to_string()),
        ("NETLINK_MYGROUP", nltest::GROUP.to_string()),
        ("NLTEST_UNICAST_TEXT", text(nltest::UNICAST_TEXT)),
        ("NLTEST_MULTICAST_TEXT", text(nltest::MULTICAST_TEXT)),
        ("NLTEST_DELAY_MAX_US", nltest::DELAY_MAX_US.to_string()),
        ("NLTEST_PAYLOAD_MAX", nltest::PAYLOAD_MAX.to_string()),
        ("NLTEST_TEXT_MAX", nltest::TEXT_MAX.to_string()),
        ("NLTEST_BURST_MAX", nltest::BURST_MAX.to_string()),
        ("NLTEST_F_GATHER", format!("{:#x}", nltest::GATHER.0)),
        ("NLTEST_GATHER_MAX", nltest::GATHER_MAX.to_string()),
        ("NLTEST_CMD_MIN", "NLTEST_CMD_ECHO".to_owned()),
        ("NLTEST_CMD_MAX", "(__NLTEST_CMD_MAX - 1)".to_owned()),
        ("NLTEST_A_MAX", "(__NLTEST_A_MAX - 1)".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    assert_eq!(defines(), expected);
}

#[test]
fn the_flag_to_gather_is_none_of_netlinks_own() {
    const KIND_SPECIFIC: u16 = 0xf00;
    assert_eq!(nltest::GATHER.0 & !KIND_SPECIFIC, 0, "netlink itself gives these bits a meaning");
    assert_eq!(nltest::GATHER.0 & Flags::DUMP.0, 0, "the module reads this one in every request");
}
