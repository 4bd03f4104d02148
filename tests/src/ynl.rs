//! The YNL specification in the hands of the kernel's own YNL library: valid, and enough to talk with the module.

use serde_json::json;

use crate::guest::{Json, Module, Program};

/// One process for all, as loading the library takes most of the time. Reading the specification checks it.
const SCRIPT: &str = r#"
import json, sys
sys.path.insert(0, "/opt/nltrace/ynl")
from pyynl.lib import NlError, YnlFamily

family = YnlFamily("/opt/nltrace/ynl/specs/nltest.yaml")

def refusal(operation, attributes):
    try:
        return family.do(operation, attributes)
    except NlError as error:
        return {"errno": -error.nl_msg.error, **error.nl_msg.extack}

print(json.dumps({
    "echo": family.do("echo", {"payload": b"hello"})["payload"].decode(),
    "delay": family.do("delay", {"delay-us": 101}),
    "notify": family.do("notify", {}),
    "burst": family.do("burst", {"count": 3, "size": 2}),
    "fail": refusal("fail", {"errno": 16, "text": "as ordered"}),
    "range": refusal("delay", {"delay-us": 1000001}),
    "stats": family.dump("stats", {}),
}, default=lambda value: value.hex()))
"#;

#[test]
fn a_program_that_reads_the_specification_can_ask_for_everything() {
    let _module = Module::load();
    let answers = Program::new("python3").word("-c").word(SCRIPT).run().success().json();
    assert_eq!(answers.text("/echo"), "hello");
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
    assert_eq!(stats.len(), 8, "the namespace, plain text, six commands");
    let echo = stats.iter().find(|row| row.get("command") == Some(&json!(0x10))).expect("a row of ECHO");
    assert_eq!((echo.number("/received"), echo.number("/replied")), (1, 1));
}
