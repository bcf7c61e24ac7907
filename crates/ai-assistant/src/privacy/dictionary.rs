//! Names of the synchronised catalogues, found in a text in any case and order of words, whole or
//! by a telling part.

use std::collections::HashMap;

use super::common_words;
use super::forms;
use super::kind::{Kind, Span};
use super::words::{Word, plain, stems, words};

/// A word that so many names have tells none of them.
const TELLING: usize = 40;
/// Bytes between two words of a name.
const GAP: usize = 6;

/// A name.
#[derive(Debug)]
struct Entry {
    kind: Kind,
    name: String,
    /// Its words without forms of business.
    words: Vec<Box<str>>,
}

/// Names to hide.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    entries: Vec<Entry>,
    /// Names by a stem of their rarest word.
    anchors: HashMap<Box<str>, Vec<u32>>,
    /// How many names have a stem, with one of them, for stems that tell names apart.
    telling: HashMap<Box<str>, (u32, u32)>,
    /// Names by all of their text in small letters, for values that are a name and nothing else.
    whole: HashMap<Box<str>, u32>,
}

/// A run of words of a text that belong to a name.
struct Run {
    entry: u32,
    from: usize,
    to: usize,
    matched: usize,
}

impl Dictionary {
    /// A dictionary of those names; one that occurs twice is taken once.
    ///
    /// Each comes with its kind and, where it differs, the name in full, which is found too.
    pub(crate) fn new(names: impl IntoIterator<Item = (Kind, String, Option<String>)>) -> Self {
        let mut dictionary = Self::default();
        let mut frequency: HashMap<String, u32> = HashMap::new();
        let names = names.into_iter().flat_map(|(kind, name, full)| {
            let full = full.map(|full| (kind, name.clone(), full));
            let short = (kind, name.clone(), name);
            std::iter::once(short).chain(full)
        });
        let mut last: Vec<Box<str>> = Vec::new();
        for (kind, name, spelling) in names {
            let all = words(&spelling);
            let mut telling: Vec<Box<str>> = all
                .iter()
                .filter(|word| !forms::is_form(&word.plain))
                .map(|word| word.plain.clone().into_boxed_str())
                .collect();
            if telling.is_empty() {
                telling = all
                    .iter()
                    .map(|word| word.plain.clone().into_boxed_str())
                    .collect();
            }
            let whole = plain(spelling.trim()).into_boxed_str();
            if telling.is_empty() || dictionary.whole.contains_key(&whole) {
                continue;
            }
            let Ok(id) = u32::try_from(dictionary.entries.len()) else {
                break;
            };
            // The name in full often has the same words, and only the form of business in full.
            if telling == last && spelling != name {
                dictionary.whole.insert(whole, id - 1);
                continue;
            }
            dictionary.whole.insert(whole, id);
            last.clone_from(&telling);
            for word in &telling {
                *frequency.entry(word.to_string()).or_default() += 1;
            }
            dictionary.entries.push(Entry {
                kind,
                name: name.trim().to_owned(),
                words: telling,
            });
        }
        for (id, entry) in (0_u32..).zip(&dictionary.entries) {
            let rarest = entry.words.iter().min_by_key(|word| {
                // A number or a letter is a bad anchor even when it is rare.
                let short = word.chars().count() < 3 || word.chars().all(|c| c.is_ascii_digit());
                (short, frequency.get(&***word).copied().unwrap_or_default())
            });
            for stem in rarest.iter().flat_map(|word| stems(word)) {
                dictionary
                    .anchors
                    .entry(stem.into_boxed_str())
                    .or_default()
                    .push(id);
            }
            for word in &entry.words {
                for stem in stems(word) {
                    let known = dictionary.telling.entry(stem.into_boxed_str()).or_insert((0, id));
                    known.0 += 1;
                }
            }
        }
        dictionary
            .telling
            .retain(|_, (count, _)| *count as usize <= TELLING);
        dictionary
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Kind and name as 1C has it, when the whole text is one of the names.
    pub(crate) fn whole(&self, text: &str) -> Option<(Kind, &str)> {
        let id = self.whole.get(plain(text.trim()).as_str())?;
        let entry = &self.entries[*id as usize];
        Some((entry.kind, &entry.name))
    }

    /// Names in a text.
    pub(super) fn find(&self, text: &str, words: &[Word], hidden: impl Fn(Kind) -> bool) -> Vec<Span> {
        let mut spans = Vec::new();
        if self.entries.is_empty() {
            return spans;
        }
        let mut at = 0;
        while at < words.len() {
            let found = self
                .whole_name(text, words, at, &hidden)
                .or_else(|| self.part(text, words, at, &hidden));
            match found {
                Some((span, behind)) => {
                    spans.push(span);
                    at = behind.max(at + 1);
                }
                None => at += 1,
            }
        }
        spans
    }

    /// A name all of whose words are around word `at`.
    fn whole_name(
        &self,
        text: &str,
        words: &[Word],
        at: usize,
        hidden: &impl Fn(Kind) -> bool,
    ) -> Option<(Span, usize)> {
        let mut best: Option<Run> = None;
        for stem in words[at].stems() {
            for id in self.anchors.get(stem).into_iter().flatten() {
                let entry = &self.entries[*id as usize];
                if !hidden(entry.kind) {
                    continue;
                }
                let run = run(text, words, at, *id, entry);
                let better = best.as_ref().is_none_or(|best| run.matched > best.matched);
                if run.matched == entry.words.len() && better {
                    best = Some(run);
                }
            }
        }
        let run = best?;
        let entry = &self.entries[run.entry as usize];
        // «Мир» as a firm and «мир» as a word.
        if run.matched == 1 && !words[at].capital && self.is_ordinary(text, words, &run, entry) {
            return None;
        }
        Some((self.span(text, words, &run), run.to))
    }

    fn is_ordinary(&self, text: &str, words: &[Word], run: &Run, entry: &Entry) -> bool {
        let word = &words[run.from];
        let beside_form = run.to - run.from > 1 || is_quoted(text, word);
        entry.kind != Kind::Person && !beside_form && common_words::contains(&word.plain)
    }

    /// A word that tells a name, or some of its words.
    fn part(
        &self,
        text: &str,
        words: &[Word],
        at: usize,
        hidden: &impl Fn(Kind) -> bool,
    ) -> Option<(Span, usize)> {
        let word = &words[at];
        if word.plain.chars().count() < 3 || word.plain.chars().all(|c| c.is_ascii_digit()) {
            return None;
        }
        let (count, id) = word
            .stems()
            .into_iter()
            .filter_map(|stem| self.telling.get(stem))
            .min_by_key(|(count, _)| *count)
            .copied()?;
        let entry = &self.entries[id as usize];
        let quoted = is_quoted(text, word);
        if !hidden(entry.kind) || forms::is_form(&word.plain) {
            return None;
        }
        let run = run(text, words, at, id, entry);
        // Goods are called by ordinary words: a part must be long to tell one.
        if entry.kind == Kind::Item && run.matched < 3 {
            return None;
        }
        if run.matched < 2 && !quoted && common_words::contains(&word.plain) {
            return None;
        }
        if run.matched > 1
            && words[run.from..run.to]
                .iter()
                .all(|word| common_words::contains(&word.plain))
        {
            return None;
        }
        if count == 1 || run.matched > 1 {
            return Some((self.span(text, words, &run), run.to));
        }
        // Several are called so: the token stands for the word as 1C has it.
        let named = entry
            .words
            .iter()
            .find(|named| word.is_form_of(named))
            .map_or(word.plain.as_str(), |named| named);
        let mut letters = named.chars();
        let value = letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect())
            .unwrap_or_default();
        let span = Span {
            start: word.start,
            end: word.end,
            kind: entry.kind,
            key: named.to_owned(),
            value,
        };
        Some((span, at + 1))
    }

