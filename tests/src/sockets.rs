//! `nltrace sockets`: what the kernel has of each socket, whoever holds it, in whatever network namespace.

use std::{collections::BTreeSet, fs, io, os::fd::AsFd, process};

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};
use serde_json::Value;

use crate::guest::{
    Child, Json, Namespace, Netlink, NetlinkSocket, Program, all_netlink_sockets, message, nltrace,
    socket_list::{find, listed, own_comm, owners},
};

/// The families that every one of the kernels has built in.
const ROUTE: i32 = 0;
const USERSOCK: i32 = 2;
const SOCK_DIAG: i32 = 4;
const UEVENT: i32 = 15;
const GENERIC: i32 = 16;

/// The socket as `/proc/net/netlink` has it, but for its references: its first 32 groups are a mask there.
fn as_in_proc(socket: &Value) -> NetlinkSocket {
    let groups = socket.list("/groups").iter().map(|group| group.number("/group"));
    NetlinkSocket {
        family: socket.number("/family") as u32,
        portid: socket.number("/portid") as u32,
        groups: groups.filter(|group| *group <= 32).fold(0, |mask, group| mask | 1 << (group - 1)),
        rmem: socket.number("/rmem"),
        wmem: socket.number("/wmem"),
        dump: !socket.at("/dump").is_null(),
        references: 0,
        drops: socket.number("/drops"),
        inode: socket.number("/inode"),
    }
}

/// Those that have no port id are the kernel's, which no process holds.
fn in_proc() -> Vec<NetlinkSocket> {
    let mut sockets = all_netlink_sockets();
    sockets.retain(|socket| socket.portid != 0);
    for socket in &mut sockets {
        socket.references = 0;
    }
    sockets.sort_by_key(|socket| socket.inode);
    sockets
}

/// A datagram of a family of user space.
fn datagram() -> Vec<u8> {
    message(20, 0x20, 0, 7, &[1, 2, 3, 4])
}

/// Sockets of some families in the namespace that this thread is in: some have unread messages, some have
/// missed some.
fn sockets_of_all_kinds() -> Vec<Netlink> {
    let reader = Netlink::open(USERSOCK).bound(0, 0);
    let (slow, sender) = (Netlink::open(USERSOCK).bound(4711, 0b101), Netlink::open(USERSOCK).bound(0, 0));
    for _ in 0..3 {
        sender.send(reader.portid(), 0, &datagram()).expect("there is room");
    }
    slow.receive_buffer(1);
    for _ in 0..100 {
        // A copy is for the kernel, which has no socket of this family.
        let refused = sender.send(0, 1, &datagram()).map_err(|error| error.raw_os_error());
        assert_eq!(refused, Err(Some(libc::ECONNREFUSED)));
    }
    let groups = Netlink::open(ROUTE).bound(0, 0x8000_0221);
    // Beyond the 32 that fit into an address.
    groups.set(libc::NETLINK_ADD_MEMBERSHIP, 36);
    vec![
        reader,
        slow,
        sender,
        groups,
        Netlink::open(SOCK_DIAG).bound(0, 0),
        Netlink::open(UEVENT).bound(4_000_000_000, 1),
        Netlink::open(GENERIC).bound(0, 0),
        Netlink::open(ROUTE),
    ]
}

#[test]
fn every_namespace_has_the_sockets_that_the_kernel_lists_there() {
    let (east, west) = (Namespace::new("sockets-east"), Namespace::new("sockets-west"));
    for namespace in [&east, &west] {
        let (held, listed, expected) = namespace.inside(|| {
            let held = sockets_of_all_kinds();
            let listed = listed(&format!("--netns {}", namespace.inode()));
            (held, listed, in_proc())
        });
        let (bound, unbound): (Vec<_>, Vec<_>) =
            listed.iter().partition(|socket| !socket.at("/portid").is_null());
        let mut bound: Vec<_> = bound.into_iter().map(as_in_proc).collect();
        bound.sort_by_key(|socket| socket.inode);
        assert_eq!(bound, expected);
        assert_eq!(bound.len() + 1, held.len(), "one of them is not bound, and the kernel does not list it");
        assert_eq!(unbound.len(), 1);
        assert!(bound.iter().any(|socket| socket.drops > 0) && bound.iter().any(|socket| socket.rmem > 0));
        let slow = listed.iter().find(|socket| socket.number("/drops") > 0).expect("it has missed some");
        assert_eq!(*slow.at("/congested"), true);
        assert_eq!((slow.number("/error"), slow.text("/errno")), (libc::ENOBUFS as u64, "ENOBUFS"));
        assert!(slow.number("/queued") > 0 && slow.number("/rcvbuf") < 10_000, "{slow}");
        let route = listed.iter().find(|socket| socket.list("/groups").len() == 5).expect("it has groups");
        let names: Vec<_> = route.list("/groups").iter().map(|group| group.text("/group_name")).collect();
        assert_eq!(names, ["LINK", "IPV4_MROUTE", "IPV6_MROUTE", "NEXTHOP", "STATS"]);
        for socket in &listed {
            let owners = owners(socket);
            assert_eq!(owners.len(), 1, "{socket}");
            assert_eq!((owners[0].0, &owners[0].1), (u64::from(process::id()), &own_comm()));
            let own = held.iter().find(|own| own.inode() == socket.number("/inode")).expect("it is ours");
            assert_eq!(owners[0].2, [own.number() as u64]);
        }
    }
}

