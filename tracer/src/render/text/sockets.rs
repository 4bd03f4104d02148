//! `nltrace sockets` for people: a table of 80 columns for each network namespace, and below a socket's line
//! what is special about it.

use std::fmt::Write as _;

use netlink_wire::Errno;
use terminal::{Charset, escape, units::plural};

use super::columns::Row;
use crate::{
    decode::{TypeName, group_name},
    model::socket::{Listed, OpenDump, Owner, Socket, SocketOption, SocketReport},
    render::Buffer,
};

/// Columns of a line.
const WIDTH: usize = 80;

const HEADING: &str = "FAMILY          PORTID     PID COMM                 RMEM     RCVBUF      DROPS\n";

/// Where to look next.
const MORE: &str = "nltrace drops shows what is dropped from now on, why, and what would help";

/// The tables, and how many sockets there are.
pub fn sockets_text(report: &SocketReport<'_>, charset: Charset) -> String {
    let mut text = String::new();
    let of_namespaces = report.sockets.chunk_by(|one, other| one.socket.netns == other.socket.netns);
    for sockets in of_namespaces.clone() {
        namespace(&mut text, sockets, report, charset);
        text.push_str(HEADING);
        for listed in sockets {
            line(&mut text, listed.socket, charset);
            details(&mut text, listed, charset);
        }
        text.push('\n');
    }
    text.push_str(&total(report, of_namespaces.count() as u64));
    text
}

