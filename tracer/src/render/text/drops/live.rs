//! A line when a socket begins to drop every message, and when it receives again.

use std::fmt::Write as _;

use terminal::{Theme, units::grouped};

use super::names;
use crate::model::drops::{Event, Notice};

/// Lines in a second at most: a reader that is slightly too slow has thousands of episodes.
const LINES_A_SECOND: u64 = 20;

/// Makes lines of notices, and leaves some out where there are too many.
#[derive(Clone, Debug)]
pub struct LiveLines {
    theme: Theme,
    start_ns: u64,
    /// The second of the last line, and how many it had.
    second: u64,
    lines: u64,
    left_out: u64,
}

impl LiveLines {
    /// For a capture that began at `start_ns`.
    pub fn new(theme: Theme, start_ns: u64) -> Self {
        Self { theme, start_ns, second: 0, lines: 0, left_out: 0 }
    }

    /// The lines of a notice: none or one, and one more that says how many were left out before it.
    pub fn lines(&mut self, notice: &Notice) -> String {
        let since_start = notice.at_ns.saturating_sub(self.start_ns);
        let second = since_start / 1_000_000_000;
        if second != self.second {
            (self.second, self.lines) = (second, 0);
        }
        self.lines += 1;
        if self.lines > LINES_A_SECOND {
            self.left_out += 1;
            return String::new();
        }
        let mut text = self.left_out_line();
        let seconds = since_start as f64 / 1e9;
        let family = notice.family.label();
        let socket = notice.socket_inode;
        let owner = notice.owner.map_or_else(String::new, |owner| names::process(owner, self.theme) + ", ");
        let event = match notice.event {
            Event::Begins { rmem, rcvbuf } => self.theme.bad(&format!(
                "full ({} of {} bytes), drops messages",
                grouped(rmem),
                grouped(rcvbuf)
            )),
            Event::Ends { length_ns, dropped } => self.theme.good(&format!(
                "receives again after {}, {} dropped",
                self.theme.duration(length_ns),
                grouped(dropped)
            )),
        };
        let _ = writeln!(text, "{seconds:>11.6} {owner}{family} socket {socket}: {event}");
        text
    }

    /// Says how many lines were left out since the last time; nothing if none was.
    pub fn left_out_line(&mut self) -> String {
        match std::mem::take(&mut self.left_out) {
            0 => String::new(),
            1 => format!("{:>12}1 line left out\n", ""),
            count => format!("{:>12}{} lines left out\n", "", grouped(count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode::Family, model::drops::tests::process};

    fn notice(at_ns: u64, event: Event) -> Notice {
        Notice {
            at_ns,
            socket_inode: 20_154,
            family: Family::UEVENT,
            portid: 7,
            owner: Some(process(612, b"usb\x1b[2Jwatch")),
            event,
        }
    }

    const ENDS: Event = Event::Ends { length_ns: 10_000_000, dropped: 1_280 };

    #[test]
    fn a_line_says_when_whose_and_what() {
        let mut live = LiveLines::new(Theme::PLAIN, 1_000_000_000);
        let begins = notice(1_123_456_789, Event::Begins { rmem: 16_640, rcvbuf: 16_384 });
        assert_eq!(
            live.lines(&begins),
            "   0.123457 usb\\u{1b}[2Jwatch (612), uevent socket 20154: full (16,640 of 16,384 bytes), drops messages\n"
        );
        let expected = "   2.000000 uevent socket 20154: receives again after 10.0 ms, 1,280 dropped\n";
        assert_eq!(live.lines(&Notice { owner: None, ..notice(3_000_000_000, ENDS) }), expected);
        let mut coloured = LiveLines::new(Theme::new(true, terminal::Charset::Utf8), 0);
        assert!(coloured.lines(&begins).contains("\x1b[1;31mfull ("));
    }

    #[test]
    fn lines_are_left_out_where_there_are_too_many_and_that_is_said() {
        let mut live = LiveLines::new(Theme::PLAIN, 0);
        let lines: Vec<_> = (0..100).map(|n| live.lines(&notice(n * 1_000_000, ENDS))).collect();
        assert_eq!(lines.iter().filter(|line| !line.is_empty()).count(), 20);
        let next = live.lines(&notice(1_000_000_000, ENDS));
        assert!(next.starts_with("            80 lines left out\n   1.000000 "), "{next}");
        assert_eq!(live.left_out_line(), "");
    }
}
