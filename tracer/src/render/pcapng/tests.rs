mod names;
mod outside;

use super::*;
use crate::{
    model::{
        Call, Copies, Delivery, Place, Queued, Read, SendFailed, Stage, Thread, Within,
        drops::tests::acks,
        exchange::{
            Exchanges, Keep, Line, Watching,
            tests::{Ask, GETLINK, NEWLINK, REQUEST, Timeline, error, held, message, text, thread, wait},
        },
    },
    source::{
        recording::{Item, Learned, Recording, notation::NotSent},
        tests::call,
    },
};

const REALTIME_NS: u64 = 1_790_000_000_000_000_000;

/// A control group and a namespace that have names.
struct Named;

impl Surroundings for Named {
    fn cgroup(&mut self, number: u64) -> Option<&str> {
        (number == 4711).then_some("/system.slice/frr.service")
    }

    fn netns(&self, _inode: u32) -> Option<&str> {
        Some("blue")
    }
}

/// A capture that is shown and recorded at once.
struct Capture {
    recorder: Recorder,
    model: Exchanges,
    lines: Vec<Line>,
    file: Vec<u8>,
    calls: u64,
}

fn model() -> Exchanges {
    Exchanges::new(Keep { answers: true, deliveries: true }, Watching::default())
}

impl Capture {
    fn new() -> Self {
        let start = Start {
            schema: 1,
            recording: Some(5),
            file: 1,
            kernel: Some(b"7.3.4".to_vec()),
            hostname: Some(b"a\"\n".to_vec()),
            monotonic_ns: 500,
            realtime_ns: REALTIME_NS,
            ..Start::default()
        };
        let interface = Interface { netns: 1, index: 2, name: "eth0".to_owned() };
        let mut recorder = Recorder::new(start, vec![message(16, 0, 1, &[1, 2, 0, 0])], vec![interface]);
        let mut file = Vec::new();
        recorder.begin(&mut file, 1);
        Self { recorder, model: model(), lines: Vec::new(), file, calls: 0 }
    }

    fn event(&mut self, event: Event<'_>) {
        self.recorder.event(&event, &mut Named);
        let Self { recorder, model, lines, .. } = self;
        model.take(&event, &mut |line| {
            if let Line::Exchange(exchange) = &line {
                recorder.exchange(exchange);
            }
            lines.push(line);
        });
    }

    /// The receive call and the request's, as they come.
    fn returns(&mut self, request: &Call<'_>) {
        let place = Place { datagram: request.place.datagram - 1, ..request.place };
        let within = Some(Within { ts_ns: request.ts_ns, in_hand: Some(0) });
        let ts_ns = request.ts_ns + 1;
        let receive =
            Call { stage: Stage::Receive, ts_ns, latency_ns: 9, ret: None, within, place, ..*request };
        self.event(Event::Call(&receive));
        self.event(Event::Call(request));
    }

    fn tick(&mut self, now_ns: u64) {
        let Self { recorder, model, lines, file, calls } = self;
        recorder.tick(now_ns);
        model.tick(now_ns, &mut |line| lines.push(line));
        recorder.release(|block, of_it| {
            file.extend_from_slice(block);
            *calls += of_it;
        });
    }

    fn finish(mut self) -> (Vec<u8>, Vec<Line>) {
        let Self { recorder, model, lines, file, .. } = &mut self;
        model.finish(&mut |line| {
            if let Line::Exchange(exchange) = &line {
                recorder.exchange(exchange);
            }
            lines.push(line);
        });
        recorder.finish(&Report::default(), &mut Named, |block, _| file.extend_from_slice(block));
        (self.file, self.lines)
    }
}

/// A request of a thread, with all that is known of one.
fn request<'d>(ts_ns: u64, datagram: &'d [u8]) -> Call<'d> {
    let who = thread(21, b"as\"k\x1ber");
    Call {
        ts_ns,
        latency_ns: 500,
        pid: who.pid,
        tid: who.tid,
        comm: who.comm,
        family: Family::ROUTE,
        socket_inode: Some(700),
        socket_options: Some(0),
        from_user: Some(true),
        context: Some(crate::model::drops::Context::Process),
        cgroup: Some(4711),
        uid: Some(0),
        ..call(datagram)
    }
}

fn reply<'d>(request: &Call<'_>, ts_ns: u64, datagram: &'d [u8], skb: u64) -> Call<'d> {
    let Call { tid, pid, comm, .. } = *request;
    let ask = Ask { netns: request.netns, ..Ask::new(tid, request.ts_ns) };
    let reply = Timeline::reply(ask, Some(0), ts_ns, datagram);
    Call { tid, pid, comm, queued: Some(Queued { skb, ns: ts_ns + 1 }), from_user: Some(false), ..reply }
}

