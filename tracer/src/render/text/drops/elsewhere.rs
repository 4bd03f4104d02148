//! What was lost before it became a netlink message.

use terminal::units::{grouped, plural};

use super::super::wrap::wrap;
use crate::model::elsewhere::{Counter, Elsewhere};

/// A line for each counter that increased, below an empty one; nothing where there is none.
pub(super) fn elsewhere(counters: &[Elsewhere]) -> String {
    let lines: Vec<_> = counters.iter().filter_map(line).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("\nNot netlink messages, but missed as well:\n{}", lines.concat())
}

fn line(counter: &Elsewhere) -> Option<String> {
    let increase = counter.increase.filter(|increase| *increase != 0)?;
    let total =
        counter.total.map_or_else(String::new, |total| format!(", {} since it began", grouped(total)));
    let packets = format!("{} {}", grouped(increase), plural(increase, "packet"));
    let text = match counter.counter {
        Counter::QueueFull { queue, portid } => format!(
            "nfqueue {queue} (port ID {portid}) was full: {packets} lost{total}. A longer queue: \
             NFQA_CFG_QUEUE_MAXLEN."
        ),
        Counter::QueueRefused { queue, portid } => format!(
            "nfqueue {queue} (port ID {portid}) could not pass {packets} on, because its socket was full{total}."
        ),
        Counter::Log { group, portid } => {
            format!("nflog group {group} (port ID {portid}): {packets} lost{total}.")
        }
        Counter::Audit => format!(
            "audit lost {} {}{total}. A longer backlog: auditctl -b.",
            grouped(increase),
            plural(increase, "record")
        ),
    };
    Some(wrap("", 2, &text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_increased_is_shown() {
        let full = Counter::QueueFull { queue: 5, portid: 70 };
        let counter = |counter, total, increase| Elsewhere { counter, total, increase };
        let nothing = [counter(full, Some(9), Some(0)), counter(Counter::Audit, None, None)];
        assert_eq!(elsewhere(&nothing), "");
        let text = elsewhere(&[nothing[0].clone(), counter(full, Some(1_234), Some(1))]);
        let expected = "\nNot netlink messages, but missed as well:\n  \
            nfqueue 5 (port ID 70) was full: 1 packet lost, 1,234 since it began. A longer\n  \
            queue: NFQA_CFG_QUEUE_MAXLEN.\n";
        assert_eq!(text, expected);
    }
}
