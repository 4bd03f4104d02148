//! Recordings: what is read of a file is what happened, to nltrace itself and to others.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use nltrace::{
    model::{
        Event, LostEvents, Report,
        drops::DropRow,
        exchange::{Exchanges, Keep, Line, Watching},
    },
    options::{CaptureOptions, FileLimits, Filter, RecordOptions},
    render::pcapng::Recorder,
    session::{Replay, Session, now_ns, realtime_at},
    sink::{Recording, Sink, WriteError, recording_output},
    source::{
        family_messages,
        recording::{
            Learned,
            notation::{SCHEMA, Start},
        },
    },
};
use rustix::process::Signal;
use serde_json::Value;

use crate::guest::{Json, Module, Program, all_conform, nltrace};

const SCHEMA_OF_TRACE: &str = include_str!("../../docs/schema/trace.json");

const DESCRIPTION: &str = include_str!("../../docs/recording.md");

/// Requests with answers, a dump, refusals, notifications, generic netlink, a batch.
const LOAD: &str = "ip link add d0 type dummy; ip link set d0 up; ip link; ip route add 10.9.0.0/16 dev d0; \
                    ip link add d0 type dummy; ip route; ip link del d0; nltest ping -c 20; nltest fail 16";

/// What is shown.
#[derive(Default)]
struct Shown {
    model: Option<Exchanges>,
    lines: Vec<Line>,
    drops: Vec<DropRow>,
    learned: usize,
    report: Option<Report>,
}

impl Shown {
    fn new() -> Self {
        let model = Exchanges::new(Keep { answers: true, deliveries: true }, Watching::default());
        Self { model: Some(model), ..Self::default() }
    }

    fn take(&mut self, take: impl FnOnce(&mut Exchanges, &mut dyn FnMut(Line))) {
        let Self { model, lines, .. } = self;
        take(model.as_mut().expect("there is a model"), &mut |line| lines.push(line));
    }
}

impl Sink for Shown {
    fn has_room(&self) -> bool {
        true
    }

    fn make_room(&mut self) -> Result<bool, WriteError> {
        Ok(true)
    }

    fn event(&mut self, event: &Event<'_>) {
        self.take(|model, each| model.take(event, each));
    }

    fn tick(&mut self, now_ns: u64) {
        self.take(|model, each| model.tick(now_ns, each));
    }

    fn dropped(&mut self, row: &DropRow) {
        self.drops.push(row.clone());
    }

    fn learn(&mut self, _: &Learned<'_>) {
        self.learned += 1;
    }

    fn report(&mut self, report: &Report) -> Result<(), WriteError> {
        self.take(Exchanges::finish);
        self.report = Some(report.clone());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        Ok(())
    }

    fn is_written(&self) -> bool {
        true
    }

    async fn progress(&mut self) -> Result<(), WriteError> {
        std::future::pending().await
    }

    async fn wait_written(&mut self, _: impl Future<Output = ()>) -> Result<(), WriteError> {
        Ok(())
    }
}

/// What is shown and recorded at once.
struct Both {
    shown: Shown,
    recording: Recording<()>,
}

impl Sink for Both {
    fn has_room(&self) -> bool {
        self.recording.has_room()
    }

    fn make_room(&mut self) -> Result<bool, WriteError> {
        self.recording.make_room()
    }

    fn event(&mut self, event: &Event<'_>) {
        self.shown.event(event);
        self.recording.event(event);
    }

    fn tick(&mut self, now_ns: u64) {
        self.shown.tick(now_ns);
        self.recording.tick(now_ns);
    }

    fn lost(&mut self, lost: &LostEvents) {
        self.recording.lost(lost);
    }

    fn dropped(&mut self, row: &DropRow) {
        self.shown.dropped(row);
        self.recording.dropped(row);
    }

    fn report(&mut self, report: &Report) -> Result<(), WriteError> {
        self.shown.report(report)?;
        self.recording.report(report)
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        self.recording.flush()
    }

    fn is_written(&self) -> bool {
        self.recording.is_written()
    }

