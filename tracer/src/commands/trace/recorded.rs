//! `trace -r`: exchanges of a recording.

#[cfg(test)]
mod tests;

use anyhow::Context as _;
use netlink_specs::load;

use super::{Exchanging, keep};
use crate::{
    commands::around::Around,
    decode::tree::Decoder,
    exit::Exit,
    model::{
        Hook,
        exchange::{Exchanges, Watching},
    },
    note,
    options::{ExchangeOptions, TraceOptions},
    render::json::Start,
    session::Replay,
    sink::{Lines, Output},
    source::recording::notation::Start as Recorded,
};

/// Shows what was recorded.
pub(super) async fn run(options: &TraceOptions) -> anyhow::Result<Exit> {
    let output = Output::new().context("standard output cannot be used")?;
    let own = options.specs.as_deref().map(load).transpose()?;
    let decoder = Decoder::new(own.map(|own| own.table));
    let exchanges = &options.exchanges.clone().unwrap_or_default();
    let mut has_drops = ExchangeOptions::has_drops(exchanges);
    if has_drops && exchanges.cgroup.is_some() {
        note(
            "drops are left out with --cgroup: a recording does not have the control groups of who sent or \
             missed a message",
        );
        has_drops = false;
    }
    let mut replay = Replay::open(&options.read, &options.capture.filter, has_drops)?;
    let around = Around::recorded();
    let wanted = around.wanted(options, exchanges)?;
    let watching = Watching {
        queued: replay.watches(Hook::Queue),
        reads: replay.watches(Hook::Consume),
        waits: replay.watches(Hook::Wait),
    };
    let model = Exchanges::new(keep(options, exchanges), watching);
    let start = start(replay.start());
    let renderer = Exchanging::new(options, exchanges, &start, (model, wanted, around), decoder);
    let mut sink = Lines::new(renderer, output);
    let failed = replay.run(&mut sink).await?;
    if sink.renderer().is_awaited() {
        let family = options.capture.filter.generic.as_deref().unwrap_or_default();
        note(format_args!("generic netlink had no family {family} when this was recorded"));
    }
    if let Some(failed) = failed {
        return Err(failed.into());
    }
    let failed = sink.renderer().totals().failed;
    Ok(if exchanges.fail && failed != 0 { Exit::Dropped } else { Exit::Done })
}

/// When and where it was recorded.
fn start(recorded: &Recorded) -> Start {
    let text =
        |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    Start {
        kernel: text(&recorded.kernel),
        boot_id: text(&recorded.boot_id),
        hostname: text(&recorded.hostname),
        monotonic_ns: recorded.monotonic_ns,
        realtime_ns: recorded.realtime_ns,
    }
}
