//! What exchanges are put together of, through the library: where each call came from, and what happened
//! within and beside them.

use std::{
    collections::{BTreeMap, BTreeSet},
    process,
};

use nltrace::{
    decode::Family,
    model::Stage,
    source::{Call, LockKind, Within},
};

use crate::guest::{
    Module, Namespace, Netlink, Program, USERSOCK, attribute, message, nltest,
    rtnl::{
        NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, RTM_GETLINK, RTM_NEWLINK, add_links, change_while_links_go,
        get_link, ifinfo,
    },
    told::{sequence_of, told, type_of},
};

const ENODEV: i32 = -libc::ENODEV;

#[test]
fn each_message_of_a_datagram_has_its_own_answers_and_reasons() {
    let mut inode = 0;
    let told = told(Family::ROUTE, false, || {
        let socket = Netlink::listening(0, 0);
        inode = socket.inode();
        let datagram = [get_link(1, NLM_F_ACK, 1), get_link(777, 0, 2), get_link(1, 0, 3)].concat();
        socket.send(0, 0, &datagram).expect("sent");
        assert_eq!(socket.read_all(), 4);
    });
    let request = told.request(1);
    assert_eq!((request.socket_inode, request.within, request.place.of), (Some(inode), None, Some(3)));
    assert_eq!((request.uid, request.from_user, request.to_group), (Some(0), Some(true), None));
    assert!(request.cgroup.is_some() && request.netns_cookie.is_some() && request.socket_options.is_some());
    let mut answers = told.within(request, Stage::Reply);
    // The first comes with the request.
    answers.sort_by_key(|(answer, _)| answer.ts_ns);
    let seen: Vec<_> = answers
        .iter()
        .map(|(answer, bytes)| {
            (answer.within.and_then(|within| within.in_hand), type_of(bytes), sequence_of(bytes))
        })
        .collect();
    let offset = |index: u32| Some(32 * index);
    assert_eq!(
        seen,
        [(offset(0), RTM_NEWLINK, 1), (offset(0), 2, 1), (offset(1), 2, 2), (offset(2), RTM_NEWLINK, 3)]
    );
    for (answer, _) in &answers {
        assert!(answer.to_asker && answer.from_user == Some(false));
        let queued = answer.queued.expect("it was queued");
        assert!(queued.ns >= answer.ts_ns && queued.ns <= answer.ts_ns + answer.latency_ns);
        assert_eq!(answer.socket_inode, Some(inode));
        let reads: Vec<_> = told.reads.iter().filter(|read| read.skb == queued.skb).collect();
        assert!(
            reads.iter().any(|read| read.socket_inode == Some(inode) && read.ts_ns > queued.ns),
            "{reads:?}"
        );
        assert!(reads.iter().all(|read| read.reader.pid == process::id()));
    }
    assert_eq!(told.reads.iter().filter(|read| read.socket_inode == Some(inode)).count(), 4);
    let within = |index| Within { ts_ns: request.ts_ns, in_hand: offset(index) };
    let reasons: Vec<_> = told
        .reasons
        .iter()
        .filter(|reason| reason.tid == request.tid)
        .map(|reason| (reason.within, reason.error))
        .collect();
    assert_eq!(reasons, [(within(0), 0), (within(1), ENODEV)]);
    let closed: Vec<_> = told.closes.iter().filter(|close| close.socket_inode == Some(inode)).collect();
    assert!(
        closed.len() == 1 && closed[0].closer.pid == process::id() && closed[0].unread == 0,
        "{closed:?}"
    );
}

