//! The decoders fed with random and with mutilated datagrams: they may refuse, they must not panic, and what
//! they accept must lie within the datagram.

use netlink_wire::{Attributes, HEADER_LEN};
use nltest::{
    BurstTo, Refusal, Request,
    codec::{self, Messages},
};

/// Datagrams for each seed; with the seeds below half a million in all, within a second or two.
const ROUNDS: u32 = 100_000;

/// xorshift64*: the same numbers everywhere, so that a seed in a failure's message is enough to repeat it.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// Runs everything that the client runs over a datagram.
fn decode(datagram: &[u8]) -> usize {
    let range = datagram.as_ptr_range();
    let inside = |bytes: &[u8]| {
        let part = bytes.as_ptr_range();
        assert!(bytes.is_empty() || (range.start <= part.start && part.end <= range.end));
    };
    let mut understood = 0;
    for message in Messages::new(datagram) {
        let Ok(message) = message else { continue };
        inside(message.payload);
        for attribute in Attributes::new(message.payload) {
            let Ok(attribute) = attribute else { continue };
            inside(attribute.value);
            let _ = (attribute.u32(), attribute.u64(), attribute.text());
        }
        codec::plain_text(&message);
        for accepted in [
            codec::echo_payload(&message).is_ok(),
            codec::delay(&message).is_ok(),
            codec::burst(&message).is_ok(),
            codec::stats(&message).is_ok(),
            codec::notification_payload(&message).is_ok(),
            codec::done_status(&message).is_ok(),
        ] {
            understood += usize::from(accepted);
        }
        if let Ok(Some(refusal)) = Refusal::parse(&message) {
            assert!((1..=4095).contains(&refusal.errno.number()));
            let _ = (refusal.to_string(), refusal.attribute_name());
            understood += 1;
        }
    }
    understood
}

/// A datagram as the kernel could send one.
fn well_formed(random: &mut Random) -> Vec<u8> {
    let mut datagram = Vec::new();
    for sequence in 0..=random.below(3) as u32 {
        let length = random.below(40);
        let payload = random.bytes(length);
        let request = match random.below(6) {
            0 => Request::Echo(&payload),
            1 => Request::Delay { us: 5, payload: Some(&payload) },
            2 => Request::Burst { count: 1, size: 2, to: BurstTo::Group(3) },
            3 => Request::Parts { count: 1, size: 2, errno: Some(5), stall: true },
            4 => Request::Fail { errno: 22, text: Some("no") },
            _ => Request::Stats { padding: random.below(2) as u32 },
        };
        if random.below(3) == 0 {
            error_about(&request, sequence, random, &mut datagram);
        } else {
            request.encode(sequence, &mut datagram).expect("it fits");
        }
    }
    datagram
}

/// An `NLMSG_ERROR` with extended ACK about a request.
fn error_about(request: &Request<'_>, sequence: u32, random: &mut Random, datagram: &mut Vec<u8>) {
    let mut body = (-22_i32).to_ne_bytes().to_vec();
    let before = body.len();
    request.encode(sequence, &mut body).expect("it fits");
    let capped = random.below(2) == 0;
    if capped {
        body.truncate(before + HEADER_LEN);
    }
    body.extend(8_u16.to_ne_bytes());
    body.extend(2_u16.to_ne_bytes());
    body.extend((random.below(64) as u32).to_ne_bytes());
    datagram.extend((HEADER_LEN as u32 + body.len() as u32).to_ne_bytes());
    datagram.extend(2_u16.to_ne_bytes());
    datagram.extend((0x200_u16 | if capped { 0x100 } else { 0 }).to_ne_bytes());
    datagram.extend(sequence.to_ne_bytes());
    datagram.extend([0; 4]);
    datagram.extend(body);
}

#[test]
fn noise_is_survived() {
    for seed in [1, 2] {
        let mut random = Random(seed);
        for round in 0..ROUNDS {
            let length = random.below(200);
            let mut datagram = random.bytes(length);
            if let Some(length) = datagram.get_mut(..4).filter(|_| round % 2 == 0) {
                // Otherwise hardly any passes the first check.
                length.copy_from_slice(&(random.below(220) as u32).to_ne_bytes());
            }
            decode(&datagram);
        }
    }
}

#[test]
fn mutilated_messages_are_survived() {
    for seed in [3, 4, 5] {
        let mut random = Random(seed);
        let (mut whole, mut mutilated) = (0, 0);
        for _ in 0..ROUNDS {
            let mut datagram = well_formed(&mut random);
            whole += decode(&datagram);
            for _ in 0..=random.below(4) {
                let at = random.below(datagram.len());
                match random.below(4) {
                    0 => datagram[at] = random.next() as u8,
                    1 => datagram[at] ^= 1 << random.below(8),
                    2 => datagram.truncate(at.max(1)),
                    _ => datagram[at] = [0, 1, 3, 4, 15, 16, 0x7f, 0xff][random.below(8)],
                }
            }
            mutilated += decode(&datagram);
        }
        // The generator is worth something only if most of what it makes is understood, and the rest is not.
        assert!(whole > ROUNDS as usize, "seed {seed}: {whole}");
        assert!(mutilated < whole, "seed {seed}: {mutilated} of {whole}");
    }
}
