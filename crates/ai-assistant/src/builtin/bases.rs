//! Which infobases a question means: one that it names, or all that the caller sees.

use common::contract::onec::InfobaseInfo;
use uuid::Uuid;

use super::words;

/// Words of a base's name that may follow «в базе».
const LONGEST_NAME: usize = 5;
/// Stems of words that say nothing about which base is meant, in the titles of configurations.
const GENERIC: [&str; 12] = [
    "предприят",
    "наш",
    "фирм",
    "управлен",
    "учет",
    "организац",
    "компан",
    "баз",
    "for",
    "of",
    "managem",
    "compani",
];

/// What a question says of infobases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The question without the words that name bases.
    pub(super) text: String,
    /// The bases that are named.
    pub(super) bases: Vec<Uuid>,
    /// «по всем базам».
    pub(super) all: bool,
}

/// A word of the question as it stands in it, and its forms to be compared.
struct Token<'a> {
    written: &'a str,
    lower: String,
    stem: String,
}

/// What a base may be called.
struct Called {
    id: Uuid,
    /// Stems of all words of its name.
    name: Vec<String>,
    /// Stems of words that follow «в базе»: of its name and of the title of its configuration.
    words: Vec<String>,
    /// Words that need no «база» beside them, such as «торговля» and «УТ».
    telling: Vec<String>,
}

/// Finds the bases that a question names and takes the names out of it, so that nobody is looked for by
/// them.
pub(super) fn asked(text: &str, bases: &[InfobaseInfo]) -> Asked {
    let mut asked = Asked {
        text: text.to_owned(),
        bases: Vec::new(),
        all: false,
    };
    if bases.len() < 2 {
        return asked;
    }
    let called: Vec<Called> = bases.iter().map(called).collect();
    let tokens: Vec<Token<'_>> = text.split_whitespace().map(token).collect();
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(rest) = tokens.get(at..).filter(|rest| !rest.is_empty()) {
        let preposition = usize::from(is_one_of(
            rest,
            0,
            &["в", "во", "по", "из", "у", "на", "in", "for", "from", "of"],
        ));
        if is_one_of(
            rest,
            preposition,
            &["всем", "всех", "все", "all", "обеим", "обеих", "both"],
        ) && is_base(rest, preposition + 1)
        {
            asked.all = true;
            at += preposition + 2;
            continue;
        }
        if let Some((length, found)) = named(rest, preposition, &called) {
            asked.bases.extend(found);
            at += length;
            // A question mark after the name belongs to the question.
            continue;
        }
        kept.push(rest[0].written);
        at += 1;
    }
    if asked.all || !asked.bases.is_empty() {
        asked.text = kept.join(" ");
    }
    asked.bases.sort();
    asked.bases.dedup();
    asked
}

