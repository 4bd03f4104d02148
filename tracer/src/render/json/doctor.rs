//! `doctor --json`: an object.

use super::to_json;
use crate::model::Diagnosis;

/// The object, with its line break.
pub fn doctor_json(diagnosis: &Diagnosis) -> String {
    to_json(diagnosis) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::text::doctor::tests::diagnosis;

    #[test]
    fn json_has_every_answer() {
        let json: serde_json::Value = serde_json::from_str(&doctor_json(&diagnosis())).unwrap();
        assert_eq!((&json["can_capture"], &json["kernel"]), (&true.into(), &"6.1.0-56-cloud-amd64".into()));
        assert_eq!(
            (&json["checks"][1]["state"], &json["checks"][1]["remedy"]),
            (&"no".into(), &"sudo modprobe nltest".into())
        );
        assert_eq!(json["attachments"][0]["method"], "fentry+fexit");
    }
}
