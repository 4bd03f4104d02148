//! `nltest notify`: has the kernel send a notification.

use serde::Serialize;

use super::Context;
use crate::{
    exit::Exit,
    output::{Render, Theme},
};

#[derive(Serialize)]
struct Acknowledgement<'a> {
    command: &'static str,
    acknowledged: bool,
    text: Option<&'a str>,
}

impl Render for Acknowledgement<'_> {
    fn text(&self, _: Theme) -> String {
        "The kernel has sent the notification.\n".to_owned()
    }
}

pub(super) async fn run(context: &mut Context, text: Option<&str>) -> anyhow::Result<Exit> {
    context.connect()?.notify(text.map(str::as_bytes)).await?;
    context.printer.show(&Acknowledgement { command: "notify", acknowledged: true, text })?;
    Ok(Exit::Done)
}
