//! How long an exchange took, and where most of that went.

use terminal::{Charset, Theme};

use super::{escaped, named, type_name};
use crate::{
    decode::tree::Decoder,
    model::exchange::{Blocker, Exchange, Unasked},
    render::Surroundings,
};

/// What takes less needs no explanation, in nanoseconds.
const LONG_NS: u64 = 1_000_000;

/// `2.71 s, lock`, and what there is to say about that; None where nothing is known.
pub(super) fn time(
    exchange: &Exchange,
    decoder: &Decoder,
    theme: Theme,
    around: &dyn Surroundings,
) -> (Option<String>, Option<String>) {
    let time = &exchange.time;
    let Some(total_ns) = time.total_ns() else { return (None, None) };
    let total = theme.duration(total_ns);
    let lock_ns = time.lock_ns.unwrap_or(0);
    let kernel_ns = time.kernel_ns.unwrap_or(0).saturating_sub(lock_ns);
    let queue_ns = time.queue_ns.unwrap_or(0);
    let reader_ns = total_ns.saturating_sub(kernel_ns).saturating_sub(lock_ns).saturating_sub(queue_ns);
    if total_ns < LONG_NS || time.kernel_ns.is_none() {
        return (Some(total), None);
    }
    let parts = [("lock", lock_ns), ("kernel", kernel_ns), ("unread", queue_ns), ("reader", reader_ns)];
    let most = parts.into_iter().rev().max_by_key(|(_, ns)| *ns).map_or("", |(name, _)| name);
    let holder = exchange.blocked_by.first().filter(|_| most == "lock");
    let why = holder.and_then(|blocker| lock(exchange, blocker, decoder, theme, around));
    (Some(format!("{total}, {most}")), why)
}

/// `lock held by ip[412] dellink in netns blue`
fn lock(
    exchange: &Exchange,
    blocker: &Blocker,
    decoder: &Decoder,
    theme: Theme,
    around: &dyn Surroundings,
) -> Option<String> {
    let mut text = format!("lock held by {}", named(blocker.who?, theme.charset()));
    if let Some(request) = blocker.request
        && let Some(number) = request.nlmsg_type
    {
        text.push_str(&format!(" {}", type_name(decoder, request.family, number, theme.charset())));
    }
    if let Some(inode) = blocker.netns.filter(|netns| *netns != exchange.request.netns) {
        text.push_str(&format!(" in netns {}", netns(inode, around, theme.charset())));
    }
    Some(text)
}

/// For which request a message was sent that answers nothing.
pub(super) fn cause(unasked: &Unasked, decoder: &Decoder, charset: Charset) -> Option<String> {
    let cause = unasked.caused_by?;
    Some(match cause.nlmsg_type {
        Some(number) => format!("by its {}", type_name(decoder, cause.family, number, charset)),
        None => "by a request".to_owned(),
    })
}

/// A namespace by its name, or its inode number.
pub(super) fn netns(inode: u32, around: &dyn Surroundings, charset: Charset) -> String {
    around.netns(inode).map_or_else(|| inode.to_string(), |name| escaped(name.as_bytes(), charset))
}

/// What people call a control group: its unit, the container in it, or its path.
pub(in crate::render) fn unit(path: &str) -> &str {
    const UNITS: [&str; 4] = [".service", ".scope", ".slice", ".socket"];
    let parts = || path.split('/').filter(|part| !part.is_empty());
    let is_unit = |part: &&str| UNITS.iter().any(|suffix| part.ends_with(suffix));
    let container = parts().find_map(|part| {
        let id = part.strip_suffix(".scope").unwrap_or(part).rsplit('-').next()?;
        (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.get(..12))?
    });
    container.or_else(|| parts().rfind(is_unit)).unwrap_or(path)
}
