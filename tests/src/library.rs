//! The client's library against the real module: requests in flight, losses, cancellation, dumps, socket
//! options.

use std::{os::fd::AsRawFd, thread, time::Duration};

use nltest::{
    Answer, Blocking, BurstTo, Connection, Errno, Error, Notifications, Request, Socket, SocketOptions,
    blocking, uapi,
};

use crate::guest::{Module, netlink_sockets};
use crate::privileges::become_nobody;

/// Few answers fit; the kernel doubles it.
const SMALL: Option<usize> = Some(4096);

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().expect("a runtime").block_on(future)
}

fn options() -> SocketOptions {
    SocketOptions::default()
}

fn open(options: &SocketOptions) -> Connection {
    Connection::open(options).expect("the module is loaded")
}

#[test]
fn requests_in_flight_find_their_answers_whoever_waits_first() {
    let _module = Module::load();
    run(async {
        let connection = open(&options());
        let payload = |i: u32| i.to_ne_bytes();
        let mut pending: Vec<_> = (0..100)
            .map(|i| (i, connection.submit(&Request::Echo(&payload(i))).expect("it is sent")))
            .collect();
        // The last one first: it reads the answers of all others.
        pending.reverse();
        for (i, pending) in pending {
            assert_eq!(pending.await.expect("an answer"), Answer::Echo(payload(i).to_vec()));
        }
        assert_eq!(connection.strays(), 0);
    });
}

#[test]
fn a_batch_is_one_datagram_with_an_answer_for_each() {
    let _module = Module::load();
    run(async {
        let connection = open(&options());
        let mut batch = connection.batch();
        let requests =
            [Request::Echo(b"one"), Request::PlainText("two"), Request::Fail { errno: 16, text: None }];
        for request in requests {
            batch.push(&request).expect("it is short");
        }
        let [one, two, three] = batch.submit().expect("it is sent").try_into().expect("three futures");
        assert!(matches!(three.await, Err(Error::Refused(refusal)) if refusal.errno == Errno::EBUSY));
        assert_eq!(two.await.expect("an answer"), Answer::Text(uapi::UNICAST_TEXT.to_owned()));
        assert_eq!(one.await.expect("an answer"), Answer::Echo(b"one".to_vec()));
    });
}

#[test]
fn a_dropped_request_is_forgotten_and_nobody_else_notices() {
    let _module = Module::load();
    run(async {
        let connection = open(&options());
        let dropped = connection.submit(&Request::Echo(b"unwanted")).expect("it is sent");
        let kept = connection.submit(&Request::Echo(b"wanted")).expect("it is sent");
        drop(dropped);
        assert_eq!(kept.await.expect("an answer"), Answer::Echo(b"wanted".to_vec()));
        assert_eq!(connection.strays(), 1, "the answer that nobody waits for");
    });
}

#[test]
fn an_overrun_fails_what_it_hit_at_once_and_the_connection_goes_on() {
    let _module = Module::load();
    run(async {
        let connection = open(&options().receive_buffer(SMALL).timeout(Some(Duration::from_secs(3600))));
        let pending: Vec<_> =
            (0..200).map(|_| connection.submit(&Request::Echo(b"x")).expect("it is sent")).collect();
        let (mut answered, mut lost) = (0, 0);
        for pending in pending {
            match pending.await {
                Ok(_) => answered += 1,
                Err(Error::Overrun) => lost += 1,
                Err(error) => panic!("neither answered nor lost: {error}"),
            }
        }
        let sockets = netlink_sockets(25);
        let drops = sockets.iter().find(|socket| socket.portid == connection.portid()).map(|own| own.drops);
        assert_eq!(Some(lost), drops, "as the kernel counts them");
        assert!(answered > 0 && lost > 0 && answered + lost == 200, "{answered} answered, {lost} lost");
        assert_eq!(connection.echo(b"again").await.expect("an answer"), b"again");
    });
}

#[test]
fn a_blocking_connection_goes_on_after_an_overrun() {
    let _module = Module::load();
    let mut connection = blocking::Connection::open(&options().receive_buffer(SMALL)).expect("a socket");
    for _ in 0..200 {
        connection.push(&Request::Echo(b"x")).expect("it is short");
        connection.flush().expect("it is sent");
    }
    assert!(matches!(connection.echo(b"lost"), Err(Error::Overrun)));
    assert_eq!(connection.echo(b"again").expect("an answer"), b"again");
}

#[test]
fn a_dump_tells_whether_it_was_disturbed() {
    let _module = Module::load();
    run(async {
        let (dumping, other) = (open(&options()), open(&options()));
        for disturb in [false, true] {
            let mut dump = dumping.stats(30_000).expect("it is sent");
            dump.next().await.expect("a part").expect("counters");
            if disturb {
                other.echo(b"meanwhile").await.expect("an answer");
            }
            while let Some(stats) = dump.next().await {
                stats.expect("counters");
            }
            assert_eq!(dump.interrupted(), disturb);
        }
    });
}

#[test]
fn a_dump_that_is_dropped_half_way_makes_way_for_the_next() {
    let _module = Module::load();
    run(async {
        let connection = open(&options());
        let mut dump = connection.stats(30_000).expect("it is sent");
        dump.next().await.expect("a part").expect("counters");
        drop(dump);
        let (all, _) = connection.all_stats(0).await.expect("no EBUSY");
        assert_eq!(all.len(), 10, "the namespace, plain text, eight commands");
    });
}

