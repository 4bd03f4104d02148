//! Reading what the programs counted of drops.

use aya::maps::{Array, HashMap, Map, MapData, MapError, RingBuf, StackTraceMap};
use nltrace_common::{
    Cause, Hook,
    drops::{
        Closing, DropKey, DropRow, EpisodeCounts, EpisodeRecord, GapRecord, NO_PATH, OTHER_ROWS, OtherRow,
        PathKey, ToldDrop, drop_kind, other_row,
    },
};
use zerocopy::FromBytes as _;

use super::{
    Ring, Tallies,
    assemble::RecordError,
    drops::{Attempts, Congestion, DropCounts, DropPath, Dropped, Episode, Gap, OtherDropped, SocketUser},
};
use crate::probes::{Part, ProbeError};

/// Marks what both sides share, for aya.
macro_rules! shared {
    ($($name:ident: $shared:ty;)+) => {
        $(
            #[derive(Clone, Copy)]
            #[repr(transparent)]
            struct $name($shared);

            // SAFETY: plain numbers without padding, `repr(C)`.
            unsafe impl aya::Pod for $name {}
        )+
    };
}

shared! {
    Key: DropKey;
    Row: DropRow;
    Record: EpisodeRecord;
    Between: GapRecord;
    Others: [OtherRow; OTHER_ROWS];
    Counts: EpisodeCounts;
    Closed: Closing;
    Way: PathKey;
}

/// The maps that drops are in.
pub(super) struct DropMaps {
    rows: HashMap<MapData, Key, Row>,
    others: Array<MapData, Others>,
    episodes: HashMap<MapData, u64, Record>,
    gaps: HashMap<MapData, u64, Between>,
    counts: Array<MapData, Counts>,
    closing: HashMap<MapData, u64, Closed>,
    users: HashMap<MapData, u64, Closed>,
    paths: StackTraceMap<MapData>,
    path_counts: HashMap<MapData, Way, u64>,
}

impl DropMaps {
    /// With the ring buffers that begins and ends of episodes and single drops come through.
    pub(super) fn take(part: &mut Part) -> Result<(Self, Ring, Ring), ProbeError> {
        let read = ProbeError::Read;
        let mut hash = |name| Ok::<_, ProbeError>(Map::HashMap(part.take_map(name)?));
        let rows = HashMap::try_from(hash("ROWS")?).map_err(read)?;
        let episodes = HashMap::try_from(hash("EPISODES")?).map_err(read)?;
        let closing = HashMap::try_from(hash("CLOSING")?).map_err(read)?;
        let gaps = HashMap::try_from(Map::LruHashMap(part.take_map("GAPS")?)).map_err(read)?;
        let users = HashMap::try_from(Map::LruHashMap(part.take_map("USERS")?)).map_err(read)?;
        let paths = StackTraceMap::try_from(Map::StackTraceMap(part.take_map("PATHS")?)).map_err(read)?;
        let path_counts = HashMap::try_from(Map::HashMap(part.take_map("PATH_COUNTS")?)).map_err(read)?;
        let mut array = |name| Ok::<_, ProbeError>(Map::Array(part.take_map(name)?));
        let others = Array::try_from(array(".bss.others")?).map_err(read)?;
        let counts = Array::try_from(array(".bss.episodes")?).map_err(read)?;
        let mut ring = |name| {
            let records = Map::RingBuf(part.take_map(name)?);
            Ring::new(RingBuf::try_from(records).map_err(read)?)
        };
        let (congestion, drops) = (ring("EPISODE_RECORDS")?, ring("DROP_RECORDS")?);
        let maps = Self { rows, others, episodes, gaps, counts, closing, users, paths, path_counts };
        Ok((maps, congestion, drops))
    }

    /// All that was counted until now. `tallies` says how much was looked at, at the hooks that `part`
    /// watches.
    pub(super) fn read(&self, part: &Part, tallies: &Tallies) -> Result<DropCounts, ProbeError> {
        let Counts(EpisodeCounts { lost, .. }) = self.counts.get(&0, 0).map_err(ProbeError::Read)?;
        Ok(DropCounts {
            rows: self.rows()?,
            others: self.others()?,
            open: self.open()?,
            gaps: self.gaps()?,
            users: self.users()?,
            paths: self.paths()?,
            episodes_lost: lost,
            attempts: attempts(part, tallies),
        })
    }

    fn rows(&self) -> Result<Vec<Dropped>, ProbeError> {
        let mut rows = Vec::new();
        for entry in self.rows.iter() {
            // One that is there without a count is being made.
            if let Some((Key(key), Row(row))) = present(entry)?
                && row.count != 0
            {
                rows.extend(Dropped::new(&key, &row));
            }
        }
        Ok(rows)
    }

