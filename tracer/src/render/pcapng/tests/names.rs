//! Names of what messages come from, in each file.

use super::*;

#[test]
fn each_file_has_the_names_that_are_known_when_it_begins() {
    let mut capture = Capture::new();
    let get = message(GETLINK, REQUEST, 7, &[0; 16]);
    capture.event(Event::Call(&request(1_000, &get)));
    capture.file.clear();
    capture.recorder.begin(&mut capture.file, 2);
    let mut recording = Recording::new(&capture.file[..], Vec::new());
    let mut names = Vec::new();
    let mut each = |item: Item<'_>| {
        if let Item::Learned(learned) = item {
            names.push(learned_of(learned));
        }
    };
    while recording.next(&mut each).unwrap() {}
    assert_eq!(names, NAMES);
}

/// A file that is read alone has what was said of interfaces and families in files before it.
#[test]
fn each_file_has_what_the_kernel_said_of_interfaces_and_families() {
    let mut capture = Capture::new();
    let name = |text: &[u8]| [&[8u8, 0, 3, 0][..], text].concat();
    let link = |index: u8, text: &[u8]| {
        message(
            NEWLINK,
            0,
            0,
            &[&[0, 0, 0, 0, index, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &name(text)].concat(),
        )
    };
    let call = |family, ts_ns| Call { stage: Stage::Broadcast, family, netns: 1, ..request(ts_ns, b"") };
    let said = link(2, b"wan\0");
    capture.event(Event::Call(&Call { captured: &said, ..call(Family::ROUTE, 900) }));
    let family = |command: u8, id: u8| message(16, 0, 0, &[command, 2, 0, 0, 6, 0, 1, 0, id, 0, 0, 0]);
    for said in [family(1, 40), family(1, 41), family(1, 40), family(2, 41)] {
        capture.event(Event::Call(&Call { captured: &said, ..call(Family::GENERIC, 950) }));
    }
    capture.recorder.lost(&LostEvents { count: 1, from_ns: 960, to_ns: 970 });
    let interface = |index, name: &str| Interface { netns: 1, index, name: name.to_owned() };
    capture.recorder.interfaces(980, &[interface(2, "wan"), interface(3, "lan")]);
    capture.recorder.interfaces(990, &[interface(3, "lan")]);
    let learned = |file: &[u8]| {
        let mut recording = Recording::new(file, vec![Family::AUDIT]);
        let mut names = Vec::new();
        let mut each = |item: Item<'_>| {
            if let Item::Learned(learned) = item {
                names.push(format!("{learned:?}"));
            }
        };
        while recording.next(&mut each).unwrap() {}
        recording.finish(&mut each);
        names
    };
    let mut second = Vec::new();
    capture.recorder.begin(&mut second, 2);
    let names = learned(&second);
    assert_eq!(names.iter().filter(|name| name.starts_with("Family")).count(), 2, "{names:?}");
    let named = |name: &str| names.iter().any(|learned| learned.contains(name));
    assert!(named("\"lan\" }, 980") && !named("eth0") && !named("wan"), "{names:?}");
    let (first, _) = capture.finish();
    let names = learned(&first);
    assert!(names.iter().any(|learned| learned.starts_with("Links(1, 900")), "{names:?}");
    let named: Vec<_> = names.iter().filter(|learned| learned.contains("nterface")).collect();
    let said = |name: &str, ts_ns| format!("Interface(Interface {{ netns: 1, index: {name} }}, {ts_ns})");
    let gone = format!("Gone({}", said("2, name: \"wan\"", 990).trim_start_matches("Interface("));
    let expected =
        [said("2, name: \"eth0\"", 0), said("2, name: \"wan\"", 980), said("3, name: \"lan\"", 980), gone];
    assert_eq!(named, expected.iter().collect::<Vec<_>>());
}

/// What is named where no packet is that needs it: what was not sent, a dump's part without a message, a
/// receive function's call whose request does not come, who has a lock.
#[test]
fn names_are_there_for_everything_that_has_some() {
    let named = |take: &dyn Fn(&mut Recorder)| {
        let mut capture = Capture::new();
        capture.file.clear();
        take(&mut capture.recorder);
        let (file, _) = capture.finish();
        String::from_utf8_lossy(&file).matches("nltrace: netns inode=77 name=\"blue\"").count()
    };
    let get = message(GETLINK, REQUEST, 7, &[0; 16]);
    let call = Call { netns: 77, ..request(1_000, &get) };
    let take = |recorder: &mut Recorder, event: Event<'_>| recorder.event(&event, &mut Named);
    let part = Call { stage: Stage::Part, datagram_len: 0, len: 0, captured: b"", ..call };
    assert_eq!(named(&|recorder| take(recorder, Event::Call(&part))), 1);
    let receive = Call { stage: Stage::Receive, ..call };
    assert_eq!(named(&|recorder| take(recorder, Event::Call(&receive))), 1);
    let mut owner = thread(31, b"owner");
    owner.netns = Some(77);
    let wait = wait(Ask::new(21, 10_000), 0, (10_050, 10_200), Some(owner));
    assert_eq!(named(&|recorder| take(recorder, Event::Wait(&wait))), 1);
    assert_eq!(named(&|recorder| take(recorder, Event::Held(&held(10_100, owner)))), 1);
    let failed = SendFailed { netns: 77, ..NotSent::blank().0 };
    assert_eq!(named(&|recorder| take(recorder, Event::SendFailed(&failed))), 1);
}
