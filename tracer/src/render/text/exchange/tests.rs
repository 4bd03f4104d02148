use terminal::Theme;

use super::*;
use crate::model::{
    Symbol,
    exchange::{
        Blocker, BlockingRequest, BusyWith, Interruption, LockWait, Outcome, Times,
        tests::{answered, message, notified, refused, thread},
    },
};

/// A namespace that has a name, and a control group.
struct Named;

impl Surroundings for Named {
    fn cgroup(&mut self, _number: u64) -> Option<&str> {
        Some("/system.slice/frr.service")
    }

    fn netns(&self, inode: u32) -> Option<&str> {
        (inode == 7).then_some("blue")
    }
}

fn written(columns: Option<usize>, theme: Theme, who: bool, line: &Line) -> String {
    let style = ExchangeStyle { theme, columns, who, tree: false };
    let mut out = Buffer::default();
    let lines = ExchangeText::new(0, style, Decoder::default()).write(&mut out, line, &mut Named);
    let text = String::from_utf8(out.rest(0)).unwrap();
    assert_eq!(text.matches('\n').count() as u64, lines, "{text}");
    text
}

fn line(exchange: Exchange) -> String {
    written(None, Theme::PLAIN, false, &Line::Exchange(Box::new(exchange)))
}

#[test]
fn a_line_is_what_one_reads_aloud() {
    assert_eq!(
        line(refused()),
        "   0.000001  asker[20]          route     newroute 10.9.0.0/16 via 1.2.3.4 proto static  ENETUNREACH \"Nexthop has \
         invalid gateway\" (gateway) (gateway is missing)  2.00 ms, kernel\n"
    );
    let (request, outcome) = ("getlink", "1 reply");
    assert_eq!(
        line(answered()),
        format!("   0.000001  asker[20]          route     {request:32}  {outcome:12}  4.00 µs\n")
    );
}

#[test]
fn what_does_not_fit_a_terminal_is_said_below() {
    let text = written(Some(100), Theme::PLAIN, false, &Line::Exchange(Box::new(refused())));
    let lines: Vec<_> = text.lines().collect();
    let [first, second] = lines[..] else { panic!("{text}") };
    assert_eq!(
        first.trim_end(),
        "   0.000001  asker[20]          route     newroute 10.9.0.0/16 via 1…  ENETUNREACH   2.00 ms, kernel"
    );
    assert_eq!(second.trim(), "\"Nexthop has invalid gateway\" (gateway) (gateway is missing)");
}

#[test]
fn where_most_of_the_time_went_is_said() {
    let with = |time: Times, by: &[Blocker]| {
        let text = line(Exchange { time, blocked_by: by.to_vec(), ..answered() });
        text.trim_end().rsplit("  ").next().unwrap().to_owned()
    };
    let second = 1_000_000_000;
    let time = Times {
        kernel_ns: Some(50_000),
        queue_ns: Some(second),
        rtt_ns: Some(second + 60_000),
        lock_ns: Some(0),
        answer_ns: None,
    };
    assert_eq!(with(time, &[]), "1.00 s, unread");
    assert_eq!(with(Times { kernel_ns: Some(second), queue_ns: Some(0), ..time }, &[]), "1.00 s, kernel");
    assert_eq!(with(Times { queue_ns: Some(0), ..time }, &[]), "1.00 s, reader");
    let locked = Times { kernel_ns: Some(second), lock_ns: Some(second), queue_ns: Some(0), ..time };
    let request = Some(BlockingRequest { exchange: 4, family: Family::ROUTE, nlmsg_type: Some(17) });
    let by = Blocker { who: Some(thread(50, b"ip")), netns: Some(7), request, wait_ns: second };
    assert_eq!(with(locked, std::slice::from_ref(&by)), "1.00 s: lock held by ip[50] dellink in netns blue");
    let ioctl = Blocker { request: None, netns: None, ..by };
    assert_eq!(with(locked, &[ioctl]), "1.00 s: lock held by ip[50]");
    assert_eq!(with(locked, &[]), "1.00 s, lock");
    assert_eq!(with(Times::default(), &[]), "1 reply");
}

