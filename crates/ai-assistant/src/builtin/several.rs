//! The stock of several goods that one name fits: «сколько бумаги А4» means all of them.

use common::contract::onec::{Match, Report, ReportId, ReportQuery, SubjectKind};
use rust_decimal::Decimal;

use super::engine::Turn;
use super::format::{figure, say};
use super::frame::Pending;
use super::names::Fit;
use super::{help, render};
use crate::chat::draft::Draft;
use crate::tools::OnecError;

/// More goods than this are a question back; each costs a call.
const MOST: usize = 8;

/// True when the goods may be answered together: each has the words of the name in its own.
pub(super) fn can_be_summed(fit: Fit, candidates: &[Match]) -> bool {
    fit >= Fit::Words
        && candidates.len() <= MOST
        && candidates
            .iter()
            .all(|candidate| candidate.kind == SubjectKind::Item)
}

impl Turn<'_> {
    /// Asks for each of the goods and answers for all of them; one may still be chosen.
    pub(super) async fn stock_of_several(
        &mut self,
        name: usize,
        candidates: Vec<Match>,
    ) -> Result<Draft, OnecError> {
        let mut reports = Vec::with_capacity(candidates.len());
        for candidate in &candidates {
            let query = ReportQuery {
                item: Some(candidate.id),
                ..self.query(ReportId::Stock)
            };
            reports.push(self.toolbox.report(ReportId::Stock, query).await?);
        }
        let Some(all) = together(reports) else {
            return Ok(self.done(help::help(self.locale), None));
        };
        // For the words of the answer only: the name stays open for the next question.
        let mut frame = self.frame.clone();
        frame.names[name].found = candidates.first().map(|first| Match {
            name: frame.names[name].mention.text.clone(),
            ..first.clone()
        });
        let view = render::View {
            frame: &frame,
            report: &all,
            compared: None,
            locale: self.locale,
            today: self.around.today,
        };
        let mut text = render::text(&view);
        let count = candidates.len();
        text += &say!(
            self.locale,
            "\nПод это название подходят несколько позиций: {count}. Если нужна одна, назовите её.",
            "\nSeveral items have this name: {count}. If you need one of them, name it."
        );
        let suggestions = candidates
            .iter()
            .map(|candidate| candidate.name.clone())
            .collect();
        let mut draft = Draft::words(text).suggest(suggestions);
        draft.add_reports(&[&all], self.locale, self.around.zone);
        Ok(self.done(draft, Some(Pending::Choice { name, candidates })))
    }
}

/// One report of all rows with the sums of the totals.
fn together(reports: Vec<Report>) -> Option<Report> {
    let mut reports = reports.into_iter();
    let mut all = reports.next()?;
    for report in reports {
        for key in ["quantity", "cost"] {
            let sum: Decimal = figure(&all.totals, key) + figure(&report.totals, key);
            all.totals.insert(key.to_owned(), sum.to_string().into());
        }
        all.rows.extend(report.rows);
        all.row_count += report.row_count;
        all.truncated |= report.truncated;
        all.as_of = all.as_of.min(report.as_of);
        all.onec_reachable &= report.onec_reachable;
        all.citations.extend(report.citations);
    }
    Some(all)
}
