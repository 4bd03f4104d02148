//! What programs print for people, in JSON.

use serde_json::{Map, Value, json};

/// Entries of `conntrack -o xml`: of each direction, and of none, what its elements hold.
pub(crate) fn flows(xml: &str) -> Vec<Value> {
    xml.split("<flow>").skip(1).map(flow).collect()
}

fn flow(xml: &str) -> Value {
    let mut flow = json!({});
    for part in xml.split("<meta direction=\"").skip(1) {
        let (direction, rest) = part.split_once("\">").unwrap_or_default();
        let inside = rest.split("</meta>").next().unwrap_or_default();
        for (element, text) in inside.split('<').filter_map(|element| element.split_once('>')) {
            let name = element.split([' ', '/']).next().unwrap_or_default();
            let number = element.split("protonum=\"").nth(1).and_then(|rest| rest.split('"').next());
            if element.ends_with('/') {
                flow[direction][name] = true.into();
            } else if let Some(text) =
                number.or(Some(text)).filter(|text| !text.is_empty() && !name.is_empty())
            {
                flow[direction][name] = text.into();
            }
        }
    }
    flow
}

/// States or policies as `ip -d -s xfrm` writes them.
pub(crate) fn xfrm(text: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let (mut within, mut is_counted) = ("", false);
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(first) = words.first().copied() else { continue };
        if !line.starts_with('\t') {
            all.push(json!({}));
            (within, is_counted) = ("", false);
        }
        let Some(object) = all.last_mut() else { continue };
        is_counted |= line.contains("lifetime current") || first == "stats:";
        is_counted &= !["mark", "tmpl"].contains(&first);
        if is_counted || first == "lifetime" {
            continue;
        }
        match first {
            "limit:" | "expire" => limits(object, &words),
            "auth-trunc" | "enc" | "aead" => {
                let (key, bits) = (words[2].trim_start_matches("0x"), words[3].trim_start_matches('('));
                object[first] = json!({"name": words[1], "key": key, "bits": bits});
                words.get(5).into_iter().for_each(|length| object[first]["length"] = json!(length));
            }
            "mark" => {
                let (value, mask) = words[1].split_once('/').unwrap_or_default();
                object["mark"] = json!({"v": value, "m": mask});
            }
            "anti-replay" => pairs(&mut object["context"], &words[2..]),
            "sel" | "encap" => pairs(&mut object[first], &words[1..]),
            "tmpl" => {
                within = "tmpl";
                pairs(&mut object["tmpl"], &words[1..]);
            }
            _ if within.is_empty() => pairs(object, &words),
            _ => pairs(&mut object[within], &words),
        }
    }
    all
}

fn pairs(object: &mut Value, words: &[&str]) {
    for pair in words.chunks_exact(2) {
        let name = pair[0].trim_end_matches(':');
        let value = pair[1].trim_end_matches(',');
        // 256(0x100), and no flags before their number.
        let value = value.split('(').next().unwrap_or_default();
        object[name] = if name == "flag" { value.split_terminator(',').collect() } else { json!(value) };
    }
}

/// `limit: soft 1000(bytes), hard (INF)(bytes)`, `expire add: soft 0(sec), hard 0(sec)`
fn limits(object: &mut Value, words: &[&str]) {
    let line = words.join(" ");
    for part in line.split(": ").nth(1).unwrap_or_default().split(", ") {
        let (which, value) = part.split_once(' ').unwrap_or_default();
        let number = value.replace("(INF)", &u64::MAX.to_string());
        let (number, unit) = number.split_once('(').unwrap_or_default();
        let unit = unit.trim_end_matches([')', 's']);
        let name = match words[0] {
            "limit:" => format!("{which}_{unit}_limit"),
            _ => format!("{which}_{}_expires", words[1].trim_end_matches(':')),
        };
        object["lft"][name] = json!(number);
    }
}

/// A line of `ss -H -O -n -a -e -m -i`.
pub(crate) fn socket(line: &str) -> Value {
    let mut words = line.split_whitespace().peekable();
    let mut fields = Map::new();
    let netid = words.next_if(|word| word.starts_with("u_")).map(str::to_owned);
    for name in ["state", "receives", "sends"] {
        fields.insert(name.to_owned(), json!(words.next()));
    }
    if let Some(netid) = netid {
        fields.insert("type".to_owned(), json!(netid));
        for name in ["path", "inode", "", "peer"] {
            let word = words.next();
            (!name.is_empty()).then(|| fields.insert(name.to_owned(), json!(word)));
        }
    } else {
        for name in ["local", "peer"] {
            let Some((address, port)) = words.next().and_then(|end| end.rsplit_once(':')) else { continue };
            fields.insert(name.to_owned(), json!(address.trim_matches(['[', ']'])));
            fields.insert(format!("{name}_port"), json!(port));
        }
    }
    while let Some(word) = words.next() {
        if let Some(memory) = word.strip_prefix("skmem:") {
            let parts = memory.trim_matches(['(', ')']).split(',').map(|part| {
                part.split_at(part.find(|letter: char| letter.is_ascii_digit()).unwrap_or(part.len()))
            });
            let parts: Map<_, _> = parts.map(|(name, number)| (name.to_owned(), json!(number))).collect();
            fields.insert("skmem".to_owned(), parts.into());
        } else if let Some((name, value)) = word.split_once(':').filter(|(_, value)| !value.is_empty()) {
            let (value, variance) = value.split_once('/').filter(|_| name == "rtt").unwrap_or((value, ""));
            fields.insert(name.to_owned(), number(value.trim_end_matches("ms")));
            (!variance.is_empty()).then(|| fields.insert("rttvar".to_owned(), number(variance)));
        } else if let Some(rate) = words.next_if(|next| next.ends_with("bps")) {
            fields.insert(word.to_owned(), number(rate.trim_end_matches("bps")));
        }
    }
    fields.into()
}

fn number(text: &str) -> Value {
    let text = text.replace(',', "|");
    text.parse::<u64>()
        .map(Value::from)
        .or_else(|_| text.parse::<f64>().map(Value::from))
        .unwrap_or(json!(text))
}
