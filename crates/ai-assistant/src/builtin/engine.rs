//! From a question to an answer: understand, resolve names, call the reports, write it down.

use chrono::NaiveDate;
use chrono_tz::Tz;
use common::Locale;
use common::contract::onec::{GroupBy, InfobaseInfo, Match, Report, ReportId, ReportQuery, SubjectKind};

use super::bases;
use super::format::{self, say};
use super::frame::{self, Frame, Pending, State};
use super::help;
use super::intent::Intent;
use super::names::{self, Fit};
use super::over_bases;
use super::parse::{self, Compare};
use super::period::Span;
use super::render;
use super::several;
use crate::chat::draft::Draft;
use crate::tools::{OnecError, Toolbox};

/// Rows that are asked for and shown as data beside the text.
const ROWS: u32 = 50;
/// Candidates that a question back names.
const CANDIDATES: usize = 5;

/// What an answer depends on besides the question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings {
    /// Today, where the company is.
    pub(crate) today: NaiveDate,
    /// Where the company is.
    pub(crate) zone: Tz,
    /// The caller may read 1C data.
    pub(crate) may_read: bool,
}

/// The intent of a question that stands alone, for accounting when a model answers.
pub(crate) fn intent_of(message: &str, today: NaiveDate) -> Option<&'static str> {
    parse::parse(message, today).intent.map(Intent::as_str)
}

/// The language of a question. Names in it say nothing: «Долг SvetoCopy» is Russian, "Debt of
/// Ромашка" is English.
pub(crate) fn language_of(message: &str) -> Locale {
    let words: Vec<&str> = message.split_whitespace().collect();
    let plain = |(i, word): &(usize, &&str)| *i == 0 || !word.starts_with(char::is_uppercase);
    let letters = |cyrillic: bool| -> usize {
        words
            .iter()
            .enumerate()
            .filter(plain)
            .flat_map(|(_, word)| word.chars())
            .filter(|c| c.is_alphabetic() && c.is_ascii() != cyrillic)
            .count()
    };
    if letters(false) > letters(true) {
        Locale::En
    } else {
        Locale::Ru
    }
}

/// Answers a question.
///
/// # Errors
/// When onec-integration does not answer; a refusal of it becomes an answer in words.
pub(crate) async fn answer(
    message: &str,
    state: &State,
    toolbox: &mut Toolbox,
    around: Surroundings,
) -> Result<Draft, OnecError> {
    let locale = toolbox.locale();
    let bases = bases_of(toolbox, around).await;
    let asked = bases::asked(message, &bases);
    let mut parsed = parse::parse(&asked.text, around.today);
    parsed.bases = asked.bases;
    parsed.all_bases = asked.all;
    if let Some(day) = &parsed.impossible_day {
        let mut draft = Draft::words(say!(
            locale,
            "Даты «{day}» нет в календаре. Назовите, пожалуйста, другую.",
            "There is no such day as {day}. Please name another one."
        ));
        draft.state = state.clone();
        return Ok(draft);
    }
    let Some(frame) = frame::complete(&parsed, state) else {
        let mut draft = help::not_understood(locale);
        draft.state = State {
            frame: state.frame.clone(),
            pending: None,
        };
        return Ok(draft);
    };
    let chosen = over_bases::chosen(&frame, &bases);
    match chosen.as_slice() {
        _ if frame.intent.report().is_none() || bases.len() < 2 => {}
        [] => {}
        [one] => {
            toolbox.within(one.id);
            let frame = over_bases::within(&frame, one.id);
            let mut draft = Turn::new(frame, toolbox, around).answer().await?;
            if !draft.tables.is_empty() {
                let (name, text) = (format::escaped(&one.name), draft.text);
                draft.text = say!(locale, "База «{name}». {text}", "Infobase “{name}”. {text}");
            }
            return Ok(draft);
        }
        several => return over_bases::answer(frame, several, toolbox, around).await,
    }
    Turn::new(frame, toolbox, around).answer().await
}

/// The infobases that a question may be about; none when the request names one. That they cannot be
/// told is no answer yet: the report says why.
async fn bases_of(toolbox: &Toolbox, around: Surroundings) -> Vec<InfobaseInfo> {
    let is_limited = toolbox.infobase().is_some() || toolbox.company().is_some();
    if is_limited || !around.may_read {
        return Vec::new();
    }
    toolbox.infobases().await.unwrap_or_default()
}

