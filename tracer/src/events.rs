//! Ring-buffer records: bytes into typed events, with the datagram's bytes that belong to them.

use std::collections::VecDeque;

use nltrace_common::{Event, Payload, flags, record, stage};
use zerocopy::FromBytes as _;

use crate::output::append;

/// Datagrams that wait for their event, at most. A thread has one for each call that it is in.
const MAX_WAITING: usize = 1024;

/// Bytes of waiting datagrams, at most.
const MAX_WAITING_BYTES: usize = 4 << 20;

/// A record is not what [`nltrace_common::Event`] and [`nltrace_common::Payload`] describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of {len} bytes and kind {kind:?} from the kernel is not understood: build nltrace again")]
pub struct RecordError {
    /// Length of the record in bytes.
    pub len: usize,
    /// Its first four bytes, if it has them.
    pub kind: Option<u32>,
}

/// A call that was told of, with the captured bytes of its datagram.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The call.
    pub event: &'a Event,
    /// The bytes.
    pub captured: &'a [u8],
}

impl Told<'_> {
    /// The receive function's call within this request, which ended before it. It had the same datagram.
    pub fn receive(&self) -> Option<Event> {
        let Event { receive_ts_ns: ts_ns, receive_latency_ns: latency_ns, flags, .. } = *self.event;
        let receive = Event {
            stage: stage::RECEIVE,
            ts_ns,
            latency_ns,
            ret: 0,
            flags: flags & flags::PAYLOAD_APART,
            ..*self.event
        };
        (flags & flags::HAS_RECEIVE != 0).then_some(receive)
    }
}

/// Puts events and datagrams together.
#[derive(Debug, Default)]
pub struct Assembler {
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// The datagram of the event that was handed out last, and the buffers of others.
    current: Vec<u8>,
    spare: Vec<Vec<u8>>,
}

/// A datagram that came ahead of its event.
#[derive(Debug)]
struct Waiting {
    tid: u32,
    ts_ns: u64,
    bytes: Vec<u8>,
}

impl Assembler {
    /// Takes a record, which lies on an 8-byte boundary, as they do in the ring buffer. Returns an event once it is complete, with the captured bytes of its datagram.
    ///
    /// The bytes are missing where they were dropped because too many others waited; never in what is not asked to keep
    /// more than an event carries itself.
    pub fn take<'a>(&'a mut self, bytes: &'a [u8]) -> Result<Option<Told<'a>>, RecordError> {
        let kind = bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
        let bad = RecordError { len: bytes.len(), kind };
        match kind {
            Some(record::EVENT) => {
                let (event, rest) = Event::ref_from_prefix(bytes).map_err(|_| bad)?;
                if event.flags & flags::PAYLOAD_APART != 0 {
                    self.find(event.tid, event.ts_ns);
                    return Ok(Some(Told { event, captured: &self.current }));
                }
                let captured = rest.get(..event.captured as usize).ok_or(bad)?;
                Ok(Some(Told { event, captured }))
            }
            Some(record::PAYLOAD) => {
                let (payload, rest) = Payload::ref_from_prefix(bytes).map_err(|_| bad)?;
                let captured = rest.get(..payload.captured as usize).ok_or(bad)?;
                self.keep(payload.tid, payload.ts_ns, captured);
                Ok(None)
            }
            _ => Err(bad),
        }
    }

    fn keep(&mut self, tid: u32, ts_ns: u64, captured: &[u8]) {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        append(&mut bytes, captured);
        self.waiting_bytes += captured.len();
        self.waiting.push_back(Waiting { tid, ts_ns, bytes });
        // What has waited longest has most likely lost its event.
        while self.waiting.len() > MAX_WAITING || self.waiting_bytes > MAX_WAITING_BYTES {
            let Some(oldest) = self.waiting.pop_front() else { return };
            self.waiting_bytes -= oldest.bytes.len();
            self.reuse(oldest.bytes);
        }
    }

    /// Makes the datagram of a call the current one.
    fn find(&mut self, tid: u32, ts_ns: u64) {
        let index = self.waiting.iter().rposition(|waiting| waiting.tid == tid && waiting.ts_ns == ts_ns);
        self.current.clear();
        if let Some(found) = index.and_then(|index| self.waiting.remove(index)) {
            self.waiting_bytes -= found.bytes.len();
            let old = std::mem::replace(&mut self.current, found.bytes);
            self.reuse(old);
        }
    }

