//! The YNL specification, read by the kernel's own YNL library: it is valid, and enough to use every command.

use serde_json::json;

use crate::guest::{Json, Module, Program};

/// One process for all, as loading the library takes most of the time. Reading the specification checks it.
const SCRIPT: &str = r#"
import json, sys
sys.path.insert(0, "/opt/nltrace/ynl")
from pyynl.lib import NlError, YnlFamily

family = YnlFamily("/opt/nltrace/ynl/specs/nltest.yaml")

def refusal(operation, attributes, ask=family.do):
    try:
        return ask(operation, attributes)
    except NlError as error:
        return {"errno": -error.nl_msg.error, **error.nl_msg.extack}

gather = family.consts["f-gather"]["value"]

print(json.dumps({
    "echo": family.do("echo", {"payload": b"hello"})["payload"].decode(),
    "gathered": family.do_multi([("echo", {"payload": bytes([i])}, [gather]) for i in range(3)]),
    "delay": family.do("delay", {"delay-us": 101}),
    "notify": family.do("notify", {}),
    "burst": family.do("burst", {"count": 3, "size": 2}),
    "fail": refusal("fail", {"errno": 16, "text": "as ordered"}),
    "range": refusal("delay", {"delay-us": 1000001}),
    "stats": family.dump("stats", {}),
    "portid": family.do("burst", {"count": 3, "portid": 0x7fffffff}),
    "parts": family.dump("parts", {"count": 3, "size": 2}),
    "failed": refusal("parts", {"count": 3, "errno": 5}, family.dump),
    "stalled": refusal("parts", {"count": 3, "errno": 5, "stall": True}, family.dump),
    "set_err": family.do("set-err", {"errno": 5}),
}, default=lambda value: value.hex()))
"#;

#[test]
fn a_program_that_reads_the_specification_can_ask_for_everything() {
    let _module = Module::load();
    let answers = Program::new("python3").word("-c").word(SCRIPT).run().success().json();
    assert_eq!(answers.text("/echo"), "hello");
    assert_eq!(*answers.at("/gathered"), json!([{"payload": "00"}, {"payload": "01"}, {"payload": "02"}]));
    assert_eq!(*answers.at("/delay"), json!({"delay-us": 101}));
    assert!(answers.at("/notify").is_null(), "a NOTIFY has nothing but its ACK");
    let burst = answers.list("/burst");
    assert_eq!(burst.len(), 4);
    assert_eq!(burst[1], json!({"count": 2, "payload": "0000"}));
    assert_eq!(burst[3], json!({"delivered": 3, "undelivered": 0}));
    assert_eq!(answers.number("/fail/errno"), libc::EBUSY as u64);
    assert_eq!(answers.text("/fail/msg"), "as ordered");
    assert_eq!(answers.text("/fail/bad-attr"), ".errno");
    assert_eq!(answers.number("/range/errno"), libc::ERANGE as u64);
    assert_eq!(answers.text("/range/bad-attr"), ".delay-us");
    assert_eq!(answers.number("/range/policy/max-value"), 1_000_000);
    let stats = answers.list("/stats");
    assert_eq!(stats.len(), 10, "the namespace, plain text, eight commands");
    let echo = stats.iter().find(|row| row.get("command") == Some(&json!(0x10))).expect("a row of ECHO");
    assert_eq!((echo.number("/received"), echo.number("/replied")), (4, 4));
    assert_eq!(*answers.at("/portid"), json!({"delivered": 0, "undelivered": 3}), "nobody has this portid");
    let parts = answers.list("/parts");
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[2], json!({"count": 3, "payload": "0000"}));
    assert_eq!(answers.number("/failed/errno"), libc::EIO as u64);
    assert_eq!(answers.number("/stalled/errno"), libc::EINVAL as u64, "errno and stall exclude each other");
    assert!(answers.at("/set_err").is_null(), "a SET_ERR has nothing but its ACK");
}
