//! The codec against netlink-packet-core: two readers and two writers of one format must agree.

use netlink_packet_core::{
    DefaultNla, Emitable, NLMSG_DONE, NetlinkBuffer, NetlinkHeader, Nla, NlasIterator,
};
use nltest::{
    Request,
    codec::{Messages, attributes, plain_text},
    pattern,
};

/// Every request, with payloads of every length up to a few alignments.
fn requests(payload: &[u8]) -> [Request<'_>; 8] {
    [
        Request::PlainText("Hello"),
        Request::Echo(payload),
        Request::Delay { us: 1_000_000, payload: Some(payload) },
        Request::Notify(None),
        Request::Notify(Some(payload)),
        Request::Burst { count: 1_000_000, size: 32_768, group: Some(1) },
        Request::Fail { errno: 4095, text: Some("no") },
        Request::Stats { padding: 7 },
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
            assert_eq!(theirs.message_type(), request.message_type());
            assert_eq!(theirs.port_number(), 0);
            let ours = Messages::new(&datagram).next().unwrap().unwrap();
            assert_eq!(theirs.payload(), ours.payload);
            if request.message_type() == 0 {
                continue;
            }
            let theirs: Vec<_> = NlasIterator::new(theirs.payload())
                .map(|nla| nla.map(|nla| (nla.kind(), nla.value().to_vec())).unwrap())
                .collect();
            let ours: Vec<_> = attributes(ours.payload)
                .map(|value| value.map(|value| (value.kind, value.bytes.to_vec())).unwrap())
                .collect();
            assert_eq!(theirs, ours, "{request:?}");
        }
    }
}

#[test]
fn we_read_what_netlink_packet_core_writes() {
    for size in 0..40 {
        let nlas: Vec<_> = (1..4).map(|kind| DefaultNla::new(kind, vec![kind as u8; size])).collect();
        let mut header = NetlinkHeader::default();
        header.message_type = 0x10;
        header.flags = 0x0103;
        header.sequence_number = u32::MAX;
        header.port_number = 77;
        let attributes_len = nlas.as_slice().buffer_len();
        header.length = (header.buffer_len() + attributes_len) as u32;
        let mut datagram = vec![0xff; header.length as usize];
        header.emit(&mut datagram[..16]);
        nlas.as_slice().emit(&mut datagram[16..]);

        let message = Messages::new(&datagram).next().unwrap().unwrap();
        assert_eq!(message.header.length, header.length);
        assert_eq!(message.header.message_type, header.message_type);
        assert_eq!(message.header.flags, header.flags);
        assert_eq!(message.header.sequence, header.sequence_number);
        assert_eq!(message.header.portid, header.port_number);
        let values: Vec<_> = attributes(message.payload).map(Result::unwrap).collect();
        assert_eq!(values.len(), nlas.len());
        for (value, nla) in values.iter().zip(&nlas) {
            assert_eq!(value.kind, nla.kind());
            assert_eq!(value.bytes, vec![nla.kind() as u8; size]);
        }
    }
}

#[test]
fn both_refuse_the_same_headers() {
    for available in 0..40_usize {
        for length in 0..48_u32 {
            let mut datagram = vec![0; available];
            let length_bytes = length.to_ne_bytes();
            let stored = available.min(4);
            datagram[..stored].copy_from_slice(&length_bytes[..stored]);
            let theirs = NetlinkBuffer::new_checked(&datagram[..]).is_ok();
            let ours = Messages::new(&datagram).next().is_some_and(|message| message.is_ok());
            assert_eq!(theirs, ours, "{length} in {available} bytes");
        }
    }
}

#[test]
fn both_refuse_the_same_attributes() {
    for available in 0..24_usize {
        for length in 0..28_u16 {
            let mut bytes = vec![0; available];
            let stored = available.min(2);
            bytes[..stored].copy_from_slice(&length.to_ne_bytes()[..stored]);
            let theirs = NlasIterator::new(&bytes[..]).next().map(|nla| nla.is_ok());
            let ours = attributes(&bytes).next().map(|value| value.is_ok());
            assert_eq!(theirs, ours, "{length} in {available} bytes");
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
