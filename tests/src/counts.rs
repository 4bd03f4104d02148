//! Exact counts: what nltrace counts equals what was sent, what the module counted, and what independent
//! probes saw.

use serde_json::Value;

use crate::guest::{
    Accounting, Calls, Hist, Json, Module, Output, Program, Raw, capturing, has_sessions, nltest, nltrace,
};

const CLIENTS: u64 = 4;
const ECHOES: u64 = 10_000;
const SLEEPERS: u64 = 30;

/// Sends the echoes from clients that run at the same time.
fn ten_thousand_echoes() {
    let clients: Vec<_> =
        (0..CLIENTS).map(|_| nltest(&format!("--json bench -c {}", ECHOES / CLIENTS)).start()).collect();
    for client in clients {
        let bench = client.end().success().json();
        assert_eq!(bench.number("/received"), ECHOES / CLIENTS);
    }
}

/// Sends requests whose handlers are all asleep at the same time.
fn sleep_at_once() {
    let sleepers: Vec<_> = (0..SLEEPERS).map(|_| nltest("delay 1000000 --timeout 10").start()).collect();
    sleepers.into_iter().for_each(|sleeper| drop(sleeper.end().success()));
}

/// Captures the echoes.
fn histograms_of_ten_thousand_echoes(options: &str) -> Hist {
    Hist::of(&capture_of_ten_thousand_echoes(options))
}

fn capture_of_ten_thousand_echoes(options: &str) -> Output {
    let _module = Module::load();
    let hist = capturing(&format!("hist --json -f nltest {options}"));
    ten_thousand_echoes();
    let output = hist.interrupt().success();
    let stats = nltest("--json stats").run().success().json();
    assert_eq!(stats.number("/commands/ECHO/received"), ECHOES, "the module's own count");
    output
}

#[test]
fn ten_thousand_echoes_of_four_clients_are_counted_exactly() {
    let hist = histograms_of_ten_thousand_echoes("");
    assert_eq!(hist.hook("receive"), Accounting::all_recorded(ECHOES));
    assert_eq!(hist.hook("unicast"), Accounting::all_recorded(2 * ECHOES));
    assert_eq!(hist.counts("ECHO"), [ECHOES; 3]);
}

#[test]
fn kprobes_count_exactly() {
    let hist = histograms_of_ten_thousand_echoes("--method kprobe");
    assert_eq!(hist.counts("ECHO"), [ECHOES; 3]);
    assert_eq!(hist.accounting(), Accounting::all_recorded(3 * ECHOES));
    let methods = hist.json().list("/attachments").iter().map(|attachment| attachment.text("/method"));
    assert!(methods.eq(["kprobe+kretprobe"; 4]), "{:?}", hist.json().at("/attachments"));
}

/// From 6.14 on. Older kernels say so.
#[test]
fn sessions_count_exactly_where_the_kernel_has_them() {
    if !has_sessions() {
        let _module = Module::load();
        nltrace("hist --method session -- true").run().exits(3).said("no kprobe sessions");
        return;
    }
    let hist = histograms_of_ten_thousand_echoes("--method session");
    assert_eq!(hist.counts("ECHO"), [ECHOES; 3]);
    assert_eq!(hist.accounting(), Accounting::all_recorded(3 * ECHOES));
    let methods = hist.json().list("/attachments").iter();
    let unicast = methods.filter(|attachment| *attachment.at("/function") == "netlink_unicast");
    assert!(unicast.map(|attachment| attachment.text("/method")).eq(["kprobe session"]));
}

/// Sessions, and fentry where that comes first, follow any number of calls at once.
#[test]
fn many_sleepers_requests_and_replies_are_all_recorded() {
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest");
    sleep_at_once();
    let hist = Hist::of(&hist.interrupt().success());
    let unicast = hist.hook("unicast");
    assert_eq!((unicast.hits, unicast.recorded, unicast.unmatched), (2 * SLEEPERS, 2 * SLEEPERS, 0));
}

