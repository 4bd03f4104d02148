//! The programs in C, which test the bytes themselves, without any library in between.

use std::{fs, time::Duration};

use crate::guest::{Module, Program};

/// Far beyond what any of them takes, also where the machine is emulated and busy with something else.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs a program with the module loaded.
fn passes(program: &str) {
    let _module = Module::load();
    reports_no_failure(Program::new(program).limit(LIMIT));
}

/// Runs a program that reports in the Test Anything Protocol: all tests that it planned must have run and
/// passed.
fn reports_no_failure(program: Program) {
    let output = program.run();
    let lines = || output.stdout.lines();
    let planned = lines().find_map(|line| line.strip_prefix("1..")).and_then(|count| count.parse().ok());
    let passed = lines().filter(|line| line.starts_with("ok ") && !line.contains("# SKIP")).count();
    let all_passed = planned.is_some_and(|planned: usize| planned > 0 && planned == passed);
    assert!(all_passed && output.status.success(), "{}{}{}", output.stdout, output.stderr, output.status);
}

/// Among other things it looks for bytes that were never written.
#[test]
fn nltest_selftest_passes() {
    let arguments = fs::read_to_string("/proc/cmdline").expect("procfs is mounted");
    let poison =
        fs::read_to_string("/sys/kernel/slab/kmalloc-512/poison").expect("slabs have their settings");
    assert!(
        arguments.contains("init_on_alloc=0") && poison.trim() == "1",
        "such bytes would not show: boot with `cargo xtask vm --poison`"
    );
    passes("nltest_selftest");
}

#[test]
fn malformed_passes() {
    passes("malformed");
}

#[test]
fn hostile_passes() {
    passes("hostile");
}

/// Its seed is another one in every run; a failure shows it.
#[test]
fn fuzz_passes() {
    passes("fuzz");
}

/// 100 rounds of loading and unloading, idle and busy, 100,000 messages, and what is left behind in memory.
#[test]
fn load_rounds_passes() {
    reports_no_failure(Program::new("load_rounds").word("/opt/nltrace/nltest.ko").limit(LIMIT));
}

/// Each allocation behind each request fails in turn, by the tests' own module nlfault.
#[test]
fn short_of_memory_passes() {
    let modules = "/opt/nltrace/nlfault.ko /opt/nltrace/nltest.ko";
    reports_no_failure(Program::new("short_of_memory").words(modules).limit(LIMIT));
}