#[test]
fn outcomes_say_what_matters() {
    let with = |change: &dyn Fn(&mut Exchange)| {
        let mut exchange = Exchange { time: Times::default(), ..answered() };
        change(&mut exchange);
        line(exchange).trim_end().rsplit("  ").next().unwrap().to_owned()
    };
    assert_eq!(with(&|exchange| exchange.outcome = Outcome::Silent), "silent");
    let ack = |exchange: &mut Exchange| {
        exchange.acked = true;
        exchange.answers.messages = 2;
    };
    assert_eq!(with(&ack), "1 reply, ack");
    let dump = |exchange: &mut Exchange| {
        exchange.outcome = Outcome::Dump;
        exchange.answers.messages = 1_534;
        exchange.answers.interrupted = 1;
        exchange.interrupted_by =
            vec![Interruption { exchange: Some(3), who: thread(51, b"ip"), nlmsg_type: 16, part: 2 }];
    };
    assert_eq!(with(&dump), "dump of 1,534, interrupted by ip[50] newlink");
    let busy = |exchange: &mut Exchange| {
        exchange.outcome = Outcome::Error;
        exchange.error = Some(-16);
        exchange.busy_with = Some(BusyWith { exchange: 1, seq: 7, tid: 9 });
    };
    assert_eq!(with(&busy), "EBUSY, the dump of seq 7 is open");
    let not_sent = |exchange: &mut Exchange| {
        exchange.outcome = Outcome::NotSent;
        exchange.error = Some(-90);
    };
    assert_eq!(with(&not_sent), "not sent: EMSGSIZE");
    let lost = |exchange: &mut Exchange| {
        exchange.outcome = Outcome::Ack;
        exchange.answers.dropped = 1;
        exchange.answers.unread = Some(2);
    };
    assert_eq!(with(&lost), "ack, 1 answer dropped, never read");
}

#[test]
fn lines_fit_a_terminal_and_use_what_there_is() {
    let mut long = refused();
    long.request.who.comm = *b"fifteen-bytes-x\0";
    let who = Some(thread(1_234_567, b"systemd-network"));
    long.blocked_by = vec![Blocker { who, netns: None, request: None, wait_ns: 9 }];
    long.time.lock_ns = long.time.kernel_ns;
    long.locks =
        Some(vec![LockWait { name: Some(Symbol::new("rtnl_mutex")), caller: None, wait_ns: 9, waits: 1 }]);
    for columns in [100, 132, 260] {
        let text = written(Some(columns), Theme::PLAIN, false, &Line::Exchange(Box::new(long.clone())));
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{columns}: {text}");
        for wanted in [
            "ENETUNREACH",
            "2.00 ms",
            "invalid gateway",
            "(gateway is missing)",
            "lock held by systemd-network",
        ] {
            assert!(text.contains(wanted), "{columns}: {text}");
        }
        assert_eq!(
            text.lines().count(),
            match columns {
                100 => 3,
                132 => 2,
                _ => 1,
            },
            "{text}"
        );
    }
    let unlimited = line(long);
    assert!(!unlimited.contains('…') && unlimited.lines().count() == 1, "{unlimited}");
}

#[test]
fn columns_stay_whatever_is_in_them() {
    for columns in [None, Some(100), Some(160)] {
        let style = ExchangeStyle { theme: Theme::PLAIN, columns, who: false, tree: false };
        let mut out = Buffer::default();
        exchange_heading(&mut out, style);
        let heading = String::from_utf8(out.rest(0)).unwrap();
        let written = |exchange| written(columns, Theme::PLAIN, false, &Line::Exchange(Box::new(exchange)));
        let short = written(answered());
        for (name, word) in [
            ("PROCESS", "asker"),
            ("FAMILY", "route"),
            ("REQUEST", "getlink"),
            ("OUTCOME", "1 reply"),
            ("TIME", "4.00"),
        ] {
            assert_eq!(text_place(&short, word), text_place(&heading, name), "{short}");
        }
        let mut other = answered();
        other.request.family = Family::SOCK_DIAG;
        if columns.is_none() {
            other.request.captured = message(18, 1, 7, b"");
            other.request.len = 16;
        }
        let other = written(other);
        assert_eq!(text_place(&other, "1 reply"), text_place(&heading, "OUTCOME"), "{other}");
        assert_eq!(text_place(&other, "4.00"), text_place(&heading, "TIME"), "{other}");
    }
}

fn text_place(text: &str, word: &str) -> usize {
    text.find(word).map_or(usize::MAX, |at| text.get(..at).map_or(0, |before| before.chars().count()))
}

#[test]
fn a_notification_says_where_it_got_and_for_what() {
    let unasked = notified();
    let text = written(None, Theme::PLAIN, false, &Line::Unasked(Box::new(unasked.clone())));
    assert!(text.contains("notify newlink"), "{text}");
    assert!(text.ends_with("2 listeners, 1 dropped, group LINK  by its newlink\n"), "{text}");
    let lonely = Unasked { listeners: Some(0), dropped: Some(0), caused_by: None, ..unasked };
    let text = written(None, Theme::PLAIN, false, &Line::Unasked(Box::new(lonely)));
    assert!(text.ends_with("  no listener\n"), "{text}");
}

