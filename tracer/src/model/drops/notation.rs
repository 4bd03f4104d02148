//! A row as a fact of a recording.

use nltrace_common::Cause;

use super::{DropRow, GenericNames, Process};
use crate::{
    decode::Family,
    source::recording::notation::{Fact, Fields},
};

impl Fact for DropRow {
    const KIND: &'static str = "drop";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.known_word("cause", &mut self.cause);
        fields.word("delivery", &mut self.delivery);
        let mut family = self.family.map(Family::number);
        fields.maybe("family", &mut family);
        self.family = family.map(Family::from_number);
        fields.maybe("netns", &mut self.netns);
        fields.maybe("socket_netns", &mut self.socket_netns);
        fields.maybe("socket", &mut self.socket_inode);
        fields.maybe("portid", &mut self.portid);
        let mut owners = (!self.owners.is_empty()).then(|| joined(&self.owners));
        fields.text("owners", &mut owners);
        self.owners = owners.map_or_else(Vec::new, |owners| parted(&owners));
        process(fields, ["owner_pid", "owner_comm"], &mut self.owner);
        process(fields, ["sender_pid", "sender_comm"], &mut self.sender);
        fields.flag("sender_is_kernel", &mut self.sender_is_kernel);
        fields.word("context", &mut self.context);
        fields.maybe("group", &mut self.group);
        fields.maybe("type", &mut self.nlmsg_type);
        fields.number("count", &mut self.count);
        fields.maybe("bytes", &mut self.bytes);
        fields.maybe("first_ts_ns", &mut self.first_ts_ns);
        fields.number("last_ts_ns", &mut self.last_ts_ns);
        fields.maybe("first_seq", &mut self.first_seq);
        fields.maybe("rcvbuf", &mut self.rcvbuf);
        fields.maybe("rmem", &mut self.rmem);
        fields.maybe("reader_buf", &mut self.reader_buf);
        fields.maybe("owner_told", &mut self.owner_told);
        fields.flag("in_kernel_drops", &mut self.in_kernel_drops);
        let mut drops = (self.kernel_drops.map(|drops| drops.0), self.kernel_drops.map(|drops| drops.1));
        fields.maybe("kernel_drops_first", &mut drops.0);
        fields.maybe("kernel_drops_last", &mut drops.1);
        self.kernel_drops = drops.0.zip(drops.1);
    }

    fn blank() -> Self {
        Self {
            cause: Cause::Overrun,
            delivery: None,
            family: None,
            netns: None,
            socket_netns: None,
            socket_inode: None,
            portid: None,
            owners: Vec::new(),
            owner: None,
            sender: None,
            sender_is_kernel: false,
            context: None,
            group: None,
            nlmsg_type: None,
            count: 0,
            bytes: None,
            first_ts_ns: None,
            last_ts_ns: 0,
            first_seq: None,
            rcvbuf: None,
            rmem: None,
            reader_buf: None,
            owner_told: None,
            in_kernel_drops: false,
            kernel_drops: None,
            generic: GenericNames::default(),
        }
    }
}

fn process(fields: &mut impl Fields, [pid_key, comm_key]: [&'static str; 2], process: &mut Option<Process>) {
    let mut pid = process.map(|process| process.pid);
    let mut comm = process.map_or([0; 16], |process| process.comm);
    fields.maybe(pid_key, &mut pid);
    if pid.is_some() {
        fields.comm(comm_key, &mut comm);
    }
    *process = pid.map(|pid| Process { pid, comm });
}

/// Processes as `PID:NAME`, with NULs between, which no name has.
fn joined(processes: &[Process]) -> Vec<u8> {
    let mut text = Vec::new();
    for (index, process) in processes.iter().enumerate() {
        text.extend_from_slice(if index == 0 { b"" } else { b"\0" });
        text.extend_from_slice(process.pid.to_string().as_bytes());
        text.push(b':');
        text.extend_from_slice(process.name());
    }
    text
}

fn parted(text: &[u8]) -> Vec<Process> {
    let process = |text: &[u8]| {
        let at = text.iter().position(|byte| *byte == b':')?;
        let pid = str::from_utf8(&text[..at]).ok()?.parse().ok()?;
        let name = &text[at + 1..];
        let mut comm = [0; 16];
        let len = name.len().min(comm.len() - 1);
        comm[..len].copy_from_slice(&name[..len]);
        Some(Process { pid, comm })
    };
    text.split(|byte| *byte == 0).filter_map(process).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::drops::tests::{acks, multicast},
        source::recording::notation::{Comment, Line, Tokens},
    };

    #[test]
    fn a_row_comes_back() {
        let other = Process { pid: u32::MAX, comm: *b"a:b\"\xff\0\0\0\0\0\0\0\0\0\0\0" };
        let several = DropRow { owners: vec![other, other], ..multicast() };
        let unknown = DropRow { kernel_drops: Some((1, 2)), ..DropRow::blank() };
        for row in [acks(), multicast(), several, unknown] {
            let mut text = Vec::new();
            Comment::write(&mut text, &Tokens::default(), Some(1), &mut row.clone());
            assert_eq!(Line::parse(&text).unwrap().fact(), Ok(row), "{}", String::from_utf8_lossy(&text));
        }
    }
    /// A cause that was added later is none of these.
    #[test]
    fn a_cause_that_is_not_known_makes_no_row() {
        let row = |cause: &str| {
            let text = format!("nltrace: drop n=1{cause} count=1 last_ts_ns=1");
            Line::parse(text.as_bytes()).unwrap().fact::<DropRow>().map_err(|error| error.to_string())
        };
        assert_eq!(row(" cause=later").unwrap_err(), "cause has a value that it cannot have");
        assert_eq!(row("").unwrap_err(), "cause is missing");
    }
}
