use super::*;
use crate::{
    model::{Report, end::EndOfRecording, end::refiltered},
    render::{Buffer, pcapng::tests::recorded},
    sink::Renderer as _,
    source::recording::{Item, Recording, RecordingError, notation::Line},
};

/// Facts of kinds that the recording does not have otherwise, each at a packet of its own.
const MORE: [&str; 20] = [
    "asker n=200 tid=21 ts_ns=2000000 thread=process exe=\"/a\" parent_pid=1 parent_comm=\"b\"",
    "wait n=201 tid=21 within_ns=2000000 in_hand=0 begin_ns=2000001 end_ns=2000009 lock=00000000000000ab",
    "wait n=202 tid=21 within_ns=2000000 in_hand=0 begin_ns=2000011 end_ns=2000019 lock=00000000000000ab \
     owner_pid=5 owner_comm=\"o\" owner_netns=6 name=\"rtnl_mutex\"",
    "held n=203 ts_ns=2000012 lock=00000000000000ab pid=7 comm=\"h\" netns=8",
    "receive n=204 ts_ns=2000001 latency_ns=5 pid=21 comm=\"a\" netns=1 portid=5 datagram=40 \
     within_ns=2000000 family=0",
    "request n=205 ts_ns=2000000 latency_ns=5000000 pid=21 comm=\"a\" netns=1 portid=5 socket=9 ret=32 \
     datagram=41 from=user context=process",
    "part n=206 ts_ns=3000001 latency_ns=9 pid=21 comm=\"a\" netns=1 portid=5 socket=9 datagram=42 of=2 \
     within_ns=3000000 in_hand=0 to_asker buffer=00000000000000cd queued_ns=3000002 dump_seq=7 \
     dump_type=18",
    "request n=207 ts_ns=3000000 latency_ns=90 pid=21 comm=\"a\" netns=1 portid=5 socket=9 datagram=43",
    "part n=208 ts_ns=3000101 latency_ns=9 pid=21 comm=\"a\" netns=1 portid=5 socket=9 datagram=44 \
     buffer=00000000000000ce queued_ns=3000102 dump_seq=7 dump_type=18",
    "read n=209 ts_ns=3000200 socket=9 buffer=00000000000000cd pid=21 comm=\"a\"",
    "close n=210 ts_ns=3000300 socket=9 was_dumping unread=3 pid=21 comm=\"a\"",
    "not_sent n=211 ts_ns=4000000 latency_ns=3 cpu=1 pid=21 comm=\"a\" uid=0 netns=1 portid=5 error=-90",
    "fork n=212 ts_ns=4000001 pid=22 followed",
    "broadcast n=213 ts_ns=4000002 latency_ns=3 pid=21 comm=\"a\" netns=1 portid=0 datagram=45 group=1 \
     listeners=1 dropped=2",
    "drop n=214 cause=overrun count=7 bytes=70 first_ts_ns=1 last_ts_ns=2 rcvbuf=5 rmem=6 reader_buf=7",
    "drop n=215 cause=overrun count=7 last_ts_ns=2",
    "lost n=216 count=5 from_ns=6 to_ns=7",
    "end duration_ns=5",
    "messages seen=9 shown=5 filtered=3 lost=1 unseen_datagrams=1 unseen_bytes=2",
    "hook name=unicast hits=9 recorded=5 filtered=2 unmatched=1 no_room=1",
];

/// Numbers at the end of what a type can hold.
const EXTREMES: [&str; 12] = [
    "0",
    "1",
    "-1",
    "254",
    "65535",
    "2147483647",
    "-2147483648",
    "4294967294",
    "4294967295",
    "9223372036854775807",
    "18446744073709551614",
    "18446744073709551615",
];

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_ne_bytes(*bytes[at..].first_chunk().unwrap()) as usize
}

fn comment(text: &str) -> Vec<u8> {
    let mut option = [1u16, text.len() as u16].map(u16::to_ne_bytes).concat();
    option.extend(text.as_bytes());
    option.resize(option.len().next_multiple_of(4), 0);
    option
}

fn block(number: u32, body: &[u8]) -> Vec<u8> {
    let len = (12 + body.len() as u32).to_ne_bytes();
    [&number.to_ne_bytes()[..], &len, body, &len].concat()
}

