//! `trace --errors`: what did not fail is decided away in the kernel. What failed is shown as without the
//! option, also where others have to do with it; and everything is counted.

use serde_json::Value;

use crate::guest::{
    Exchanged, Json as _, Module, Namespace, Netlink, attribute, exchanged, message, result,
    rtnl::{NLM_F_ACK, NLM_F_REQUEST, RTM_NEWLINK, add_links, change_while_links_go, get_link, ifinfo},
};

const ENODEV: i64 = -(libc::ENODEV as i64);

/// Of each kind.
const ROUNDS: u32 = 20;

/// A change of the loopback interface's MTU.
fn set_mtu(flags: u16, seq: u32) -> Vec<u8> {
    let mtu = [ifinfo(1), attribute(8, 4, &60_000u32.to_ne_bytes())].concat();
    message(40, RTM_NEWLINK, NLM_F_REQUEST | flags, seq, &mtu)
}

/// Requests that are answered by a large message, by an ACK, by both, by nothing and by an error, one by one
/// and in one datagram.
fn ask(socket: &Netlink) {
    for round in 0..ROUNDS {
        let seq = 10 * round;
        for request in [
            get_link(1, 0, seq + 1),
            get_link(1, NLM_F_ACK, seq + 2),
            set_mtu(NLM_F_ACK, seq + 3),
            set_mtu(0, seq + 4),
            get_link(777, 0, seq + 5),
            [get_link(1, 0, seq + 6), get_link(777, NLM_F_ACK, seq + 7), set_mtu(NLM_F_ACK, seq + 8)]
                .concat(),
        ] {
            socket.send(0, 0, &request).expect("sent");
            socket.read_all();
        }
    }
}

fn asked(options: &str) -> Exchanged {
    let namespace = Namespace::new("errors");
    // The first change is announced.
    namespace.inside(|| Netlink::listening(0, 0).send(0, 0, &set_mtu(0, 1)).expect("sent"));
    exchanged(&format!("-f route {options}"), |_| namespace.inside(|| ask(&Netlink::listening(0, 0))))
}

/// What has to be the same of an exchange with and without the option.
fn said(exchange: &Value) -> Vec<Value> {
    let same = [
        "/seq",
        "/type_name",
        "/flags",
        "/payload",
        "/outcome",
        "/acked",
        "/error",
        "/extack",
        "/answers",
        "/answer_datagrams",
        "/answer_bytes",
        "/answers_dropped",
        "/answers_unread",
    ];
    // How long the kernel had a message in hand is known where those before it were acknowledged.
    let is_timed = Value::from(exchange.at("/kernel_ns").is_u64());
    same.into_iter().map(|field| exchange.at(field).clone()).chain([is_timed]).collect()
}

#[test]
fn what_failed_is_told_as_ever_and_the_rest_is_counted() {
    let (all, errors) = (asked(""), asked("--errors"));
    let failed: Vec<_> =
        all.own().into_iter().filter(|exchange| *exchange.at("/outcome") == "error").collect();
    let shown = errors.own();
    assert_eq!(shown.len() as u32, 2 * ROUNDS);
    assert_eq!(
        shown.iter().map(|line| said(line)).collect::<Vec<_>>(),
        failed.iter().map(|line| said(line)).collect::<Vec<_>>()
    );
    for exchange in &shown {
        let (.., error, answers) = result(exchange);
        assert_eq!((error, answers), (Some(ENODEV), 1));
        for time in ["/answer_ns", "/queue_ns", "/rtt_ns"] {
            assert!(exchange.number(time) > 0, "{time}: {exchange}");
        }
        assert_eq!(exchange.number("/read_by/pid"), u64::from(std::process::id()));
    }
    for exchanged in [&all, &errors] {
        let summary = &exchanged.summary;
        let total = summary.number("/exchanges/shown") + summary.number("/exchanges/filtered");
        assert_eq!(total, u64::from(8 * ROUNDS), "{summary}");
        assert_eq!(exchanged.unpaired_and_expired(), (0, 0));
        let of = |part: &str| summary.number(&format!("/messages/{part}"));
        assert_eq!(of("seen"), of("shown") + of("filtered"), "{summary}");
    }
    let hits = |exchanged: &Exchanged| {
        let hooks = exchanged.summary.list("/accounting/hooks");
        let unicast = hooks.iter().find(|hook| hook.text("/hook") == "unicast").expect("it is watched");
        assert_eq!(unicast.number("/hits"), unicast.number("/recorded") + unicast.number("/filtered"));
        (unicast.number("/hits"), unicast.number("/filtered"))
    };
    // Datagrams: 6 requests and 8 answers each time. Of requests of one message that did not fail and have at
    // most one answer nothing is recorded, unless others wait for a lock meanwhile.
    let rounds = u64::from(ROUNDS);
    let ((hits, filtered), (errors_hits, left_out)) = (hits(&all), hits(&errors));
    assert_eq!((hits, errors_hits, filtered), (14 * rounds, 14 * rounds, 0));
    assert!((2 * rounds..=5 * rounds).contains(&left_out), "{left_out}");
    let messages = ["seen", "lost"]
        .map(|part| [&all, &errors].map(|of| of.summary.number(&format!("/messages/{part}"))));
    assert!(messages.iter().all(|[all, errors]| all == errors), "{messages:?}");
}

/// Small answers come with their request.
#[test]
fn what_a_module_answers_is_counted_to_the_last_message() {
    const COUNT: u64 = 500;
    let _module = Module::load();
    let exchanged = exchanged("-f nltest --errors", |_| {
        crate::guest::nltest(&format!("bench -c {COUNT}")).run().success();
    });
    let summary = &exchanged.summary;
    assert_eq!((exchanged.lines.len(), summary.number("/exchanges/shown")), (0, 0));
    assert!(summary.number("/exchanges/filtered") >= COUNT, "{summary}");
    // Linux 6.1 does not run a kprobe in an interrupt of another: a return may be missed.
    let of = |part: &str| summary.number(&format!("/accounting/{part}"));
    let calls = summary.number("/messages/seen") + of("unmatched");
    assert_eq!(calls, 3 * summary.number("/exchanges/filtered"), "{summary}");
    assert_eq!(of("hits"), of("recorded") + of("filtered") + of("unmatched"), "{summary}");
    // Sockets that were closed, and nothing else.
    assert!(of("recorded") < 10, "{summary}");
}

/// Who kept a request waiting that failed did not fail itself, and is named all the same.
#[test]
fn who_kept_a_failure_waiting_is_known() {
    let (busy, quiet) = (Namespace::new("busy"), Namespace::new("quiet"));
    add_links(&busy, 200);
    let exchanged = exchanged("-f route --errors", |_| {
        quiet.inside(|| {
            change_while_links_go(&busy, 777);
        });
    });
    let blocked = exchanged
        .own()
        .into_iter()
        .max_by_key(|exchange| exchange.at("/lock_ns").as_u64())
        .expect("all failed");
    let by = blocked.list("/blocked_by").first().expect("somebody had the lock");
    assert_eq!((by.text("/comm"), by.text("/type_name")), ("ip", "DELLINK"), "{blocked}");
    assert!(by.at("/exchange").is_u64(), "{blocked}");
}
