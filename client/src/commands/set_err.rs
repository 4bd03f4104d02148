//! `nltest set-err`: an error for every listener, though nothing is dropped.

use nltest::Errno;
use serde::Serialize;

use super::Context;
use crate::{
    exit::Exit,
    output::{Render, Theme},
};

#[derive(Serialize)]
struct Acknowledgement {
    command: &'static str,
    acknowledged: bool,
    errno: u32,
    errno_name: Option<&'static str>,
}

impl Render for Acknowledgement {
    fn text(&self, _: Theme) -> String {
        let errno = self.errno_name.map_or_else(|| format!("errno {}", self.errno), ToOwned::to_owned);
        format!("The next read of each listener fails with {errno}, and nothing was dropped.\n")
    }
}

pub(super) async fn run(context: &mut Context, errno: u32) -> anyhow::Result<Exit> {
    context.connect()?.set_err(errno).await?;
    let errno_name = i32::try_from(errno).ok().and_then(Errno::new).and_then(Errno::name);
    context.printer.show(&Acknowledgement { command: "set-err", acknowledged: true, errno, errno_name })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_that_nothing_is_lost() {
        let told = |errno, errno_name| {
            Acknowledgement { command: "set-err", acknowledged: true, errno, errno_name }.text(Theme::PLAIN)
        };
        assert_eq!(
            told(5, Some("EIO")),
            "The next read of each listener fails with EIO, and nothing was dropped.\n"
        );
        assert!(told(4000, None).contains("fails with errno 4000"));
    }
}
