//! From a question to what it asks, without any call: the same words always give the same result.

use std::collections::HashSet;

use chrono::{Days, NaiveDate};
use common::contract::onec::{Breakdown, GroupBy, SubjectKind};
use serde::{Deserialize, Serialize};

use super::amount::{self, Limit};
use super::confidence::{self, Confidence};
use super::intent::{self, Intent, Signs};
use super::lexicon::{self, Concept};
use super::names::{self, Mention};
use super::period::{self, Span};
use super::slots::{self, DocumentType, Flow, Tax};
use super::spelling;
use super::words::{self, Kind, Word};

/// What to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compare {
    /// The period before.
    Previous,
    /// The same days of the year before.
    YearBefore,
    /// This one.
    With(Span),
}

/// What a question says, as far as it says it.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub(crate) intent: Option<Intent>,
    /// How sure that is.
    pub(crate) confidence: Confidence,
    /// The intent rests on words such as «склад» alone, which in a follow-up only narrow the
    /// question before.
    pub(crate) weak: bool,
    /// A day that no calendar has, as it was written.
    pub(crate) impossible_day: Option<String>,
    /// Words in all.
    pub(crate) length: usize,
    /// Begins with «а», "and", "what about", or refers back by a pronoun.
    pub(crate) follow_up: bool,
    pub(crate) span: Option<Span>,
    pub(crate) compare: Option<Compare>,
    pub(crate) group_by: Option<GroupBy>,
    pub(crate) breakdown: Option<Breakdown>,
    /// «по менеджерам и товарам»: the second of two dimensions.
    pub(crate) then_by: Option<GroupBy>,
    /// Infobases that the question names; [`super::bases`] fills them in.
    pub(crate) bases: Vec<uuid::Uuid>,
    /// «по всем базам».
    pub(crate) all_bases: bool,
    pub(crate) overdue: bool,
    /// Overdue by more days than this.
    pub(crate) days: Option<u32>,
    /// Only rows above or below a figure.
    pub(crate) limit: Option<Limit>,
    pub(crate) top: Option<u32>,
    pub(crate) account: Option<String>,
    pub(crate) number: Option<String>,
    pub(crate) document_type: Option<DocumentType>,
    pub(crate) unposted: bool,
    pub(crate) flow: Option<Flow>,
    pub(crate) tax: Option<Tax>,
    pub(crate) cash_desk: bool,
    /// Money in the bank only.
    pub(crate) bank: bool,
    /// The smallest rather than the largest.
    pub(crate) least: bool,
    /// A reason is asked for, which no report knows.
    pub(crate) why: bool,
    /// Net profit is asked for, which no report computes.
    pub(crate) net_profit: bool,
    /// Profit is asked for rather than revenue.
    pub(crate) profit: bool,
    /// The average sale is asked for.
    pub(crate) average: bool,
    /// «она», «его»: somebody named before.
    pub(crate) of_that_one: bool,
    pub(crate) names: Vec<Mention>,
    /// «кроме Ромашки»: names that no report leaves out.
    pub(crate) excluded: Vec<String>,
    /// «по всем складам»: the name of that kind no longer counts.
    pub(crate) all_of: Option<SubjectKind>,
    /// A bare number, as an answer to a question with choices.
    pub(crate) choice: Option<usize>,
    /// A bare number of an account, as an answer to the question which one.
    pub(crate) bare_account: Option<String>,
    /// Goods are spoken of.
    pub(crate) of_goods: bool,
    /// Money is spoken of.
    pub(crate) of_money: bool,
    /// «нам» or «мы», as an answer to the question who owes whom.
    pub(crate) we_owe: Option<bool>,
}