/// A line, some of whose numbers are others.
fn extreme(line: &str, random: &mut Random) -> String {
    let word = |word: &str| match word.split_once('=') {
        Some((key, value)) if value.bytes().all(|byte| byte.is_ascii_digit()) && random.below(8) == 0 => {
            format!("{key}={}", EXTREMES[random.below(EXTREMES.len())])
        }
        _ => word.to_owned(),
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A file, some of whose numbers are others.
fn extremes(file: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < file.len() {
        let (kind, len) = (u32_at(file, at), u32_at(file, at + 4));
        let body = &file[at + 8..at + len - 4];
        at += len;
        if kind != 6 {
            out.extend(block(kind as u32, body));
            continue;
        }
        let from = 20 + u32_at(body, 12).next_multiple_of(4);
        let mut changed = body[..from].to_vec();
        if random.below(8) == 0 {
            let len = [0, u32::MAX, u32::MAX - 2, 15][random.below(4)];
            changed[16..20].copy_from_slice(&len.to_ne_bytes());
        }
        let mut options = &body[from..];
        while let [a, b, c, d, rest @ ..] = options {
            let len = usize::from(u16::from_ne_bytes([*c, *d]));
            let value = &rest[..len];
            match u16::from_ne_bytes([*a, *b]) {
                1 => changed.extend(comment(&extreme(str::from_utf8(value).unwrap(), random))),
                _ => changed.extend(&options[..4 + len.next_multiple_of(4)]),
            }
            options = &rest[len.next_multiple_of(4)..];
        }
        out.extend(block(6, &changed));
    }
    out
}

/// Shows a file, whatever is wrong with lines of it.
fn show(file: &[u8], json: bool) -> String {
    let exchanges = ExchangeOptions { answers: true, who: true, tree: true, ..ExchangeOptions::default() };
    let options = &TraceOptions { deliveries: true, json, ..TraceOptions::default() };
    let mut recording = Recording::new(file, Vec::new());
    let start = start(&recording.begin().unwrap());
    let model = Exchanges::new(keep(options, &exchanges), Watching::default());
    let around = Around::recorded();
    let wanted = around.wanted(options, &exchanges).unwrap();
    let mut shown = Exchanging::new(options, &exchanges, &start, (model, wanted, around), Decoder::new(None));
    let mut out = Buffer::default();
    shown.heading(&mut out);
    let mut end = EndOfRecording::default();
    let mut each = |item: Item<'_>| match item {
        Item::Event(event) => _ = shown.event(&mut out, &event),
        Item::Time(now_ns) => _ = shown.tick(&mut out, now_ns),
        Item::Lost(lost) => _ = shown.lost(&mut out, lost),
        Item::Learned(learned) => shown.learn(learned),
        Item::Line(_, line) => {
            let mut line = Line::parse(line).unwrap();
            match line.kind() {
                b"drop" => line.fact().into_iter().for_each(|row| _ = shown.dropped(&mut out, &row)),
                _ => _ = end.take(&mut line),
            }
        }
    };
    while matches!(recording.next(&mut each), Ok(true) | Err(RecordingError::Fact { .. })) {}
    recording.finish(&mut each);
    shown.end(&mut out);
    let counts = recording.counts();
    let report = refiltered(end.report().unwrap_or_default(), &counts.filtered_calls, counts.filtered);
    let said = [Report::default(), report].map(|report| shown.report(&report));
    format!("{}{}", String::from_utf8_lossy(&out.rest(0)), said.concat())
}

/// Whatever numbers a file has, showing it ends without a panic.
#[test]
fn numbers_can_be_as_large_as_they_get() {
    let (mut file, _) = recorded();
    for line in MORE {
        let mut body = [0u32, 0, 0, 36, 36].map(u32::to_ne_bytes).concat();
        body.extend([0; 16]);
        // An NLMSG_DONE of an interrupted dump.
        body.extend([20u32, 0x0012_0003, 7, 5, 0].map(u32::to_ne_bytes).concat());
        body.extend(comment(&format!("nltrace: {line}")));
        file.extend(block(6, &body));
    }
    let whole = show(&file, true);
    for word in ["not_sent", "rtnl_mutex", "overrun", "\"lost\"", "\"dump_parts\":1", "\"seen\":9"] {
        assert!(whole.contains(word), "{word}: {whole}");
    }
    let mut random = Random(1);
    for _ in 0..40 {
        let bad = extremes(&file, &mut random);
        show(&bad, true);
        show(&bad, false);
    }
}
