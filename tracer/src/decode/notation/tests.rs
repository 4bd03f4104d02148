use super::*;

/// A request for all links.
const GETLINK: [u8; 20] = [20, 0, 0, 0, 18, 0, 1, 3, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn bytes(text: &str) -> Vec<u8> {
    let found = read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    found[0].bytes.clone()
}

#[test]
fn every_notation_of_the_same_bytes_is_understood() {
    let cases = [
        "1400000012000103070000000000000000000000",
        "14000000 12000103 07000000 00000000 00000000",
        "14 00 00 00 12 00 01 03 07 00 00 00 00 00 00 00 00 00 00 00",
        "14:00:00:00:12:00:01:03:07:00:00:00:00:00:00:00:00:00:00:00",
        "14-00-00-00-12-00-01-03-07-00-00-00-00-00-00-00-00-00-00-00",
        "0x1400000012000103070000000000000000000000",
        "0x14 0x0 0x0 0x0 0x12 0x0 0x1 0x3 0x7 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0",
        "14000000\n12000103\n07000000\n00000000\n00000000\n",
        r#""\x14\x00\x00\x00\x12\x00\x01\x03\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00""#,
        r"\x14\x00\x00\x00\x12\x00\x01\x03\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        r#""\24\0\0\0\22\0\1\3\7\0\0\0\0\0\0\0\0\0\0\0""#,
        r"b'\x14\x00\x00\x00\x12\x00\x01\x03\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00'",
        "\"\\x14\\x00\\x00\\x00\\x12\\x00\\x01\\x03\"\n\"\\x07\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\"",
        "{ 0x14, 0x00, 0x00, 0x00, 0x12, 0, 1, 3, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }",
        "unsigned char request[] = { /* GETLINK */ 20, 0, 0, 0, 18, 0, 1, 3, // flags\n 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };",
        "[20, 0, 0, 0, 18, 0, 1, 3, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]",
        "0x14, 0x00, 0x00, 0x00, 0x12, 0x00, 0x01, 0x03, 0x07, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0",
        "00000000: 1400 0000 1200 0103 0700 0000 0000 0000  ................\n00000010: 0000 0000                                ....",
        "00000000  14 00 00 00 12 00 01 03  07 00 00 00 00 00 00 00  |................|\n00000010  00 00 00 00                                       |....|\n00000014",
        "0000000 0014 0000 0012 0301 0007 0000 0000 0000\n0000010 0000 0000\n0000014\n",
        "000000 14 00 00 00 12 00 01 03 07 00 00 00 00 00 00 00\n000010 00 00 00 00\n000014",
        "\t0x0000:  1400 0000 1200 0103 0700 0000 0000 0000\n\t0x0010:  0000 0000\n",
        " | 00000  14 00 00 00 12 00 01 03  07 00 00 00 00 00 00 00  ................ |\n | 00010  00 00 00 00                                       ....             |",
        "FAAAABIAAQMHAAAAAAAAAAAAAAA=",
        "FAAAABIAAQMHAAAA\nAAAAAAAAAAA\n",
    ];
    for text in cases {
        assert_eq!(bytes(text), GETLINK, "{text}");
    }
    let raw = read(&GETLINK).unwrap();
    assert_eq!(raw, [Found::new(GETLINK.to_vec())]);
}

#[test]
fn lines_of_strace_say_which_way_and_which_family() {
    let text = concat!(
        "socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 3<NETLINK:[ROUTE:1]>\n",
        "sendto(3<NETLINK:[ROUTE:4711]>, \"\\x14\\x00\\x00\\x00\\x12\\x00\", 20, 0, {sa_family=AF_NETLINK}, 12) = 20\n",
        "1234  recvmsg(3<NETLINK:[ROUTE:4711]>, {msg_iov=[{iov_base=\"\\24\\0\\0\\0\"..., iov_len=32768}]}, 0) = 20\n",
    );
    let found = read(text.as_bytes()).unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!((found[0].family, found[0].direction), (Some(Family::ROUTE), Some(Direction::Request)));
    assert_eq!((found[0].bytes.as_slice(), found[0].cut), (&[20, 0, 0, 0, 18, 0][..], false));
    assert_eq!((found[1].family, found[1].direction), (Some(Family::ROUTE), Some(Direction::Reply)));
    assert_eq!((found[1].bytes.as_slice(), found[1].cut), (&[20, 0, 0, 0][..], true));
}

#[test]
fn what_strace_dumps_is_of_the_call_before_it() {
    let text = concat!(
        "sendmsg(3<NETLINK:[ROUTE:1445]>, {msg_iov=[{iov_base=[{nlmsg_len=20, nlmsg_type=RTM_GETLINK}]}]}, 0) = 20\n",
        " * 20 bytes in buffer 0\n",
        " | 00000  14 00 00 00 12 00 01 03  07 00 00 00 00 00 00 00  ................ |\n",
        " | 00010  00 00 00 00                                       ....             |\n",
        "read(4</etc/passwd>, \"root\", 4) = 4\n",
        " | 00000  72 6f 6f 74                                       root             |\n",
        "recvmsg(3<NETLINK:[ROUTE:1445]>, {msg_flags=0}, 0) = 4\n",
        " * 4 bytes in buffer 0\n",
        " | 00000  10 00 00 00                                       ....             |\n",
    );
    let found = read(text.as_bytes()).unwrap();
    let expected = [(&GETLINK[..], Direction::Request), (&[16, 0, 0, 0], Direction::Reply)];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, (bytes, direction)) in found.iter().zip(expected) {
        assert_eq!((found.bytes.as_slice(), found.direction), (bytes, Some(direction)));
        assert_eq!(found.family, Some(Family::ROUTE));
    }
}