/// Understands a question asked on the day `today`.
pub(crate) fn parse(text: &str, today: NaiveDate) -> Parsed {
    let words = words::split(&spelling::repaired(text));
    let mut used = vec![false; words.len()];
    let mut number = document_number(&words, &mut used);
    let mut account = account(&words, &mut used);
    let top = slots::top(&words, &mut used);
    let limit = amount::find(&words, &mut used);
    let periods = period::find(&without_used(&words, &used), today);
    for found in &periods {
        used[found.words.clone()].fill(true);
    }
    let concepts: Vec<Option<Concept>> = words
        .iter()
        .zip(&used)
        .map(|(word, used)| if *used { None } else { lexicon::concept(word) })
        .collect();
    let set: HashSet<Concept> = concepts.iter().flatten().copied().collect();
    let has = |concept| set.contains(&concept);
    let says = |list: &[&str]| words.iter().any(|word| word.is(list));
    // «деньги по счету 15»: a question about payment means the document, not the account.
    if account.as_ref().is_some_and(|account| account.len() == 2)
        && number.is_none()
        && (has(Concept::Pay) || (has(Concept::Received) && has(Concept::Money)))
        && says(&["счет", "счету"])
        && !says(&["осв", "карточка", "карточку", "обороты", "сальдо", "анализ"])
    {
        number = account.take();
    }
    let (excluded, names): (Vec<Mention>, Vec<Mention>) = names::find(&words, &concepts, &used)
        .into_iter()
        .partition(|mention| mention.excluded);
    let signs = Signs {
        concepts: &set,
        words: &words,
        has_account: account.is_some(),
        has_number: number.is_some(),
        has_names: !names.is_empty(),
        names_goods: matches!(names.as_slice(), [one] if one.kind.is_none() && !one.proper),
        limits: matches!(limit, Some(amount::Found::Amount(_))),
        of_the_future: periods.first().is_some_and(|found| found.span.from > today),
    };
    let mut intent = intent::classify(&signs);
    if intent.is_none() && number.is_some() && has(Concept::Document) {
        intent = Some(Intent::FindDocument);
    }
    if intent.is_none() && is_only_a_name(&words, &names) {
        intent = Some(Intent::Unclear(intent::Doubt::AboutWhom));
    }
    let weak = is_weak(&set, &signs) && !matches!(limit, Some(amount::Found::Days(_)));
    let confidence = confidence::of(intent, weak, &set, &names, &words);
    let days = match limit {
        Some(amount::Found::Days(days)) => Some(days),
        _ => None,
    };
    let mut dimensions = slots::dimensions(&words, &concepts, &names, &set).into_iter();
    Parsed {
        intent,
        confidence,
        weak,
        impossible_day: period::impossible(&words),
        length: words.iter().filter(|word| word.kind != Kind::Sign).count(),
        follow_up: is_follow_up(&words) || has(Concept::Pronoun),
        compare: compare(&words, &set, &periods),
        span: main_span(&words, &set, &periods, today),
        group_by: dimensions.next(),
        then_by: dimensions.next(),
        bases: Vec::new(),
        all_bases: false,
        breakdown: slots::breakdown(&words, &concepts, &names),
        overdue: slots::is_overdue_only(&words, &set) || days.is_some(),
        days,
        limit: match limit {
            Some(amount::Found::Amount(limit)) => Some(limit),
            _ => None,
        },
        top,
        account,
        number,
        document_type: slots::document_type(&words, &set),
        unposted: has(Concept::Unposted)
            || ((has(Concept::Not) || has(Concept::Forgot))
                && (has(Concept::PostedWord) || says(&["провели", "провести"]))),
        flow: slots::flow(&words, &set),
        tax: slots::tax(&words),
        cash_desk: has(Concept::CashDesk) && !has(Concept::Bank) && !has(Concept::Account),
        bank: (has(Concept::Bank)
            || (has(Concept::Account) && !has(Concept::Money) && says(&["р/с", "расчетном"])))
            && !has(Concept::CashDesk),
        least: (has(Concept::Least) && !says(&["чем", "than"])) || has(Concept::RunsOut),
        why: says(&["почему", "отчего", "why"]),
        net_profit: has(Concept::Profit) && says(&["чистая", "чистую", "чистой", "net"]),
        profit: has(Concept::Profit),
        average: has(Concept::AverageSale),
        of_that_one: says(&[
            "он", "она", "его", "ее", "ему", "ей", "ним", "ней", "it", "its", "him", "her",
        ]),
        all_of: if has(Concept::All) {
            names::kind_of_any(&concepts)
        } else {
            None
        },
        choice: choice(&words),
        bare_account: bare_account(&words),
        of_goods: has(Concept::Item) || has(Concept::Warehouse) || has(Concept::Stock),
        of_money: has(Concept::Money) || has(Concept::Bank) || has(Concept::CashDesk),
        we_owe: if says(&["нам", "us", "они", "they"]) {
            Some(false)
        } else if says(&["мы", "we"]) {
            Some(true)
        } else {
            None
        },
        excluded: excluded.into_iter().map(|mention| mention.text).collect(),
        names,
    }
}

