//! One question to several infobases: each is asked with the names as it knows them, and answers in a
//! section of its own. Sums over bases only where no company is kept in two of them.

use std::collections::HashMap;

use common::Locale;
use common::contract::onec::{CompanyInfo, InfobaseInfo, ReportId};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::engine::{Surroundings, Turn};
use super::format::{escaped, figure, money, say};
use super::frame::{Frame, Pending, State};
use super::intent::Intent;
use super::slots::Flow;
use crate::chat::draft::{Draft, Table};
use crate::tools::{OnecError, Toolbox};

/// More bases than this are not asked at once: the question has to name one.
const MOST: usize = 8;

/// What came of a base.
struct Section<'a> {
    base: &'a InfobaseInfo,
    draft: Draft,
}

impl Section<'_> {
    fn is_answer(&self) -> bool {
        !self.draft.tables.is_empty()
    }

    /// Its name as a heading.
    fn name(&self) -> String {
        escaped(&self.base.name)
    }
}

/// The bases that a question is put to: those that it names, or all but those that only push goods.
pub(super) fn chosen<'a>(frame: &Frame, bases: &'a [InfobaseInfo]) -> Vec<&'a InfobaseInfo> {
    let named: Vec<&InfobaseInfo> = bases
        .iter()
        .filter(|base| frame.bases.contains(&base.id))
        .collect();
    if !named.is_empty() {
        return named;
    }
    let whole: Vec<&InfobaseInfo> = bases.iter().filter(|base| base.kind == "odata").collect();
    if whole.is_empty() {
        bases.iter().collect()
    } else {
        whole
    }
}

/// Answers a question over several bases.
pub(super) async fn answer(
    frame: Frame,
    bases: &[&InfobaseInfo],
    toolbox: &mut Toolbox,
    around: Surroundings,
) -> Result<Draft, OnecError> {
    let locale = toolbox.locale();
    if bases.len() > MOST {
        let draft = Draft::words(too_many(bases, locale));
        return Ok(remembered(draft, frame, None));
    }
    let mut sections: Vec<Section<'_>> = Vec::with_capacity(bases.len());
    for base in bases {
        toolbox.within(base.id);
        let turn = Turn::new(within(&frame, base.id), toolbox, around);
        let draft = turn.answer().await?;
        // What is missing is missing everywhere.
        if let Some(
            pending @ (Pending::Direction | Pending::Counterparty | Pending::Number | Pending::Account),
        ) = draft.state.pending.clone()
        {
            return Ok(remembered(draft, frame, Some(pending)));
        }
        sections.push(Section { base, draft });
    }
    let (answers, others): (Vec<_>, Vec<_>) = sections.into_iter().partition(Section::is_answer);
    if answers.is_empty() {
        return Ok(nothing(frame, others, locale));
    }
    let totals = match answers.as_slice() {
        [_] => String::new(),
        several => totals(&frame, several, toolbox, locale).await,
    };
    Ok(remembered(
        together(answers, &others, &totals, locale),
        frame,
        None,
    ))
}

/// The question as one base is asked it: whom names mean there is found out there.
pub(super) fn within(frame: &Frame, base: Uuid) -> Frame {
    let mut frame = frame.clone();
    for name in &mut frame.names {
        if name
            .found
            .as_ref()
            .is_some_and(|found| found.infobase_id != Some(base))
        {
            name.found = None;
        }
    }
    frame
}

fn remembered(mut draft: Draft, frame: Frame, pending: Option<Pending>) -> Draft {
    draft.intent = Some(frame.intent.as_str().to_owned());
    draft.state = State {
        frame: Some(frame),
        pending,
    };
    draft
}

fn too_many(bases: &[&InfobaseInfo], locale: Locale) -> String {
    let names: Vec<String> = bases.iter().map(|base| escaped(&base.name)).collect();
    let names = names.join(", ");
    say!(
        locale,
        "Подключено много баз. Назовите в вопросе одну: {names}.",
        "Many infobases are connected. Name one in the question: {names}."
    )
}

