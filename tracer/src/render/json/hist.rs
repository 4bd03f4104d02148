//! `hist --json`: one object for the capture, or one for each interval.

mod party;

use serde::Serialize;

use super::{accounting::AccountingJson, to_json};
use crate::{
    decode::{Detail, Family, TypeName},
    model::{By, Histogram, Key, Report, Stage, Watched},
    render::{Surroundings, decoding::direction_of},
};
use party::{PartyJson, name_of};

#[derive(Serialize)]
struct HistJson<'a> {
    command: &'static str,
    interval: Option<u64>,
    duration_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
    accounting: AccountingJson,
    histograms: Vec<HistogramJson>,
    attachments: &'a [Watched],
}

#[derive(Serialize)]
struct HistogramJson {
    family: Option<u8>,
    family_name: Option<&'static str>,
    stage: Option<&'static str>,
    r#type: Option<u16>,
    type_name: Option<String>,
    cmd: Option<u8>,
    cmd_name: Option<&'static str>,
    address_family: Option<u8>,
    address_family_name: Option<&'static str>,
    comm: Option<String>,
    #[serde(flatten)]
    party: Option<PartyJson>,
    count: u64,
    sum_ns: u64,
    min_ns: u64,
    max_ns: u64,
    mean_ns: u64,
    p50_ns: u64,
    p90_ns: u64,
    p99_ns: u64,
    p999_ns: u64,
    buckets: Vec<(u64, u64, u64)>,
}

impl HistogramJson {
    fn new(key: &Key, histogram: &Histogram, by: Option<By>, around: &mut dyn Surroundings) -> Self {
        let (family, nlmsg_type, detail, stage, party) = match *key {
            Key::Messages { family, nlmsg_type, detail, stage, party } => {
                (Some(family), nlmsg_type, detail, Some(stage), party)
            }
            Key::Other { stage } => (None, None, None, stage, None),
        };
        let generic = nlmsg_type.filter(|_| family == Some(Family::GENERIC));
        let generic = generic.and_then(|number| around.generic(number)).map(str::to_owned);
        let known = family.zip(nlmsg_type).zip(detail).zip(stage);
        let known = known.and_then(|(((family, nlmsg_type), byte), stage)| {
            Detail::named(family, nlmsg_type, byte, generic.as_deref(), direction_of(stage))
        });
        let (command, address_family) = match known {
            Some(Detail::Command { number, name }) => (Some((number, name)), None),
            Some(Detail::AddressFamily { number, name }) => (None, Some((number, name))),
            None => (None, None),
        };
        let type_name = family.zip(nlmsg_type).and_then(|(family, number)| TypeName::of(family, number));
        Self {
            family: family.map(Family::number),
            family_name: family.map_or(Some("other"), Family::name),
            stage: stage.map(Stage::name),
            r#type: nlmsg_type,
            type_name: type_name.map(|name| name.to_string()).or(generic),
            cmd: command.map(|(number, _)| number),
            cmd_name: command.and_then(|(_, name)| name),
            address_family: address_family.map(|(number, _)| number),
            address_family_name: address_family.and_then(|(_, name)| name),
            comm: party.as_ref().and_then(name_of),
            party: by.map(|by| PartyJson::new(by, party.as_ref(), around)),
            count: histogram.count,
            sum_ns: histogram.sum_ns,
            min_ns: histogram.min_ns,
            max_ns: histogram.max_ns,
            mean_ns: histogram.mean_ns(),
            p50_ns: histogram.percentile_ns(500),
            p90_ns: histogram.percentile_ns(900),
            p99_ns: histogram.percentile_ns(990),
            p999_ns: histogram.percentile_ns(999),
            buckets: histogram.buckets().collect(),
        }
    }
}

/// The object, without a line break. `by` is what histograms are kept apart by.
pub fn hist_json(report: &Report, by: Option<By>, around: &mut dyn Surroundings) -> String {
    let histogram = |(key, histogram): (&Key, &Histogram)| HistogramJson::new(key, histogram, by, around);
    to_json(&HistJson {
        command: "hist",
        interval: report.interval,
        duration_ns: report.duration_ns,
        by: by.map(By::name),
        accounting: AccountingJson::new(&report.ledger),
        histograms: report.rows.iter().map(histogram).collect(),
        attachments: &report.watched,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::text::hist::tests::{report, report_by_process};

    #[test]
    fn whose_a_histogram_is_stands_beside_it_if_that_was_asked() {
        let json: serde_json::Value =
            serde_json::from_str(&hist_json(&report_by_process(), Some(By::Process), &mut ())).unwrap();
        assert_eq!(json["by"], "process");
        let field = |row: usize, name: &str| json["histograms"][row][name].clone();
        let null = serde_json::Value::Null;
        assert_eq!((field(0, "party"), field(0, "pid")), ("process".into(), 7.into()));
        assert_eq!(field(0, "comm"), "a\u{1b}b\n");
        assert_eq!(
            (field(1, "party"), field(1, "pid"), field(1, "comm")),
            ("unknown".into(), null.clone(), null.clone())
        );
        assert_eq!((field(2, "party"), field(2, "family")), ("other".into(), null));
        let plain: serde_json::Value = serde_json::from_str(&hist_json(&report(), None, &mut ())).unwrap();
        assert!(plain.get("by").is_none() && plain["histograms"][0].get("party").is_none());
    }

    #[test]
    fn json_has_the_fields_of_the_contract() {
        let json: serde_json::Value = serde_json::from_str(&hist_json(&report(), None, &mut ())).unwrap();
        assert_eq!(json["command"], "hist");
        assert_eq!(json["interval"], serde_json::Value::Null);
        assert_eq!(json["accounting"]["hits"], 3_007);
        let first = &json["histograms"][0];
        assert_eq!((&first["family"], &first["family_name"]), (&25.into(), &"nltest".into()));
        assert_eq!((&first["type"], &first["type_name"]), (&16.into(), &"ECHO".into()));
        assert_eq!((&first["stage"], &first["comm"]), (&"request".into(), &serde_json::Value::Null));
        let buckets = first["buckets"].as_array().unwrap();
        let sum: u64 = buckets.iter().map(|bucket| bucket[2].as_u64().unwrap()).sum();
        assert_eq!(sum, first["count"].as_u64().unwrap());
        for name in ["min_ns", "max_ns", "mean_ns", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "sum_ns"] {
            assert!(first[name].is_u64(), "{name}");
        }
        let other = json["histograms"].as_array().unwrap().last().unwrap();
        assert_eq!((&other["family"], &other["family_name"]), (&serde_json::Value::Null, &"other".into()));
    }
}
