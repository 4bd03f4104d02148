//! From the ring buffer's records to calls, with the datagrams' bytes that belong to them.

use std::collections::VecDeque;

use nltrace_common::record::{
    AnswerRecord, CallRecord, CloseRecord, DeliveryRecord, ForkRecord, HeldRecord, OriginRecord,
    PayloadRecord, ReadRecord, ReasonRecord, SMALL_BYTES, SendFailedRecord, TextRecord, WaitRecord,
    WhoRecord, flags, kind,
};
use zerocopy::FromBytes as _;

use crate::options::FirstByte;

use super::{
    Arrived, Asker, Call, Close, CopyCounts, Event, Fork, Held, Owners, Read, Reason, SendFailed, Text, Wait,
    deliveries::Deliveries, split::Splitter,
};

/// Pieces of datagrams that wait for their call's record, at most. A thread has those of one datagram for
/// each call that it is in.
const MAX_WAITING: usize = 1024;

/// Bytes of waiting datagrams, at most.
const MAX_WAITING_BYTES: usize = 4 << 20;

/// A record is not what [`nltrace_common::record`] describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of {len} bytes and kind {kind:?} from the kernel is not understood: build nltrace again")]
pub struct RecordError {
    /// Length of the record in bytes.
    pub len: usize,
    /// What its first two bytes say, if it has them.
    pub kind: Option<u32>,
}

/// Puts calls and datagrams together, and takes datagrams apart into messages.
pub struct Assembler {
    splitter: Splitter,
    deliveries: Deliveries,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// The datagram of the call that was handed out last, and the buffers of others.
    current: Vec<u8>,
    spare: Vec<Vec<u8>>,
    cut: u64,
}

/// A piece of a datagram that came ahead of its call.
#[derive(Debug)]
struct Waiting {
    tid: u32,
    ts_ns: u64,
    bytes: Vec<u8>,
}

impl Assembler {
    /// One that keeps so many bytes of a message behind its header, and of datagrams with several messages
    /// only those of a type.
    pub fn new(snaplen: u32, wanted: Option<u16>) -> Self {
        let (waiting, spare) = (VecDeque::new(), Vec::new());
        let splitter = Splitter::new(snaplen, wanted);
        let deliveries = Deliveries::default();
        Self { splitter, deliveries, waiting, waiting_bytes: 0, current: Vec::new(), spare, cut: 0 }
    }

    /// Keeps only messages with a first byte behind their header.
    pub fn want(&mut self, detail: Option<FirstByte>) {
        self.splitter.detail = detail;
    }

    /// Says what is counted of the copies of multicasts.
    pub fn count_copies(&mut self, counts: CopyCounts, owners: Option<Owners>) {
        self.deliveries.counts = counts;
        self.deliveries.owners = owners;
    }

