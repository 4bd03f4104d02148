use nltrace_common::Cause;

use super::*;
use crate::{
    decode::Family,
    kernel::fixture::facts,
    probes::{hooks::Shell, object},
};

/// A plan for what `filter` wants.
fn plan(filter: Filter, method: Option<Method>) -> Plan {
    Plan { outcomes: vec![timed(None)], filter, method, verbose: false, who: false, failures: false }
}

/// Of each step its functions, and the ways to attach in their order.
fn steps(series: &str, plan: &Plan) -> Vec<(Vec<&'static str>, &'static [Method])> {
    let steps = plan.steps(&facts(series));
    let names = |step: &Step| step.targets.iter().map(|target| target.function.name).collect();
    steps.iter().map(|step| (names(step), step.methods)).collect()
}

const FENTRY_FIRST: &[Method] = &[Method::Fentry, Method::Session, Method::Kprobe];
const FENTRY_LAST: &[Method] = &[Method::Session, Method::Kprobe, Method::Fentry];

#[test]
fn each_kernel_is_watched_at_the_functions_that_it_has() {
    let receive =
        vec!["rtnetlink_rcv", "sock_diag_rcv", "audit_receive", "nl_fib_input", "cn_rx_skb", "genl_rcv"];
    let everything = plan(Filter::default(), None);
    for (series, broadcast, netfilter, methods) in [
        ("6.1", "netlink_broadcast", false, FENTRY_LAST),
        ("6.12", "netlink_broadcast_filtered", false, FENTRY_LAST),
        ("6.15", "netlink_broadcast_filtered", false, FENTRY_LAST),
        ("6.18", "netlink_broadcast_filtered", false, FENTRY_LAST),
        ("7.2", "netlink_broadcast_filtered", true, FENTRY_LAST),
        ("7.3", "netlink_broadcast_filtered", true, FENTRY_LAST),
    ] {
        let mut receive = receive.clone();
        if netfilter {
            receive.insert(5, "nfnetlink_rcv");
        }
        let functions = [vec!["netlink_unicast"], vec![broadcast], vec!["netlink_dump"], receive];
        let expected = functions.map(|functions| (functions, methods));
        assert_eq!(steps(series, &everything), expected, "{series}");
        // Records tell of deliveries, as far as the kernel's compiler left functions to watch.
        let mut within = vec![vec!["__netlink_sendskb"], vec!["netlink_overrun"]];
        within.retain(|functions| facts(series).functions.id(functions[0]).is_some());
        let dump = functions_of(&expected).len() - usize::from(!within.contains(&vec!["__netlink_sendskb"]));
        let found = steps(series, &recorded(Filter::default()));
        assert_eq!(functions_of(&found)[..within.len()], within, "{series}");
        assert_eq!(found.len(), within.len() + dump, "{series}");
    }
}

fn functions_of(steps: &[(Vec<&'static str>, &'static [Method])]) -> Vec<Vec<&'static str>> {
    steps.iter().map(|(functions, _)| functions.clone()).collect()
}

/// A plan whose calls become records.
fn recorded(filter: Filter) -> Plan {
    let outcome = Outcome::Recorded { snaplen: 0, ring_bytes: 4096, deliveries: false, exchanges: false };
    Plan { outcomes: vec![outcome], ..plan(filter, None) }
}

#[test]
fn exchanges_take_hooks_of_their_own_and_every_stage() {
    let outcome = Outcome::Recorded { snaplen: 0, ring_bytes: 4096, deliveries: false, exchanges: true };
    let filter = Filter { stages: vec![Stage::Reply], families: vec![Family::ROUTE], ..Filter::default() };
    let plan = Plan { outcomes: vec![outcome], ..plan(filter, None) };
    let facts = facts("7.3");
    let steps = plan.steps(&facts);
    let found = functions_of(&self::steps("7.3", &plan)).concat();
    for function in [
        "netlink_ack",
        "netlink_extack",
        "skb_free_datagram",
        "contention_begin",
        "netlink_sendmsg",
        "netlink_unicast",
        "netlink_dump",
        "rtnetlink_rcv",
    ] {
        assert!(found.contains(&function), "{function} of {found:?}");
    }
    assert!(!found.contains(&"genl_rcv"), "families are told apart in the kernel: {found:?}");
    // What they tell may be unknown; without the stages there are no exchanges.
    let required = |name| steps.iter().find(|step| step.targets[0].function.name == name).unwrap().required;
    assert!(!required("netlink_ack") && !required("contention_begin") && required("netlink_unicast"));
    let filter = plan.filter_of(outcome);
    assert!(filter.stages.is_empty() && filter.families == [Family::ROUTE]);
}