pub(super) struct Turn<'a> {
    pub(super) frame: Frame,
    pub(super) locale: Locale,
    pub(super) toolbox: &'a mut Toolbox,
    pub(super) around: Surroundings,
    notices: Vec<String>,
}

impl<'a> Turn<'a> {
    /// A complete question about one infobase.
    pub(super) fn new(frame: Frame, toolbox: &'a mut Toolbox, around: Surroundings) -> Self {
        Self {
            frame,
            locale: toolbox.locale(),
            toolbox,
            around,
            notices: Vec::new(),
        }
    }

    /// The answer; a refusal of onec-integration becomes one in words.
    pub(super) async fn answer(mut self) -> Result<Draft, OnecError> {
        match self.run().await {
            Ok(mut draft) => {
                draft.intent = Some(self.frame.intent.as_str().to_owned());
                draft.notices.splice(0..0, std::mem::take(&mut self.notices));
                Ok(draft)
            }
            Err(OnecError::Refused {
                status,
                code,
                message,
            }) => Ok(self.refused(status, &code, &message)),
            Err(error) => Err(error),
        }
    }

    async fn run(&mut self) -> Result<Draft, OnecError> {
        let locale = self.locale;
        match self.frame.intent {
            Intent::Help => return Ok(self.done(help::help(locale), None)),
            Intent::CreateDocument => return Ok(self.done(help::cannot_write(locale), None)),
            Intent::NotCovered(topic) => return Ok(self.done(help::not_covered(topic, locale), None)),
            _ => {}
        }
        if !self.around.may_read {
            return Ok(self.done(help::no_access(locale), None));
        }
        if self.frame.intent == Intent::DebtOfUnknownDirection {
            let draft = Draft::words(say!(
                locale,
                "Уточните, пожалуйста: должны **вам** или должны **вы**?",
                "Please clarify: do they owe **you**, or do **you** owe them?"
            ));
            let suggestions = match locale {
                Locale::Ru => vec!["нам".to_owned(), "мы".to_owned()],
                Locale::En => vec!["they owe us".to_owned(), "we owe them".to_owned()],
            };
            return Ok(self.done(draft.suggest(suggestions), Some(Pending::Direction)));
        }
        if let Some(question) = self.resolve().await? {
            return Ok(question);
        }
        if let (Some(limit), Some(named)) = (self.toolbox.company(), self.found(SubjectKind::Company))
            && limit != named.id
        {
            let name = format::escaped(&named.name);
            let draft = Draft::words(say!(
                locale,
                "Этот запрос ограничен другой организацией, данных «{name}» в нём нет.",
                "This request is limited to another company; it has no data of “{name}”."
            ));
            return Ok(self.done(draft, None));
        }
        if let Some(question) = self.missing() {
            return Ok(question);
        }
        self.report().await
    }

    /// Ends the turn: what was understood is remembered for the next question.
    pub(super) fn done(&self, mut draft: Draft, pending: Option<Pending>) -> Draft {
        draft.state = State {
            frame: Some(self.frame.clone()),
            pending,
        };
        draft
    }

    /// Finds out whom the names mean; `Some` is a question back.
    async fn resolve(&mut self) -> Result<Option<Draft>, OnecError> {
        let kinds = frame::kinds(self.frame.intent);
        let mut all_of = None;
        for index in 0..self.frame.names.len() {
            if self.frame.names[index].found.is_some() {
                continue;
            }
            let mention = self.frame.names[index].mention.clone();
            // Accounts of money are not searchable: their rows are looked through instead.
            if self.frame.intent == Intent::Cash && mention.kind.is_none() {
                continue;
            }
            let wanted: Vec<SubjectKind> = match mention.kind {
                Some(kind) if kinds.contains(&kind) => vec![kind],
                Some(_) | None if kinds.is_empty() => continue,
                Some(_) => return Ok(Some(self.cannot_narrow(&mention.text))),
                None => kinds.to_vec(),
            };
            let candidates = self.candidates(&wanted, &mention.text).await?;
            match candidates.as_slice() {
                [one] if one.0 >= Fit::Typo => self.frame.names[index].found = Some(one.1.clone()),
                [] => {
                    let name = format::escaped(&mention.text);
                    let draft = Draft::words(say!(
                        self.locale,
                        "Не нашёл в базе «{name}». Проверьте, пожалуйста, название или назовите ИНН.",
                        "I found nothing called “{name}” in the infobase. Please check the name, or give the tax number (ИНН)."
                    ));
                    self.frame.names.remove(index);
                    return Ok(Some(self.done(draft, None)));
                }
                several => {
                    let exact = several[0].0 >= Fit::Typo;
                    let candidates: Vec<Match> =
                        several.iter().map(|(_, candidate)| candidate.clone()).collect();
                    if self.frame.intent == Intent::Stock && several::can_be_summed(several[0].0, &candidates)
                    {
                        all_of = Some((index, candidates));
                        continue;
                    }
                    return Ok(Some(self.which(index, &mention.text, candidates, exact)));
                }
            }
        }
        // After the loop: a warehouse that is named too has been found by now.
        if let Some((name, candidates)) = all_of {
            return self.stock_of_several(name, candidates).await.map(Some);
        }
        // Of two names of one kind, the later one counts: it came with the follow-up.
        let mut kept: Vec<frame::Name> = Vec::new();
        for name in self.frame.names.drain(..).rev() {
            let kind = name.found.as_ref().map(|found| found.kind);
            if kind.is_none()
                || !kept
                    .iter()
                    .any(|other| other.found.as_ref().map(|found| found.kind) == kind)
            {
                kept.push(name);
            }
        }
        kept.reverse();
        self.frame.names = kept;
        Ok(None)
    }

