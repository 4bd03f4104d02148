//! The connector's only well-known speaker: processes, linux/cn_proc.h.

use super::{
    attributes::{Part, Walk},
    decoder::Decoder,
    node::Value,
};

impl Decoder {
    /// What a process did, behind the `struct cn_msg` of the connector: `struct proc_event`.
    pub(super) fn process_event<'a>(&self, walk: &mut Walk<'_, 'a>, part: Part<'a>) {
        /// Bytes of a `struct cn_msg`.
        const HEADER_LEN: usize = 20;
        /// `CN_IDX_PROC` and `CN_VAL_PROC`
        const PROCESSES: [u8; 8] = {
            let one = 1u32.to_ne_bytes();
            [one[0], one[1], one[2], one[3], one[0], one[1], one[2], one[3]]
        };
        // Requests are a number alone.
        const EVENT_LEN: usize = 16;
        let event = part.after(HEADER_LEN);
        if part.bytes.first_chunk() != Some(&PROCESSES) || event.bytes.len() < EVENT_LEN {
            return;
        }
        let sets =
            self.tables().flat_map(netlink_specs::Table::specs).filter(|spec| spec.name() == "connector");
        let Some(set) = sets.flat_map(netlink_specs::Spec::sets).find(|set| set.name() == "proc") else {
            return;
        };
        let what = set.named("event").and_then(netlink_specs::Attribute::structure);
        let Some(what) = what else { return };
        if walk.tree.nodes.last().is_some_and(|node| node.is_named("more")) {
            walk.tree.nodes.pop();
        }
        let from = walk.tree.nodes.len();
        let after = walk.header(what, event);
        let kind = walk.tree.nodes.get(from).map(|node| node.value);
        let data = match kind {
            Some(Value::Enum(_, Some(kind))) => set.named(kind).and_then(netlink_specs::Attribute::structure),
            _ => None,
        };
        match data {
            Some(data) => walk.structure(data, after),
            None => walk.more(after),
        }
    }
}