/// True when words such as «склад» or «топ» alone carry the intent.
fn is_weak(set: &HashSet<Concept>, signs: &Signs<'_>) -> bool {
    const NARROWING: [Concept; 16] = [
        Concept::Warehouse,
        Concept::Customer,
        Concept::Supplier,
        Concept::Counterparty,
        Concept::Company,
        Concept::Manager,
        Concept::Item,
        Concept::ItemGroup,
        Concept::Top,
        Concept::Least,
        Concept::Balance,
        Concept::Overdue,
        Concept::Enough,
        Concept::Contract,
        Concept::ByMonth,
        Concept::Account,
    ];
    let concepts = set
        .iter()
        .copied()
        .filter(|concept| !NARROWING.contains(concept))
        .collect();
    let signs = Signs {
        concepts: &concepts,
        names_goods: false,
        ..*signs
    };
    intent::classify(&signs).is_none()
}

/// «Ромашка», «что по Вектору»: a name and nothing that says what of it.
fn is_only_a_name(words: &[Word], names: &[Mention]) -> bool {
    let [name] = names else {
        return false;
    };
    let of_name = words::split(&name.text).len();
    words
        .iter()
        .filter(|word| word.kind != Kind::Sign)
        .filter(|word| {
            !word.is(&[
                "по",
                "про",
                "о",
                "у",
                "что",
                "покажи",
                "дай",
                "найди",
                "за",
                "информация",
                "информацию",
                "инфо",
                "инфу",
                "данные",
                "там",
                "все",
                "по-нашему",
                "about",
                "show",
                "info",
                "on",
                "me",
                "ооо",
                "ао",
                "ип",
                "пао",
                "зао",
                "клиент",
                "клиенту",
                "клиенте",
                "контрагент",
                "контрагенту",
                "контрагенте",
                "поставщик",
                "поставщику",
                "customer",
                "company",
                "фирма",
                "фирме",
            ])
        })
        .count()
        <= of_name
        && name.proper
}

/// Words that are taken already must not be read as dates.
fn without_used(words: &[Word], used: &[bool]) -> Vec<Word> {
    let mut words = words.to_vec();
    for (word, used) in words.iter_mut().zip(used) {
        if *used {
            word.lower = "№".to_owned();
            word.kind = Kind::Sign;
        }
    }
    words
}

