use std::fmt::Debug;

use nltrace_common::{Context, Stage};

use super::*;
use crate::{
    decode::Family,
    source::{
        Asker, AskerKind, Call, Close, Copies, Delivery, DumpRequest, Fork, Held, Holder, LockKind,
        LostEvents, Missing, Parent, Place, Policy, Queued, Read, Reason, SendFailed, Sentence, Symbol, Text,
        Thread, Wait, Within, tests::call,
    },
};

const HOSTILE: [u8; 16] = *b"a\"\\ n=1\n\x1b\xff\xc3\xa9\0\0\0\0";

const WHO: Thread = Thread { pid: 7, tid: 8, comm: HOSTILE, netns: Some(4_026_531_840) };

const ALONE: Thread = Thread { pid: 7, tid: 7, comm: [0; 16], netns: None };

fn line<F: Fact>(fact: &mut F) -> String {
    let mut out = Vec::new();
    Comment::write(&mut out, &Tokens::default(), Some(3), fact);
    String::from_utf8(out).unwrap()
}

/// The same fact, written and read.
fn again<F: Fact>(mut fact: F) -> F {
    let text = line(&mut fact);
    assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text}");
    let mut line = Line::parse(text.as_bytes()).unwrap();
    assert_eq!((line.kind(), line.order()), (F::KIND.as_bytes(), Ok(Some(3))), "{text}");
    line.fact().unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn same<F: Fact + Clone + PartialEq + Debug>(facts: impl IntoIterator<Item = F>) {
    for fact in facts {
        assert_eq!(again(fact.clone()), fact);
    }
}

#[test]
fn a_call_comes_back_with_all_that_is_known_of_it() {
    let full = Call {
        comm: HOSTILE,
        tid: 4711,
        ret: Some(-111),
        copies: Some(Copies { queued: Some(2), dropped: Some(0), each: None }),
        group: Some(5),
        place: Place { datagram: u64::MAX, index: 3, of: None },
        datagram_len: 4096,
        within: Some(Within { ts_ns: 9, in_hand: Some(0) }),
        socket_inode: Some(u64::MAX),
        socket_options: Some(0x41),
        to_asker: true,
        dump: Some(DumpRequest { seq: 0, message_type: 18 }),
        from_user: Some(false),
        from_portid: Some(1),
        to_group: Some(2),
        netns_cookie: Some(3),
        uid: Some(0),
        cgroup: Some(4),
        context: Some(Context::Softirq),
        ..call(b"")
    };
    let sparse = Call { cpu: None, ret: None, ..call(b"") };
    for fact in [full, sparse] {
        // What its packet says.
        let mut read = Call { stage: fact.stage, family: fact.family, len: fact.len, ..Call::blank() };
        let text = line(&mut { fact });
        Line::parse(text.as_bytes()).unwrap().fill(&mut read).unwrap();
        assert_eq!(read, fact, "{text}");
    }
    assert!(is_message(b"request") && is_message(b"rest") && is_message(b"not_sent"));
    assert!(!is_message(b"answer") && !is_message(b"read") && !is_message(b""));
}

#[test]
fn a_receive_call_is_what_its_request_is_but_for_its_time() {
    let place = Place { datagram: 4, index: 0, of: Some(1) };
    let request = Call { place, context: Some(Context::Process), ..call(b"datagram") };
    let receive = Call {
        stage: Stage::Receive,
        ts_ns: request.ts_ns + 10,
        latency_ns: 5,
        ret: None,
        within: Some(Within { ts_ns: request.ts_ns, in_hand: Some(0) }),
        place: Place { datagram: 3, ..place },
        ..request
    };
    let short = Shortened::new(&receive, &request).unwrap();
    assert_eq!(again(short).whole(&request), receive);
    let moved = Call { cpu: None, ..receive };
    assert_eq!(again(Shortened::new(&moved, &request).unwrap()).whole(&request), moved);
    assert_eq!(Shortened::new(&Call { uid: Some(1), ..receive }, &request), None);
}

