//! Everything that reads, fed with noise and with mutilated messages: it may refuse, it must not panic, and
//! what it accepts must lie within the bytes.

use netlink_wire::{
    Attributes, Captured, Flags, HEADER_LEN, MessageType, MessageWriter, Messages, Status, attribute_at,
    nltest,
};

/// Datagrams for each seed.
const ROUNDS: u32 = 30_000;

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

/// Runs everything over a datagram; how much of it was understood.
fn read(datagram: &[u8], random: &mut Random) -> usize {
    let range = datagram.as_ptr_range();
    let inside = |bytes: &[u8]| {
        let part = bytes.as_ptr_range();
        assert!(bytes.is_empty() || (range.start <= part.start && part.end <= range.end));
    };
    let mut understood = 0;
    for message in Messages::new(datagram).flatten() {
        inside(message.payload);
        for attribute in Attributes::new(message.payload).flatten() {
            inside(attribute.value);
            let _ = (attribute.u32(), attribute.u64(), attribute.text());
            understood += 1;
        }
        let flags = message.header.flags;
        for status in [Status::of_error(flags, message.payload), Status::of_done(flags, message.payload)] {
            let Ok(status) = status else { continue };
            understood += usize::from(status.errno().is_ok()) + usize::from(status.extack().is_ok());
            let request = status.request().unwrap_or_default();
            inside(request);
            let offset = status.captured_extack().offset.unwrap_or_else(|| random.next() as u32);
            let _ = attribute_at(request, random.below(40), offset);
        }
        let _ = nltest::type_name(message.header.message_type);
    }
    // A tracer has less than the datagram, or thinks so.
    let captured = Captured::new(&datagram[..random.below(datagram.len() + 1)], random.below(300));
    if let Some(message) = captured.first() {
        inside(message.payload);
        captured.extents().for_each(|extent| assert!(extent.len != 0));
        for attribute in Attributes::new(message.payload).clipped() {
            inside(attribute.value);
        }
    }
    understood
}

fn well_formed(random: &mut Random) -> Vec<u8> {
    let mut datagram = Vec::new();
    for sequence in 0..=random.below(3) as u32 {
        let flags = Flags([0x1, 0x5, 0x100, 0x200, 0x300][random.below(5)]);
        let (message_type, code) = [(MessageType(0x10), 0), (MessageType::ERROR, -22)][random.below(2)];
        let mut message = MessageWriter::begin(&mut datagram, message_type, flags, sequence);
        if code != 0 {
            message.bytes(&i32::to_ne_bytes(code));
            message.bytes(&20_u32.to_ne_bytes());
            message.bytes(&[0; HEADER_LEN]);
        }
        for _ in 0..random.below(4) {
            let length = random.below(40);
            let value = random.bytes(length);
            let number = nltest::Attribute::ALL[random.below(nltest::Attribute::ALL.len())];
            message.attribute(number, &value).expect("it is short");
        }
        message.finish();
    }
    datagram
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
            read(&datagram, &mut random);
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
            whole += read(&datagram, &mut random);
            for _ in 0..=random.below(4) {
                let at = random.below(datagram.len());
                match random.below(4) {
                    0 => datagram[at] = random.next() as u8,
                    1 => datagram[at] ^= 1 << random.below(8),
                    2 => datagram.truncate(at.max(1)),
                    _ => datagram[at] = [0, 1, 3, 4, 15, 16, 0x7f, 0xff][random.below(8)],
                }
            }
            mutilated += read(&datagram, &mut random);
        }
        // The generator is worth something only if most of what it makes is understood, and the rest is not.
        assert!(whole > ROUNDS as usize, "seed {seed}: {whole}");
        assert!(mutilated < whole, "seed {seed}: {mutilated} of {whole}");
    }
}
