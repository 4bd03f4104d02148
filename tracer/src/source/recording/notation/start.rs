//! How a recording begins.

use super::{Fact, Fields};

/// The number of the grammar that comments keep to.
pub const SCHEMA: u32 = 1;

/// When, where and how a recording was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The number of the grammar.
    pub schema: u32,
    /// Which recording it is, of which a file may be a part.
    pub recording: Option<u64>,
    /// Which of its files this is, from 1.
    pub file: u32,
    /// nltrace's version.
    pub version: Option<Vec<u8>>,
    /// The kernel's release.
    pub kernel: Option<Vec<u8>>,
    /// What tells this run of the machine from others.
    pub boot_id: Option<Vec<u8>>,
    /// The machine's name.
    pub hostname: Option<Vec<u8>>,
    /// `CLOCK_MONOTONIC` when everything was attached, in nanoseconds.
    pub monotonic_ns: u64,
    /// `CLOCK_REALTIME` at the same time, in nanoseconds since 1970.
    pub realtime_ns: u64,
    /// Bytes that were kept of a message behind its header.
    pub snaplen: Option<u32>,
    /// The families that were recorded, with commas between; None: all.
    pub families: Option<Vec<u8>>,
    /// Whether it was known where messages are queued.
    pub queued: bool,
    /// Whether reads were seen.
    pub reads: bool,
    /// Whether waits for locks were seen.
    pub waits: bool,
    /// Whether drops were watched.
    pub drops: bool,
}

impl Start {
    /// What is added to a time of `CLOCK_MONOTONIC` to get that of `CLOCK_REALTIME`, wrapping.
    pub fn offset_ns(&self) -> u64 {
        self.realtime_ns.wrapping_sub(self.monotonic_ns)
    }
}

impl Fact for Start {
    const KIND: &'static str = "start";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("schema", &mut self.schema);
        fields.maybe("recording", &mut self.recording);
        fields.unless("file", &mut self.file, 1);
        for (key, text) in [
            ("version", &mut self.version),
            ("kernel", &mut self.kernel),
            ("boot_id", &mut self.boot_id),
            ("hostname", &mut self.hostname),
        ] {
            fields.text(key, text);
        }
        fields.number("monotonic_ns", &mut self.monotonic_ns);
        fields.number("realtime_ns", &mut self.realtime_ns);
        fields.maybe("snaplen", &mut self.snaplen);
        fields.text("families", &mut self.families);
        for (key, is_watched) in [
            ("queued", &mut self.queued),
            ("reads", &mut self.reads),
            ("waits", &mut self.waits),
            ("drops", &mut self.drops),
        ] {
            fields.flag(key, is_watched);
        }
    }

    fn blank() -> Self {
        Self::default()
    }
}
