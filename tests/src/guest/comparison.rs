//! What two programs say of one object, compared value by value with a table.
//!
//! A line of a table is `THEIRS OURS [FORM…]`: where a value is on either side, `*` for any one step, `?`
//! for one that ours lacks, `**` for any that are left, and what brings both to one form. The first line
//! that fits counts, and every value of theirs needs one. `-` is what the other program makes up, or says a
//! second time.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// What differs between all of theirs and all of ours, which come in the same order.
pub(crate) fn differences(theirs: &[Value], ours: &[&Value], table: &str) -> BTreeSet<String> {
    // A line may go on in the next.
    let table: String = table.split("\\\n").map(str::trim_start).collect();
    let rules = table.lines().map(|line| line.split_whitespace().collect());
    let rules: Vec<Vec<&str>> = rules.filter(|rule: &Vec<_>| rule.len() > 1 && rule[0] != "#").collect();
    let mut found = BTreeSet::new();
    if theirs.len() != ours.len() {
        found.insert(format!("{} objects, not {}: {theirs:?} {ours:?}", ours.len(), theirs.len()));
    }
    for (theirs, ours) in theirs.iter().zip(ours) {
        let mut values = Vec::new();
        collect(theirs, "", &mut values);
        for (path, value) in values {
            let fitting = rules.iter().find_map(|rule| Some((rule, fit(rule[0], &path, rule[1])?)));
            let Some((rule, pointer)) = fitting else {
                found.insert(format!("{path} is {value}, for which the table has no line"));
                continue;
            };
            let own = ours.pointer(&pointer);
            if rule[1] != "-" && !agree(value, own, ours, &rule[2..]) {
                let own = own.map_or("missing".to_owned(), Value::to_string);
                found.insert(format!("{path} is {value}, and ours, {pointer}, is {own}"));
            }
        }
    }
    found
}

/// Values that hold no others, and lists of such, by path.
fn collect<'v>(value: &'v Value, path: &str, values: &mut Vec<(String, &'v Value)>) {
    let below = |name: &str| format!("{path}/{}", name.replace('/', "|")).trim_start_matches('/').to_owned();
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| collect(value, &below(name), values)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().enumerate().for_each(|(at, item)| collect(item, &below(&at.to_string()), values));
        }
        _ => values.push((path.to_owned(), value)),
    }
}

/// Where ours is, if a line fits their path.
fn fit(pattern: &str, path: &str, ours: &str) -> Option<String> {
    let (steps, own): (Vec<_>, Vec<_>) = (path.split('/').collect(), pattern.split('/').collect());
    if pattern.strip_suffix("**").is_some_and(|start| path.starts_with(start)) {
        return Some(ours.to_owned());
    }
    let fits = steps.len() == own.len()
        && steps.iter().zip(&own).all(|(step, own)| ["*", "?"].contains(own) || own == step);
    let mut stars = steps.iter().zip(&own).filter(|(_, own)| **own == "*").map(|(step, _)| *step);
    fits.then(|| {
        let mut pointer = String::new();
        for part in ours.split('/') {
            let named = if part.contains('*') { stars.next().unwrap_or_default() } else { "" };
            pointer += &format!("/{}", part.replace('*', named));
        }
        pointer
    })
}

/// Whether both say the same, in the forms of a line.
fn agree(theirs: &Value, ours: Option<&Value>, object: &Value, forms: &[&str]) -> bool {
    let (mut theirs, mut ours, mut without) = (plain(theirs), ours.cloned(), Vec::new());
    for form in forms {
        let (name, with) = form.split_once(':').unwrap_or((form, ""));
        match (name, &ours) {
            ("absent", None) => ours = Some(json!(with)),
            ("or", None) => ours = object.pointer(&format!("/{with}")).cloned(),
            ("without", _) => without = with.split(',').map(|word| plain(&json!(word))).collect(),
            ("is", _) => theirs = renamed(&theirs, with),
            ("times", _) => {
                theirs = plain(&json!(
                    theirs.as_f64().unwrap_or_default() * with.parse::<f64>().expect("a number")
                ));
            }
            ("bits", _) => {
                theirs = bits(&theirs, with);
                ours = ours.or(Some(json!([])));
            }
            ("begins", Some(own)) => {
                let begins = theirs.as_str().zip(own.as_str()).is_some_and(|(all, own)| all.starts_with(own));
                theirs = if begins { plain(own) } else { theirs };
            }
            ("hex", _) => {
                theirs =
                    plain(&json!(format!("0x{}", theirs.as_str().map_or(theirs.to_string(), str::to_owned))));
            }
            ("prefix", Some(Value::String(address)))
                if theirs.as_str().is_some_and(|theirs| theirs.contains('/')) =>
            {
                let length = object.pointer(&format!("/{with}")).unwrap_or(&Value::Null);
                ours = Some(json!(format!("{address}/{length}")));
            }
            ("absent" | "or" | "prefix", _) => {}
            (_, Some(own)) => ours = Some(formed(name, with, own)),
            (_, None) => {}
        }
    }
    let Some(ours) = ours.as_ref().map(plain) else { return false };
    let [theirs, ours] = [theirs, ours].map(|value| match value {
        Value::Array(items) => items.into_iter().filter(|item| !without.contains(item)).collect(),
        value => value,
    });
    let ours = match ours {
        Value::Array(items) if items.len() == 1 && !theirs.is_array() => {
            items.into_iter().collect::<Vec<_>>().remove(0)
        }
        ours => ours,
    };
    // What is only there or not.
    theirs == ours || theirs.is_null() && ours == 1
}

