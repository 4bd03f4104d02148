//! What changed lately, for dumps that say that something did while they ran.

use std::collections::{HashMap, VecDeque};

use super::{Interruption, frame::Span};
use crate::{decode::Family, model::Thread};

/// Changes that are remembered of a family in a namespace, such pairs, and changes that one dump is told of.
const MAX_CHANGES: usize = 1024;
const MAX_PLACES: usize = 64;
const MAX_TOLD: usize = 16;

/// A request that changed something, or a notification that no request caused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    /// When.
    pub(super) span: Span,
    pub(super) exchange: Option<u64>,
    pub(super) who: Thread,
    pub(super) nlmsg_type: u16,
}

/// A part of a dump that says that something changed, and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// From where the part before it began to where this one ended.
    pub(super) span: Span,
    /// The number of the part before it.
    pub(super) part: u64,
}

/// Changes by family and namespace.
#[derive(Debug, Default)]
pub(super) struct Changes {
    places: HashMap<(Family, u32), VecDeque<Change>>,
}

impl Changes {
    pub(super) fn add(&mut self, family: Family, netns: u32, change: Change) {
        if self.places.len() >= MAX_PLACES && !self.places.contains_key(&(family, netns)) {
            // The one where nothing has changed for the longest time.
            let last = |(_, changes): &(&(Family, u32), &VecDeque<Change>)| {
                changes.back().map_or(0, |change| change.span.to_ns)
            };
            if let Some(place) = self.places.iter().min_by_key(last).map(|(place, _)| *place) {
                self.places.remove(&place);
            }
        }
        let changes = self.places.entry((family, netns)).or_default();
        if changes.len() >= MAX_CHANGES {
            changes.pop_front();
        }
        changes.push_back(change);
    }

    /// What changed in the gaps of a dump of `nlmsg_type`: what is of the same kind, or, if there is no such
    /// change, of any.
    pub(super) fn interruptions(
        &self,
        family: Family,
        netns: u32,
        nlmsg_type: u16,
        gaps: &[Gap],
    ) -> Vec<Interruption> {
        let Some(changes) = self.places.get(&(family, netns)) else { return Vec::new() };
        let mut found: Vec<Interruption> = Vec::new();
        for gap in gaps {
            let between = || {
                changes.iter().filter(|change| {
                    change.span.to_ns >= gap.span.from_ns && change.span.from_ns <= gap.span.to_ns
                })
            };
            let alike = between().any(|change| is_alike(family, nlmsg_type, change.nlmsg_type));
            let wanted = between()
                .filter(|change| !alike || is_alike(family, nlmsg_type, change.nlmsg_type))
                .map(|change| Interruption {
                    exchange: change.exchange,
                    who: change.who,
                    nlmsg_type: change.nlmsg_type,
                    part: gap.part,
                });
            for interruption in wanted {
                if found.len() >= MAX_TOLD {
                    return found;
                }
                if !found.contains(&interruption) {
                    found.push(interruption);
                }
            }
        }
        found
    }
}

/// Whether a change is of what is dumped: of rtnetlink's types, four are about the same kind of thing
/// (include/uapi/linux/rtnetlink.h).
fn is_alike(family: Family, dumped: u16, changed: u16) -> bool {
    match family {
        Family::ROUTE => dumped >> 2 == changed >> 2,
        Family::NETFILTER => dumped >> 8 == changed >> 8,
        _ => dumped == changed,
    }
}
