//! `nltrace trace`: exchanges, or each message of each call.

mod calls;
mod exchanges;
mod recorded;

use std::path::Path;

use anyhow::Context as _;
use netlink_specs::load;
use terminal::is_broken_pipe;

use self::{calls::Calls, exchanges::Exchanging};
use super::{
    around::{Around, generic},
    conclude::conclude,
};
use crate::{
    decode::tree::Decoder,
    exit::Exit,
    kernel::Identity,
    model::{
        Hook,
        exchange::{Exchanges, Keep, Watching},
    },
    note,
    options::{ExchangeOptions, TraceOptions},
    render::{json::Start, text::accounting_line},
    session::{Session, SessionError, realtime_at},
    sink::{Lines, Output, Renderer},
};

/// Captures until something ends it, and prints what comes.
pub(super) async fn run(options: &TraceOptions, root: &Path) -> anyhow::Result<Exit> {
    if !options.read.is_empty() {
        return recorded::run(options).await;
    }
    let output = Output::new().context("standard output cannot be used")?;
    let own = options.specs.as_deref().map(load).transpose()?;
    let mut decoder = Decoder::new(own.map(|own| own.table));
    let mut options = options.clone();
    // Which calls are wanted is decided at once, which exchanges when they are whole.
    let can_wait = options.exchanges.is_some();
    decoder.generic = generic(&mut options.capture, can_wait)?;
    let options = &options;
    let Some(exchanges) = &options.exchanges else {
        let mut session = Session::trace(options, root)?;
        let calls = Calls::new(options.json, session.start_ns(), decoder);
        let mut sink = Lines::new(calls, output);
        let end = session.run(&mut sink).await;
        if is_cut(&end) {
            let recorded = session.recorded_messages();
            let missing = recorded.saturating_sub(sink.printed());
            note(format_args!("{missing} of {recorded} recorded events were not printed"));
            note(accounting_line(&session.report().ledger));
        }
        return conclude(&session, end?, options.capture.strict);
    };
    let mut around = Around::new(root, decoder.generic.clone());
    let wanted = around.wanted(options, exchanges)?;
    let mut session = Session::trace(options, root)?;
    if let Some((interfaces, before)) = session.take_interfaces() {
        around.watch_interfaces(interfaces, &before);
    }
    let watching = Watching {
        queued: session.watches(Hook::Queue),
        reads: session.watches(Hook::Consume),
        waits: session.watches(Hook::Wait) && session.watches(Hook::WaitEnd),
    };
    let model = Exchanges::new(keep(options, exchanges), watching);
    let start = start(session.start_ns(), root);
    let renderer = Exchanging::new(options, exchanges, &start, (model, wanted, around), decoder);
    let mut sink = Lines::new(renderer, output);
    let end = session.run(&mut sink).await;
    if is_cut(&end) {
        note("not all lines were printed");
        note(accounting_line(&session.report().ledger));
    }
    let exit = conclude(&session, end?, options.capture.strict)?;
    let failed = sink.renderer().totals().failed;
    Ok(if exchanges.fail && failed != 0 && exit == Exit::Done { Exit::Dropped } else { exit })
}

/// What is kept of messages.
fn keep(options: &TraceOptions, exchanges: &ExchangeOptions) -> Keep {
    Keep { answers: exchanges.answers || exchanges.matching.is_some(), deliveries: options.deliveries }
}

/// When and where a capture began.
fn start(start_ns: u64, root: &Path) -> Start {
    let Identity { release, boot_id, hostname } = Identity::read(root);
    let realtime_ns = realtime_at(start_ns);
    Start { kernel: release, boot_id, hostname, monotonic_ns: start_ns, realtime_ns }
}

/// Whether output was discarded that somebody still wanted.
fn is_cut<T>(end: &Result<T, SessionError>) -> bool {
    matches!(end, Err(SessionError::Write(error)) if !is_broken_pipe(error))
}