#[test]
fn what_happens_beside_messages_comes_back() {
    let within = Within { ts_ns: 1, in_hand: None };
    let policy = Policy {
        attribute_type: 1,
        len: 4,
        min: Some(i64::MIN.into()),
        max: Some(u64::MAX.into()),
        mask: Some(1),
    };
    let reason = Reason {
        tid: 1,
        ts_ns: 2,
        within: Within { ts_ns: 1, in_hand: Some(16) },
        error: -22,
        bad_attr: Some(20),
        missing: Some(Missing { attribute_type: 3, nest: None }),
        policy: Some(policy),
        text: Some(Sentence::new(&[0xff; 300])),
    };
    same([reason, Reason { bad_attr: None, missing: None, policy: None, text: None, error: 0, ..reason }]);
    same([Text { tid: 1, ts_ns: 2, within, text: Sentence::new(b"no \"such\" device") }]);
    let wait = Wait {
        tid: 1,
        within,
        begin_ns: 5,
        end_ns: 6,
        lock: 0,
        kind: Some(LockKind::Rt),
        acquired: true,
        owner: None,
        name: Some(Symbol::new("rtnl_mutex")),
        caller: None,
    };
    for (wait, owner) in [(wait, None), (Wait { owner: Some(WHO), ..wait }, Some(WHO))] {
        let read = again(wait);
        assert_eq!((Wait { lock: 0, ..read }, read.owner), (wait, owner));
    }
    same([Close { ts_ns: 1, socket_inode: None, was_dumping: true, unread: 3, closer: WHO }]);
    same([Fork { ts_ns: 1, pid: 2, is_followed: true }, Fork { ts_ns: 1, pid: 2, is_followed: false }]);
    same([LostEvents { count: 1, from_ns: 2, to_ns: 3 }]);
    same([Time(u64::MAX)]);
    let asker =
        Asker { kind: Some(AskerKind::IoWorker), executable: Some(b"/bin/\xff".to_vec()), parent: None };
    let parent = Some(Parent { pid: 1, comm: HOSTILE });
    for asker in [Asker { parent, ..asker.clone() }, asker] {
        same([AskerOf { tid: 1, ts_ns: 2, asker }]);
    }
    same([CgroupPath { id: 1, path: b"/a b".to_vec() }]);
    same([NetnsName { inode: 1, name: Vec::new() }]);
    let name = b"eth0".to_vec();
    for (from_ns, is_gone) in [(0, false), (7, false), (7, true)] {
        same([InterfaceName { netns: 1, index: 2, name: name.clone(), from_ns, is_gone }]);
    }
}

#[test]
fn addresses_of_the_kernel_become_tokens_that_are_equal_where_they_are() {
    let tokens = Tokens::default();
    const ADDRESS: u64 = 0xffff_8881_0000_4000;
    let mut out = Vec::new();
    let mut read = Read { ts_ns: 1, socket_inode: Some(2), skb: ADDRESS, reader: ALONE };
    Comment::write(&mut out, &tokens, None, &mut read);
    let text = String::from_utf8(out).unwrap();
    assert!(!text.contains("ffff8881"), "{text}");
    let mut line = Line::parse(text.as_bytes()).unwrap();
    assert_eq!(line.fact::<Read>(), Ok(Read { skb: tokens.of(ADDRESS), ..read }));
    let holder = Some(Holder { pid: 1, comm: HOSTILE });
    let copy = Some(Queued { skb: ADDRESS, ns: 3 });
    let delivery = Delivery {
        socket_inode: None,
        owner: holder,
        portid: 0,
        netns: 1,
        nsid: Some(-1),
        queued: true,
        copy,
    };
    assert!(again(delivery).copy.is_some_and(|copy| copy.ns == 3));
    same([Delivery { copy: None, queued: false, owner: None, ..delivery }]);
    let held = again(Held { ts_ns: 1, lock: ADDRESS, owner: WHO });
    assert_eq!((held.owner, held.ts_ns), (WHO, 1));
}

#[test]
fn what_was_not_sent_comes_back() {
    let failed = SendFailed { sender: WHO, error: -90, uid: 1000, ..NotSent::blank().0 };
    let NotSent(read) = again(NotSent(failed));
    assert_eq!((read.sender, read.error, read.uid, read.socket_options), (WHO, -90, 1000, None));
    assert_eq!(read.family, Family::ROUTE);
}

