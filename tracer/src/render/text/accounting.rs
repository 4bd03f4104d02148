//! The accounting for people, which ends every output, and what to do about loss.

use terminal::units::grouped;

use crate::model::{Hook, Ledger, Loss, Messages, Unseen};

/// `N hits = N recorded + N filtered + N unmatched + N lost`
pub fn accounting_line(ledger: &Ledger) -> String {
    let total = ledger.total();
    let [hits, recorded, filtered, unmatched, lost] =
        [total.hits, total.recorded, total.filtered, total.unmatched, total.lost.total()].map(grouped);
    let equals = if total.is_balanced() { "=" } else { "!=" };
    format!(
        "{hits} hits {equals} {recorded} recorded + {filtered} filtered + {unmatched} unmatched + {lost} lost"
    )
}

/// `N messages = N shown + N filtered + N lost`
pub fn messages_line(messages: &Messages) -> String {
    let Messages { seen, shown, filtered, lost, unseen: _ } = *messages;
    let equals = if messages.is_balanced() { "=" } else { "!=" };
    let [seen, shown, filtered, lost] = [seen, shown, filtered, lost].map(grouped);
    format!("{seen} messages {equals} {shown} shown + {filtered} filtered + {lost} lost")
}

/// What was not seen of datagrams with several messages; None where that is nothing.
pub fn unseen_advice(messages: &Messages) -> Option<String> {
    let Unseen { datagrams, bytes } = messages.unseen;
    let what =
        if datagrams == 1 { "1 datagram".to_owned() } else { format!("{} datagrams", grouped(datagrams)) };
    (datagrams != 0).then(|| {
        format!(
            "{what} may hold more messages than were seen: {} bytes lie behind the first MiB or in fragments, or had to wait too long",
            grouped(bytes)
        )
    })
}

/// What to do about loss, a line for each cause; and which causes nobody counts. `fentry` says whether a
/// function was watched by fentry.
pub fn loss_advice(ledger: &Ledger, fentry: bool) -> Vec<String> {
    let lost = ledger.total().lost;
    let lines = lost.causes().filter_map(|(cause, lost)| match lost {
        Some(0) => None,
        Some(lost) => {
            let calls = if lost == 1 { "call was" } else { "calls were" };
            Some(format!("{} {calls} lost: {}", grouped(lost), advice(cause, fentry)))
        }
        None => Some(uncounted(ledger, cause)),
    });
    lines.collect()
}

fn advice(cause: Loss, fentry: bool) -> &'static str {
    match cause {
        Loss::NoRoom => {
            "the ring buffer was full; use a larger --ring-size, a smaller --snaplen or a narrower filter"
        }
        Loss::NoMemory => {
            "the kernel gave nltrace no memory for their threads when they began; it does not wait for that, \
             so try again, and use a narrower filter or free memory if it happens again"
        }
        Loss::Skipped if fentry => {
            "nltrace's probe was already running on that CPU, so the kernel skipped it; try --method kprobe"
        }
        Loss::Skipped => {
            "another eBPF program was already running on that CPU, so the kernel skipped nltrace's; stop other tracers"
        }
    }
}

/// At which hooks a cause is not counted.
fn uncounted(ledger: &Ledger, cause: Loss) -> String {
    let hooks = Hook::ALL.into_iter().zip(&ledger.hooks);
    let hooks = hooks.filter(|(_, accounting)| accounting.lost.by(cause).is_none());
    let names: Vec<_> = hooks.map(|(hook, _)| hook.name()).collect();
    format!(
        "calls of the hook {} that the kernel skipped are not counted: at kprobes it counts them since Linux 6.7",
        names.join(" and ")
    )
}

#[cfg(test)]
pub(in crate::render) mod tests {
    use super::*;
    use crate::model::{Accounting, Lost};

    /// With a loss by each cause.
    pub(in crate::render) fn ledger() -> Ledger {
        let lost = Lost::new([Some(37), Some(1), Some(2)]);
        let unicast = Accounting { hits: 12_345, recorded: 12_000, filtered: 300, unmatched: 5, lost };
        let mut ledger = Ledger::default();
        ledger.hooks[Hook::Unicast.number()] = unicast;
        ledger
    }

    #[test]
    fn the_line_is_an_equation_and_says_so_if_it_is_not() {
        let expected = "12,345 hits = 12,000 recorded + 300 filtered + 5 unmatched + 40 lost";
        assert_eq!(accounting_line(&ledger()), expected);
        let mut broken = ledger();
        broken.hooks[0].hits += 1;
        assert!(accounting_line(&broken).starts_with("12,346 hits != 12,000 recorded"));
    }

    #[test]
    fn each_cause_of_loss_comes_with_its_own_advice() {
        let starts = [
            "37 calls were lost: the ring buffer",
            "1 call was lost: the kernel gave nltrace no memory",
            "2 calls were",
        ];
        let advice = loss_advice(&ledger(), true);
        assert_eq!(advice.len(), starts.len());
        assert!(advice.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{advice:?}");
        assert!(advice[0].contains("--ring-size") && advice[2].contains("--method"), "{advice:?}");
        assert!(!loss_advice(&ledger(), false)[2].contains("--method"), "there is nothing better");
        assert_eq!(loss_advice(&Ledger::default(), true), [""; 0]);
    }

    #[test]
    fn what_nobody_counts_is_said_with_its_hooks() {
        let mut ledger = Ledger::default();
        ledger.hooks[Hook::Receive.number()].lost = Lost::new([Some(0), Some(0), None]);
        let advice = loss_advice(&ledger, false);
        let expected = "calls of the hook receive that the kernel skipped are not counted: \
            at kprobes it counts them since Linux 6.7";
        assert_eq!(advice, [expected]);
        ledger.hooks[Hook::Unicast.number()].lost = Lost::new([Some(0), Some(0), None]);
        assert!(loss_advice(&ledger, false)[0].starts_with("calls of the hook unicast and receive that"));
    }
}
