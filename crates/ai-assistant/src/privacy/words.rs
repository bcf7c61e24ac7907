//! Words of a text with their places, and the endings that Russian cases give them.

/// A word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    /// In lower case, with ё as е.
    pub(super) plain: String,
    /// The same in Russian letters when it is written in Latin ones: «romashka».
    pub(super) russian: Option<String>,
    /// Begins with a capital letter.
    pub(super) capital: bool,
    /// Several letters, all of them capital: «ИНН», «ООО».
    pub(super) upper: bool,
}

/// The words of a text: runs of letters and digits.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push(word(text, from, at));
                start = None;
            }
            _ => {}
        }
    }
    words
}

fn word(text: &str, start: usize, end: usize) -> Word {
    let written = &text[start..end];
    let plain = plain(written);
    Word {
        start,
        end,
        russian: russian(&plain),
        plain,
        capital: written.chars().next().is_some_and(char::is_uppercase),
        upper: written.chars().count() > 1 && written.chars().all(char::is_uppercase),
    }
}

/// A word in Latin letters as it may be written in Russian.
fn russian(word: &str) -> Option<String> {
    const LETTERS: &[(&str, &str)] = &[
        ("shch", "щ"),
        ("sch", "щ"),
        ("yo", "е"),
        ("zh", "ж"),
        ("kh", "х"),
        ("ts", "ц"),
        ("ch", "ч"),
        ("sh", "ш"),
        ("yu", "ю"),
        ("ya", "я"),
        ("iy", "ий"),
        ("yy", "ый"),
        ("ck", "к"),
        ("x", "кс"),
        ("w", "в"),
        ("a", "а"),
        ("b", "б"),
        ("v", "в"),
        ("g", "г"),
        ("d", "д"),
        ("e", "е"),
        ("z", "з"),
        ("i", "и"),
        ("j", "й"),
        ("y", "ы"),
        ("k", "к"),
        ("c", "к"),
        ("q", "к"),
        ("l", "л"),
        ("m", "м"),
        ("n", "н"),
        ("o", "о"),
        ("p", "п"),
        ("r", "р"),
        ("s", "с"),
        ("t", "т"),
        ("u", "у"),
        ("f", "ф"),
        ("h", "х"),
    ];
    if word.len() < 4 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let mut rest = word;
    let mut russian = String::with_capacity(2 * word.len());
    while !rest.is_empty() {
        let (latin, letter) = LETTERS.iter().find(|(latin, _)| rest.starts_with(latin))?;
        russian.push_str(letter);
        rest = &rest[latin.len()..];
    }
    Some(russian)
}

/// In lower case, with ё as е.
pub(super) fn plain(word: &str) -> String {
    word.chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c == 'ё' { 'е' } else { c })
        .collect()
}

/// Endings of nouns, adjectives and surnames in all cases and both numbers.
const ENDINGS: &[&str] = &[
    "", "а", "я", "у", "ю", "е", "и", "ы", "о", "ь", "й", "ой", "ей", "ою", "ею", "ом", "ем", "ам", "ям",
    "ах", "ях", "ов", "ев", "ым", "им", "ых", "их", "ая", "яя", "ую", "юю", "ое", "ее", "ые", "ие", "ый",
    "ий", "ого", "его", "ому", "ему", "ами", "ями", "ыми",
];
/// Endings of the nominative, which a dictionary has.
const NOMINATIVE: &[&str] = &[
    "ый", "ий", "ой", "ая", "яя", "ое", "ее", "ые", "ие", "а", "я", "о", "е", "ь", "й",
];
/// Letters that a stem has at least.
const LEAST: usize = 2;

fn is_cyrillic(word: &str) -> bool {
    word.chars().any(|c| ('а'..='я').contains(&c))
}

