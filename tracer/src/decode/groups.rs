//! Names of multicast groups, as the kernel's uapi headers have them without their prefix.

use super::Family;

/// `enum rtnetlink_groups` of linux/rtnetlink.h, from group 1 on.
const ROUTE: [&str; 39] = [
    "LINK",
    "NOTIFY",
    "NEIGH",
    "TC",
    "IPV4_IFADDR",
    "IPV4_MROUTE",
    "IPV4_ROUTE",
    "IPV4_RULE",
    "IPV6_IFADDR",
    "IPV6_MROUTE",
    "IPV6_ROUTE",
    "IPV6_IFINFO",
    "DECnet_IFADDR",
    "NOP2",
    "DECnet_ROUTE",
    "DECnet_RULE",
    "NOP4",
    "IPV6_PREFIX",
    "IPV6_RULE",
    "ND_USEROPT",
    "PHONET_IFADDR",
    "PHONET_ROUTE",
    "DCB",
    "IPV4_NETCONF",
    "IPV6_NETCONF",
    "MDB",
    "MPLS_ROUTE",
    "NSID",
    "MPLS_NETCONF",
    "IPV4_MROUTE_R",
    "IPV6_MROUTE_R",
    "NEXTHOP",
    "BRVLAN",
    "MCTP_IFADDR",
    "TUNNEL",
    "STATS",
    "IPV4_MCADDR",
    "IPV6_MCADDR",
    "IPV6_ACADDR",
];

/// `enum sknetlink_groups` of linux/sock_diag.h.
const SOCK_DIAG: [&str; 4] =
    ["INET_TCP_DESTROY", "INET_UDP_DESTROY", "INET6_TCP_DESTROY", "INET6_UDP_DESTROY"];

/// `enum xfrm_nlgroups` of linux/xfrm.h.
const XFRM: [&str; 8] = ["ACQUIRE", "EXPIRE", "SA", "POLICY", "AEVENTS", "REPORT", "MIGRATE", "MAPPING"];

/// `enum selinux_nlgroups` of linux/selinux_netlink.h.
const SELINUX: [&str; 1] = ["AVC"];

/// `enum audit_nlgrps` of linux/audit.h.
const AUDIT: [&str; 1] = ["READLOG"];

/// `enum nfnetlink_groups` of linux/netfilter/nfnetlink.h.
const NETFILTER: [&str; 9] = [
    "CONNTRACK_NEW",
    "CONNTRACK_UPDATE",
    "CONNTRACK_DESTROY",
    "CONNTRACK_EXP_NEW",
    "CONNTRACK_EXP_UPDATE",
    "CONNTRACK_EXP_DESTROY",
    "NFTABLES",
    "ACCT_QUOTA",
    "NFTRACE",
];

/// Who sends there: the kernel (lib/kobject_uevent.c), and udev, which hands on what it made of that
/// (systemd's sd-device).
const UEVENT: [&str; 2] = ["KERNEL", "UDEV"];

/// docs/protocol.md
const NLTEST: [&str; 1] = ["MYGROUP"];

/// What nlctrl itself sends to; all other groups of generic netlink get their numbers at run time.
const NLCTRL: (u32, &str) = (16, "nlctrl/notify");

/// The name of a group, which are numbered from 1 on; None where it has none.
pub fn group_name(family: Family, group: u32) -> Option<&'static str> {
    if family == Family::GENERIC {
        return (group == NLCTRL.0).then_some(NLCTRL.1);
    }
    let names: &[&str] = match family {
        Family::ROUTE => &ROUTE,
        Family::SOCK_DIAG => &SOCK_DIAG,
        Family::XFRM => &XFRM,
        Family::SELINUX => &SELINUX,
        Family::AUDIT => &AUDIT,
        Family::NETFILTER => &NETFILTER,
        Family::UEVENT => &UEVENT,
        Family::NLTEST => &NLTEST,
        _ => &[],
    };
    let index = usize::try_from(group.checked_sub(1)?).ok()?;
    names.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_the_names_of_their_family() {
        let cases = [
            (Family::ROUTE, 0, None),
            (Family::ROUTE, 1, Some("LINK")),
            (Family::ROUTE, 7, Some("IPV4_ROUTE")),
            (Family::ROUTE, 20, Some("ND_USEROPT")),
            (Family::ROUTE, 28, Some("NSID")),
            (Family::ROUTE, 36, Some("STATS")),
            (Family::ROUTE, 39, Some("IPV6_ACADDR")),
            (Family::ROUTE, 40, None),
            (Family::NETFILTER, 3, Some("CONNTRACK_DESTROY")),
            (Family::NETFILTER, 7, Some("NFTABLES")),
            (Family::XFRM, 8, Some("MAPPING")),
            (Family::AUDIT, 1, Some("READLOG")),
            (Family::SOCK_DIAG, 4, Some("INET6_UDP_DESTROY")),
            (Family::GENERIC, 16, Some("nlctrl/notify")),
            (Family::GENERIC, 17, None),
            (Family::UEVENT, 2, Some("UDEV")),
            (Family::NLTEST, 1, Some("MYGROUP")),
            (Family::from_number(2), 1, None),
            (Family::ROUTE, u32::MAX, None),
        ];
        for (family, group, name) in cases {
            assert_eq!(group_name(family, group), name, "{family} {group}");
        }
    }
}
