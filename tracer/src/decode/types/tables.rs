//! Message types by number: their names, as the kernel's uapi headers have them without their prefix, and
//! what they ask for. Sorted by number.

mod audit;
mod netfilter;

use crate::decode::Family;

pub(super) use netfilter::{BATCH, SUBSYSTEMS};

/// What a message asks for. The flags from 0x100 on mean different things for each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Kind {
    /// To be told something.
    Get,
    /// To make or change something.
    New,
    /// To take something away.
    Delete,
    /// Nothing: it says how a request or a dump ended.
    Control,
    /// Anything else, or nobody knows.
    Other,
}

/// A message type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) number: u16,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

pub(super) type Table = &'static [Entry];

const fn get(number: u16, name: &'static str) -> Entry {
    Entry { number, name, kind: Kind::Get }
}

const fn new(number: u16, name: &'static str) -> Entry {
    Entry { number, name, kind: Kind::New }
}

const fn delete(number: u16, name: &'static str) -> Entry {
    Entry { number, name, kind: Kind::Delete }
}

const fn other(number: u16, name: &'static str) -> Entry {
    Entry { number, name, kind: Kind::Other }
}

const fn route(number: u16, name: &'static str) -> Entry {
    Entry { number, name, kind: route_kind(number) }
}

/// rtnetlink's types come in fours, new, delete, get and set: `rtnl_msgtype_kind()` in the kernel's
/// net/rtnetlink.h.
pub(super) const fn route_kind(number: u16) -> Kind {
    match number & 3 {
        1 => Kind::Delete,
        2 => Kind::Get,
        _ => Kind::New,
    }
}

/// The entry with this number.
pub(super) fn find(table: Table, number: u16) -> Option<&'static Entry> {
    let index = table.binary_search_by_key(&number, |entry| entry.number).ok()?;
    table.get(index)
}

/// The types of a family from `NLMSG_MIN_TYPE` on; netfilter's subsystems and nltest's are apart.
pub(super) fn table(family: Family) -> Table {
    match family {
        Family::ROUTE => ROUTE,
        Family::SOCK_DIAG => SOCK_DIAG,
        Family::XFRM => XFRM,
        Family::SELINUX => SELINUX,
        Family::AUDIT => audit::AUDIT,
        Family::NETFILTER => BATCH,
        Family::GENERIC => GENERIC,
        Family::CRYPTO => CRYPTO,
        _ => &[],
    }
}