    fn others(&self) -> Result<Vec<OtherDropped>, ProbeError> {
        let Others(others) = self.others.get(&0, 0).map_err(ProbeError::Read)?;
        let both = |cause: Cause| [false, true].map(|in_kernel_drops| (cause, in_kernel_drops));
        let rows = Cause::ALL.into_iter().flat_map(both).map(|(cause, in_kernel_drops)| {
            let row = others[other_row(cause as u8, in_kernel_drops)];
            OtherDropped {
                cause,
                in_kernel_drops,
                count: row.count,
                bytes: row.bytes,
                first_ts_ns: row.first_ts_ns,
                last_ts_ns: row.last_ts_ns,
            }
        });
        Ok(rows.filter(|row| row.count != 0).collect())
    }

    fn open(&self) -> Result<Vec<Episode>, ProbeError> {
        let mut open = Vec::new();
        for entry in self.episodes.iter() {
            let record = present(entry)?.map(|(_, Record(record))| record);
            let is_told = |record: &EpisodeRecord| {
                matches!(record.record, drop_kind::EPISODE_TOLD | drop_kind::EPISODE_GONE)
            };
            open.extend(record.filter(|record| !is_told(record)).map(|record| Episode::from(&record)));
        }
        Ok(open)
    }

    fn gaps(&self) -> Result<Vec<(u64, Gap)>, ProbeError> {
        let mut gaps = Vec::new();
        for entry in self.gaps.iter() {
            let gap = present(entry)?.map(|(inode, Between(record))| (inode, Gap::new(&record)));
            gaps.extend(gap.and_then(|(inode, gap)| Some((inode, gap?))));
        }
        Ok(gaps)
    }

    fn users(&self) -> Result<Vec<SocketUser>, ProbeError> {
        let mut users = Vec::new();
        for entry in self.users.iter() {
            users.extend(present(entry)?.map(|(inode, Closed(user))| (inode, (user.tgid, user.comm))));
        }
        Ok(users)
    }

    fn paths(&self) -> Result<Vec<DropPath>, ProbeError> {
        let mut paths = Vec::new();
        for entry in self.path_counts.iter() {
            let Some((Way(key), count)) = present(entry)? else { continue };
            let cause = u8::try_from(key.cause).ok().and_then(Cause::from_number);
            let stack = (key.path != NO_PATH).then(|| self.paths.get(&key.path, 0)).transpose();
            let stack = stack.map_err(ProbeError::Read)?;
            let addresses = stack.map(|stack| stack.frames().iter().map(|frame| frame.ip).collect());
            paths.extend(cause.map(|cause| DropPath { cause, count, addresses }));
        }
        Ok(paths)
    }

    /// How many sockets were closed with something unread whose memory was not freed yet: they were not
    /// counted yet.
    pub(super) fn closing(&self) -> Result<usize, ProbeError> {
        let mut unread = 0;
        for entry in self.closing.iter() {
            unread += usize::from(present(entry)?.is_some_and(|(_, Closed(closing))| closing.qlen != 0));
        }
        Ok(unread)
    }
}

/// An entry of a map that is read while it changes: one that has gone meanwhile is none.
fn present<T>(entry: Result<T, MapError>) -> Result<Option<T>, ProbeError> {
    match entry {
        Ok(entry) => Ok(Some(entry)),
        Err(MapError::KeyNotFound) => Ok(None),
        Err(error) => Err(ProbeError::Read(error)),
    }
}

fn attempts(part: &Part, tallies: &Tallies) -> Attempts {
    let recorded = |hook: Hook| part.watches(hook).then(|| tallies[hook.number()].counters.recorded);
    let unicasts_and_multicasts = recorded(Hook::Unicast).zip(recorded(Hook::Broadcast));
    Attempts {
        messages: unicasts_and_multicasts.map(|(unicasts, multicasts)| unicasts + multicasts),
        delivered: recorded(Hook::Queue),
    }
}

/// What a record of the ring buffer says.
pub(super) fn congestion(bytes: &[u8]) -> Result<Congestion, RecordError> {
    let kind = bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    let record = EpisodeRecord::ref_from_prefix(bytes).ok();
    record.and_then(|(record, _)| Congestion::new(record)).ok_or(RecordError { len: bytes.len(), kind })
}

/// The drop, or those that are alike, of a record of the other ring buffer.
pub(super) fn told(bytes: &[u8]) -> Result<Dropped, RecordError> {
    let record = ToldDrop::ref_from_prefix(bytes).ok();
    let dropped = record.and_then(|(ToldDrop { key, row, count, bytes }, _)| {
        Dropped::new(key, &DropRow { count: *count, bytes: *bytes, ..*row })
    });
    dropped.ok_or(RecordError { len: bytes.len(), kind: None })
}
