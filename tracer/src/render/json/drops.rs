//! `drops --json`: one object for the capture, and one for each interval.

use serde::Serialize;

use super::{accounting::AccountingJson, to_json};
use crate::{
    decode::Family,
    model::{
        Report, Watched,
        drops::{Bottleneck, Context, Delivery, DropRow, DropStack, Drops, Episode, LeftOut, Process},
        elsewhere::Elsewhere,
    },
    render::Buffer,
};

#[derive(Serialize)]
struct DropsJson<'a> {
    command: &'static str,
    interval: Option<u64>,
    duration_ns: u64,
    watched: WatchedJson,
    drops: Vec<RowJson>,
    episodes: Vec<EpisodeJson>,
    episodes_lost: u64,
    stacks: Option<Vec<StackJson<'a>>>,
    left_out: LeftOutJson,
    elsewhere: Vec<ElsewhereJson>,
    accounting: AccountingJson,
    attachments: &'a [Watched],
}

#[derive(Serialize)]
struct WatchedJson {
    messages: Option<u64>,
    deliveries: Option<u64>,
}

#[derive(Serialize)]
struct LeftOutJson {
    filtered: u64,
    owner_unknown: u64,
}

impl LeftOutJson {
    fn new(LeftOut { filtered, owner_unknown }: LeftOut) -> Self {
        Self { filtered, owner_unknown }
    }
}

#[derive(Serialize)]
struct ProcessJson {
    pid: u32,
    comm: String,
}

impl ProcessJson {
    fn new(process: &Process) -> Self {
        Self { pid: process.pid, comm: comm(process) }
    }
}

/// What is not UTF-8 becomes the replacement character: JSON has no way to write it.
fn comm(process: &Process) -> String {
    String::from_utf8_lossy(process.name()).into_owned()
}

#[derive(Serialize)]
struct RowJson {
    cause: &'static str,
    delivery: Option<&'static str>,
    family: Option<u8>,
    family_name: Option<&'static str>,
    netns: Option<u32>,
    socket_netns: Option<u32>,
    socket_inode: Option<u64>,
    portid: Option<u32>,
    owners: Vec<ProcessJson>,
    owner_pid: Option<u32>,
    owner_comm: Option<String>,
    sender_pid: Option<u32>,
    sender_comm: Option<String>,
    sender_is_kernel: Option<bool>,
    context: Option<&'static str>,
    exchange: Option<u64>,
    group: Option<u32>,
    group_name: Option<String>,
    r#type: Option<u16>,
    type_name: Option<String>,
    count: u64,
    bytes: Option<u64>,
    first_ts_ns: Option<u64>,
    last_ts_ns: u64,
    first_seq: Option<u32>,
    rcvbuf: Option<u32>,
    rmem: Option<u32>,
    reader_buf: Option<u32>,
    owner_told: Option<u32>,
    in_kernel_drops: bool,
    kernel_drops: Option<(u32, u32)>,
}

impl RowJson {
    fn new(row: &DropRow) -> Self {
        Self {
            cause: row.cause.name(),
            delivery: row.delivery.map(Delivery::name),
            family: row.family.map(Family::number),
            family_name: row.family.map_or(Some("other"), Family::name),
            netns: row.netns,
            socket_netns: row.socket_netns,
            socket_inode: row.socket_inode,
            portid: row.portid,
            owners: row.owners.iter().map(ProcessJson::new).collect(),
            owner_pid: row.owner.map(|owner| owner.pid),
            owner_comm: row.owner.as_ref().map(comm),
            sender_pid: row.sender.map(|sender| sender.pid),
            sender_comm: row.sender.as_ref().map(comm),
            sender_is_kernel: row.delivery.is_some().then_some(row.sender_is_kernel),
            context: row.context.map(Context::name),
            exchange: None,
            group: row.group,
            group_name: row.group_name().map(str::to_owned),
            r#type: row.nlmsg_type,
            type_name: row.type_name(),
            count: row.count,
            bytes: row.bytes,
            first_ts_ns: row.first_ts_ns,
            last_ts_ns: row.last_ts_ns,
            first_seq: row.first_seq,
            rcvbuf: row.rcvbuf,
            rmem: row.rmem,
            reader_buf: row.reader_buf,
            owner_told: row.owner_told,
            in_kernel_drops: row.in_kernel_drops,
            kernel_drops: row.kernel_drops,
        }
    }
}

