//! Whatever the bytes are: no panic, bounded work, output that commands no terminal and is valid JSON.

use netlink_specs::Table;

use super::{
    coverage::{Described, decoder_for, described},
    real::real,
    *,
};

/// Changes bytes the same way each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.next(4) {
            let at = self.next(bytes.len());
            match self.next(6) {
                0 => bytes[at] = 0,
                1 => bytes[at] = 0xff,
                2 => bytes[at] ^= 1 << self.next(8),
                3 => bytes.truncate(at.max(1)),
                4 => {
                    let extra = bytes[..at.min(64)].to_vec();
                    bytes.extend(extra);
                }
                _ => bytes[at] = self.next(256) as u8,
            }
        }
    }
}

fn check(family: Family, bytes: &[u8], datagram_len: u32) {
    let mut decoder = Decoder::default();
    decoder.generic.insert(21, GenericFamily { name: "ethtool".to_owned(), ..GenericFamily::default() });
    check_with(&decoder, family, bytes, datagram_len);
}

fn check_with(decoder: &Decoder, family: Family, bytes: &[u8], datagram_len: u32) {
    let message = Message::parse(family, bytes, datagram_len);
    let tree = decoder.decode(family, &message, None, Tree::default());
    // Each node stands for a byte at least.
    assert!(
        tree.nodes().len() <= 8 * bytes.len() + 64,
        "{} nodes of {} bytes",
        tree.nodes().len(),
        bytes.len()
    );
    let nlmsg_type = message.header.map(|header| header.message_type.0);
    let [line, lines, json] = rendered(family, nlmsg_type, &tree);
    for text in [&line, &json] {
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    assert!(!lines.chars().any(|character| character.is_control() && character != '\n'), "{lines:?}");
    let value: serde_json::Value =
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert!(value.is_object());
}

#[test]
fn every_prefix_of_every_message_is_survived() {
    for (family, bytes) in real() {
        for len in 0..=bytes.len() {
            check(family, &bytes[..len], bytes.len() as u32);
            check(family, &bytes[..len], len as u32);
        }
    }
}

/// How often each message is changed, unless somebody asks for a long run.
fn rounds(few: usize) -> usize {
    std::env::var("NLTRACE_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(few)
}

#[test]
fn changed_messages_are_survived() {
    let mut noise = Noise(4711);
    for (family, bytes) in real() {
        for _ in 0..rounds(400) {
            let mut bytes = bytes.clone();
            noise.mutate(&mut bytes);
            let len = bytes.len() as u32;
            check(family, &bytes, len + noise.next(2) as u32 * 100);
        }
    }
}

#[test]
fn changed_messages_of_every_operation_are_survived() {
    let mut noise = Noise(815);
    for spec in Table::kernel().specs() {
        let decoder = decoder_for(spec);
        for Described { family, bytes, .. } in described(spec) {
            for _ in 0..rounds(2) {
                let mut bytes = bytes.clone();
                noise.mutate(&mut bytes);
                let len = bytes.len() as u32;
                check_with(&decoder, family, &bytes, len + noise.next(2) as u32 * 100);
            }
        }
    }
}

#[test]
fn any_family_survives_any_bytes() {
    let mut noise = Noise(1);
    for round in 0..2000 {
        let mut bytes: Vec<u8> = (0..16 + noise.next(120)).map(|_| noise.next(256) as u8).collect();
        let len = bytes.len() as u32;
        bytes[..4].copy_from_slice(&len.to_ne_bytes());
        // Small numbers are types that exist.
        bytes[5] = [0, 0, 1, 3, 6, 10][noise.next(6)];
        check(Family::from_number((round % 32) as u8), &bytes, len);
    }
}

#[test]
fn nests_are_followed_to_a_limited_depth() {
    // NLA_F_NESTED in each other as deep as 64 KiB hold.
    let mut bytes = Vec::new();
    while bytes.len() < 65_000 {
        let mut outer = (bytes.len() as u16 + 4).to_ne_bytes().to_vec();
        outer.extend((0x8000u16 | 200).to_ne_bytes());
        outer.extend(&bytes);
        bytes = outer;
    }
    let message = whole(16, 1, &[&[0; 16][..], &bytes].concat());
    check(Family::ROUTE, &message, message.len() as u32);
    let tree = decoded(Family::ROUTE, &message);
    assert!(tree.nodes().len() < 64);
}

/// What this thread has had of processors.
fn processor_time() -> std::time::Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: memory for a time.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0);
    std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn work_grows_with_the_bytes_alone() {
    // Attributes of the smallest size, all of one number or all of other numbers, and selectors that are
    // looked for each time.
    let time = |count: usize, number: &dyn Fn(usize) -> u16| {
        let attributes: Vec<u8> = (0..count).flat_map(|index| attribute(number(index), b"")).collect();
        let message = whole(0xa06, 1, &[&[2, 0, 0, 0][..], &attributes].concat());
        let best = (0..5).map(|_| {
            let start = processor_time();
            let tree = decoded(Family::NETFILTER, &message);
            assert!(tree.nodes().len() >= count);
            processor_time() - start
        });
        best.min().unwrap_or_default()
    };
    let numbers: [&dyn Fn(usize) -> u16; 3] = [&|_| 3, &|index| index as u16 & 0x3fff, &|_| 2 | 0x8000];
    for number in numbers {
        let (small, large) = (time(1000, number), time(16_000, number));
        assert!(large < 100 * small.max(std::time::Duration::from_micros(20)), "{small:?} {large:?}");
    }
}
