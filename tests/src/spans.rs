//! Stages that are longer than a call, through the library: answer, rtt, dump, lock, queue.

use std::{path::Path, process, thread, time::Duration};

use nltrace::{
    decode::Family,
    kernel::Facts,
    model::Stage,
    options::{Filter, Pid},
    probes::{Outcome, Plan, watchable},
    source::{Kernel, Slot},
};

use crate::guest::{
    Namespace, Netlink, Program,
    rtnl::{NLM_F_ACK, NLM_F_DUMP, RTM_GETLINK, RTM_NEWLINK, add_links, change_while_links_go, get_link},
};

/// Values of each stage for a type of message.
fn values(rows: &[Slot], nlmsg_type: u16) -> Vec<(Stage, u64, u64)> {
    let of_type = rows.iter().filter(|slot| slot.nlmsg_type == Some(nlmsg_type));
    let values = of_type.map(|slot| {
        let count = slot.counts.buckets.iter().sum();
        (slot.stage.expect("a stage"), count, slot.counts.max_ns)
    });
    values.collect()
}

/// Histograms of all spans while `act` goes on.
fn spans(family: Family, act: impl FnOnce()) -> Vec<Slot> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let facts = Facts::read(Path::new("/"), watchable()).expect("the kernel has types");
        let plan = Plan {
            outcomes: vec![Outcome::Spanned { max_keys: None, stages: u32::MAX, by: None }],
            filter: Filter { families: vec![family], pid: Pid::new(process::id()), ..Filter::default() },
            method: None,
            verbose: false,
            who: false,
            failures: false,
        };
        let mut kernel = Kernel::attach(&plan, &facts).expect("everything is attached");
        act();
        kernel.stop();
        kernel.slots().expect("histograms")
    })
}

#[test]
fn spans_are_counted_once_for_each_request_and_each_datagram_that_is_read() {
    const LATE: Duration = Duration::from_millis(200);
    let namespace = Namespace::new("spans");
    namespace.run(Program::new("ip").words("link add d0 type dummy")).run().success();
    let rows = namespace.inside(|| {
        spans(Family::ROUTE, || {
            let socket = Netlink::listening(0, 0);
            // Two answers, of which the last is an acknowledgement; read late, and a peek before is no read.
            socket.send(0, 0, &get_link(1, NLM_F_ACK, 1)).expect("sent");
            thread::sleep(LATE);
            socket.read(16, libc::MSG_PEEK).expect("it is there");
            assert_eq!(socket.read_all(), 2);
            // One answer that is never read.
            let unread = Netlink::listening(0, 0);
            unread.send(0, 0, &get_link(1, 0, 2)).expect("sent");
            // A dump, whose reader is late.
            socket.send(0, 0, &get_link(0, NLM_F_DUMP, 3)).expect("sent");
            thread::sleep(LATE);
            assert!(socket.read_all() >= 2);
        })
    });
    let late = LATE.as_nanos() as u64;
    let of_request = values(&rows, RTM_GETLINK);
    let value =
        |wanted| of_request.iter().find(|(stage, ..)| *stage == wanted).map(|(_, count, max)| (*count, *max));
    let (answers, longest) = value(Stage::Answer).expect("answers");
    let (dumps, dump) = value(Stage::WholeDump).expect("dumps");
    let (trips, trip) = value(Stage::RoundTrip).expect("round trips");
    assert_eq!((answers, dumps, trips), (3, 1, 2), "{of_request:?}");
    assert!(longest >= late && dump == longest && trip >= late, "{of_request:?}");
    // Both links of the namespace and DONE, in whichever parts; the first answer of the first request.
    let queue = |nlmsg_type| values(&rows, nlmsg_type).into_iter().find(|(stage, ..)| *stage == Stage::Queue);
    let (_, links, link) = queue(RTM_NEWLINK).expect("links were read");
    assert!(links >= 2 && link >= late, "{rows:?}");
    let (_, acks, _) = queue(2).expect("an acknowledgement was read");
    assert_eq!(acks, 1);
}

#[test]
fn the_time_that_requests_wait_for_locks_is_a_stage() {
    let (busy, quiet) = (Namespace::new("holder"), Namespace::new("victim"));
    add_links(&busy, 100);
    let mut longest = Duration::ZERO;
    let rows = quiet.inside(|| spans(Family::ROUTE, || longest = change_while_links_go(&busy, 1)));
    let of_request = values(&rows, RTM_NEWLINK);
    let lock = of_request.iter().find(|(stage, ..)| *stage == Stage::Lock).expect("one waited");
    let (_, waited, lock_ns) = *lock;
    let answers = of_request.iter().find(|(stage, ..)| *stage == Stage::Answer).expect("answers");
    assert!(waited >= 1 && waited <= answers.1, "{of_request:?}");
    let longest = longest.as_nanos() as u64;
    assert!(lock_ns <= longest && 10 * lock_ns >= 7 * longest, "{lock_ns} of {longest}");
}
