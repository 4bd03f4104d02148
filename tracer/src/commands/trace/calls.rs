//! `trace --calls`: each message of each call.

use terminal::Charset;

use super::Renderer;
use crate::{
    decode::tree::Decoder,
    model::{Event, Report},
    render::{
        Buffer,
        json::{TraceJson, summary_json},
        text::{TraceText, accounting_line, messages_line, trace_heading},
    },
};

/// Calls as JSON, an object a line, or as lines of text.
pub(super) struct Calls {
    /// None: text.
    json: Option<TraceJson>,
    text: TraceText,
}

impl Calls {
    pub(super) fn new(json: bool, start_ns: u64, decoder: Decoder) -> Self {
        Self {
            json: json.then(|| TraceJson::new(decoder.clone())),
            text: TraceText::new(start_ns, Charset::from_environment(), decoder),
        }
    }
}

impl Renderer for Calls {
    /// The thread that writes needs a processor first, and on a busy machine the ring buffer would overflow
    /// before it gets one.
    const WAITING_BYTES: usize = 4 << 20;

    fn heading(&mut self, out: &mut Buffer) {
        if self.json.is_none() {
            trace_heading(out);
        }
    }

    #[inline]
    fn event(&mut self, out: &mut Buffer, event: &Event<'_>) -> u64 {
        let Event::Call(call) = event else { return 0 };
        match &mut self.json {
            Some(json) => json.write(out, call),
            None => self.text.write(out, call),
        }
        1
    }

    fn report(&mut self, report: &Report) -> String {
        match &self.json {
            Some(_) => format!("{}\n", summary_json(report)),
            None => report_text(report, None),
        }
    }
}

/// The end of a capture or of an interval, with something else to say before the accounting.
pub(super) fn report_text(report: &Report, more: Option<String>) -> String {
    let accounting = match report.is_cut {
        true => {
            "what was lost is not known: that stands at the end of a whole recording, of which this is a part"
                .to_owned()
        }
        false => accounting_line(&report.ledger),
    };
    let messages = report.messages.iter().map(messages_line);
    match report.interval {
        Some(number) => {
            let messages = messages.map(|line| format!("; {line}"));
            format!("interval {number}: {accounting}{}\n", messages.collect::<String>())
        }
        None => {
            let lines = more.into_iter().chain(messages).map(|line| format!("{line}\n"));
            format!("\n{}{accounting}\n", lines.collect::<String>())
        }
    }
}