    async fn progress(&mut self) -> Result<(), WriteError> {
        self.recording.progress().await
    }

    async fn wait_written(&mut self, interrupted: impl Future<Output = ()>) -> Result<(), WriteError> {
        self.recording.wait_written(interrupted).await
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().expect("a runtime").block_on(future)
}

/// The same facts make the same of the live capture and of its recording, to the last field.
#[test]
fn what_is_read_is_what_happened() {
    let _module = Module::load();
    let file = PathBuf::from("/tmp/both.pcapng");
    let command = ["sh", "-c", LOAD].map(Into::into).to_vec();
    let capture = CaptureOptions { command, ..CaptureOptions::default() };
    let limits = FileLimits::default();
    let options = RecordOptions {
        capture,
        output: file.clone(),
        limits,
        snaplen: 256,
        ring_bytes: 64 << 20,
        who: true,
    };
    let (shown, written, report) = run(async {
        let output = recording_output(&file, &limits).expect("a file");
        let mut session = Session::record(&options, Path::new("/")).expect("everything is attached");
        let monotonic_ns = now_ns();
        let start = Start {
            schema: SCHEMA,
            monotonic_ns,
            realtime_ns: realtime_at(monotonic_ns),
            queued: true,
            reads: true,
            waits: true,
            ..Start::default()
        };
        let recorder = Recorder::new(start, family_messages().expect("nlctrl"), Vec::new());
        let model = Exchanges::new(Keep::default(), Watching::default());
        let recording = Recording::new(recorder, model, (), output, limits);
        let mut both = Both { shown: Shown::new(), recording };
        // Some of the commands fail, the last too.
        session.run(&mut both).await.expect("it ends");
        (both.shown, both.recording.written(), session.report().clone())
    });
    assert_eq!(written.bytes, fs::metadata(&file).expect("a file").len());
    assert_eq!(Some(written.messages), report.messages.map(|messages| messages.shown));
    let (replayed, again) = run(async {
        let mut replay = Replay::open(&[file], &Filter::default(), true).expect("a recording");
        let mut shown = Shown::new();
        assert!(replay.run(&mut shown).await.expect("it ends").is_none());
        (shown, replay.report().clone())
    });
    assert!(shown.lines.len() > 50, "{}", shown.lines.len());
    for (live, read) in shown.lines.iter().zip(&replayed.lines) {
        assert_eq!(live, read);
    }
    assert_eq!(shown.lines.len(), replayed.lines.len());
    assert_eq!(shown.drops, replayed.drops);
    assert!(replayed.learned > 0, "families have names");
    assert_eq!((report.ledger, report.messages), (again.ledger, again.messages));
    assert_eq!((report.duration_ns, report.watched), (again.duration_ns, again.watched));
}

/// Records the load.
pub(crate) fn recorded(file: &str) {
    let record =
        nltrace(&format!("record -o {file} --ring-size 64M -- sh -c")).word(format!("{LOAD}; true")).run();
    assert!(record.status.success(), "{record:?}");
    assert!(record.stderr.contains(&format!(" bytes in {file}\n")), "{record:?}");
}

pub(crate) fn read(file: &str, options: &str) -> Vec<Value> {
    let lines =
        nltrace(&format!("trace --json -r {file} {options}")).by_nobody().run().success().json_lines();
    all_conform(&lines, SCHEMA_OF_TRACE);
    assert_eq!(lines.last().expect("a line").text("/event"), "summary");
    lines
}

pub(crate) fn of_event<'v>(lines: &'v [Value], event: &str) -> Vec<&'v Value> {
    lines.iter().filter(|line| line.text("/event") == event).collect()
}

