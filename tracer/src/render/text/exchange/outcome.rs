//! What came of an exchange, in words.

use netlink_wire::Errno;
use terminal::{Theme, units::grouped};

use super::{escaped, named, type_name};
use crate::{
    decode::tree::Decoder,
    model::exchange::{Exchange, Extack, Interruption, Outcome},
};

/// Interruptions that are named.
const NAMED: usize = 2;

/// What came of an exchange, in a word or two, and what there is to say about it.
pub(super) fn outcome(exchange: &Exchange, decoder: &Decoder, theme: Theme) -> (String, Vec<String>) {
    let answers = &exchange.answers;
    let mut more = Vec::new();
    let mut text = match exchange.outcome {
        Outcome::Ack => "ack".to_owned(),
        Outcome::Reply => replies(answers.messages.saturating_sub(u64::from(exchange.acked))),
        Outcome::Dump => format!("dump of {}", grouped(answers.messages)),
        Outcome::Error => errno(exchange.error),
        Outcome::NotSent => format!("not sent: {}", errno(exchange.error)),
        Outcome::Abandoned => format!("abandoned, after {}", messages(answers.messages)),
        Outcome::Pending if answers.messages != 0 => format!("pending, {}", messages(answers.messages)),
        Outcome::Silent | Outcome::Ignored | Outcome::Malformed | Outcome::Aborted | Outcome::Pending => {
            exchange.outcome.name().to_owned()
        }
    };
    if exchange.acked && exchange.outcome != Outcome::Ack {
        text.push_str(", ack");
    }
    more.extend(exchange.extack.as_ref().map(|extack| reason(exchange, extack, decoder, theme)));
    more.extend(exchange.busy_with.map(|busy_with| format!("the dump of seq {} is open", busy_with.seq)));
    if answers.dropped != 0 {
        let noun = if answers.dropped == 1 { "answer" } else { "answers" };
        more.push(format!("{} {noun} dropped", grouped(answers.dropped)));
    }
    if answers.unread.is_some_and(|unread| unread != 0) && exchange.outcome != Outcome::Pending {
        more.push("never read".to_owned());
    }
    if answers.interrupted != 0 {
        more.push(interrupted(exchange, decoder, theme));
    }
    more.retain(|text| !text.is_empty());
    (text, more)
}

fn replies(count: u64) -> String {
    if count == 1 { "1 reply".to_owned() } else { format!("{} replies", grouped(count)) }
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{} messages", grouped(count)) }
}

fn errno(error: Option<i32>) -> String {
    let name = error.and_then(Errno::from_code).and_then(Errno::name);
    match (name, error) {
        (Some(name), _) => name.to_owned(),
        (None, Some(error)) => error.to_string(),
        (None, None) => "failed".to_owned(),
    }
}

/// `"Nexthop has invalid gateway" (gateway)`
fn reason(exchange: &Exchange, extack: &Extack, decoder: &Decoder, theme: Theme) -> String {
    let charset = theme.charset();
    let (family, request) = (exchange.request.family, exchange.request.message());
    let text = extack.text.as_ref().map(|text| {
        let cut = if text.is_cut { charset.ellipsis() } else { "" };
        format!("\"{}\"{cut}", escaped(text.bytes(), charset))
    });
    let at = extack.offset.and_then(|offset| decoder.attribute_at(family, &request, offset));
    let at = at.map(|attribute| format!("({})", escaped(attribute.as_bytes(), charset)));
    let missing = extack.missing.map(|number| {
        let name = decoder.missing_attribute(family, &request, extack.missing_in, number);
        let name = name.unwrap_or_else(|| format!("attribute {number}"));
        format!("({} is missing)", escaped(name.as_bytes(), charset))
    });
    text.into_iter().chain(at).chain(missing).collect::<Vec<_>>().join(" ")
}

/// `interrupted by ip[412] newlink`
fn interrupted(exchange: &Exchange, decoder: &Decoder, theme: Theme) -> String {
    let by = &exchange.interrupted_by;
    let named: Vec<_> = by
        .iter()
        .take(NAMED)
        .map(|Interruption { who, nlmsg_type, .. }| {
            format!(
                "{} {}",
                named(*who, theme.charset()),
                type_name(decoder, exchange.request.family, *nlmsg_type, theme.charset())
            )
        })
        .collect();
    match by.len().saturating_sub(NAMED) {
        0 if named.is_empty() => "interrupted".to_owned(),
        0 => format!("interrupted by {}", named.join(" and ")),
        more => format!("interrupted by {} and {more} more", named.join(", ")),
    }
}