/// linux/rtnetlink.h
const ROUTE: Table = &[
    route(16, "NEWLINK"),
    route(17, "DELLINK"),
    route(18, "GETLINK"),
    route(19, "SETLINK"),
    route(20, "NEWADDR"),
    route(21, "DELADDR"),
    route(22, "GETADDR"),
    route(24, "NEWROUTE"),
    route(25, "DELROUTE"),
    route(26, "GETROUTE"),
    route(28, "NEWNEIGH"),
    route(29, "DELNEIGH"),
    route(30, "GETNEIGH"),
    route(32, "NEWRULE"),
    route(33, "DELRULE"),
    route(34, "GETRULE"),
    route(36, "NEWQDISC"),
    route(37, "DELQDISC"),
    route(38, "GETQDISC"),
    route(40, "NEWTCLASS"),
    route(41, "DELTCLASS"),
    route(42, "GETTCLASS"),
    route(44, "NEWTFILTER"),
    route(45, "DELTFILTER"),
    route(46, "GETTFILTER"),
    route(48, "NEWACTION"),
    route(49, "DELACTION"),
    route(50, "GETACTION"),
    route(52, "NEWPREFIX"),
    route(56, "NEWMULTICAST"),
    route(57, "DELMULTICAST"),
    route(58, "GETMULTICAST"),
    route(60, "NEWANYCAST"),
    route(61, "DELANYCAST"),
    route(62, "GETANYCAST"),
    route(64, "NEWNEIGHTBL"),
    route(66, "GETNEIGHTBL"),
    route(67, "SETNEIGHTBL"),
    route(68, "NEWNDUSEROPT"),
    route(72, "NEWADDRLABEL"),
    route(73, "DELADDRLABEL"),
    route(74, "GETADDRLABEL"),
    route(78, "GETDCB"),
    route(79, "SETDCB"),
    route(80, "NEWNETCONF"),
    route(81, "DELNETCONF"),
    route(82, "GETNETCONF"),
    route(84, "NEWMDB"),
    route(85, "DELMDB"),
    route(86, "GETMDB"),
    route(88, "NEWNSID"),
    route(89, "DELNSID"),
    route(90, "GETNSID"),
    route(92, "NEWSTATS"),
    route(94, "GETSTATS"),
    route(95, "SETSTATS"),
    route(96, "NEWCACHEREPORT"),
    route(100, "NEWCHAIN"),
    route(101, "DELCHAIN"),
    route(102, "GETCHAIN"),
    route(104, "NEWNEXTHOP"),
    route(105, "DELNEXTHOP"),
    route(106, "GETNEXTHOP"),
    route(108, "NEWLINKPROP"),
    route(109, "DELLINKPROP"),
    route(110, "GETLINKPROP"),
    route(112, "NEWVLAN"),
    route(113, "DELVLAN"),
    route(114, "GETVLAN"),
    route(116, "NEWNEXTHOPBUCKET"),
    route(117, "DELNEXTHOPBUCKET"),
    route(118, "GETNEXTHOPBUCKET"),
    route(120, "NEWTUNNEL"),
    route(121, "DELTUNNEL"),
    route(122, "GETTUNNEL"),
];

/// linux/sock_diag.h, linux/inet_diag.h
const SOCK_DIAG: Table = &[
    get(18, "TCPDIAG_GETSOCK"),
    get(19, "DCCPDIAG_GETSOCK"),
    get(20, "SOCK_DIAG_BY_FAMILY"),
    get(21, "SOCK_DESTROY"),
];

/// linux/xfrm.h
const XFRM: Table = &[
    new(0x10, "NEWSA"),
    delete(0x11, "DELSA"),
    get(0x12, "GETSA"),
    new(0x13, "NEWPOLICY"),
    delete(0x14, "DELPOLICY"),
    get(0x15, "GETPOLICY"),
    other(0x16, "ALLOCSPI"),
    other(0x17, "ACQUIRE"),
    other(0x18, "EXPIRE"),
    new(0x19, "UPDPOLICY"),
    new(0x1a, "UPDSA"),
    other(0x1b, "POLEXPIRE"),
    other(0x1c, "FLUSHSA"),
    other(0x1d, "FLUSHPOLICY"),
    new(0x1e, "NEWAE"),
    get(0x1f, "GETAE"),
    other(0x20, "REPORT"),
    other(0x21, "MIGRATE"),
    new(0x22, "NEWSADINFO"),
    get(0x23, "GETSADINFO"),
    new(0x24, "NEWSPDINFO"),
    get(0x25, "GETSPDINFO"),
    other(0x26, "MAPPING"),
    new(0x27, "SETDEFAULT"),
    get(0x28, "GETDEFAULT"),
    new(0x29, "MIGRATE_STATE"),
];

/// linux/selinux_netlink.h
const SELINUX: Table = &[other(16, "SETENFORCE"), other(17, "POLICYLOAD")];

/// linux/genetlink.h: the numbers that are not given out at run time.
const GENERIC: Table = &[other(16, "nlctrl"), other(17, "VFS_DQUOT"), other(18, "pmcraid")];

/// linux/cryptouser.h
const CRYPTO: Table = &[
    new(16, "NEWALG"),
    delete(17, "DELALG"),
    new(18, "UPDATEALG"),
    get(19, "GETALG"),
    delete(20, "DELRNG"),
    get(21, "GETSTAT"),
];
