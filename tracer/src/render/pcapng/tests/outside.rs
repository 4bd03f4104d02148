//! What others read in a recording.

use pcap_file::pcapng::{
    Block, PcapNgReader,
    blocks::{
        enhanced_packet::EnhancedPacketOption, interface_description::InterfaceDescriptionOption,
        opt_common::CommonOption, section_header::SectionHeaderOption,
    },
};

use super::*;

/// Comments of each packet, and its time, direction and data.
fn packets(file: &[u8]) -> Vec<(Vec<String>, u64, u32, Vec<u8>)> {
    let mut reader = PcapNgReader::new(file).unwrap();
    let mut packets = Vec::new();
    while let Some(block) = reader.next_block() {
        let (Block::EnhancedPacket(packet), _) = block.unwrap() else { continue };
        let mut comments = Vec::new();
        let mut flags = 0;
        for option in &packet.options {
            match option {
                EnhancedPacketOption::Common(CommonOption::Comment(text)) => comments.push(text.to_string()),
                EnhancedPacketOption::Flags(bits) => flags = *bits,
                other => panic!("{other:?}"),
            }
        }
        assert!(packet.original_len as usize >= packet.data.len());
        packets.push((comments, packet.timestamp.as_nanos() as u64, flags, packet.data.to_vec()));
    }
    packets
}

#[test]
fn a_recording_is_pcapng_to_others() {
    let (file, _) = recorded();
    let mut reader = PcapNgReader::new(&file[..]).unwrap();
    let options = &reader.section().options;
    assert!(options.contains(&SectionHeaderOption::OS("Linux 7.3.4".into())), "{options:?}");
    let comments: Vec<_> = options
        .iter()
        .filter_map(|option| match option {
            SectionHeaderOption::Common(CommonOption::Comment(text)) => Some(text.to_string()),
            _ => None,
        })
        .collect();
    assert!(comments[0].starts_with("nltrace: start schema=1 recording=5 "), "{comments:?}");
    assert!(comments[0].contains(r#" hostname="a\"\x0a" monotonic_ns=500 realtime_ns=17"#), "{comments:?}");
    let mut kinds = Vec::new();
    let mut resolution = None;
    let mut counted = String::new();
    while let Some(block) = reader.next_block() {
        match block.unwrap().0 {
            Block::InterfaceDescription(interface) => {
                assert_eq!(u32::from(interface.linktype), 253);
                resolution = interface.options.iter().find_map(|option| match option {
                    InterfaceDescriptionOption::IfTsResol(resolution) => Some(*resolution),
                    _ => None,
                });
                kinds.push("interface");
            }
            Block::EnhancedPacket(_) => kinds.push("packet"),
            Block::InterfaceStatistics(statistics) => {
                counted = format!("{:?}", statistics.options);
                kinds.push("statistics");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((kinds.first(), kinds.last()), (Some(&"interface"), Some(&"statistics")));
    assert!(resolution.is_some() && counted.contains("IsbIfRecv(0)"), "{counted:?}");
}

#[test]
fn messages_are_packets_in_the_order_of_their_times_with_what_became_of_them() {
    let (file, _) = recorded();
    let packets = packets(&file);
    let kinds: Vec<_> = packets
        .iter()
        .map(|(comments, ..)| comments[0].strip_prefix("nltrace: ").unwrap().split(' ').next().unwrap())
        .collect();
    let expected = [
        "family",
        "carrier",
        "request",
        "reply",
        "request",
        "reply",
        "broadcast",
        "request",
        "reply",
        "carrier",
    ];
    // The drop and the lost calls came when there was no other message.
    let without: Vec<_> = kinds.iter().filter(|kind| **kind != "carrier").collect();
    assert_eq!(without, expected.iter().filter(|kind| **kind != "carrier").collect::<Vec<_>>(), "{kinds:?}");
    assert!(packets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{packets:#?}");
    let (comments, realtime_ns, flags, data) = &packets[2];
    assert_eq!((*realtime_ns, *flags), (REALTIME_NS + 500, 2));
    assert_eq!(&data[..16], [0, 4, 3, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(&data[16..], message(GETLINK, REQUEST, 7, &[0; 16]));
    let text = comments.join("\n");
    assert!(text.contains(r#" comm="as\"k\x1ber" "#) && text.contains(" options=none"), "{text}");
    assert!(text.contains("\nnltrace: cgroup id=4711 path=\"/system.slice/frr.service\""), "{text}");
    let result = "nltrace: exchange id=1 outcome=reply error=0 answers=1 ";
    assert!(
        text.contains(result) && text.contains(" rtt_ns=4000 lock_ns=0 read_pid=20 read_tid=22"),
        "{text}"
    );
    assert!(text.contains("\nnltrace: receive n=1 ts_ns=1001 latency_ns=9"), "{text}");
    let (comments, _, flags, data) = &packets[3];
    assert_eq!((*flags, data[1]), (1, 0), "{comments:?}");
    let named = "nltrace: netns inode=4026531840 name=\"blue\"";
    assert!(packets.iter().flat_map(|(comments, ..)| comments).any(|comment| comment == named));
    let comments: Vec<_> = comments.iter().filter(|comment| *comment != named).collect();
    assert!(comments[1].starts_with("nltrace: read n=3 ts_ns=5000 socket=700 buffer="), "{comments:?}");
    // It waited, and its answer was read after it had been written.
    let (comments, ..) = &packets[4];
    let kinds: Vec<_> = comments.iter().map(|comment| comment.split(' ').nth(1).unwrap()).collect();
    assert_eq!(kinds, ["request", "receive", "wait", "text", "reason"]);
    let late = packets.iter().flat_map(|(comments, ..)| comments).find(|comment| comment.contains(" id=2 "));
    let late = late.unwrap();
    assert!(
        late.contains("exchange id=2 tid=21 ts_ns=10000 outcome=error error=-19 errno=ENODEV extack="),
        "{late}"
    );
    let all: Vec<_> = packets.iter().flat_map(|(comments, ..)| comments).collect();
    assert!(all.iter().all(|comment| comment.bytes().all(|byte| (b' '..=b'~').contains(&byte))));
    assert!(all.iter().all(|comment| !comment.contains("ffff8881")), "addresses are not told");
}
