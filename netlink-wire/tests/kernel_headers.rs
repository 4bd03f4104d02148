//! The numbers against the kernel's own headers. They come with the C library's, without which Rust cannot
//! link a program.

use std::{collections::BTreeMap, fs};

use netlink_wire::{ALIGN, Errno, ExtAck, Flags, MessageType};

fn header(path: &str) -> String {
    let path = format!("/usr/include/{path}");
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{path}: {error}; install the kernel's headers (linux-libc-dev)"))
}

/// `#define NAME VALUE`, where VALUE is a number.
fn defines(header: &str) -> BTreeMap<&str, u64> {
    header
        .lines()
        .filter_map(|line| line.strip_prefix("#define")?.trim().split_once(char::is_whitespace))
        .filter_map(|(name, text)| Some((name, number(text.split_whitespace().next()?)?)))
        .collect()
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim_end_matches('U');
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The values of an enum that counts from 0.
fn enumeration<'a>(header: &'a str, name: &str) -> Vec<&'a str> {
    let (_, body) = header.split_once(&format!("enum {name} {{")).expect("the enum is in the header");
    let (body, _) = body.split_once('}').expect("the enum ends");
    body.split(',').map(str::trim).collect()
}

#[test]
fn flags_and_control_types_are_the_kernels() {
    let header = header("linux/netlink.h");
    let defines = defines(&header);
    let ours = [
        ("NLM_F_REQUEST", Flags::REQUEST),
        ("NLM_F_MULTI", Flags::MULTI),
        ("NLM_F_ACK", Flags::ACK),
        ("NLM_F_ECHO", Flags::ECHO),
        ("NLM_F_DUMP_INTR", Flags::DUMP_INTR),
        ("NLM_F_DUMP_FILTERED", Flags::DUMP_FILTERED),
        ("NLM_F_ROOT", Flags::ROOT),
        ("NLM_F_MATCH", Flags::MATCH),
        ("NLM_F_ATOMIC", Flags::ATOMIC),
        ("NLM_F_REPLACE", Flags::REPLACE),
        ("NLM_F_EXCL", Flags::EXCL),
        ("NLM_F_CREATE", Flags::CREATE),
        ("NLM_F_APPEND", Flags::APPEND),
        ("NLM_F_NONREC", Flags::NONREC),
        ("NLM_F_BULK", Flags::BULK),
        ("NLM_F_CAPPED", Flags::CAPPED),
        ("NLM_F_ACK_TLVS", Flags::ACK_TLVS),
    ];
    for (name, flag) in ours {
        assert_eq!(defines.get(name), Some(&u64::from(flag.0)), "{name}");
    }
    for (message_type, name) in MessageType::CONTROL {
        assert_eq!(defines.get(&*format!("NLMSG_{name}")), Some(&u64::from(message_type.0)), "{name}");
    }
    let first = MessageType::FIRST_OF_FAMILY.0;
    assert_eq!(defines.get("NLMSG_MIN_TYPE"), Some(&u64::from(first)));
    assert_eq!((defines.get("NLMSG_ALIGNTO"), defines.get("NLA_ALIGNTO")), (Some(&4), Some(&4)));
    assert_eq!(ALIGN, 4);
}

#[test]
fn attributes_of_extended_acks_are_the_kernels() {
    let header = header("linux/netlink.h");
    let kernels = enumeration(&header, "nlmsgerr_attrs");
    let ours = [
        ("NLMSGERR_ATTR_MSG", ExtAck::MESSAGE),
        ("NLMSGERR_ATTR_OFFS", ExtAck::OFFSET),
        ("NLMSGERR_ATTR_MISS_TYPE", ExtAck::MISSING),
    ];
    for (name, attribute) in ours {
        assert_eq!(kernels.get(usize::from(attribute.0)), Some(&name));
    }
}

/// Both ways, as far as an older or newer header goes.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[test]
fn errors_are_the_kernels() {
    let text = header("asm-generic/errno-base.h") + &header("asm-generic/errno.h");
    let kernels = defines(&text);
    assert!(kernels.len() > 100, "{kernels:?}");
    // From 512 on they stay in the kernel and are in no header for programs.
    let ours: BTreeMap<_, _> = Errno::named()
        .map(|(errno, name)| (name, errno.number() as u64))
        .filter(|(_, number)| *number < 512)
        .collect();
    let newest = |numbers: &BTreeMap<_, _>| numbers.values().max().copied();
    let shared = |numbers: &BTreeMap<&str, u64>| -> BTreeMap<String, u64> {
        let both_know = |number: &u64| Some(*number) <= newest(&ours).min(newest(&kernels));
        let known = numbers.iter().filter(|(_, number)| both_know(number));
        known.map(|(name, number)| ((*name).to_owned(), *number)).collect()
    };
    assert_eq!(shared(&ours), shared(&kernels));
}
