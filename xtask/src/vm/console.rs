//! Judges the kernel's console: a guest whose command succeeded has still failed if its kernel complained.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    sync::mpsc::Sender,
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result};

/// What a healthy kernel never prints.
const COMPLAINTS: &[&str] = &[
    "Kernel panic",
    "Oops",
    "BUG:",
    "WARNING:",
    "LOCKUP",
    "soft lockup",
    "hard lockup",
    "detected stalls",
    "self-detected stall",
    "KASAN",
    "UBSAN",
    "KCSAN",
    "general protection fault",
    "unable to handle",
    "blocked for more than",
    "refcount_t:",
    "list_add corruption",
    "list_del corruption",
    "Out of memory:",
    "init:",
];

/// Lines shown before and after a complaint.
const BEFORE: usize = 2;
const AFTER: usize = 25;

/// Copies the console to a file, hands every line on, and returns all of them at its end.
pub(crate) fn watch(
    console: impl Read + Send + 'static,
    log: &Path,
    lines: Sender<String>,
) -> Result<JoinHandle<Vec<String>>> {
    let mut log = File::create(log).with_context(|| format!("create {}", log.display()))?;
    Ok(thread::spawn(move || {
        let mut all = Vec::new();
        for line in BufReader::new(console).split(b'\n') {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            // The log is a copy for people; the judgement does not depend on it.
            let _ = writeln!(log, "{line}");
            // The receiver is gone once the session is over.
            let _ = lines.send(line.clone());
            all.push(line);
        }
        all
    }))
}

/// Whether a line is a complaint: the kernel's own, or a warning of our module.
pub(crate) fn is_complaint(line: &str) -> bool {
    COMPLAINTS.iter().any(|complaint| line.contains(complaint))
        || (line.contains("nltest:") && line.contains("warning"))
}

/// Complaints with the lines around them; empty for a healthy guest.
pub(crate) fn complaints(lines: &[String]) -> Vec<String> {
    let mut shown = Vec::new();
    let mut next = 0;
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| is_complaint(line)) {
        if at < next && next > 0 {
            continue;
        }
        let end = (at + 1 + AFTER).min(lines.len());
        shown.push(lines[at.saturating_sub(BEFORE).max(next)..end].join("\n"));
        next = end;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_healthy_console_has_no_complaints() {
        assert!(
            complaints(&lines(
                "[    0.1] Linux version 6.1\n[    1.0] nltest: loading out-of-tree module taints kernel."
            ))
            .is_empty()
        );
    }

    #[test]
    fn a_complaint_comes_with_its_context_once() {
        let mut text = String::from(
            "a\nb\nc\n[ 1.0] WARNING: CPU: 0 PID: 1 at net/netlink/af_netlink.c:1\n[ 1.0] Oops: 0000\n",
        );
        for line in 0..40 {
            text.push_str(&format!("trace {line}\n"));
        }
        text.push_str("[ 2.0] nltest: this is a warning\nend\n");
        let found = complaints(&lines(&text));
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("b\nc\n[ 1.0] WARNING") && found[0].ends_with("trace 23"));
        assert_eq!(found[1], "trace 38\ntrace 39\n[ 2.0] nltest: this is a warning\nend");
    }
}
