//! `nltrace doctor`: what this kernel and this user can do.

use std::path::Path;

use anyhow::Context as _;

use super::conclude::STDOUT;
use crate::{
    diagnosis::examine,
    exit::Exit,
    options::DoctorOptions,
    render::{json::doctor_json, text::doctor_text},
    sink::print,
};

/// Looks, tries, and prints what was found.
pub(super) fn run(options: &DoctorOptions, root: &Path) -> anyhow::Result<Exit> {
    let diagnosis = examine(root, &options.module_function);
    let text = if options.json { doctor_json(&diagnosis) } else { doctor_text(&diagnosis) };
    print(text.as_bytes()).context(STDOUT)?;
    Ok(if diagnosis.can_capture { Exit::Done } else { Exit::Unable })
}
