//! `nltrace doctor`.

use crate::{cli::DoctorArgs, exit::Exit};

pub(super) fn run(_args: &DoctorArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("not yet")
}
