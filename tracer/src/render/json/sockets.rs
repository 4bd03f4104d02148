//! `sockets --json`: an object. `docs/schema/sockets.json` describes it.

use netlink_wire::Errno;
use serde::Serialize;

use super::to_json;
use crate::{
    decode::{TypeName, group_name},
    model::socket::{Listed, OpenDump, Owner, Socket, SocketOption, SocketReport},
};

#[derive(Serialize)]
struct SocketsJson<'a> {
    command: &'static str,
    kernel: Option<&'a str>,
    sockets: Vec<SocketJson<'a>>,
}

#[derive(Serialize)]
struct SocketJson<'a> {
    inode: u64,
    family: u8,
    family_name: Option<&'static str>,
    netns: u32,
    netns_name: Option<&'a str>,
    netns_cookie: u64,
    portid: Option<u32>,
    refused_portid: Option<u32>,
    dst_portid: u32,
    dst_group: Option<u32>,
    groups: Option<Vec<GroupJson>>,
    options: Vec<String>,
    congested: bool,
    error: i32,
    errno: Option<&'static str>,
    rmem: u32,
    rcvbuf: u32,
    wmem: u32,
    sndbuf: u32,
    queued: u32,
    drops: u32,
    dump: Option<DumpJson>,
    filter: bool,
    uid: u32,
    owners: Vec<OwnerJson>,
    refused: Vec<HeldJson>,
    holder: Option<HeldJson>,
}

#[derive(Serialize)]
struct GroupJson {
    group: u32,
    group_name: Option<&'static str>,
}

#[derive(Serialize)]
struct DumpJson {
    r#type: u16,
    type_name: Option<String>,
    seq: u32,
    since_ns: Option<u64>,
}

#[derive(Serialize)]
struct OwnerJson {
    pid: u32,
    comm: String,
    fds: Vec<u32>,
}

/// Another socket, and who holds it.
#[derive(Serialize)]
struct HeldJson {
    inode: u64,
    owners: Vec<OwnerJson>,
}

/// The object, with its line break.
pub fn sockets_json(report: &SocketReport<'_>) -> String {
    let sockets = report.sockets.iter().map(|listed| SocketJson::new(listed, report)).collect();
    to_json(&SocketsJson { command: "sockets", kernel: report.kernel, sockets }) + "\n"
}

impl<'a> SocketJson<'a> {
    fn new(Listed { socket, refused, holder }: &Listed<'_>, report: &SocketReport<'a>) -> Self {
        let family = socket.family;
        let groups = |groups: &Vec<u32>| {
            groups.iter().map(|&group| GroupJson { group, group_name: group_name(family, group) }).collect()
        };
        Self {
            inode: socket.inode,
            family: family.number(),
            family_name: family.name(),
            netns: socket.netns,
            netns_name: report.names.name(socket.netns),
            netns_cookie: socket.netns_cookie,
            portid: socket.portid,
            refused_portid: socket.refused_portid,
            dst_portid: socket.dst_portid,
            dst_group: (socket.dst_group != 0).then_some(socket.dst_group),
            groups: socket.groups.as_ref().map(groups),
            options: options(socket),
            congested: socket.congested,
            error: socket.error,
            errno: Errno::new(socket.error).and_then(Errno::name),
            rmem: socket.rmem,
            rcvbuf: socket.rcvbuf,
            wmem: socket.wmem,
            sndbuf: socket.sndbuf,
            queued: socket.queued,
            drops: socket.drops,
            dump: socket.dump.map(|OpenDump { nlmsg_type, seq }| DumpJson {
                r#type: nlmsg_type,
                type_name: TypeName::of(family, nlmsg_type).map(|name| name.to_string()),
                seq,
                // The kernel does not keep it.
                since_ns: None,
            }),
            filter: socket.has_filter,
            uid: socket.uid,
            owners: owners(socket),
            refused: refused.iter().copied().map(HeldJson::new).collect(),
            holder: holder.map(HeldJson::new),
        }
    }
}

impl HeldJson {
    fn new(socket: &Socket) -> Self {
        Self { inode: socket.inode, owners: owners(socket) }
    }
}

/// By name; those without a name as one number.
fn options(socket: &Socket) -> Vec<String> {
    let named = socket.options().map(|option| SocketOption::name(option).to_owned());
    let unnamed = Some(socket.unnamed_options()).filter(|bits| *bits != 0).map(|bits| format!("0x{bits:x}"));
    named.chain(unnamed).collect()
}

fn owners(socket: &Socket) -> Vec<OwnerJson> {
    let owner = |owner: &Owner| OwnerJson {
        pid: owner.pid,
        comm: String::from_utf8_lossy(owner.name()).into_owned(),
        fds: owner.fds.clone(),
    };
    socket.owners.iter().map(owner).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::socket::{NetnsNames, tests::socket};

    fn printed(sockets: &[Socket]) -> Value {
        let sockets =
            sockets.iter().map(|socket| Listed { socket, refused: Vec::new(), holder: None }).collect();
        let report = SocketReport { kernel: Some("7.3.4"), sockets, names: &NetnsNames::default() };
        serde_json::from_str(&sockets_json(&report)).unwrap()
    }

    #[test]
    fn what_is_known_is_named_and_what_is_not_is_null() {
        let mut one = socket(7, Some(4_294_963_200), "udevd");
        one.groups = Some(vec![1, 7, 99]);
        one.option_bits = 0x148;
        one.error = 105;
        one.dump = Some(OpenDump { nlmsg_type: 26, seq: 5 });
        let json = printed(&[one]);
        let socket = &json["sockets"][0];
        assert_eq!((&json["command"], &json["kernel"]), (&json!("sockets"), &json!("7.3.4")));
        let groups = json!([{"group": 1, "group_name": "LINK"}, {"group": 7, "group_name": "IPV4_ROUTE"},
            {"group": 99, "group_name": null}]);
        assert_eq!(socket["groups"], groups);
        assert_eq!(socket["options"], json!(["NO_ENOBUFS", "EXT_ACK", "0x100"]));
        assert_eq!((&socket["error"], &socket["errno"]), (&json!(105), &json!("ENOBUFS")));
        assert_eq!(socket["dump"], json!({"type": 26, "type_name": "GETROUTE", "seq": 5, "since_ns": null}));
        assert_eq!(socket["owners"], json!([{"pid": 7, "comm": "udevd", "fds": [3]}]));
    }

    #[test]
    fn no_port_id_and_unread_groups_are_null() {
        let mut one = socket(7, None, "x");
        one.groups = None;
        let socket = &printed(&[one])["sockets"][0];
        for field in
            ["portid", "refused_portid", "dst_group", "groups", "dump", "errno", "netns_name", "holder"]
        {
            assert_eq!(socket[field], Value::Null, "{field}");
        }
    }
}
