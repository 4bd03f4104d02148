//! With the saved files of real kernels, and of one that is derived: `tests/kernels/README.md`.

use nltrace_common::member::STRUCTURE_NAMES;

use super::*;
use crate::kernel::fixture;

const SERIES: [&str; 7] = ["5.10", "6.1", "6.12", "6.15", "6.18", "7.2", "7.3"];

/// What a kernel has, in a line.
fn offered(series: &str) -> [bool; 6] {
    let facts = fixture::facts(series);
    [
        facts.task_storage,
        facts.casts(),
        facts.kfunc(kfunc::SESSION_COOKIE).is_some(),
        facts.has_sessions(),
        facts.counts_skipped_kprobes,
        facts.preemptible,
    ]
}

#[test]
fn each_kernel_offers_what_it_is_known_for() {
    // Task storage, casts, sessions, those that see every call, skipped kprobes counted, preemptible: which
    // model is in force these files do not say, so those that can choose count as preemptible.
    let expected = [
        ("5.10", [false, false, false, false, false, false]),
        ("6.1", [true, false, false, false, false, true]),
        ("6.12", [true, true, true, false, true, true]),
        ("6.15", [true, true, true, true, true, true]),
        ("6.18", [true, true, true, true, true, true]),
        ("7.2", [true, true, true, true, true, true]),
        ("7.3", [true, true, true, true, true, true]),
    ];
    assert_eq!(SERIES.map(|series| (series, offered(series))), expected);
}

#[test]
fn members_lie_where_each_kernel_has_them() {
    let offsets = |series: &str| {
        let facts = fixture::facts(series);
        let named = |structure: &str, path: &[&str]| {
            let index =
                member::PLACES.iter().position(|place| place.structure == structure && place.path == path);
            facts.offsets[index.unwrap()]
        };
        [
            named("sk_buff", &["len"]),
            named("sk_buff", &["cb"]) - named("sk_buff", &["sk"]),
            named("sock", &["__sk_common", "skc_net", "net"]),
            named("nlmsghdr", &["nlmsg_type"]),
        ]
    };
    for series in SERIES {
        // As Documentation/networking and the headers of all of them have it: sk at 24, cb at 40, portid
        // eight bytes into it.
        let [_, portid, net, nlmsg_type] = offsets(series);
        assert_eq!((net, nlmsg_type), (48, 4), "{series}");
        assert!((16..=40).contains(&portid), "{series}: {portid}");
    }
}

#[test]
fn what_lies_further_on_lies_after_its_member() {
    let facts = fixture::facts("7.3");
    let comm = member::PLACES.iter().position(|place| place.path == ["comm"]).unwrap();
    assert_eq!(facts.offsets[comm] + 8, facts.offsets[comm + 1]);
}

#[test]
fn every_struct_has_an_id_of_its_own() {
    for series in SERIES {
        let mut ids = fixture::facts(series).structures.to_vec();
        ids.sort_unstable();
        ids.dedup();
        assert!(ids.len() == STRUCTURE_NAMES.len() && !ids.contains(&0), "{series}: {ids:?}");
    }
}
