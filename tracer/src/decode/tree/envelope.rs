//! What is around the attributes, family by family.

use netlink_specs::{Direction, Operation};
use netlink_wire::{Attributes, Errno, Header, MessageType, align};

use super::{
    attributes::{Part, Walk},
    decoder::{Decoder, PAYLOAD},
    generic::apart,
    known,
    node::{Name, Value},
};
use crate::decode::Family;

/// Bytes of a `struct genlmsghdr`.
const GENERIC_HEADER: usize = 4;

/// `NETLINK_CONNECTOR`: its messages have the type of `NLMSG_DONE`.
const CONNECTOR: Family = Family::from_number(11);

/// `NLM_F_DUMP` in a request.
const DUMP: u16 = 0x301;

/// linux/audit.h: below are requests and what answers them, from here on text.
const AUDIT_TEXT: u16 = 1100;

impl Decoder {
    pub(super) fn message<'a>(
        &self,
        walk: &mut Walk<'_, 'a>,
        family: Family,
        header: &Header,
        part: Part<'a>,
        direction: Option<Direction>,
    ) {
        let number = header.message_type.0;
        match family {
            CONNECTOR => {
                self.plain(walk, family, header, part, direction);
                return self.process_event(walk, part);
            }
            Family::NLTEST if number == MessageType::DONE.0 => return walk.text(family, part),
            _ => {}
        }
        match header.message_type {
            MessageType::ERROR => return self.error(walk, family, header, part),
            MessageType::DONE => return walk.done(part),
            kind if kind.is_control() && family != Family::NLTEST => return walk.rest(part),
            _ => {}
        }
        match family {
            Family::GENERIC => self.generic(walk, header, part, direction),
            Family::NLTEST if number == 0 => walk.text(family, part),
            Family::AUDIT if number >= AUDIT_TEXT => walk.text(family, part),
            _ => self.plain(walk, family, header, part, direction),
        }
    }

    /// The operation that a message is of, whatever its family.
    pub(super) fn operation_of(
        &self,
        family: Family,
        header: &Header,
        payload: &[u8],
        direction: Option<Direction>,
    ) -> Option<Operation> {
        let number = header.message_type.0;
        let first = payload.first().copied();
        self.operation(header, direction, |table, direction| match family {
            Family::GENERIC => {
                let name = self.generic.name(number)?;
                table.generic(name.as_bytes())?.operation(direction, first?.into())
            }
            Family::SOCK_DIAG => {
                let name = socket_spec(first?)?;
                let spec = table.specs().find(|spec| spec.name() == name)?;
                spec.operation(direction, number)
            }
            _ => table.operation(family.number(), direction, number),
        })
    }

    /// A struct, if the specification has one, and attributes.
    fn plain<'a>(
        &self,
        walk: &mut Walk<'_, 'a>,
        family: Family,
        header: &Header,
        part: Part<'a>,
        direction: Option<Direction>,
    ) {
        let found = self.operation_of(family, header, part.bytes, direction);
        match found {
            // xfrm's dumps have no struct before their attributes.
            Some(operation) if family == Family::XFRM && header.flags.0 & DUMP == DUMP => {
                walk.attributes(part, operation.set(), None);
            }
            Some(operation) => walk.operation(operation, part),
            None if family == Family::NETFILTER => walk.netfilter(part),
            None => walk.rest(part),
        }
    }

    fn generic<'a>(
        &self,
        walk: &mut Walk<'_, 'a>,
        header: &Header,
        part: Part<'a>,
        direction: Option<Direction>,
    ) {
        let [command, version, ..] = *part.bytes else { return walk.rest(part) };
        walk.tree.push(Name::Known("cmd"), Value::Number(command.into()), part.offset);
        walk.tree.push(Name::Known("version"), Value::Number(version.into()), part.offset + 1);
        let found = self.operation_of(Family::GENERIC, header, part.bytes, direction);
        let after = part.after(GENERIC_HEADER);
        let first = walk.tree.nodes.len();
        match found {
            Some(operation) => {
                walk.tree.push(Name::Known("command"), Value::Text(operation.name().as_bytes()), part.offset);
                walk.operation(operation, after);
                for node in walk.tree.nodes.iter_mut().skip(first + 1) {
                    node.name = apart(node.name);
                }
            }
            // Attributes of a family that nobody describes, as far as they look like some.
            None if Attributes::new(after.bytes).all(|attribute| attribute.is_ok()) => {
                walk.attributes(after, None, None);
            }
            None => walk.rest(after),
        }
    }

    /// `struct nlmsgerr`: the error, the header of the request or all of it, and what the kernel says of it.
    fn error<'a>(&self, walk: &mut Walk<'_, 'a>, family: Family, header: &Header, part: Part<'a>) {
        let Some(code) = walk.code(part) else { return };
        let about = part.after(4);
        let Some(request) = Header::parse(about.bytes) else { return walk.missing(about) };
        let shown = if header.flags.contains(netlink_wire::Flags::CAPPED) || code == 0 {
            PAYLOAD
        } else {
            align(request.length as usize)
        };
        let open = walk.tree.open(Name::Known("request"), Value::Nest, about.offset);
        let of = |tree: &mut super::Tree<'a>, name, number: u64, offset| {
            tree.push(Name::Known(name), Value::Number(number), offset);
        };
        of(walk.tree, "len", request.length.into(), about.offset);
        of(walk.tree, "type", request.message_type.0.into(), about.offset + 4);
        if let Some(name) = crate::decode::TypeName::of(family, request.message_type) {
            let name = match name {
                crate::decode::TypeName::Named(name) | crate::decode::TypeName::Netfilter(_, Ok(name)) => {
                    name
                }
                crate::decode::TypeName::Netfilter(subsystem, Err(_)) => subsystem,
            };
            walk.tree.push(Name::Known("type_name"), Value::Text(name.as_bytes()), about.offset + 4);
        }
        of(walk.tree, "seq", request.sequence.into(), about.offset + 8);
        of(walk.tree, "portid", request.portid.0.into(), about.offset + 12);
        walk.tree.close(open);
        if header.flags.contains(netlink_wire::Flags::ACK_TLVS) {
            let spec = self.tables().find_map(|table| table.specs().find(|spec| spec.name() == "netlink"));
            let set = spec.and_then(|spec| spec.sets().find(|set| set.name() == "extack"));
            walk.attributes(about.after(shown), set, None);
        } else if part.missing != 0 {
            walk.missing(about.after(about.bytes.len()));
        }
    }
}

