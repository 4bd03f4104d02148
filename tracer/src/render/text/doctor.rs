//! `nltrace doctor` for people.

use std::fmt::Write as _;

use crate::model::{Diagnosis, State, Watched};

/// A line for each question, what to do below each "no", then the hooks.
pub fn doctor_text(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    let width = diagnosis.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut line = |name: &str, state: &str, detail: &str| {
        let _ = writeln!(text, "{name:<width$}  {state:<7}  {detail}");
    };
    line("kernel", "", diagnosis.kernel.as_deref().unwrap_or("unknown: /proc is not mounted"));
    for check in &diagnosis.checks {
        let state = match check.state {
            State::Yes => "yes",
            State::No => "NO",
            State::Unknown => "unknown",
            State::Info => "",
        };
        line(check.name, state, &check.detail);
        if let Some(remedy) = &check.remedy {
            line("", "", &format!("-> {remedy}"));
        }
    }
    if !diagnosis.attachments.is_empty() {
        text.push_str("\nHOOK       METHOD            FUNCTION\n");
        for Watched { hook, function, method } in &diagnosis.attachments {
            let _ = writeln!(text, "{hook:<9}  {method:<16}  {function}");
        }
    }
    let verdict =
        if diagnosis.can_capture { "nltrace can capture here." } else { "nltrace cannot capture here." };
    let _ = writeln!(text, "\n{verdict}");
    text
}

#[cfg(test)]
pub(in crate::render) mod tests {
    use super::*;
    use crate::model::Check;

    pub(in crate::render) fn diagnosis() -> Diagnosis {
        let check = |name, state, detail: &str, remedy: Option<&str>| Check {
            name,
            state,
            detail: detail.to_owned(),
            remedy: remedy.map(str::to_owned),
        };
        Diagnosis {
            kernel: Some("6.1.0-56-cloud-amd64".to_owned()),
            can_capture: true,
            checks: vec![
                check("types (BTF)", State::Yes, "/sys/kernel/btf/vmlinux", None),
                check("module nltest", State::No, "not loaded", Some("sudo modprobe nltest")),
                check("lockdown", State::Info, "none", None),
            ],
            attachments: vec![Watched {
                hook: "unicast",
                function: "netlink_unicast".to_owned(),
                method: "fentry+fexit".to_owned(),
            }],
        }
    }

    #[test]
    fn text_shows_what_to_do_below_each_no() {
        let expected = "\
kernel                  6.1.0-56-cloud-amd64
types (BTF)    yes      /sys/kernel/btf/vmlinux
module nltest  NO       not loaded
                        -> sudo modprobe nltest
lockdown                none

HOOK       METHOD            FUNCTION
unicast    fentry+fexit      netlink_unicast

nltrace can capture here.
";
        assert_eq!(doctor_text(&diagnosis()), expected);
    }
}
