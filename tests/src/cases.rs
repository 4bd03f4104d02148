//! Troubles that people reported in public, as small scripts (`tests/cases`), and what nltrace says of each:
//! it equals what the run itself measured, its line `TRUTH`.

use serde_json::Value;

use crate::guest::{Json, Output, nltrace};

/// Runs a script in a network namespace of its own while `nltrace drops` watches.
fn drops_of(script: &str) -> (Value, Value) {
    let command = format!("drops --json -- unshare -n python3 /opt/nltrace/cases/{script}");
    result(&nltrace(&command).run().success())
}

/// nltrace's result, and the script's own. Both write to the same standard output.
fn result(output: &Output) -> (Value, Value) {
    let mut lines = output.stdout.lines().filter(|line| line.starts_with(['{', 'T']));
    let mut find = |what: &str, prefix: &str| {
        let line = lines.find_map(|line| line.strip_prefix(prefix));
        let line = line.unwrap_or_else(|| panic!("no {what} in {}", output.stdout));
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{what}: {error}: {line}"))
    };
    let truth = find("truth", "TRUTH ");
    (find("result", ""), truth)
}

/// The rows of the drops on sockets of a process.
fn rows_of(result: &Value, owner: u64) -> Vec<&Value> {
    let rows = result.list("/drops").iter();
    rows.filter(|row| row.at("/owner_pid").as_u64() == Some(owner)).collect()
}

/// The requests were handled: what was lost are their acknowledgements, on the sender's own socket.
#[test]
fn acknowledgements_overrun_their_own_sender() {
    let (result, truth) = drops_of("02-ack-overflow.py");
    let pid = truth.number("/pid");
    let rows = rows_of(&result, pid);
    let [row] = rows[..] else { panic!("one row was expected: {rows:?}") };
    assert_eq!((row.text("/cause"), row.text("/delivery")), ("overrun", "unicast"));
    assert_eq!((row.text("/family_name"), row.text("/type_name")), ("route", "ERROR"));
    assert_eq!(row.number("/count"), truth.number("/drops"));
    assert_eq!(row.number("/count"), truth.number("/requests") - truth.number("/acks_read"));
    assert_eq!(row.number("/first_seq"), truth.number("/first_lost_seq"));
    assert_eq!((row.number("/sender_pid"), row.number("/portid")), (pid, truth.number("/portid")));
    assert_eq!(row.text("/owner_comm"), "route-writer");
    assert_eq!(*row.at("/kernel_drops/1"), truth.at("/drops").clone());
}

#[test]
fn a_listener_of_uevents_misses_what_a_shell_causes() {
    let command =
        "unshare -nm sh -c 'mount -t sysfs none /sys && python3 /opt/nltrace/cases/03-uevent-overrun.py'";
    let output = nltrace("drops --json --").word("sh").word("-c").word(command).run().success();
    let (result, truth) = result(&output);
    let rows = rows_of(&result, truth.number("/pid"));
    let overrun: Vec<_> = rows.into_iter().filter(|row| row.text("/cause") == "overrun").collect();
    assert_eq!(overrun.iter().map(|row| row.number("/count")).sum::<u64>(), truth.number("/drops"));
    for row in overrun {
        assert_eq!((row.text("/delivery"), row.text("/family_name")), ("multicast", "uevent"));
        assert_eq!((row.text("/owner_comm"), row.text("/sender_comm")), ("usb-watch", "sh"));
        assert_eq!(row.number("/sender_pid"), truth.number("/writer_pid"));
        assert_eq!((row.at("/sender_is_kernel"), row.at("/type")), (&Value::Bool(true), &Value::Null));
    }
}

#[test]
fn a_reply_is_cut_by_its_readers_buffer() {
    let (result, truth) = drops_of("08-msg-trunc.py");
    let rows = rows_of(&result, truth.number("/pid"));
    let [row] = rows[..] else { panic!("one row was expected: {rows:?}") };
    assert_eq!((row.text("/cause"), row.number("/count")), ("truncated", 1));
    assert_eq!(
        (row.number("/bytes"), row.number("/reader_buf")),
        (truth.number("/lost"), truth.number("/buffer"))
    );
    assert_eq!((row.text("/type_name"), row.number("/first_seq")), ("NEWLINK", truth.number("/seq")));
    assert_eq!(row.at("/in_kernel_drops"), &Value::Bool(false));
}
