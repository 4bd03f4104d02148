//! `nltest delay`: a handler that sleeps.

use serde::Serialize;

use super::Context;
use crate::{
    clock,
    exit::Exit,
    output::{Render, Theme, duration},
};

#[derive(Serialize)]
struct Delayed {
    command: &'static str,
    delay_us: u32,
    rtt_ns: u64,
}

impl Render for Delayed {
    fn text(&self, _: Theme) -> String {
        let asked = duration(u64::from(self.delay_us) * 1000);
        format!("The handler slept {asked} as asked; round trip {}.\n", duration(self.rtt_ns))
    }
}

pub(super) async fn run(context: &mut Context, usecs: u32) -> anyhow::Result<Exit> {
    let connection = context.connect()?;
    let start = clock::now_ns();
    let delay_us = connection.delay(usecs).await?;
    context.printer.show(&Delayed { command: "delay", delay_us, rtt_ns: clock::now_ns() - start })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_both_times() {
        let delayed = Delayed { command: "delay", delay_us: 2000, rtt_ns: 2_104_000 };
        assert_eq!(delayed.text(Theme::PLAIN), "The handler slept 2.00 ms as asked; round trip 2.10 ms.\n");
    }
}
