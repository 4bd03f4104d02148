//! Network namespaces: each has the family to itself.

use std::thread;

use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::guest::{Json, KernelLog, Module, Namespace, Raw, message, nltest};

#[test]
fn a_notification_stays_in_its_namespace() {
    let _module = Module::load();
    let elsewhere = Namespace::new("elsewhere");
    let here = nltest("--json listen -n 1").start().says("Listening to group 1");
    let there = elsewhere.run(nltest("--json listen -n 1")).start().says("Listening to group 1");

    nltest("notify").word("to you here").run().success();
    let heard = here.end().success().json_lines();
    assert_eq!(heard[0].text("/text"), "to you here");

    // Whoever listens there takes the first notification, and it is this one.
    elsewhere.run(nltest("notify").word("to you there")).run().success();
    let heard = there.end().success().json_lines();
    assert_eq!(heard[0].text("/text"), "to you there");
}

#[test]
fn every_namespace_has_echoes_and_counters_of_its_own() {
    // One from before the module, one from after.
    let older = Namespace::new("older");
    let _module = Module::load();
    let newer = Namespace::new("newer");
    nltest("ping -q -i 0 -c 5").run().success();
    older.run(nltest("ping -q -i 0 -c 7")).run().success();
    newer.run(nltest("ping -q -i 0 -c 11")).run().success();
    for (program, echoes) in [
        (nltest("--json stats"), 5),
        (older.run(nltest("--json stats")), 7),
        (newer.run(nltest("--json stats")), 11),
    ] {
        let stats = program.run().success().json();
        assert_eq!(stats.number("/commands/ECHO/received"), echoes);
        assert_eq!(stats.number("/commands/ECHO/replied"), echoes);
    }
}

#[test]
fn a_namespace_goes_and_the_module_stays_usable() {
    let mut module = Module::load();
    for _ in 0..5 {
        let passing = Namespace::new("passing");
        passing.run(nltest("ping -q -i 0 -c 1")).run().success();
        drop(passing);
    }
    nltest("ping -q -i 0 -c 1").run().success();
    module.unload();
}

#[test]
fn a_namespace_that_floods_the_log_does_not_silence_another() {
    let _module = Module::load();
    let mut log = KernelLog::from_now();
    let texts = |text: &[u8], count| {
        let raw = Raw::open();
        for sequence in 0..count {
            raw.send(&message(16 + text.len() as u32, 0, 0, sequence, text));
            assert!(raw.datagram().is_some(), "text {sequence} is answered");
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            // SAFETY: only this thread moves, and it shares nothing but memory.
            unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.expect("root may have a namespace");
            texts(b"spam", 2000);
        });
    });
    texts(b"heard", 1);
    let lines = log.of_module();
    let spam = lines.iter().filter(|line| *line == "Received message: spam").count();
    assert!((1..500).contains(&spam), "{spam} of 2,000 texts of a flood were logged");
    assert!(lines.ends_with(&["Received message: heard".to_owned()]), "silenced: {:?}", lines.last());
}