/// Ours in another form.
fn formed(name: &str, with: &str, ours: &Value) -> Value {
    let number = ours.as_u64().unwrap_or_default();
    let divisor = || with.parse::<u64>().expect("a number");
    let holds = || ours.as_array().is_some_and(|items| items.iter().any(|item| item == with)) || ours == with;
    match name {
        "bit" => json!(number >> divisor() & 1),
        "div" => json!(number / divisor()),
        "mod" => json!(number % divisor()),
        "plus" => json!(number + divisor()),
        "has" => json!(holds()),
        "lacks" => json!(!holds()),
        "share" => json!(number as f64 / f64::from(u32::MAX)),
        "version" => json!(format!("{}.{}", number >> 16, number & 0xffff)),
        "dotted" => json!(std::net::Ipv4Addr::from(number as u32).to_string()),
        "bytes" => bytes(ours).into(),
        "register" => register(ours),
        "range" => json!(format!("{}:{}", ours["start"], ours["end"])),
        "handle" => match ours.as_str().and_then(|handle| handle.split_once(':')) {
            Some((major, minor)) => {
                let [major, minor] = [major, minor].map(|part| u64::from_str_radix(part, 16).unwrap_or(0));
                json!(major << 16 | minor)
            }
            None => ours.clone(),
        },
        "note" => json!(note(&bytes(ours), divisor() as u8)),
        "bridge" => {
            let address = ours["addr"]
                .as_str()
                .unwrap_or_default()
                .split(':')
                .map(|byte| byte.strip_prefix('0').unwrap_or(byte).to_owned());
            let priority = ours["prio"].as_u64().unwrap_or_default();
            json!(format!("{priority:04x}.{}", address.collect::<Vec<_>>().join(":")))
        }
        // Hash table, bucket and key of u32, as tc writes them.
        "u32" => {
            let handle = plain(ours).as_u64().unwrap_or_default();
            let [bucket, key] = [handle >> 12 & 0xff, handle & 0xfff]
                .map(|part| if part == 0 { String::new() } else { format!("{part:x}") });
            let key = if handle & 0xf_ffff == 0 { String::new() } else { format!("{bucket}:{key}") };
            json!(format!("{:x}:{key}", handle >> 20))
        }
        other => panic!("a table has the form {other}"),
    }
}

fn bytes(hex: &Value) -> Vec<u8> {
    let digits = hex.as_str().unwrap_or_default().as_bytes().chunks_exact(2);
    digits.filter_map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// A verdict, or bytes as libnftnl writes what is in a register: in numbers of four.
fn register(ours: &Value) -> Value {
    if let Some(code) = ours.pointer("/verdict/code") {
        return code.clone();
    }
    // Bytes that are text are shown as such.
    let text = ours["value"].as_str().map(|text| text.as_bytes().to_vec());
    let bytes = text.unwrap_or_else(|| bytes(&ours["value_hex"]));
    let words = bytes.chunks(4).map(|bytes| {
        let number = bytes.iter().rev().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        format!("0x{number:08x}")
    });
    words.collect::<Vec<_>>().join(" ").into()
}

/// A text in nft's own notes about an object: number, length, value.
fn note(mut notes: &[u8], number: u8) -> Option<String> {
    while let [found, len, rest @ ..] = notes {
        let (value, rest) = rest.split_at_checked((*len).into())?;
        if *found == number {
            return Some(String::from_utf8_lossy(value).trim_end_matches('\0').to_owned());
        }
        notes = rest;
    }
    None
}

/// The bits of theirs by our names; what is left of them as a number.
fn bits(value: &Value, names: &str) -> Value {
    let mut left = value.as_u64().unwrap_or_default();
    let mut named = Vec::new();
    for (bit, name) in names.split(',').filter_map(|name| name.split_once('=')) {
        let bit = bit.parse::<u64>().expect("a number");
        if left & bit != 0 {
            named.push(json!(name));
            left &= !bit;
        }
    }
    named.extend((left != 0).then(|| json!(left)));
    plain(&named.into())
}

/// The words of theirs by our names.
fn renamed(value: &Value, names: &str) -> Value {
    let names = names.split(',').filter_map(|name| name.split_once('='));
    let names: Vec<_> = names.map(|(theirs, ours)| (plain(&json!(theirs)), plain(&json!(ours)))).collect();
    let rename = |value: &Value| {
        let name = names.iter().find(|(theirs, _)| theirs == value || value.is_null() && theirs == "null");
        name.map_or(value.clone(), |(_, ours)| ours.clone())
    };
    plain(&value.as_array().map_or_else(|| rename(value), |items| items.iter().map(rename).collect()))
}

/// Numbers as numbers, words in small letters with dashes, lists of words in order.
fn plain(value: &Value) -> Value {
    match value {
        Value::Bool(yes) => json!(u64::from(*yes)),
        Value::Number(number) => {
            let number = number.as_f64().filter(|_| number.is_f64());
            let rounded = |number: f64| {
                let number = (number * 1e6).round() / 1e6;
                if number.fract() == 0.0 { json!(number as i64) } else { json!(number) }
            };
            number.map_or(value.clone(), rounded)
        }
        Value::String(text) => {
            // The abstract namespace of Unix sockets.
            let text = text.to_lowercase().replace('_', "-").replace('\0', "@");
            let hex = text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
            hex.map(Value::from)
                .or_else(|| text.parse::<u64>().ok().map(Value::from))
                .or_else(|| text.parse::<i64>().ok().map(Value::from))
                .unwrap_or(json!(text))
        }
        Value::Array(items) => {
            let has_words = items.iter().any(Value::is_string);
            let mut items: Vec<_> = items.iter().map(plain).collect();
            if has_words {
                items.sort_by_key(ToString::to_string);
            }
            items.into()
        }
        _ => value.clone(),
    }
}
