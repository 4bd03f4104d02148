//! `trace --json`: exchanges, notifications and messages that answer nothing, an object a line.

mod repeated;
mod result;
mod start;
#[cfg(test)]
mod tests;

use netlink_specs::Direction as Way;
use netlink_wire::{Header, until_nul};
use repeated::Repeated;

use super::{
    drops::drop_json,
    object::Object,
    trace::{decoded::write_decoded, write_flags},
    tree::tree_json,
};
use crate::{
    decode::{
        Decoded, Family, FlagNames, Message, group_name,
        tree::{Decoder, GenericFamilies},
    },
    model::{
        Asker, AskerKind, LostEvents, Thread,
        drops::DropRow,
        exchange::{Delivered, Direction, Exchange, Line, Sent, Unasked},
        socket::SocketOption,
    },
    render::{Surroundings, buffer::Buffer, decoding::Decoding, values::InterfacesAt},
};

pub use start::{Start, start_json};

/// Writes lines.
#[derive(Debug, Default)]
pub struct ExchangeJson {
    decoding: Decoding,
    heads: Repeated<Head>,
    /// The last control group whose path was found.
    cgroup: Option<u64>,
    kinds: Repeated<Kind>,
    payload: Payload,
    results: Repeated<result::Plain>,
    ends: Repeated<result::PlainEnd>,
}

/// What a request's fields between its time and its type are made of. A control group has the same path for
/// as long as it is there.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    cpu: Option<u32>,
    family: Family,
    netns: u32,
    netns_cookie: Option<u64>,
    socket_inode: Option<u64>,
    socket_options: Option<u32>,
    portid: u32,
    who: Thread,
    uid: Option<u32>,
    cgroup: Option<u64>,
    nlmsg_pid: Option<u32>,
}

/// What the fields of a message's type are made of.
type Kind = (Family, Option<(u16, u16)>, Option<[u8; 2]>);

/// Bytes of a payload that is kept, at most.
const KEPT_PAYLOAD: usize = 1024;

/// The last payload and its meaning, and what they are made of.
#[derive(Debug, Default)]
struct Payload {
    key: Option<(Family, Way, u16, u16, u32)>,
    bytes: Vec<u8>,
    text: Vec<u8>,
}

impl ExchangeJson {
    /// Lines whose messages are decoded so.
    pub fn new(decoder: Decoder) -> Self {
        Self { decoding: Decoding::new(decoder), ..Self::default() }
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

    /// What messages are decoded with.
    pub fn decoder_mut(&mut self) -> &mut Decoder {
        self.decoding.decoder_mut()
    }

    /// Appends a line about a drop, with its line break.
    pub fn dropped(&self, out: &mut Buffer, row: &DropRow) {
        drop_json(out, &row.clone().named(&self.decoding.decoder().generic));
    }

    fn exchange(&mut self, object: &mut Object<'_>, exchange: &Exchange, around: &mut dyn Surroundings) {
        let request = &exchange.request;
        object.key("event").raw(b"\"exchange\"");
        object.number("id", exchange.id);
        object.number("ts_ns", request.ts_ns);
        self.head(object, exchange, around);
        asker(object, request.asker.as_deref());
        self.content(object, request, Way::Request, around);
        result::write(object, exchange, self.decoding.decoder(), &mut self.results, &mut self.ends);
        match &exchange.answer_messages {
            Some(answers) => {
                object.list("answer_messages", answers, |object, answer| {
                    self.answer(object, answer, around);
                });
            }
            None => object.null("answer_messages"),
        }
    }

    /// Who asks, and on which socket.
    fn head(&mut self, object: &mut Object<'_>, exchange: &Exchange, around: &mut dyn Surroundings) {
        let request = &exchange.request;
        let cgroup = |around: &mut dyn Surroundings| {
            request.cgroup.and_then(|number| around.cgroup(number).map(str::to_owned))
        };
        let write = |object: &mut Object<'_>, cgroup: Option<String>| {
            place(object, request);
            options(object, request);
            addresses(object, request);
            object.number("dst_portid", 0u32);
            groups(object, &exchange.dst_groups);
            who(object, request, cgroup.as_deref());
        };
        // A control group that is not found may be found later.
        if !exchange.dst_groups.is_empty() || !self.finds(request.cgroup, around) {
            return write(object, cgroup(around));
        }
        let Sent { cpu, family, netns, netns_cookie, socket_inode, socket_options, portid, .. } = *request;
        let Sent { who, uid, cgroup: group, .. } = *request;
        let nlmsg_pid = request.header().map(|header| header.portid.0);
        let key = Head {
            cpu,
            family,
            netns,
            netns_cookie,
            socket_inode,
            socket_options,
            portid,
            who,
            uid,
            cgroup: group,
            nlmsg_pid,
        };
        let hint = u64::from(who.tid) ^ u64::from(portid) << 32 ^ u64::from(family.number()) << 20;
        self.heads.write(object, hint, key, |object| write(object, cgroup(around)));
    }