#[test]
fn a_stream_of_notifications_tells_a_loss_and_goes_on() {
    let _module = Module::load();
    run(async {
        let mut listener =
            Notifications::join(&options().receive_buffer(SMALL), uapi::GROUP).expect("a socket");
        let connection = open(&options());
        connection.burst(200, 8, BurstTo::Group(uapi::GROUP)).await.expect("a report");
        assert!(matches!(listener.recv().await, Err(Error::Overrun)));
        let mut heard = 0;
        while let Ok(event) = tokio::time::timeout(Duration::from_millis(100), listener.recv()).await {
            heard += 1;
            assert_eq!(event.expect("the loss is told once").payload, [0; 8]);
        }
        assert!((1..200).contains(&heard), "{heard}");
        connection.notify(Some(b"after")).await.expect("it is sent");
        assert_eq!(listener.recv().await.expect("a notification").payload, b"after");
    });
}

#[test]
fn without_extended_acks_an_error_is_a_bare_number() {
    let _module = Module::load();
    let refusal = |options: SocketOptions| run(async { open(&options).fail(16, Some("as ordered")).await });
    let told = refusal(options()).expect("a refusal");
    assert_eq!(told.message.as_deref(), Some("as ordered"));
    assert_eq!((told.offset, told.attribute_name()), (Some(16), Some("NLTEST_A_ERRNO".to_owned())));
    let bare = refusal(options().extended_ack(false)).expect("a refusal");
    assert_eq!((bare.errno, bare.message.as_deref(), bare.offset), (Errno::EBUSY, None, None));
    let capped = refusal(options().cap_ack(true)).expect("a refusal");
    assert_eq!((capped.offset, capped.attribute_name()), (Some(16), None), "no copy to find a name in");
}

#[test]
fn without_enobufs_a_lost_answer_is_only_late() {
    let _module = Module::load();
    run(async {
        let limit = Duration::from_millis(300);
        let connection = open(&options().receive_buffer(SMALL).no_enobufs(true).timeout(Some(limit)));
        let mut pending: Vec<_> =
            (0..200).map(|_| connection.submit(&Request::Echo(b"x")).expect("it is sent")).collect();
        let last = pending.pop().expect("two hundred");
        assert!(matches!(last.await, Err(Error::TimedOut(time)) if time == limit));
        assert!(pending.remove(0).await.is_ok(), "the first one had its room");
    });
}

#[test]
fn a_listener_can_have_its_losses_told_to_the_sender() {
    let _module = Module::load();
    run(async {
        let connection = open(&options());
        for told in [false, true] {
            let options = options().receive_buffer(SMALL).broadcast_error(told);
            let _listener = Notifications::join(&options, uapi::GROUP).expect("a socket");
            let mut errors = Vec::new();
            for _ in 0..100 {
                errors.extend(connection.notify(Some(&[0; 500])).await.err().and_then(|error| error.errno()));
            }
            assert_eq!(!errors.is_empty(), told);
            assert!(errors.iter().all(|errno| *errno == libc::ENOBUFS), "{errors:?}");
        }
    });
}

#[test]
fn who_may_gets_a_receive_buffer_beyond_the_limit_of_others() {
    let _module = Module::load();
    let wanted = 8 << 20;
    let size = move || {
        run(async move {
            open(&options().receive_buffer(Some(wanted))).socket().receive_buffer().expect("a size")
        })
    };
    let limit = std::fs::read_to_string("/proc/sys/net/core/rmem_max").expect("procfs is mounted");
    let limit: usize = limit.trim().parse().expect("a number");
    assert!(limit < wanted, "the limit is {limit}");
    assert_eq!(size(), 2 * wanted, "root's");
    let nobody = thread::spawn(move || {
        become_nobody();
        size()
    });
    assert_eq!(nobody.join().expect("it does not panic"), 2 * limit, "nobody's");
}

#[test]
fn every_option_reaches_the_kernel() {
    let _module = Module::load();
    type Toggle = fn(bool) -> SocketOptions;
    let toggles: [(Toggle, libc::c_int, bool); 5] = [
        (|on| options().extended_ack(on), libc::NETLINK_EXT_ACK, true),
        (|on| options().cap_ack(on), libc::NETLINK_CAP_ACK, false),
        (|on| options().no_enobufs(on), libc::NETLINK_NO_ENOBUFS, false),
        (|on| options().broadcast_error(on), libc::NETLINK_BROADCAST_ERROR, false),
        (|on| options().strict_check(on), libc::NETLINK_GET_STRICT_CHK, true),
    ];
    let open = |options: &SocketOptions| Socket::open(options, Blocking::No).expect("the module is loaded");
    for (toggled, option, default) in toggles {
        assert_eq!(is_set(&open(&options()), option), default, "option {option} by default");
        for on in [false, true] {
            assert_eq!(is_set(&open(&toggled(on)), option), on, "option {option}");
        }
    }
}

fn is_set(socket: &Socket, option: libc::c_int) -> bool {
    let mut value: libc::c_int = -1;
    let mut length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the pointers are to a number and to its length, which outlive the call.
    let result = unsafe {
        let value = (&raw mut value).cast();
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_NETLINK, option, value, &raw mut length)
    };
    assert_eq!(result, 0, "option {option}: {}", std::io::Error::last_os_error());
    value == 1
}
