//! What happened to the messages for one socket.

use netlink_wire::Errno;
use nltrace_common::{Cause, Delivery};
use terminal::{
    Theme,
    units::{grouped, plural},
};

use super::names;
use crate::{
    decode::Family,
    model::drops::{DropRow, SocketDrops},
};

/// Whose socket it is.
pub(super) fn subject(socket: &SocketDrops<'_>, theme: Theme) -> String {
    let family = socket.family.map_or_else(|| "any family".to_owned(), Family::label);
    let owner = socket.owner.map(|owner| names::process(owner, theme));
    match (socket.socket_inode, owner, socket.portid) {
        (Some(inode), Some(owner), _) => format!("{owner}, {family} socket {inode}"),
        (Some(inode), None, _) => format!("{family} socket {inode}, no process holds it"),
        (None, Some(owner), Some(portid)) => format!("{owner}, {family} port ID {portid}"),
        (None, None, Some(0)) => format!("the kernel's side of {family}"),
        (None, None, Some(portid)) => format!("{family} port ID {portid}"),
        (None, ..) if socket.family.is_some() => format!("sockets of {family}"),
        (None, ..) => "all others".to_owned(),
    }
}

/// What happened, in sentences.
pub(super) fn happened(socket: &SocketDrops<'_>, theme: Theme) -> String {
    let count = socket.count;
    let messages = names::messages(count, &socket.rows, theme);
    let was = if count == 1 { "was" } else { "were" };
    let mut sentences = vec![match socket.cause {
        _ if socket.family.is_none() => {
            format!("{messages} {was} dropped ({}) after the table of drops was full.", socket.cause.name())
        }
        Cause::Overrun => format!("{messages} {was} dropped: {}.", full(socket, theme)),
        Cause::AllocFailed => format!("{messages} {was} dropped: the kernel had no memory for a copy."),
        Cause::ErrorOnly => error_only(socket),
        Cause::NoReceiver if socket.portid == Some(0) => {
            format!(
                "{messages} to the kernel {was} refused (ECONNREFUSED): it does not listen to this family here."
            )
        }
        Cause::NoReceiver => format!(
            "{messages} {was} refused ({}): no socket has this port ID, or it is connected to another one.",
            errno(socket).unwrap_or("ECONNREFUSED")
        ),
        Cause::WouldBlock => {
            format!(
                "{messages} {was} refused (EAGAIN): the receive buffer was full, and the sender does not wait."
            )
        }
        Cause::Interrupted => {
            format!("{messages} {was} not sent: a signal ended the sender's wait for room.")
        }
        Cause::Truncated => truncated(socket, &messages, was),
        Cause::ClosedUnread => format!("{messages} {was} still unread when the socket was closed."),
        Cause::SocketFilter => {
            format!("{messages} {was} refused by the socket's filter or by a security module.")
        }
    }];
    sentences.extend(senders(socket, theme));
    if matches!(socket.cause, Cause::Overrun | Cause::AllocFailed) {
        sentences.extend(own_answers(socket));
        sentences.extend(first_seq(socket));
        sentences.extend(told(socket));
    }
    sentences.join(" ")
}

/// Why and for how long a buffer was full.
fn full(socket: &SocketDrops<'_>, theme: Theme) -> String {
    let size = socket.rows.iter().filter_map(|row| row.rcvbuf).max();
    let mut text = "its receive buffer was full".to_owned();
    if let Some(size) = size {
        text = format!("its receive buffer of {} was full", bytes_grouped(size.into()));
    }
    let episodes = socket.episodes.len() as u64;
    let length = socket.episodes.iter().map(|episode| episode.length_ns()).sum();
    let time = theme.duration(length);
    match episodes {
        0 => text,
        1 => format!("{text} for {time}"),
        _ => format!("{text} {} {}, {time} in all", grouped(episodes), plural(episodes, "time")),
    }
}

fn truncated(socket: &SocketDrops<'_>, messages: &str, was: &str) -> String {
    let buffers = || socket.rows.iter().filter_map(|row| row.reader_buf);
    let cut = socket.bytes.map_or_else(|| "the rest".to_owned(), bytes_grouped);
    match (buffers().min(), buffers().max()) {
        (Some(0), Some(0)) => format!("{messages} {was} thrown away by a read of 0 bytes."),
        (Some(least), Some(most)) if least == most => {
            format!("{messages} {was} read into {}; {cut} were cut off.", bytes_grouped(most.into()))
        }
        (Some(least), Some(most)) => format!(
            "{messages} {was} read into buffers of {} to {}; {cut} were cut off.",
            grouped(least.into()),
            bytes_grouped(most.into())
        ),
        _ => format!("{messages} {was} read into a shorter buffer; {cut} were cut off."),
    }
}

