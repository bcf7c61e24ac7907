//! From a question to an answer: understand, resolve names, call the reports, write it down.

use chrono::NaiveDate;
use chrono_tz::Tz;
use common::Locale;
use common::contract::onec::{GroupBy, InfobaseInfo, Match, Report, ReportQuery, SubjectKind};

use super::bases;
use super::confidence::Confidence;
use super::double;
use super::explain;
use super::filter;
use super::format::{self, say};
use super::frame::{self, Frame, Pending, State};
use super::help;
use super::intent::{Doubt, Intent};
use super::over_bases;
use super::parse;
use super::render;
use super::spelling;
use super::suggest;
use crate::chat::draft::Draft;
use crate::tools::{OnecError, Toolbox};

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
    let message = spelling::repaired(message);
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
    let doubtful = parsed.intent.is_some_and(|intent| intent.report().is_some())
        && parsed.confidence == Confidence::Low
        && !parsed.follow_up
        && state.pending.is_none();
    let Some(frame) = frame::complete(&parsed, state).filter(|_| !doubtful) else {
        let mut draft = help::not_understood(locale);
        draft.state = State {
            frame: state.frame.clone(),
            pending: None,
        };
        return Ok(draft);
    };
    let pair = if parsed.follow_up || state.pending.is_some() {
        None
    } else {
        double::split(&asked.text, around.today)
    };
    let Some(pair) = pair else {
        return over(frame, &bases, toolbox, around).await;
    };
    let bases_named = |mut frame: Frame| {
        frame.bases.clone_from(&parsed.bases);
        frame
    };
    let first = over(bases_named(pair.first), &bases, toolbox, around).await?;
    if first.tables.is_empty() {
        // A question back comes before the second question.
        return Ok(first);
    }
    let second = over(bases_named(pair.second), &bases, toolbox, around).await?;
    Ok(double::together(first, second))
}

/// Puts a question to the infobase that it names, or to all.
async fn over(
    frame: Frame,
    bases: &[InfobaseInfo],
    toolbox: &mut Toolbox,
    around: Surroundings,
) -> Result<Draft, OnecError> {
    let locale = toolbox.locale();
    let chosen = over_bases::chosen(&frame, bases);
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
        several => {
            let (understood, confidence) = (explain::understood(&frame, locale), sureness(&frame));
            let mut draft = over_bases::answer(frame, several, toolbox, around).await?;
            draft.understood = draft.understood.or(understood);
            draft.confidence = draft.confidence.or(Some(confidence.as_str()));
            return Ok(draft);
        }
    }
    Turn::new(frame, toolbox, around).answer().await
}

/// How sure the engine is of a question that it answers. A follow-up rests on the question before.
fn sureness(frame: &Frame) -> Confidence {
    match frame.intent {
        Intent::Unclear(_) | Intent::DebtOfUnknownDirection => Confidence::Low,
        _ => frame
            .confidence
            .map_or(Confidence::Medium, |sure| sure.max(Confidence::Medium)),
    }
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
    pub(super) notices: Vec<String>,
    /// Words that may have been a name were left out.
    pub(super) dropped: bool,
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
            dropped: false,
        }
    }

    /// The answer; a refusal of onec-integration becomes one in words.
    pub(super) async fn answer(mut self) -> Result<Draft, OnecError> {
        for name in self.frame.excluded.clone() {
            self.cannot_leave_out(&name);
        }
        match self.run().await {
            Ok(mut draft) => {
                draft.intent = Some(self.frame.intent.as_str().to_owned());
                draft.confidence = Some(self.confidence().as_str());
                draft.understood = explain::understood(&self.frame, self.locale);
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
            Intent::Unclear(doubt @ (Doubt::Balance | Doubt::Movement)) => {
                let pending = Pending::Meaning {
                    readings: doubt.readings().to_vec(),
                };
                return Ok(self.done(help::unclear(doubt, None, locale), Some(pending)));
            }
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
        match self.frame.intent {
            Intent::DocumentPayment => self.payment_of_document().await,
            Intent::Unclear(_) => Ok(self.what_of_it()),
            _ => self.report().await,
        }
    }

    /// Only a name was given: what of it is asked for?
    fn what_of_it(&self) -> Draft {
        let readings: Vec<Intent> = Doubt::AboutWhom
            .readings()
            .iter()
            .copied()
            .filter(|reading| {
                let kinds = frame::kinds(*reading);
                self.frame
                    .names
                    .iter()
                    .filter_map(|name| name.found.as_ref())
                    .all(|found| kinds.contains(&found.kind))
            })
            .collect();
        let name = self.frame.names.first().and_then(|name| name.found.as_ref());
        let draft = help::unclear(
            Doubt::AboutWhom,
            name.map(|found| (found, readings.as_slice())),
            self.locale,
        );
        self.done(draft, Some(Pending::Meaning { readings }))
    }

    /// How sure the answer is: words that were dropped make it less so.
    fn confidence(&self) -> Confidence {
        let sure = sureness(&self.frame);
        if self.dropped {
            sure.min(Confidence::Medium)
        } else {
            sure
        }
    }

    /// Ends the turn: what was understood is remembered for the next question.
    pub(super) fn done(&self, mut draft: Draft, pending: Option<Pending>) -> Draft {
        draft.state = State {
            frame: Some(self.frame.clone()),
            pending,
        };
        draft
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
            Intent::AccountAnalysis | Intent::AccountCard if self.frame.account.is_none() => {
                let draft = Draft::words(say!(
                    locale,
                    "По какому счёту? Назовите его номер, например 51 или 62.01.",
                    "Which account? Give its number, such as 51 or 62.01."
                ));
                Some(self.done(draft, Some(Pending::Account)))
            }
            Intent::FindDocument if self.frame.number.is_none() => {
                let draft = Draft::words(say!(
                    locale,
                    "Какой документ найти? Назовите его номер.",
                    "Which document? Give its number."
                ));
                Some(self.done(draft, Some(Pending::Number)))
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
        let (report, notes) = filter::narrowed(report, &self.frame, self.around.today, self.locale);
        self.notices.extend(notes);
        let compared = match self.compared_with(&report) {
            Some(span) => {
                let query = ReportQuery {
                    from: Some(span.from),
                    to: Some(span.to),
                    ..query
                };
                let other = self.toolbox.report(id, query).await?;
                let (other, _) = filter::narrowed(other, &self.frame, self.around.today, self.locale);
                Some((span, other))
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
        let mut draft = Draft::words(text).suggest(suggest::next(&self.frame, self.locale));
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
            Intent::Sales | Intent::GrossProfit => true,
            Intent::CashFlow => matches!(
                self.frame.group_by,
                None | Some(GroupBy::Counterparty | GroupBy::Day | GroupBy::Week | GroupBy::Month)
            ),
            // The breakdown of an account is a slot of its own; «что», «кто» of the others change nothing.
            Intent::TrialBalance if self.frame.breakdown.is_some() => true,
            Intent::Stock | Intent::StockTurnover => matches!(
                self.frame.group_by,
                None | Some(GroupBy::Warehouse | GroupBy::Item)
            ),
            Intent::Receivables
            | Intent::Payables
            | Intent::Statement
            | Intent::CounterpartyCard
            | Intent::FindDocument
            | Intent::DocumentPayment
            | Intent::Documents => {
                matches!(self.frame.group_by, None | Some(GroupBy::Counterparty))
            }
            _ => self.frame.group_by.is_none(),
        };
        if !matches!(self.frame.intent, Intent::Sales | Intent::GrossProfit) {
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