/// No base has an answer: the first that asks back does so, or all say why.
fn nothing(frame: Frame, mut others: Vec<Section<'_>>, locale: Locale) -> Draft {
    let asks = others
        .iter()
        .position(|section| section.draft.state.pending.is_some());
    if let Some(place) = asks {
        let section = others.swap_remove(place);
        let (name, text) = (section.name(), section.draft.text.clone());
        let pending = section.draft.state.pending.clone();
        let mut draft = section.draft;
        draft.text = say!(locale, "База «{name}». {text}", "Infobase “{name}”. {text}");
        let frame = draft.state.frame.take().unwrap_or(frame);
        return remembered(draft, frame, pending);
    }
    let first = others.first().map(|section| section.draft.text.clone());
    let is_same = others
        .iter()
        .all(|section| Some(&section.draft.text) == first.as_ref());
    let text = if is_same {
        first.unwrap_or_default()
    } else {
        missed(&others, locale)
    };
    remembered(Draft::words(text), frame, None)
}

/// A line for each base without an answer.
fn missed(others: &[Section<'_>], locale: Locale) -> String {
    let lines: Vec<String> = others
        .iter()
        .map(|section| {
            let (name, text) = (section.name(), section.draft.text.as_str());
            if section.draft.state.pending.is_some() {
                say!(
                    locale,
                    "- База «{name}»: под названия из вопроса подходят несколько. Спросите о ней отдельно: «… в базе {name}».",
                    "- Infobase “{name}”: several things have the names of the question. Ask about it alone: “… in infobase {name}”."
                )
            } else {
                say!(locale, "- База «{name}»: {text}", "- Infobase “{name}”: {text}")
            }
        })
        .collect();
    lines.join("\n")
}

/// Sections one after another, their sources numbered through.
fn together(answers: Vec<Section<'_>>, others: &[Section<'_>], totals: &str, locale: Locale) -> Draft {
    let mut all = Draft::default();
    let mut texts = Vec::with_capacity(answers.len() + 2);
    for section in answers {
        let name = section.name();
        let before = u32::try_from(all.tables.len()).unwrap_or(u32::MAX);
        let own = u32::try_from(section.draft.tables.len()).unwrap_or(u32::MAX);
        let text = renumbered(&section.draft.text, own, before);
        texts.push(say!(
            locale,
            "### База «{name}»\n\n{text}",
            "### Infobase “{name}”\n\n{text}"
        ));
        let draft = section.draft;
        all.citations
            .extend(draft.citations.into_iter().map(|mut source| {
                source.id += before;
                source
            }));
        all.tables.extend(draft.tables.into_iter().map(|table| Table {
            title: format!("{} — {}", section.base.name, table.title),
            ..table
        }));
        all.as_of = [all.as_of, draft.as_of].into_iter().flatten().min();
        if all.suggestions.is_empty() && draft.state.pending.is_none() {
            all.suggestions = draft.suggestions;
        }
        for notice in draft.notices {
            // What is true of the question is said once, what is true of a base with its name.
            if !all.notices.contains(&notice) {
                all.notices.push(notice);
            }
        }
    }
    texts.extend(Some(totals.to_owned()).filter(|totals| !totals.is_empty()));
    if !others.is_empty() {
        texts.push(missed(others, locale));
    }
    all.text = texts.join("\n\n");
    all
}

/// The text with its sources `[1]`, `[2]` moved on. What 1C calls things has its brackets escaped.
fn renumbered(text: &str, own: u32, before: u32) -> String {
    (1..=own).rev().fold(text.to_owned(), |text, number| {
        text.replace(&format!("[{number}]"), &format!("[{}]", number + before))
    })
}

