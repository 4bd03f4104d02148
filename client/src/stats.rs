//! The module's counters.

use serde::Serialize;

/// One message of a STATS dump: the counters of the network namespace, or those of one command in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Stats {
    /// The command that the counters belong to, 0 for plain text; `None` for the namespace's own.
    pub command: Option<u32>,
    /// Messages received.
    pub received: u64,
    /// Answers queued to their asker, errors and ACKs not included.
    pub replied: u64,
    /// Multicasts sent.
    pub notified: u64,
    /// Messages answered with an error.
    pub refused: u64,
    /// Datagrams dropped in whole or in part because their headers cannot be followed.
    pub malformed: u64,
    /// Bytes of received messages, headers included.
    pub rx_bytes: u64,
    /// Bytes of answers and notifications, headers included.
    pub tx_bytes: u64,
    /// Messages of bursts that were queued.
    pub delivered: u64,
    /// Messages of bursts and answers that the receiving socket refused.
    pub undelivered: u64,
}
