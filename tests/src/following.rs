//! The module comes and goes while nltrace watches it.

use crate::guest::{Accounting, Hist, Json, Module, Trace, capturing, nltest, nltrace};

#[test]
fn the_module_can_be_unloaded_under_nltrace_which_keeps_its_results_and_ends() {
    let mut module = Module::load();
    let hist = capturing("hist --json -f nltest");
    nltest("ping -q -i 0 -c 300").run().success();
    assert_eq!(module.references(), 0, "probes do not hold the module");
    module.unload();
    let hist = Hist::of(&hist.end().success().said("was unloaded"));
    assert_eq!(hist.counts("ECHO"), [300; 3]);
    assert_eq!(hist.accounting(), Accounting::all_recorded(900));
}

#[test]
fn a_trace_ends_with_all_its_events_when_the_module_goes() {
    let mut module = Module::load();
    let trace = capturing("trace --calls --json -f nltest");
    nltest("ping -q -i 0 -c 200").run().success();
    module.unload();
    let trace = Trace::of(&trace.end().success().said("was unloaded"));
    assert_eq!(trace.accounting(), Accounting::all_recorded(600));
}

#[test]
fn rmmod_works_while_nltrace_is_attached() {
    let mut module = Module::load();
    let mut captures = vec![capturing("hist --json"), capturing("trace --calls --json")];
    nltest("ping -q -i 0 -c 10").run().success();
    module.unload();
    module.load_again();
    nltest("ping -q -i 0 -c 10").run().success();
    let trace = Trace::of(&captures.remove(1).interrupt().success());
    assert_eq!(
        trace.select("request", "ECHO").len(),
        20,
        "requests are seen without the module's function, too"
    );
    let hist = Hist::of(&captures.remove(0).interrupt().success());
    assert_eq!(hist.count("reply", "ECHO"), 20);
}

#[test]
fn wait_attaches_when_the_module_comes_and_again_when_it_comes_back() {
    let hist = nltrace("hist --json -f nltest --wait").start().says("waiting for the module nltest");
    let mut module = Module::load();
    let hist = hist.says("was loaded");
    nltest("ping -q -i 0 -c 100").run().success();
    module.unload();
    let hist = hist.says("was unloaded");
    module.load_again();
    let hist = hist.says_times("was loaded", 2);
    nltest("ping -q -i 0 -c 50").run().success();
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!(hist.counts("ECHO"), [150; 3]);
    assert_eq!(hist.accounting(), Accounting::all_recorded(450));
}

#[test]
fn the_duration_counts_from_the_modules_arrival() {
    let trace =
        nltrace("trace --calls --json -f nltest --wait -d 2").start().says("waiting for the module nltest");
    let _module = Module::load();
    let trace = trace.says("was loaded");
    nltest("ping -q -i 0 -c 5").run().success();
    let trace = Trace::of(&trace.end().success());
    assert_eq!(trace.accounting(), Accounting::all_recorded(15));
}

#[test]
fn ten_rounds_of_loading_under_nltrace_are_followed() {
    let mut module = Module::load();
    let mut hist = capturing("hist --json -f nltest --wait");
    for round in 1..=10 {
        nltest("ping -q -i 0 -c 2").run().success();
        module.unload();
        module.load_again();
        hist = hist.says_times("was loaded", round);
    }
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!(hist.counts("ECHO"), [20; 3]);
    assert_eq!(hist.json().number("/accounting/unmatched"), 0);
}
