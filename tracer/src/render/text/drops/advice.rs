//! What to do about the drops of one socket.

use nltrace_common::{Cause, Delivery};
use terminal::units::grouped;

use super::sentence::bytes_grouped;
use crate::model::drops::{Advice, Remedy, SocketDrops};

/// What to do, in sentences.
pub(super) fn what_to_do(socket: &SocketDrops<'_>, rmem_max: Option<u64>) -> String {
    let text = match socket.cause {
        _ if socket.family.is_none() => "Narrow the capture: --family, --cause.",
        Cause::Overrun => return overrun(socket, rmem_max),
        Cause::AllocFailed => "Free some memory, or raise vm.min_free_kbytes; then read the state anew.",
        Cause::ErrorOnly if is_dump(socket) => "Dump again.",
        Cause::ErrorOnly => "What it knows may be out of date: dump the state anew.",
        Cause::NoReceiver => return no_receiver(socket),
        Cause::WouldBlock => "The sender can send again once the reader has read; the reader is too slow.",
        Cause::Interrupted => "The sender can send again.",
        Cause::Truncated => return truncated(socket),
        Cause::ClosedUnread => {
            "Nothing, unless its owner wanted to know: then read until EAGAIN before the close."
        }
        Cause::SocketFilter => "Nothing, if the program filters on purpose, as udev does.",
    };
    text.to_owned()
}

fn is_dump(socket: &SocketDrops<'_>) -> bool {
    socket.rows.iter().all(|row| row.delivery == Some(Delivery::Dump))
}

/// The buffer that would have held everything, and how to get it.
fn overrun(socket: &SocketDrops<'_>, rmem_max: Option<u64>) -> String {
    let most = socket.episodes.iter().filter_map(|episode| episode.advice).max_by_key(|advice| advice.rcvbuf);
    let Some(advice) = most else {
        return "Read faster, or give the socket a larger receive buffer; how large is not known.".to_owned();
    };
    if let Some(bottleneck) = advice.bottleneck {
        return format!(
            "No buffer helps: the reader takes {}/s, {}/s come. Read faster, or ask for less: fewer groups, a \
             socket filter.",
            grouped(bottleneck.reads_per_s),
            grouped(bottleneck.arrivals_per_s)
        );
    }
    let held = format!("A receive buffer of {} would have held them", bytes_grouped(advice.rcvbuf));
    match setting(advice, rmem_max) {
        Some(setting) => format!("{held}: {setting}."),
        None => format!("No buffer helps: it would have had to hold {}.", bytes_grouped(advice.rcvbuf)),
    }
}

/// How to get a receive buffer; None: no socket can have it.
fn setting(advice: Advice, rmem_max: Option<u64>) -> Option<String> {
    let value = advice.so_rcvbuf();
    match advice.remedy {
        Remedy::SoRcvbuf => Some(format!("setsockopt(SO_RCVBUF, {value})")),
        Remedy::Privileged => {
            let limit = rmem_max.map_or_else(String::new, |most| format!(", which is {most}"));
            Some(format!(
                "setsockopt(SO_RCVBUFFORCE, {value}) with CAP_NET_ADMIN, or SO_RCVBUF after sysctl \
                 net.core.rmem_max={value}{limit}"
            ))
        }
        Remedy::Unknown => Some(format!("setsockopt(SO_RCVBUF, {value}), if net.core.rmem_max allows it")),
        Remedy::TooLarge => None,
    }
}

fn no_receiver(socket: &SocketDrops<'_>) -> String {
    if socket.portid == Some(0) {
        return "Nothing, if the messages were for a group: those were sent, and this error can be ignored. \
                Otherwise load the family's module."
            .to_owned();
    }
    let by_kernel = socket.rows.iter().all(|row| row.sender_is_kernel);
    if by_kernel {
        return "Its owner closed it before the kernel could answer; nothing, if it has exited.".to_owned();
    }
    let show = match socket.portid {
        Some(portid) => format!("nltrace sockets --portid {portid}"),
        None => "nltrace sockets".to_owned(),
    };
    format!("Start the program that should listen, or send to its port ID: {show}")
}

fn truncated(socket: &SocketDrops<'_>) -> String {
    let only = match socket.rows.as_slice() {
        [row] if row.count == 1 => row.reader_buf.zip(row.bytes),
        _ => None,
    };
    match (only, socket.rows.iter().filter_map(|row| row.reader_buf).max()) {
        (_, Some(0)) => "Nothing, if it is on purpose.".to_owned(),
        (Some((buffer, cut)), _) => format!(
            "Read into at least {}; 32 KiB hold any part of a dump. Or ask for the length first: \
             recv(MSG_PEEK|MSG_TRUNC).",
            bytes_grouped(u64::from(buffer) + cut)
        ),
        _ => "Read into a larger buffer; 32 KiB hold any part of a dump. Or ask for the length first: \
              recv(MSG_PEEK|MSG_TRUNC)."
            .to_owned(),
    }
}
