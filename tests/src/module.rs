//! The module comes and goes: loaded, refused, busy, unloaded. load_rounds looks for what a hundred rounds of
//! that leave behind.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::{io::Errno, process::Signal};

use crate::guest::{KernelLog, MODULE_NAME, Module, Program, Raw, nltest, wait_for};

const DELAY: u16 = 0x11;

#[test]
fn an_open_socket_keeps_the_module() {
    let mut module = Module::load();
    assert_eq!(module.references(), 0);
    let raw = Raw::open();
    assert_eq!(module.references(), 1);
    assert_eq!(module.try_unload(), Err(Errno::AGAIN));
    Program::new("rmmod").word(MODULE_NAME).run().exits(1).said("in use");
    raw.request(&nltest::Request::Echo(b"unharmed"), 1);
    assert_eq!(raw.echo(1), b"unharmed");
    drop(raw);
    module.unload();
}

#[test]
fn requests_that_sleep_keep_the_module() {
    let mut module = Module::load();
    thread::scope(|scope| {
        for sequence in 1..=3 {
            scope.spawn(move || {
                let (raw, start) = (Raw::open(), Instant::now());
                raw.delay(1_000_000, sequence);
                assert!(start.elapsed() >= Duration::from_secs(1), "it slept as long as it was asked to");
            });
        }
        let raw = Raw::open();
        wait_for("three requests sleep in the kernel", || {
            let counters = raw.counters(DELAY);
            assert_eq!(counters.replied, 0, "none has woken up yet");
            (counters.received == 3).then_some(())
        });
        drop(raw);
        assert_eq!(module.try_unload(), Err(Errno::AGAIN));
    });
    module.unload();
}

#[test]
fn a_killed_sleeper_sleeps_no_more_and_lets_the_module_go() {
    let mut module = Module::load();
    let raw = Raw::open();
    let sleeper = nltest("delay 1000000").start();
    wait_for("the request sleeps in the kernel", || (raw.counters(DELAY).received == 1).then_some(()));
    sleeper.signal(Signal::KILL);
    assert_eq!(sleeper.end().killed_by(), Some(libc::SIGKILL));
    assert_eq!(raw.counters(DELAY).replied, 0, "it was killed while it slept");
    drop(raw);
    module.unload();
}

#[test]
fn numbers_of_the_kernels_own_families_are_refused() {
    for protocol in [0, 16, 22, 32, 100] {
        let mut log = KernelLog::from_now();
        assert_eq!(Module::insert(&format!("protocol={protocol}")), Err(Errno::INVAL), "{protocol}");
        log.wait_for(&format!("nltest: protocol={protocol} is out of range"));
    }
    for protocol in [23, 31] {
        let _module = Module::load_with(&format!("protocol={protocol}"));
        nltest(&format!("--protocol {protocol} ping -q -i 0 -c 1")).run().success();
    }
}

/// nlanswer is a family 25, too.
#[test]
fn a_number_that_another_family_holds_is_refused() {
    Program::new("insmod").word("/opt/nltrace/nlanswer.ko").run().success();
    let mut log = KernelLog::from_now();
    let refused = Module::insert("");
    log.wait_for("nltest: cannot open netlink protocol 25: another family uses it");
    let other = Module::load_with("protocol=26");
    nltest("--protocol 26 ping -q -i 0 -c 1").run().success();
    drop(other);
    Program::new("rmmod").word("nlanswer").run().success();
    assert_eq!(refused, Err(Errno::ADDRINUSE));
    let _module = Module::load();
}

#[test]
fn the_parameters_are_documented() {
    let info = Program::new("modinfo").words("-p /opt/nltrace/nltest.ko").run().success();
    for parameter in ["protocol:", "log_text:"] {
        assert!(
            info.stdout.lines().any(|line| line.starts_with(parameter)),
            "{parameter} in {}",
            info.stdout
        );
    }
}
