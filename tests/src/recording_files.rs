//! The files of a recording: how many there are, how large they get, who may read them.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::{
    guest::{Json, Module, nltrace},
    recordings::{of_event, read, recorded},
};

/// Files whose names begin so, in the order of their numbers.
fn files_of(path: &str) -> Vec<String> {
    let entries = fs::read_dir("/tmp").expect("a folder").flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path().display().to_string()).collect();
    files.retain(|file| file.starts_with(path));
    files.sort();
    files
}

#[test]
fn what_cannot_be_written_is_said_and_counted() {
    let folder = nltrace("record -o /tmp -d 1").run();
    assert!(folder.stderr.contains("/tmp is a folder: name a file in it"), "{folder:?}");
    let full = nltrace("record -o /dev/full -- sh -c").word("ip link; sleep 1").run();
    assert!(!full.status.success(), "{full:?}");
    assert!(full.stderr.contains("No space left on device"), "{full:?}");
    assert!(full.stderr.contains("recorded messages were not written"), "{full:?}");
    let several = nltrace("record -o /tmp/ring.pcapng --max-age 0.3 --max-files 2 -- sh -c")
        .word("for i in 1 2 3 4 5 6; do ip link; sleep 0.3; done")
        .run();
    assert!(several.status.success(), "{several:?}");
    let files = files_of("/tmp/ring_");
    assert_eq!(files.len(), 2, "{files:?}");
    let exchanges = |files: &str| of_event(&read(files, "-c ip"), "exchange").len();
    let together = exchanges(&files.join(" "));
    assert!(together > 0);
    // A request may be in one file, and what came of it in the next.
    let alone: Vec<_> = files.iter().map(|file| exchanges(file)).collect();
    assert!(alone.iter().all(|alone| *alone <= together), "{alone:?} of {together}");
    assert!(alone.iter().sum::<usize>() >= together, "{alone:?} of {together}");
    for file in &files {
        let mode = fs::metadata(file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn files_are_no_larger_than_they_may_be_and_of_one_recording() {
    let _module = Module::load();
    let sized = nltrace("record -o /tmp/sized.pcapng --max-size 1M --ring-size 64M -- sh -c")
        .word("ip link; nltest ping -q -i 0 -c 3000; ip link")
        .run();
    assert!(sized.status.success(), "{sized:?}");
    let files = files_of("/tmp/sized_");
    assert!(files.len() > 1, "{files:?}");
    let sizes: Vec<_> = files.iter().map(|file| fs::metadata(file).expect("a file").len()).collect();
    assert!(sizes.iter().all(|size| *size <= 1 << 20), "{sizes:?}");
    let lines = read(&files.join(" "), "-c ip");
    assert!(of_event(&lines, "exchange").len() >= 2);
    assert!(!lines.last().expect("a summary").at("/messages").is_null(), "all of it was read");

    recorded("/tmp/other.pcapng");
    let mixed = nltrace(&format!("trace -r {} /tmp/other.pcapng", files[0])).run();
    assert!(!mixed.status.success(), "{mixed:?}");
    assert!(mixed.stderr.contains("/tmp/other.pcapng is of another recording"), "{mixed:?}");
}