#[test]
fn several_messages_may_come_at_once() {
    let line = "1400000012000103070000000000000000000000\n";
    assert_eq!(read(line.repeat(3).as_bytes()).unwrap().len(), 3);
    let dump = "00000000  14 00 00 00 12 00 01 03  07 00 00 00 00 00 00 00  |................|\n00000010  00 00 00 00 |....|\n";
    let found = read(dump.repeat(2).as_bytes()).unwrap();
    assert!(found.len() == 2 && found.iter().all(|found| found.bytes == GETLINK), "{found:?}");
}

#[test]
fn a_packet_of_nlmon_names_its_family() {
    let text = format!("00040338000000000000000000000000 {}", "1400000012000103070000000000000000000000");
    let found = read(text.as_bytes()).unwrap();
    assert_eq!((found[0].family, found[0].bytes.as_slice()), (Some(Family::ROUTE), &GETLINK[..]));
}

#[test]
fn what_cannot_be_understood_is_said() {
    let error = |text: &str| read(text.as_bytes()).unwrap_err();
    assert_eq!(error(" \n"), NotationError::Empty);
    assert_eq!(error("140"), NotationError::Odd(3));
    assert!(matches!(error("14 0g"), NotationError::Unknown { at: 4, .. }), "{:?}", error("14 0g"));
    assert!(matches!(error("hello"), NotationError::Unknown { .. }));
    assert!(matches!(error("strace: Can't find 'nft'"), NotationError::Unknown { .. }));
    assert_eq!(error("{1, 2, 300}"), NotationError::Range("300".to_owned()));
    assert_eq!(error(r#""\q""#), NotationError::Escape('q'));
    let fields =
        "sendto(3, [{nlmsg_len=20, nlmsg_type=RTM_GETLINK}, {ifi_family=AF_UNSPEC}], 20, 0, NULL, 0) = 20";
    assert_eq!(error(fields), NotationError::Fields);
}

#[test]
fn any_text_is_survived() {
    let seeds = [
        "00000000: 1400 0000 1200  ....",
        "sendto(3<NETLINK:[ROUTE:1]>, \"\\x14\\24\"..., 20)",
        "{ 0x14, 20, -1 }",
        "FAAAABIAAQMHAAAAAAAAAAAAAAA=",
    ];
    let mut state = 1u64;
    for seed in seeds {
        for _ in 0..2000 {
            let mut text = seed.as_bytes().to_vec();
            for _ in 0..3 {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let at = (state >> 33) as usize % text.len();
                text[at] = (state >> 24) as u8;
            }
            let _ = read(&text);
        }
    }
}
