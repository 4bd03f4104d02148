//! The names of message types against the kernel's own headers, which come with the C library's.

use std::{collections::BTreeMap, fs};

use nltrace::decode::{Family, TypeName};

fn header(path: &str) -> String {
    let path = format!("/usr/include/linux/{path}");
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{path}: {error}; install the kernel's headers (linux-libc-dev)"))
}

/// A header without comments and preprocessor lines.
fn code(header: &str) -> String {
    let mut code = String::new();
    let mut rest = header;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").expect("a comment ends").1;
    }
    code.push_str(rest);
    code.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

fn number(text: &str) -> Option<u16> {
    match text.strip_prefix("0x") {
        Some(hex) => u16::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The message types among a header's enumerators: those with this prefix, by their names without it.
fn enumerators(header: &str, prefix: &str) -> BTreeMap<String, u16> {
    let code = code(header);
    let mut found = BTreeMap::new();
    for body in code.split("enum").filter_map(|text| text.split_once('{')?.1.split_once('}')) {
        let mut next = Some(0);
        for entry in body.0.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, value) = match entry.split_once('=') {
                Some((name, value)) => (name.trim(), number(value.trim())),
                None => (entry, next),
            };
            if let (Some(name), Some(value)) = (name.strip_prefix(prefix), value) {
                found.insert(name.to_owned(), value);
            }
            next = value.map(|value| value + 1);
        }
    }
    found
}

/// A family or a subsystem of netfilter, with the header that numbers its messages.
struct Case {
    family: Family,
    header: &'static str,
    prefix: &'static str,
    /// What is added to the header's numbers, and stands before its names.
    subsystem: u16,
    named: &'static str,
    /// Names with the prefix that are no messages.
    others: &'static [&'static str],
}

#[test]
fn types_have_the_kernels_names() {
    let family =
        |family, header, prefix, others| Case { family, header, prefix, subsystem: 0, named: "", others };
    let netfilter = |subsystem: u16, named, header, prefix| Case {
        family: Family::NETFILTER,
        header,
        prefix,
        subsystem: subsystem << 8,
        named,
        others: &["MAX"],
    };
    let cases = [
        family(Family::ROUTE, "rtnetlink.h", "RTM_", &["BASE"]),
        family(Family::XFRM, "xfrm.h", "XFRM_MSG_", &["BASE"]),
        family(Family::CRYPTO, "cryptouser.h", "CRYPTO_MSG_", &["BASE"]),
        netfilter(1, "ctnetlink/CT_", "netfilter/nfnetlink_conntrack.h", "IPCTNL_MSG_CT_"),
        netfilter(2, "ctnetlink_exp/EXP_", "netfilter/nfnetlink_conntrack.h", "IPCTNL_MSG_EXP_"),
        netfilter(3, "queue/", "netfilter/nfnetlink_queue.h", "NFQNL_MSG_"),
        netfilter(4, "ulog/", "netfilter/nfnetlink_log.h", "NFULNL_MSG_"),
        netfilter(5, "osf/", "netfilter/nfnetlink_osf.h", "OSF_MSG_"),
        netfilter(7, "acct/", "netfilter/nfnetlink_acct.h", "NFNL_MSG_ACCT_"),
        netfilter(8, "cttimeout/", "netfilter/nfnetlink_cttimeout.h", "IPCTNL_MSG_TIMEOUT_"),
        netfilter(9, "cthelper/", "netfilter/nfnetlink_cthelper.h", "NFNL_MSG_CTHELPER_"),
        netfilter(10, "nftables/", "netfilter/nf_tables.h", "NFT_MSG_"),
        netfilter(11, "nft_compat/", "netfilter/nf_tables_compat.h", "NFNL_MSG_COMPAT_"),
        netfilter(12, "hook/", "netfilter/nfnetlink_hook.h", "NFNL_MSG_HOOK_"),
    ];
    for Case { family, header: path, prefix, subsystem, named, others } in cases {
        let messages = enumerators(&header(path), prefix);
        let messages: Vec<_> = messages.iter().filter(|(name, _)| !others.contains(&name.as_str())).collect();
        assert!(!messages.is_empty(), "{path} has messages {prefix}…");
        for (name, number) in messages {
            let ours = TypeName::of(family, subsystem | number).map(|name| name.to_string());
            assert_eq!(ours, Some(format!("{named}{name}")), "{prefix}{name} in {path}");
        }
    }
}

/// One way: audit's header has more than messages, and not all of them have names here.
#[test]
fn audit_records_have_the_kernels_names() {
    let header = header("audit.h");
    let defines: BTreeMap<_, _> = header
        .lines()
        .filter_map(|line| line.strip_prefix("#define AUDIT_"))
        .filter_map(|line| line.split_once(char::is_whitespace))
        .filter_map(|(name, value)| Some((name, number(value.split_whitespace().next()?)?)))
        .collect();
    let mut known = 0;
    for record in 1000..2000 {
        let Some(name) = TypeName::of(Family::AUDIT, record).map(|name| name.to_string()) else { continue };
        // What an older header lacks cannot be compared.
        if let Some(kernels) = defines.get(name.as_str()) {
            assert_eq!(*kernels, record, "{name}");
            known += 1;
        }
    }
    assert!(known > 60, "{known}");
}
