//! What became of a multicast's copies.

use netlink_wire::until_nul;

use super::number;
use crate::{
    model::{Copies, Delivery, Holder},
    render::buffer::Buffer,
};

/// `,"listeners":…,"dropped":…,"deliveries":…`
pub(super) fn write_copies(out: &mut Buffer, copies: &Copies<'_>) {
    out.raw(b",\"listeners\":");
    number(out, copies.queued);
    out.raw(b",\"dropped\":");
    number(out, copies.dropped);
    let Some(each) = copies.each else { return out.raw(b",\"deliveries\":null") };
    out.raw(b",\"deliveries\":[");
    for (index, delivery) in each.iter().enumerate() {
        out.raw(if index == 0 { b"" } else { b"," });
        write_delivery(out, delivery);
    }
    out.raw(b"]");
}

fn write_delivery(out: &mut Buffer, delivery: &Delivery) {
    out.raw(b"{\"socket_inode\":");
    match delivery.socket_inode {
        Some(inode) => out.number(inode),
        None => out.raw(b"null"),
    }
    out.raw(b",\"portid\":");
    out.number(u64::from(delivery.portid));
    match &delivery.owner {
        Some(Holder { pid, comm }) => {
            out.raw(b",\"pid\":");
            out.number(u64::from(*pid));
            out.raw(b",\"comm\":");
            out.json_text(until_nul(comm));
        }
        None => out.raw(b",\"pid\":null,\"comm\":null"),
    }
    out.raw(b",\"netns\":");
    out.number(u64::from(delivery.netns));
    out.raw(b",\"nsid\":");
    match delivery.nsid {
        Some(nsid) => out.signed(i64::from(nsid)),
        None => out.raw(b"null"),
    }
    out.raw(b",\"result\":\"");
    out.raw(if delivery.queued { b"queued" } else { b"overrun" });
    out.raw(b"\"}");
}