    /// The best candidates only: whole names before parts of names, those before mere likeness.
    async fn candidates(
        &mut self,
        kinds: &[SubjectKind],
        text: &str,
    ) -> Result<Vec<(Fit, Match)>, OnecError> {
        let mut found: Vec<(Fit, Match)> = Vec::new();
        let stems = names::stems(text);
        for query in [text.to_owned(), stems] {
            for kind in kinds {
                for candidate in self.toolbox.find(*kind, &query).await? {
                    if !found.iter().any(|(_, other)| other.id == candidate.id) {
                        found.push((names::fit(text, &candidate), candidate));
                    }
                }
            }
            if found.iter().any(|(fit, _)| *fit >= Fit::Words) {
                break;
            }
        }
        let Some(best) = found.iter().map(|(fit, _)| *fit).max() else {
            return Ok(found);
        };
        found.retain(|(fit, candidate)| {
            *fit == best && (best > Fit::Part || names::resembles(text, candidate))
        });
        found.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
        Ok(found)
    }

    fn which(&self, name: usize, text: &str, mut candidates: Vec<Match>, exact: bool) -> Draft {
        let locale = self.locale;
        let total = candidates.len();
        candidates.truncate(CANDIDATES);
        let name_text = format::escaped(text);
        let mut question = if exact {
            say!(
                locale,
                "Под «{name_text}» подходят несколько. Кого или что вы имеете в виду?",
                "Several things are called “{name_text}”. Which one do you mean?"
            )
        } else {
            say!(
                locale,
                "Точно «{name_text}» не нашлось. Возможно, вы имеете в виду:",
                "There is no exact “{name_text}”. Did you mean:"
            )
        };
        for (i, candidate) in candidates.iter().enumerate() {
            let number = i + 1;
            let label = format::escaped(&candidate.name);
            let kind = help::kind_name(candidate.kind, locale);
            let code = candidate
                .code
                .as_deref()
                .map(|code| format!(", {}", format::escaped(code)))
                .unwrap_or_default();
            question += &format!("\n{number}. {label} ({kind}{code})");
        }
        if total > CANDIDATES {
            let shown = CANDIDATES;
            question += &say!(
                locale,
                "\n\nПоказаны первые {shown}; можно назвать точнее.",
                "\n\nShown are the first {shown}; a longer name helps."
            );
        }
        let suggestions = candidates
            .iter()
            .map(|candidate| candidate.name.clone())
            .collect();
        let pending = Pending::Choice { name, candidates };
        self.done(Draft::words(question).suggest(suggestions), Some(pending))
    }

    fn cannot_narrow(&self, text: &str) -> Draft {
        let text = format::escaped(text);
        let draft = Draft::words(say!(
            self.locale,
            "Этот отчёт нельзя отобрать по «{text}»: такого разреза в нём нет.",
            "This report cannot be narrowed to “{text}”: it has no such breakdown."
        ));
        self.done(draft, None)
    }

