//! `nltest fail`: asks for an error, and shows all that came with it.

use anyhow::bail;
use nltest::{Refusal, errno};
use serde::Serialize;

use super::Context;
use crate::{
    exit::Exit,
    output::{Render, Theme, escape},
};

#[derive(Serialize)]
struct Failed {
    command: &'static str,
    errno: i32,
    errno_name: Option<&'static str>,
    extack: Option<String>,
    offset: Option<u32>,
    attribute: Option<String>,
}

impl Failed {
    fn new(refusal: Refusal) -> Self {
        Self {
            command: "fail",
            errno: refusal.errno,
            errno_name: errno::name(refusal.errno),
            attribute: refusal.attribute_name(),
            extack: refusal.message,
            offset: refusal.offset,
        }
    }
}

impl Render for Failed {
    fn text(&self, theme: Theme) -> String {
        let mut text = format!("{}\n", theme.strong(&errno::describe(self.errno)));
        if let Some(extack) = &self.extack {
            text += &format!("extended ACK: {}\n", escape(extack));
        }
        if let Some(offset) = self.offset {
            let attribute = self.attribute.as_deref().unwrap_or("no attribute");
            text += &format!("at byte {offset} of the request: {attribute}\n");
        }
        text
    }
}

pub(super) async fn run(context: &mut Context, errno: u32, text: Option<&str>) -> anyhow::Result<Exit> {
    let refusal = context.connect()?.fail(errno, text).await?;
    if u32::try_from(refusal.errno) != Ok(errno) {
        // Not the error that was ordered: the request itself was refused.
        bail!(nltest::Error::from(refusal));
    }
    context.printer.show(&Failed::new(refusal))?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_the_extended_ack_has() {
        let refusal = Refusal {
            errno: libc::EBUSY,
            message: Some("not\ttoday".to_owned()),
            offset: Some(16),
            attribute: Some(6),
            missing: None,
        };
        assert_eq!(
            Failed::new(refusal).text(Theme::PLAIN),
            "EBUSY (Device or resource busy)\nextended ACK: not\\ttoday\n\
             at byte 16 of the request: NLTEST_A_ERRNO\n"
        );
        let bare = Refusal { errno: 4000, ..Refusal::default() };
        assert_eq!(Failed::new(bare).text(Theme::PLAIN), "errno 4000\n");
    }
}