#[derive(Serialize)]
struct EpisodeJson {
    socket_inode: u64,
    family: u8,
    family_name: Option<&'static str>,
    portid: u32,
    owner_pid: Option<u32>,
    owner_comm: Option<String>,
    begin_ns: u64,
    end_ns: Option<u64>,
    dropped: u64,
    rcvbuf: u64,
    advised_rcvbuf: Option<u64>,
    advised_so_rcvbuf: Option<u64>,
    setting: Option<&'static str>,
    no_buffer_helps: bool,
    reads_per_s: Option<u64>,
    arrivals_per_s: Option<u64>,
}

impl EpisodeJson {
    fn new(episode: &Episode) -> Self {
        let advice = episode.advice;
        let bottleneck = advice.and_then(|advice| advice.bottleneck);
        Self {
            socket_inode: episode.socket_inode,
            family: episode.family.number(),
            family_name: episode.family.name(),
            portid: episode.portid,
            owner_pid: episode.owner.map(|owner| owner.pid),
            owner_comm: episode.owner.as_ref().map(comm),
            begin_ns: episode.begin_ns,
            end_ns: episode.end_ns,
            dropped: episode.dropped,
            rcvbuf: episode.rcvbuf,
            advised_rcvbuf: advice.map(|advice| advice.rcvbuf),
            advised_so_rcvbuf: advice.map(|advice| advice.so_rcvbuf()),
            setting: advice.and_then(|advice| advice.remedy.name()),
            no_buffer_helps: bottleneck.is_some(),
            reads_per_s: bottleneck.map(|Bottleneck { reads_per_s, .. }| reads_per_s),
            arrivals_per_s: bottleneck.map(|Bottleneck { arrivals_per_s, .. }| arrivals_per_s),
        }
    }
}

#[derive(Serialize)]
struct StackJson<'a> {
    cause: &'static str,
    count: u64,
    frames: Option<&'a [String]>,
}

impl<'a> StackJson<'a> {
    fn new(stack: &'a DropStack) -> Self {
        Self { cause: stack.cause.name(), count: stack.count, frames: stack.frames.as_deref() }
    }
}

#[derive(Serialize)]
struct ElsewhereJson {
    counter: &'static str,
    number: Option<u16>,
    portid: Option<u32>,
    total: Option<u64>,
    increase: Option<u64>,
}

impl ElsewhereJson {
    fn new(elsewhere: &Elsewhere) -> Self {
        let reader = elsewhere.counter.reader();
        Self {
            counter: elsewhere.counter.name(),
            number: reader.map(|(number, _)| number),
            portid: reader.map(|(_, portid)| portid),
            total: elsewhere.total,
            increase: elsewhere.increase,
        }
    }
}

/// A line of `trace --json`: drops that are alike, as a row, with its line break.
pub(super) fn drop_json(out: &mut Buffer, row: &DropRow) {
    #[derive(Serialize)]
    struct DropJson {
        event: &'static str,
        #[serde(flatten)]
        row: RowJson,
    }
    out.raw(to_json(&DropJson { event: "drop", row: RowJson::new(row) }).as_bytes());
    out.raw(b"\n");
}

/// The object, without a line break.
pub fn drops_json(report: &Report, drops: &Drops) -> String {
    to_json(&DropsJson {
        command: "drops",
        interval: report.interval,
        duration_ns: report.duration_ns,
        watched: WatchedJson { messages: drops.watched.messages, deliveries: drops.watched.deliveries },
        drops: drops.rows.iter().map(RowJson::new).collect(),
        episodes: drops.episodes.iter().map(EpisodeJson::new).collect(),
        episodes_lost: drops.episodes_lost,
        stacks: drops.stacks.as_ref().map(|stacks| stacks.iter().map(StackJson::new).collect()),
        left_out: LeftOutJson::new(drops.left_out),
        elsewhere: drops.elsewhere.iter().map(ElsewhereJson::new).collect(),
        accounting: AccountingJson::new(&report.ledger),
        attachments: &report.watched,
    })
}

#[cfg(test)]
mod tests;
