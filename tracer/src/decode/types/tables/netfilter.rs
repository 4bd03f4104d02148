//! nfnetlink has its subsystem in the upper byte of the type, and the subsystem's message in the lower.

use super::{Table, delete, get, new, other};

/// linux/netfilter/nfnetlink.h: around changes that are made together.
pub(in crate::decode::types) const BATCH: Table = &[other(16, "BATCH_BEGIN"), other(17, "BATCH_END")];

/// A subsystem and its messages.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode::types) struct Subsystem {
    /// Its number in linux/netfilter/nfnetlink.h.
    pub(in crate::decode::types) number: u8,
    pub(in crate::decode::types) name: &'static str,
    pub(in crate::decode::types) messages: Table,
}

const fn subsystem(number: u8, name: &'static str, messages: Table) -> Subsystem {
    Subsystem { number, name, messages }
}

/// linux/netfilter/nfnetlink.h, and a header for each subsystem.
pub(in crate::decode::types) const SUBSYSTEMS: &[Subsystem] = &[
    subsystem(1, "ctnetlink", CTNETLINK),
    subsystem(
        2,
        "ctnetlink_exp",
        &[new(0, "EXP_NEW"), get(1, "EXP_GET"), delete(2, "EXP_DELETE"), get(3, "EXP_GET_STATS_CPU")],
    ),
    subsystem(
        3,
        "queue",
        &[other(0, "PACKET"), other(1, "VERDICT"), other(2, "CONFIG"), other(3, "VERDICT_BATCH")],
    ),
    subsystem(4, "ulog", &[other(0, "PACKET"), other(1, "CONFIG")]),
    subsystem(5, "osf", &[new(0, "ADD"), delete(1, "REMOVE")]),
    subsystem(6, "ipset", &[]),
    subsystem(
        7,
        "acct",
        &[new(0, "NEW"), get(1, "GET"), get(2, "GET_CTRZERO"), delete(3, "DEL"), other(4, "OVERQUOTA")],
    ),
    subsystem(
        8,
        "cttimeout",
        &[new(0, "NEW"), get(1, "GET"), delete(2, "DELETE"), new(3, "DEFAULT_SET"), get(4, "DEFAULT_GET")],
    ),
    subsystem(9, "cthelper", &[new(0, "NEW"), get(1, "GET"), delete(2, "DEL")]),
    subsystem(10, "nftables", NFTABLES),
    subsystem(11, "nft_compat", &[get(0, "GET")]),
    subsystem(12, "hook", &[get(0, "GET")]),
];

/// linux/netfilter/nfnetlink_conntrack.h
const CTNETLINK: Table = &[
    new(0, "CT_NEW"),
    get(1, "CT_GET"),
    delete(2, "CT_DELETE"),
    get(3, "CT_GET_CTRZERO"),
    get(4, "CT_GET_STATS_CPU"),
    get(5, "CT_GET_STATS"),
    get(6, "CT_GET_DYING"),
    get(7, "CT_GET_UNCONFIRMED"),
];

/// linux/netfilter/nf_tables.h
const NFTABLES: Table = &[
    new(0, "NEWTABLE"),
    get(1, "GETTABLE"),
    delete(2, "DELTABLE"),
    new(3, "NEWCHAIN"),
    get(4, "GETCHAIN"),
    delete(5, "DELCHAIN"),
    new(6, "NEWRULE"),
    get(7, "GETRULE"),
    delete(8, "DELRULE"),
    new(9, "NEWSET"),
    get(10, "GETSET"),
    delete(11, "DELSET"),
    new(12, "NEWSETELEM"),
    get(13, "GETSETELEM"),
    delete(14, "DELSETELEM"),
    new(15, "NEWGEN"),
    get(16, "GETGEN"),
    other(17, "TRACE"),
    new(18, "NEWOBJ"),
    get(19, "GETOBJ"),
    delete(20, "DELOBJ"),
    get(21, "GETOBJ_RESET"),
    new(22, "NEWFLOWTABLE"),
    get(23, "GETFLOWTABLE"),
    delete(24, "DELFLOWTABLE"),
    get(25, "GETRULE_RESET"),
    delete(26, "DESTROYTABLE"),
    delete(27, "DESTROYCHAIN"),
    delete(28, "DESTROYRULE"),
    delete(29, "DESTROYSET"),
    delete(30, "DESTROYSETELEM"),
    delete(31, "DESTROYOBJ"),
    delete(32, "DESTROYFLOWTABLE"),
    get(33, "GETSETELEM_RESET"),
];