fn read(ts_ns: u64, skb: u64) -> Read {
    let reader: Thread = thread(22, b"asker");
    Read { ts_ns, socket_inode: Some(700), skb, reader }
}

/// Two requests, one of which waits for a lock and is refused; a notification; drops and losses.
pub(crate) fn recorded() -> (Vec<u8>, Vec<Line>) {
    let mut capture = Capture::new();
    let get = message(GETLINK, REQUEST, 7, &[0; 16]);
    let first = request(1_000, &get);
    let link = message(NEWLINK, 0, 7, &[0; 15]);
    capture.event(Event::Call(&reply(&first, 1_200, &link, 0xffff_8881_0000_00a0)));
    capture.returns(&first);
    capture.event(Event::Read(&read(5_000, 0xffff_8881_0000_00a0)));

    let second = request(10_000, &get);
    let ask = Ask::new(21, 10_000);
    let owner = thread(31, b"owner");
    let within = Within { ts_ns: 10_000, in_hand: Some(0) };
    capture.event(Event::Held(&held(10_100, owner)));
    capture.event(Event::Wait(&wait(ask, 0, (10_050, 10_200), Some(owner))));
    capture.event(Event::Text(&text(21, 10_250, within, b"no \"such\" device")));
    let reason = crate::model::Reason {
        tid: 21,
        ts_ns: 10_260,
        within,
        error: -19,
        bad_attr: None,
        missing: None,
        policy: None,
        text: Some(crate::model::Sentence::new(b"no \"such\" device")),
    };
    capture.event(Event::Reason(&reason));
    capture.event(Event::Call(&reply(&second, 10_300, &error(7, -19), 0xffff_8881_0000_00b0)));
    let delivery = Delivery {
        socket_inode: Some(8),
        owner: None,
        portid: 9,
        netns: 1,
        nsid: None,
        queued: true,
        copy: Some(Queued { skb: 0xffff_8881_0000_00c0, ns: 10_320 }),
    };
    let each = Some(std::slice::from_ref(&delivery));
    let copies = Some(Copies { queued: Some(1), dropped: Some(0), each });
    let broadcast = Call {
        stage: Stage::Broadcast,
        ts_ns: 10_310,
        group: Some(1),
        copies,
        portid: 0,
        ..reply(&second, 10_310, &link, 1)
    };
    capture.event(Event::Call(&Call { queued: None, to_asker: false, ..broadcast }));
    capture.returns(&second);
    capture.recorder.lost(&LostEvents { count: 3, from_ns: 1, to_ns: 20_000 });
    capture.recorder.dropped(&acks(), &mut Named);
    capture.tick(20_000_000);
    assert_eq!(capture.calls, 0, "they are held");
    capture.tick(200_000_000);
    assert_eq!(capture.calls, 5 + 2);
    capture.event(Event::Read(&read(200_000_010, 0xffff_8881_0000_00b0)));
    capture.event(Event::Read(&read(200_000_020, 0xffff_8881_0000_00c0)));
    // Nobody reads the answer of the third.
    let third = request(300_000_000, &get);
    capture.event(Event::Call(&reply(&third, 300_000_100, &link, 0xd0)));
    capture.event(Event::Call(&Call { place: Place { of: None, ..third.place }, ..third }));
    capture.finish()
}

fn learned_of(learned: &Learned<'_>) -> String {
    match learned {
        Learned::Cgroup(id, path) => format!("{id} {path}"),
        Learned::Netns(inode, name) => format!("{inode} {name}"),
        Learned::Interface(Interface { netns, index, name }, 0) => format!("{netns} {index} {name}"),
        Learned::Family(bytes) => format!("family of {} bytes", bytes.len()),
        other => format!("{other:?}"),
    }
}

/// Many results come at once, for requests whose packets were written long ago.
#[test]
fn results_without_a_packet_make_small_packets() {
    let mut capture = Capture::new();
    let get = message(GETLINK, REQUEST, 7, &[0; 16]);
    capture.returns(&request(1_000, &get));
    let (_, lines) = capture.finish();
    let Line::Exchange(exchange) = &lines[0] else { panic!("{lines:?}") };
    let mut capture = Capture::new();
    for _ in 0..10_000 {
        capture.recorder.exchange(exchange);
    }
    assert!(capture.recorder.bytes() > 1 << 20);
    let mut largest = 0;
    capture.recorder.finish(&Report::default(), &mut Named, |block, _| largest = largest.max(block.len()));
    assert!(largest < 1 << 16, "{largest}");
}