#[test]
fn filters_that_were_not_set_live_are_set_on_a_file_without_privileges() {
    let _module = Module::load();
    let file = "/tmp/filters.pcapng";
    recorded(file);
    let all = read(file, "");
    let of_ip = read(file, "-c ip");
    let exchanges = of_event(&of_ip, "exchange");
    assert!(exchanges.len() > 5 && exchanges.iter().all(|line| line.text("/comm") == "ip"));
    let refused = read(file, "--errors -f route");
    let errors: BTreeSet<_> =
        of_event(&refused, "exchange").iter().map(|line| line.at("/errno").to_string()).collect();
    assert_eq!(errors, BTreeSet::from(["\"EEXIST\"".to_owned()]));
    let nltest = read(file, "-f nltest -t echo");
    assert_eq!(of_event(&nltest, "exchange").len(), 20);
    for lines in [&all, &of_ip, &nltest] {
        let messages = lines.last().expect("a summary").at("/messages");
        let [seen, shown, filtered, lost] =
            ["/seen", "/shown", "/filtered", "/lost"].map(|field| messages.number(field));
        assert_eq!(seen, shown + filtered + lost, "{messages}");
    }
    let exchanges = of_event(&all, "exchange");
    let families: BTreeSet<_> = exchanges.iter().map(|line| line.text("/family_name")).collect();
    assert!(families.contains("route") && families.contains("nltest"), "{families:?}");
    assert!(exchanges.len() > 30, "{}", exchanges.len());
}

#[test]
fn a_file_that_was_cut_is_read_to_its_last_whole_block() {
    let _module = Module::load();
    let file = "/tmp/cut.pcapng";
    recorded(file);
    let whole = of_event(&read(file, ""), "exchange").len();
    let len = fs::metadata(file).expect("a file").len();
    File::options().write(true).open(file).and_then(|file| file.set_len(len / 2 + 1)).expect("cut");
    let output = nltrace(&format!("trace --json -r {file}")).run();
    assert!(
        output.status.success() && output.stderr.contains("ends in the middle of the block"),
        "{output:?}"
    );
    let lines = output.json_lines();
    let (some, summary) = (of_event(&lines, "exchange").len(), lines.last().expect("a summary"));
    assert!(some > 0 && some < whole, "{some} of {whole}");
    assert!(summary.at("/accounting").is_null() && summary.at("/messages").is_null(), "{summary}");
}

/// What is in the file can be read, whenever nltrace is killed.
#[test]
fn a_recording_that_was_killed_is_readable() {
    let file = "/tmp/killed.pcapng";
    for milliseconds in [0, 40, 130, 300, 2_000] {
        let record = nltrace(&format!("record -o {file} --ring-size 64M")).start().listening();
        let mut load = Program::new("sh").words("-c").word("while :; do ip link; done").start();
        thread::sleep(Duration::from_millis(milliseconds));
        record.signal(Signal::KILL);
        assert!(!record.end().status.success());
        load.must_still_run();
        load.signal(Signal::KILL);
        load.end();
        if fs::metadata(file).expect("a file").len() != 0 {
            let lines = read(file, "");
            assert!(lines.last().expect("a summary").at("/accounting").is_null());
            let is_there = !of_event(&lines, "exchange").is_empty();
            assert!(is_there || milliseconds < 2_000, "after {milliseconds} ms");
        } else {
            assert!(milliseconds < 2_000, "nothing was written for {milliseconds} ms");
        }
    }
}

/// The description is enough to find the same.
#[test]
fn a_short_program_that_knows_the_description_only_finds_the_same_exchanges() {
    let _module = Module::load();
    let file = "/tmp/reader.pcapng";
    recorded(file);
    let (_, rest) = DESCRIPTION.split_once("```python\n").expect("a program");
    let (program, _) = rest.split_once("```").expect("its end");
    assert!(program.lines().count() < 60);
    fs::write("/tmp/reader.py", program).expect("a file");
    let found = Program::new("python3").words("/tmp/reader.py").word(file).run();
    let mut found: Vec<_> = found.success().stdout.lines().map(str::to_owned).collect();
    let lines = read(file, "");
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut expected: Vec<_> = of_event(&lines, "exchange")
        .iter()
        .map(|line| {
            let fields = ["/id", "/pid", "/comm", "/type", "/outcome", "/error"];
            fields.map(|field| plain(line.at(field)).replace("null", "None")).join(" ")
        })
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}
