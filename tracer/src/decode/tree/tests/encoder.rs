//! Messages out of a specification: every attribute of a set once, with what decoding it has to find.

use netlink_specs::{Attribute, Hint, Kind, Member, Order, Selector, Set, Struct, SubMessage};

use super::attribute;

/// What has to be found at a place of a message.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) offset: usize,
    pub(super) name: &'static str,
    pub(super) what: What,
    /// The attribute's place in the table, for counting.
    pub(super) slot: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Number(u64),
    Text(Vec<u8>),
    Bytes(Vec<u8>),
    Within,
    Flag,
}

/// Bytes and what is in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) expected: Vec<Expected>,
    /// A selector around these has to have this value.
    pub(super) needs: Option<(Selector, &'static str)>,
}

impl Encoded {
    /// Appends others behind.
    pub(super) fn append(&mut self, mut other: Self) {
        let shift = self.bytes.len();
        for expected in &mut other.expected {
            expected.offset += shift;
        }
        self.bytes.append(&mut other.bytes);
        self.expected.append(&mut other.expected);
    }

    /// These as an attribute's value.
    fn within(mut self, of: Attribute, number: u16) -> Option<Self> {
        if self.bytes.len() > 60_000 {
            return None;
        }
        for expected in &mut self.expected {
            expected.offset += 4;
        }
        self.bytes = attribute(number | 0x8000, &self.bytes);
        let what = Expected { offset: 0, name: of.name(), what: What::Within, slot: Some(of.slot()) };
        self.expected.insert(0, what);
        Some(self)
    }
}

/// Encodes sets; which ones it is in, so that it comes to an end.
#[derive(Default)]
pub(super) struct Encoder {
    around: Vec<&'static str>,
    count: u64,
}

impl Encoder {
    /// Messages that together have every attribute of a set: the first one all that need no selector.
    pub(super) fn set(&mut self, set: Set) -> Vec<Encoded> {
        if self.around.contains(&set.name()) {
            return vec![Encoded::default()];
        }
        self.around.push(set.name());
        let mut base = Encoded::default();
        let mut more = Vec::new();
        for attribute in set.attributes() {
            let mut variants = self.attribute(attribute);
            if variants.is_empty() {
                continue;
            }
            let first = variants.remove(0);
            if first.needs.is_none() && base.bytes.len() + first.bytes.len() < 50_000 {
                base.append(first);
            } else {
                variants.insert(0, first);
            }
            more.extend(variants.into_iter().map(|variant| self.selected(set, variant)));
        }
        self.around.pop();
        let mut all = vec![base];
        all.append(&mut more);
        all
    }

    /// With the selector before it, if this set has it.
    fn selected(&mut self, set: Set, variant: Encoded) -> Encoded {
        let Some((selector, value)) = variant.needs else { return variant };
        let Some(selecting) = set.selected(selector) else { return variant };
        let bytes = match selecting.kind() {
            Kind::String | Kind::Binary => [value.as_bytes(), b"\0"].concat(),
            kind => {
                let names = selecting.enumeration().map(|(names, _)| names);
                let number = names.and_then(|names| names.entries().find(|(_, name)| *name == value));
                encode(
                    number.map_or(0, |(number, _)| number as u64),
                    size(kind).unwrap_or(4),
                    selecting.order(),
                )
            }
        };
        let mut all = Encoded { bytes: attribute(selecting.number(), &bytes), ..Encoded::default() };
        all.append(variant);
        all
    }

    fn attribute(&mut self, of: Attribute) -> Vec<Encoded> {
        let number = of.number();
        let plain = |bytes: &[u8], what: What| {
            let expected = Expected { offset: 0, name: of.name(), what, slot: Some(of.slot()) };
            vec![Encoded { bytes: attribute(number, bytes), expected: vec![expected], needs: None }]
        };
        let nested = |variants: Vec<Encoded>| -> Vec<Encoded> {
            variants.into_iter().filter_map(|inner| inner.within(of, number)).collect()
        };
        match of.kind() {
            Kind::Unused | Kind::Pad => Vec::new(),
            Kind::Flag => plain(b"", What::Flag),
            Kind::String => plain(b"a text\0", What::Text(b"a text".to_vec())),
            Kind::Nest => {
                let inner = of.set().map_or_else(|| vec![Encoded::default()], |set| self.set(set));
                let header = of.header();
                nested(inner.into_iter().map(|inner| self.behind(header, inner)).collect())
            }
            Kind::IndexedArray if of.sub_kind() == Kind::Nest => {
                let inner = of.set().map_or_else(|| vec![Encoded::default()], |set| self.set(set));
                let item = |mut inner: Encoded| {
                    inner.expected.iter_mut().for_each(|expected| expected.offset += 4);
                    inner.bytes = attribute(0x8001, &inner.bytes);
                    inner
                };
                nested(inner.into_iter().filter(|inner| inner.bytes.len() < 60_000).map(item).collect())
            }
            Kind::IndexedArray => {
                let bytes = vec![7; size(of.sub_kind()).unwrap_or(16)];
                nested(vec![Encoded { bytes: attribute(1, &bytes), ..Encoded::default() }])
            }
            Kind::NestTypeValue => {
                let mut inner = of.set().map_or_else(|| vec![Encoded::default()], |set| self.set(set));
                for _ in of.type_values() {
                    for inner in &mut inner {
                        inner.expected.iter_mut().for_each(|expected| expected.offset += 4);
                        inner.bytes = attribute(0x8003, &inner.bytes);
                    }
                }
                nested(inner)
            }
            Kind::SubMessage => match of.sub_message() {
                Some((message, selector)) => nested(self.formats(message, selector)),
                None => Vec::new(),
            },
            Kind::Bitfield32 => plain(&[1, 0, 0, 0, 3, 0, 0, 0], What::Within),
            Kind::Binary => self.binary(of),
            kind => {
                let size = size(kind).unwrap_or(8);
                let value = self.value(size);
                plain(&encode(value, size, of.order()), What::Number(value))
            }
        }
    }

