//! The YNL specification against the header that defines the wire.

use std::collections::BTreeMap;

const HEADER: &str = include_str!("../../kmod/include/uapi/nltest.h");
const SPEC: &str = include_str!("../../docs/nltest.yaml");

/// The values of a header's enum by their names, without the prefix.
fn header_enum(prefix: &str) -> BTreeMap<String, u64> {
    let entries = HEADER.lines().filter_map(|line| line.trim().strip_prefix(prefix)?.strip_suffix(','));
    entries
        .filter_map(|entry| entry.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), number(value)))
        .collect()
}

/// A `#define` of the header.
fn header_define(name: &str) -> u64 {
    let value = HEADER.lines().find_map(|line| {
        let (found, value) = line.strip_prefix("#define")?.trim().split_once(char::is_whitespace)?;
        (found == name).then_some(value)
    });
    number(value.unwrap_or_else(|| panic!("{name} is not in the header")))
}

fn number(text: &str) -> u64 {
    let text = text.trim();
    let number = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    number.unwrap_or_else(|_| panic!("{text} is not a number"))
}

/// The lines of a top-level section of the specification.
fn section(name: &str) -> impl Iterator<Item = &'static str> {
    let begin = format!("{name}:");
    SPEC.lines()
        .skip_while(move |line| *line != begin)
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with([' ', '#']))
}

/// The entries of a list whose items are indented by `indent`: name and value, which counts up where it is
/// not given.
fn entries(lines: impl Iterator<Item = &'static str>, indent: usize) -> Vec<(String, u64)> {
    let indent = " ".repeat(indent);
    let mut entries: Vec<(String, u64)> = Vec::new();
    for line in lines {
        let Some((key, value)) = line.strip_prefix(&indent).and_then(|line| line.split_once(": ")) else {
            continue;
        };
        match (key, entries.last_mut()) {
            ("name", last) => {
                let next = last.map_or(0, |(_, value)| *value + 1);
                entries.push((value.to_owned(), next));
            }
            ("value", Some((_, last))) => *last = number(value),
            _ => {}
        }
    }
    entries
}

/// As the header writes a name of the specification.
fn in_c(entries: Vec<(String, u64)>) -> BTreeMap<String, u64> {
    entries.into_iter().map(|(name, value)| (name.to_uppercase().replace('-', "_"), value)).collect()
}

#[test]
fn attributes_are_those_of_the_header() {
    let attributes = in_c(entries(section("attribute-sets"), 8));
    assert_eq!(attributes, header_enum("NLTEST_A_"));
}

#[test]
fn operations_are_those_of_the_header() {
    let operations = in_c(entries(section("operations"), 6));
    assert_eq!(operations, header_enum("NLTEST_CMD_"));
}

#[test]
fn limits_are_those_of_the_header() {
    let limits = in_c(entries(section("definitions"), 4));
    for name in ["PAYLOAD_MAX", "TEXT_MAX", "DELAY_MAX_US", "BURST_MAX", "F_GATHER", "GATHER_MAX"] {
        assert_eq!(limits.get(name), Some(&header_define(&format!("NLTEST_{name}"))), "{name}");
    }
    assert_eq!(limits.get("MYGROUP"), Some(&header_define("NETLINK_MYGROUP")));
}

#[test]
fn protocol_and_group_are_those_of_the_header() {
    let protonum =
        SPEC.lines().find_map(|line| line.strip_prefix("protonum: ")).expect("the family has a number");
    assert_eq!(number(protonum), header_define("NETLINK_TESTFAMILY"));
    assert_eq!(
        entries(section("mcast-groups"), 6),
        [("mygroup".to_owned(), header_define("NETLINK_MYGROUP"))]
    );
}
