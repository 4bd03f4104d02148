//! What nft prints of a ruleset: objects in JSON, expressions and elements of sets in libnftnl's words.

use serde_json::{Map, Value, json};

use super::Json as _;

/// Objects of some kinds in `nft -j list ruleset`.
pub(crate) fn objects(listing: &str, kinds: &[&str]) -> Vec<Value> {
    let ruleset: Value = serde_json::from_str(listing).expect("nft prints JSON");
    let objects = ruleset.list("/nftables").iter();
    let mut objects: Vec<Value> =
        objects.filter_map(|object| kinds.iter().find_map(|kind| object.get(kind))).cloned().collect();
    for object in &mut objects {
        // The parts of a type have an order, as no other list of words has.
        for name in ["type", "map"] {
            if let Some(parts) = object[name].as_array() {
                let parts = parts.iter().enumerate().map(|(at, part)| (at.to_string(), part.clone()));
                object[name] = Value::Object(parts.collect());
            }
        }
    }
    objects
}

/// Elements of all sets in the same, as far as they say more than a key and a value.
pub(crate) fn detailed(listing: &str) -> Vec<Value> {
    let sets = objects(listing, &["set", "map"]);
    let elements = sets.iter().flat_map(|set| {
        let is_of_objects = set["map"] == "counter";
        let elements = set["elem"].as_array().into_iter().flatten();
        elements.filter_map(move |element| match element.get("elem") {
            None if is_of_objects => Some(json!({"object": element[1]})),
            details => details.cloned(),
        })
    });
    elements.collect()
}

/// Expressions in `nft --debug=netlink list ruleset`, each below its own first word.
pub(crate) fn expressions(listing: &str, patterns: &str) -> Vec<Value> {
    let lines = listing.lines().filter_map(|line| line.trim_start().strip_prefix("[ ")?.strip_suffix(" ]"));
    let read = |line| {
        let name = spaced(line).split(' ').next().unwrap_or_default().to_owned();
        json!({"name": name, name: fields(line, patterns)})
    };
    lines.map(read).collect()
}

/// Elements of all sets in the same.
pub(crate) fn elements(listing: &str, patterns: &str) -> Vec<Value> {
    let lines = listing.lines().filter(|line| line.starts_with("\telement "));
    let read = |line| {
        let mut element = fields(line, patterns);
        for value in element.values_mut() {
            let words = value.as_str().unwrap_or_default().split(' ');
            // Registers without the 0x that expressions have.
            if words.clone().all(|word| word.len() == 8 && u32::from_str_radix(word, 16).is_ok()) {
                *value = json!(words.map(|word| format!("0x{word}")).collect::<Vec<_>>().join(" "));
            }
        }
        element.into()
    };
    lines.map(read).collect()
}

/// What is in a line, by the first pattern that it fits.
fn fields(line: &str, patterns: &str) -> Map<String, Value> {
    let line = spaced(line);
    let found = patterns.lines().find_map(|pattern| fit(pattern, &line));
    found.unwrap_or_else(|| panic!("no pattern for: {line}"))
}

/// With one space between words.
fn spaced(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The fields of a text that fits: `{name}` in a pattern is a part of a word, `{name..}` some words.
fn fit(pattern: &str, text: &str) -> Option<Map<String, Value>> {
    let Some((before, field)) = pattern.split_once('{') else {
        return (pattern == text).then(Map::new);
    };
    let text = text.strip_prefix(before)?;
    let (name, after) = field.split_once('}').expect("a field's name ends");
    let (name, most) = match name.strip_suffix("..") {
        Some(name) => (name, text.len()),
        None => (name, text.find(' ').unwrap_or(text.len())),
    };
    let mut ends = (1..=most).rev().filter(|end| text.is_char_boundary(*end));
    ends.find_map(|end| {
        let mut fields = fit(after, &text[end..])?;
        fields.insert(name.to_owned(), json!(text[..end]));
        Some(fields)
    })
}
