//! A report for unit tests.

use common::contract::onec::{Column, ColumnKind, Report};
use serde_json::json;

/// Two debtors: 1 234 567,89 (234 567,89 overdue) and 300 000.
pub(crate) fn report() -> Report {
    let id = common::ids::new_id();
    let column = |key: &str, kind| Column {
        key: key.to_owned(),
        title: key.to_owned(),
        kind,
    };
    let body = json!({
        "report": "receivables",
        "title": "Дебиторская задолженность",
        "parameters": {"date": "2026-10-31"},
        "currency": "RUB",
        "columns": [column("counterparty", ColumnKind::Text), column("debt", ColumnKind::Money), column("overdue", ColumnKind::Money)],
        "rows": [
            {"counterparty": "Ромашка", "debt": "1234567.89", "overdue": "234567.89"},
            {"counterparty": "Василёк", "debt": "300000.00", "overdue": "0.00"},
        ],
        "totals": {"debt": "1534567.89", "overdue": "234567.89"},
        "row_count": 2,
        "truncated": false,
        "as_of": "2026-11-24T10:00:00Z",
        "source": "mirror",
        "onec_reachable": true,
        "citations": [{
            "infobase_id": id, "infobase": "Демо", "object": "AccumulationRegister_РасчетыСПокупателями", "report": "receivables",
            "filter": {"date": "2026-10-31"}, "as_of": "2026-11-24T10:00:00Z", "source": "mirror",
        }],
    });
    serde_json::from_value(body).unwrap()
}
