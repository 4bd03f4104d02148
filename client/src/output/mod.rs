//! Everything that is printed: as text for people, as JSON for programs.
//!
//! A [`Render`] is data with two faces; making either is a pure function, and only [`Printer`] writes.

mod histogram;
mod latency;
mod progress;
mod theme;

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use nltest::{Errno, Error};
use serde::Serialize;
use terminal::{Patient, escape};

pub(crate) use latency::{Latency, Recorder};
pub(crate) use progress::Progress;
pub(crate) use terminal::Theme;

use crate::cli::{Cli, Command, Global};
use theme::choose;

/// What a command found out.
pub(crate) trait Render: Serialize {
    /// For people: whole lines, each ended.
    fn text(&self, theme: Theme) -> String;
}

/// Writes to standard output.
pub(crate) struct Printer {
    out: BufWriter<Patient<Stdout>>,
    json: bool,
    theme: Theme,
    buffered: bool,
}

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        let out = BufWriter::with_capacity(64 * 1024, Patient::new(io::stdout()));
        Self {
            out,
            json: global.json,
            theme: choose(global.color, io::stdout().is_terminal()),
            buffered: false,
        }
    }

    /// Lines wait in a buffer from now on: for floods.
    pub(crate) fn buffered(&mut self) {
        self.buffered = true;
    }

    pub(crate) fn show(&mut self, item: &impl Render) -> io::Result<()> {
        let text = if self.json { json_line(item)? } else { item.text(self.theme) };
        self.out.write_all(text.as_bytes()).map_err(not_written)?;
        if self.buffered { Ok(()) } else { self.flush() }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush().map_err(not_written)
    }
}

/// A line of JSON, in which nothing is left that a terminal would act on.
pub(crate) fn json_line(item: &impl Serialize) -> serde_json::Result<String> {
    Ok(escape::finished_json(serde_json::to_string(item)?) + "\n")
}

/// The text in a payload, if it is one: UTF-8, one NUL at its end taken off.
pub(crate) fn readable(payload: &[u8]) -> Option<&str> {
    let text = payload.strip_suffix(&[0]).unwrap_or(payload);
    std::str::from_utf8(text).ok()
}

/// An error of the same kind that says what it is about.
pub(crate) fn not_written(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write to standard output: {error}"))
}

/// An error as JSON shows it.
#[derive(Debug, Serialize)]
struct Failure<'a> {
    command: &'a str,
    error: Cause,
}

#[derive(Debug, Serialize)]
struct Cause {
    message: String,
    errno: Option<i32>,
    errno_name: Option<&'static str>,
    extack: Option<String>,
    offset: Option<u32>,
    attribute: Option<String>,
}

impl Cause {
    fn of(error: &anyhow::Error) -> Self {
        let known = error.downcast_ref::<Error>();
        let errno = known.and_then(Error::errno);
        let refusal = match known {
            Some(Error::Refused(refusal)) => Some(refusal),
            _ => None,
        };
        Self {
            message: format!("{error:#}"),
            errno,
            errno_name: errno.and_then(Errno::new).and_then(Errno::name),
            extack: refusal.and_then(|refusal| refusal.message.clone()),
            offset: refusal.and_then(|refusal| refusal.offset),
            attribute: refusal.and_then(|refusal| refusal.attribute_name()),
        }
    }
}

/// Says on standard error what went wrong, and on standard output too where JSON was asked for.
pub(crate) fn report(cli: &Cli, error: &anyhow::Error) {
    let theme = choose(cli.global.color, io::stderr().is_terminal());
    let text = theme.escape(&format!("{error:#}"));
    // Nobody is left to hear about a failure here.
    let _ = writeln!(io::stderr(), "{} {text}", theme.bad("nltest:"));
    if cli.global.json {
        let failure = Failure { command: command_name(&cli.command), error: Cause::of(error) };
        let _ = json_line(&failure).map(|line| Patient::new(io::stdout()).write_all(line.as_bytes()));
    }
}

const fn command_name(command: &Command) -> &'static str {
    match command {
        Command::Send { .. } => "send",
        Command::Listen(_) => "listen",
        Command::Notify { .. } => "notify",
        Command::Ping(_) => "ping",
        Command::Delay { .. } => "delay",
        Command::Burst(_) => "burst",
        Command::Unicast(_) => "unicast",
        Command::Parts(_) => "parts",
        Command::SetErr { .. } => "set-err",
        Command::Fail { .. } => "fail",
        Command::Stats { .. } => "stats",
        Command::Bench(_) => "bench",
        Command::Completions { .. } => "completions",
        Command::Man { .. } => "man",
    }
}

#[cfg(test)]
mod tests {
    use nltest::{Refusal, uapi::Attribute};

    use super::*;

    #[test]
    fn json_stays_json() {
        let text = "\u{9b}31m\u{202e}\n";
        let line = json_line(&text).unwrap();
        assert_eq!(line, "\"\\u009b31m\\u202e\\n\"\n");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }

    #[test]
    fn payloads_are_text_or_not() {
        assert_eq!(readable(b"Hello\0"), Some("Hello"));
        assert_eq!(readable(b"a\0b"), Some("a\0b"));
        assert_eq!(readable(&[0xff, 0xfe]), None);
    }

    #[test]
    fn a_refusal_keeps_its_parts_in_json() {
        let refusal = Refusal {
            errno: Errno::EINVAL,
            message: Some("too \u{1b}[31mlarge".to_owned()),
            offset: Some(24),
            attribute: Some(Attribute::Size.into()),
            missing: None,
        };
        let error = Error::Refused(Box::new(refusal)).into();
        let failure = Failure { command: "burst", error: Cause::of(&error) };
        assert_eq!(
            json_line(&failure).unwrap(),
            "{\"command\":\"burst\",\"error\":{\"message\":\"the kernel refused: EINVAL (Invalid argument): too \
             \\u001b[31mlarge, at byte 24 of the request (NLTEST_A_SIZE)\",\"errno\":22,\"errno_name\":\"EINVAL\",\
             \"extack\":\"too \\u001b[31mlarge\",\"offset\":24,\"attribute\":\"NLTEST_A_SIZE\"}}\n"
        );
    }
}
