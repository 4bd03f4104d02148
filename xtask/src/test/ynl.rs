//! What the kernel's own encoder makes of the kernel's own specifications, decoded: tests/ynl/ has it encode
//! every attribute, and says what nltrace has to print.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use terminal::units::grouped;

use super::{libtest::Counts, run::Finding};
use crate::{process, setup::Provided, ui};

/// Part of the attributes that has to be covered.
const LEAST_PERCENT: f64 = 95.0;

/// Where the project appears in the checkers' root.
const INSIDE: &str = "/mnt/nltrace";

/// Differences that are shown at most.
const MOST_SHOWN: usize = 40;

/// A line of the encoder's.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Message(Message),
    /// An attribute, and why it is in no message if it is in none.
    Attribute {
        attribute: String,
        unless: String,
    },
}

/// A message, and what nltrace has to say of it.
#[derive(Debug, Deserialize)]
struct Message {
    family: String,
    direction: String,
    operation: String,
    hex: String,
    decoded: Value,
    /// What is in it.
    attributes: Vec<String>,
}

/// What came of all of them.
#[derive(Debug, Default)]
struct Verdict {
    messages: usize,
    /// Every attribute, and why it is in no message if it is in none.
    attributes: BTreeMap<String, String>,
    covered: BTreeSet<String>,
    differences: Vec<String>,
}

/// Encodes, decodes with the program `nltrace`, and compares.
pub(super) fn check(provided: &Provided, nltrace: &Path, step: &ui::Step) -> Result<Finding> {
    let (root, source) = provided.checkers();
    let project = &provided.project;
    let (script, project_inside) = (format!("{INSIDE}/tests/ynl/messages.py"), (&*project.root, INSIDE));
    step.say("encoding");
    let mut encoder = root.command(&[project_inside], &["python3", "-B", &script, INSIDE, source]);
    let made = process::output(&mut encoder)?;
    let mut verdict = Verdict::default();
    let mut groups: BTreeMap<(String, String), Vec<Message>> = BTreeMap::new();
    for line in made.lines() {
        match serde_json::from_str(line).with_context(|| format!("understand {line:.200}"))? {
            Line::Attribute { attribute, unless } => _ = verdict.attributes.insert(attribute, unless),
            Line::Message(message) => {
                let group = (message.family.clone(), message.direction.clone());
                groups.entry(group).or_default().push(message);
            }
        }
    }
    let input = project.out().join("ynl.hex");
    for ((family, direction), messages) in groups {
        step.say(format!("decoding {family}"));
        let lines: Vec<&str> = messages.iter().map(|message| &*message.hex).collect();
        fs::write(&input, lines.join("\n")).with_context(|| format!("write {}", input.display()))?;
        let mut command = Command::new(nltrace);
        command.args(["decode", "--json", "--family", &family, "--direction", &direction, "-"]);
        let decoded = process::output_for(&mut command, File::open(&input)?)?;
        let decoded: Vec<&str> = decoded.lines().collect();
        ensure!(decoded.len() == messages.len(), "{} lines for {} messages", decoded.len(), messages.len());
        for (message, line) in messages.iter().zip(decoded) {
            verdict.add(message, &serde_json::from_str(line)?);
        }
    }
    fs::remove_file(input)?;
    for line in verdict.left() {
        ui::say(&format!("    not made by the kernel's encoder: {line}"));
    }
    Ok(verdict.finding())
}

impl Verdict {
    /// A message, and nltrace's line of it.
    fn add(&mut self, message: &Message, line: &Value) {
        self.messages += 1;
        let before = self.differences.len();
        differences(&message.decoded, &line["decoded"], "", &mut |what| {
            self.differences.push(format!("{} {}: {what}", message.operation, message.direction));
        });
        if self.differences.len() == before {
            self.covered.extend(message.attributes.iter().cloned());
        }
    }

    /// The attributes that are in no message, by the reason for that.
    fn left(&self) -> Vec<String> {
        let mut reasons: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
        for (attribute, reason) in &self.attributes {
            if !self.covered.contains(attribute) {
                let (set, name) = attribute.rsplit_once('.').unwrap_or(("", attribute));
                reasons.entry(reason).or_default().entry(set).or_default().push(name);
            }
        }
        let line = |(reason, sets): (&str, BTreeMap<&str, Vec<&str>>)| {
            let sets = sets.into_iter().map(|(set, names)| match names[..] {
                [name] => format!("{set}.{name}"),
                _ => format!("{set} ({})", names.len()),
            });
            format!("{} ({reason})", sets.collect::<Vec<_>>().join(", "))
        };
        reasons.into_iter().map(line).collect()
    }

