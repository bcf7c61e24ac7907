//! Whom and what the names of a question mean.

use common::contract::onec::{Match, SubjectKind};

use super::engine::Turn;
use super::format::{self, say};
use super::frame::{self, Pending};
use super::help;
use super::intent::Intent;
use super::lexicon::idle;
use super::names::{self, Fit};
use super::several;
use super::spelling;
use crate::chat::draft::Draft;
use crate::tools::OnecError;

/// Candidates that a question back names.
const CANDIDATES: usize = 5;

impl Turn<'_> {
    /// Finds out whom the names mean; `Some` is a question back.
    pub(super) async fn resolve(&mut self) -> Result<Option<Draft>, OnecError> {
        let kinds = frame::kinds(self.frame.intent);
        let mut all_of = None;
        self.drop_what_is_no_name();
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
            if !mention.sure && candidates.first().is_none_or(|(fit, _)| *fit < Fit::Typo) {
                self.ignored(&mention.text);
                self.frame.names[index].mention.text.clear();
                continue;
            }
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
        self.frame.names.retain(|name| !name.mention.text.is_empty());
        self.note_several();
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

    /// Verbs, adverbs and adjectives that nothing marks as a name are not looked for.
    fn drop_what_is_no_name(&mut self) {
        // «печать» and «кровать» look like verbs; goods are looked for in any case.
        let of_goods = matches!(
            self.frame.intent,
            Intent::Stock | Intent::Sales | Intent::GrossProfit | Intent::StockTurnover
        );
        let is_none = |name: &frame::Name| {
            let lower = name.mention.text.to_lowercase();
            !of_goods
                && name.found.is_none()
                && !name.mention.sure
                && (idle::looks_like_a_verb(&lower)
                    || idle::looks_like_the_past(&lower)
                    || idle::looks_like_an_adverb(&lower)
                    || idle::looks_like_an_adjective(&lower))
        };
        let dropped: Vec<String> = self
            .frame
            .names
            .iter()
            .filter(|name| is_none(name))
            .map(|name| name.mention.text.clone())
            .collect();
        self.frame.names.retain(|name| !is_none(name));
        for text in dropped {
            self.ignored(&text);
        }
    }

    pub(super) fn cannot_leave_out(&mut self, name: &str) {
        self.dropped = true;
        let name = format::escaped(name);
        self.notices.push(say!(
            self.locale,
            "Исключить «{name}» из отчёта нельзя: показано вместе с ним.",
            "“{name}” cannot be left out of the report: it is included."
        ));
    }

    fn ignored(&mut self, text: &str) {
        self.dropped = true;
        let text = format::escaped(text);
        self.notices.push(say!(
            self.locale,
            "Слово «{text}» в базе не найдено и в ответе не учтено.",
            "“{text}” is not known in the infobase and is not taken into account."
        ));
    }

    /// A report is of one counterparty, one item: of two in a question, one is left out.
    fn note_several(&mut self) {
        let found: Vec<Match> = self
            .frame
            .names
            .iter()
            .filter_map(|name| name.found.clone())
            .collect();
        let (Some(last), Some(other)) = (found.last(), found.iter().rev().nth(1)) else {
            return;
        };
        if last.kind == other.kind && last.id != other.id {
            self.dropped = true;
            let name = format::escaped(&last.name);
            self.notices.push(say!(
                self.locale,
                "Отчёт отбирается по одному названию сразу, показано по «{name}». Об остальных спросите отдельно.",
                "A report is of one name at a time; it is of “{name}”. Please ask about the others separately."
            ));
        }
    }

    /// The best candidates only: whole names before parts of names, those before mere likeness.
    async fn candidates(
        &mut self,
        kinds: &[SubjectKind],
        text: &str,
    ) -> Result<Vec<(Fit, Match)>, OnecError> {
        let mut found: Vec<(Fit, Match)> = Vec::new();
        let stems = names::stems(text);
        let mut queries = vec![text.to_owned(), stems];
        // "Romashka" of an English question is «Ромашка» in 1C.
        let cyrillic = spelling::cyrillic(text);
        if text.is_ascii() && cyrillic != text {
            queries.push(cyrillic.clone());
        }
        for query in queries {
            for kind in kinds {
                for candidate in self.toolbox.find(*kind, &query).await? {
                    if !found.iter().any(|(_, other)| other.id == candidate.id) {
                        let fit = names::fit(text, &candidate).max(names::fit(&cyrillic, &candidate));
                        found.push((fit, candidate));
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
            *fit == best
                && (best > Fit::Part
                    || names::resembles(text, candidate)
                    || names::resembles(&cyrillic, candidate))
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
}
