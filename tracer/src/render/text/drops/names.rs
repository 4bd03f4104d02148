//! What people call a process, a sender, a message.

use nltrace_common::{Cause, Context};
use terminal::{Theme, escape, units::grouped};

use crate::{
    decode::Family,
    model::drops::{DropRow, Process},
};

/// A name and a number: `ip (612)`.
pub(super) fn process(process: Process, theme: Theme) -> String {
    format!("{} ({})", comm(process, theme), process.pid)
}

/// The name, made safe for a terminal.
pub(super) fn comm(process: Process, theme: Theme) -> String {
    safe(process.name(), theme)
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

/// A row's type by its name, made safe for a terminal; its number where it has none.
fn message_type(row: &DropRow, number: u16, theme: Theme) -> String {
    row.type_name().map_or_else(|| format!("type {number}"), |name| safe(name.as_bytes(), theme))
}

/// A row's group by its name, made safe for a terminal; its number where it has none.
pub(in crate::render::text) fn group_of(row: &DropRow, group: u32, theme: Theme) -> String {
    row.group_name().map_or_else(|| group.to_string(), |name| safe(name.as_bytes(), theme))
}

/// Somebody's text.
fn safe(text: &[u8], theme: Theme) -> String {
    let mut safe = String::new();
    escape::terminal(text, theme.charset(), |piece| safe.push_str(piece));
    safe
}

/// So many messages of the type of all `rows`: `3 NEWLINK messages`.
pub(super) fn messages(count: u64, rows: &[&DropRow], theme: Theme) -> String {
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
            let name = first.map_or_else(String::new, |row| message_type(row, nlmsg_type, theme));
            format!("{number} {name} message{s}")
        }
        None => format!("{number} message{s}"),
    };
    group(rows, theme).map_or_else(|| what.clone(), |group| format!("{what} of group {group}"))
}

/// The group that all rows are of, by its name or number.
fn group(rows: &[&DropRow], theme: Theme) -> Option<String> {
    let first = rows.first()?;
    let group = first.group.filter(|group| rows.iter().all(|row| row.group == Some(*group)))?;
    Some(group_of(first, group, theme))
}
