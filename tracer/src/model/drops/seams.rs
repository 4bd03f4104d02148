//! Drops at the seams of episodes.
//!
//! A processor that counts a drop while another one ends its socket's episode, and a third begins the next,
//! counts it in an episode that user space was told of already. Its row has it all the same.

use std::collections::BTreeMap;

use super::{Cause, Episode};

/// Has the episodes of a socket count all of its overruns, given as cause, socket and count. What none of
/// them has belongs to the last but one, at whose end it was dropped; where more is missing than there are
/// seams, episodes were lost, and nothing is put down to others.
pub(super) fn count_seams(
    overruns: impl Iterator<Item = (Cause, Option<u64>, u64)>,
    episodes: &mut [Episode],
) {
    let mut dropped: BTreeMap<u64, u64> = BTreeMap::new();
    for (cause, socket, count) in overruns {
        if let Some(socket) = socket.filter(|_| cause == Cause::Overrun) {
            *dropped.entry(socket).or_default() += count;
        }
    }
    for (socket, dropped) in dropped {
        let mut own: Vec<_> = episodes.iter_mut().filter(|episode| episode.socket_inode == socket).collect();
        own.sort_by_key(|episode| episode.begin_ns);
        let counted: u64 = own.iter().map(|episode| episode.dropped).sum();
        let missing = dropped.saturating_sub(counted);
        let seams = own.len().saturating_sub(1);
        if missing <= seams as u64
            && let [.., before, _] = own.as_mut_slice()
        {
            before.dropped += missing;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Family;

    fn episode(socket_inode: u64, begin_ns: u64, dropped: u64) -> Episode {
        Episode {
            socket_inode,
            family: Family::ROUTE,
            portid: 1,
            owner: None,
            begin_ns,
            end_ns: None,
            last_ns: begin_ns,
            dropped,
            dropped_truesize: 768 * dropped,
            peak: 0,
            rmem_begin: 0,
            rmem_last: 0,
            qlen_begin: 0,
            qlen_last: 0,
            rcvbuf: 4096,
            before: None,
            after: None,
            advice: None,
        }
    }

    fn counted(overruns: u64, episodes: &[u64]) -> Vec<u64> {
        let begins = (0u64..).zip(episodes);
        let mut episodes: Vec<_> = begins.map(|(begin, dropped)| episode(1, begin, *dropped)).collect();
        let rows =
            [(Cause::Overrun, Some(1), overruns), (Cause::Truncated, Some(1), 5), (Cause::Overrun, None, 7)];
        count_seams(rows.into_iter(), &mut episodes);
        episodes.iter().map(|episode| episode.dropped).collect()
    }

    #[test]
    fn what_is_in_a_row_only_was_dropped_at_the_end_of_an_episode() {
        assert_eq!(counted(30, &[10, 9, 10]), [10, 10, 10]);
        assert_eq!(counted(29, &[10, 9, 10]), [10, 9, 10], "nothing is missing");
    }

    #[test]
    fn nothing_is_made_up_where_episodes_are_missing() {
        assert_eq!(counted(40, &[10, 9, 10]), [10, 9, 10]);
        assert_eq!(counted(11, &[10]), [10]);
    }
}
