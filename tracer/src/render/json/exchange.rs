//! `trace --json`: exchanges, notifications and messages that answer nothing, an object a line.

mod result;
mod start;
#[cfg(test)]
mod tests;

use netlink_specs::Direction as Way;
use netlink_wire::until_nul;

use super::{
    object::Object,
    trace::{decoded::write_decoded, write_flags},
    tree::tree_json,
};
use crate::{
    decode::{Decoded, Family, FlagNames, TypeName, group_name, tree::Decoder},
    model::{
        Asker, AskerKind, LostEvents, Thread,
        exchange::{Delivered, Direction, Exchange, Line, Sent, Unasked},
        socket::SocketOption,
    },
    render::{Surroundings, buffer::Buffer, decoding::Decoding},
};

pub use start::{Start, start_json};

/// Writes lines.
#[derive(Debug, Default)]
pub struct ExchangeJson {
    decoding: Decoding,
}

impl ExchangeJson {
    /// Lines whose messages are decoded so.
    pub fn new(decoder: Decoder) -> Self {
        Self { decoding: Decoding::new(decoder) }
    }

    /// Appends a line, with its line break.
    pub fn write(&mut self, out: &mut Buffer, line: &Line, around: &mut dyn Surroundings) {
        let mut object = Object::begin(out);
        match line {
            Line::Exchange(exchange) => self.exchange(&mut object, exchange, around),
            Line::Unasked(unasked) => self.unasked(&mut object, unasked, around),
        }
        object.end();
        out.raw(b"\n");
    }

    fn exchange(&mut self, object: &mut Object<'_>, exchange: &Exchange, around: &mut dyn Surroundings) {
        let request = &exchange.request;
        object.key("event").raw(b"\"exchange\"");
        object.number("id", exchange.id);
        endpoint(object, request);
        options(object, request);
        addresses(object, request);
        object.number("dst_portid", 0u32);
        groups(object, &exchange.dst_groups);
        who(object, request, around);
        asker(object, request.asker.as_deref());
        self.content(object, request, Way::Request);
        result::write(object, exchange, self.decoding.decoder());
        match &exchange.answer_messages {
            Some(answers) => {
                object.list("answer_messages", answers, |object, answer| self.answer(object, answer));
            }
            None => object.null("answer_messages"),
        }
    }

    fn answer(&mut self, object: &mut Object<'_>, answer: &Sent) {
        object.number("ts_ns", answer.ts_ns);
        self.content(object, answer, Way::Reply);
    }

    fn unasked(&mut self, object: &mut Object<'_>, unasked: &Unasked, around: &mut dyn Surroundings) {
        let message = &unasked.message;
        object.key("event").raw(if unasked.is_notification() { b"\"notify\"" } else { b"\"message\"" });
        object.number("id", unasked.id);
        object.key("direction").json_text(unasked.direction.name().as_bytes());
        endpoint(object, message);
        addresses(object, message);
        object.maybe("group", unasked.group);
        let group = unasked.group.and_then(|group| group_name(message.family, group));
        object.text("group_name", group.map(str::as_bytes));
        who(object, message, around);
        let context = message.context.map(|context| context.name().as_bytes());
        object.text("context", context);
        let way = if unasked.direction == Direction::KernelToUser { Way::Reply } else { Way::Request };
        self.content(object, message, way);
        object.maybe("listeners", unasked.listeners);
        object.maybe("dropped", unasked.dropped);
        object.object("caused_by", unasked.caused_by, |object, cause| {
            object.maybe("exchange", cause.exchange);
            object.number("pid", cause.who.pid);
            object.number("tid", cause.who.tid);
            object.text("comm", Some(cause.who.name()));
            type_name(object, cause.family, cause.nlmsg_type);
            object.maybe("seq", cause.seq);
        });
        match &unasked.deliveries {
            Some(deliveries) => object.list("deliveries", deliveries, delivery),
            None => object.null("deliveries"),
        }
    }