/// sock_diag: the first byte of a request and of an answer, an address family, says what follows.
fn socket_spec(family: u8) -> Option<&'static str> {
    Some(match u16::from(family) {
        known::INET | known::INET6 => "sock-diag-inet",
        known::UNIX => "sock-diag-unix",
        known::NETLINK => "sock-diag-netlink",
        known::PACKET => "sock-diag-packet",
        known::VSOCK => "sock-diag-vsock",
        known::XDP => "sock-diag-xdp",
        _ => return None,
    })
}

impl<'a> Walk<'_, 'a> {
    /// What an operation's messages have.
    fn operation(&mut self, operation: Operation, part: Part<'a>) {
        let after = match operation.header() {
            Some(header) => self.header(header, part),
            None => part,
        };
        match operation.set() {
            Some(set) => self.attributes(after, Some(set), None),
            None if operation.header().is_some() => self.more(after),
            None => self.rest(after),
        }
    }

    /// Bytes that nobody describes.
    pub(super) fn rest(&mut self, part: Part<'a>) {
        if !part.bytes.is_empty() || part.missing != 0 {
            let node = self.tree.push(Name::Known("data"), Value::Bytes(part.bytes), part.offset);
            node.cut = part.missing != 0;
        }
    }

    fn missing(&mut self, part: Part<'a>) {
        self.more(part);
    }

    /// `struct nfgenmsg` of a subsystem without a specification, and what follows.
    fn netfilter(&mut self, part: Part<'a>) {
        let [family, version, a, b, ..] = *part.bytes else { return self.rest(part) };
        let name = known::address_family(family.into());
        self.tree.push(Name::Known("nfgen_family"), Value::Enum(family.into(), name), part.offset);
        self.tree.push(Name::Known("version"), Value::Number(version.into()), part.offset + 1);
        let resource = u16::from_be_bytes([a, b]);
        self.tree.push(Name::Known("res_id"), Value::Number(resource.into()), part.offset + 2);
        self.attributes(part.after(4), None, None);
    }

    /// The error at the start of a message about one.
    fn code(&mut self, part: Part<'a>) -> Option<i32> {
        let Some(bytes) = part.bytes.first_chunk::<4>() else {
            self.rest(part);
            return None;
        };
        let code = i32::from_ne_bytes(*bytes);
        self.tree.push(Name::Known("error"), Value::Signed(code.into()), part.offset);
        if let Some(name) = Errno::from_code(code).and_then(Errno::name) {
            self.tree.push(Name::Known("errno"), Value::Text(name.as_bytes()), part.offset);
        }
        Some(code)
    }

    /// The end of a dump.
    fn done(&mut self, part: Part<'a>) {
        if part.bytes.is_empty() && part.missing == 0 {
            return;
        }
        if self.code(part).is_some() {
            self.more(part.after(4));
        }
    }
}