/// What becomes of a request may depend on how much time passed behind the last fact.
#[test]
fn the_time_that_passed_at_the_end_is_recorded() {
    let mut capture = Capture::new();
    capture.event(Event::Read(&read(5_000, 1)));
    capture.tick(7_000_000_000);
    let (file, _) = capture.finish();
    let mut recording = Recording::new(&file[..], Vec::new());
    let mut times = Vec::new();
    let mut each = |item: Item<'_>| {
        if let Item::Time(now_ns) = item {
            times.push(now_ns);
        }
    };
    while recording.next(&mut each).unwrap() {}
    recording.finish(&mut each);
    assert_eq!(times, [7_000_000_000]);
}

/// What is named before a message has its name, in each file.
const NAMES: [&str; 4] =
    ["family of 20 bytes", "1 2 eth0", "4711 /system.slice/frr.service", "4026531840 blue"];

/// All that a recording has, in order.
fn replayed(file: &[u8]) -> (Vec<Line>, Vec<String>) {
    let mut model = model();
    let (mut lines, mut others, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let mut recording = Recording::new(file, Vec::new());
    let mut each = |item: Item<'_>| match item {
        Item::Event(event) => model.take(&event, &mut |line| lines.push(line)),
        Item::Time(now_ns) => model.tick(now_ns, &mut |line| lines.push(line)),
        Item::Lost(lost) => others.push(format!("{lost:?}")),
        Item::Line(_, line) => others.push(String::from_utf8_lossy(line).into_owned()),
        Item::Learned(learned) => names.push(learned_of(learned)),
    };
    while recording.next(&mut each).unwrap() {}
    recording.finish(&mut each);
    assert_eq!(recording.counts().cut, None);
    assert_eq!(names[..4], NAMES);
    assert_eq!(names[4..], ["1 blue", "4026532100 blue"], "of a listener, of a drop");
    model.finish(&mut |line| lines.push(line));
    (lines, others)
}

#[test]
fn what_is_replayed_is_what_was_live() {
    let (file, live) = recorded();
    let (lines, others) = replayed(&file);
    assert_eq!(lines, live);
    assert!(others.iter().any(|other| other.contains("count: 3")), "{others:?}");
    assert!(others.iter().any(|other| other.starts_with("nltrace: drop n=")), "{others:?}");
    assert!(others.iter().any(|other| other.starts_with("nltrace: end duration_ns=0")), "{others:?}");
}

#[test]
fn a_file_that_is_cut_is_read_to_its_last_whole_block() {
    let (file, _) = recorded();
    let mut whole = 0;
    for len in 0..file.len() {
        let mut recording = Recording::new(&file[..len], Vec::new());
        let mut events = 0;
        let mut each = |item: Item<'_>| events += usize::from(matches!(item, Item::Event(_)));
        while recording.next(&mut each).unwrap() {}
        recording.finish(&mut each);
        whole = whole.max(events);
        assert!(events >= whole, "{len}: {events}");
    }
    assert_eq!(whole, 16);
}

/// What is not wanted is left out with what belongs to it.
#[test]
fn families_are_left_out_as_the_kernels_programs_do() {
    let (file, _) = recorded();
    let mut recording = Recording::new(&file[..], vec![Family::GENERIC]);
    let mut events = Vec::new();
    let mut each = |item: Item<'_>| {
        if let Item::Event(event) = item {
            events.push(format!("{event:?}"));
        }
    };
    while recording.next(&mut each).unwrap() {}
    recording.finish(&mut each);
    assert!(events.iter().all(|event| event.starts_with("Read") || event.starts_with("Held")), "{events:?}");
    let counts = recording.counts();
    assert_eq!((counts.messages, counts.filtered), (9, 9));
    assert_eq!(counts.filtered_calls.iter().sum::<u64>(), 7 + 2, "receive functions' calls as well");
}

/// Whatever is in a file, reading it ends without a panic.
#[test]
fn a_recording_can_be_any_bytes() {
    let (file, _) = recorded();
    let mut seed = 1u64;
    for _ in 0..2_000 {
        let mut bad = file.clone();
        for _ in 0..3 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (seed >> 33) as usize % bad.len();
            bad[at] = if seed & 1 == 0 { (seed >> 8) as u8 } else { bad[at].wrapping_add(1) };
        }
        let mut recording = Recording::new(&bad[..], Vec::new());
        let mut each = |_: Item<'_>| {};
        while recording.next(&mut each).is_ok_and(|more| more) {}
        recording.finish(&mut each);
    }
}