    fn span(&self, text: &str, words: &[Word], run: &Run) -> Span {
        let entry = &self.entries[run.entry as usize];
        let last = &words[run.to - 1];
        let (start, mut end) = with_quotes(text, words[run.from].start, last.end);
        // The dot of the last initial.
        if last.plain.chars().count() == 1 && end == last.end && text[end..].starts_with('.') {
            end += 1;
        }
        Span {
            start,
            end,
            kind: entry.kind,
            key: plain(&entry.name),
            value: entry.name.clone(),
        }
    }
}

/// The words around `at` that belong to the entry: its own in any order, forms of business and
/// initials between and beside them.
fn run(text: &str, words: &[Word], at: usize, id: u32, entry: &Entry) -> Run {
    let mut left: Vec<&str> = entry.words.iter().map(|word| &**word).collect();
    let take = |left: &mut Vec<&str>, word: &Word| {
        let whole = left.iter().position(|named| word.is_form_of(named));
        let initial = || {
            let letter = word.plain.chars().next()?;
            let alone = word.capital && word.plain.chars().count() == 1 && entry.kind == Kind::Person;
            left.iter().position(|named| alone && named.starts_with(letter))
        };
        let Some(place) = whole.or_else(initial) else {
            return false;
        };
        left.swap_remove(place);
        true
    };
    let mut run = Run {
        entry: id,
        from: at,
        to: at + 1,
        matched: usize::from(take(&mut left, &words[at])),
    };
    // Forms of business are taken into the name only when they touch it, one on each side.
    let mut formed = false;
    let mut edge = at + 1;
    while let Some(word) = words.get(edge) {
        if !touch(text, &words[edge - 1], word) {
            break;
        }
        if take(&mut left, word) {
            run.matched += 1;
            run.to = edge + 1;
        } else if forms::is_short(&word.plain) && !formed {
            // «Ромашка, ООО Вектор»: the form is that of the next name.
            let listed = text[words[edge - 1].end..word.start].contains(',');
            let of_next = words
                .get(edge + 1)
                .is_some_and(|next| touch(text, word, next) && !text[word.end..next.start].contains(','));
            if entry.kind == Kind::Person || (listed && of_next) {
                break;
            }
            formed = true;
            run.to = edge + 1;
        } else {
            break;
        }
        edge += 1;
    }
    let mut edge = at;
    while edge > 0 {
        let word = &words[edge - 1];
        if !touch(text, word, &words[edge]) {
            break;
        }
        if take(&mut left, word) {
            run.matched += 1;
            run.from = edge - 1;
        } else if forms::is_short(&word.plain) && !text[word.end..words[edge].start].contains(',') {
            run.from = edge - 1;
            break;
        } else {
            break;
        }
        edge -= 1;
    }
    run
}