/// Stems that a word of a dictionary is found by.
pub(super) fn stems(word: &str) -> Vec<String> {
    if !is_cyrillic(word) {
        return vec![word.to_owned()];
    }
    let mut stems = vec![word.to_owned()];
    for ending in NOMINATIVE {
        if let Some(stem) = word.strip_suffix(ending)
            && stem.chars().count() >= LEAST
        {
            // Also the shorter ending: «Бетонстрой» is no adjective.
            stems.push(stem.to_owned());
        }
    }
    // Some plurals and names end in и or ы: «Продукты», «Весы».
    if let Some(stem) = word.strip_suffix(['и', 'ы'])
        && stem.chars().count() > LEAST
    {
        stems.push(stem.to_owned());
    }
    // A vowel that other cases drop: «Купец», «Купца»; «Павел», «Павла».
    let letters: Vec<char> = word.chars().collect();
    if let [head @ .., before, 'е' | 'о', last] = letters.as_slice()
        && !is_vowel(*before)
        && !is_vowel(*last)
        && head.len() >= LEAST
    {
        stems.push(head.iter().chain([before, last]).collect());
    }
    stems
}

fn is_vowel(c: char) -> bool {
    matches!(c, 'а' | 'е' | 'и' | 'о' | 'у' | 'ы' | 'э' | 'ю' | 'я' | 'ь' | 'й')
}

/// Stems that a word of a text may have, whatever its case.
pub(super) fn possible_stems(word: &str) -> Vec<&str> {
    if !is_cyrillic(word) {
        return vec![word];
    }
    ENDINGS
        .iter()
        .filter_map(|ending| word.strip_suffix(ending))
        .filter(|stem| stem.chars().count() >= LEAST)
        .collect()
}

impl Word {
    /// Stems that the word may have, as it is written and in Russian letters.
    pub(super) fn stems(&self) -> Vec<&str> {
        let mut stems = possible_stems(&self.plain);
        if let Some(russian) = &self.russian {
            stems.push(russian);
        }
        stems
    }

    /// True when the word may be a case of `named`.
    pub(super) fn is_form_of(&self, named: &str) -> bool {
        is_form_of(&self.plain, named) || self.russian.as_deref() == Some(named)
    }
}

/// True when `written` may be a case of `named`.
pub(super) fn is_form_of(written: &str, named: &str) -> bool {
    if written == named {
        return true;
    }
    let possible = possible_stems(written);
    stems(named).iter().any(|stem| possible.contains(&stem.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_of_a_name_are_forms_of_it() {
        for (name, forms) in [
            ("ромашка", "ромашки ромашке ромашку ромашкой"),
            ("вектор", "вектора вектору вектором векторе"),
            ("иванов", "иванова иванову ивановым иванове"),
            ("иванова", "ивановой иванову"),
            ("петров", "петрова петрову петровым"),
            ("достоевский", "достоевского достоевскому достоевским"),
            ("северный", "северного северному северном северным"),
            ("купец", "купца купцу купцом купце"),
            ("павел", "павла павлу павлом"),
            ("заря", "зари зарей зарю"),
            ("строитель", "строителя строителю строителем"),
            ("ольга", "ольги ольге ольгу ольгой"),
            ("игорь", "игоря игорю игорем"),
            ("продукты", "продуктов продуктам"),
            ("бетонстрой", "бетонстроя бетонстрою бетонстроем"),
        ] {
            for form in forms.split(' ') {
                assert!(is_form_of(form, name), "{form} of {name}");
            }
        }
        for (form, name) in [
            ("ромб", "ромашка"),
            ("векторный", "вектор"),
            ("иваново", "петров"),
        ] {
            assert!(!is_form_of(form, name), "{form} of {name}");
        }
    }

    #[test]
    fn words_know_their_places() {
        let found = words("ООО «Ёлка-2»");
        let plain: Vec<&str> = found.iter().map(|word| word.plain.as_str()).collect();
        assert_eq!(plain, ["ооо", "елка", "2"]);
        assert_eq!(&"ООО «Ёлка-2»"[found[1].start..found[1].end], "Ёлка");
    }
}
