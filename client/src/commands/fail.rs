//! `nltest fail`: asks for an error, and shows everything that came with it.

use anyhow::bail;
use nltest::{Errno, Refusal};
use serde::Serialize;

use super::Context;
use crate::{
    exit::Exit,
    output::{Render, Theme},
};

#[derive(Serialize)]
struct ErrorReport {
    command: &'static str,
    #[serde(skip)]
    error: Errno,
    errno: i32,
    errno_name: Option<&'static str>,
    extack: Option<String>,
    offset: Option<u32>,
    attribute: Option<String>,
}

impl ErrorReport {
    fn new(refusal: Refusal) -> Self {
        Self {
            command: "fail",
            error: refusal.errno,
            errno: refusal.errno.number(),
            errno_name: refusal.errno.name(),
            attribute: refusal.attribute_name(),
            extack: refusal.message,
            offset: refusal.offset,
        }
    }
}

impl Render for ErrorReport {
    fn text(&self, theme: Theme) -> String {
        let mut text = format!("{}\n", theme.strong(&self.error.to_string()));
        if let Some(extack) = &self.extack {
            text += &format!("extended ACK: {}\n", theme.escape(extack));
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
    if u32::try_from(refusal.errno.number()) != Ok(errno) {
        // Another error than the one asked for: the request itself was refused.
        bail!(nltest::Error::from(refusal));
    }
    context.printer.show(&ErrorReport::new(refusal))?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use nltest::uapi::Attribute;

    use super::*;

    #[test]
    fn shows_what_the_extended_ack_has() {
        let refusal = Refusal {
            errno: Errno::EBUSY,
            message: Some("not\ttoday".to_owned()),
            offset: Some(16),
            attribute: Some(Attribute::Errno.into()),
            missing: None,
        };
        assert_eq!(
            ErrorReport::new(refusal).text(Theme::PLAIN),
            "EBUSY (Device or resource busy)\nextended ACK: not\\ttoday\n\
             at byte 16 of the request: NLTEST_A_ERRNO\n"
        );
        let bare = Refusal::from(Errno::new(4000).unwrap());
        assert_eq!(ErrorReport::new(bare).text(Theme::PLAIN), "errno 4000\n");
    }
}
