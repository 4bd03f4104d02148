//! The module's own tracepoints, read by the tools that people have: their fields have names, and values that
//! are right.

use std::fs;

use crate::guest::{Module, Program};

/// Three ECHOs of 76 bytes, with the sequence numbers 1 to 3.
const PINGS: &str = "nltest ping -q -i 0 -c 3";

/// Each receive function's entry and exit is there once, with what is known of it beforehand.
fn tells_of_three_pings(output: &str) {
    let lines = |event: &str| output.lines().filter(move |line| line.contains(event)).collect::<Vec<_>>();
    for (event, tail) in
        [("nltest_receive_entry", ""), ("nltest_receive_exit", " messages=1 ret=0 latency_ns=")]
    {
        let lines = lines(event);
        assert_eq!(lines.len(), 3, "{event} in {output}");
        for (line, seq) in lines.iter().zip(1..) {
            let wanted = format!("type=0x10 flags=0x1 seq={seq} len=76{tail}");
            assert!(line.contains(&wanted) && line.contains("netns="), "{wanted} in {line}");
            assert!(!line.ends_with("latency_ns=0"), "no latency in {line}");
        }
    }
}

#[test]
fn perf_shows_the_fields() {
    let _module = Module::load();
    Program::new("perf").words("record -q -e nltest:* -o /tmp/perf.data").words(PINGS).run().success();
    tells_of_three_pings(&Program::new("perf").words("script -i /tmp/perf.data").run().success().stdout);
}

/// Not by `trace-cmd record`: it stops its recorders, a process for each processor, when the command ends,
/// and does not wait for them before it starts the command. With one as short as this they recorded nothing
/// in one of 60 runs on 6.1.
#[test]
fn trace_cmd_shows_the_fields() {
    let _module = Module::load();
    let set = |file: &str, value: &str| fs::write(format!("/sys/kernel/tracing/{file}"), value).expect(file);
    set("trace", "");
    set("events/nltest/enable", "1");
    Program::new("nltest").words("ping -q -i 0 -c 3").run().success();
    set("events/nltest/enable", "0");
    Program::new("trace-cmd").words("extract -o /tmp/trace.dat").run().success();
    tells_of_three_pings(&Program::new("trace-cmd").words("report -i /tmp/trace.dat").run().success().stdout);
}

#[test]
fn bpftrace_knows_the_fields_by_name() {
    let module = Module::load();
    let script = r#"
        tracepoint:nltest:nltest_receive_entry {
            @start[tid] = nsecs;
            printf("entry %u %u %u %u %u\n", args.portid == pid, args.seq, args.type, args.flags, args.len);
        }
        tracepoint:nltest:nltest_receive_exit {
            $plausible = args.latency_ns > 0 && args.latency_ns < 1000000000;
            printf("exit %u %u %u %d %d\n", args.seq, args.len, args.messages, args.ret, $plausible);
        }"#;
    let output = Program::new("bpftrace").words("-q -e").word(script).word("-c").word(PINGS).run().success();
    for seq in 1..=3 {
        for line in [format!("entry 1 {seq} 16 1 76"), format!("exit {seq} 76 1 0 1")] {
            assert_eq!(
                output.stdout.lines().filter(|shown| **shown == line).count(),
                1,
                "{line}: {output:?}"
            );
        }
    }
    drop(module);
}

/// Debian's headers of 6.1 have nothing to make BTF from, those of later kernels do.
#[test]
fn the_module_has_btf_where_its_build_has() {
    let _module = Module::load();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("procfs is mounted");
    let exists = fs::exists("/sys/kernel/btf/nltest").expect("sysfs is mounted");
    assert_eq!(exists, !release.starts_with("6.1."), "{release}");
}
