use std::{fs, fs::File, io::BufReader};

use super::*;
use crate::{
    model::{
        Call,
        exchange::{Keep, Watching},
    },
    source::{
        recording::{Item, Recording as Read, notation::Start},
        tests::call,
    },
};

/// Files are no larger than they may be, and nothing is missing between them.
#[test]
fn files_are_cut_at_blocks_before_they_are_too_large() {
    const MOST: u64 = 20_000;
    const CALLS: u64 = 1_000;
    let folder = std::env::temp_dir().join(format!("nltrace-sizes-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let limits = FileLimits { max_size: Some(MOST), ..FileLimits::default() };
    let output = recording_output(&folder.join("a.pcapng"), &limits).unwrap();
    let recorder = Recorder::new(Start::default(), Vec::new(), Vec::new());
    let mut recording =
        Recording::new(recorder, Exchanges::new(Keep::default(), Watching::default()), (), output, limits);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(async {
        for ts_ns in 0..CALLS {
            recording.event(&Event::Call(&Call { ts_ns, ..call(&[0; 200]) }));
        }
        recording.report(&Report::default()).unwrap();
        while !recording.is_written() {
            recording.flush().unwrap();
            recording.wait_written(pending()).await.unwrap();
        }
    });
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let sizes: Vec<_> = names.iter().map(|name| fs::metadata(name).unwrap().len()).collect();
    assert!(sizes.len() > 20 && sizes.iter().all(|size| *size <= MOST), "{sizes:?}");
    assert!(sizes.iter().rev().skip(1).all(|size| *size > MOST - 1_000), "{sizes:?}");
    let written = recording.written();
    let expected = (CALLS, sizes.iter().sum(), names.len() as u32);
    assert_eq!((written.messages, written.bytes, written.files), expected);
    let mut events = 0;
    let mut each = |item: Item<'_>| events += u64::from(matches!(item, Item::Event(_)));
    for name in &names {
        let mut read = Read::new(BufReader::new(File::open(name).unwrap()), Vec::new());
        while read.next(&mut each).unwrap() {}
        read.finish(&mut each);
        assert_eq!(read.counts().cut, None);
    }
    assert_eq!(events, CALLS);
    fs::remove_dir_all(&folder).unwrap();
}
