//! Who asks: on which processor, with which executable, as whose child; and following the processes that one
//! makes.

use std::{fs, process};

use nltest::Request;
use serde_json::Value;

use crate::guest::{Child, Json, Module, Program, Raw, Running, conforms, nltest, nltrace, wait_for};

const SCHEMA: &str = include_str!("../../docs/schema/trace.json");

/// The lines of a capture that ends now.
fn lines(capture: Running) -> Vec<Value> {
    let lines = capture.interrupt().success().json_lines();
    lines.iter().for_each(|line| conforms(line, SCHEMA));
    lines
}

/// The exchanges among them with a type.
fn exchanges<'l>(lines: &'l [Value], type_name: &str) -> Vec<&'l Value> {
    let is_meant = |line: &&Value| *line.at("/event") == "exchange" && *line.at("/type_name") == type_name;
    lines.iter().filter(is_meant).collect()
}

/// Lets this thread run on one processor alone.
fn stay_on(cpu: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    rustix::thread::sched_setaffinity(None, &set).expect("the processor is there");
}

/// Sends an echo from a process on each processor. Returns who was where.
fn on_each_processor(raw: &Raw) -> Vec<(u32, u64)> {
    let processors = std::thread::available_parallelism().expect("they are counted").get();
    let on = |cpu: usize| {
        let mut child = Child::start(c"on-one", |told| {
            stay_on(cpu);
            raw.request(&Request::Echo(b"cpu"), 1);
            told.say(1);
            told.wait();
        });
        assert_eq!(child.said(), 1);
        let pid = child.pid;
        child.end();
        raw.echo(1);
        (pid, cpu as u64)
    };
    (0..processors).map(on).collect()
}

#[test]
fn each_exchange_and_each_call_has_its_processor() {
    let _module = Module::load();
    let raw = Raw::open();
    for options in ["", "--calls"] {
        let capture = nltrace(&format!("trace --json -f nltest {options}")).start().listening();
        let expected = on_each_processor(&raw);
        let output = capture.interrupt().success().json_lines();
        let of = |pid: u32| -> Vec<u64> {
            let own = output.iter().filter(|line| line.get("pid").is_some_and(|other| *other == pid));
            own.map(|line| line.number("/cpu")).collect()
        };
        for (pid, cpu) in expected {
            let (all, calls) = (of(pid), if options.is_empty() { 1 } else { 3 });
            assert_eq!(all, vec![cpu; calls], "{options}: {output:?}");
        }
    }
}

#[test]
fn a_process_that_is_gone_at_once_has_its_executable_and_its_parent() {
    let _module = Module::load();
    // On a mount of its own, so that the path goes across one.
    let folder = "/tmp/exchange-who";
    let _ = Program::new("umount").word(folder).run();
    fs::create_dir_all(folder).expect("a folder");
    Program::new("mount").words(&format!("-t tmpfs tmpfs {folder}")).run().success();
    let nltest = Program::new("sh").words("-c").word("command -v nltest").run().success().stdout;
    let copy = format!("{folder}/a-copy");
    fs::copy(nltest.trim(), &copy).expect("there is room");
    let capture = nltrace("trace --json --who -f nltest").start().listening();
    let said = format!("{folder}/said");
    let script = format!("echo $$ > {said}; {copy} ping -q -i 0 -c 1; true");
    Program::new("sh").word("-c").word(script).run().success();
    let lines = lines(capture);
    let parent: u64 = fs::read_to_string(&said).expect("it was said").trim().parse().expect("a number");
    let echoes = exchanges(&lines, "ECHO");
    let [echo] = echoes[..] else { panic!("one was expected: {lines:?}") };
    assert_eq!((echo.text("/exe"), echo.text("/thread")), (copy.as_str(), "process"));
    assert_eq!((echo.number("/parent/pid"), echo.text("/parent/comm")), (parent, "sh"));
    Program::new("umount").word(folder).run().success();

    let capture = nltrace("trace --json -f nltest").start().listening();
    crate::guest::nltest("ping -q -i 0 -c 1").run().success();
    let lines = self::lines(capture);
    let echo = exchanges(&lines, "ECHO")[0];
    assert!(["/exe", "/parent", "/thread"].iter().all(|field| echo.at(field).is_null()), "{echo}");
}

