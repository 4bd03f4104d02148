//! Causes of loss: why a call that should have been recorded was not.

use crate::table::numbered;

numbered! {
    /// What kept a call from being recorded. Those below [`Loss::IN_PROGRAMS`] are counted by the programs,
    /// the others by the kernel.
    Loss {
        /// The ring buffer was full.
        NoRoom = "no_room",
        /// The kernel had no memory for what is kept of a call in progress.
        NoMemory = "no_memory",
        /// The kernel did not run the program.
        Skipped = "skipped",
    }
}

impl Loss {
    /// How many of them the programs count.
    pub const IN_PROGRAMS: usize = Self::Skipped.number();
}
