//! `hist --by`: histograms kept apart by who asked. Each scenario knows who sends how much.

use std::{fs, process};

use nltest::Request;
use serde_json::Value;

use crate::guest::{
    Child, Json, Module, Namespace, Netlink, Program, Raw, conforms, nltest, nltrace, wait_for,
};

const SCHEMA: &str = include_str!("../../docs/schema/hist.json");

/// What is measured of every message that is answered at once and read.
const STAGES: [&str; 6] = ["request", "receive", "reply", "answer", "rtt", "queue"];

/// Captures nltest's messages while something happens.
fn by(who: &str, options: &str, act: impl FnOnce()) -> Value {
    let hist = nltrace(&format!("hist --json -f nltest --by {who} {options}")).start().listening();
    act();
    let hist = hist.interrupt().success().json();
    conforms(&hist, SCHEMA);
    let missed = (hist.number("/accounting/lost"), hist.number("/accounting/unmatched"));
    assert_eq!((hist.text("/by"), missed), (who, (0, 0)));
    hist
}

/// How often a stage and type was seen of those for whom `field` has this value.
fn count(hist: &Value, stage: &str, type_name: &str, field: &str, value: &Value) -> u64 {
    let is_meant = |row: &&Value| {
        *row.at("/stage") == stage && *row.at("/type_name") == type_name && *row.at(field) == *value
    };
    hist.list("/histograms").iter().filter(is_meant).map(|row| row.number("/count")).sum()
}

/// Of each stage of an echo.
fn echoes(hist: &Value, field: &str, value: impl Into<Value>) -> Vec<u64> {
    let value = value.into();
    STAGES.iter().map(|stage| count(hist, stage, "ECHO", field, &value)).collect()
}

/// A program in place of the shell that first does something.
fn after(first: &str, program: &str) -> Program {
    Program::new("sh").word("-c").word(format!("{first} && exec {program}"))
}

#[test]
fn processes_have_their_own_histograms_in_every_way_to_attach() {
    let _module = Module::load();
    for method in ["auto", "kprobe"] {
        let mut pids = Vec::new();
        let hist = by("process", &format!("-s {} --method {method}", STAGES.join(",")), || {
            for echoes in [7, 11] {
                let ping = nltest(&format!("ping -q -i 0 -c {echoes}")).start();
                pids.push(ping.pid());
                ping.end().success();
            }
        });
        assert_eq!(echoes(&hist, "/pid", pids[0]), [7; 6], "{method}: {hist}");
        assert_eq!(echoes(&hist, "/pid", pids[1]), [11; 6], "{method}: {hist}");
        assert_eq!(echoes(&hist, "/comm", "nltest"), [18; 6], "nobody else sends any");
        assert_eq!(echoes(&hist, "/party", "process"), [18; 6]);
    }
}

#[test]
fn a_process_that_changes_its_name_is_another_from_then_on() {
    let _module = Module::load();
    let raw = Raw::open();
    let mut pid = 0;
    let hist = by("process", "", || {
        let mut child = Child::start(c"first", |told| {
            raw.request(&Request::Echo(b"1"), 1);
            rustix::thread::set_name(c"second").expect("a name");
            raw.request(&Request::Echo(b"2"), 2);
            raw.request(&Request::Echo(b"3"), 3);
            told.say(1);
            told.wait();
        });
        assert_eq!(child.said(), 1);
        pid = child.pid;
        child.end();
    });
    let of = |comm: &str| count(&hist, "request", "ECHO", "/comm", &comm.into());
    assert_eq!((of("first"), of("second")), (1, 2), "{hist}");
    assert_eq!(count(&hist, "request", "ECHO", "/pid", &pid.into()), 3);
}

