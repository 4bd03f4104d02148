//! Packets that are held for a while: what becomes of a message is said at its packet, and packets leave in
//! the order of their times.

use std::fmt;

use super::block;

/// Places in which a packet is looked for.
const PLACES: usize = 1 << 12;

/// Packets that are held.
pub(super) struct Window {
    packets: Vec<Held>,
    /// Those that are free.
    free: Vec<usize>,
    /// The others, in the order in which they came.
    held: Vec<usize>,
    /// Bytes of those.
    bytes: usize,
    /// How many came so far.
    count: u64,
    /// Where to find a packet by something that names it.
    places: Box<[Option<Known>]>,
    going: Vec<usize>,
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window of {} packets", self.held.len())
    }
}

impl Default for Window {
    fn default() -> Self {
        Self {
            packets: Vec::new(),
            free: Vec::new(),
            held: Vec::new(),
            bytes: 0,
            count: 0,
            places: vec![None; PLACES].into_boxed_slice(),
            going: Vec::new(),
        }
    }
}

/// A packet.
#[derive(Debug, Default)]
struct Held {
    ts_ns: u64,
    /// Which one it is, from 1.
    number: u64,
    /// Its block, without its end.
    block: Vec<u8>,
    /// Bytes of it that are counted.
    counted: usize,
    /// Messages of calls that are in it.
    calls: u64,
}

/// What a packet is known by.
#[derive(Clone, Copy, Debug)]
struct Known {
    name: u64,
    index: usize,
    number: u64,
}

/// A packet that may still be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handle {
    index: usize,
    number: u64,
}

fn place(name: u64) -> usize {
    (name.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize % PLACES
}

impl Window {
    /// Bytes that are held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a packet of a time, which is so many messages of calls, and whose block `write` makes but for
    /// its end.
    #[inline]
    pub(super) fn add(&mut self, ts_ns: u64, calls: u64, write: impl FnOnce(&mut Vec<u8>)) -> Handle {
        self.count += 1;
        let index = self.free.pop().unwrap_or_else(|| {
            self.packets.push(Held::default());
            self.packets.len() - 1
        });
        let held = &mut self.packets[index];
        (held.ts_ns, held.number, held.calls) = (ts_ns, self.count, calls);
        held.block.clear();
        write(&mut held.block);
        held.counted = held.block.len();
        self.bytes += held.counted;
        self.held.push(index);
        Handle { index, number: self.count }
    }

    /// Names a packet.
    pub(super) fn name(&mut self, handle: Handle, name: u64) {
        let Handle { index, number } = handle;
        self.places[place(name)] = Some(Known { name, index, number });
    }

    /// The packet with a name, if it is still held.
    pub(super) fn find(&self, name: u64) -> Option<Handle> {
        let Known { index, number, .. } = self.places[place(name)].filter(|known| known.name == name)?;
        let is_held = self.packets.get(index).is_some_and(|held| held.number == number);
        is_held.then_some(Handle { index, number })
    }

    /// Counts another message of a call in a packet that is held.
    pub(super) fn add_call(&mut self, handle: Handle) {
        self.packets[handle.index].calls += 1;
    }

    /// Bytes of a packet that is held.
    pub(super) fn len(&self, handle: Handle) -> usize {
        self.packets[handle.index].block.len()
    }

    /// Has `write` add to the options of a packet that is held.
    #[inline]
    pub(super) fn add_to<T>(&mut self, handle: Handle, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let held = &mut self.packets[handle.index];
        let result = write(&mut held.block);
        self.bytes += held.block.len() - held.counted;
        held.counted = held.block.len();
        result
    }

    /// The time that half of what is held is older than, roughly.
    pub(super) fn middle_ns(&self) -> u64 {
        self.held.get(self.held.len() / 2).map_or(0, |index| self.packets[*index].ts_ns)
    }

    /// Hands out the packets of times before `before_ns`, the earlier first: each a whole block, and how many
    /// messages of calls are in it.
    pub(super) fn release(&mut self, before_ns: u64, mut each: impl FnMut(&[u8], u64)) {
        let Self { packets, free, held, bytes, going, .. } = self;
        held.retain(|index| {
            let goes = packets[*index].ts_ns < before_ns;
            if goes {
                going.push(*index);
            }
            !goes
        });
        going.sort_by_key(|index| (packets[*index].ts_ns, packets[*index].number));
        for index in going.drain(..) {
            let held = &mut packets[index];
            // Nobody finds it any more.
            held.number = 0;
            block::end(&mut held.block, 0);
            each(&held.block, held.calls);
            *bytes -= held.counted;
            if held.block.capacity() > LARGE {
                held.block = Vec::new();
            }
            free.push(index);
        }
    }
}

/// What is larger is not kept for another packet.
const LARGE: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn add(window: &mut Window, ts_ns: u64) -> Handle {
        window.add(ts_ns, 1, |block| block.extend_from_slice(&[0; 8]))
    }

    fn released(window: &mut Window, before_ns: u64) -> usize {
        let mut count = 0;
        window.release(before_ns, |block, calls| {
            assert!(calls == 1 && block.len().is_multiple_of(4));
            count += 1;
        });
        count
    }

    #[test]
    fn packets_leave_in_the_order_of_their_times_and_can_be_found_until_then() {
        let mut window = Window::default();
        for ts_ns in [30, 10, 20, 40] {
            let handle = window.add(ts_ns, u64::from(ts_ns != 40), |block| {
                block.extend_from_slice(&(ts_ns as u32).to_ne_bytes());
                block.extend_from_slice(&[0; 4]);
            });
            window.name(handle, ts_ns);
        }
        assert!(window.find(10).is_some() && window.find(11).is_none());
        let mut times = Vec::new();
        window.release(30, |block, _| times.push(u32::from_ne_bytes(*block.first_chunk().unwrap())));
        assert_eq!(times, [10, 20]);
        assert!(window.find(10).is_none() && window.find(30).is_some());
        window.release(u64::MAX, |block, calls| {
            times.push(u32::from_ne_bytes(*block.first_chunk().unwrap()));
            assert_eq!(calls, u64::from(times.len() == 3));
        });
        assert_eq!((times, window.held.len(), window.bytes()), (vec![10, 20, 30, 40], 0, 0));
    }

    #[test]
    fn what_is_added_to_packets_counts_until_they_leave() {
        let mut window = Window::default();
        let handles = [1, 2, 3].map(|ts_ns| add(&mut window, ts_ns));
        handles.iter().for_each(|handle| window.add_to(*handle, |block| block.resize(108, 0)));
        assert_eq!((window.bytes(), window.len(handles[0])), (324, 108));
        assert_eq!((released(&mut window, 3), window.bytes()), (2, 108));
        add(&mut window, 4);
        assert_eq!((released(&mut window, 9), window.bytes()), (2, 0));
    }

    #[test]
    fn the_memory_of_a_packet_is_anothers_and_its_name_is_not() {
        let mut window = Window::default();
        let first = add(&mut window, 1);
        window.name(first, 7);
        assert_eq!(released(&mut window, 2), 1);
        let second = add(&mut window, 3);
        assert_eq!((second.index, window.find(7)), (first.index, None));
        assert_eq!(window.middle_ns(), 3);
    }
}
