//! What is said of real messages of the families.

use super::{
    builders::*,
    real::{cases, real},
    *,
};

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
    assert!(decoder.generic.learn(&message, None, &tree) && !decoder.generic.learn(&message, None, &tree));
    assert_eq!((decoder.generic.name(21), decoder.generic.number("ethtool")), (Some("ethtool"), Some(21)));
    assert_eq!(decoder.generic.group_name(5).as_deref(), Some("ethtool/monitor"));
    assert_eq!((decoder.generic.name(16), decoder.generic.name(22)), (Some("nlctrl"), None));

    let gone =
        whole(16, 0, &[&[2, 2, 0, 0][..], &text(2, "ethtool"), &attribute(1, &21u16.to_ne_bytes())].concat());
    let message = Message::parse(Family::GENERIC, &gone, gone.len() as u32);
    let tree = decoder.decode(Family::GENERIC, &message, None, Tree::default());
    assert!(decoder.generic.learn(&message, None, &tree));
    assert_eq!(decoder.generic.name(21), None);
}

#[test]
fn only_what_nlctrl_says_names_families() {
    let mut decoder = Decoder::default();
    let said = |id: u16, name: &str| {
        let name = [name.as_bytes(), b"\0"].concat();
        [b"\x01\x02\0\0".to_vec(), attribute(1, &id.to_ne_bytes()), attribute(2, &name)].concat()
    };
    let mut learns = |nlmsg_type, flags: u16, direction, payload: &[u8]| {
        let mut bytes = whole(nlmsg_type, 1, payload);
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        let message = Message::parse(Family::GENERIC, &bytes, bytes.len() as u32);
        let tree = decoder.decode(Family::GENERIC, &message, direction, Tree::default());
        decoder.generic.learn(&message, direction, &tree)
    };
    let (request, reply) = (Some(netlink_specs::Direction::Request), Some(netlink_specs::Direction::Reply));
    assert!(!learns(16, 1, request, &said(40, "mine")), "somebody asks");
    assert!(!learns(16, 1, None, &said(40, "mine")), "somebody asks");
    assert!(!learns(21, 0, reply, &said(40, "mine")), "another family");
    assert!(!learns(16, 0, reply, &said(2, "mine")), "control messages have their numbers");
    assert!(!learns(16, 0, reply, &said(40, "a-name-of-16-byte")), "longer than there are");
    assert!(learns(16, 2, reply, &said(40, "mine")));
    assert_eq!(decoder.generic.type_name(Family::GENERIC, 40).as_deref(), Some("mine"));
    assert_eq!(decoder.generic.type_name(Family::GENERIC, 2).as_deref(), Some("ERROR"));
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

#[test]
fn what_programs_were_found_to_say_otherwise_is_said_as_they_do() {
    let cases = [
        // The kernel has the priority of a bridge as two bytes.
        (
            Family::ROUTE,
            request(
                16,
                &ifinfo(3, 0, 0),
                &[nest(18, &[text(1, "bridge"), nest(2, &[attribute(11, &[0, 100, 2, 0, 0, 0, 0, 20])])])],
            ),
            r#""bridge_id":{"prio":100,"addr":"02:00:00:00:00:14"}"#,
        ),
        (
            Family::ROUTE,
            request(24, &rtmsg(0, 254, 3, 0, 1), &[attribute(9, &[8, 0, 4, 1, 2, 0, 0, 0])]),
            r#""multipath":[{"flags":["onlink"],"hops":1,"#,
        ),
        // A filter's message has another header than that of a qdisc.
        (
            Family::ROUTE,
            request(
                44,
                &[0, 0, 0, 0, 2, 0, 0, 0, 17, 0, 0, 0, 0, 0, 1, 0, 8, 0, 5, 0],
                &[text(1, "flower"), nest(2, &[attribute(22, &ne32(8))])],
            ),
            r#""handle":"0x11","parent":"1:","protocol":"ip","pref":5,"kind":"flower","options":{"flags":["not-in-hw"]}"#,
        ),
        (
            Family::ROUTE,
            request(
                36,
                &[0; 20],
                &[text(1, "htb"), nest(7, &[attribute(1, &[0; 16]), attribute(4, &[2; 20])])],
            ),
            r#""stats2":{"basic":{"bytes":0,"packets":0},"app":{"lends":33686018,"borrows":33686018,"#,
        ),
        // Abstract names of Unix sockets.
        (
            Family::SOCK_DIAG,
            whole(20, 2, &[&[1, 1, 10, 0][..], &[0; 12], &attribute(0, b"\0here")].concat()),
            r#""name":"\u0000here""#,
        ),
    ];
    for (family, bytes, expected) in cases {
        let found = json(family, &bytes);
        assert!(found.contains(expected), "{found}");
    }
    // Zeros are an address of the socket's family.
    let id = [&be16(80)[..], &be16(0), &[10, 0, 0, 1], &[0; 12], &[0; 16], &[0; 12]].concat();
    let listening = whole(20, 2, &[&[2, 10, 0, 0][..], &id, &[0; 20]].concat());
    let found = json(Family::SOCK_DIAG, &listening);
    assert!(found.contains(r#""idiag_src":"10.0.0.1","idiag_dst":"0.0.0.0""#), "{found}");
}

#[test]
fn nftables_numbers_are_those_of_the_kernels_header() {
    let expression = |name: &str, data: &[Vec<u8>]| {
        let expressions = nest(4, &[nest(1, &[text(1, name), nest(2, data)])]);
        request(0xa06, &[1, 0, 0, 0], &[text(1, "t"), expressions, attribute(9, &be32(5))])
    };
    let element = [text(9, "c"), nest(10, &[attribute(1, &[0, 80])])];
    let cases = [
        (
            expression(
                "lookup",
                &[
                    text(1, "s"),
                    attribute(2, &be32(1)),
                    attribute(3, &be32(0)),
                    attribute(4, &be32(7)),
                    attribute(5, &be32(1)),
                ],
            ),
            concat!(
                r#""data":{"set":"s","sreg":"reg-1","dreg":"reg-verdict","set_id":7,"#,
                r#""flags":["invert"]}}]},"id":5}"#
            ),
        ),
        (
            expression("fib", &[attribute(2, &be32(1)), attribute(3, &be32(1))]),
            r#""data":{"result":"oif","flags":["saddr"]}"#,
        ),
        (
            expression(
                "byteorder",
                &[
                    attribute(1, &be32(1)),
                    attribute(2, &be32(2)),
                    attribute(3, &be32(1)),
                    attribute(4, &be32(8)),
                    attribute(5, &be32(4)),
                ],
            ),
            r#""data":{"sreg":"reg-1","dreg":"reg-2","op":"hton","len":8,"size":4}"#,
        ),
        (
            request(0xa0c, &[1, 0, 0, 0], &[nest(3, &[nest(1, &element)])]),
            r#""elem":[{"objref":"c","key_end":{"value_hex":"0050","value_len":2}}]"#,
        ),
        (
            request(0xa03, &[1, 0, 0, 0], &[attribute(10, &be32(1)), attribute(11, &be32(3))]),
            r#""flags":["base"],"id":3"#,
        ),
    ];
    for (bytes, expected) in cases {
        let found = json(Family::NETFILTER, &bytes);
        assert!(found.contains(expected), "{found}");
    }
}