    /// Takes a record, which lies on an 8-byte boundary, as they do in the ring buffer. Hands the messages of
    /// its calls to `each` in the order in which the calls ended, with their captured bytes; and what
    /// happened within calls and beside them.
    ///
    /// Where too many datagrams waited for their calls, the longest wait is ended: such a call has only the
    /// bytes that its own record carries, at least [`SMALL_BYTES`] or the whole datagram, and is counted by
    /// [`Assembler::cut`].
    #[inline]
    pub fn take(&mut self, bytes: &[u8], each: &mut impl FnMut(Event<'_>)) -> Result<(), RecordError> {
        let kind = bytes.first_chunk().map(|bytes| u32::from(u16::from_le_bytes(*bytes)));
        let bad = RecordError { len: bytes.len(), kind };
        match kind {
            Some(kind::CALL) => self.call(None, bytes, each).ok_or(bad),
            Some(kind::CALL_WITH_ORIGIN) => {
                let (origin, rest) = OriginRecord::ref_from_prefix(bytes).map_err(|_| bad)?;
                self.call(Some(origin), rest, each).ok_or(bad)
            }
            Some(kind::ANSWERED) => self.answered(bytes, each).ok_or(bad),
            Some(kind::DELIVERY) => {
                let (delivery, _) = DeliveryRecord::ref_from_prefix(bytes).map_err(|_| bad)?;
                self.deliveries.keep(delivery);
                Ok(())
            }
            Some(kind::WHO) => {
                let (who, _) = WhoRecord::ref_from_prefix(bytes).map_err(|_| bad)?;
                each(Event::Asker(who.tid, who.ts_ns, &Asker::new(who)));
                Ok(())
            }
            Some(kind::PAYLOAD) => {
                let (payload, rest) = PayloadRecord::ref_from_prefix(bytes).map_err(|_| bad)?;
                let captured = rest.get(..payload.captured as usize).ok_or(bad)?;
                self.keep(payload.tid, payload.ts_ns, captured);
                Ok(())
            }
            Some(kind) => {
                self.splitter.arrived.others += 1;
                other(kind, bytes, each).ok_or(bad)
            }
            None => Err(bad),
        }
    }

    /// Hands on the messages of a call and of the receive function's call within it, of which `bytes` are the
    /// record and the datagram. None where they are too few.
    #[inline]
    fn call(
        &mut self,
        origin: Option<&OriginRecord>,
        bytes: &[u8],
        each: &mut impl FnMut(Event<'_>),
    ) -> Option<()> {
        let (record, rest) = CallRecord::ref_from_prefix(bytes).ok()?;
        let captured = record.captured as usize;
        let captured = if record.flags & flags::PAYLOAD_APART == 0 {
            rest.get(..captured)?
        } else if self.find(record.tid, record.ts_ns, captured) {
            &self.current
        } else {
            self.cut += 1;
            rest.get(..captured.min(SMALL_BYTES))?
        };
        let call = Call { copies: self.deliveries.of(record), ..Call::new(record, captured)? };
        let call = origin.map_or(call, |origin| call.from(origin));
        let receive = call.receive(record);
        for call in receive.into_iter().chain([call]) {
            if record.flags & flags::SEVERAL == 0 {
                self.splitter.one(call, each);
            } else {
                self.splitter.several(call, each);
            }
        }
        Some(())
    }

    /// Hands on a request's first answer, and then the request. None where the bytes are too few.
    #[inline]
    fn answered(&mut self, bytes: &[u8], each: &mut impl FnMut(Event<'_>)) -> Option<()> {
        let (answer, rest) = AnswerRecord::ref_from_prefix(bytes).ok()?;
        let (captured, rest) = rest.split_at_checked(SMALL_BYTES)?;
        let (origin, rest) = OriginRecord::ref_from_prefix(rest).ok()?;
        let (request, _) = CallRecord::ref_from_prefix(rest).ok()?;
        let captured = captured.get(..answer.captured as usize)?;
        self.splitter.one(Call::answer(answer, captured, origin, request)?, each);
        self.call(Some(origin), rest, each)
    }

    /// What came so far.
    pub fn arrived(&self) -> &Arrived {
        &self.splitter.arrived
    }

    /// Calls whose datagrams were cut because too many waited.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    fn keep(&mut self, tid: u32, ts_ns: u64, captured: &[u8]) {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(captured);
        self.waiting_bytes += captured.len();
        self.waiting.push_back(Waiting { tid, ts_ns, bytes });
        // What has waited longest has most likely lost its call.
        while self.waiting.len() > MAX_WAITING || self.waiting_bytes > MAX_WAITING_BYTES {
            let Some(oldest) = self.waiting.pop_front() else { return };
            self.waiting_bytes -= oldest.bytes.len();
            self.reuse(oldest.bytes);
        }
    }

    /// Makes the datagram of a call, `len` bytes in one piece or several, the current one. False if it is not
    /// all there, or could not be read when the call began.
    fn find(&mut self, tid: u32, ts_ns: u64, len: usize) -> bool {
        let belongs = |waiting: &Waiting| waiting.tid == tid && waiting.ts_ns == ts_ns;
        let Some(last) = self.waiting.iter().rposition(belongs) else { return false };
        let mut bytes = self.take_waiting(last);
        let mut at = last;
        // Others' may lie between the pieces.
        while !bytes.is_empty()
            && bytes.len() < len
            && let Some(before) = self.waiting.iter().take(at).rposition(belongs)
        {
            let mut longer = self.take_waiting(before);
            longer.extend_from_slice(&bytes);
            self.reuse(std::mem::replace(&mut bytes, longer));
            at = before;
        }
        let old = std::mem::replace(&mut self.current, bytes);
        self.reuse(old);
        !self.current.is_empty() && self.current.len() == len
    }

    /// Takes a piece out of those that wait.
    fn take_waiting(&mut self, index: usize) -> Vec<u8> {
        let bytes = self.waiting.remove(index).map(|waiting| waiting.bytes).unwrap_or_default();
        self.waiting_bytes -= bytes.len();
        bytes
    }

    /// Keeps a few buffers; the others' memory goes back.
    fn reuse(&mut self, bytes: Vec<u8>) {
        if self.spare.len() < 16 {
            self.spare.push(bytes);
        }
    }
}

/// Hands on a record that is no call's. None where it is not understood.
fn other(kind: u32, bytes: &[u8], each: &mut impl FnMut(Event<'_>)) -> Option<()> {
    match kind {
        kind::REASON => {
            let (record, rest) = ReasonRecord::ref_from_prefix(bytes).ok()?;
            each(Event::Reason(&Reason::new(record, rest)?));
        }
        kind::TEXT => each(Event::Text(&Text::new(TextRecord::ref_from_prefix(bytes).ok()?.0))),
        kind::READ => each(Event::Read(&Read::new(ReadRecord::ref_from_prefix(bytes).ok()?.0))),
        kind::WAIT => each(Event::Wait(&Wait::new(WaitRecord::ref_from_prefix(bytes).ok()?.0))),
        kind::HELD => each(Event::Held(&Held::new(HeldRecord::ref_from_prefix(bytes).ok()?.0))),
        kind::FORK => each(Event::Fork(&Fork::new(ForkRecord::ref_from_prefix(bytes).ok()?.0))),
        kind::CLOSE => each(Event::Close(&Close::new(CloseRecord::ref_from_prefix(bytes).ok()?.0))),
        kind::SEND_FAILED => {
            let (record, rest) = SendFailedRecord::ref_from_prefix(bytes).ok()?;
            each(Event::SendFailed(&SendFailed::new(record, rest)?));
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests;