/// «№ 15», «документа КА00-000012», "number 15".
fn document_number(words: &[Word], used: &mut [bool]) -> Option<String> {
    for (i, word) in words.iter().enumerate() {
        let next = words.get(i + 1);
        let announced = word.is(&["№", "#", "номер", "номером", "номера", "номеру", "number", "no"]);
        if announced
            && let Some(next) = next
            && next.lower.chars().any(|c| c.is_ascii_digit())
        {
            used[i] = true;
            used[i + 1] = true;
            return Some(next.text.clone());
        }
        let digits = word.lower.chars().filter(char::is_ascii_digit).count();
        let looks_like_one = word.quotation.is_none()
            && word.lower.contains('-')
            && digits >= 4
            && chrono::NaiveDate::parse_from_str(&word.lower, "%Y-%m-%d").is_err();
        if looks_like_one {
            used[i] = true;
            return Some(word.text.clone());
        }
        // «документа 123», «накладная 45»; a short number beside «счёт» may be an account.
        let paper = matches!(
            lexicon::concept(word),
            Some(
                Concept::Document
                    | Concept::Waybill
                    | Concept::Invoice
                    | Concept::PaymentOrder
                    | Concept::Act
                    | Concept::Order
            )
        ) || word.is(&["реализация", "реализации", "реализацию", "реализацией"]);
        let least = if paper {
            1
        } else if word.is(&[
            "поступления",
            "поступление",
            "счета",
            "счет",
            "счету",
            "счете",
            "проводки",
            "postings",
        ]) {
            3
        } else {
            continue;
        };
        if let Some(next) = next
            && next.kind == Kind::Number
            && next.lower.len() >= least
            && next.lower.bytes().all(|b| b.is_ascii_digit())
            && !(next.lower.len() == 4 && next.lower.starts_with("20"))
            && !words.get(i + 2).is_some_and(|after| {
                period::month(&after.lower).is_some()
                    || after.is(&["штук", "шт", "дней", "квартал", "кв", "."])
                    || after.kind == Kind::Number
            })
        {
            used[i + 1] = true;
            return Some(next.text.clone());
        }
    }
    None
}

/// An account of the chart: «по счёту 62.01», «62 счёт», «ОСВ 62», "account 51", «сальдо по 51».
fn account(words: &[Word], used: &mut [bool]) -> Option<String> {
    let concept_at = |i: Option<usize>| i.and_then(|i| words.get(i)).and_then(lexicon::concept);
    let of_ledger = |concept| {
        matches!(
            concept,
            Some(
                Concept::Account
                    | Concept::TrialBalance
                    | Concept::Turnover
                    | Concept::Analysis
                    | Concept::Correspond
            )
        )
    };
    for (i, word) in words.iter().enumerate() {
        if used[i] || word.quotation.is_some() {
            continue;
        }
        let parts: Vec<&str> = word.lower.split('.').collect();
        let first_ok =
            parts[0].len() == 2 && parts[0].bytes().all(|b| b.is_ascii_digit()) && parts[0] != "00";
        let rest_ok = parts.len() <= 3
            && parts[1..]
                .iter()
                .all(|part| (1..=2).contains(&part.chars().count()));
        if !first_ok || !rest_ok {
            continue;
        }
        let before = i.checked_sub(1);
        let card_before = words[..i]
            .iter()
            .any(|word| word.lower.starts_with("карточк") || word.is(&["card", "субсчет", "субсчету"]));
        let unit_after = words.get(i + 1).is_some_and(|after| {
            period::month(&after.lower).is_some()
                || after.is(&["дней", "штук", "шт", "лучших", "квартал", "число"])
        });
        let announced = of_ledger(concept_at(before))
            || (before.is_some_and(|b| words[b].is(&["по", "for", "of", "с", "у"]))
                && (of_ledger(concept_at(i.checked_sub(2)))
                    || words[..i]
                        .iter()
                        .any(|word| word.is(&["осв", "сальдо", "оборотка", "оборотку", "анализ"]))));
        let named_after = matches!(concept_at(Some(i + 1)), Some(Concept::Account));
        let dotted = parts.len() > 1
            && words
                .iter()
                .any(|word| of_ledger(lexicon::concept(word)) || word.lower.starts_with("карточк"))
            && !before.is_some_and(|b| words[b].is(&["на", "до", "за"]));
        if (announced || named_after || dotted || card_before) && !unit_after {
            used[i] = true;
            return Some(word.text.clone());
        }
    }
    None
}

fn is_follow_up(words: &[Word]) -> bool {
    let first = words.iter().find(|word| word.kind == Kind::Word);
    first.is_some_and(|word| {
        word.is(&[
            "а",
            "и",
            "and",
            "теперь",
            "тоже",
            "также",
            "только",
            "only",
            "now",
        ])
    }) || words.first().is_some_and(|word| word.is(&["ну"]))
        || (words.len() > 1 && words[0].is(&["what", "how"]) && words[1].is(&["about"]))
        || (words.len() > 1 && words[0].is(&["то"]) && words[1].is(&["же"]))
}

