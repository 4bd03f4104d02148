//! Real messages of the families, built as their programs build them, and what is said of them.

use super::{builders::*, *};

/// Family, message, and the line that it is in.
fn cases() -> Vec<(Family, Vec<u8>, &'static str)> {
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

/// With the family that these tests give the number 21.
fn tree_of(family: Family, bytes: &[u8]) -> Tree<'_> {
    let mut decoder = Decoder::default();
    decoder.generic.insert(21, GenericFamily { name: "ethtool".to_owned(), ..GenericFamily::default() });
    let message = Message::parse(family, bytes, bytes.len() as u32);
    decoder.decode(family, &message, None, Tree::default())
}

fn json(family: Family, bytes: &[u8]) -> String {
    rendered(family, None, &tree_of(family, bytes))[2].clone()
}

#[test]
fn messages_are_said_as_people_say_them() {
    let mut wrong = Vec::new();
    for (family, bytes, expected) in cases() {
        let nlmsg_type = family.has_headers().then(|| u16::from_ne_bytes([bytes[4], bytes[5]]));
        let [line, ..] = rendered(family, nlmsg_type, &tree_of(family, &bytes));
        if line != expected {
            wrong.push(format!("{family}:\n  {line}\n  {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn json_has_names_and_lists() {
    let address = request(20, &[2, 24, 0, 0, 2, 0, 0, 0], &[attribute(1, &[10, 0, 0, 1])]);
    assert_eq!(
        json(Family::ROUTE, &address),
        r#"{"ifa_family":"inet","ifa_prefixlen":24,"ifa_flags":[],"ifa_scope":"universe","ifa_index":2,"ifa_index_name":null,"address":"10.0.0.1"}"#
    );
    // What comes twice is a list, also what nobody describes.
    let twice = request(
        0x10,
        &[],
        &[
            attribute(1, b"\xde\xad"),
            attribute(3, &ne32(1)),
            attribute(99, b"\x01"),
            attribute(3, &ne32(2)),
            attribute(99, b"\x02"),
            attribute(3, &ne32(3)),
        ],
    );
    assert_eq!(
        json(Family::NLTEST, &twice),
        r#"{"payload_hex":"dead","payload_len":2,"count":[1,2,3],"attr_99":[{"hex":"01","len":1},{"hex":"02","len":1}]}"#
    );
    let many: Vec<Vec<u8>> = (0..100).map(|index| attribute(3 + index % 2, &ne32(index.into()))).collect();
    let object: serde_json::Value =
        serde_json::from_str(&json(Family::NLTEST, &request(0x10, &[], &many))).unwrap();
    assert_eq!(
        (object["count"].as_array().unwrap().len(), object["size"].as_array().unwrap().len()),
        (50, 50)
    );
    assert_eq!(object["size"][49], 99);
}

#[test]
fn what_is_missing_is_said() {
    let bytes =
        request(24, &rtmsg(16, 254, 4, 0, 1), &[attribute(1, &[10, 9, 0, 0]), attribute(5, &[1, 2, 3, 4])]);
    let cut = |len: usize| {
        let message = Message::parse(Family::ROUTE, &bytes[..len], bytes.len() as u32);
        let tree = Decoder::default().decode(Family::ROUTE, &message, None, Tree::default());
        rendered(Family::ROUTE, Some(24), &tree)[0].clone()
    };
    assert_eq!(cut(36), "10.9.0.0/16 proto static [cut at 36: 8 bytes were not captured]");
    assert_eq!(cut(42), "10.9.0.0/16 via 0102…(2) proto static [cut at 42: 2 bytes were not captured]");
    assert!(cut(20).ends_with("[cut at 20: 24 bytes were not captured]"), "{}", cut(20));
}

#[test]
fn a_bad_attribute_ends_its_nest_and_no_other() {
    let bad = [&9u16.to_ne_bytes()[..], &1u16.to_ne_bytes(), b"x"].concat();
    let bytes = request(
        16,
        &ifinfo(0, 0, 0),
        &[
            nest(18, &[text(1, "vlan"), nest(2, &[attribute(1, &5u16.to_ne_bytes()), bad])]),
            attribute(4, &ne32(1500)),
        ],
    );
    let [line, lines, json] = rendered(Family::ROUTE, Some(16), &tree_of(Family::ROUTE, &bytes));
    assert_eq!(line, "type vlan {id=5 [bad attribute at 60: length 9 where 5 bytes are left]} mtu 1500");
    assert!(lines.contains("[bad attribute at 60: length 9 where 5 bytes are left]\n"), "{lines}");
    assert!(json.contains(r#""id":5,"bad_at":60,"bad_claimed":9,"bad_left":5}},"mtu":1500"#), "{json}");
}

#[test]
fn values_of_another_size_than_described_are_bytes() {
    let bytes = request(16, &ifinfo(0, 0, 0), &[attribute(4, &[1, 2]), attribute(13, &[1, 2, 3, 4, 5])]);
    assert!(
        json(Family::ROUTE, &bytes)
            .ends_with(r#""mtu_hex":"0102","mtu_len":2,"txqlen_hex":"0102030405","txqlen_len":5}"#)
    );
}

#[test]
fn what_an_extended_ack_points_at_has_a_name() {
    let decoder = Decoder::default();
    let bytes = request(
        16,
        &ifinfo(0, 0, 0),
        &[
            text(3, "v0"),
            nest(18, &[text(1, "vlan"), nest(2, &[attribute(1, &5u16.to_ne_bytes())])]),
            attribute(5, &ne32(3)),
        ],
    );
    let message = Message::parse(Family::ROUTE, &bytes, bytes.len() as u32);
    let at = |offset| decoder.attribute_at(Family::ROUTE, &message, offset);
    assert_eq!(at(20).as_deref(), Some("ifi_index"));
    assert_eq!(at(32).as_deref(), Some("ifname"));
    assert_eq!(at(40).as_deref(), Some("linkinfo"));
    assert_eq!(at(60).as_deref(), Some("linkinfo.data.id"));
    assert_eq!(at(68).as_deref(), Some("link"));
    assert_eq!((at(41), at(1000)), (None, None));
    let missing = |nest, number| decoder.missing_attribute(Family::ROUTE, &message, nest, number);
    assert_eq!(missing(None, 4).as_deref(), Some("mtu"));
    assert_eq!(missing(Some(40), 1).as_deref(), Some("linkinfo.kind"));
    assert_eq!((missing(None, 999), missing(Some(32), 1)), (None, None));
}

#[test]
fn groups_have_names() {
    let mut decoder = Decoder::default();
    let groups = [(1, "monitor".to_owned()), (5, "events".to_owned())].into();
    decoder.generic.insert(21, GenericFamily { name: "ethtool".to_owned(), groups });
    let cases = [
        (Family::ROUTE, 1, Some("link")),
        (Family::ROUTE, 7, Some("ipv4-route")),
        (Family::ROUTE, 32, Some("nexthop")),
        (Family::NETFILTER, 7, Some("nftables")),
        (Family::XFRM, 3, Some("sa")),
        (Family::UEVENT, 2, Some("udev")),
        (Family::NLTEST, 1, Some("mygroup")),
        (Family::GENERIC, 5, Some("ethtool/events")),
        (Family::GENERIC, 16, Some("nlctrl/notify")),
        (Family::GENERIC, 6, None),
        (Family::ROUTE, 999, None),
    ];
    for (family, group, expected) in cases {
        assert_eq!(decoder.group_name(family, group).as_deref(), expected, "{family} {group}");
    }
}

#[test]
fn processes_tell_what_they_do() {
    let event = [ne32(2), ne32(1), ne32(0), ne32(0), ne32(100), ne32(99)].concat();
    let bytes =
        whole(3, 0, &[&[ne32(1), ne32(1), ne32(7), ne32(0)].concat()[..], &[24, 0, 0, 0], &event].concat());
    let [line, ..] = rendered(CONNECTOR, None, &decoded(CONNECTOR, &bytes));
    let expected = "idx=proc val=1 seq=7 ack=0 len=24 flags=0x0 what=exec cpu=1 timestamp_ns=0ns process_pid=100 process_tgid=99";
    assert_eq!(line, expected);
}

#[test]
fn families_of_generic_netlink_are_learned() {
    let group = nest(7, &[nest(1, &[text(1, "monitor"), attribute(2, &ne32(5))])]);
    let reply = whole(
        16,
        0,
        &[&[1, 2, 0, 0][..], &text(2, "ethtool"), &attribute(1, &21u16.to_ne_bytes()), &group].concat(),
    );
    let mut decoder = Decoder::default();
    let message = Message::parse(Family::GENERIC, &reply, reply.len() as u32);
    let tree = decoder.decode(Family::GENERIC, &message, None, Tree::default());
    assert!(decoder.generic.learn(&tree) && !decoder.generic.learn(&tree));
    assert_eq!((decoder.generic.name(21), decoder.generic.number("ethtool")), (Some("ethtool"), Some(21)));
    assert_eq!(decoder.generic.group(5), Some(("ethtool", "monitor")));
    assert_eq!((decoder.generic.name(16), decoder.generic.name(22)), (Some("nlctrl"), None));

    let gone =
        whole(16, 0, &[&[2, 2, 0, 0][..], &text(2, "ethtool"), &attribute(1, &21u16.to_ne_bytes())].concat());
    let message = Message::parse(Family::GENERIC, &gone, gone.len() as u32);
    let tree = decoder.decode(Family::GENERIC, &message, None, Tree::default());
    assert!(decoder.generic.learn(&tree));
    assert_eq!(decoder.generic.name(21), None);
}

#[test]
fn the_likeliest_family_is_found() {
    let decoder = Decoder::default();
    for (family, bytes) in real() {
        let unlike = [Family::GENERIC, Family::NLTEST, Family::from_number(30), CONNECTOR].contains(&family);
        let control = u16::from_ne_bytes([bytes[4], bytes[5]]) < 16;
        if !unlike && !control {
            assert_eq!(likeliest_family(&decoder, &bytes, None), family, "{bytes:02x?}");
        }
    }
}