/// The second witness. It prints a socket twice that listens to a group, and its own, and port IDs as signed
/// numbers.
#[test]
fn ss_sees_the_same_sockets() {
    let namespace = Namespace::new("sockets-ss");
    let _held = namespace.inside(sockets_of_all_kinds);
    let printed = namespace.run(Program::new("ss").words("-H -n -a -f netlink")).run().success().stdout;
    let seen: BTreeSet<_> = printed
        .lines()
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let &[_, rmem, wmem, address, _] = words.as_slice() else { panic!("another table: {line}") };
            let (family, portid) = address.split_once(':').expect("family and port ID");
            let portid: i64 = portid.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
            let number = |word: &str| word.parse::<u64>().expect("a number");
            (number(family), portid as u32, number(rmem), number(wmem))
        })
        .filter(|(_, portid, ..)| *portid != 0)
        .collect();
    let listed: BTreeSet<_> = listed("--netns sockets-ss")
        .iter()
        .filter(|socket| !socket.at("/portid").is_null())
        .map(|socket| {
            let [family, portid, rmem, wmem] =
                ["/family", "/portid", "/rmem", "/wmem"].map(|field| socket.number(field));
            (family, portid as u32, rmem, wmem)
        })
        .collect();
    assert!(listed.is_subset(&seen), "{listed:?} {printed}");
    let own: Vec<_> = seen.difference(&listed).collect();
    let is_its_own = |(family, ..): &&(u64, u32, u64, u64)| *family == SOCK_DIAG as u64;
    assert!(own.len() <= 1 && own.iter().all(is_its_own), "{own:?} of {printed}");
}

/// More than the kernel hands out in one piece.
#[test]
fn many_sockets_are_listed_to_the_last_and_none_twice() {
    let namespace = Namespace::new("sockets-many");
    let held: Vec<_> = namespace.inside(|| (0..700).map(|_| Netlink::open(ROUTE).bound(0, 0)).collect());
    let mut expected: Vec<_> = held.iter().map(Netlink::inode).collect();
    expected.sort_unstable();
    let listed = listed("--netns sockets-many");
    let mut inodes: Vec<_> = listed.iter().map(|socket| socket.number("/inode")).collect();
    inodes.sort_unstable();
    assert_eq!(inodes, expected);
    assert!(listed.is_sorted_by_key(|socket| socket.number("/portid")), "by port ID");
}

#[test]
fn all_namespaces_are_listed_at_once_and_by_name() {
    let (east, west) = (Namespace::new("sockets-a"), Namespace::new("sockets-b"));
    let held = [&east, &west].map(|namespace| namespace.inside(|| Netlink::open(ROUTE).bound(0, 1)));
    let all = listed("");
    let cookies: Vec<_> = [(&east, &held[0], "sockets-a"), (&west, &held[1], "sockets-b")]
        .into_iter()
        .map(|(namespace, held, name)| {
            let socket =
                all.iter().find(|socket| socket.number("/inode") == held.inode()).expect("it is listed");
            assert_eq!((socket.number("/netns"), socket.text("/netns_name")), (namespace.inode(), name));
            let inodes = |sockets: Vec<Value>| -> Vec<_> {
                sockets.iter().map(|socket| socket.number("/inode")).collect()
            };
            assert_eq!(inodes(listed(&format!("--netns {name}"))), [held.inode()]);
            assert_eq!(inodes(listed(&format!("--netns net:[{}]", namespace.inode()))), [held.inode()]);
            socket.number("/netns_cookie")
        })
        .collect();
    assert_ne!(cookies[0], cookies[1]);
    nltrace("sockets --netns nosuch").run().exits(1).said("nosuch").said("sockets-a");
}

