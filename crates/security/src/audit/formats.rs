//! The formats of exports.

mod cef;
mod ecs;
mod ocsf;

use ::http::HeaderValue;
use schemars::JsonSchema;
use serde::Deserialize;

use super::line::Line;
use super::{Entry, INSTALLATION};

/// A format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Entries whole, with salts and hashes: what is needed to compute the chain again.
    Ndjson,
    /// RFC 4180, for spreadsheets.
    Csv,
    /// ArcSight's Common Event Format.
    Cef,
    /// Elastic Common Schema, as lines of JSON.
    Ecs,
    /// Open Cybersecurity Schema Framework, as lines of JSON.
    Ocsf,
}

const COLUMNS: [&str; 16] = [
    "sequence",
    "id",
    "occurred_at",
    "recorded_at",
    "company_id",
    "company_sequence",
    "source",
    "action",
    "outcome",
    "actor_id",
    "actor_role",
    "ip",
    "target",
    "request_id",
    "details",
    "hash",
];

impl Format {
    /// The name in a request.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Cef => "cef",
            Self::Ecs => "ecs",
            Self::Ocsf => "ocsf",
        }
    }

    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Ndjson | Self::Ecs | Self::Ocsf => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Cef => "text/plain; charset=utf-8",
        })
    }

    /// The end of a file's name.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Ecs => "ecs.ndjson",
            Self::Ocsf => "ocsf.ndjson",
            Self::Csv => "csv",
            Self::Cef => "cef",
        }
    }

    /// What comes before the first entry.
    pub(crate) fn head(self) -> Option<String> {
        (self == Self::Csv).then(|| format!("{}\r\n", COLUMNS.join(",")))
    }

    /// One entry, with the end of its line.
    pub(crate) fn line(self, entry: &Entry) -> String {
        let json = match self {
            Self::Ndjson => serde_json::to_string(&Line::new(entry)).unwrap_or_default(),
            Self::Ecs => ecs::event(entry).to_string(),
            Self::Ocsf => ocsf::event(entry).to_string(),
            Self::Csv => return csv(entry),
            Self::Cef => return cef::line(entry),
        };
        json + "\n"
    }
}

fn csv(entry: &Entry) -> String {
    let company = (entry.company_id != INSTALLATION).then(|| entry.company_id.to_string());
    let cells: [String; COLUMNS.len()] = [
        entry.sequence.to_string(),
        entry.id.to_string(),
        entry.occurred_at.to_rfc3339(),
        entry.recorded_at.to_rfc3339(),
        company.unwrap_or_default(),
        entry.company_sequence.to_string(),
        cell(&entry.source),
        cell(&entry.action),
        cell(&entry.outcome),
        entry.actor_id.map(|id| id.to_string()).unwrap_or_default(),
        cell(entry.actor_role.as_deref().unwrap_or_default()),
        cell(entry.ip.as_deref().unwrap_or_default()),
        cell(entry.target.as_deref().unwrap_or_default()),
        cell(entry.request_id.as_deref().unwrap_or_default()),
        cell(entry.details.as_deref().unwrap_or_default()),
        hex::encode(&entry.hash),
    ];
    cells.join(",") + "\r\n"
}

/// A cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let mark = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{mark}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{mark}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::{first, new};
    use serde_json::{Value, json};

    fn entry() -> Entry {
        let mut entry = new(1);
        entry.target = Some("=cmd|' /c calc'!A1".to_owned());
        entry.ip = Some("192.0.2.7".to_owned());
        entry.request_id = Some("r=1|2\\".to_owned());
        entry.details = json!({"from": "user", "text": "a, \"b\"\n"});
        first(entry)
    }

    #[test]
    fn a_cell_is_no_formula_and_stays_one_cell() {
        let line = Format::Csv.line(&entry());
        assert!(line.contains(",'=cmd|' /c calc'!A1,"), "{line}");
        assert!(
            line.contains(r#","{""from"":""user"",""text"":""a, \""b\""\n""}","#),
            "{line}"
        );
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(Format::Csv.head().unwrap().split(',').count(), COLUMNS.len());
    }

    #[test]
    fn cef_escapes_what_means_something_in_it() {
        let line = Format::Cef.line(&entry());
        assert!(line.starts_with("CEF:0|AI Assistants for 1C|security|"), "{line}");
        assert!(
            line.contains("|users.role_changed|users.role_changed|3|"),
            "{line}"
        );
        assert!(line.contains(" src=192.0.2.7"), "{line}");
        assert!(line.contains(r"cs3=r\=1|2\\"), "{line}");
        assert_eq!(line.matches('\n').count(), 1);
    }

    #[test]
    fn ecs_and_ocsf_have_the_names_of_their_schemas() {
        let read = |format: Format| -> Value { serde_json::from_str(&format.line(&entry())).unwrap() };
        let ecs = read(Format::Ecs);
        assert_eq!(ecs["event"]["action"], "users.role_changed");
        assert_eq!(ecs["event"]["outcome"], "success");
        assert_eq!(ecs["event"]["category"], json!(["iam"]));
        assert_eq!(ecs["source"]["ip"], "192.0.2.7");
        let ocsf = read(Format::Ocsf);
        assert_eq!(
            (&ocsf["class_uid"], &ocsf["category_uid"]),
            (&json!(3001), &json!(3))
        );
        let activity = ocsf["activity_id"].as_i64().unwrap();
        assert_eq!(ocsf["type_uid"], 300_100 + activity);
        assert_eq!(ocsf["time"], 1_700_000_000_123_i64);
        assert_eq!(ocsf["src_endpoint"]["ip"], "192.0.2.7");
    }

    #[test]
    fn an_erased_entry_has_no_person_in_any_format() {
        let mut entry = entry();
        (entry.who_salt, entry.actor_id, entry.actor_role, entry.ip) = (None, None, None, None);
        (entry.what_salt, entry.target, entry.details) = (None, None, None);
        for format in [
            Format::Ndjson,
            Format::Csv,
            Format::Cef,
            Format::Ecs,
            Format::Ocsf,
        ] {
            let line = format.line(&entry);
            assert!(
                !line.contains("192.0.2.7") && !line.contains("00000007"),
                "{line}"
            );
        }
    }
}
