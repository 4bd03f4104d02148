//! What is told of calls and of what happens within and beside them, taken from the library as it comes out
//! of the kernel.

use std::{path::Path, process};

use nltrace::{
    decode::Family,
    kernel::Facts,
    model::Stage,
    options::Filter,
    probes::{Outcome, OutcomeKind, Plan, watchable},
    source::{Assembler, Call, Close, Event, Held, Kernel, Read, Reason, SendFailed, Text, Wait},
};

/// What was told, without what it points to.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) calls: Vec<(Call<'static>, Vec<u8>)>,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) texts: Vec<Text>,
    pub(crate) reads: Vec<Read>,
    pub(crate) waits: Vec<Wait>,
    pub(crate) held: Vec<Held>,
    pub(crate) closes: Vec<Close>,
    pub(crate) failed: Vec<(SendFailed<'static>, Vec<u8>)>,
}

impl Told {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Call(call) => {
                let bytes = call.captured.to_vec();
                self.calls.push((Call { captured: b"", copies: None, ..*call }, bytes));
            }
            Event::Rest(_) => {}
            Event::Reason(reason) => self.reasons.push(*reason),
            Event::Text(text) => self.texts.push(*text),
            Event::Read(read) => self.reads.push(*read),
            Event::Wait(wait) => self.waits.push(*wait),
            Event::Held(held) => self.held.push(*held),
            Event::Close(close) => self.closes.push(*close),
            // Nobody asks for these.
            Event::Asker(..) | Event::Fork(_) => {}
            Event::SendFailed(failed) => {
                self.failed.push((SendFailed { captured: b"", ..*failed }, failed.captured.to_vec()));
            }
        }
    }

    /// Messages of this process at a stage, in the order of their calls.
    pub(crate) fn own(&self, stage: Stage) -> Vec<&Call<'static>> {
        let calls = self.calls.iter().map(|(call, _)| call);
        calls.filter(|call| call.stage == stage && call.pid == process::id()).collect()
    }
}

/// What is told of a family while `act` goes on. Everything has to be recorded.
pub(crate) fn told(family: Family, modules: bool, act: impl FnOnce()) -> Told {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let facts = Facts::read(Path::new("/"), watchable()).expect("the kernel has types");
        let recorded =
            Outcome::Recorded { snaplen: 256, ring_bytes: 16 << 20, deliveries: true, exchanges: true };
        let plan = Plan {
            outcomes: vec![recorded],
            filter: Filter { families: vec![family], ..Filter::default() },
            method: None,
            verbose: false,
            who: false,
            failures: false,
        };
        let mut kernel = Kernel::attach(&plan, &facts).expect("everything is attached");
        assert_eq!(kernel.unwatched().iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
        if modules {
            kernel.attach_receive("nltest", "test_nl_receive_message").expect("the module is loaded");
        }
        act();
        kernel.stop();
        let (mut assembler, mut told) = (Assembler::new(256, None), Told::default());
        let ring = kernel.ring().expect("it was asked for");
        while let Some(record) = ring.next_record() {
            assembler.take(&record, &mut |event| told.take(event)).expect("it is understood");
        }
        let tallies = kernel.tallies(OutcomeKind::Recorded).expect("counters");
        let (mut recorded, mut lost) = (0, 0);
        for tally in tallies {
            recorded += tally.counters.recorded;
            lost += tally.counters.lost.iter().sum::<u64>();
        }
        assert_eq!((recorded, lost), (assembler.arrived().records(), 0));
        told
    })
}

impl Told {
    /// The request with this sequence number.
    pub(crate) fn request(&self, sequence: u32) -> &Call<'static> {
        let requests = self.calls.iter().filter(|(call, _)| call.stage == Stage::Request);
        let mut found = requests.filter(|(_, bytes)| sequence_of(bytes) == sequence);
        let (request, _) = found.next().unwrap_or_else(|| panic!("a request {sequence} of {self:#?}"));
        assert_eq!(found.count(), 0);
        request
    }

    /// What was made in a request, or a dump's part.
    pub(crate) fn within(&self, asker: &Call<'_>, stage: Stage) -> Vec<&(Call<'static>, Vec<u8>)> {
        let of = |call: &Call<'_>| {
            call.stage == stage
                && call.tid == asker.tid
                && call.within.is_some_and(|within| within.ts_ns == asker.ts_ns)
        };
        self.calls.iter().filter(|(call, _)| of(call)).collect()
    }
}

pub(crate) fn sequence_of(message: &[u8]) -> u32 {
    message.get(8..12).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

pub(crate) fn type_of(message: &[u8]) -> u16 {
    message.get(4..6).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u16::from_ne_bytes(*bytes))
}