    /// What the message is: its header, its bytes and what they say.
    fn content(&mut self, object: &mut Object<'_>, sent: &Sent, way: Way) {
        let family = sent.family;
        let message = sent.message();
        let nlmsg_type = message.header.map(|header| header.message_type.0);
        object.maybe("type", nlmsg_type);
        type_name(object, family, nlmsg_type);
        let generic = message
            .payload
            .first_chunk::<2>()
            .filter(|_| family == Family::GENERIC && nlmsg_type >= Some(16));
        object.maybe("cmd", generic.map(|bytes| bytes[0]));
        object.maybe("cmd_version", generic.map(|bytes| bytes[1]));
        match message.header {
            Some(header) => {
                let out = object.key("flags");
                out.raw(b"[");
                write_flags(out, FlagNames::new(family, header.message_type, header.flags));
                out.raw(b"]");
                object.number("seq", header.sequence);
                object.number("len", header.length);
            }
            None => {
                object.null("flags");
                object.null("seq");
                object.null("len");
            }
        }
        let out = object.key("payload");
        out.raw(b"\"");
        out.hex(message.payload);
        out.raw(b"\"");
        object.flag("payload_truncated", Some(message.truncated));
        let out = object.key("decoded");
        match Decoded::of(family, &message) {
            Some(decoded) if family == Family::NLTEST || matches!(decoded, Decoded::Status(_)) => {
                write_decoded(out, decoded);
            }
            _ => self.decoding.decode(family, &message, way, |tree| match tree.is_described() {
                true => tree_json(out, tree, &()),
                false => out.raw(b"null"),
            }),
        }
        object.object("datagram", Some(sent.place), |object, place| {
            object.number("id", place.datagram);
            object.number("index", place.index);
            object.maybe("of", place.of);
        });
    }
}

/// When, and on which socket.
fn endpoint(object: &mut Object<'_>, sent: &Sent) {
    object.number("ts_ns", sent.ts_ns);
    object.maybe("cpu", sent.cpu);
    object.number("family", sent.family.number());
    object.text("family_name", sent.family.name().map(str::as_bytes));
    object.number("netns", sent.netns);
    object.maybe("netns_cookie", sent.netns_cookie);
    object.maybe("socket_inode", sent.socket_inode);
}

fn addresses(object: &mut Object<'_>, sent: &Sent) {
    object.number("portid", sent.portid);
    object.maybe("nlmsg_pid", sent.header().map(|header| header.portid.0));
}

fn options(object: &mut Object<'_>, sent: &Sent) {
    match sent.options() {
        Some(options) => object.names("socket_options", options.map(SocketOption::name)),
        None => object.null("socket_options"),
    }
}

fn groups(object: &mut Object<'_>, groups: &[u32]) {
    let out = object.key("dst_groups");
    out.raw(b"[");
    for (index, group) in groups.iter().enumerate() {
        out.raw(if index == 0 { b"" } else { b"," });
        out.number(u64::from(*group));
    }
    out.raw(b"]");
}

fn who(object: &mut Object<'_>, sent: &Sent, around: &mut dyn Surroundings) {
    object.number("pid", sent.who.pid);
    object.number("tid", sent.who.tid);
    object.text("comm", Some(sent.who.name()));
    object.maybe("uid", sent.uid);
    let cgroup = sent.cgroup.and_then(|number| around.cgroup(number));
    object.text("cgroup", cgroup.map(str::as_bytes));
}

/// More about who asked.
fn asker(object: &mut Object<'_>, asker: Option<&Asker>) {
    let kind = asker.map(|asker| match asker.kind {
        AskerKind::Process => b"process".as_slice(),
        AskerKind::Kernel => b"kworker",
        AskerKind::IoWorker => b"io_worker",
    });
    object.text("thread", kind);
    object.text("exe", asker.and_then(|asker| asker.executable.as_deref()));
    object.object("parent", asker.and_then(|asker| asker.parent), |object, parent| {
        object.number("pid", parent.pid);
        object.text("comm", Some(until_nul(&parent.comm)));
    });
}

/// A thread in an object of its own.
fn thread(object: &mut Object<'_>, thread: Thread) {
    object.number("pid", thread.pid);
    object.number("tid", thread.tid);
    object.text("comm", Some(thread.name()));
}

fn type_name(object: &mut Object<'_>, family: Family, nlmsg_type: Option<u16>) {
    let name = nlmsg_type.and_then(|number| TypeName::of(family, number)).map(|name| name.to_string());
    object.text("type_name", name.as_deref().map(str::as_bytes));
}

fn delivery(object: &mut Object<'_>, delivered: &Delivered) {
    object.maybe("socket_inode", delivered.socket_inode);
    object.number("portid", delivered.portid);
    object.maybe("pid", delivered.owner.map(|owner| owner.pid));
    object.text("comm", delivered.owner.as_ref().map(|owner| until_nul(&owner.comm)));
    object.number("netns", delivered.netns);
    object.signed("nsid", delivered.nsid);
    object.key("result").raw(if delivered.queued { b"\"queued\"" } else { b"\"overrun\"" });
    object.maybe("queue_ns", delivered.queue_ns);
    object.object("read_by", delivered.read_by, thread);
}

/// The object that says that events were lost, with its line break.
pub fn lost_json(out: &mut Buffer, lost: &LostEvents) {
    let mut object = Object::begin(out);
    object.key("event").raw(b"\"lost\"");
    object.number("count", lost.count);
    object.number("from_ns", lost.from_ns);
    object.number("to_ns", lost.to_ns);
    object.end();
    out.raw(b"\n");
}
