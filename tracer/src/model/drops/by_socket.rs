//! Rows by the socket that missed the messages, which is what people ask about.

use std::collections::BTreeMap;

use nltrace_common::Cause;

use super::{DropRow, Drops, Episode, Process, SocketFacts};
use crate::decode::Family;

/// All rows of one socket and one cause; of messages that nobody received, all of one family and port id.
#[derive(Clone, Debug)]
pub struct SocketDrops<'a> {
    /// Inode number of the socket; None: there is none, or it is not known.
    pub socket_inode: Option<u64>,
    /// Why.
    pub cause: Cause,
    /// Netlink family.
    pub family: Option<Family>,
    /// Port id.
    pub portid: Option<u32>,
    /// Who uses the socket.
    pub owner: Option<Process>,
    /// What else is known of it.
    pub facts: Option<&'a SocketFacts>,
    /// Datagrams.
    pub count: u64,
    /// Their bytes, as far as they are known.
    pub bytes: Option<u64>,
    /// The rows, most drops first.
    pub rows: Vec<&'a DropRow>,
    /// The socket's episodes, if the cause is an overrun.
    pub episodes: Vec<&'a Episode>,
}

/// The rows by socket and cause: most drops first.
pub fn by_socket(drops: &Drops) -> Vec<SocketDrops<'_>> {
    let mut groups: BTreeMap<_, Vec<&DropRow>> = BTreeMap::new();
    for row in &drops.rows {
        let receiver = if row.socket_inode.is_none() { (row.family, row.portid) } else { (None, None) };
        groups.entry((row.cause, row.socket_inode, receiver)).or_default().push(row);
    }
    let mut sockets: Vec<_> = groups.into_values().filter_map(|rows| gather(drops, rows)).collect();
    // The sort is stable, and the groups were in order.
    sockets.sort_by_key(|socket| std::cmp::Reverse(socket.count));
    sockets
}

fn gather<'a>(drops: &'a Drops, rows: Vec<&'a DropRow>) -> Option<SocketDrops<'a>> {
    let first = *rows.first()?;
    let episodes = drops
        .episodes
        .iter()
        .filter(|episode| first.cause == Cause::Overrun && first.socket_inode == Some(episode.socket_inode));
    Some(SocketDrops {
        socket_inode: first.socket_inode,
        cause: first.cause,
        family: first.family,
        portid: first.portid,
        owner: rows.iter().find_map(|row| row.owner),
        facts: first.socket_inode.and_then(|inode| drops.sockets.get(&inode)),
        count: rows.iter().map(|row| row.count).sum(),
        bytes: rows.iter().map(|row| row.bytes).sum(),
        episodes: episodes.collect(),
        rows,
    })
}
