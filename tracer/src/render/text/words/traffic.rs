//! Traffic control as tc writes it.

use super::Line;

/// `dev eth0 root handle 1: htb {…}`
pub(super) fn control(line: &mut Line<'_, '_, '_>) {
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
    line.skip(&["info"]);
    line.named("protocol", "protocol");
    line.named("pref", "pref");
    if let Some(kind) = line.take("kind") {
        line.say(kind);
    }
    line.named("chain", "chain");
    if let Some(options) = line.take("options") {
        line.say(options);
    }
    line.skip(&["family", "stats", "stats2", "xstats"]);
}