#[test]
fn a_dumps_parts_know_their_request_and_only_the_first_is_in_it() {
    let namespace = Namespace::new("parts");
    namespace.run(Program::new("ip").words("link add d0 type dummy")).run().success();
    namespace.run(Program::new("ip").words("link add d1 type dummy")).run().success();
    let mut inodes = [0; 2];
    let told = namespace.inside(|| {
        told(Family::ROUTE, false, || {
            let socket = Netlink::listening(0, 0);
            let abandoned = Netlink::listening(0, 0);
            inodes = [socket.inode(), abandoned.inode()];
            socket.send(0, 0, &get_link(0, NLM_F_DUMP, 4)).expect("sent");
            socket.read_all();
            abandoned.send(0, 0, &get_link(0, NLM_F_DUMP, 5)).expect("sent");
        })
    });
    let request = told.request(4);
    let parts: Vec<_> = told
        .calls
        .iter()
        .filter(|(call, _)| call.socket_inode == Some(inodes[0]) && call.stage == Stage::Part)
        .map(|(part, _)| part)
        .collect();
    assert!(parts.len() >= 2, "{told:#?}");
    for part in &parts {
        let dump = part.dump.expect("the kernel keeps the request");
        assert_eq!((dump.seq, dump.message_type, part.from_user), (4, RTM_GETLINK, Some(false)));
        assert!(part.queued.is_some());
    }
    let first = parts[0].within.expect("it is made in the request");
    assert_eq!((first.ts_ns, first.in_hand), (request.ts_ns, Some(0)));
    assert_eq!(parts.last().and_then(|part| part.within), None, "it is made when the reader comes back");
    let closes = inodes.map(|inode| told.closes.iter().find(|close| close.socket_inode == Some(inode)));
    let closes = closes.map(|close| close.map(|close| (close.was_dumping, close.unread)));
    assert_eq!(closes, [Some((false, 0)), Some((true, 1))]);
}

/// Who never asked for a text is not told one; the kernel has it all the same.
#[test]
fn the_kernels_words_are_known_also_where_nobody_asked() {
    let namespace = Namespace::new("reasons");
    let told = namespace.inside(|| {
        told(Family::ROUTE, false, || {
            let socket = Netlink::listening(0, 0);
            // IFLA_MTU of two bytes, where four are wanted.
            let mtu = [ifinfo(1), attribute(6, 4, &[1, 2])].concat();
            socket.send(0, 0, &message(40, RTM_NEWLINK, NLM_F_REQUEST, 6, &mtu)).expect("sent");
            let unknown = [ifinfo(1), attribute(8, 4, &[0xff; 4])].concat();
            socket
                .send(0, 0, &message(40, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, 7, &unknown))
                .expect("sent");
            // A dump that is checked strictly, of a single interface.
            const NETLINK_GET_STRICT_CHK: i32 = 12;
            socket.set(NETLINK_GET_STRICT_CHK, 1);
            socket.send(0, 0, &get_link(1, NLM_F_DUMP, 8)).expect("sent");
            socket.read_all();
        })
    });
    let reason = |sequence| {
        let request = told.request(sequence);
        told.reasons.iter().find(|reason| reason.within.ts_ns == request.ts_ns)
    };
    let short = reason(6).expect("it is refused");
    assert_eq!((short.error, short.bad_attr), (-libc::ERANGE, Some(32)), "{short:?}");
    assert!(short.text.is_some(), "{short:?}");
    let large = reason(7).expect("it is refused");
    assert!(large.error < 0 && large.text.is_some(), "{large:?}");
    let dump = told.request(8);
    let texts: Vec<_> =
        told.texts.iter().filter(|text| text.tid == dump.tid && text.ts_ns > dump.ts_ns).collect();
    assert!(reason(8).is_none() && !texts.is_empty(), "{told:#?}");
    for text in texts {
        assert!(!text.text.bytes().is_empty() && !text.text.is_cut);
    }
}

#[test]
fn what_is_too_long_to_be_sent_is_told_with_its_header() {
    let mut inode = 0;
    let told = told(Family::ROUTE, false, || {
        let socket = Netlink::listening(0, 0);
        inode = socket.inode();
        let long = message(1 << 20, RTM_NEWLINK, NLM_F_REQUEST, 9, &vec![0; (1 << 20) - 16]);
        assert_eq!(socket.send_to(0, 0, &long), Err(libc::EMSGSIZE));
        socket.send(0, 0, &get_link(1, 0, 10)).expect("sent");
        // Nobody has this port ID: that was sent.
        assert_eq!(socket.send_to(777, 0, &get_link(1, 0, 11)), Err(libc::ECONNREFUSED));
    });
    let [(failed, bytes)] = &*told.failed else { panic!("one of {told:#?}") };
    assert_eq!((failed.error, failed.len, failed.socket_inode), (-libc::EMSGSIZE, 1 << 20, Some(inode)));
    assert_eq!((failed.sender.pid, failed.uid, failed.family), (process::id(), 0, Family::ROUTE));
    assert_eq!((sequence_of(bytes), bytes.len()), (9, 64));
    assert_eq!(told.request(10).ret, Some(32));
}

