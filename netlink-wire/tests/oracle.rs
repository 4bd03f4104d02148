//! This crate against netlink-packet-core: two readers of one format must agree.

use netlink_packet_core::{DefaultNla, Emitable, NetlinkBuffer, NetlinkHeader, Nla, NlasIterator};
use netlink_wire::{AttributeType, Attributes, Flags, MessageType, Messages, PortId};

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
        assert_eq!(message.header.message_type, MessageType(header.message_type));
        assert_eq!(message.header.flags, Flags(header.flags));
        assert_eq!(message.header.sequence, header.sequence_number);
        assert_eq!(message.header.portid, PortId(header.port_number));
        let attributes: Vec<_> = Attributes::new(message.payload).map(Result::unwrap).collect();
        assert_eq!(attributes.len(), nlas.len());
        for (attribute, nla) in attributes.iter().zip(&nlas) {
            assert_eq!(attribute.number, AttributeType(nla.kind()));
            assert_eq!(attribute.value, vec![nla.kind() as u8; size]);
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
            let ours = Attributes::new(&bytes).next().map(|attribute| attribute.is_ok());
            assert_eq!(theirs, ours, "{length} in {available} bytes");
        }
    }
}
