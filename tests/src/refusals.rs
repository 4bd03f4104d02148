//! When nltrace cannot: the exit code of the contract, and words that say what to do.

use std::{fs, process, thread};

use serde_json::Value;

use crate::guest::{Accounting, Hist, Json, Module, Program, nltest, nltrace};

const PARANOID: &str = "/proc/sys/kernel/perf_event_paranoid";

/// In a mount namespace where this place is empty.
fn without(place: &str, program: Program) -> Program {
    let script = format!("mount -t tmpfs none {place} && exec \"$0\" \"$@\"");
    program.under(["unshare", "-m", "sh", "-c", &script].map(ToOwned::to_owned).to_vec())
}

#[test]
fn without_privileges_it_says_which_ones() {
    let _module = Module::load();
    for command in ["hist", "trace", "hist -f nltest --json", "trace -f route", "sockets", "sockets --json"] {
        let output = nltrace(command).by_nobody().run().exits(3);
        let output = output.said("CAP_BPF").said("CAP_PERFMON").said("sudo");
        assert!(output.stdout.is_empty(), "no result is no result: {}", output.stdout);
    }
}

#[test]
fn two_capabilities_are_enough() {
    let _module = Module::load();
    let setting = fs::read_to_string(PARANOID).expect("the kernel has perf events");
    fs::write(PARANOID, "2").expect("root may");
    let capture = nltrace("hist --json -f nltest -- nltest bench -c 1000");
    let output = capture.by_a_tracer().run();
    fs::write(PARANOID, &setting).expect("root may");
    let line = output.success().stdout.lines().last().map(serde_json::from_str::<Value>);
    let hist = Hist::new(line.expect("a result").expect("JSON"));
    assert_eq!(hist.accounting(), Accounting::all_recorded(3000));
}

/// Debian's own setting reserves kprobes for CAP_SYS_ADMIN. Who has fewer must be told by its name.
#[test]
fn two_capabilities_are_enough_or_the_setting_is_named() {
    let _module = Module::load();
    let setting = fs::read_to_string(PARANOID).expect("the kernel has perf events");
    fs::write(PARANOID, "3").expect("root may");
    let output = nltrace("hist --json -f nltest -- nltest bench -c 10").by_a_tracer().run();
    fs::write(PARANOID, &setting).expect("root may");
    if output.status.code() != Some(0) {
        output.exits(3).said("kernel.perf_event_paranoid");
    }
}

#[test]
fn without_btf_it_says_so() {
    let _module = Module::load();
    for command in ["hist -f nltest", "trace"] {
        without("/sys/kernel/btf", nltrace(command)).run().exits(3).said("BTF");
    }
}

#[test]
fn without_the_module_it_says_how_to_load_it() {
    for command in
        ["hist -f nltest", "trace -f nltest --json", "hist -f 25", "hist --module-function mine:receive"]
    {
        nltrace(command).run().exits(3).said("is not loaded").said("modprobe").said("--wait");
    }
}

#[test]
fn without_the_module_everything_else_is_captured() {
    let output = nltrace("hist --json -- ip link show lo").run().success().said("nltest is not loaded");
    let line = output.stdout.lines().find(|line| line.starts_with('{')).expect("a result");
    let hist = Hist::new(serde_json::from_str(line).expect("JSON"));
    let families = hist.json().list("/histograms").iter().map(|row| row.text("/family_name"));
    assert!(families.clone().count() > 0 && families.clone().all(|family| family == "route"), "{hist:?}");
}

#[test]
fn a_module_function_that_does_not_exist_is_refused() {
    let _module = Module::load();
    nltrace("hist -f nltest --module-function nltest:no_such_function")
        .run()
        .exits(3)
        .said("no_such_function");
}

#[test]
fn a_family_that_does_not_exist_is_wrong_usage() {
    nltrace("hist -f nosuch").run().exits(2).said("nosuch").said("nltest");
    nltrace("trace -f 32").run().exits(2).said("32");
}

/// Of the guest's 1024 MiB.
#[test]
fn a_capture_that_needs_most_of_the_memory_does_not_take_it() {
    nltrace("trace -f route --ring-size 1G").run().exits(3).said("1024 MiB").said("a smaller --ring-size");
    nltrace("hist -f route --max-keys 65526").run().exits(3).said("a smaller --max-keys");
}

#[test]
fn a_process_that_is_not_there_is_pointed_out() {
    let nobody = nltrace("hist -f route -d 0.1 -p 4000000").run().success();
    nobody.said("no process 4000000");
    let thread = thread::spawn(|| {
        let tid = rustix::thread::gettid().as_raw_nonzero();
        nltrace(&format!("hist -f route -d 0.1 -p {tid}")).run().success()
    });
    let output = thread.join().expect("nltrace goes on");
    output.said(&format!("is a thread of the process {}", process::id()));
}

#[test]
fn malformed_options_are_wrong_usage() {
    for options in [
        "",
        "dance",
        "hist --interval never",
        "hist -d 0",
        "hist -p none",
        "hist -p -5",
        "hist -t nosuch",
        "hist -s nowhere",
        "hist -c a-name-with-more-than-15-bytes",
        "hist --portid -1",
        "hist --method magic",
        "hist --no-such-option",
        "trace --snaplen 16385",
        "trace --ring-size 1",
        "trace --ring-size much",
        "hist surplus",
        "sockets -f nosuch",
        "sockets -p 0",
        "sockets --netns ..",
        "sockets --duration 1",
    ] {
        let output = nltrace(options).run().exits(2);
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{options}");
    }
}

#[test]
fn doctor_finds_this_kernel_fit_and_says_what_is_missing_to_others() {
    let _module = Module::load();
    let text = nltrace("doctor").start();
    let fit = nltrace("doctor --json").run().success().json();
    text.end().success();
    assert_eq!(*fit.at("/can_capture"), true);
    let list = fit.list("/checks").iter().find(|check| *check.at("/name") == "list of sockets");
    assert_eq!(*list.expect("it is tried").at("/state"), "yes");
    assert!(fit.list("/attachments").iter().any(|hook| *hook.at("/function") == "test_nl_receive_message"));
    let unfit = nltrace("doctor --json").by_nobody().run().exits(3).json();
    assert_eq!(*unfit.at("/can_capture"), false);
    for diagnosis in [fit, unfit, without("/sys/kernel/btf", nltrace("doctor --json")).run().exits(3).json()]
    {
        for check in diagnosis.list("/checks") {
            assert!(
                *check.at("/state") != "no" || check.at("/remedy").is_string(),
                "no without remedy: {check}"
            );
        }
    }
    // It leaves nothing behind: the module is still free.
    nltest("ping -q -i 0 -c 1").run().success();
}