fn namespace(text: &mut String, sockets: &[Listed<'_>], report: &SocketReport<'_>, charset: Charset) {
    let Some(Listed { socket, .. }) = sockets.first() else { return };
    let _ = write!(text, "network namespace {}", socket.netns);
    if let Some(name) = report.names.name(socket.netns) {
        let _ = write!(text, " {}", escape::for_terminal(name, charset));
    }
    text.push_str(if report.names.is_own(socket.netns) { " (this one)\n" } else { "\n" });
}

fn line(text: &mut String, socket: &Socket, charset: Charset) {
    let mut out = Buffer::default();
    let mut row = Row::new(&mut out);
    row.left(&socket.family.label(), 11);
    row.right(&socket.portid.map_or_else(|| "-".to_owned(), |portid| portid.to_string()), 10);
    // Records come from files, so there is one.
    match socket.owners.first() {
        Some(owner) => {
            row.right(&owner.pid.to_string(), 7);
            row.foreign(owner.name(), 16, charset);
        }
        None => {
            row.right("-", 7);
            row.left("-", 16);
        }
    }
    row.right(&socket.rmem.to_string(), 9);
    row.right(&socket.rcvbuf.to_string(), 10);
    row.right(&socket.drops.to_string(), 10);
    let line = out.rest(0);
    text.push_str(String::from_utf8_lossy(&line).trim_end());
    text.push('\n');
}

fn details(text: &mut String, listed: &Listed<'_>, charset: Charset) {
    let Listed { socket, refused, holder } = listed;
    let mut list = |title: &str, items: Vec<String>| {
        if !items.is_empty() {
            wrap(text, title, &items.join(", "));
        }
    };
    list("also held by", socket.owners.iter().skip(1).map(|owner| process(owner, charset)).collect());
    list("groups", groups(socket));
    list("options", options(socket));
    let mut say = |sentence: String| wrap(text, "", &sentence);
    match (socket.dst_portid, socket.dst_group) {
        (0, 0) => {}
        (portid, 0) => say(format!("connected to port ID {portid}")),
        (0, group) => say(format!("connected to group {}", group_label(socket, group))),
        (portid, group) => {
            say(format!("connected to port ID {portid} and to group {}", group_label(socket, group)));
        }
    }
    if let Some(OpenDump { nlmsg_type, seq }) = socket.dump {
        let request = TypeName::of(socket.family, nlmsg_type)
            .map_or_else(|| format!("type {nlmsg_type}"), |name| name.to_string());
        say(format!("dump open: {request}, seq {seq}; the rest comes when this process reads"));
    }
    if socket.congested {
        say("congested: whatever is sent to it is dropped until this process has read everything".to_owned());
    }
    if socket.drops != 0 && socket.options().any(|option| option == SocketOption::NoEnobufs) {
        say("NO_ENOBUFS is set: this process is not told that messages were dropped".to_owned());
    }
    if socket.error != 0 {
        let name = Errno::new(socket.error).and_then(Errno::name);
        let error = name.map_or_else(|| format!("error {}", socket.error), str::to_owned);
        say(format!("the next call of this process fails with {error}"));
    }
    if socket.has_filter {
        say("has a socket filter: what that refuses is not delivered and not in DROPS".to_owned());
    }
    if let Some(portid) = socket.refused_portid {
        let holder = holder.map_or_else(
            || format!("a {} socket that is not seen here", socket.family),
            |holder| processes(holder, charset),
        );
        say(format!("port ID {portid} was refused (EADDRINUSE): {holder} has it"));
    }
    for other in refused {
        say(format!("this port ID was refused to {}", processes(other, charset)));
    }
}

fn processes(socket: &Socket, charset: Charset) -> String {
    let names: Vec<_> = socket.owners.iter().map(|owner| process(owner, charset)).collect();
    names.join(", ")
}

fn process(owner: &Owner, charset: Charset) -> String {
    let mut text = format!("{} ", owner.pid);
    escape::terminal(owner.name(), charset, |piece| text.push_str(piece));
    text
}

fn groups(socket: &Socket) -> Vec<String> {
    match &socket.groups {
        Some(groups) => groups.iter().map(|group| group_label(socket, *group)).collect(),
        None => vec!["unknown: there are too many to be read".to_owned()],
    }
}

fn group_label(socket: &Socket, group: u32) -> String {
    group_name(socket.family, group).map_or_else(|| group.to_string(), str::to_owned)
}

fn options(socket: &Socket) -> Vec<String> {
    let named = socket.options().map(|option| SocketOption::name(option).to_owned());
    let unnamed = Some(socket.unnamed_options()).filter(|bits| *bits != 0).map(|bits| format!("0x{bits:x}"));
    named.chain(unnamed).collect()
}

/// A title and what follows it, in lines of at most [`WIDTH`] columns.
fn wrap(text: &mut String, title: &str, words: &str) {
    let mut column = 0;
    for word in title.split_whitespace().chain(words.split_whitespace()) {
        let columns = word.chars().count();
        let indent = match column {
            0 => "    ",
            _ if column + 1 + columns > WIDTH => "\n      ",
            _ => " ",
        };
        if indent.starts_with('\n') {
            column = 0;
        }
        column += indent.trim_start_matches('\n').len() + columns;
        text.push_str(indent);
        text.push_str(word);
    }
    text.push('\n');
}

fn total(report: &SocketReport<'_>, namespaces: u64) -> String {
    let count = report.sockets.len() as u64;
    if count == 0 {
        return "no netlink socket matches; only those that a process here holds are seen\n".to_owned();
    }
    let dropped = report.sockets.iter().filter(|listed| listed.socket.drops != 0).count() as u64;
    let dropped = match dropped {
        0 => "no messages were dropped".to_owned(),
        _ => format!("messages were dropped on {dropped}\n{MORE}"),
    };
    format!(
        "{count} {} in {namespaces} {}; {dropped}\n",
        plural(count, "netlink socket"),
        plural(namespaces, "network namespace")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::socket::{NetnsNames, tests::socket};

    fn shown(sockets: Vec<Listed<'_>>) -> String {
        let report = SocketReport { kernel: None, sockets, names: &NetnsNames::default() };
        sockets_text(&report, Charset::Ascii)
    }

    #[test]
    fn a_line_has_at_most_80_columns_and_what_is_special_follows() {
        let mut has = socket(4711, Some(4_294_963_200), "systemd-network");
        has.groups = Some((1..=24).collect());
        has.option_bits = 0xff;
        has.rmem = 213_120;
        has.drops = 1_234_567_890;
        has.congested = true;
        has.error = 105;
        has.dump = Some(OpenDump { nlmsg_type: 26, seq: 5 });
        has.owners.push(Owner { pid: 4712, comm: *b"evil\x1b[2J\0\0\0\0\0\0\0\0", fds: vec![3] });
        let mut wants = socket(9, None, "wsdd");
        wants.refused_portid = has.portid;
        let text = shown(vec![
            Listed { socket: &has, refused: vec![&wants], holder: None },
            Listed { socket: &wants, refused: vec![], holder: Some(&has) },
        ]);
        assert_eq!(text, include_str!("snapshots/sockets.txt"));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        assert_eq!(
            shown(Vec::new()),
            "no netlink socket matches; only those that a process here holds are seen\n"
        );
    }
}
