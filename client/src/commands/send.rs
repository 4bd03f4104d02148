//! `nltest send`: a plain-text message.

use serde::Serialize;

use super::Context;
use crate::{
    clock,
    exit::Exit,
    output::{Render, Theme},
};

#[derive(Serialize)]
struct Reply {
    command: &'static str,
    reply: String,
    rtt_ns: u64,
    portid: u32,
}

impl Render for Reply {
    fn text(&self, theme: Theme) -> String {
        theme.escape(&self.reply) + "\n"
    }
}

pub(super) async fn run(context: &mut Context, text: &str) -> anyhow::Result<Exit> {
    let connection = context.connect()?;
    let start = clock::now_ns();
    let reply = connection.send_text(text).await?;
    let rtt_ns = clock::now_ns() - start;
    context.printer.show(&Reply { command: "send", reply, rtt_ns, portid: connection.portid() })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_answer_and_nothing_else() {
        let sent = Reply { command: "send", reply: "Hello\x07".to_owned(), rtt_ns: 1, portid: 2 };
        assert_eq!(sent.text(Theme::PLAIN), "Hello\\u{7}\n");
    }
}
