//! Organisations whom no catalogue names: a form of business with a name beside it, and names in
//! quotes after such words as «поставщик».

use super::common_words;
use super::forms;
use super::kind::{Kind, Span};
use super::words::{Word, is_form_of};

/// Words after which a name in quotes is an organisation.
const BEFORE_NAMES: &[&str] = &[
    "компания",
    "фирма",
    "контрагент",
    "поставщик",
    "покупатель",
    "клиент",
    "заказчик",
    "подрядчик",
    "организация",
    "предприятие",
    "завод",
    "фабрика",
    "комбинат",
    "холдинг",
    "концерн",
    "группа",
    "банк",
    "магазин",
    "дом",
    "партнер",
    "должник",
    "кредитор",
    "арендатор",
    "арендодатель",
    "сеть",
    "филиал",
    "агентство",
    "центр",
];
/// Words of a name without quotes.
const MOST_WORDS: usize = 4;

/// Organisations in a text.
pub(super) fn find(text: &str, words: &[Word]) -> Vec<Span> {
    let mut spans = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let short = forms::is_short(&word.plain) && written_as_form(text, word);
        let named = BEFORE_NAMES.iter().any(|name| is_form_of(&word.plain, name));
        if !short && !named {
            continue;
        }
        // «ООО "Ромашка"», «поставщик «Ромашка»».
        if let Some((start, end)) = quoted(text, word.end) {
            let from = if short { word.start } else { start };
            spans.push(span(text, words, from, end));
            continue;
        }
        if !short {
            continue;
        }
        // «ООО Ромашка Торг»: words in capitals, or one in small letters.
        let after: Vec<&Word> = words[at + 1..]
            .iter()
            .take(MOST_WORDS)
            .scan(word.end, |end, next| {
                let gap = &text[*end..next.start];
                let near = gap.chars().all(|c| matches!(c, ' ' | '\u{a0}' | '-' | '.')) && gap.len() <= 3;
                let first = *end == word.end;
                *end = next.end;
                let digits = next.plain.chars().all(|c| c.is_ascii_digit());
                (near
                    && !forms::is_short(&next.plain)
                    && (next.capital || (first && !digits && next.plain.chars().count() > 3)))
                    .then_some(next)
            })
            .collect();
        // «Ромашка ООО», as 1C writes names.
        let before: Vec<&Word> = words[..at]
            .iter()
            .rev()
            .take(MOST_WORDS)
            .scan(word.start, |start, previous| {
                let gap = &text[previous.end..*start];
                let near = gap
                    .chars()
                    .all(|c| matches!(c, ' ' | '\u{a0}' | '-' | ',' | '"' | '»'))
                    && gap.len() <= 3;
                *start = previous.start;
                let named = previous.plain.chars().count() > 1
                    && !forms::is_short(&previous.plain)
                    && !common_words::contains(&previous.plain);
                (near && previous.capital && named).then_some(previous)
            })
            .collect();
        let behind = after.last().filter(|last| last.capital || before.is_empty());
        if let Some(last) = behind {
            spans.push(span(text, words, word.start, last.end));
        } else if let Some(first) = before.last() {
            spans.push(span(text, words, first.start, word.end));
        }
    }
    spans
}

/// «ИП», «АО» and «ООО» are written in capitals; in small letters only those that are no words.
fn written_as_form(text: &str, word: &Word) -> bool {
    let written = &text[word.start..word.end];
    written.chars().all(char::is_uppercase)
        || matches!(
            word.plain.as_str(),
            "ооо" | "оао" | "зао" | "пао" | "ао" | "ип" | "llc" | "ltd" | "gmbh" | "inc"
        )
}

/// The text in quotes that begins at most a space behind `from`: its start and the end behind the
/// closing quote.
fn quoted(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = &text[from..];
    let gap = rest.len() - rest.trim_start_matches([' ', '\u{a0}']).len();
    let open = rest[gap..].chars().next()?;
    let close: &[char] = match open {
        '«' => &['»'],
        '"' => &['"'],
        '“' | '„' => &['”', '“'],
        '\'' => &['\''],
        _ => return None,
    };
    if gap > 2 {
        return None;
    }
    let begin = from + gap + open.len_utf8();
    let length = text[begin..]
        .char_indices()
        .take(100)
        .find(|(_, c)| close.contains(c))?
        .0;
    let inner = &text[begin..begin + length];
    let mut end = begin + length + text[begin + length..].chars().next()?.len_utf8();
    // «ООО «ТД «Ромашка»»: the second closing quote.
    if inner.contains(open) && text[end..].starts_with(close) {
        end += text[end..].chars().next()?.len_utf8();
    }
    (!inner.trim().is_empty()).then_some((from + gap, end))
}

fn span(text: &str, words: &[Word], start: usize, end: usize) -> Span {
    let mut key: Vec<&str> = words
        .iter()
        .filter(|word| word.start >= start && word.end <= end && !forms::is_form(&word.plain))
        .map(|word| word.plain.as_str())
        .collect();
    key.sort_unstable();
    Span {
        start,
        end,
        kind: Kind::Organisation,
        key: key.join(" "),
        value: text[start..end].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    fn found(text: &str) -> Vec<String> {
        find(text, &words(text))
            .into_iter()
            .map(|span| span.value)
            .collect()
    }

    #[test]
    fn names_beside_a_form_of_business() {
        for (text, names) in [
            ("Долг ООО «Ромашка» за март", &["ООО «Ромашка»"][..]),
            ("долг ооо ромашка за март", &["ооо ромашка"]),
            (
                "АО \"ТД Восток\" и ПАО Газпром Нефть",
                &["АО \"ТД Восток\"", "ПАО Газпром Нефть"],
            ),
            ("Вектор ООО должен", &["Вектор ООО"]),
            ("поставщику «Лидер» заплатили", &["«Лидер»"]),
            ("ООО «ТД «Ромашка»»", &["ООО «ТД «Ромашка»»"]),
        ] {
            assert_eq!(found(text), names, "{text}");
        }
        for text in ["Акт сверки «за год»", "сколько ип у нас", "Компания растёт"]
        {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }
}