#[test]
fn options_have_the_names_by_which_they_were_set() {
    let options = [
        (libc::NETLINK_PKTINFO, "PKTINFO"),
        (libc::NETLINK_BROADCAST_ERROR, "BROADCAST_ERROR"),
        (libc::NETLINK_NO_ENOBUFS, "NO_ENOBUFS"),
        (libc::NETLINK_LISTEN_ALL_NSID, "LISTEN_ALL_NSID"),
        (libc::NETLINK_CAP_ACK, "CAP_ACK"),
        (libc::NETLINK_EXT_ACK, "EXT_ACK"),
        (libc::NETLINK_GET_STRICT_CHK, "GET_STRICT_CHK"),
    ];
    let each = options.map(|(option, name)| {
        let socket = Netlink::open(ROUTE).bound(0, 0);
        socket.set(option, 1);
        (socket, vec![name])
    });
    let all = Netlink::open(ROUTE).bound(0, 0);
    options.iter().for_each(|(option, _)| all.set(*option, 1));
    let cleared = Netlink::open(ROUTE).bound(0, 0);
    for (option, _) in options {
        cleared.set(option, 1);
        cleared.set(option, 0);
    }
    let names = options.map(|(_, name)| name).to_vec();
    for (socket, expected) in each.into_iter().chain([(all, names), (cleared, vec![])]) {
        let listed = find(&socket).expect("it is listed");
        let found: Vec<_> =
            listed.list("/options").iter().map(|name| name.as_str().expect("a name")).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn what_a_socket_is_connected_to_and_its_filter_are_told() {
    let (peer, connected) = (Netlink::open(USERSOCK).bound(0, 0), Netlink::open(USERSOCK).bound(0, 0));
    connected.connect(peer.portid(), 0b100);
    accept_everything(&connected);
    let listed = find(&connected).expect("it is listed");
    assert_eq!(listed.number("/dst_portid"), u64::from(peer.portid()));
    assert_eq!(listed.number("/dst_group"), 3, "the first of the mask");
    assert_eq!(*listed.at("/filter"), true);
    let other = find(&peer).expect("it is listed");
    assert_eq!((other.number("/dst_portid"), other.at("/dst_group")), (0, &Value::Null));
    assert_eq!(*other.at("/filter"), false);
}

/// Attaches a socket filter that lets everything pass.
fn accept_everything(socket: &Netlink) {
    let mut code = [libc::sock_filter { code: 6, jt: 0, jf: 0, k: u32::MAX }];
    let program = libc::sock_fprog { len: 1, filter: code.as_mut_ptr() };
    // SAFETY: a program of one instruction, as long as said.
    let attached = unsafe {
        libc::setsockopt(
            socket.number(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size_of::<libc::sock_fprog>() as u32,
        )
    };
    assert_eq!(attached, 0, "{}", io::Error::last_os_error());
}

#[test]
fn a_dump_is_open_until_its_last_part_is_read() {
    let namespace = Namespace::new("sockets-dump");
    let routes: String = (0..2000)
        .map(|number| format!("route add blackhole 10.0.{}.{}/32\n", number / 250, number % 250 + 1))
        .collect();
    let batch = std::env::temp_dir().join(format!("routes-{}", process::id()));
    fs::write(&batch, routes).expect("there is room");
    namespace.run(Program::new("ip").word("-batch").word(batch.display().to_string())).run().success();
    fs::remove_file(&batch).expect("it is there");
    let socket = namespace.inside(|| Netlink::open(ROUTE).bound(0, 0));
    /// `RTM_GETROUTE`, and what asks for all: `NLM_F_REQUEST | NLM_F_DUMP`.
    const GET_ROUTE: (u16, u16) = (26, 0x301);
    let mut family = [0; 12];
    family[0] = libc::AF_INET as u8;
    socket.send(0, 0, &message(28, GET_ROUTE.0, GET_ROUTE.1, 77, &family)).expect("the kernel takes it");
    let open = find(&socket).expect("it is listed");
    assert_eq!((open.number("/dump/type"), open.text("/dump/type_name")), (26, "GETROUTE"));
    assert_eq!((open.number("/dump/seq"), open.at("/dump/since_ns")), (77, &Value::Null));
    let text = nltrace("sockets --netns sockets-dump").run().success().stdout;
    assert!(text.contains("dump open: GETROUTE, seq 77"), "{text}");
    while let Ok(part) = socket.receive() {
        assert!(part.len() > 16, "a part has messages");
    }
    assert_eq!(*find(&socket).expect("it is listed").at("/dump"), Value::Null);
}

/// As met by lldpd: in a container it is process 1, and takes that for its port ID, which another container
/// has already.
#[test]
fn who_has_a_port_id_that_bind_was_refused_is_named() {
    let namespace = Namespace::new("sockets-refused");
    let home = fs::File::open("/proc/self/ns/pid").expect("procfs is mounted");
    let start = |name: &'static std::ffi::CStr| {
        // SAFETY: it is about the processes that this thread starts, and nothing else.
        unsafe { unshare_unsafe(UnshareFlags::NEWPID) }.expect("root may");
        let child = Child::start(name, |told| {
            let socket = Netlink::open(ROUTE);
            told.say(match socket.bind(process::id(), 0) {
                Ok(()) => 0,
                Err(error) => error.raw_os_error().unwrap_or(0) as u8,
            });
            told.wait();
        });
        move_into_link_name_space(home.as_fd(), Some(LinkNameSpaceType::ProcessID)).expect("root may");
        child
    };
    namespace.inside(|| {
        let mut has = start(c"lldpd");
        assert_eq!(has.said(), 0, "the first has its port ID");
        let mut wants = start(c"wsdd");
        assert_eq!(i32::from(wants.said()), libc::EADDRINUSE, "the second is refused it");

        let listed = listed("--netns sockets-refused -f route --portid 1");
        assert_eq!(listed.len(), 1, "{listed:?}");
        let (pid, comm, _) = &owners(&listed[0])[0];
        assert_eq!((*pid, comm.as_str()), (u64::from(has.pid), "lldpd"));
        let refused = listed[0].list("/refused");
        assert_eq!(refused.len(), 1, "{refused:?}");
        let (pid, comm, _) = &owners(&refused[0])[0];
        assert_eq!((*pid, comm.as_str()), (u64::from(wants.pid), "wsdd"));

        let all = self::listed("--netns sockets-refused -c wsdd");
        assert_eq!((all[0].at("/portid"), all[0].number("/refused_portid")), (&Value::Null, 1));
        assert_eq!(owners(all[0].at("/holder"))[0].1, "lldpd");
        let text = nltrace("sockets --netns sockets-refused --portid 1").run().success().stdout;
        assert!(text.contains(&format!("this port ID was refused to {} wsdd", wants.pid)), "{text}");
        has.end();
        wants.end();
    });
}

#[test]
fn filters_leave_the_sockets_that_are_everything_they_ask_for() {
    let namespace = Namespace::new("sockets-filters");
    let held = namespace.inside(sockets_of_all_kinds);
    let count = |arguments: &str| listed(&format!("--netns sockets-filters {arguments}")).len();
    let pid = process::id();
    assert_eq!(count(""), held.len());
    assert_eq!(count(&format!("-p {pid}")), held.len());
    assert_eq!(count("-p 1"), 0);
    assert_eq!(count(&format!("-c {}", own_comm())), held.len());
    assert_eq!(count("-c nosuch"), 0);
    assert_eq!(count("-f usersock"), 3);
    assert_eq!(count("-f usersock,route"), 5);
    assert_eq!(count("--portid 4711"), 1);
    assert_eq!(count("--drops"), 1);
    assert_eq!(count("--drops -f route"), 0);
    let nothing = nltrace("sockets --netns sockets-filters --drops -f route").run().success().stdout;
    assert!(nothing.starts_with("no netlink socket"), "{nothing}");
}

#[test]
fn two_capabilities_are_enough_to_see_everything() {
    let namespace = Namespace::new("sockets-caps");
    let held = namespace.inside(sockets_of_all_kinds);
    let arguments = format!("sockets --json --netns {}", namespace.inode());
    let (root, tracer) = (nltrace(&arguments).run(), nltrace(&arguments).by_a_tracer().run());
    let (root, tracer) = (root.success().json(), tracer.success().json());
    assert_eq!(root.list("/sockets").len(), held.len());
    assert_eq!(root, tracer);
}

#[test]
fn lines_have_at_most_80_columns() {
    let namespace = Namespace::new("sockets-text");
    let held = namespace.inside(sockets_of_all_kinds);
    let text = nltrace("sockets --netns sockets-text").run().success().stdout;
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(
        text.contains("sockets-text") && text.contains("congested") && text.contains("ENOBUFS"),
        "{text}"
    );
    assert!(text.contains(&format!("{} netlink sockets in 1 network namespace", held.len())), "{text}");
}
