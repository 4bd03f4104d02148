use super::*;

/// A block of a type.
fn block(block_type: u32, body: &[u8]) -> Vec<u8> {
    let len = (12 + body.len()) as u32;
    [&block_type.to_ne_bytes()[..], &len.to_ne_bytes(), body, &len.to_ne_bytes()].concat()
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let mut option = [code.to_ne_bytes(), (value.len() as u16).to_ne_bytes()].concat();
    option.extend(value);
    option.resize(option.len().next_multiple_of(4), 0);
    option
}

fn section(comment: &str) -> Vec<u8> {
    let mut body = 0x1a2b_3c4d_u32.to_ne_bytes().to_vec();
    body.extend([1, 0, 0, 0]);
    body.extend([0xff; 8]);
    body.extend(option(1, comment.as_bytes()));
    let interface = [u32::from(253u16), 0].map(u32::to_ne_bytes).concat();
    [block(0x0a0d_0d0a, &body), block(1, &interface)].concat()
}

fn packet(interface: u32, data: &[u8], comments: &[&str]) -> Vec<u8> {
    let len = data.len() as u32;
    let mut body = [interface, 0, 0, len, len].map(u32::to_ne_bytes).concat();
    body.extend(data);
    body.resize(body.len().next_multiple_of(4), 0);
    comments.iter().for_each(|comment| body.extend(option(1, comment.as_bytes())));
    block(6, &body)
}

const START: &str = "nltrace: start schema=1 monotonic_ns=5 realtime_ns=7 queued";

fn read(file: &[u8]) -> (Vec<String>, Result<Counts, String>) {
    let mut recording = Recording::new(file, Vec::new());
    let mut items = Vec::new();
    let mut each = |item: Item<'_>| items.push(format!("{item:?}"));
    let result = loop {
        match recording.next(&mut each) {
            Ok(true) => {}
            Ok(false) => break Ok(*recording.counts()),
            Err(error) => break Err(error.to_string()),
        }
    };
    recording.finish(&mut each);
    (items, result)
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let error = |file: &[u8]| read(file).1.unwrap_err();
    assert!(error(b"a file of something else").starts_with("is no pcapng file"));
    let section = section(START);
    let at = section.len();
    let with = |bytes: &[u8]| [&section, bytes].concat();
    let short = block(6, &[0; 8]);
    assert_eq!(error(&with(&short)), format!("the block at byte {at} is too short for what is in it"));
    let none = packet(1, &[0; 16], &[]);
    assert_eq!(
        error(&with(&none)),
        format!("the block at byte {at} is of an interface that was not described")
    );
    let mut other_end = block(7, b"");
    other_end[8] = 16;
    assert_eq!(error(&with(&other_end)), format!("the block at byte {at} does not end where it says"));
    let large = [7u32, 1 << 30].map(u32::to_ne_bytes).concat();
    assert!(error(&with(&large)).contains("says that it is 1073741824 bytes long"));
    let bad = packet(0, &[0; 32], &["nltrace: read n=0 ts_ns=x"]);
    assert_eq!(
        error(&with(&bad)),
        format!("a comment of the block at byte {at} is wrong: ts_ns has a value that it cannot have")
    );
    let unnumbered = packet(0, &[0; 32], &["nltrace: read ts_ns=1"]);
    assert_eq!(
        error(&with(&unnumbered)),
        format!("a comment of the block at byte {at} is wrong: n is missing")
    );
    let mut swapped = section.clone();
    swapped[8..12].reverse();
    assert!(error(&swapped).contains("the other byte order"));
}

#[test]
fn a_file_ends_with_its_last_whole_block() {
    let time = packet(0, &[0; 32], &["nltrace: time n=0 ts_ns=9"]);
    let whole = [section(START), time.clone()].concat();
    let (items, counts) = read(&[&whole[..], &time[..20]].concat());
    assert_eq!(items, ["Time(9)"]);
    assert_eq!(counts.unwrap().cut, Some(whole.len() as u64));
    assert_eq!(read(&whole).1, Ok(Counts::default()));
    assert_eq!(read(b"").1, Ok(Counts::default()));
}

#[test]
fn what_is_not_known_is_skipped() {
    let file = [
        section(START),
        block(0x8000_0001, b"late"),
        packet(0, &[0; 32], &["someone's", "nltrace: later n=0 a=1", "nltrace: time n=1 ts_ns=2"]),
        packet(0, &[0; 5], &["nltrace: time n=2 ts_ns=3"]),
    ];
    let (items, counts) = read(&file.concat());
    assert_eq!(items.len(), 2, "{items:?}");
    assert!(items[0].starts_with("Line(") && items[1] == "Time(2)", "{items:?}");
    assert_eq!(counts, Ok(Counts::default()));
}

/// A dump's part without a message stands at any packet, and has a family of its own.
#[test]
fn a_call_at_a_packet_of_another_family_is_of_its_own() {
    let of = |family: u8| [&[0; 15][..], &[family], &[0; 16]].concat();
    let call = "ts_ns=1 latency_ns=1 pid=1 comm=\"a\" netns=1 portid=1";
    let request = format!("nltrace: request n=0 datagram=0 {call}");
    let part = |n: u8, family: u8| format!("nltrace: part n={n} datagram={n} family={family} {call}");
    let wanted = |families: &[u8]| {
        let file = [section(START), packet(0, &of(16), &[&request, &part(1, 0), &part(2, 16)])].concat();
        let families = families.iter().copied().map(Family::from_number).collect();
        let mut recording = Recording::new(&file[..], families);
        let mut found = Vec::new();
        let mut each = |item: Item<'_>| {
            if let Item::Event(super::super::Event::Call(call)) = item {
                found.push(call.place.datagram);
            }
        };
        while recording.next(&mut each).unwrap() {}
        recording.finish(&mut each);
        (found, recording.counts().filtered)
    };
    assert_eq!(wanted(&[0]), (vec![1], 2));
    assert_eq!(wanted(&[16]), (vec![0, 2], 1));
    assert_eq!(wanted(&[0, 16]), (vec![0, 1, 2], 0));
    assert_eq!(wanted(&[9]), (vec![], 3));
}

#[test]
fn what_is_of_another_recording_is_refused() {
    let other = "nltrace: start schema=1 monotonic_ns=6 realtime_ns=7";
    let time = |n: u64| packet(0, &[0; 32], &[&format!("nltrace: time n={n} ts_ns={n}")]);
    let same = [section(START), time(1), section(START), time(0)].concat();
    assert_eq!(read(&same).0, ["Time(0)", "Time(1)"]);
    let two = [section(START), time(1), section(other), time(0)].concat();
    let (items, result) = read(&two);
    assert_eq!(items, ["Time(1)"]);
    assert!(result.unwrap_err().starts_with("is of another recording than what was read before"));
    let plain = [section("nothing"), time(0)].concat();
    for further in [&plain[..], &section("nothing"), &section(other)] {
        let file = [section(START), time(1)].concat();
        let mut recording = Recording::new(&file[..], Vec::new());
        while recording.next(&mut |_| {}).unwrap() {}
        recording.go_on(further);
        assert!(recording.next(&mut |_| {}).is_err());
    }
}