#[test]
fn keys_may_be_more_than_are_known_and_in_any_order() {
    let text = b"nltrace: close closer=1 pid=7 new_flag comm=\"a b=\\\"c\" unread=2 later=\"x\" ts_ns=5 n=9";
    let mut line = Line::parse(text).unwrap();
    assert_eq!(line.order(), Ok(Some(9)));
    let close: Close = line.fact().unwrap();
    assert_eq!((close.ts_ns, close.unread, close.closer.name()), (5, 2, &b"a b=\"c"[..]));
    assert!(!close.was_dumping && close.closer.tid == 7);
    let options = Options(1 << 6);
    assert_eq!((Options::read(b"EXT_ACK,LATER"), Options::read(b"none")), (Some(options), Some(Options(0))));
}

#[test]
fn what_is_wrong_is_said_with_its_key() {
    let error = |text: &str| Line::parse(text.as_bytes()).unwrap().fact::<Close>().unwrap_err().to_string();
    assert_eq!(error("nltrace: close pid=1 comm=\"a\""), "ts_ns is missing");
    let value = " has a value that it cannot have";
    assert_eq!(error("nltrace: close ts_ns=1x pid=1"), format!("ts_ns{value}"));
    assert_eq!(error("nltrace: close ts_ns=1 pid=4294967296"), format!("pid{value}"));
    assert_eq!(error("nltrace: close ts_ns=-1 pid=1"), format!("ts_ns{value}"));
    assert_eq!(error("nltrace: close ts_ns=1 pid=1 comm=\"a"), format!("comm{value}"));
    assert_eq!(error("nltrace: close ts_ns pid=1"), format!("ts_ns{value}"));
    let order = |text: &str| Line::parse(text.as_bytes()).unwrap().order().map_err(|error| error.to_string());
    assert_eq!(order("nltrace: drop cause=overrun"), Err("n is missing".to_owned()));
    for bad in ["nltrace: request n=1x", "nltrace: read n", "nltrace: time n=-1", "nltrace: drop n=\"1\""] {
        assert_eq!(order(bad), Err(format!("n{value}")));
    }
    assert_eq!((order("nltrace: netns inode=1"), order("nltrace: later n=x")), (Ok(None), Ok(None)));
    assert!(Line::parse(b"nltrace close").is_none() && Line::parse(b"").is_none());
}

/// What is missing, and a word that was added later, is not taken for something else.
#[test]
fn what_is_not_known_makes_no_fact() {
    fn read<F: Fact>(text: &str) -> Result<F, String> {
        Line::parse(text.as_bytes()).unwrap().fact().map_err(|error| error.to_string())
    }
    let is_missing = |key: &str| Some(format!("{key} is missing"));
    let who = "ts_ns=1 pid=1 comm=\"a\"";
    assert_eq!(read::<Read>(&format!("nltrace: read {who}")).err(), is_missing("buffer"));
    assert_eq!(read::<Held>(&format!("nltrace: held {who}")).err(), is_missing("lock"));
    let wait = "nltrace: wait tid=1 begin_ns=1 end_ns=2 lock=00000000000000ab lock_kind=later";
    assert_eq!(read::<Wait>(wait).err(), is_missing("within_ns"));
    assert_eq!(read::<Wait>(&format!("{wait} within_ns=1")).map(|wait| wait.kind), Ok(None));
    assert_eq!(read::<Text>("nltrace: text tid=1 ts_ns=1 within_ns=1").err(), is_missing("text"));
    let asker = read::<AskerOf>("nltrace: asker tid=1 ts_ns=1 thread=later");
    assert_eq!(asker.map(|of| of.asker.kind), Ok(None));
    let delivery = "nltrace: delivery portid=1 netns=1 buffer=00000000000000ab";
    assert_eq!(read::<Delivery>(delivery).err(), is_missing("queued_ns"));
    assert_eq!(read::<NetnsName>("nltrace: netns inode=1").err(), is_missing("name"));
    assert_eq!(Options::read(b"LATER"), None);
}

#[test]
fn lines_can_be_any_bytes() {
    let text = line(&mut Held { ts_ns: 1, lock: 2, owner: WHO }).into_bytes();
    for at in 0..text.len() {
        for byte in [b'"', b'\\', b' ', b'=', 0xff, b'9'] {
            let mut bad = text.clone();
            bad[at] = byte;
            for cut in [&bad[..], &bad[..at]] {
                if let Some(mut line) = Line::parse(cut) {
                    let _ = (line.order(), line.fact::<Held>());
                }
            }
        }
    }
}