    /// Whether the path of a control group is known, or there is none.
    fn finds(&mut self, cgroup: Option<u64>, around: &mut dyn Surroundings) -> bool {
        let Some(number) = cgroup else { return true };
        if self.cgroup != Some(number) && around.cgroup(number).is_some() {
            self.cgroup = Some(number);
        }
        self.cgroup == Some(number)
    }

    fn answer(&mut self, object: &mut Object<'_>, answer: &Sent, around: &dyn Surroundings) {
        object.number("ts_ns", answer.ts_ns);
        self.content(object, answer, Way::Reply, around);
    }

    fn unasked(&mut self, object: &mut Object<'_>, unasked: &Unasked, around: &mut dyn Surroundings) {
        let message = &unasked.message;
        object.key("event").raw(if unasked.is_notification() { b"\"notify\"" } else { b"\"message\"" });
        object.number("id", unasked.id);
        object.key("direction").json_text(unasked.direction.name().as_bytes());
        object.number("ts_ns", message.ts_ns);
        place(object, message);
        addresses(object, message);
        object.maybe("group", unasked.group);
        let generic = &self.decoding.decoder().generic;
        let learned = unasked
            .group
            .filter(|_| message.family == Family::GENERIC)
            .and_then(|group| generic.group_name(group));
        let group = unasked.group.and_then(|group| group_name(message.family, group));
        object.text("group_name", group.or(learned.as_deref()).map(str::as_bytes));
        who(object, message, message.cgroup.and_then(|number| around.cgroup(number)));
        let context = message.context.map(|context| context.name().as_bytes());
        object.text("context", context);
        let way = if unasked.direction == Direction::KernelToUser { Way::Reply } else { Way::Request };
        self.content(object, message, way, around);
        object.maybe("listeners", unasked.listeners);
        object.maybe("dropped", unasked.dropped);
        object.object("caused_by", unasked.caused_by, |object, cause| {
            object.maybe("exchange", cause.exchange);
            object.number("pid", cause.who.pid);
            object.number("tid", cause.who.tid);
            object.text("comm", Some(cause.who.name()));
            type_name(object, &self.decoding.decoder().generic, cause.family, cause.nlmsg_type);
            object.maybe("seq", cause.seq);
        });
        match &unasked.deliveries {
            Some(deliveries) => object.list("deliveries", deliveries, delivery),
            None => object.null("deliveries"),
        }
    }

