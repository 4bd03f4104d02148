//! What a softirq sends on top of a thread that is in a request has nothing to do with that request.

use crate::guest::{Json, Namespace, Netlink, Program, attribute, exchanged, message, wait_for};

const NETFILTER: u8 = 12;
const GROUP: u16 = 5;
const REQUEST: u16 = 1;
const ACK: u16 = 4;

/// `NFULNL_MSG_CONFIG` with `NFULNL_CFG_CMD_BIND` and a threshold of one packet, so that each is told at
/// once.
fn log_here(socket: &Netlink) {
    let command = attribute(5, 1, &[1]);
    let threshold = attribute(8, 5, &1u32.to_be_bytes());
    let payload = [&[0, 0][..], &GROUP.to_be_bytes(), &command, &threshold].concat();
    let length = 16 + payload.len() as u32;
    socket.send(0, 0, &message(length, 4 << 8 | 1, REQUEST | ACK, 1, &payload)).expect("sent");
    let answer = socket.receive().expect("it is acknowledged");
    assert_eq!(answer[16..20], [0; 4], "{answer:?}");
}

/// A request to look for a neighbour sends an ARP packet, whose receiver runs at once on the same thread, and
/// logs it.
#[test]
fn a_message_of_a_softirq_is_not_caused_by_the_request_beneath_it() {
    let (near, far) = (Namespace::new("near"), Namespace::new("far"));
    let inside = |namespace: &Namespace, line: &str| {
        let (program, arguments) = line.split_once(' ').expect("arguments");
        namespace.run(Program::new(program).words(arguments)).run().success();
    };
    inside(&near, "ip link add v0 type veth peer name v1 netns far");
    inside(&near, "ip address add 10.8.0.1/24 dev v0");
    inside(&near, "ip link set v0 up");
    inside(&far, "ip link set v1 up");
    inside(&far, "nft add table arp t");
    inside(&far, "nft add chain arp t in { type filter hook input priority 0 ; }");
    inside(&far, &format!("nft add rule arp t in log group {GROUP}"));
    Program::new("modprobe").words("nfnetlink_log").run().success();
    let listener = far.inside(|| {
        let listener = Netlink::listening(NETFILTER, 0);
        log_here(&listener);
        listener
    });
    wait_for("the link has a carrier", || {
        let state = near.run(Program::new("ip").words("-oneline link show v0")).run().stdout;
        state.contains("LOWER_UP").then_some(())
    });
    let exchanged = exchanged("-f route,netfilter", |_| {
        inside(&near, "ip neigh add 10.8.0.2 dev v0 use");
        wait_for("the packet was logged", || (listener.read_all() > 0).then_some(()));
    });
    let asked: Vec<_> = exchanged.exchanges().filter(|line| *line.at("/type_name") == "NEWNEIGH").collect();
    assert_eq!(asked.len(), 1, "{exchanged:#?}");
    let is_packet = |line: &&serde_json::Value| {
        *line.at("/event") == "message" && *line.at("/portid") == listener.portid()
    };
    let packets: Vec<_> = exchanged.lines.iter().filter(is_packet).collect();
    assert!(!packets.is_empty(), "{exchanged:#?}");
    for packet in packets {
        assert!(packet.at("/caused_by").is_null() && *packet.at("/context") == "softirq", "{packet}");
    }
}
