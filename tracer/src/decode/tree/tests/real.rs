//! Real messages of the families, built as their programs build them.

use super::{builders::*, *};

/// Family, message, and the line that it is in.
pub(super) fn cases() -> Vec<(Family, Vec<u8>, &'static str)> {
    let nf = |family: u8| [family, 0, 0, 0];
    let expression = |name: &str, data: &[Vec<u8>]| nest(1, &[text(1, name), nest(2, data)]);
    let inet = |protocol: u8, states: u32, port: u16| {
        let id = [&be16(0)[..], &be16(port), &[0; 32], &ne32(0), &[0xff; 8]].concat();
        [&[2, protocol, 0, 0][..], &ne32(states), &id].concat()
    };
    let extack = [text(1, "Invalid prefix"), attribute(2, &ne32(28))].concat();
    let about = request(24, &rtmsg(16, 254, 4, 0, 1), &[]);
    vec![
        (
            Family::ROUTE,
            request(
                24,
                &rtmsg(16, 254, 4, 0, 1),
                &[attribute(1, &[10, 9, 0, 0]), attribute(5, &[1, 2, 3, 4]), attribute(4, &ne32(2))],
            ),
            "10.9.0.0/16 via 1.2.3.4 dev 2 proto static",
        ),
        (
            Family::ROUTE,
            request(
                24,
                &rtmsg(0, 254, 3, 0, 1),
                &[attribute(
                    9,
                    &[
                        &[16, 0, 0, 0, 2, 0, 0, 0][..],
                        &attribute(5, &[10, 0, 0, 1]),
                        &[16, 0, 0, 1, 3, 0, 0, 0],
                        &attribute(5, &[10, 0, 0, 2]),
                    ]
                    .concat(),
                )],
            ),
            "default nexthop via 10.0.0.1 dev 2 weight 1 nexthop via 10.0.0.2 dev 3 weight 2 proto boot",
        ),
        (
            Family::ROUTE,
            request(
                25,
                &rtmsg(32, 255, 2, 254, 2),
                &[attribute(1, &[127, 0, 0, 1]), attribute(15, &ne32(1000))],
            ),
            "local 127.0.0.1 proto kernel scope host table 1000",
        ),
        (
            Family::ROUTE,
            request(
                16,
                &ifinfo(0, 1, 1),
                &[
                    text(3, "v0"),
                    nest(18, &[text(1, "vlan"), nest(2, &[attribute(1, &5u16.to_ne_bytes())])]),
                    attribute(5, &ne32(3)),
                    attribute(4, &ne32(1500)),
                ],
            ),
            "dev v0 link 3 type vlan {id=5} mtu 1500 up",
        ),
        (
            Family::ROUTE,
            request(
                16,
                &ifinfo(0, 0, 0),
                &[
                    text(3, "a"),
                    nest(18, &[text(1, "veth"), nest(2, &[nest(1, &[ifinfo(0, 0, 0), text(3, "b")])])]),
                ],
            ),
            "dev a type veth {peer={ifi_family=unspec ifi_type=0 ifi_index=0 ifi_flags=0 ifi_change=0 ifname=\"b\"}}",
        ),
        (
            Family::ROUTE,
            request(
                20,
                &[2, 24, 0x80, 0, 2, 0, 0, 0],
                &[
                    attribute(1, &[10, 0, 0, 1]),
                    attribute(2, &[10, 0, 0, 1]),
                    attribute(4, &[10, 0, 0, 255]),
                    text(3, "eth0"),
                ],
            ),
            "10.0.0.1/24 dev 2 broadcast 10.0.0.255 label eth0 flags permanent",
        ),
        (
            Family::ROUTE,
            request(
                28,
                &[2, 0, 0, 0, 2, 0, 0, 0, 0x80, 0, 0, 0],
                &[attribute(1, &[10, 0, 0, 2]), attribute(2, &[2, 0, 0, 0, 0, 9])],
            ),
            "10.0.0.2 dev 2 lladdr 02:00:00:00:00:09 nud permanent",
        ),
        (
            Family::ROUTE,
            request(
                32,
                &[2, 0, 8, 0, 254, 0, 0, 1, 0, 0, 0, 0],
                &[
                    attribute(2, &[10, 0, 0, 0]),
                    attribute(6, &ne32(100)),
                    attribute(10, &ne32(1)),
                    attribute(16, &ne32(0xff)),
                    attribute(14, &ne32(u32::MAX)),
                ],
            ),
            "from 10.0.0.0/8 fwmark 0x1/0xff lookup main priority 100",
        ),
        (
            Family::ROUTE,
            request(
                36,
                &[&[0; 4][..], &ne32(2), &ne32(0x1_0000), &ne32(u32::MAX), &[0; 4]].concat(),
                &[text(1, "fq_codel"), nest(2, &[attribute(1, &ne32(5000)), attribute(2, &ne32(10_240))])],
            ),
            "dev 2 root handle 1: fq_codel {target=5000us limit=10240}",
        ),
        (
            Family::ROUTE,
            request(
                104,
                &[2, 0, 4, 0, 0, 0, 0, 0],
                &[attribute(1, &ne32(5)), attribute(6, &[10, 0, 0, 1]), attribute(5, &ne32(2))],
            ),
            "id 5 via 10.0.0.1 dev 2 proto static",
        ),
        (
            Family::ROUTE,
            request(
                104,
                &[0, 0, 4, 0, 0, 0, 0, 0],
                &[
                    attribute(1, &ne32(9)),
                    attribute(2, &[&ne32(5)[..], &[0; 4], &ne32(6), &[1, 0, 0, 0]].concat()),
                ],
            ),
            "id 9 group 5/6,2 proto static",
        ),
        (SOCK_DIAG, whole(20, 0x301, &inet(6, 0xfff, 80)), "tcp inet states all * -> *:80"),
        (SOCK_DIAG, whole(20, 0x301, &inet(17, 0x80, 0)), "udp inet states close"),
        (
            SOCK_DIAG,
            whole(20, 0x301, &[&[16, 0xff, 0, 0][..], &ne32(0), &ne32(1), &[0xff; 8]].concat()),
            "netlink ndiag_show=meminfo",
        ),
        (
            Family::NETFILTER,
            request(0xa00, &nf(2), &[text(1, "filter"), attribute(2, &be32(0))]),
            "ip filter",
        ),
        (
            Family::NETFILTER,
            request(
                0xa03,
                &nf(1),
                &[
                    text(1, "t"),
                    text(3, "in"),
                    nest(4, &[attribute(1, &be32(1)), attribute(2, &be32(0))]),
                    attribute(5, &be32(1)),
                    text(7, "filter"),
                ],
            ),
            "inet t in hook {num=1 priority=0} type filter policy accept",
        ),
        (
            Family::NETFILTER,
            request(
                0xa06,
                &nf(2),
                &[
                    text(1, "t"),
                    text(2, "in"),
                    nest(
                        4,
                        &[
                            expression("meta", &[attribute(1, &be32(1)), attribute(2, &be32(16))]),
                            expression(
                                "cmp",
                                &[
                                    attribute(1, &be32(1)),
                                    attribute(2, &be32(0)),
                                    nest(3, &[attribute(1, &[6])]),
                                ],
                            ),
                            expression(
                                "immediate",
                                &[attribute(1, &be32(0)), nest(2, &[nest(2, &[attribute(1, &be32(1))])])],
                            ),
                        ],
                    ),
                ],
            ),
            "ip t in [ meta {dreg=reg-1 key=l4-proto} ] [ cmp {sreg=reg-1 op=eq data={value=06(1)}} ] \
             [ immediate {dreg=reg-verdict data={verdict={code=accept}}} ]",
        ),
        (
            Family::NETFILTER,
            request(
                0x100,
                &nf(2),
                &[
                    tuple(1, ([10, 0, 0, 1], 4711), ([10, 0, 0, 2], 80)),
                    attribute(3, &be32(0xe)),
                    attribute(7, &be32(120)),
                ],
            ),
            "tcp 10.0.0.1:4711 -> 10.0.0.2:80 status seen-reply|assured|confirmed timeout 120s",
        ),
        (
            Family::NETFILTER,
            request(
                0x609,
                &nf(2),
                &[
                    attribute(1, &[7]),
                    text(2, "blocked"),
                    nest(7, &[nest(1, &[attribute(0x4001, &[10, 0, 0, 9])]), attribute(0x4006, &be32(60))]),
                ],
            ),
            "nfgen_family=ipv4 version=0 res_id=0 protocol=7 setname=\"blocked\" data={ip={ipv4=10.0.0.9} timeout=60s}",
        ),
        (
            Family::NETFILTER,
            request(0x301, &nf(0), &[attribute(2, &[be32(1), be32(77)].concat())]),
            "nfgen_family=unspec version=0 res_id=0 verdict_hdr={verdict=accept id=77}",
        ),
        (
            Family::NETFILTER,
            request(0x901, &nf(2), &[attribute(1, b"ftp\0")]),
            "nfgen_family=inet version=0 res_id=0 attr_1=66747000(4)",
        ),
        (
            Family::XFRM,
            request(
                0x12,
                &[&[192, 0, 2, 1][..], &[0; 12], &be32(0xc0ffee), &2u16.to_ne_bytes(), &[50, 0]].concat(),
                &[],
            ),
            "dst 192.0.2.1 proto esp spi 0xc0ffee",
        ),
        (
            Family::XFRM,
            whole(0x12, 0x301, &attribute(26, &[&[0; 32][..], &[2, 0, 0, 0]].concat())),
            "address_filter={saddr=0.0.0.0 daddr=0.0.0.0 family=inet splen=0 dplen=0}",
        ),
        (
            Family::XFRM,
            request(0x13, &xfrm_policy(), &[attribute(5, &xfrm_template())]),
            "src 10.0.0.0/8 dst 10.1.0.0/16 dir out priority 100 \
             tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel reqid 1",
        ),
        (Family::GENERIC, request(16, &[3, 1, 0, 0], &[text(2, "ethtool")]), "getfamily family ethtool"),
        (
            Family::GENERIC,
            request(
                21,
                &[1, 1, 0, 0],
                &[nest(1, &[text(2, "eth0")]), nest(2, &[nest(1, &[attribute(1, &ne32(4))])])],
            ),
            "strset_get dev eth0 stringsets={stringset=[{id=4}]}",
        ),
        (
            Family::GENERIC,
            request(33, &[1, 1, 0, 0], &[attribute(7, b"x\0\0\x01")]),
            "cmd=1 attr_7=78000001(4)",
        ),
        (
            Family::AUDIT,
            whole(1300, 0, b"audit(1.0:7): arch=c000003e"),
            "text=\"audit(1.0:7): arch=c000003e\"",
        ),
        (
            Family::AUDIT,
            whole(
                1001,
                5,
                &[ne32(1), ne32(1), ne32(0), ne32(0), ne32(0), ne32(0), ne32(0), ne32(0)].concat(),
            ),
            "mask=enabled enabled=1 failure=silent pid=0 rate_limit=0 backlog_limit=0 lost=0 backlog=0",
        ),
        (
            CONNECTOR,
            whole(3, 0, &[ne32(1), ne32(1), ne32(0), ne32(0), [4, 0, 0, 0], ne32(1)].concat()),
            "idx=proc val=1 seq=0 ack=0 len=4 flags=0x0 more=01000000(4)",
        ),
        (
            Family::UEVENT,
            b"add@/devices/virtual/net/v0\0ACTION=add\0INTERFACE=v0\0".to_vec(),
            "text=\"add@/devices/virtual/net/v0\" env={ACTION=\"add\" INTERFACE=\"v0\"}",
        ),
        (
            Family::NLTEST,
            request(0x11, &[], &[attribute(2, &ne32(2000)), attribute(1, b"\xde\xad")]),
            "delay_us=2000 payload=dead(2)",
        ),
        (
            Family::ROUTE,
            whole(2, 0x300, &[&(-22i32).to_ne_bytes()[..], &about[..16], &extack].concat()),
            "EINVAL \"Invalid prefix\" offs=28",
        ),
        (Family::ROUTE, whole(3, 2, &(-4i32).to_ne_bytes()), "EINTR"),
        (Family::from_number(30), whole(99, 1, b"\x01\x02"), "data=0102(2)"),
    ]
}

/// The messages alone.
pub(super) fn real() -> Vec<(Family, Vec<u8>)> {
    cases().into_iter().map(|(family, bytes, _)| (family, bytes)).collect()
}
