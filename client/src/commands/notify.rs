//! `nltest notify`: asks for a multicast.

use serde::Serialize;

use super::Context;
use crate::{
    exit::Exit,
    output::{Render, Theme},
};

#[derive(Serialize)]
struct Notified<'a> {
    command: &'static str,
    acknowledged: bool,
    text: Option<&'a str>,
}

impl Render for Notified<'_> {
    fn text(&self, _: Theme) -> String {
        "The kernel has sent the notification.\n".to_owned()
    }
}

pub(super) async fn run(context: &mut Context, text: Option<&str>) -> anyhow::Result<Exit> {
    context.connect()?.notify(text.map(str::as_bytes)).await?;
    context.printer.show(&Notified { command: "notify", acknowledged: true, text })?;
    Ok(Exit::Done)
}
