//! What an answer of a model rests on, with the numbers that its text refers to.

use chrono_tz::Tz;
use common::Locale;
use common::contract::onec::Report;

use super::draft::{Draft, NumberedCitation, Table};
use crate::tools::{Source, Toolbox};

impl Draft {
    /// Adds reports, rows of 1C, drafts and files of a toolbox; the source that the model was told as `[n]` is
    /// cited as `[n]`.
    pub(super) fn add_found(&mut self, toolbox: &Toolbox, locale: Locale, zone: Tz) {
        let (mut reports, mut numbers): (Vec<&Report>, Vec<u32>) = (Vec::new(), Vec::new());
        let mut of_rows = Vec::new();
        for (number, source) in (1_u32..).zip(toolbox.sources()) {
            match source {
                Source::Report(report) => {
                    reports.push(report);
                    numbers.push(number);
                }
                Source::Rows(rows) => of_rows.push((number, rows)),
            }
        }
        self.add_reports(&reports, locale, zone);
        // Reports were numbered among themselves.
        for citation in &mut self.citations {
            let at = usize::try_from(citation.id).unwrap_or(0).wrapping_sub(1);
            if let Some(number) = numbers.get(at) {
                citation.id = *number;
            }
        }
        for (number, rows) in of_rows {
            self.as_of = Some(self.as_of.map_or(rows.as_of, |as_of| as_of.min(rows.as_of)));
            self.citations
                .extend(rows.citations.iter().map(|citation| NumberedCitation {
                    id: number,
                    citation: citation.clone(),
                }));
            let title = rows.citations.first().map(|citation| citation.object.clone());
            self.tables.push(Table {
                title: title.unwrap_or_default(),
                currency: String::new(),
                columns: rows.columns(),
                rows: rows.rows().to_vec(),
                totals: serde_json::Map::new(),
                row_count: rows.rows().len() as u64,
                truncated: rows.is_partial(),
            });
        }
        self.citations.sort_by_key(|citation| citation.id);
        self.drafts = toolbox.drafts().cloned().collect();
        self.files = toolbox.files().to_vec();
    }
}