fn error_only(socket: &SocketDrops<'_>) -> String {
    let times = format!("{} {}", grouped(socket.count), plural(socket.count, "time"));
    let error = errno(socket).map_or_else(|| "an error".to_owned(), str::to_owned);
    match socket.rows.first().and_then(|row| row.delivery) {
        Some(Delivery::Dump) => {
            format!("A dump failed {times}, and its reader was told {error}; no message was dropped.")
        }
        _ => format!("Its reader was told {error} {times}, though no message was dropped here."),
    }
}

/// Who sent the messages: all of the senders if they are few, the busiest if they are many.
fn senders(socket: &SocketDrops<'_>, theme: Theme) -> Option<String> {
    let mut by_sender: Vec<(String, u64)> = Vec::new();
    for row in &socket.rows {
        let name = names::sender(row, theme)?;
        match by_sender.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += row.count,
            None => by_sender.push((name, row.count)),
        }
    }
    by_sender.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    match by_sender.as_slice() {
        [] => None,
        [(only, _)] => Some(format!("Sent by {only}.")),
        [(first, count), (second, other)] => {
            Some(format!("{} sent by {first}, {} by {second}.", grouped(*count), grouped(*other)))
        }
        [(first, count), others @ ..] => {
            Some(format!("{} sent by {first}, the others by {} more.", grouped(*count), others.len()))
        }
    }
}

/// The kernel's answers to its owner's own requests are lost, not the requests.
fn own_answers(socket: &SocketDrops<'_>) -> Option<String> {
    let is_own = |row: &&DropRow| {
        row.delivery == Some(Delivery::Unicast)
            && row.sender_is_kernel
            && row.sender.is_some_and(|sender| row.owners.iter().any(|owner| owner.pid == sender.pid))
    };
    let own: u64 = socket.rows.iter().filter(|row| is_own(row)).map(|row| row.count).sum();
    match own {
        0 => None,
        _ if own == socket.count => Some(
            "These are answers to the owner's own requests: the requests were handled, only their answers \
             are lost."
                .to_owned(),
        ),
        _ => Some(format!(
            "{} of them are answers to the owner's own requests, which were handled.",
            grouped(own)
        )),
    }
}

fn first_seq(socket: &SocketDrops<'_>) -> Option<String> {
    let unicasts = socket.rows.iter().filter(|row| row.delivery == Some(Delivery::Unicast));
    let first = unicasts.filter_map(|row| Some((row.first_ts_ns?, row.first_seq?))).min()?;
    Some(format!("The first lost has sequence number {}.", first.1))
}

/// What the owner was told, and the senders.
fn told(socket: &SocketDrops<'_>) -> Option<String> {
    let is_silent = socket.facts.and_then(|facts| facts.no_enobufs) == Some(true);
    let owner = match errno(socket) {
        Some(error) if socket.episodes.len() > 1 => {
            Some(format!("Its owner was told {error} once each time."))
        }
        Some(error) => Some(format!("Its owner was told {error} once.")),
        None if is_silent => {
            Some("Its owner was told nothing, because it set NETLINK_NO_ENOBUFS.".to_owned())
        }
        None if socket.rows.iter().all(|row| row.owner_told == Some(0)) => {
            Some("Its owner was told nothing.".to_owned())
        }
        None => None,
    };
    let reports = socket.facts.and_then(|facts| facts.broadcast_error) == Some(true)
        && socket.rows.iter().any(|row| row.delivery == Some(Delivery::Multicast));
    let sender = reports.then(|| {
        "As it set NETLINK_BROADCAST_ERROR, the sender was told ENOBUFS and can send again.".to_owned()
    });
    let sentences: Vec<_> = owner.into_iter().chain(sender).collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

/// The name of the error that was told.
fn errno(socket: &SocketDrops<'_>) -> Option<&'static str> {
    let told = socket.rows.iter().filter_map(|row| row.owner_told).find(|told| *told != 0)?;
    Errno::new(told.cast_signed()).and_then(Errno::name)
}

/// `16,384 bytes`
pub(super) fn bytes_grouped(count: u64) -> String {
    format!("{} {}", grouped(count), plural(count, "byte"))
}