    /// Keeps a few buffers; the others' memory goes back.
    fn reuse(&mut self, bytes: Vec<u8>) {
        if self.spare.len() < 16 {
            self.spare.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    fn event(tid: u32, ts_ns: u64, event_flags: u8, captured: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0u8; size_of::<Event>()];
        bytes[..4].copy_from_slice(&record::EVENT.to_ne_bytes());
        bytes[4..8].copy_from_slice(&(captured.len() as u32).to_ne_bytes());
        bytes[8..16].copy_from_slice(&ts_ns.to_ne_bytes());
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(offset_of!(Event, tid), &tid.to_ne_bytes());
        put(offset_of!(Event, flags), &[event_flags]);
        put(offset_of!(Event, receive_ts_ns), &(ts_ns + 10).to_ne_bytes());
        put(offset_of!(Event, receive_latency_ns), &5u64.to_ne_bytes());
        if event_flags & flags::PAYLOAD_APART == 0 {
            bytes.extend(captured);
        }
        bytes
    }

    fn payload(tid: u32, ts_ns: u64, captured: &[u8]) -> Vec<u8> {
        let mut bytes = record::PAYLOAD.to_ne_bytes().to_vec();
        bytes.extend((captured.len() as u32).to_ne_bytes());
        bytes.extend(ts_ns.to_ne_bytes());
        bytes.extend(tid.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(captured);
        // Records have a size of few; what is beyond `captured` means nothing.
        bytes.extend([0xee; 100]);
        bytes
    }

    #[test]
    fn an_event_carries_its_bytes() {
        let mut assembler = Assembler::default();
        let record = event(7, 1000, flags::HAS_RET, b"datagram");
        let Told { event, captured } = assembler.take(&record).unwrap().unwrap();
        assert_eq!(
            (event.tid, event.ts_ns, event.flags, captured),
            (7, 1000, flags::HAS_RET, &b"datagram"[..])
        );
    }

    #[test]
    fn a_request_brings_the_receive_call_within_it() {
        let mut assembler = Assembler::default();
        let record = event(7, 1000, flags::HAS_RET, b"datagram");
        assert!(assembler.take(&record).unwrap().unwrap().receive().is_none());
        let record = event(7, 1000, flags::HAS_RET | flags::HAS_RECEIVE, b"datagram");
        let told = assembler.take(&record).unwrap().unwrap();
        let receive = told.receive().unwrap();
        assert_eq!((receive.stage, receive.tid, receive.captured), (stage::RECEIVE, 7, 8));
        assert_eq!((receive.ts_ns, receive.latency_ns, receive.flags), (1010, 5, 0));
        assert_eq!((told.event.ts_ns, told.captured), (1000, &b"datagram"[..]));
    }

    #[test]
    fn bytes_that_came_ahead_find_their_event_also_when_calls_nest() {
        let mut assembler = Assembler::default();
        // Thread 7 is in a call, and in another within it; thread 8 began at the same time.
        for record in [payload(7, 1000, b"outer"), payload(8, 1000, b"other"), payload(7, 2000, b"inner")] {
            assert!(assembler.take(&record).unwrap().is_none());
        }
        for (tid, ts_ns, expected) in [(7, 2000, b"inner"), (7, 1000, b"outer"), (8, 1000, b"other")] {
            let record = event(tid, ts_ns, flags::PAYLOAD_APART, expected);
            let told = assembler.take(&record).unwrap().unwrap();
            assert_eq!(told.captured, expected);
        }
        // Its bytes are gone: an event without them.
        let record = event(7, 1000, flags::PAYLOAD_APART, b"outer");
        let Told { event, captured } = assembler.take(&record).unwrap().unwrap();
        assert_eq!((event.captured, captured.len()), (5, 0));
    }

    #[test]
    fn bytes_whose_event_was_lost_do_not_pile_up() {
        let mut assembler = Assembler::default();
        let large = vec![1; 16 << 10];
        for ts_ns in 0..10_000 {
            let bytes = if ts_ns % 2 == 0 { &large[..] } else { b"small" };
            assembler.take(&payload(7, ts_ns, bytes)).unwrap();
            assert!(assembler.waiting.len() <= MAX_WAITING && assembler.waiting_bytes <= MAX_WAITING_BYTES);
        }
        let record = event(7, 9_999, flags::PAYLOAD_APART, b"small");
        assert_eq!(assembler.take(&record).unwrap().unwrap().captured, b"small");
        for ts_ns in 0..10_000 {
            assembler.take(&event(7, ts_ns, flags::PAYLOAD_APART, b"")).unwrap();
        }
        assert_eq!((assembler.waiting.len(), assembler.waiting_bytes), (0, 0));
    }

    #[test]
    fn records_that_lie_are_errors() {
        let mut assembler = Assembler::default();
        for record in [event(7, 1, 0, b"datagram"), payload(7, 1, b"datagram")] {
            let header =
                if record[0] == record::EVENT as u8 { size_of::<Event>() } else { size_of::<Payload>() };
            for len in 0..header + 8 {
                assert!(assembler.take(&record[..len]).is_err(), "{len}");
            }
        }
        let unknown = RecordError { len: 4, kind: Some(9) };
        assert_eq!(assembler.take(&9u32.to_ne_bytes()).unwrap_err(), unknown);
    }
}