#[test]
fn deliveries_are_watched_for_those_that_are_told_of_them() {
    let watched = |stages: &[Stage], functions: &[&'static str]| {
        let mut facts = facts("7.3");
        facts.functions = functions.iter().map(|name| (*name, 1)).collect();
        let steps = recorded(Filter { stages: stages.into(), ..Filter::default() }).steps(&facts);
        steps.iter().map(|step| step.targets[0].function.name).collect::<Vec<_>>()
    };
    let all =
        ["netlink_unicast", "netlink_broadcast", "netlink_dump", "__netlink_sendskb", "netlink_overrun"];
    assert_eq!(watched(&[Stage::Reply], &all), ["netlink_unicast"]);
    assert_eq!(watched(&[Stage::Part], &all), ["__netlink_sendskb", "netlink_dump"]);
    assert_eq!(
        watched(&[Stage::Broadcast], &all),
        ["__netlink_sendskb", "netlink_overrun", "netlink_broadcast"]
    );
    // Where what is queued cannot be seen, nothing is known of a dump's parts.
    assert_eq!(watched(&[], &all[..3])[..2], ["netlink_unicast", "netlink_broadcast"]);
    assert!(!watched(&[], &all[..3]).contains(&"netlink_dump"));
}

#[test]
fn what_is_not_built_in_waits_for_its_module() {
    let everything = plan(Filter::default(), None);
    for series in ["6.1", "6.12", "6.15", "6.18", "7.2", "7.3"] {
        let facts = facts(series);
        let modules: Vec<_> = everything.in_modules(&facts).map(|one| one.module).collect();
        let builtin = ["7.2", "7.3"].contains(&series);
        assert!(
            modules.contains(&"nfnetlink") != builtin && modules.contains(&"xfrm_user"),
            "{series}: {modules:?}"
        );
        let route = plan(Filter { families: vec![Family::ROUTE], ..Filter::default() }, None);
        assert_eq!(route.in_modules(&facts).count(), 0, "{series}");
    }
}

#[test]
fn only_what_a_filter_wants_is_watched_and_what_it_names_has_to_be_there() {
    let filter = |families: &[Family], stages: &[Stage]| {
        let filter = Filter { families: families.into(), stages: stages.into(), ..Filter::default() };
        let steps = plan(filter, Some(Method::Kprobe)).steps(&facts("7.3"));
        let names = |step: &Step| step.targets.iter().map(|target| target.function.name).collect::<Vec<_>>();
        steps.iter().map(|step| (names(step), step.required)).collect::<Vec<_>>()
    };
    let route = [Family::ROUTE];
    assert_eq!(filter(&route, &[Stage::Reply]), [(vec!["netlink_unicast"], true)]);
    assert_eq!(filter(&route, &[Stage::Receive]), [(vec!["rtnetlink_rcv"], true)]);
    let all = filter(&route, &[]);
    assert_eq!(all[2], (vec!["netlink_dump"], false), "one of many");
    assert_eq!(all[3], (vec!["rtnetlink_rcv"], false), "one of many");
    assert_eq!(filter(&route, &[Stage::Part]), [(vec!["netlink_dump"], true)]);
    assert_eq!(filter(&[Family::NLTEST], &[Stage::Receive]), [], "in a module");
}

#[test]
fn fentry_comes_first_where_it_sees_every_call() {
    let mut facts = facts("6.12");
    facts.preemptible = false;
    let steps = plan(Filter::default(), None).steps(&facts);
    assert!(steps.iter().all(|step| step.methods == FENTRY_FIRST));
}

#[test]
fn a_method_that_is_asked_for_is_the_only_one() {
    for method in [Method::Fentry, Method::Session, Method::Kprobe] {
        let steps = plan(Filter::default(), Some(method)).steps(&facts("7.3"));
        assert!(steps.iter().all(|step| step.methods == [method]), "{method}");
    }
}

fn timed(max_keys: Option<u32>) -> Outcome {
    Outcome::Timed { max_keys, by: None }
}

#[test]
fn the_objects_have_every_program() {
    let every = Plan {
        outcomes: vec![
            Outcome::Timed { max_keys: None, by: None },
            Outcome::Spanned { max_keys: None, stages: u32::MAX, by: None },
            Outcome::Recorded { snaplen: 0, ring_bytes: 0, deliveries: false, exchanges: true },
            Outcome::Dropped { causes: Causes::of(Cause::ALL), stacks: false, each: false },
        ],
        filter: Filter::default(),
        method: None,
        verbose: false,
        who: false,
        failures: false,
    };
    for Step { outcome, ends, targets, methods, .. } in every.steps(&facts("7.3")) {
        let of_kind = every.outcomes.iter().find(|one| one.kind() == outcome).unwrap();
        let object = aya_obj::Object::parse(object::compiled(*of_kind)).unwrap();
        let ends =
            |both: &[Shell], entry: &[Shell]| if ends == Ends::Both { both.to_vec() } else { entry.to_vec() };
        for (target, method) in
            targets.iter().flat_map(|target| methods.iter().map(move |method| (target, method)))
        {
            let fexit = match outcome {
                OutcomeKind::Dropped => Shell::FexitAny,
                OutcomeKind::Timed | OutcomeKind::Spanned | OutcomeKind::Recorded => {
                    Shell::Fexit(target.function.arguments)
                }
            };
            let shells = match method {
                Method::Fentry => ends(&[Shell::Fentry, fexit], &[Shell::Fentry]),
                Method::Session => ends(&[Shell::Session], &[Shell::Kprobe]),
                Method::Kprobe => ends(&[Shell::Kprobe, Shell::Kretprobe], &[Shell::Kprobe]),
                Method::Tracepoint => vec![Shell::Tracepoint],
            };
            for shell in shells {
                let name = shell.program(target.hook);
                assert!(object.programs.contains_key(&name), "{outcome:?}: {name}");
            }
        }
    }
}