    fn finding(self) -> Finding {
        let all = self.attributes.len();
        let covered = self.attributes.keys().filter(|attribute| self.covered.contains(*attribute)).count();
        let percent = covered as f64 * 100.0 / all.max(1) as f64;
        let passed = self.differences.is_empty() && percent >= LEAST_PERCENT;
        let summary = format!(
            "{} messages, {percent:.1} % of {} attributes",
            grouped(self.messages as u64),
            grouped(all as u64)
        );
        let shown = &self.differences[..self.differences.len().min(MOST_SHOWN)];
        let output = format!("{summary}\n{} differences\n{}", self.differences.len(), shown.join("\n"));
        Finding::of(Counts::one(passed), output).summary(summary)
    }
}

/// Tells of everything that two values do not share.
fn differences(expected: &Value, found: &Value, place: &str, tell: &mut impl FnMut(String)) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (name, value) in expected {
                let place = format!("{place}/{name}");
                match found.get(name) {
                    Some(found) => differences(value, found, &place, tell),
                    None => tell(format!("{place} is missing: {value}")),
                }
            }
            for (name, value) in found.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                tell(format!("{place}/{name} was not put in: {value}"));
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (at, (expected, found)) in expected.iter().zip(found).enumerate() {
                differences(expected, found, &format!("{place}/{at}"), tell);
            }
        }
        _ if expected != found => tell(format!("{place} is {found}, not {expected}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(decoded: Value, attributes: &[&str]) -> Message {
        let attributes = attributes.iter().map(|name| (*name).to_owned()).collect();
        let text = |text: &str| text.to_owned();
        let (family, direction, hex) = (text("0"), text("request"), String::new());
        Message { family, direction, operation: text("rt-link newlink"), hex, decoded, attributes }
    }

    #[test]
    fn whatever_differs_is_told_with_its_place() {
        let expected = json!({"a": 1, "b": {"c": [1, 2]}, "d": "x", "e": [1]});
        let found = json!({"a": 1, "b": {"c": [1, 3]}, "e": [1, 2], "f": null});
        let mut told = Vec::new();
        differences(&expected, &found, "", &mut |what| told.push(what));
        let all = ["/b/c/1 is 3, not 2", "/d is missing: \"x\"", "/e is [1,2], not [1]"];
        assert_eq!(told[..3], all);
        assert_eq!(told[3..], ["/f was not put in: null"]);
    }

    #[test]
    fn only_what_was_decoded_right_is_covered() {
        let mut verdict = Verdict::default();
        for name in ["rt-link set.a", "rt-link set.b", "rt-link set.c", "rt-link other.d"] {
            verdict.attributes.insert(name.to_owned(), "no operation leads there".to_owned());
        }
        verdict.add(&message(json!({"a": 1}), &["rt-link set.a"]), &json!({"decoded": {"a": 1}}));
        verdict.add(&message(json!({"b": 1}), &["rt-link set.b"]), &json!({"decoded": {"b": 2}}));
        assert_eq!(verdict.left(), ["rt-link other.d, rt-link set (2) (no operation leads there)"]);
        assert_eq!(verdict.differences, ["rt-link newlink request: /b is 2, not 1"]);
        let finding = verdict.finding();
        assert_eq!(finding.counts, Counts { passed: 0, failed: 1 });
        assert!(finding.output.starts_with("2 messages, 25.0 % of 4 attributes\n"), "{}", finding.output);
    }

    #[test]
    fn too_few_attributes_fail_and_enough_pass() {
        for (covered, passed) in [(94, 0), (95, 1)] {
            let names: Vec<String> = (0..100).map(|number| format!("set.{number:02}")).collect();
            let attributes = names.iter().map(|name| (name.clone(), String::new())).collect();
            let covered = names.into_iter().take(covered).collect();
            let verdict = Verdict { attributes, covered, ..Verdict::default() };
            assert_eq!(verdict.finding().counts.passed, passed);
        }
        assert_eq!(Verdict::default().finding().counts.failed, 1);
    }

    #[test]
    fn lines_of_the_encoder_are_messages_or_attributes() {
        let line = r#"{"attribute": "rt-link set.a", "unless": "the encoder cannot"}"#;
        assert!(matches!(serde_json::from_str(line).unwrap(), Line::Attribute { .. }));
        let line = r#"{"family": "0", "direction": "reply", "operation": "x", "hex": "", "decoded": {},
            "attributes": []}"#;
        assert!(matches!(serde_json::from_str(line).unwrap(), Line::Message(_)));
    }
}