#[test]
fn a_name_never_breaks_the_table_and_colour_is_for_what_went_wrong() {
    let mut hostile = refused();
    hostile.request.who.comm = *b"a\x1b[2J\n\xff\0\0\0\0\0\0\0\0\0";
    let text = line(hostile.clone());
    assert_eq!(text.matches('\n').count(), 1);
    assert!(text.contains("a\\u{1b}[2J\\n\\xff[20]") && !text.contains('\x1b'), "{text}");
    let theme = Theme::new(true, Charset::Utf8);
    let coloured = |exchange: Exchange| written(None, theme, false, &Line::Exchange(Box::new(exchange)));
    assert!(coloured(hostile).contains("\x1b[1;31mENETUNREACH"));
    assert!(!coloured(answered()).contains('\x1b'));
    let ascii = written(None, Theme::ASCII, false, &Line::Exchange(Box::new(answered())));
    assert!(ascii.is_ascii(), "{ascii}");
}

#[test]
fn who_asked_is_said_on_request() {
    let mut exchange = answered();
    exchange.request.uid = Some(1000);
    exchange.request.cgroup = Some(1);
    exchange.request.netns = 7;
    let text = written(None, Theme::PLAIN, true, &Line::Exchange(Box::new(exchange)));
    assert!(text.ends_with("  uid 1000, frr.service, netns blue, socket 700, port 5000\n"), "{text}");
}

#[test]
fn units_and_containers_have_their_names() {
    let id = "0123456789abcdef".repeat(4);
    assert_eq!(time::unit(&format!("/system.slice/docker-{id}.scope")), "0123456789ab");
    assert_eq!(time::unit(&format!("/docker/{id}")), "0123456789ab");
    assert_eq!(time::unit("/user.slice/user-0.slice/session-1.scope"), "session-1.scope");
    assert_eq!(time::unit("/system.slice/frr.service/inner"), "frr.service");
    assert_eq!(time::unit("/mine"), "/mine");
}

#[test]
fn answers_are_lines_below_where_they_are_wanted() {
    let mut exchange = answered();
    exchange.answer_messages = Some(vec![refused().request]);
    let text = line(exchange);
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().last().unwrap().trim_start().starts_with("<- newroute 10.9.0.0/16"), "{text}");
}

#[test]
fn what_is_left_is_said_at_the_end() {
    let totals =
        ExchangeTotals { shown: 1_234, pending: 1, unread: 3, filtered: 2, ..ExchangeTotals::default() };
    assert_eq!(
        exchanges_line(&totals),
        "1,234 exchanges, 2 left out, 1 not answered yet, 3 answers never read"
    );
    assert_eq!(exchanges_line(&ExchangeTotals { shown: 1, ..ExchangeTotals::default() }), "1 exchange");
}

#[test]
fn what_is_looked_for_is_found_in_requests_answers_and_messages() {
    let mut text = ExchangeText::new(
        0,
        ExchangeStyle { theme: Theme::PLAIN, columns: None, who: false, tree: false },
        Decoder::default(),
    );
    let mut has = |line: &Line, pattern: &str| text.has(line, &pattern.parse().unwrap(), &());
    let mut exchange = answered();
    exchange.answer_messages = Some(vec![refused().request]);
    let exchange = Line::Exchange(Box::new(exchange));
    assert!(has(&exchange, "getlink") && has(&exchange, "10.9.0.0/16") && has(&exchange, "/via 1[.]2/"));
    assert!(!has(&exchange, "10.8.0.0/16") && !has(&exchange, "/^via/"));
    let notified = Line::Unasked(Box::new(notified()));
    assert!(
        has(&notified, "newlink") && !has(&notified, "getlink"),
        "{:?}",
        written(None, Theme::PLAIN, false, &notified)
    );
}

#[test]
fn values_stand_below_the_line_they_belong_to() {
    let style = ExchangeStyle { theme: Theme::PLAIN, columns: None, who: false, tree: true };
    let mut out = Buffer::default();
    let line = Line::Exchange(Box::new(refused()));
    let lines = ExchangeText::new(0, style, Decoder::default()).write(&mut out, &line, &mut Named);
    let text = String::from_utf8(out.rest(0)).unwrap();
    assert_eq!(text.matches('\n').count() as u64, lines, "{text}");
    let values = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert!(values.skip(1).any(|words| words == ["gateway", "1.2.3.4"]), "{text}");
}
