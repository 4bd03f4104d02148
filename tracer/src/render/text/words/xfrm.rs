//! IPsec's states and policies as `ip xfrm` writes them.

use super::Line;
use crate::decode::tree::Value;

/// `src 10.0.0.1 dst 10.0.0.2 proto esp spi 0xc0ffee mode tunnel reqid 1`
pub(super) fn state(line: &mut Line<'_, '_, '_>) {
    line.named("src", "saddr");
    match line.take("id").filter(|id| matches!(line.value(*id), Value::Nest)) {
        Some(id) => {
            line.named_in("dst", id, "daddr");
            line.named_in("proto", id, "proto");
            line.named_in("spi", id, "spi");
        }
        None => {
            line.named("dst", "daddr");
            line.named("proto", "hdr_proto");
            line.named("spi", "spi");
        }
    }
    if let Some(mode) = line.take("mode") {
        line.word("mode");
        line.say(mode);
    }
    line.named("reqid", "reqid");
    line.named("flags", "flags");
    line.named("if_id", "if_id");
    for (word, name) in
        [("auth", "alg_auth_trunc"), ("auth", "alg_auth"), ("enc", "alg_crypt"), ("aead", "alg_aead")]
    {
        if let Some(algorithm) = line.take(name) {
            line.named_in(word, algorithm, "alg_name");
        }
    }
    line.skip(&["sel", "lft", "curlft", "stats", "family", "seq"]);
}

/// `src 10.0.0.0/8 dst 10.1.0.0/16 dir out action allow tmpl …`
pub(super) fn policy(line: &mut Line<'_, '_, '_>) {
    if let Some(selector) = line.take("sel") {
        for (word, address, length) in [("src", "saddr", "prefixlen_s"), ("dst", "daddr", "prefixlen_d")] {
            line.named_in(word, selector, address);
            let number = line.number(line.tree.get_in(selector, length)).unwrap_or(0);
            if number != 0 {
                line.glue(&format!("/{number}"));
            }
        }
        line.named_in("proto", selector, "proto");
        line.named_in("sport", selector, "sport");
        line.named_in("dport", selector, "dport");
        line.named_in("dev", selector, "ifindex");
    }
    if let Some(direction) = line.take("dir") {
        line.word("dir");
        line.say(direction);
    }
    line.named("action", "action");
    line.named("priority", "priority");
    line.named("index", "index");
    line.named("if_id", "if_id");
    if let Some(templates) = line.take("tmpl") {
        let tree = line.tree;
        for template in tree.children(templates) {
            line.word("tmpl");
            line.named_in("src", template, "saddr");
            if let Some(id) = tree.get_in(template, "id") {
                line.named_in("dst", id, "daddr");
                line.named_in("proto", id, "proto");
                line.named_in("spi", id, "spi");
            }
            if let Some(mode) = tree.get_in(template, "mode") {
                line.word("mode");
                line.say(mode);
            }
            line.named_in("reqid", template, "reqid");
        }
    }
    line.skip(&["lft", "curlft", "share", "policy_type"]);
}