/// The sums over the bases, or why there are none.
async fn totals(frame: &Frame, answers: &[Section<'_>], toolbox: &Toolbox, locale: Locale) -> String {
    let keys = summable(frame);
    // A comparison has two reports.
    let tables: Option<Vec<&Table>> = answers
        .iter()
        .map(|section| section.draft.tables.first())
        .collect();
    let (Some(tables), false) = (tables, keys.is_empty()) else {
        return String::new();
    };
    let currency = tables
        .first()
        .map(|table| table.currency.clone())
        .unwrap_or_default();
    if tables.iter().any(|table| table.currency != currency) {
        return say!(
            locale,
            "Итог по базам не подведён: учёт в них ведётся в разных валютах.",
            "There is no total over the infobases: their currencies differ."
        );
    }
    let Ok(companies) = toolbox.companies().await else {
        return String::new();
    };
    let bases: Vec<Uuid> = answers.iter().map(|section| section.base.id).collect();
    if let Some(company) = kept_twice(&companies, &bases) {
        let (name, inn) = (escaped(&company.name), escaped(&company.inn));
        return say!(
            locale,
            "Итог по базам не подведён: организация «{name}» (ИНН {inn}) ведётся не в одной из них, и её суммы сложились бы дважды.",
            "There is no total over the infobases: the company “{name}” (ИНН {inn}) is kept in more than one, and its sums would count twice."
        );
    }
    let sums: Vec<String> = keys
        .iter()
        .map(|(key, ru, en)| {
            let sum: Decimal = tables.iter().map(|table| figure(&table.totals, key)).sum();
            let what = match locale {
                Locale::Ru => ru,
                Locale::En => en,
            };
            format!("{what} **{}**", money(sum, &currency, locale))
        })
        .collect();
    let sums = sums.join(", ");
    let mut number = 1;
    let sources: Vec<String> = answers
        .iter()
        .map(|section| {
            let source = format!("[{number}]");
            number += section.draft.tables.len();
            source
        })
        .collect();
    let sources = sources.join(" + ");
    say!(
        locale,
        "Итого по базам: {sums} ({sources}).",
        "Over the infobases: {sums} ({sources})."
    )
}

/// A company, by its tax number, of two of the bases.
fn kept_twice<'a>(companies: &'a [CompanyInfo], bases: &[Uuid]) -> Option<&'a CompanyInfo> {
    let mut kept: HashMap<&str, Uuid> = HashMap::new();
    companies
        .iter()
        .filter(|company| bases.contains(&company.infobase_id) && !company.inn.is_empty())
        .find(|company| {
            let first = *kept.entry(&company.inn).or_insert(company.infobase_id);
            first != company.infobase_id
        })
}

/// The totals that add up over bases, as the section of a base shows them.
fn summable(frame: &Frame) -> &'static [(&'static str, &'static str, &'static str)] {
    let is_part = frame.cash_desk != frame.bank || frame.tax.is_some();
    match (frame.intent, frame.intent.report()) {
        _ if is_part => &[],
        (_, Some(ReportId::Receivables | ReportId::Payables)) => {
            &[("debt", "долг", "debt"), ("overdue", "просрочено", "overdue")]
        }
        (Intent::Stock, _) => &[("cost", "себестоимость", "cost")],
        (Intent::Sales, _) => &[
            ("revenue", "выручка", "revenue"),
            ("gross_profit", "валовая прибыль", "gross profit"),
        ],
        (Intent::Cash, _) => &[("balance", "денег", "money")],
        (Intent::CashFlow, _) => match frame.flow {
            Some(Flow::In) => &[("in", "поступило", "received")],
            Some(Flow::Out) => &[("out", "списано", "spent")],
            None => &[("in", "поступило", "received"), ("out", "списано", "spent")],
        },
        (Intent::Taxes, _) => &[("accrued", "начислено", "accrued"), ("paid", "уплачено", "paid")],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_numbered_through() {
        let text = "Долг 5 [1], было 4 [2]. Имя \\[1\\]";
        assert_eq!(renumbered(text, 2, 2), "Долг 5 [3], было 4 [4]. Имя \\[1\\]");
        assert_eq!(renumbered("[1] [2]", 2, 1), "[2] [3]");
        assert_eq!(renumbered("[1]", 1, 0), "[1]");
    }

    #[test]
    fn a_company_of_two_bases_is_found_by_its_tax_number() {
        let company = |base: u128, inn: &str| CompanyInfo {
            id: None,
            infobase_id: Uuid::from_u128(base),
            name: "Ромашка".to_owned(),
            inn: inn.to_owned(),
        };
        let bases = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let apart = [
            company(1, "77"),
            company(1, "77"),
            company(2, "78"),
            company(1, ""),
            company(2, ""),
        ];
        assert_eq!(kept_twice(&apart, &bases), None);
        let twice = [company(1, "77"), company(2, "77")];
        assert_eq!(kept_twice(&twice, &bases), Some(&twice[1]));
        assert_eq!(kept_twice(&twice, &bases[..1]), None);
    }
}
