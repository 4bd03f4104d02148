//! Receive functions in the kernel's own modules: watched as soon as the module is there, again when it comes
//! back, and never held.

use std::{fs, path::Path};

use crate::guest::{Accounting, Hist, Json, Program, Raw, Running, message, nltrace, wait_for};

/// Families that a module receives for on some kernels: number, name, module.
const FAMILIES: [(u8, &str, &str); 6] = [
    (6, "xfrm", "xfrm_user"),
    (8, "iscsi", "scsi_transport_iscsi"),
    (12, "netfilter", "nfnetlink"),
    (18, "scsitransport", "scsi_mod"),
    (20, "rdma", "ib_core"),
    (21, "crypto", "crypto_user"),
];

fn is_loaded(module: &str) -> bool {
    Path::new("/sys/module").join(module).join("initstate").exists()
}

/// Whether this kernel has it as a module and not built in.
fn is_module(module: &str) -> bool {
    Program::new("modprobe").words("--dry-run").word(module).run().status.success()
}

/// Removes a module that other tests had loaded, with those that use it. The namespace that its last user was
/// in is cleaned up in the background.
fn unload(module: &str) {
    let holders = Path::new("/sys/module").join(module).join("holders");
    for holder in fs::read_dir(holders).into_iter().flatten().flatten() {
        unload(&holder.file_name().to_string_lossy());
    }
    wait_for(&format!("the module {module} can go"), || {
        let gone = || Program::new("modprobe").words("-r").word(module).run().status.success();
        (!is_loaded(module) || gone()).then_some(())
    });
}

/// Datagrams of one empty message each.
fn send(family: u8, datagrams: u32) {
    let raw = Raw::of_family(family);
    for sequence in 1..=datagrams {
        raw.send(&message(16, 1, 0, sequence, &[]));
    }
}

/// A round of a module's life under nltrace: load, use, unload.
fn live(nltrace: Running, round: usize, family: u8, module: &str, datagrams: u32) -> Running {
    Program::new("modprobe").word(module).run().success();
    let nltrace = nltrace.says_times(&format!("the module {module} was loaded"), round);
    send(family, datagrams);
    Program::new("rmmod").word(module).run().success();
    nltrace.says_times(&format!("the module {module} was unloaded"), round)
}

fn received(hist: &Hist, family: u8) -> u64 {
    let rows = hist.json().list("/histograms").iter();
    let rows = rows.filter(|row| *row.at("/family") == family && row.text("/stage") == "receive");
    rows.map(|row| row.number("/count")).sum()
}

#[test]
fn the_kernels_own_modules_are_watched_whenever_they_are_there_and_can_go() {
    let (in_modules, built_in): (Vec<_>, Vec<_>) =
        FAMILIES.into_iter().partition(|(_, _, module)| is_module(module));
    assert!(in_modules.iter().any(|(_, name, ..)| *name == "xfrm"), "{in_modules:?}");
    for (_, _, module) in in_modules.iter().filter(|(_, _, module)| is_loaded(module)) {
        unload(module);
    }
    let names = FAMILIES.map(|(_, name, ..)| name).join(",");
    let mut hist = nltrace(&format!("hist --json -f {names}")).start();
    for (_, _, module) in &in_modules {
        hist = hist.says(&format!("the module {module} is not loaded"));
    }
    for (family, _, module) in &in_modules {
        hist = live(hist, 1, *family, module, 20);
        hist = live(hist, 2, *family, module, 5);
    }
    built_in.iter().for_each(|(family, ..)| send(*family, 25));
    let hist = Hist::of(&hist.interrupt().success());
    for (family, name, ..) in FAMILIES {
        assert_eq!(received(&hist, family), 25, "{name} of {}", hist.json());
    }
    assert_eq!(hist.hook("receive"), Accounting::all_recorded(25 * FAMILIES.len() as u64));
}

#[test]
fn a_module_that_is_there_is_watched_from_the_start_and_by_one_probe_only() {
    Program::new("modprobe").word("xfrm_user").run().success();
    let named = "--module-function xfrm_user:xfrm_netlink_rcv";
    let options = ["-f xfrm", named, &format!("-f xfrm {named}")];
    let captures = options.map(|options| nltrace(&format!("-v hist --json {options}")).start());
    let captures = captures.map(Running::listening);
    send(6, 10);
    for (options, hist) in options.into_iter().zip(captures) {
        let hist = Hist::of(&hist.interrupt().success().said("watching xfrm_netlink_rcv"));
        assert_eq!((received(&hist, 6), hist.hook("receive").hits), (10, 10), "{options}");
    }
    Program::new("rmmod").word("xfrm_user").run().success();
}

#[test]
fn wait_lets_the_time_of_a_kernels_module_begin_with_its_arrival() {
    if is_loaded("xfrm_user") {
        Program::new("rmmod").word("xfrm_user").run().success();
    }
    let hist = nltrace("hist --json -f xfrm --wait -d 2").start().says("waiting for the module xfrm_user");
    Program::new("modprobe").word("xfrm_user").run().success();
    let hist = hist.says("the module xfrm_user was loaded");
    send(6, 3);
    let hist = Hist::of(&hist.end().success());
    assert_eq!(received(&hist, 6), 3);
    Program::new("rmmod").word("xfrm_user").run().success();
}
