//! `nltest delay`: has the kernel sleep before it answers.

use serde::Serialize;

use super::Context;
use crate::{
    clock,
    exit::Exit,
    output::{Render, Theme},
};

#[derive(Serialize)]
struct Summary {
    command: &'static str,
    delay_us: u32,
    rtt_ns: u64,
}

impl Render for Summary {
    fn text(&self, theme: Theme) -> String {
        let asked = theme.duration(u64::from(self.delay_us) * 1000);
        format!("The kernel slept {asked}, as requested; round trip {}.\n", theme.duration(self.rtt_ns))
    }
}

pub(super) async fn run(context: &mut Context, usecs: u32) -> anyhow::Result<Exit> {
    let connection = context.connect()?;
    let start = clock::now_ns();
    let delay_us = connection.delay(usecs).await?;
    context.printer.show(&Summary { command: "delay", delay_us, rtt_ns: clock::now_ns() - start })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_both_times() {
        let summary = Summary { command: "delay", delay_us: 2000, rtt_ns: 2_104_000 };
        assert_eq!(
            summary.text(Theme::PLAIN),
            "The kernel slept 2.00 ms, as requested; round trip 2.10 ms.\n"
        );
    }
}
