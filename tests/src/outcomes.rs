//! Several outcomes in one capture, through the library: the same calls as histograms and as records, each
//! counted by itself.

use std::path::Path;

use nltrace::{
    decode::Family,
    kernel::Facts,
    options::Filter,
    probes::{Outcome, OutcomeKind, Plan, watchable},
    source::{Assembler, Kernel, Tallies},
};

use crate::guest::{Module, nltest};

const ECHOES: u64 = 500;

/// Hits and records of unicasts, multicasts and receive functions.
fn recorded(tallies: &Tallies) -> Vec<(u64, u64)> {
    let called = tallies.iter().take(3);
    called.map(|tally| (tally.counters.hits, tally.counters.recorded)).collect()
}

#[test]
fn the_same_calls_are_timed_and_recorded_in_one_capture() {
    let _module = Module::load();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let facts = Facts::read(Path::new("/"), watchable()).expect("the kernel has types");
        let timed = Outcome::Timed { max_keys: None, by: None };
        let plan = Plan {
            outcomes: vec![
                timed,
                Outcome::Recorded { snaplen: 256, ring_bytes: 1 << 20, deliveries: false, exchanges: false },
            ],
            filter: Filter { families: vec![Family::NLTEST], ..Filter::default() },
            method: None,
            verbose: false,
            who: false,
            failures: false,
        };
        let mut kernel = Kernel::attach(&plan, &facts).expect("everything is attached");
        kernel.attach_receive("nltest", "test_nl_receive_message").expect("the module is loaded");
        nltest(&format!("bench -c {ECHOES}")).run().success();
        kernel.stop();

        let of_timed = kernel.tallies(OutcomeKind::Timed).expect("counters");
        let of_recorded = kernel.tallies(OutcomeKind::Recorded).expect("counters");
        let expected = [(2 * ECHOES, 2 * ECHOES), (0, 0), (ECHOES, ECHOES)];
        assert_eq!((recorded(&of_timed), recorded(&of_recorded)), (expected.into(), expected.into()));

        let counted: u64 =
            kernel.slots().expect("histograms").iter().flat_map(|slot| slot.counts.buckets).sum();
        let (mut assembler, mut arrived) = (Assembler::new(256, None), 0);
        let ring = kernel.ring().expect("it was asked for");
        while let Some(record) = ring.next_record() {
            assembler.take(&record, &mut |_| arrived += 1).expect("it is understood");
        }
        assert_eq!((counted, arrived), (3 * ECHOES, 3 * ECHOES));
    });
}
