//! Numbers that headers of many families share.

/// `AF_UNIX`
pub(super) const UNIX: u16 = 1;
/// `AF_INET`
pub(super) const INET: u16 = 2;
/// `AF_INET6`
pub(super) const INET6: u16 = 10;
/// `AF_NETLINK`
pub(super) const NETLINK: u16 = 16;
/// `AF_PACKET`
pub(super) const PACKET: u16 = 17;
/// `AF_VSOCK`
pub(super) const VSOCK: u16 = 40;
/// `AF_XDP`
pub(super) const XDP: u16 = 44;

fn find(names: &[(u64, &'static str)], number: u64) -> Option<&'static str> {
    let found = names.binary_search_by_key(&number, |(number, _)| *number).ok()?;
    names.get(found).map(|(_, name)| *name)
}

/// linux/socket.h, `AF_…`. Bridges' messages have `AF_BRIDGE`, multicast routes' 128 and 129.
pub(super) fn address_family(number: u64) -> Option<&'static str> {
    find(FAMILIES, number)
}

/// linux/in.h, `IPPROTO_…`
pub(super) fn ip_protocol(number: u64) -> Option<&'static str> {
    find(PROTOCOLS, number)
}

/// linux/if_ether.h, `ETH_P_…`
pub(super) fn ether_type(number: u64) -> Option<&'static str> {
    find(ETHER_TYPES, number)
}

const FAMILIES: &[(u64, &str)] = &[
    (0, "unspec"),
    (1, "unix"),
    (2, "inet"),
    (3, "ax25"),
    (4, "ipx"),
    (5, "appletalk"),
    (6, "netrom"),
    (7, "bridge"),
    (8, "atmpvc"),
    (9, "x25"),
    (10, "inet6"),
    (11, "rose"),
    (12, "decnet"),
    (15, "key"),
    (16, "netlink"),
    (17, "packet"),
    (21, "rds"),
    (28, "mpls"),
    (29, "can"),
    (30, "tipc"),
    (31, "bluetooth"),
    (33, "rxrpc"),
    (36, "ieee802154"),
    (38, "alg"),
    (39, "nfc"),
    (40, "vsock"),
    (42, "qipcrtr"),
    (43, "smc"),
    (44, "xdp"),
    (45, "mctp"),
    (128, "ipmr"),
    (129, "ip6mr"),
];

const PROTOCOLS: &[(u64, &str)] = &[
    (0, "ip"),
    (1, "icmp"),
    (2, "igmp"),
    (4, "ipip"),
    (6, "tcp"),
    (8, "egp"),
    (17, "udp"),
    (33, "dccp"),
    (41, "ipv6"),
    (43, "ipv6-route"),
    (44, "ipv6-frag"),
    (46, "rsvp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "icmpv6"),
    (59, "ipv6-nonxt"),
    (60, "ipv6-opts"),
    (89, "ospf"),
    (94, "beetph"),
    (103, "pim"),
    (108, "comp"),
    (112, "vrrp"),
    (115, "l2tp"),
    (132, "sctp"),
    (136, "udplite"),
    (137, "mpls-in-ip"),
    (143, "ethernet"),
    (255, "raw"),
    (262, "mptcp"),
];

const ETHER_TYPES: &[(u64, &str)] = &[
    (0x0001, "802.3"),
    (0x0003, "all"),
    (0x0004, "802.2"),
    (0x0800, "ip"),
    (0x0806, "arp"),
    (0x22f0, "tsn"),
    (0x8035, "rarp"),
    (0x8100, "802.1q"),
    (0x86dd, "ipv6"),
    (0x8847, "mpls"),
    (0x8848, "mpls-multicast"),
    (0x8863, "pppoe-discovery"),
    (0x8864, "pppoe"),
    (0x888e, "802.1x"),
    (0x88a8, "802.1ad"),
    (0x88cc, "lldp"),
    (0x88e5, "macsec"),
    (0x88f7, "1588"),
    (0x8906, "fcoe"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for table in [FAMILIES, PROTOCOLS, ETHER_TYPES] {
            assert!(table.is_sorted_by(|a, b| a.0 < b.0));
        }
        assert_eq!(
            (address_family(10), ip_protocol(6), ether_type(0x86dd)),
            (Some("inet6"), Some("tcp"), Some("ipv6"))
        );
        assert_eq!((address_family(999), ip_protocol(200), ether_type(2)), (None, None, None));
    }
}
