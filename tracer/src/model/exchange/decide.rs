//! What came of a request, from what happened within it.

use netlink_wire::{Flags, Header};

use super::{
    Extack, Outcome,
    asked::BatchExtent,
    frame::{Group, GroupStatus},
};
use crate::{
    decode::Family,
    model::{Reason, Sentence},
};

/// What is known of a message of a datagram when its receive function has returned.
#[derive(Debug, Default)]
pub(super) struct Known<'f> {
    pub(super) family: Option<Family>,
    pub(super) header: Option<Header>,
    pub(super) is_well_formed: bool,
    /// What sending it returned where that failed: nobody got it.
    pub(super) not_sent: Option<i32>,
    /// What `netlink_ack` was told last.
    pub(super) reason: Option<&'f Reason>,
    /// The acknowledgement or error itself.
    pub(super) status: Option<GroupStatus>,
    /// What the kernel said last in the middle of it.
    pub(super) text: Option<Sentence>,
    /// Whether there are answers that are neither.
    pub(super) has_replies: bool,
    pub(super) has_dump: bool,
    /// Its place in a batch.
    pub(super) batch: Option<InBatch>,
}

/// A message's place in a batch of nfnetlink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InBatch {
    /// Whether the batch took effect; None: that is not known.
    pub(super) committed: Option<bool>,
    /// Whether the message is behind the batch's end.
    pub(super) is_behind: bool,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) outcome: Outcome,
    pub(super) acked: bool,
    pub(super) error: Option<i32>,
    pub(super) extack: Option<Extack>,
}

impl Decided {
    /// Of a request that has no result.
    pub(super) fn without_result(outcome: Outcome) -> Self {
        Self { outcome, acked: false, error: None, extack: None }
    }
}

/// Decides. A dump is only begun here: [`Outcome::Dump`] is changed when it ended otherwise.
pub(super) fn decide(known: &Known<'_>) -> Decided {
    if let Some(error) = known.not_sent {
        return Decided { error: Some(error), ..Decided::without_result(Outcome::NotSent) };
    }
    let told = known.reason.map(|reason| reason.error).or(known.status.map(|status| status.error));
    let error = told.filter(|error| *error != 0);
    let acked = told == Some(0);
    let extack = extack(known);
    if let Some(error) = error {
        return Decided { outcome: Outcome::Error, acked, error: Some(error), extack };
    }
    let result = |outcome, error| Decided { outcome, acked, error, extack: extack.clone() };
    let acknowledged = acked.then_some(0);
    if !known.is_well_formed {
        return result(Outcome::Malformed, None);
    }
    if let Some(batch) = known.batch {
        if batch.is_behind {
            return result(Outcome::Ignored, acknowledged);
        }
        if batch.committed == Some(false) {
            return result(Outcome::Aborted, acknowledged);
        }
    }
    if known.has_dump {
        return result(Outcome::Dump, None);
    }
    if known.has_replies {
        return result(Outcome::Reply, Some(0));
    }
    if is_ignored(known) {
        return result(Outcome::Ignored, acknowledged);
    }
    if acked {
        return result(Outcome::Ack, Some(0));
    }
    result(Outcome::Silent, Some(0))
}

/// What the kernel said, with what the program was told of that.
fn extack(known: &Known<'_>) -> Option<Extack> {
    let sent = known.status.and_then(|status| status.text);
    let extack = match known.reason {
        Some(reason) => Extack {
            text: reason.text.or(sent),
            offset: reason.bad_attr,
            missing: reason.missing.map(|missing| missing.attribute_type),
            missing_in: reason.missing.and_then(|missing| missing.nest),
            policy: reason.policy,
            delivered: None,
        },
        None if known.status.is_some() => Extack { text: known.text.or(sent), ..Extack::default() },
        None => Extack { text: known.text, ..Extack::default() },
    };
    if extack.is_empty() {
        return None;
    }
    let delivered = known.status.map(|status| status.is_queued && status.has_extack);
    Some(Extack { delivered, ..extack })
}

/// Whether no handler got the message: `netlink_rcv_skb` (net/netlink/af_netlink.c) and the loops like it
/// hand on requests only, and none of a control type.
fn is_ignored(known: &Known<'_>) -> bool {
    /// `NETLINK_ECRYPTFS`, `NETLINK_RDMA`
    const ECRYPTFS: Family = Family::from_number(19);
    const RDMA: Family = Family::from_number(20);

    let looks = matches!(
        known.family,
        Some(
            Family::ROUTE
                | Family::SOCK_DIAG
                | Family::XFRM
                | Family::NETFILTER
                | Family::GENERIC
                | Family::CRYPTO
                | Family::NLTEST
                | ECRYPTFS
                | RDMA
        )
    );
    let Some(header) = known.header.filter(|_| looks) else { return false };
    header.message_type.is_control() && known.family != Some(Family::NLTEST)
        || !header.flags.contains(Flags::REQUEST) && known.batch.is_none_or(|batch| batch.is_behind)
}

/// Whether a batch took effect; None: that is not known. Any error aborts it, and it is not meant to without
/// its end.
pub(super) fn committed(batch: BatchExtent, has_failed: bool, is_malformed: bool) -> Option<bool> {
    if has_failed || is_malformed {
        return Some(false);
    }
    match batch.end {
        Some(_) => Some(true),
        None if batch.is_whole => Some(false),
        None => None,
    }
}

/// The acknowledgement or error among groups of answers to a message, and whether there is anything else.
pub(super) fn sorted<'g>(groups: impl Iterator<Item = &'g Group>) -> (Option<GroupStatus>, bool) {
    groups.fold((None, false), |(status, has_replies), group| match group.status {
        Some(found) => (Some(found), has_replies),
        None => (status, true),
    })
}