#[test]
fn a_notification_knows_the_request_that_caused_it() {
    let namespace = Namespace::new("caused");
    let told = namespace.inside(|| {
        told(Family::ROUTE, false, || {
            let listener = Netlink::listening(0, 1);
            let socket = Netlink::listening(0, 0);
            let rename = [ifinfo(1), attribute(8, 4, &70_000u32.to_ne_bytes()[..4])].concat();
            let rename = message(40, RTM_NEWLINK, NLM_F_REQUEST, 12, &rename);
            socket.send(0, 0, &[get_link(1, 0, 13), rename].concat()).expect("sent");
            socket.read_all();
            assert!(listener.read_all() >= 1);
        })
    });
    let request = told.request(13);
    let notified = told.within(request, Stage::Broadcast);
    assert!(!notified.is_empty(), "{told:#?}");
    for (notification, _) in notified {
        assert_eq!(notification.within.and_then(|within| within.in_hand), Some(32));
        assert_eq!((notification.from_user, notification.to_asker), (Some(false), false));
    }
}

/// A unicast to somebody else is no answer; a group that is sent to as well gets the request.
#[test]
fn what_users_send_each_other_answers_nothing() {
    let told = told(Family::from_number(USERSOCK), false, || {
        let (one, other) = (Netlink::listening(USERSOCK, 0), Netlink::listening(USERSOCK, 1));
        one.send(other.portid(), 0, &message(16, 16, NLM_F_REQUEST, 14, b"")).expect("sent");
        let _ = one.send_to(0, 1, &message(16, 16, NLM_F_REQUEST, 15, b""));
        other.read_all();
    });
    let own = told.own(Stage::Reply);
    let [unicast] = &*own else { panic!("one of {own:#?}") };
    assert_eq!((unicast.within, unicast.to_asker, unicast.from_user), (None, false, Some(true)));
    assert!(unicast.queued.is_some() && unicast.from_portid.is_some());
    let broadcasts = told.own(Stage::Broadcast);
    assert!(
        broadcasts.iter().all(|call| call.from_user == Some(true) && call.within.is_none())
            && broadcasts.len() == 1
    );
    assert_eq!(told.own(Stage::Request)[0].to_group, Some(1));
}

#[test]
fn a_wait_for_the_rtnl_lock_says_who_had_it_and_in_which_namespace() {
    let (busy, quiet) = (Namespace::new("busy"), Namespace::new("quiet"));
    add_links(&busy, 200);
    let told = quiet.inside(|| {
        told(Family::ROUTE, false, || {
            change_while_links_go(&busy, 1);
        })
    });
    let own: Vec<_> = told.own(Stage::Request);
    let waits: Vec<_> =
        told.waits.iter().filter(|wait| own.iter().any(|call| call.tid == wait.tid)).collect();
    let Some(longest) = waits.iter().max_by_key(|wait| wait.end_ns - wait.begin_ns) else {
        panic!("{told:#?}")
    };
    assert_eq!(longest.name.map(|name| name.name().to_owned()), Some("rtnl_mutex".to_owned()));
    assert!(longest.acquired && longest.kind == Some(LockKind::Mutex) && longest.within.in_hand == Some(0));
    let owner = longest.owner.expect("a mutex has an owner");
    assert_eq!((owner.name(), owner.netns.map(u64::from)), (&b"ip"[..], Some(busy.inode())));
    let request = own.iter().find(|call| call.ts_ns == longest.within.ts_ns).expect("it was in a request");
    assert!(longest.begin_ns >= request.ts_ns && longest.end_ns <= request.ts_ns + request.latency_ns);
    // A call can wait more than once.
    let of_same = waits.iter().filter(|wait| wait.tid == request.tid && wait.within == longest.within);
    let waited: u64 = of_same.map(|wait| wait.end_ns - wait.begin_ns).sum();
    assert!(10 * waited >= 7 * request.latency_ns, "most of the time went there: {request:#?}");
    assert!(longest.caller.is_some_and(|caller| caller.name().starts_with("rt")), "{longest:#?}");
}

