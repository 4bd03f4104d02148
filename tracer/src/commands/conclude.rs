//! How a command ends.

use std::process::ExitStatus;

use terminal::units::grouped;

use crate::{
    exit::Exit,
    note,
    render::text::{accounting_line, loss_advice, messages_line, unseen_advice},
    session::{End, Live, Session},
};

/// What failed where output could not be written.
pub(super) const STDOUT: &str = "cannot write to standard output";

/// How a command ends whose session came to its end.
pub(super) fn conclude(session: &Session<Live>, end: End, strict: bool) -> anyhow::Result<Exit> {
    let ledger = &session.report().ledger;
    loss_advice(ledger, session.uses_fentry()).iter().for_each(note);
    if session.cut() != 0 {
        note(format_args!(
            "{} datagrams were cut (payload_truncated), because too many calls with large ones were in progress; \
             use a smaller --snaplen or a narrower filter",
            grouped(session.cut())
        ));
    }
    if ledger.hooks.iter().any(|hook| !hook.is_balanced()) {
        anyhow::bail!(
            "the accounting does not add up: {}; this is a bug in nltrace, please report it",
            accounting_line(ledger)
        );
    }
    if let Some(messages) = &session.report().messages {
        unseen_advice(messages).iter().for_each(note);
        if !messages.is_balanced() {
            anyhow::bail!(
                "the messages do not add up: {}; this is a bug in nltrace, please report it",
                messages_line(messages)
            );
        }
    }
    let drop_calls = session.report().drop_calls.unwrap_or_default();
    if !drop_calls.is_balanced() {
        anyhow::bail!(
            "the accounting of drops does not add up: {drop_calls:?}; this is a bug in nltrace, please \
             report it"
        );
    }
    let drop_calls_lost = drop_calls.lost.total();
    if drop_calls_lost != 0 {
        let calls = if drop_calls_lost == 1 { "call that shows" } else { "calls that show" };
        note(format_args!(
            "{} {calls} drops were lost: drops may be missing; nltrace drops says why",
            grouped(drop_calls_lost)
        ));
    }
    if let End::Command(status) = end
        && !status.success()
    {
        note(describe(status));
        return Ok(Exit::Failed);
    }
    let lost = ledger.total().lost.total() + drop_calls_lost;
    Ok(if strict && lost != 0 { Exit::Lost } else { Exit::Done })
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("the command failed: exit status {code}"),
        // "signal: 9 (SIGKILL)"
        None => format!("the command was killed by {}", status.to_string().replace("signal: ", "signal ")),
    }
}