/// How many words name bases here, and which.
fn named(rest: &[Token<'_>], preposition: usize, called: &[Called]) -> Option<(usize, Vec<Uuid>)> {
    let fitting = |from: usize, fits: &dyn Fn(&Called, &[&str]) -> bool| {
        let most = rest.len().saturating_sub(from).min(LONGEST_NAME);
        (1..=most).rev().find_map(|length| {
            let stems: Vec<&str> = rest[from..from + length]
                .iter()
                .map(|t| t.stem.as_str())
                .collect();
            let found: Vec<Uuid> = called
                .iter()
                .filter(|base| fits(base, &stems))
                .map(|base| base.id)
                .collect();
            (!found.is_empty()).then_some((from + length, found))
        })
    };
    let whole =
        |base: &Called, stems: &[&str]| base.name.iter().map(String::as_str).eq(stems.iter().copied());
    if is_base(rest, preposition) {
        let any = |base: &Called, stems: &[&str]| {
            stems
                .iter()
                .all(|stem| base.words.iter().any(|word| word == stem))
        };
        return fitting(preposition + 1, &whole).or_else(|| fitting(preposition + 1, &any));
    }
    if preposition == 0 {
        return None;
    }
    let telling = |base: &Called, stems: &[&str]| {
        stems
            .iter()
            .all(|stem| base.words.iter().any(|word| word == stem))
            && stems
                .iter()
                .any(|stem| base.telling.iter().any(|word| word == stem))
    };
    // «по Ромашке» is a counterparty rather than a base of that name; «в Ромашке» may be either.
    let is_place = is_one_of(rest, 0, &["в", "во", "из", "in", "from"]);
    let by_name = |base: &Called, stems: &[&str]| (is_place || stems.len() > 1) && whole(base, stems);
    fitting(preposition, &by_name).or_else(|| fitting(preposition, &telling))
}

fn is_one_of(tokens: &[Token<'_>], at: usize, words: &[&str]) -> bool {
    tokens
        .get(at)
        .is_some_and(|token| words.contains(&token.lower.as_str()))
}

fn is_base(tokens: &[Token<'_>], at: usize) -> bool {
    const FORMS: [&str; 16] = [
        "база",
        "базе",
        "базы",
        "базу",
        "базой",
        "базам",
        "базах",
        "иб",
        "инфобаза",
        "инфобазе",
        "infobase",
        "infobases",
        "base",
        "bases",
        "database",
        "databases",
    ];
    is_one_of(tokens, at, &FORMS)
}

fn token(written: &str) -> Token<'_> {
    let lower = words::fold(written.trim_matches(|c: char| !c.is_alphanumeric()));
    let stem = words::stem(&lower);
    Token { written, lower, stem }
}

fn stems(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|word| token(word).stem)
        .filter(|stem| !stem.is_empty())
        .collect()
}

fn called(base: &InfobaseInfo) -> Called {
    let name = stems(&base.name);
    let title = base.configuration.as_deref().unwrap_or_default();
    let of_title: Vec<&str> = title
        .split_whitespace()
        .filter(|word| word.chars().all(char::is_alphabetic))
        .collect();
    // «Управление торговлей» is «УТ» to those who work in it.
    let initials: String = of_title.iter().filter_map(|word| word.chars().next()).collect();
    let initials = words::stem(&words::fold(&initials));
    let title = stems(&of_title.join(" "));
    let mut telling: Vec<String> = title
        .iter()
        .filter(|stem| !GENERIC.contains(&stem.as_str()))
        .cloned()
        .collect();
    if of_title.len() > 1 {
        telling.push(initials);
    }
    let words = [name.as_slice(), &title, &telling].concat();
    Called {
        id: base.id,
        name,
        words,
        telling,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bases() -> Vec<InfobaseInfo> {
        [
            ("Демо-база", "Бухгалтерия предприятия 3.0"),
            ("Опт Север", "Управление торговлей 11"),
            ("Розница", "Управление нашей фирмой 3.0"),
        ]
        .iter()
        .zip(1..)
        .map(|((name, configuration), id)| InfobaseInfo {
            id: Uuid::from_u128(id),
            name: (*name).to_owned(),
            kind: "odata".to_owned(),
            configuration: Some((*configuration).to_owned()),
            reachable: None,
            data_version: None,
        })
        .collect()
    }

    #[test]
    fn a_base_is_named_by_its_name_or_its_configuration() {
        for (question, rest, expected) in [
            ("Кто нам должен в торговле?", "Кто нам должен", &[2][..]),
            ("Кто нам должен по базе УТ?", "Кто нам должен", &[2]),
            ("Продажи за октябрь по УТ", "Продажи за октябрь", &[2]),
            (
                "Сколько денег в базе Опт Север на счетах?",
                "Сколько денег на счетах?",
                &[2],
            ),
            ("а в бухгалтерии?", "а", &[1]),
            ("Остатки в Рознице", "Остатки", &[3]),
            ("Долги в базе «Демо-база»", "Долги", &[1]),
            ("Продажи в УНФ по менеджерам", "Продажи по менеджерам", &[3]),
            ("Продажи по базе управление", "Продажи", &[2, 3]),
        ] {
            let found = asked(question, &bases());
            let expected: Vec<Uuid> = expected.iter().map(|id| Uuid::from_u128(*id)).collect();
            assert_eq!((found.text.as_str(), found.bases), (rest, expected), "{question}");
        }
        let all = asked("Сколько денег по всем базам?", &bases());
        assert!(all.all && all.bases.is_empty() && all.text == "Сколько денег");
    }

    #[test]
    fn other_words_name_no_base() {
        for question in [
            "Сколько денег в нашей фирме?",
            "Долги по предприятию",
            "Долг по Рознице",
            "Сколько должен Торговый дом Север?",
            "Продажи по складу Центральный",
            "Остатки в магазине",
        ] {
            let found = asked(question, &bases());
            assert_eq!(
                (found.text.as_str(), found.bases.len()),
                (question, 0),
                "{question}"
            );
        }
        let one = &bases()[..1];
        assert_eq!(
            asked("Кто должен в бухгалтерии?", one).text,
            "Кто должен в бухгалтерии?"
        );
    }
}