#[test]
fn text_says_whose_child_asks_and_what_it_executes() {
    let _module = Module::load();
    let command = "nltrace trace --who -f nltest -- sh -c 'nltest ping -q -i 0 -c 1; true'";
    let text = Program::new("sh").word("-c").word(command).run().success().stdout;
    assert!(text.lines().any(|line| line.contains("/nltest, child of sh[")), "{text}");
}

/// A shell that is told when to send three echoes, and four from a shell below it.
struct Family {
    shell: Running,
    go: String,
}

impl Family {
    fn waiting(name: &str) -> Self {
        let go = format!("/tmp/{name}-{}", process::id());
        let _ = fs::remove_file(&go);
        let script = format!(
            "while [ ! -e {go} ]; do sleep 0.02; done; nltest ping -q -i 0 -c 3; \
             sh -c 'nltest ping -q -i 0 -c 4; true'; true"
        );
        Self { shell: Program::new("sh").word("-c").word(script).start(), go }
    }

    fn pid(&self) -> u32 {
        self.shell.pid()
    }

    /// Lets it send, beside somebody else who sends more.
    fn send(self) {
        nltest("ping -q -i 0 -c 5").run().success();
        fs::write(&self.go, "").expect("there is room");
        self.shell.end().success();
        nltest("ping -q -i 0 -c 6").run().success();
        let _ = fs::remove_file(&self.go);
    }
}

#[test]
fn what_a_process_forks_is_followed_from_its_first_message_on() {
    let _module = Module::load();
    let family = Family::waiting("followed-exchanges");
    let options = format!("-f nltest --json -p {} --children", family.pid());
    let capture = nltrace(&format!("trace {options}")).start().listening();
    family.send();
    let lines = lines(capture);
    assert_eq!(exchanges(&lines, "ECHO").len(), 7, "{lines:?}");

    let family = Family::waiting("followed-calls");
    let options = format!("-f nltest --json -p {} --children", family.pid());
    let capture = nltrace(&format!("trace --calls -s request -t echo {options}")).start().listening();
    family.send();
    let lines = capture.interrupt().success().json_lines();
    assert_eq!(lines.iter().filter(|line| *line.at("/event") == "request").count(), 7, "{lines:?}");
}

#[test]
fn histograms_follow_too_and_without_the_option_nobody_is_followed() {
    let _module = Module::load();
    for (children, expected) in [("--children", 7), ("", 0)] {
        let family = Family::waiting("followed-histograms");
        let pid = family.pid();
        let stages = "request,receive,reply,answer";
        let hist =
            nltrace(&format!("hist -f nltest --json -s {stages} -p {pid} {children}")).start().listening();
        family.send();
        let hist = hist.interrupt().success().json();
        for stage in stages.split(',') {
            let rows = hist.list("/histograms").iter();
            let own = rows.filter(|row| *row.at("/stage") == stage && *row.at("/type_name") == "ECHO");
            assert_eq!(own.map(|row| row.number("/count")).sum::<u64>(), expected, "{stage}: {hist}");
        }
    }
}

#[test]
fn a_command_is_followed_with_what_it_starts() {
    let _module = Module::load();
    let [ready, go] = ["ready", "go"].map(|name| format!("/tmp/following-{name}-{}", process::id()));
    let script = format!(
        "touch {ready}; while [ ! -e {go} ]; do sleep 0.02; done; nltest ping -q -i 0 -c 3 > /dev/null"
    );
    let hist = nltrace("hist -f nltest --json -s request --children -- sh -c").word(script).start();
    wait_for("the command runs", || fs::exists(&ready).is_ok_and(|is_there| is_there).then_some(()));
    nltest("ping -q -i 0 -c 5").run().success();
    fs::write(&go, "").expect("there is room");
    let hist = hist.end().success().json();
    let rows = hist.list("/histograms").iter().filter(|row| *row.at("/type_name") == "ECHO");
    assert_eq!(rows.map(|row| row.number("/count")).sum::<u64>(), 3, "{hist}");
    for file in [ready, go] {
        fs::remove_file(file).expect("it was made");
    }
    nltrace("hist --children").run().exits(2).said("--pid PID, or -- COMMAND");
}
