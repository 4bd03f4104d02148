//! The module's counters.

use serde::Serialize;

/// One message of a STATS dump: the counters of the network namespace, or those of one command in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Stats {
    /// The command that the counters belong to, 0 for plain text; `None` for the namespace's own.
    pub command: Option<u32>,
    /// Messages received.
    pub received: u64,
    /// Answers queued to the sender of the request, errors and ACKs not included.
    pub replied: u64,
    /// Multicasts sent.
    pub notified: u64,
    /// Messages answered with an error.
    pub refused: u64,
    /// Datagrams of which a part was dropped because a header in them was malformed.
    pub malformed: u64,
    /// Bytes of received messages, headers included.
    pub rx_bytes: u64,
    /// Bytes of what was sent to sockets and of multicasts, headers included.
    pub tx_bytes: u64,
    /// Messages of bursts that somebody got; to a single socket, also those that its socket filter refused.
    pub delivered: u64,
    /// Messages of bursts and answers that nobody got: the receive buffer was full, nobody listens or has the
    /// portid, or every listener's socket filter refused them.
    pub undelivered: u64,
}