/// Where an answer finds no room it was for the asker all the same, and the kernel had decided before.
#[test]
fn an_answer_that_is_dropped_is_an_answer() {
    const REQUESTS: u32 = 100;
    let mut drops = 0;
    let told = told(Family::ROUTE, false, || {
        let socket = Netlink::listening(0, 0).buffer(2304);
        for sequence in 0..REQUESTS {
            socket.send(0, 0, &get_link(777, 0, 1000 + sequence)).expect("sent");
        }
        drops = socket.drops();
    });
    let dropped = (0..REQUESTS).filter(|sequence| {
        let request = told.request(1000 + sequence);
        let [(answer, _)] = &*told.within(request, Stage::Reply) else {
            panic!("one answer to {request:#?}")
        };
        let reasons = told.reasons.iter().filter(|reason| reason.within.ts_ns == request.ts_ns);
        assert!(reasons.map(|reason| reason.error).eq([ENODEV]));
        assert!(answer.to_asker && answer.socket_inode == request.socket_inode);
        answer.queued.is_none()
    });
    let dropped = dropped.count() as u64;
    assert!(dropped > 0 && dropped == drops, "{dropped} of {drops}");
}

/// A transaction runs on a copy of the buffer, and errors are told at its end.
#[test]
fn a_message_of_a_transaction_that_fails_is_known_by_its_place() {
    let namespace = Namespace::new("transaction");
    let nft = |words: &str| namespace.run(Program::new("nft").words(words)).run();
    nft("add table inet t").success();
    nft("add chain inet t used").success();
    nft("add chain inet t user").success();
    nft("add rule inet t user jump used").success();
    let told = told(Family::NETFILTER, false, || {
        assert!(!nft("delete chain inet t used").status.success());
    });
    let refused: Vec<_> = told.reasons.iter().filter(|reason| reason.error == -libc::EBUSY).collect();
    let [refused] = &*refused else { panic!("one refusal of {told:#?}") };
    // The marker that a transaction begins with is of 20 bytes.
    assert_eq!(refused.within.in_hand, Some(20));
    let of_same = |call: &Call<'_>| call.tid == refused.tid && call.ts_ns == refused.within.ts_ns;
    let mut request = told.calls.iter().filter(|(call, _)| call.stage == Stage::Request && of_same(call));
    let place = |(call, _): &(Call<'_>, _)| call.place.index;
    assert_eq!(request.by_ref().map(place).collect::<Vec<_>>(), [0, 1, 2]);
    let answers: Vec<_> = told
        .calls
        .iter()
        .filter(|(call, _)| {
            call.stage == Stage::Reply && call.tid == refused.tid && call.within == Some(refused.within)
        })
        .collect();
    assert!(answers.len() == 1 && answers[0].0.to_asker, "{answers:#?}");
}

/// Whoever else asks at the same time, on whichever processor.
#[test]
fn under_load_each_answer_is_in_its_own_request_and_is_read_once() {
    const ECHOES: usize = 1000;
    let _module = Module::load();
    let told = told(Family::NLTEST, true, || {
        let clients: Vec<_> = (0..4).map(|_| nltest(&format!("bench -c {ECHOES}")).start()).collect();
        clients.into_iter().for_each(|client| {
            client.end().success();
        });
    });
    let requests: BTreeMap<_, _> = told
        .calls
        .iter()
        .filter(|(call, _)| call.stage == Stage::Request)
        .map(|(call, bytes)| ((call.tid, call.ts_ns), (call, sequence_of(bytes))))
        .collect();
    let reads: BTreeSet<_> =
        told.reads.iter().map(|read| (read.socket_inode, read.skb, read.ts_ns)).collect();
    let mut replies = 0;
    for (reply, bytes) in told.calls.iter().filter(|(call, _)| call.stage == Stage::Reply) {
        let within = reply.within.unwrap_or_else(|| panic!("{reply:#?} is in a request"));
        let (request, sequence) = requests[&(reply.tid, within.ts_ns)];
        assert_eq!((sequence_of(bytes), within.in_hand, reply.to_asker), (sequence, Some(0), true));
        assert_eq!(reply.socket_inode, request.socket_inode);
        let queued = reply.queued.expect("there is room");
        // Buffers come again: the next read of one at that address is its own.
        let from = (reply.socket_inode, queued.skb, queued.ns);
        assert!(reads.range(from..).next().is_some_and(|read| (read.0, read.1) == (from.0, from.1)));
        replies += 1;
    }
    assert!(
        replies >= 4 * ECHOES && told.reads.len() >= replies,
        "{replies} replies, {} reads",
        told.reads.len()
    );
}
