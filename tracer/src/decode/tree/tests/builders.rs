//! Messages as their programs build them.

use super::*;

pub(super) const SOCK_DIAG: Family = Family::SOCK_DIAG;
pub(super) const CONNECTOR: Family = Family::from_number(11);

pub(super) fn be16(number: u16) -> [u8; 2] {
    number.to_be_bytes()
}

pub(super) fn be32(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

pub(super) fn ne32(number: u32) -> [u8; 4] {
    number.to_ne_bytes()
}

/// A nest.
pub(super) fn nest(number: u16, parts: &[Vec<u8>]) -> Vec<u8> {
    attribute(number | 0x8000, &parts.concat())
}

pub(super) fn request(nlmsg_type: u16, header: &[u8], attributes: &[Vec<u8>]) -> Vec<u8> {
    whole(nlmsg_type, 0x605, &[header, &attributes.concat()].concat())
}

pub(super) fn text(number: u16, text: &str) -> Vec<u8> {
    attribute(number, &[text.as_bytes(), b"\0"].concat())
}

pub(super) fn ifinfo(index: u32, flags: u32, change: u32) -> Vec<u8> {
    [&[0, 0, 0, 0][..], &ne32(index), &ne32(flags), &ne32(change)].concat()
}

pub(super) fn rtmsg(destination_len: u8, table: u8, protocol: u8, scope: u8, kind: u8) -> [u8; 12] {
    [2, destination_len, 0, 0, table, protocol, scope, kind, 0, 0, 0, 0]
}

pub(super) fn tuple(number: u16, from: ([u8; 4], u16), to: ([u8; 4], u16)) -> Vec<u8> {
    let addresses = nest(1, &[attribute(1, &from.0), attribute(2, &to.0)]);
    let ports = [attribute(1, &[6]), attribute(2, &be16(from.1)), attribute(3, &be16(to.1))];
    nest(number, &[addresses, nest(2, &ports)])
}

pub(super) fn selector(source: u8, destination: u8) -> Vec<u8> {
    let mut bytes = [&[10, 1, 0, 0][..], &[0; 12], &[10, 0, 0, 0], &[0; 12], &[0; 8]].concat();
    bytes.extend(2u16.to_ne_bytes());
    bytes.extend([destination, source, 0, 0, 0, 0]);
    bytes.extend([0; 8]);
    bytes
}

pub(super) fn xfrm_policy() -> Vec<u8> {
    let mut bytes = selector(8, 16);
    bytes.extend([0xff; 32]);
    bytes.extend([0; 64]);
    bytes.extend([ne32(100), ne32(0)].concat());
    bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

pub(super) fn xfrm_template() -> Vec<u8> {
    let mut bytes = [&[192, 0, 2, 2][..], &[0; 12], &be32(0), &[50, 0, 0, 0]].concat();
    bytes.extend(2u16.to_ne_bytes());
    bytes.extend([0, 0, 192, 0, 2, 1]);
    bytes.extend([0; 12]);
    bytes.extend(ne32(1));
    bytes.extend([1, 0, 0, 0]);
    bytes.extend([0xff; 12]);
    bytes
}