    /// What the message is: its header, its bytes and what they say.
    fn content(&mut self, object: &mut Object<'_>, sent: &Sent, way: Way, around: &dyn Surroundings) {
        let family = sent.family;
        let message = sent.message();
        let kind = message.header.map(|header| (header.message_type.0, header.flags.0));
        let nlmsg_type = kind.map(|(nlmsg_type, _)| nlmsg_type);
        let is_generic = family == Family::GENERIC && nlmsg_type >= Some(16);
        let generic = message.payload.first_chunk::<2>().filter(|_| is_generic).copied();
        let hint = kind.map_or(0, |(nlmsg_type, flags)| u64::from(nlmsg_type) << 16 | u64::from(flags));
        let families = &self.decoding.decoder().generic;
        let write = |object: &mut Object<'_>| {
            object.maybe("type", nlmsg_type);
            type_name(object, families, family, nlmsg_type);
            object.maybe("cmd", generic.map(|[command, _]| command));
            object.maybe("cmd_version", generic.map(|[_, version]| version));
            match message.header {
                Some(header) => {
                    let out = object.key("flags");
                    out.raw(b"[");
                    write_flags(out, FlagNames::new(family, header.message_type, header.flags));
                    out.raw(b"]");
                }
                None => object.null("flags"),
            }
        };
        // What a number of generic netlink means may change.
        if is_generic {
            write(object);
        } else {
            self.kinds.write(object, hint, (family, kind, generic), write);
        }
        object.maybe("seq", message.header.map(|header| header.sequence));
        object.maybe("len", message.header.map(|header| header.length));
        self.payload(object, &message, sent, way, around);
        object.object("datagram", Some(sent.place), |object, place| {
            object.number("id", place.datagram);
            object.number("index", place.index);
            object.maybe("of", place.of);
        });
    }

    /// The bytes of a message, and what they say.
    fn payload(
        &mut self,
        object: &mut Object<'_>,
        message: &Message<'_>,
        sent: &Sent,
        way: Way,
        around: &dyn Surroundings,
    ) {
        let family = sent.family;
        // What generic netlink's numbers and those of interfaces mean is learned meanwhile.
        let is_fixed = family == Family::NLTEST || family != Family::GENERIC && !around.has_interfaces();
        let key = message.header.filter(|_| is_fixed).map(|header| {
            let Header { message_type, flags, length, .. } = header;
            (family, way, message_type.0, flags.0, length)
        });
        if key.is_some()
            && self.payload.key == key
            && self.payload.bytes == message.payload
            && !message.truncated
        {
            return object.again(&self.payload.text);
        }
        let from = object.place();
        let out = object.key("payload");
        out.raw(b"\"");
        out.hex(message.payload);
        out.raw(b"\"");
        object.flag("payload_truncated", Some(message.truncated));
        let out = object.key("decoded");
        match Decoded::of(family, message) {
            Some(decoded) if family == Family::NLTEST || matches!(decoded, Decoded::Status(_)) => {
                write_decoded(out, decoded);
            }
            _ => self.decoding.decode(family, message, way, |tree| match tree.is_described() {
                true => {
                    let interfaces = InterfacesAt { around, netns: sent.netns, ts_ns: sent.ts_ns };
                    tree_json(out, tree, &interfaces);
                }
                false => out.raw(b"null"),
            }),
        }
        // A large one is not kept: it would be copied for nothing.
        let is_kept = key.is_some() && !message.truncated && message.payload.len() <= KEPT_PAYLOAD;
        self.payload.key = key.filter(|_| is_kept);
        if is_kept {
            self.payload.bytes.clear();
            self.payload.bytes.extend_from_slice(message.payload);
            self.payload.text.clear();
            self.payload.text.extend_from_slice(object.since(from));
        }
    }
}

/// On which socket.
fn place(object: &mut Object<'_>, sent: &Sent) {
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

fn who(object: &mut Object<'_>, sent: &Sent, cgroup: Option<&str>) {
    object.number("pid", sent.who.pid);
    object.number("tid", sent.who.tid);
    object.text("comm", Some(sent.who.name()));
    object.maybe("uid", sent.uid);
    object.text("cgroup", cgroup.map(str::as_bytes));
}

/// More about who asked.
fn asker(object: &mut Object<'_>, asker: Option<&Asker>) {
    let kind = asker.and_then(|asker| asker.kind).map(|kind| match kind {
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

fn type_name(object: &mut Object<'_>, families: &GenericFamilies, family: Family, nlmsg_type: Option<u16>) {
    let name = nlmsg_type.and_then(|number| families.type_name(family, number));
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