#[test]
fn namespaces_have_their_own_histograms_by_number_and_name() {
    let _module = Module::load();
    let [blue, red] = ["by-blue", "by-red"].map(Namespace::new);
    let hist = by("netns", &format!("-s {}", STAGES.join(",")), || {
        blue.run(nltest("ping -q -i 0 -c 5")).run().success();
        red.run(nltest("ping -q -i 0 -c 9")).run().success();
    });
    for (namespace, name, expected) in [(&blue, "by-blue", 5), (&red, "by-red", 9)] {
        assert_eq!(echoes(&hist, "/netns", namespace.inode()), [expected; 6], "{hist}");
        assert_eq!(echoes(&hist, "/netns_name", name), [expected; 6]);
    }
}

#[test]
fn control_groups_have_their_own_histograms_with_path_and_unit() {
    let _module = Module::load();
    let groups = [("by-one.service", 4), ("by-two.scope", 6)];
    let folder = |name: &str| format!("/sys/fs/cgroup/{name}");
    for (name, _) in groups {
        fs::create_dir_all(folder(name)).expect("cgroup v2 is mounted");
    }
    let hist = by("cgroup", &format!("-s {}", STAGES.join(",")), || {
        for (name, echoes) in groups {
            let enter = format!("echo $$ > {}/cgroup.procs", folder(name));
            after(&enter, &format!("nltest ping -q -i 0 -c {echoes}")).run().success();
        }
    });
    for (name, expected) in groups {
        assert_eq!(echoes(&hist, "/cgroup", format!("/{name}")), [expected; 6], "{hist}");
        assert_eq!(echoes(&hist, "/unit", name), [expected; 6]);
        wait_for("it is empty", || fs::remove_dir(folder(name)).ok());
    }
}

#[test]
fn sockets_have_their_own_histograms() {
    let _module = Module::load();
    let sockets = [(Raw::open(), 3), (Raw::open(), 8)];
    let hist = by("socket", &format!("-s {}", STAGES.join(",")), || {
        for (socket, echoes) in &sockets {
            for sequence in 1..=*echoes {
                socket.request(&Request::Echo(b"by"), sequence);
                socket.echo(sequence);
            }
        }
    });
    let own = fs::metadata("/proc/self/ns/net").expect("procfs is mounted");
    for (socket, expected) in &sockets {
        assert_eq!(echoes(&hist, "/portid", socket.portid()), [u64::from(*expected); 6], "{hist}");
    }
    assert_eq!(echoes(&hist, "/netns", std::os::unix::fs::MetadataExt::ino(&own)), [11; 6]);
}

/// A simpler rule would say that the reader asked for what it reads.
#[test]
fn a_dump_is_whose_request_it_answers_whoever_reads() {
    let _module = Module::load();
    let raw = Raw::open();
    let mut asker = 0;
    let mut datagrams = 0;
    let hist = by("process", "-s part,answer,dump,rtt,queue", || {
        let mut child = Child::start(c"asker", |told| {
            raw.request(&Request::Parts { count: 5, size: 3000, errno: None, stall: false }, 1);
            told.say(1);
            told.wait();
        });
        assert_eq!(child.said(), 1);
        asker = child.pid;
        child.end();
        while raw.datagram().is_some() {
            datagrams += 1;
        }
    });
    assert!(datagrams >= 5, "the parts are datagrams of their own: {datagrams}");
    let rows = hist.list("/histograms");
    let sum = |stage: &str, pid: u32| -> u64 {
        let is_meant = |row: &&Value| *row.at("/stage") == stage && *row.at("/pid") == pid;
        rows.iter().filter(is_meant).map(|row| row.number("/count")).sum()
    };
    for (stage, expected) in
        [("part", datagrams), ("queue", datagrams), ("answer", 1), ("dump", 1), ("rtt", 1)]
    {
        assert_eq!(sum(stage, asker), expected, "{stage}: {hist}");
        assert_eq!(sum(stage, process::id()), 0, "{stage}: {hist}");
    }
}