fn compare(words: &[Word], set: &HashSet<Concept>, periods: &[period::Found]) -> Option<Compare> {
    let main = periods.first().map(|found| found.span);
    let second = periods
        .get(1)
        .map(|found| found.span)
        .filter(|second| Some(*second) != main);
    // «этого месяца к прошлому»: the month is not said again.
    let to_the_one_before = words.windows(2).any(|pair| {
        pair[0].is(&["к", "от", "чем", "против", "с"])
            && pair[1].is(&[
                "прошлому",
                "прошлого",
                "прошлым",
                "предыдущему",
                "предыдущего",
                "предыдущим",
                "позапрошлому",
            ])
    });
    let asked = set.contains(&Concept::Compare)
        || words.windows(2).any(|pair| {
            pair[1].is(&["чем"]) && !pair[0].is(&["на", "о", "об", "в", "за", "с", "по", "перед"])
        }) && main.is_some()
        || to_the_one_before
        || second.is_some() && words.iter().any(|word| word.is(&["к", "to"]))
        || words
            .windows(2)
            .any(|pair| pair[0].is(&["год"]) && pair[1].is(&["к"]));
    if !asked {
        return None;
    }
    let year = words.windows(2).any(|pair| {
        (pair[0].lower.starts_with("прошл") && pair[1].lower.starts_with("год"))
            || (pair[0].is(&["last"]) && pair[1].is(&["year"]))
            || (pair[0].is(&["год", "year"]) && pair[1].is(&["назад", "ago", "к"]))
    });
    Some(match (main, second) {
        // «за октябрь по сравнению с прошлым годом»: with October of that year.
        (Some(main), _) if year && (main.to - main.from).num_days() < 360 => Compare::YearBefore,
        (Some(_), Some(second)) => Compare::With(second),
        _ => Compare::Previous,
    })
}

/// The period that is asked about. «больше, чем в прошлом месяце?» asks about this month.
fn main_span(
    words: &[Word],
    set: &HashSet<Concept>,
    periods: &[period::Found],
    today: NaiveDate,
) -> Option<Span> {
    let first = periods.first()?;
    let than = words[..first.words.start]
        .iter()
        .rev()
        .take(3)
        .any(|word| word.is(&["чем", "than"]));
    if than && periods.len() == 1 && first.span.to < today {
        let next = first.span.to + Days::new(1);
        let length = (first.span.to - first.span.from).num_days();
        let whole_months = first.span.is_whole_months();
        let this = if whole_months {
            Span::of(next, today).began(u32::try_from((length + 1) / 28).unwrap_or(1))
        } else {
            Span::of(next, today)
        };
        return Some(this);
    }
    // «за октябрь и ноябрь» is one period, unless they are compared.
    if let [one, two] = periods
        && !set.contains(&Concept::Compare)
        && one.words.end + 1 == two.words.start
        && words[one.words.end].is(&["и", "and", "+"])
        && one.span.to + Days::new(1) == two.span.from
    {
        return Some(Span::of(one.span.from, two.span.to));
    }
    Some(first.span)
}

/// `62`, `62.01`: the whole answer.
fn bare_account(words: &[Word]) -> Option<String> {
    let [word] = words else {
        return None;
    };
    let digits = word.lower.split('.').next()?;
    (digits.len() == 2 && word.lower.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
        .then(|| word.text.clone())
}

/// «1», «2-й», «первый», "the second".
fn choice(words: &[Word]) -> Option<usize> {
    let meaningful: Vec<&Word> = words
        .iter()
        .filter(|word| word.kind != Kind::Sign && !word.is(&["the", "вариант", "номер", "one", "option"]))
        .collect();
    let [word] = meaningful.as_slice() else {
        return None;
    };
    match word.lower.as_str() {
        "первый" | "первая" | "первое" | "first" => Some(1),
        "второй" | "вторая" | "второе" | "second" => Some(2),
        "третий" | "третья" | "третье" | "third" => Some(3),
        other => other
            .trim_end_matches("-й")
            .parse()
            .ok()
            .filter(|n| (1..=20).contains(n)),
    }
}