/// A kernel that preempts may skip a program of this kind while a thread sleeps in it. That is loss, and
/// shown as such.
#[test]
fn fentry_accounts_for_every_call() {
    let output = capture_of_ten_thousand_echoes("--method fentry");
    let hist = Hist::of(&output);
    assert_eq!(hist.hook("receive").hits, ECHOES);
    let lost = hist.accounting().lost;
    // Unknown before Linux 6.7, where kprobes watch some of the functions.
    let skipped = hist.json().at("/accounting/loss/skipped");
    assert!(
        skipped.as_u64().is_none_or(|skipped| skipped == lost),
        "nothing else is lost: {skipped}, {lost}"
    );
    assert_eq!(output.stderr.contains("--method kprobe"), lost != 0, "{lost} lost: {}", output.stderr);
    assert_eq!(hist.hook("unicast").hits, 2 * ECHOES);
    let methods = hist.json().list("/attachments").iter();
    let unicast = methods.filter(|attachment| *attachment.at("/function") == "netlink_unicast");
    assert!(unicast.map(|attachment| attachment.text("/method")).eq(["fentry+fexit"]));
}

#[test]
fn every_thread_counts() {
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest");
    nltest("bench -c 6000 --threads 4").run().success();
    nltest("bench -c 1000 --in-flight 8").run().success();
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!(hist.counts("ECHO"), [7000; 3]);
    assert_eq!(hist.accounting(), Accounting::all_recorded(3 * 7000));
}

/// A return probe has room for a few calls in progress only, ten on a machine of two processors. Those that
/// it misses are told.
#[test]
fn what_return_probes_miss_is_unmatched() {
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest --method kprobe");
    sleep_at_once();
    let hist = Hist::of(&hist.interrupt().success());
    let (receive, unicast) = (hist.hook("receive"), hist.hook("unicast"));
    assert_eq!((receive.hits, unicast.hits), (SLEEPERS, 2 * SLEEPERS));
    assert_eq!((receive.filtered, receive.lost, unicast.filtered, unicast.lost), (0, 0, 0, 0));
    assert_eq!(hist.count("receive", "DELAY") + receive.unmatched, SLEEPERS);
}

#[test]
fn a_datagram_too_short_for_a_header_is_not_counted_as_a_message_of_type_0() {
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest");
    let raw = Raw::open();
    (1..16).for_each(|length| raw.send(&[0; 16][..length]));
    nltest("send Hello").run().success();
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!((hist.count("request", "TEXT"), hist.count("receive", "TEXT")), (1, 1));
    let rows = hist.json().list("/histograms").iter();
    let untyped = rows.filter(|row| *row.at("/family") == 25 && row.at("/type").is_null());
    let mut counts: Vec<_> = untyped.map(|row| (row.text("/stage"), row.number("/count"))).collect();
    counts.sort_unstable();
    assert_eq!(counts, [("receive", 15), ("request", 15)]);
}

/// A stage that is asked for by name has to be watched; where all are wanted, those that can be are.
#[test]
fn a_named_stage_that_cannot_be_watched_is_an_error() {
    let run = |options: &str| nltrace(&format!("hist -f route {options} -- true")).run();
    let receive = run("-s receive --method session");
    if has_sessions() {
        receive.success();
    } else {
        receive.exits(3).said("cannot watch rtnetlink_rcv").said("no kprobe sessions");
    }
    run("-s receive").success();
}

#[test]
fn datagrams_are_counted_and_not_their_messages() {
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest");
    nltest("bench -c 640 --batch 64").run().success();
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!(hist.counts("ECHO"), [10; 3]);
}

