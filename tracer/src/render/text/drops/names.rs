//! What people call a process, a sender, a message.

use nltrace_common::{Cause, Context};
use terminal::{Theme, escape, units::grouped};

use crate::{
    decode::{Family, TypeName, group_name},
    model::drops::{DropRow, Process},
};

/// A name and a number: `ip (612)`.
pub(super) fn process(process: Process, theme: Theme) -> String {
    format!("{} ({})", comm(process, theme), process.pid)
}

/// The name, made safe for a terminal.
pub(super) fn comm(process: Process, theme: Theme) -> String {
    let mut name = String::new();
    escape::terminal(process.name(), theme.charset(), |piece| name.push_str(piece));
    name
}

/// Who sent a row's messages; None: that is not known.
pub(in crate::render::text) fn sender(row: &DropRow, theme: Theme) -> Option<String> {
    match (row.context?, row.sender) {
        (Context::Softirq, _) => Some("the kernel in a softirq".to_owned()),
        (Context::Kworker, Some(sender)) => Some(format!("the kernel thread {}", process(sender, theme))),
        (Context::Kworker, None) => Some("a kernel thread".to_owned()),
        (Context::Process, Some(sender)) if row.sender_is_kernel => {
            Some(format!("the kernel on behalf of {}", process(sender, theme)))
        }
        (Context::Process, sender) => sender.map(|sender| process(sender, theme)),
    }
}

/// A type of message by its name; its number where it has none.
pub(super) fn message_type(family: Option<Family>, number: u16) -> String {
    let name = family.and_then(|family| TypeName::of(family, number));
    name.map_or_else(|| format!("type {number}"), |name| name.to_string())
}

/// So many messages of the type of all `rows`: `3 NEWLINK messages`.
pub(super) fn messages(count: u64, rows: &[&DropRow]) -> String {
    let number = grouped(count);
    let first = rows.first();
    let s = if count == 1 { "" } else { "s" };
    if first.and_then(|row| row.family) == Some(Family::UEVENT) {
        return format!("{number} uevent{s}");
    }
    let types = first.and_then(|row| row.nlmsg_type).filter(|nlmsg_type| {
        rows.iter().all(|row| row.nlmsg_type == Some(*nlmsg_type) && row.cause != Cause::ErrorOnly)
    });
    let what = match types {
        // NLMSG_ERROR: an ACK is an error of 0, and nobody looked.
        Some(2) if count == 1 => "1 ACK or error".to_owned(),
        Some(2) => format!("{number} ACKs or errors"),
        Some(nlmsg_type) => {
            format!("{number} {} message{s}", message_type(first.and_then(|row| row.family), nlmsg_type))
        }
        None => format!("{number} message{s}"),
    };
    group(rows).map_or_else(|| what.clone(), |group| format!("{what} of group {group}"))
}

/// The group that all rows are of, by its name or number.
fn group(rows: &[&DropRow]) -> Option<String> {
    let first = rows.first()?;
    let group = first.group.filter(|group| rows.iter().all(|row| row.group == Some(*group)))?;
    let name = first.family.and_then(|family| group_name(family, group));
    Some(name.map_or_else(|| group.to_string(), str::to_owned))
}
