//! Every operation of every specification with every attribute once: what was put in comes out.

use std::collections::{BTreeSet, HashMap};

use netlink_specs::{Direction, Kind, Operation, Spec, Table};

use super::{
    encoder::{Encoded, Encoder, Expected, What},
    *,
};

/// Part of the attributes that has to be covered.
const LEAST_PERCENT: usize = 95;

/// The number that a generic netlink family has here.
const FAMILY_ID: u16 = 40;

/// A message of an operation: the payload behind the `nlmsghdr`.
fn payloads(spec: Spec, operation: Operation) -> Vec<Encoded> {
    let mut encoder = Encoder::default();
    let attributes = operation.set().map_or_else(|| vec![Encoded::default()], |set| encoder.set(set));
    let with_header = attributes.into_iter().map(|attributes| encoder.behind(operation.header(), attributes));
    let mut all: Vec<_> = with_header.collect();
    for payload in &mut all {
        if spec.is_generic() {
            let mut command = Encoded { bytes: vec![operation.value() as u8, 1, 0, 0], ..Encoded::default() };
            command.append(std::mem::take(payload));
            *payload = command;
        } else if spec.name().starts_with("sock-diag-") {
            payload.bytes[0] = match spec.name() {
                "sock-diag-inet" => 2,
                "sock-diag-unix" => 1,
                "sock-diag-netlink" => 16,
                "sock-diag-packet" => 17,
                "sock-diag-vsock" => 40,
                _ => 44,
            };
            payload.expected.retain(|expected| expected.offset != 0);
        }
    }
    all
}

/// A message of an operation, with what is in it.
pub(super) struct Described {
    pub(super) family: Family,
    operation: Operation,
    pub(super) bytes: Vec<u8>,
    expected: Vec<Expected>,
}

/// Messages of every operation of a specification.
pub(super) fn described(spec: Spec) -> impl Iterator<Item = Described> {
    let family = Family::from_number(spec.protocol());
    spec.operations().flat_map(move |operation| {
        let nlmsg_type = if spec.is_generic() { FAMILY_ID } else { operation.value() };
        payloads(spec, operation).into_iter().map(move |Encoded { bytes, expected, .. }| Described {
            family,
            operation,
            bytes: whole(nlmsg_type, 1, &bytes),
            expected,
        })
    })
}

/// What decodes them.
pub(super) fn decoder_for(spec: Spec) -> Decoder {
    let mut decoder = Decoder::default();
    let family = GenericFamily { name: spec.name().to_owned(), ..GenericFamily::default() };
    decoder.generic.insert(FAMILY_ID, family);
    decoder
}

/// What is wrong with a decoded message.
fn misses(tree: &Tree<'_>, expected: &[Expected]) -> Vec<String> {
    let mut places: HashMap<usize, Vec<usize>> = HashMap::new();
    for (index, node) in tree.nodes().iter().enumerate() {
        places.entry(node.offset as usize).or_default().push(index);
    }
    let is_there = |expected: &&Expected| {
        let at = places.get(&(expected.offset + 16));
        !at.into_iter().flatten().any(|index| {
            let node = tree.node(*index);
            let same_name = match node.name {
                Name::Known(name) => {
                    name == expected.name || name.strip_prefix("attr_") == Some(expected.name)
                }
                _ => false,
            };
            same_name && fits(&node.value, &expected.what)
        })
    };
    expected.iter().filter(is_there).map(|expected| format!("{expected:?}")).collect()
}

fn fits(value: &Value<'_>, what: &What) -> bool {
    match (what, value) {
        (What::Within, Value::Nest | Value::Array) | (What::Flag, Value::Flag) => true,
        (What::Text(text), Value::Text(found)) => text == found,
        (What::Bytes(bytes), Value::Bytes(found) | Value::Mac(found)) => bytes == found,
        (What::Bytes(bytes), Value::V4(found)) => bytes.starts_with(&found.octets()),
        (What::Bytes(bytes), Value::V6(found)) => bytes == &found.octets(),
        (What::Bytes(bytes), Value::Uuid(found)) => bytes == &found[..],
        (What::Bytes(bytes), Value::Text(found)) => bytes.starts_with(found),
        (What::Bytes(bytes), Value::Socket(std::net::IpAddr::V4(found), 80)) => bytes == &found.octets(),
        (What::Number(number), found) => number_of(found).is_some_and(|found| {
            // A sign makes more of a number's highest bit.
            found == *number
                || [8, 16, 32].iter().any(|bits| found & ((1 << bits) - 1) == *number && found >> 63 == 1)
        }),
        _ => false,
    }
}

