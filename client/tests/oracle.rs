//! The codec against netlink-packet-core: two readers and two writers of one format must agree.

use netlink_packet_core::{Emitable, NLMSG_DONE, NetlinkBuffer, NetlinkHeader, NlasIterator};
use netlink_wire::Attributes;
use nltest::{
    BurstTo, Request,
    codec::{Messages, plain_text},
    pattern,
};

/// Every request, with payloads of every length up to a few alignments.
fn requests(payload: &[u8]) -> [Request<'_>; 10] {
    [
        Request::PlainText("Hello"),
        Request::Echo(payload),
        Request::Delay { us: 1_000_000, payload: Some(payload) },
        Request::Notify(None),
        Request::Notify(Some(payload)),
        Request::Burst { count: 1_000_000, size: 32_768, to: BurstTo::Group(1) },
        Request::Fail { errno: 4095, text: Some("no") },
        Request::Stats { padding: 7 },
        Request::Parts { count: 1, size: 0, errno: Some(5), stall: true },
        Request::SetErr { errno: 5 },
    ]
}

#[test]
fn netlink_packet_core_reads_what_we_write() {
    for size in (0..40).chain([32_767, 32_768]) {
        let payload = pattern(7, size);
        for request in requests(&payload) {
            let mut datagram = Vec::new();
            request.encode(0x0102_0304, &mut datagram).unwrap();
            let theirs = NetlinkBuffer::new_checked(&datagram[..]).unwrap();
            assert_eq!(theirs.sequence_number(), 0x0102_0304);
            assert_eq!(theirs.message_type(), request.message_type().0);
            assert_eq!(theirs.port_number(), 0);
            let ours = Messages::new(&datagram).next().unwrap().unwrap();
            assert_eq!(theirs.payload(), ours.payload);
            if request.message_type() == nltest::uapi::PLAIN_TEXT {
                continue;
            }
            let theirs: Vec<_> = NlasIterator::new(theirs.payload())
                .map(|nla| nla.map(|nla| (nla.kind(), nla.value().to_vec())).unwrap())
                .collect();
            let ours: Vec<_> = Attributes::new(ours.payload)
                .map(Result::unwrap)
                .map(|attribute| (attribute.number.0, attribute.value.to_vec()))
                .collect();
            assert_eq!(theirs, ours, "{request:?}");
        }
    }
}

#[test]
fn the_plain_answer_is_a_done_with_a_text() {
    let text = b"Hello from kernel unicast\0";
    let mut header = NetlinkHeader::default();
    header.message_type = NLMSG_DONE;
    header.length = 16 + text.len() as u32;
    let mut datagram = vec![0; 16];
    header.emit(&mut datagram);
    datagram.extend(text);
    let message = Messages::new(&datagram).next().unwrap().unwrap();
    assert_eq!(plain_text(&message), nltest::uapi::UNICAST_TEXT);
}
