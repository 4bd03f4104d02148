//! Filters: what is filtered out leaves nothing but its count.

use std::{fs, process, thread};

use nltest::Request;

use crate::guest::{Accounting, Hist, Json, Module, Program, Raw, Trace, capturing, nltest, nltrace};

const HERE: u64 = 40;
const THERE: u64 = 70;

/// Echoes from this process, and from another one.
fn echoes_here_and_there() {
    let raw = Raw::open();
    for sequence in 1..=HERE as u32 {
        raw.request(&Request::Echo(b"here"), sequence);
        assert_eq!(raw.echo(sequence), b"here");
    }
    nltest(&format!("ping -q -i 0 -c {THERE}")).run().success();
}

#[test]
fn a_family_that_is_filtered_out_leaves_no_event() {
    let _module = Module::load();
    // The receive functions of other families than route are not even watched.
    let trace = nltrace("-v trace --calls --json -f route").start().says("watching rtnetlink_rcv");
    echoes_here_and_there();
    Program::new("ip").words("link show lo").run().success();
    let trace = Trace::of(&trace.interrupt().success());
    assert!(!trace.events.is_empty(), "ip's messages are there");
    assert!(trace.events.iter().all(|line| *line.at("/family") == 0), "and no others");
    assert_eq!(trace.hook("unicast").filtered, 2 * (HERE + THERE));
}

#[test]
fn a_process_is_told_from_others() {
    let _module = Module::load();
    let trace = capturing(&format!("trace --calls --json -f nltest -p {}", process::id()));
    echoes_here_and_there();
    let trace = Trace::of(&trace.interrupt().success());
    assert_eq!(trace.hook("receive"), Accounting::filtered(HERE, THERE));
    assert_eq!(trace.hook("unicast"), Accounting::filtered(2 * HERE, 2 * THERE));
    assert!(trace.events.iter().all(|line| line.number("/pid") == u64::from(process::id())));

    let hist = capturing(&format!("hist --json -f nltest -p {}", process::id()));
    echoes_here_and_there();
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!(hist.counts("ECHO"), [HERE; 3]);
    assert_eq!(hist.accounting(), Accounting::filtered(3 * HERE, 3 * THERE));
}

#[test]
fn a_thread_name_is_told_from_others() {
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest -c named-by-a-test");
    echoes_here_and_there();
    let named = thread::Builder::new().name("named-by-a-test".to_owned()).spawn(|| {
        let name = fs::read_to_string("/proc/thread-self/comm").expect("procfs is mounted");
        assert_eq!(name, "named-by-a-test\n");
        echoes_here_and_there();
    });
    named.expect("a thread").join().expect("echoes");
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!(hist.counts("ECHO"), [HERE; 3]);
    assert_eq!(hist.accounting(), Accounting::filtered(3 * HERE, 3 * (HERE + 2 * THERE)));
}

#[test]
fn a_portid_is_told_from_others() {
    let _module = Module::load();
    let raw = Raw::open();
    let trace = capturing(&format!("trace --calls --json -f nltest --portid {}", raw.portid()));
    raw.request(&Request::Echo(b"this one"), 1);
    assert_eq!(raw.echo(1), b"this one");
    echoes_here_and_there();
    let trace = Trace::of(&trace.interrupt().success());
    assert_eq!(trace.accounting(), Accounting::filtered(3, 3 * (HERE + THERE)));
    assert!(trace.events.iter().all(|line| line.number("/portid") == u64::from(raw.portid())));
}

#[test]
fn a_type_is_told_from_others() {
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest -t delay");
    nltest("delay 1").run().success();
    nltest("delay 1").run().success();
    echoes_here_and_there();
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!(hist.counts("DELAY"), [2; 3]);
    assert_eq!(hist.accounting(), Accounting::filtered(6, 3 * (HERE + THERE)));
}

#[test]
fn filters_narrow_each_other() {
    let _module = Module::load();
    let hist = capturing(&format!("hist --json -f 25,route -p {} -t 16", process::id()));
    echoes_here_and_there();
    Program::new("ip").words("link show lo").run().success();
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!(hist.counts("ECHO"), [HERE; 3]);
    assert_eq!(hist.accounting().recorded, 3 * HERE);
    assert!(hist.accounting().filtered > 3 * THERE, "the other process, and ip");
}

#[test]
fn stages_are_told_from_others() {
    let _module = Module::load();
    let hist = nltrace("-v hist --json -f nltest -s reply").start().says("watching netlink_unicast");
    echoes_here_and_there();
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!(hist.counts("ECHO"), [0, 0, HERE + THERE]);
    assert_eq!(
        hist.hook("unicast"),
        Accounting::filtered(HERE + THERE, HERE + THERE),
        "requests are not wanted"
    );
    assert_eq!(hist.hook("receive").hits, 0, "not even watched");
}

/// With so few histograms that every place is taken: a call that is filtered out must not end up in any of
/// them.
#[test]
fn what_is_filtered_out_is_in_no_histogram() {
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest -c nltest --max-keys 8");
    for command in ["send hello", "notify", "fail 2", "stats", "bench -c 5"] {
        nltest(command).run().success();
    }
    Program::new("echo_loop").words("1000 32").run().success();
    let hist = Hist::of(&hist.interrupt().success());
    let accounting = hist.accounting();
    assert_eq!((accounting.filtered, accounting.lost, accounting.unmatched), (3000, 0, 0));
    assert_eq!(accounting.hits, accounting.recorded + 3000);
    for row in hist.json().list("/histograms") {
        assert!(row.number("/max_ns") < 60_000_000_000, "{row}");
    }
}