    /// What a report cannot do without.
    fn missing(&self) -> Option<Draft> {
        let locale = self.locale;
        let of_somebody = match self.frame.intent {
            Intent::Statement | Intent::CounterpartyCard => true,
            // «сколько она должна», when nobody has been named
            Intent::Receivables | Intent::Payables => self.frame.of_that_one,
            _ => false,
        };
        match self.frame.intent {
            _ if of_somebody && self.found(SubjectKind::Counterparty).is_none() => {
                let draft = Draft::words(say!(
                    locale,
                    "По какому контрагенту? Назовите его или укажите ИНН.",
                    "Which counterparty? Give the name or the tax number (ИНН)."
                ));
                Some(self.done(draft, Some(Pending::Counterparty)))
            }
            Intent::Postings if self.frame.number.is_none() => {
                let draft = Draft::words(say!(
                    locale,
                    "Проводки какого документа показать? Назовите его номер.",
                    "The entries of which document? Give its number."
                ));
                Some(self.done(draft, Some(Pending::Number)))
            }
            _ => None,
        }
    }

    pub(super) fn found(&self, kind: SubjectKind) -> Option<&Match> {
        self.frame
            .names
            .iter()
            .filter_map(|name| name.found.as_ref())
            .find(|found| found.kind == kind)
    }

    async fn report(&mut self) -> Result<Draft, OnecError> {
        let Some(id) = self.frame.intent.report() else {
            return Ok(self.done(help::help(self.locale), None));
        };
        self.note_ignored();
        let query = self.query(id);
        let report = self.toolbox.report(id, query.clone()).await?;
        let compared = match self.compared_with(&report) {
            Some(span) => {
                let query = ReportQuery {
                    from: Some(span.from),
                    to: Some(span.to),
                    ..query
                };
                Some((span, self.toolbox.report(id, query).await?))
            }
            None => None,
        };
        let view = render::View {
            frame: &self.frame,
            report: &report,
            compared: compared.as_ref().map(|(span, report)| (*span, report)),
            locale: self.locale,
            today: self.around.today,
        };
        let text = render::text(&view);
        let mut draft = Draft::words(text).suggest(help::follow_ups(self.frame.intent, self.locale));
        let reports: Vec<&Report> = std::iter::once(&report)
            .chain(compared.as_ref().map(|(_, report)| report))
            .collect();
        draft.add_reports(&reports, self.locale, self.around.zone);
        Ok(self.done(draft, None))
    }

    /// Says what of the question the report cannot take into account.
    fn note_ignored(&mut self) {
        let locale = self.locale;
        if self.frame.why {
            self.notices.push(say!(
                locale,
                "О причинах отчёты не говорят: показаны только цифры.",
                "Reports do not tell reasons: only the figures are shown."
            ));
        }
        if self.frame.net_profit {
            self.notices.push(say!(
                locale,
                "Чистую прибыль отчёты не считают: показаны выручка и валовая прибыль, без расходов и налогов.",
                "Reports do not compute net profit: revenue and gross profit are shown, before expenses and taxes."
            ));
        }
        let kinds = frame::kinds(self.frame.intent);
        if kinds.is_empty() {
            for name in &self.frame.names {
                let text = &name.mention.text;
                self.notices.push(say!(
                    locale,
                    "«{text}» в этом отчёте не учитывается.",
                    "“{text}” is not taken into account by this report."
                ));
            }
        }
        let fits = match self.frame.intent {
            Intent::Sales => true,
            Intent::Stock | Intent::StockTurnover => matches!(
                self.frame.group_by,
                None | Some(GroupBy::Warehouse | GroupBy::Item)
            ),
            Intent::Receivables
            | Intent::Payables
            | Intent::CashFlow
            | Intent::Statement
            | Intent::CounterpartyCard
            | Intent::Documents => {
                matches!(self.frame.group_by, None | Some(GroupBy::Counterparty))
            }
            _ => self.frame.group_by.is_none(),
        };
        if self.frame.intent != Intent::Sales {
            self.frame.then_by = None;
        }
        if !fits {
            self.frame.group_by = None;
            self.notices.push(say!(
                locale,
                "Такой разбивки в этом отчёте нет, показан он целиком.",
                "This report has no such breakdown; it is shown as a whole."
            ));
        }
        if self.frame.intent.is_balance()
            && let Some(span) = self.frame.span
            && span.to > self.around.today
            && span.point
        {
            self.notices.push(say!(
                locale,
                "Эта дата ещё не наступила, показано на сегодня.",
                "That day is still to come; the figures are as of today."
            ));
        }
    }