    fn binary(&mut self, of: Attribute) -> Vec<Encoded> {
        let with = |bytes: Vec<u8>, what: What| {
            let expected = Expected { offset: 0, name: of.name(), what, slot: Some(of.slot()) };
            vec![Encoded { bytes: attribute(of.number(), &bytes), expected: vec![expected], needs: None }]
        };
        if let Some(structure) = of.structure() {
            let inner = self.structure(structure);
            let mut all = with(inner.bytes.clone(), What::Within);
            let shifted = inner
                .expected
                .into_iter()
                .map(|expected| Expected { offset: expected.offset + 4, ..expected });
            all[0].expected.extend(shifted);
            return all;
        }
        if let Some(size) = size(of.sub_kind()) {
            return with(vec![1; 3 * size], What::Within);
        }
        match of.hint() {
            Hint::Ipv6 | Hint::Uuid | Hint::AddressByFamily => {
                with((1..=16).collect(), What::Bytes((1..=16).collect()))
            }
            Hint::Ipv4 | Hint::Ipv4OrV6 => with(vec![10, 0, 0, 1], What::Bytes(vec![10, 0, 0, 1])),
            Hint::SocketAddress => {
                with(vec![2, 0, 0, 80, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], What::Bytes(vec![10, 0, 0, 1]))
            }
            Hint::NextHops => with(vec![8, 0, 0, 1, 2, 0, 0, 0], What::Within),
            Hint::Text => with(b"text\0".to_vec(), What::Text(b"text".to_vec())),
            _ => with(vec![0xfe, 1, 2, 3, 4, 5], What::Bytes(vec![0xfe, 1, 2, 3, 4, 5])),
        }
    }

    fn formats(&mut self, message: SubMessage, selector: Selector) -> Vec<Encoded> {
        let mut all = Vec::new();
        for (value, header, set) in message.formats() {
            let inner = set.map_or_else(|| vec![Encoded::default()], |set| self.set(set));
            for inner in inner {
                if header.is_none() && set.is_none() {
                    continue;
                }
                let mut inner = self.behind(header, inner);
                inner.needs = inner.needs.or(Some((selector, value)));
                all.push(inner);
            }
        }
        all
    }

    /// Attributes behind a struct.
    pub(super) fn behind(&mut self, header: Option<Struct>, attributes: Encoded) -> Encoded {
        let Some(header) = header else { return attributes };
        let needs = attributes.needs;
        let mut all = self.structure(header);
        all.bytes.resize(all.bytes.len().next_multiple_of(4), 0);
        all.append(attributes);
        all.needs = needs;
        all
    }

    pub(super) fn structure(&mut self, structure: Struct) -> Encoded {
        let mut all = Encoded::default();
        for member in structure.members() {
            let inner = self.member(member);
            all.append(inner);
        }
        assert_eq!(all.bytes.len(), structure.size(), "{}", structure.name());
        all
    }

    fn member(&mut self, member: Member) -> Encoded {
        let with = |bytes: Vec<u8>, what: What| {
            let expected = Expected { offset: 0, name: member.name(), what, slot: None };
            Encoded { bytes, expected: vec![expected], needs: None }
        };
        match (member.kind(), member.structure()) {
            (_, Some(inner)) => self.structure(inner),
            (Kind::Pad | Kind::Unused, _) => Encoded { bytes: vec![0; member.size()], ..Encoded::default() },
            (Kind::String, _) => {
                let mut bytes = b"text"[..member.size().min(4)].to_vec();
                let text = bytes.clone();
                bytes.resize(member.size(), 0);
                with(bytes, What::Text(text))
            }
            (Kind::Binary, _) => {
                let bytes = vec![9; member.size()];
                with(bytes.clone(), What::Bytes(bytes))
            }
            // What follows is read as these say.
            _ if member.name().contains("family") && member.size() <= 2 => {
                with(encode(2, member.size(), member.order()), What::Number(2))
            }
            _ => {
                let value = self.value(member.size());
                with(encode(value, member.size(), member.order()), What::Number(value))
            }
        }
    }

    /// A number that is another one each time, as far as there are others.
    fn value(&mut self, size: usize) -> u64 {
        self.count += 1;
        let whole = self.count.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        whole >> (64 - 8 * size.clamp(1, 8))
    }
}

fn size(kind: Kind) -> Option<usize> {
    Some(match kind {
        Kind::U8 | Kind::S8 => 1,
        Kind::U16 | Kind::S16 => 2,
        Kind::U32 | Kind::S32 => 4,
        Kind::U64 | Kind::S64 | Kind::Uint | Kind::Sint => 8,
        _ => return None,
    })
}

fn encode(value: u64, size: usize, order: Order) -> Vec<u8> {
    if order == Order::Big {
        value.to_be_bytes()[8 - size..].to_vec()
    } else {
        value.to_le_bytes()[..size].to_vec()
    }
}