/// Each type makes a key at two stages; all replies are errors, and have one.
#[test]
fn keys_beyond_the_limit_are_counted_together() {
    const TYPES: u64 = 3000;
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest --max-keys 100");
    Program::new("spread_loop").words(&format!("{TYPES} {TYPES} 1")).run().success();
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!(hist.accounting(), Accounting::all_recorded(3 * TYPES));
    let rows = hist.json().list("/histograms");
    let (others, named): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.at("/family").is_null());
    assert!(others.iter().all(|row| row.text("/family_name") == "other"), "{others:?}");
    for stage in ["request", "receive"] {
        let counts = |rows: &[&Value]| -> (u64, u64) {
            let of_stage = rows.iter().filter(|row| row.text("/stage") == stage);
            of_stage.fold((0, 0), |(keys, sum), row| (keys + 1, sum + row.number("/count")))
        };
        let ((named, of_named), (others, of_others)) = (counts(&named), counts(&others));
        assert!(named > 0 && others == 1, "{stage}: {named} of their own, {others} for all others");
        assert_eq!((of_named, of_named + of_others), (named, TYPES), "{stage}");
    }
}

#[test]
fn the_modules_counters_say_the_same() {
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest");
    nltest("ping -q -i 0 -c 100").run().success();
    for _ in 0..3 {
        nltest("delay 1").run().success();
        nltest("send Hello").run().success();
        nltest("notify").run().success();
    }
    nltest("fail EBUSY").run().success();
    nltest("burst -n 50").run().success();
    nltest("burst -n 20 --group").run().success();
    let hist = Hist::of(&hist.interrupt().success());
    let stats = nltest("--json stats").run().success().json();
    for (command, received) in
        [("ECHO", 100), ("DELAY", 3), ("TEXT", 3), ("NOTIFY", 3), ("FAIL", 1), ("BURST", 2)]
    {
        assert_eq!(stats.number(&format!("/commands/{command}/received")), received, "{command}");
        assert_eq!(hist.count("receive", command), received, "{command}");
        assert_eq!(hist.count("request", command), received, "{command}");
    }
    assert_eq!(hist.count("reply", "ECHO"), stats.number("/commands/ECHO/replied"));
    assert_eq!(hist.count("reply", "DELAY"), stats.number("/commands/DELAY/replied"));
    assert_eq!(hist.count("reply", "DONE"), stats.number("/commands/TEXT/replied"));
    assert_eq!(hist.count("reply", "BURST"), 50 + 2, "each message of the burst, and the answer of both");
    assert_eq!(hist.count("reply", "ERROR"), 3 + 1, "ACKs and the refusal");
    assert_eq!(hist.count("broadcast", "NOTIFY"), stats.number("/commands/NOTIFY/notified"));
    assert_eq!(hist.count("broadcast", "BURST"), stats.number("/commands/BURST/notified"));
    let calls = hist.accounting();
    assert_eq!(calls, Accounting::all_recorded(calls.hits));
}

#[test]
fn an_independent_probe_counts_the_same_calls() {
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest");
    let [unicast, receive] = ["netlink_unicast", "test_nl_receive_message"].map(Calls::of);
    ten_thousand_echoes();
    Program::new("ip").words("link show").run().success();
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!(hist.hook("receive"), Accounting::all_recorded(receive.count()));
    let others = unicast.count() - 2 * ECHOES;
    assert!(others > 0, "ip has asked as well");
    assert_eq!(hist.hook("unicast"), Accounting::filtered(2 * ECHOES, others));
}

#[test]
fn bpftrace_counts_the_same_calls() {
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest");
    let script = "kprobe:test_nl_receive_message { @ = count() }";
    let bpftrace =
        Program::new("bpftrace").words("-q -e").word(script).word("-c").word("nltest bench -c 3000");
    let counted = bpftrace.run().success();
    let hist = Hist::of(&hist.interrupt().success());
    assert!(counted.stdout.lines().any(|line| line == "@: 3000"), "{}", counted.stdout);
    assert_eq!(hist.counts("ECHO"), [3000; 3]);
}
