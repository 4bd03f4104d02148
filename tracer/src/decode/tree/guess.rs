//! Which family a message may be of, where nobody says so.

use netlink_specs::Direction;

use super::{
    decoder::Decoder,
    node::{Name, Problem, Tree, Value},
};
use crate::decode::{Family, Messages, TypeName};

/// The families that are tried; of two that fit alike the first one wins.
const TRIED: [Family; 9] = [
    Family::ROUTE,
    Family::GENERIC,
    Family::NETFILTER,
    Family::SOCK_DIAG,
    Family::XFRM,
    Family::NLTEST,
    Family::AUDIT,
    Family::from_number(11),
    Family::CRYPTO,
];

/// The family whose specification fits best to a datagram's bytes.
pub fn likeliest_family(decoder: &Decoder, datagram: &[u8], direction: Option<Direction>) -> Family {
    let action = datagram.split(|byte| *byte == b'@').next().unwrap_or_default();
    let is_action = (2..=16).contains(&action.len()) && action.iter().all(u8::is_ascii_lowercase);
    if datagram.starts_with(b"libudev\0") || is_action && action.len() < datagram.len() {
        return Family::UEVENT;
    }
    let best = TRIED.into_iter().min_by_key(|family| misfit(decoder, *family, datagram, direction));
    best.unwrap_or(Family::ROUTE)
}

/// How badly it fits: what has no name, and what cannot be followed.
fn misfit(decoder: &Decoder, family: Family, datagram: &[u8], direction: Option<Direction>) -> usize {
    const LOOKED_AT: usize = 8;
    Messages::new(family, datagram, false)
        .take(LOOKED_AT)
        .map(|message| {
            let Some(header) = message.header else { return 1000 };
            let named = usize::from(TypeName::of(family, header.message_type).is_none()) * 40;
            let tree = decoder.decode(family, &message, direction, Tree::default());
            let cut = tree.nodes().iter().filter(|node| node.cut).count() * 30;
            named + cut + tree.nodes().iter().map(|node| strangeness(node.name, node.value)).sum::<usize>()
        })
        .sum()
}

fn strangeness(name: Name<'_>, value: Value<'_>) -> usize {
    match (name, value) {
        (_, Value::Problem(Problem::Bad { .. })) => 100,
        (Name::Attribute(_), _) => 20,
        (Name::Known("data" | "more"), Value::Bytes(bytes)) => 10 + bytes.len(),
        (_, Value::Bytes(_)) => 1,
        (_, Value::Enum(_, None)) => 8,
        (_, Value::Bits(bits)) if bits.unnamed() != 0 => 8,
        _ => 0,
    }
}