    pub(super) fn query(&self, id: ReportId) -> ReportQuery {
        let frame = &self.frame;
        let id_of = |kind| self.found(kind).map(|found| found.id);
        let today = self.around.today;
        let mut query = ReportQuery {
            company: id_of(SubjectKind::Company),
            limit: Some(ROWS),
            ..ReportQuery::default()
        };
        if frame.intent.is_balance() {
            query.date = Some(frame.span.map_or(today, |span| span.to.min(today)));
        } else if let Some(span) = frame.span {
            query.from = Some(span.from);
            query.to = Some(span.to);
        }
        match id {
            ReportId::Receivables | ReportId::Payables => {
                query.counterparty = id_of(SubjectKind::Counterparty);
                query.overdue = frame.overdue.then_some(true);
                // The nearest due date is looked for in all rows.
                query.limit = Some(1000);
            }
            ReportId::Stock => {
                query.item = id_of(SubjectKind::Item);
                query.warehouse = id_of(SubjectKind::Warehouse);
            }
            ReportId::Sales => {
                query.counterparty = id_of(SubjectKind::Counterparty);
                query.item = id_of(SubjectKind::Item);
                query.warehouse = id_of(SubjectKind::Warehouse);
                query.manager = id_of(SubjectKind::Manager);
                if frame.least {
                    // The smallest come last.
                    query.limit = Some(1000);
                }
                query.group_by = Some(frame.group_by.unwrap_or(render::default_group(&query)));
                query.then_by = frame.then_by;
            }
            ReportId::CashFlow => {
                query.counterparty = id_of(SubjectKind::Counterparty);
                // The rows of one direction are picked out of all.
                query.limit = Some(1000);
            }
            ReportId::Statement => {
                query.counterparty = id_of(SubjectKind::Counterparty);
                let year = today.format("%Y").to_string().parse().unwrap_or(2000);
                query.from = query.from.or_else(|| NaiveDate::from_ymd_opt(year, 1, 1));
                query.to = query.to.or(Some(today));
            }
            ReportId::CounterpartyCard => {
                query.counterparty = id_of(SubjectKind::Counterparty);
                query.from = None;
                query.to = None;
                query.limit = None;
            }
            ReportId::Documents => {
                query.counterparty = id_of(SubjectKind::Counterparty);
                query.unposted = frame.unposted.then_some(true);
                query.limit = Some(frame.top.unwrap_or(if frame.unposted { ROWS } else { 10 }));
            }
            ReportId::Postings => {
                query.number.clone_from(&frame.number);
                query.from = None;
                query.to = None;
            }
            ReportId::TrialBalance | ReportId::AccountAnalysis => query.account.clone_from(&frame.account),
            ReportId::AccountCard => {
                query.account.clone_from(&frame.account);
                query.counterparty = id_of(SubjectKind::Counterparty);
            }
            ReportId::StockTurnover => {
                query.item = id_of(SubjectKind::Item);
                query.warehouse = id_of(SubjectKind::Warehouse);
            }
            ReportId::GrossProfit => query.group_by = frame.group_by,
            ReportId::Taxes => query.limit = None,
            ReportId::Cash => {}
        }
        query
    }

    fn compared_with(&self, report: &Report) -> Option<Span> {
        let compare = self.frame.compare?;
        if !matches!(
            report.report,
            ReportId::Sales | ReportId::CashFlow | ReportId::Taxes
        ) {
            return None;
        }
        let shown = Span::of(report.parameters.from?, report.parameters.to?);
        // An unfinished period is compared with as many days of the one before.
        let main = self.frame.span.unwrap_or(shown).until(self.around.today);
        Some(match compare {
            Compare::Previous => main.previous(),
            Compare::YearBefore => main.year_before(),
            Compare::With(span) => span,
        })
    }

    /// A refusal of onec-integration, in words.
    fn refused(&mut self, status: http::StatusCode, code: &str, message: &str) -> Draft {
        let locale = self.locale;
        let message = format::escaped(message);
        let text = match (status.as_u16(), code) {
            (401 | 403, _) => return self.done(help::no_access(locale), None),
            (404, _) => say!(
                locale,
                "Этих данных нет или они вам недоступны. {message}",
                "That data does not exist or is not open to you. {message}"
            ),
            (_, "onec.report_not_available") => say!(
                locale,
                "Такого учёта в этой базе нет. {message}",
                "This infobase does not keep such books. {message}"
            ),
            (503, _) => say!(
                locale,
                "Сейчас получить данные нельзя: {message}",
                "The data cannot be had now: {message}"
            ),
            _ => say!(
                locale,
                "Источник данных не принял такой вопрос: {message}",
                "The data source did not accept this question: {message}"
            ),
        };
        let mut draft = self.done(Draft::words(text), None);
        draft.intent = Some(self.frame.intent.as_str().to_owned());
        draft
    }
}
