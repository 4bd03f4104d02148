//! Traffic control as tc writes it.

use super::Line;

/// `RTM_NEWTFILTER` to `RTM_GETTFILTER`
const FILTERS: std::ops::RangeInclusive<u16> = 44..=46;

/// `dev eth0 root handle 1: htb {…}`
pub(super) fn control(line: &mut Line<'_, '_, '_>, message_type: u16) {
    line.named("dev", "ifindex");
    let parent = line.take_number("parent").unwrap_or(0);
    match parent {
        0 => {}
        0xffff_ffff => line.word("root"),
        0xffff_fff1 => line.word("ingress"),
        _ => {
            line.named("parent", "parent");
        }
    }
    line.named("handle", "handle");
    let info = line.take_number("info").unwrap_or(0);
    if FILTERS.contains(&message_type) && info != 0 {
        // Priority and protocol, the latter in the network's order.
        let protocol = u16::from_be((info & 0xffff) as u16);
        if protocol != 0 {
            line.word(&format!("protocol {protocol:#06x}"));
        }
        if info >> 16 != 0 {
            line.word(&format!("pref {}", info >> 16));
        }
    }
    if let Some(kind) = line.take("kind") {
        line.say(kind);
    }
    line.named("chain", "chain");
    if let Some(options) = line.take("options") {
        line.say(options);
    }
    line.skip(&["family", "stats", "stats2", "xstats"]);
}