fn number_of(value: &Value<'_>) -> Option<u64> {
    Some(match *value {
        Value::Number(number) | Value::Hex(number) | Value::Enum(number, _) | Value::Time(number, _) => {
            number
        }
        Value::Signed(number) => number.cast_unsigned(),
        Value::Bits(bits) => bits.value,
        Value::Interface(number) | Value::Handle(number) => number.into(),
        Value::V4(address) => u32::from(address).into(),
        _ => return None,
    })
}

#[test]
fn what_is_encoded_along_the_table_is_decoded_to_the_same() {
    let table = Table::kernel();
    let (mut covered, mut wrong, mut messages) = (BTreeSet::new(), Vec::new(), 0);
    for spec in table.specs() {
        let decoder = decoder_for(spec);
        for Described { family, operation, bytes, expected } in described(spec) {
            let message = Message::parse(family, &bytes, bytes.len() as u32);
            let tree = decoder.decode(family, &message, Some(operation.direction()), Tree::default());
            messages += 1;
            let misses = misses(&tree, &expected);
            if misses.is_empty() {
                covered.extend(expected.iter().filter_map(|expected| expected.slot));
            } else {
                let place = format!("{}/{} {:?}", spec.name(), operation.name(), operation.direction());
                wrong.extend(misses.into_iter().map(|miss| format!("{place}: {miss}")));
            }
            let nlmsg_type = message.header.map(|header| header.message_type.0);
            for text in rendered(family, nlmsg_type, &tree) {
                assert!(!text.chars().any(|character| character.is_control() && character != '\n'));
            }
        }
    }
    let sets = table.specs().flat_map(Spec::sets);
    let all: Vec<_> = sets.flat_map(|set| set.attributes().map(move |attribute| (set, attribute))).collect();
    let counted = |kind| !matches!(kind, Kind::Unused | Kind::Pad);
    let all: Vec<_> = all.into_iter().filter(|(_, attribute)| counted(attribute.kind())).collect();
    let left: Vec<_> = all.iter().filter(|(_, attribute)| !covered.contains(&attribute.slot())).collect();
    let names: Vec<_> =
        left.iter().map(|(set, attribute)| format!("{}.{}", set.name(), attribute.name())).collect();
    let percent = (all.len() - left.len()) as f64 * 100.0 / all.len() as f64;
    println!("{messages} messages, {} of {} attributes: {percent:.1} %", all.len() - left.len(), all.len());
    println!("not covered: {}", names.join(" "));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
    assert!(percent >= LEAST_PERCENT as f64);
    assert!(matches!(table.operation(0, Direction::Request, 24).map(Operation::name), Some("newroute")));
}

#[test]
fn keys_of_json_are_unlike_each_other() {
    let sets = Table::kernel().specs().flat_map(|spec| spec.sets().map(move |set| (spec, set)));
    let mut alike = Vec::new();
    for (spec, set) in sets {
        for attribute in set.attributes() {
            let ends: &[&str] = match (attribute.kind(), attribute.hint()) {
                (Kind::Binary, _) if attribute.structure().is_none() => &["_hex", "_len"],
                (_, netlink_specs::Hint::Interface) => &["_name"],
                _ => &[],
            };
            let names = ends.iter().map(|end| format!("{}{end}", attribute.name()));
            alike.extend(
                names.filter(|name| set.named(name).is_some()).map(|name| format!("{}/{name}", spec.name())),
            );
        }
    }
    assert_eq!(alike, Vec::<String>::new());
}