#[test]
fn a_dump_from_before_the_capture_is_nobodys_that_is_known() {
    let _module = Module::load();
    let raw = Raw::open();
    raw.request(&Request::Parts { count: 4, size: 3000, errno: None, stall: false }, 1);
    let mut datagrams = 0;
    let hist = by("process", "-s part,queue", || {
        while raw.datagram().is_some() {
            datagrams += 1;
        }
    });
    // The first part lay in the queue already.
    let of = |stage: &str| -> u64 {
        let rows = hist.list("/histograms").iter();
        let is_meant = |row: &&Value| *row.at("/stage") == stage && *row.at("/party") == "unknown";
        rows.filter(is_meant).map(|row| row.number("/count")).sum()
    };
    assert_eq!((of("part"), of("queue")), (datagrams - 1, datagrams - 1), "{hist}");
    assert!(datagrams > 1);
}

#[test]
fn a_notification_is_its_senders() {
    let _module = Module::load();
    let listeners = [Netlink::listening(25, 1), Netlink::listening(25, 1)];
    let mut sender = 0;
    let hist = by("process", "-s broadcast,queue", || {
        let notify = nltest("notify").word("by").start();
        sender = notify.pid();
        notify.end().success();
        for listener in &listeners {
            assert_eq!(listener.read_all(), 1);
        }
    });
    let rows = hist.list("/histograms");
    let of = |stage: &str| -> u64 {
        let is_meant = |row: &&Value| {
            *row.at("/stage") == stage && *row.at("/pid") == sender && *row.at("/type_name") != "ERROR"
        };
        rows.iter().filter(is_meant).map(|row| row.number("/count")).sum()
    };
    assert_eq!((of("broadcast"), of("queue")), (1, 2), "{hist}");
    assert_eq!(rows.iter().filter(|row| *row.at("/pid") == process::id()).count(), 0, "{hist}");
}

#[test]
fn parties_without_room_are_counted_as_others_and_never_as_somebody_else() {
    const SENDERS: u64 = 12;
    let _module = Module::load();
    let mut pids = Vec::new();
    let hist = by("process", "--max-keys 8", || {
        for _ in 0..SENDERS {
            let ping = nltest("ping -q -i 0 -c 3").start();
            pids.push(ping.pid());
            ping.end().success();
        }
    });
    let rows = hist.list("/histograms");
    for stage in ["request", "receive", "reply"] {
        let of_stage = || rows.iter().filter(|row| *row.at("/stage") == stage);
        assert_eq!(of_stage().map(|row| row.number("/count")).sum::<u64>(), 3 * SENDERS, "{hist}");
        assert!(of_stage().any(|row| *row.at("/party") == "other"), "{hist}");
        for row in of_stage().filter(|row| *row.at("/party") != "other") {
            let pid = row.number("/pid");
            assert!(pids.iter().any(|known| u64::from(*known) == pid), "{row}");
            assert_eq!(row.number("/count"), 3, "{row}");
        }
    }
}

#[test]
fn text_has_a_column_and_without_the_option_nothing_changes() {
    let _module = Module::load();
    let text = nltrace("hist -f nltest --by process -- nltest ping -q -i 0 -c 2").run().success().stdout;
    let heading = text.lines().find(|line| line.starts_with("FAMILY")).expect("a table");
    assert!(
        heading
            .split_whitespace()
            .eq(["FAMILY", "TYPE", "STAGE", "PROCESS", "COUNT", "MIN", "P50", "P90", "P99", "P99.9", "MAX"])
    );
    assert!(text.lines().any(|line| line.contains("ECHO") && line.contains("nltest[")), "{text}");
    let quiet = "nltest ping -q -i 0 -c 2 > /dev/null";
    let plain = nltrace("hist -f nltest --json -- sh -c").word(quiet).run().success().json();
    conforms(&plain, SCHEMA);
    assert!(plain.get("by").is_none());
    nltrace("hist --by user").run().exits(2).said("process, cgroup, netns or socket");
}