/// True when only spaces, quotes, hyphens and the like are between two words.
fn touch(text: &str, one: &Word, other: &Word) -> bool {
    let gap = &text[one.end..other.start];
    gap.len() <= GAP
        && gap.chars().all(|c| {
            matches!(
                c,
                ' ' | '\u{a0}'
                    | '"'
                    | '«'
                    | '»'
                    | '“'
                    | '”'
                    | '„'
                    | '\''
                    | '-'
                    | '–'
                    | '('
                    | ')'
                    | '&'
                    | '+'
            ) || (matches!(c, '.' | ',') && (gap.len() <= 2))
        })
}

fn is_quoted(text: &str, word: &Word) -> bool {
    text[..word.start].ends_with(['«', '"', '“', '„']) || text[word.end..].starts_with(['»', '"', '”'])
}

/// Quotes at the edges of a name belong to it when both are there.
fn with_quotes(text: &str, start: usize, end: usize) -> (usize, usize) {
    let open = text[..start]
        .chars()
        .next_back()
        .filter(|c| matches!(c, '«' | '"' | '“' | '„'));
    let close = text[end..]
        .chars()
        .next()
        .filter(|c| matches!(c, '»' | '"' | '”' | '“'));
    let inner = &text[start..end];
    match (open, close) {
        (Some(open), Some(close)) => (start - open.len_utf8(), end + close.len_utf8()),
        // The opening quote is within: «ООО "Ромашка"».
        (None, Some(close)) if inner.contains(['«', '"', '“', '„']) => (start, end + close.len_utf8()),
        (Some(open), None) if inner.contains(['»', '"', '”']) => (start - open.len_utf8(), end),
        _ => (start, end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary() -> Dictionary {
        let names = [
            (Kind::Organisation, "Ромашка Торг ООО"),
            (Kind::Organisation, "Ромашка Плюс ООО"),
            (Kind::Organisation, "ООО \"Вектор\""),
            (Kind::Organisation, "Северный ветер АО"),
            (Kind::Organisation, "Мир ООО"),
            (Kind::Organisation, "ТД Газпром нефть"),
            (Kind::Person, "Иванова Анна Петровна"),
            (Kind::Item, "Бумага офисная А4 Снегурочка"),
        ];
        Dictionary::new(names.map(|(kind, name)| (kind, name.to_owned(), None)))
    }

    fn hidden(text: &str) -> String {
        let dictionary = dictionary();
        let mut hidden = text.to_owned();
        let words = words(text);
        let found = super::super::mask::apart(dictionary.find(text, &words, |kind| kind != Kind::Item));
        for span in found.iter().rev() {
            hidden.replace_range(span.start..span.end, &format!("<{}>", span.value));
        }
        hidden
    }

    #[test]
    fn names_are_found_in_any_case_and_order() {
        for (text, expected) in [
            (
                "Сколько нам должен вектор?",
                "Сколько нам должен <ООО \"Вектор\">?",
            ),
            ("долг ООО «Вектор»!", "долг <ООО \"Вектор\">!"),
            ("Долг Ромашки Торг", "Долг <Ромашка Торг ООО>"),
            ("долг ромашке-плюс", "долг <Ромашка Плюс ООО>"),
            ("Сколько должна Ромашка?", "Сколько должна <Ромашка>?"),
            ("у Северного ветра", "у <Северный ветер АО>"),
            ("на Северном складе", "на Северном складе"),
            ("во всём мире", "во всём мире"),
            ("долг ООО Мир", "долг <Мир ООО>"),
            ("Долги Газпром нефти", "Долги <ТД Газпром нефть>"),
            (
                "продажи Анны Петровны Ивановой",
                "продажи <Иванова Анна Петровна>",
            ),
            ("продажи Ивановой А. П.", "продажи <Иванова Анна Петровна>"),
            (
                "продажи ивановой за март",
                "продажи <Иванова Анна Петровна> за март",
            ),
            ("Сколько бумаги А4?", "Сколько бумаги А4?"),
            ("how much does Romashka owe", "how much does <Ромашка> owe"),
            ("Vector's phone", "<ООО \"Вектор\">'s phone"),
        ] {
            assert_eq!(hidden(text), expected, "{text}");
        }
    }
}
