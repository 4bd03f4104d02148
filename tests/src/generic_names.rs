//! Generic netlink's families and commands, and sock_diag's address families, by name.

use serde_json::Value;

use crate::guest::{
    Exchanged, Json, Netlink, Program, message, nltrace,
    rtnl::{NLM_F_DUMP, NLM_F_REQUEST},
};

/// What `nltrace trace --json` shows while a program runs, which may fail.
fn traced(options: &str, command: &str) -> Exchanged {
    let words = format!("trace --json --ring-size 64M {options} -- sh -c");
    let output = nltrace(&words).word(format!("{command} > /dev/null 2>&1; true")).run();
    Exchanged::of(&output)
}

/// The number of a family, as iproute2's program says.
fn number_of(family: &str) -> u64 {
    let list = Program::new("genl").words("ctrl list").run().success().stdout;
    let mut lines = list.lines().skip_while(|line| line.trim() != format!("Name: {family}"));
    let id = lines.nth(1).unwrap_or_else(|| panic!("{family} in {list}"));
    let id = id.split_whitespace().find_map(|word| word.strip_prefix("0x")).expect("ID: 0x15");
    u64::from_str_radix(id, 16).expect("a number")
}

fn commands<'e>(exchanged: &'e Exchanged, program: &str) -> Vec<(u64, u64)> {
    let of_program = |line: &&'e Value| line.text("/comm") == program;
    let both = |line: &'e Value| (line.number("/type"), line.number("/cmd"));
    exchanged.exchanges().filter(of_program).map(both).collect()
}

#[test]
fn a_family_and_a_command_are_found_by_name() {
    let number = number_of("ethtool");
    let all = traced("-f generic", "ethtool lo");
    let of_family = traced("-f ethtool", "ethtool lo");
    let of_ethtool: Vec<_> =
        commands(&all, "ethtool").into_iter().filter(|(family, _)| *family == number).collect();
    assert!(of_ethtool.len() > 2, "{of_ethtool:?}");
    assert_eq!(commands(&of_family, "ethtool"), of_ethtool);
    assert_eq!(of_family.exchanges().count(), of_ethtool.len(), "and nothing else");
    assert!(of_family.exchanges().all(|line| *line.at("/type_name") == "ethtool"), "{of_family:?}");
    // ETHTOOL_MSG_LINKMODES_GET
    let of_command = traced("-t ethtool/linkmodes_get", "ethtool lo");
    let wanted: Vec<_> = of_ethtool.iter().copied().filter(|(_, command)| *command == 4).collect();
    assert!(!wanted.is_empty());
    assert_eq!(commands(&of_command, "ethtool"), wanted);
}

#[test]
fn histograms_have_the_names_and_the_accounting() {
    let number = number_of("ethtool");
    for (options, is_one) in [("-f ethtool", false), ("-t ethtool/linkmodes_get", true)] {
        let words = format!("hist --json -s request {options} -- sh -c");
        let hist = nltrace(&words).word("ethtool lo > /dev/null 2>&1; true").run().success().json();
        let rows = hist.list("/histograms");
        assert!(!rows.is_empty(), "{hist}");
        for row in rows {
            assert_eq!((row.text("/type_name"), row.number("/type")), ("ethtool", number), "{row}");
            let (command, name) = (row.number("/cmd"), row.text("/cmd_name"));
            assert_eq!(command == 4, name == "linkmodes_get", "{row}");
            assert!(!is_one || command == 4, "{row}");
        }
        let of = |field: &str| hist.number(&format!("/accounting/{field}"));
        let counted: u64 = rows.iter().map(|row| row.number("/count")).sum();
        assert_eq!(of("recorded"), counted);
        assert_eq!(of("hits"), of("recorded") + of("filtered") + of("unmatched") + of("lost"));
    }
}

#[test]
fn sock_diags_requests_are_found_by_address_family() {
    let all = traced("-f sock-diag", "ss -tan");
    let of_inet6 = traced("-f sock-diag -t inet6", "ss -tan");
    let families = |exchanged: &Exchanged| {
        let first_byte = |line: &Value| line.text("/payload").get(..2).map(str::to_owned);
        exchanged.exchanges().filter_map(first_byte).collect::<Vec<_>>()
    };
    assert_eq!(families(&all), ["02", "0a"]);
    assert_eq!(families(&of_inet6), ["0a"]);
}

#[test]
fn a_family_that_is_not_there_is_said() {
    let refused = nltrace("trace -f generic/nosuch -d 1").run().exits(3);
    refused.said("generic netlink has no family nosuch at present").said("genl ctrl list");
}

/// A module that comes during the capture, and goes.
#[test]
fn a_family_that_is_registered_later_is_found_by_name() {
    let script =
        "modprobe l2tp_netlink; ip l2tp show tunnel; status=$?; rmmod l2tp_netlink l2tp_core; exit $status";
    let capture = nltrace("trace --json -f generic/l2tp --wait -- sh -c").word(script);
    let output = capture.run().success();
    let output = output.said("generic netlink has no family l2tp at present");
    let exchanged = Exchanged::of(&output);
    assert!(exchanged.exchanges().count() > 0, "{output:?}");
    assert!(exchanged.exchanges().all(|line| *line.at("/type_name") == "l2tp"), "{exchanged:?}");
    assert!(exchanged.exchanges().all(|line| line.text("/comm") == "ip"), "{exchanged:?}");
}

#[test]
fn drops_and_notifications_have_the_names() {
    let number = number_of("ethtool") as u16;
    // ETHTOOL_MSG_FEATURES_GET, of all interfaces: ETHTOOL_A_FEATURES_HEADER is an empty nest.
    let asked = [11, 1, 0, 0, 4, 0, 1, 0x80];
    let request = message(24, number, NLM_F_REQUEST | NLM_F_DUMP, 1, &asked);
    let drops = nltrace("drops --json -f generic").start().listening();
    drop_unread(&request);
    let drops = drops.interrupt().success().json();
    let row = drops.list("/drops").iter().find(|row| row.number("/type") == u64::from(number));
    let row = row.unwrap_or_else(|| panic!("no row: {:?}", drops.list("/drops")));
    assert_eq!((row.text("/cause"), row.text("/type_name")), ("closed_unread", "ethtool"), "{row}");
    let exchanged = traced("-f generic", "ethtool -K lo gro off; ethtool -K lo gro on");
    let notified: Vec<_> = exchanged.unasked("ethtool");
    assert!(notified.iter().all(|line| *line.at("/group_name") == "ethtool/monitor"), "{notified:?}");
    assert!(!notified.is_empty(), "{exchanged:?}");
}

/// Sends a request, and closes the socket with its answer in the queue.
fn drop_unread(request: &[u8]) {
    let socket = Netlink::listening(libc::NETLINK_GENERIC as u8, 0);
    socket.send(0, 0, request).expect("sent");
}
