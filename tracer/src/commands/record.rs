//! `nltrace record`: everything into a file that Wireshark opens too.

use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
    io::IsTerminal as _,
    path::Path,
};

use anyhow::{Context as _, bail};
use terminal::units::grouped;

use super::{around::Around, conclude::conclude};
use crate::{
    decode::{Family, tree::GenericFamilies},
    exit::Exit,
    kernel::Identity,
    model::{
        Hook,
        exchange::{Exchanges, Keep, Watching},
    },
    note,
    options::RecordOptions,
    render::{
        pcapng::Recorder,
        text::{accounting_line, messages_line},
    },
    session::{End, Live, Session, SessionError, realtime_at},
    sink::{Recording, Written, recording_output},
    source::{
        family_messages,
        recording::notation::{SCHEMA, Start},
    },
};

/// Captures until something ends it, and writes what comes.
pub(super) async fn run(options: &RecordOptions, root: &Path) -> anyhow::Result<Exit> {
    check(&options.output)?;
    let is_new = !options.output.exists();
    let output = recording_output(&options.output, &options.limits)
        .with_context(|| format!("cannot write to {}", options.output.display()))?;
    let families = families(options);
    let mut session = match Session::record(options, root) {
        Ok(session) => session,
        Err(error) => {
            if is_new && !options.limits.are_several() {
                // Nobody wants an empty file; where there is none, there is nothing to say.
                let _ = fs::remove_file(&options.output);
            }
            return Err(error.into());
        }
    };
    let mut around = Around::new(root, GenericFamilies::default());
    let mut before = Vec::new();
    if let Some((interfaces, listed)) = session.take_interfaces() {
        // Where rtnetlink's messages are not recorded, none tells of changes.
        around.record_interfaces(interfaces, !options.capture.filter.wants_family(Family::ROUTE));
        before = listed;
    }
    let recorder = Recorder::new(start(options, &session, root), families.clone(), before);
    let exchanges = Exchanges::new(Keep::default(), watching(&session));
    let mut sink = Recording::new(recorder, exchanges, around, output, options.limits);
    let end = session.run(&mut sink).await;
    said(options, &session, sink.written(), &end);
    conclude(&session, end?, options.capture.strict)
}

/// Refuses what can be no recording, with what to do.
fn check(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        let example = path.join("nltrace.pcapng");
        bail!("{} is a folder: name a file in it, such as {}", path.display(), example.display());
    }
    if path == Path::new("-") && std::io::stdout().is_terminal() {
        bail!(
            "a recording is no text for a terminal: name a file with -o FILE.pcapng, or pipe it: nltrace \
             record -o - | tshark -r -"
        );
    }
    Ok(())
}

/// What nlctrl says of its families, so that a reader knows them, if any may come. It is asked before
/// anything is watched.
fn families(options: &RecordOptions) -> Vec<Vec<u8>> {
    if !options.capture.filter.wants_family(Family::GENERIC) {
        return Vec::new();
    }
    family_messages().unwrap_or_else(|error| {
        note(format_args!("generic netlink's families have no names: {error}"));
        Vec::new()
    })
}

/// What is watched.
fn watching(session: &Session<Live>) -> Watching {
    Watching {
        queued: session.watches(Hook::Queue),
        reads: session.watches(Hook::Consume),
        waits: session.watches(Hook::Wait) && session.watches(Hook::WaitEnd),
    }
}

fn start(options: &RecordOptions, session: &Session<Live>, root: &Path) -> Start {
    let Identity { release, boot_id, hostname } = Identity::read(root);
    let bytes = |text: Option<String>| text.map(String::into_bytes);
    let families: Vec<_> = options.capture.filter.families.iter().map(|family| family.label()).collect();
    let Watching { queued, reads, waits } = watching(session);
    let monotonic_ns = session.start_ns();
    Start {
        schema: SCHEMA,
        recording: Some(RandomState::new().hash_one(monotonic_ns)),
        file: 1,
        version: Some(env!("CARGO_PKG_VERSION").into()),
        kernel: bytes(release),
        boot_id: bytes(boot_id),
        hostname: bytes(hostname),
        monotonic_ns,
        realtime_ns: realtime_at(monotonic_ns),
        snaplen: Some(options.snaplen),
        families: (!families.is_empty()).then(|| families.join(",").into_bytes()),
        queued,
        reads,
        waits,
        drops: true,
    }
}

/// Says what is in the file, and what is not.
fn said(options: &RecordOptions, session: &Session<Live>, written: Written, end: &Result<End, SessionError>) {
    let Written { messages, bytes, files } = written;
    let to = match options.output.as_os_str().to_str() {
        Some("-") => "standard output".to_owned(),
        _ if files > 1 => format!("{files} files named after {}", options.output.display()),
        _ => options.output.display().to_string(),
    };
    let report = session.report();
    note(format_args!("{} messages, {} bytes in {to}", grouped(messages), grouped(bytes)));
    if end.is_err() {
        let recorded = session.recorded_messages();
        note(format_args!(
            "{} of {} recorded messages were not written; those that were can be read",
            grouped(recorded.saturating_sub(messages)),
            grouped(recorded)
        ));
    }
    report.messages.iter().for_each(|messages| note(messages_line(messages)));
    note(accounting_line(&report.ledger));
}
