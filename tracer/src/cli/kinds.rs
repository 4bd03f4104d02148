//! `--family` and `--type`: families by name or number, generic netlink's too, and types of their messages by
//! name, number, command or address family.

use netlink_specs::{Direction, Table};

use crate::{
    decode::{Family, FamilyError, TypeError, address_family, parse_type},
    options::{DecodeFamily, Filter, FirstByte, MessageType},
};

/// Understands the name or number of a family, or the name of one of generic netlink's.
pub(super) fn family(text: &str) -> Result<DecodeFamily, FamilyError> {
    match text.parse::<Family>() {
        Ok(family) => Ok(DecodeFamily::Family(family)),
        Err(error) => match Table::kernel().generic(text.as_bytes()) {
            Some(_) => Ok(DecodeFamily::Generic(text.to_owned())),
            // One that no specification is known of.
            None => match text.strip_prefix("generic/").or_else(|| text.strip_prefix("genl/")) {
                Some(name) if !name.is_empty() => Ok(DecodeFamily::Generic(name.to_owned())),
                _ => Err(error),
            },
        },
    }
}

/// Families and a type do not go together, or the type is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KindError {
    /// It has no such name or number.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// One of generic netlink's is not all that is asked for.
    #[error(
        "{0} is a family of generic netlink, of which one can be asked for at a time, and nothing beside it"
    )]
    Alone(String),
    /// A command or an address family, where only types are told apart.
    #[error("drops are counted by the type of their messages: name the family only")]
    TooFine,
    /// The family of generic netlink has no such command.
    #[error("{family} has no command of this name; {}", commands(.known))]
    Command {
        /// The family.
        family: String,
        /// The commands that it has.
        known: Vec<String>,
    },
}

fn commands(known: &[String]) -> String {
    if known.is_empty() { "give its number".to_owned() } else { format!("it has {}", known.join(", ")) }
}

/// A filter of families and a type.
pub(super) fn kinds(families: Vec<DecodeFamily>, nlmsg_type: Option<&str>) -> Result<Filter, KindError> {
    let mut generic = None;
    let mut plain = Vec::new();
    for family in &families {
        match family {
            DecodeFamily::Family(family) => plain.push(*family),
            DecodeFamily::Generic(name) if families.len() == 1 => generic = Some(name.clone()),
            DecodeFamily::Generic(name) => return Err(KindError::Alone(name.clone())),
        }
    }
    let may_be_generic = plain.is_empty() || plain == [Family::GENERIC];
    let mut command = nlmsg_type;
    if let Some((family, name)) = nlmsg_type.and_then(|text| text.split_once('/'))
        && may_be_generic
        && (generic.as_deref().is_some_and(|known| known == family)
            || generic.is_none() && Table::kernel().generic(family.as_bytes()).is_some())
    {
        (generic, command) = (Some(family.to_owned()), Some(name));
    }
    if let Some(family) = generic {
        let detail = command.map(|text| command_of(&family, text)).transpose()?;
        return Ok(Filter {
            families: vec![Family::GENERIC],
            generic: Some(family),
            detail,
            ..Filter::default()
        });
    }
    if let Some(text) = nlmsg_type
        && plain == [Family::SOCK_DIAG]
        && let Some(number) = address_family(text)
    {
        let detail = Some(FirstByte::of(number));
        return Ok(Filter { families: plain, detail, ..Filter::default() });
    }
    let message_type = nlmsg_type.map(|text| parse_type(text, &plain)).transpose()?.map(MessageType);
    Ok(Filter { families: plain, message_type, ..Filter::default() })
}

/// The numbers of a command of a family of generic netlink, by its name or number.
fn command_of(family: &str, text: &str) -> Result<FirstByte, KindError> {
    if let Ok(number) = text.parse() {
        return Ok(FirstByte::of(number));
    }
    let wanted = text.to_ascii_lowercase().replace('-', "_");
    let spec = Table::kernel().generic(family.as_bytes());
    let operations = || spec.into_iter().flat_map(netlink_specs::Spec::operations);
    let one = |direction: Direction| {
        let found =
            operations().find(|operation| operation.name() == wanted && operation.direction() == direction);
        found.and_then(|operation| u8::try_from(operation.value()).ok())
    };
    let found = FirstByte { request: one(Direction::Request), reply: one(Direction::Reply) };
    match found {
        FirstByte { request: None, reply: None } => {
            let mut known: Vec<_> = operations().map(|operation| operation.name().to_owned()).collect();
            known.sort_unstable();
            known.dedup();
            Err(KindError::Command { family: family.to_owned(), known })
        }
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(families: &[&str], nlmsg_type: Option<&str>) -> Result<Filter, KindError> {
        kinds(families.iter().map(|text| family(text).unwrap()).collect(), nlmsg_type)
    }

    fn generic(name: &str, detail: Option<FirstByte>) -> Filter {
        Filter {
            families: vec![Family::GENERIC],
            generic: Some(name.to_owned()),
            detail,
            ..Filter::default()
        }
    }

    #[test]
    fn generic_netlinks_families_and_commands_are_asked_for_by_name() {
        let strset = FirstByte { request: Some(1), reply: Some(1) };
        assert_eq!(asked(&["ethtool"], None), Ok(generic("ethtool", None)));
        assert_eq!(asked(&["generic/mine"], Some("7")), Ok(generic("mine", Some(FirstByte::of(7)))));
        for (families, text) in [
            (&["ethtool"][..], "strset_get"),
            (&["ethtool"], "ethtool/strset-get"),
            (&[], "ethtool/STRSET_GET"),
            (&["generic"], "ethtool/strset_get"),
        ] {
            assert_eq!(asked(families, Some(text)), Ok(generic("ethtool", Some(strset))), "{text}");
        }
        let error = asked(&["ethtool"], Some("nosuch")).unwrap_err().to_string();
        assert!(error.contains("it has ") && error.contains("strset_get"), "{error}");
        let error = asked(&["ethtool", "route"], None).unwrap_err().to_string();
        assert!(error.starts_with("ethtool is a family of generic netlink"), "{error}");
    }

    #[test]
    fn sock_diags_requests_are_asked_for_by_address_family() {
        let found = asked(&["sock-diag"], Some("inet6")).unwrap();
        assert_eq!((found.detail, found.message_type), (Some(FirstByte::of(10)), None));
        let found = asked(&["sock-diag"], Some("20")).unwrap();
        assert_eq!((found.detail, found.message_type), (None, Some(MessageType(20))));
        let found = asked(&["route"], Some("getlink")).unwrap();
        assert_eq!((found.generic, found.message_type), (None, Some(MessageType(18))));
        assert!(matches!(asked(&["route"], Some("inet6")), Err(KindError::Type(_))));
    }
}
