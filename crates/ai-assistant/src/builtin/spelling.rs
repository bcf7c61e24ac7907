//! Questions typed with the wrong keyboard layout («rnj yfv ljk;ty») or in Latin letters
//! ("kto nam dolzhen").

use std::borrow::Cow;

use super::lexicon;
use super::words::{self, Kind};

/// The text as it was meant: another reading is taken only when it makes words of what makes none.
pub(super) fn repaired(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c.is_ascii_alphabetic()) || text.chars().any(|c| ('а'..='я').contains(&c)) {
        return Cow::Borrowed(text);
    }
    let as_written = sense(text);
    if as_written >= 0.5 {
        return Cow::Borrowed(text);
    }
    [other_layout(text), cyrillic(text)]
        .into_iter()
        .map(|reading| (sense(&reading), reading))
        .filter(|(sense, _)| *sense >= 0.5 && *sense > as_written)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(Cow::Borrowed(text), |(_, reading)| Cow::Owned(reading))
}

/// The share of the words that are known, as they are spelt.
fn sense(text: &str) -> f64 {
    let words = words::split(text);
    let (mut all, mut known) = (0_u32, 0_u32);
    for word in words.iter().filter(|word| word.kind == Kind::Word) {
        all += 1;
        let is_date = super::period::month(&word.lower).is_some();
        known += u32::from(is_date || lexicon::concept_as_spelt(word).is_some());
    }
    if all == 0 {
        return 0.0;
    }
    f64::from(known) / f64::from(all)
}

/// The keys of a Russian keyboard with the same places.
fn other_layout(text: &str) -> String {
    const LATIN: &str = "qwertyuiop[]asdfghjkl;'zxcvbnm,./`";
    const CYRILLIC: &str = "йцукенгшщзхъфывапролджэячсмитьбю.ё";
    text.chars()
        .map(|c| {
            let lower = c.to_ascii_lowercase();
            let Some(place) = LATIN.chars().position(|key| key == lower) else {
                return if c == '&' { '?' } else { c };
            };
            let typed = CYRILLIC.chars().nth(place).unwrap_or(c);
            if c.is_ascii_uppercase() {
                typed.to_uppercase().next().unwrap_or(typed)
            } else {
                typed
            }
        })
        .collect()
}

/// Russian written in Latin letters, as people write it in messengers.
pub(super) fn cyrillic(text: &str) -> String {
    const LETTERS: [(&str, &str); 41] = [
        ("shch", "щ"),
        ("sch", "щ"),
        ("zh", "ж"),
        ("kh", "х"),
        ("ts", "ц"),
        ("ch", "ч"),
        ("sh", "ш"),
        ("yu", "ю"),
        ("ju", "ю"),
        ("ya", "я"),
        ("ja", "я"),
        ("yo", "е"),
        ("jo", "е"),
        ("ye", "е"),
        ("yy", "ый"),
        ("iy", "ий"),
        ("a", "а"),
        ("b", "б"),
        ("v", "в"),
        ("w", "в"),
        ("g", "г"),
        ("d", "д"),
        ("e", "е"),
        ("z", "з"),
        ("i", "и"),
        ("j", "й"),
        ("k", "к"),
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
        ("c", "к"),
        ("y", "ы"),
        ("x", "кс"),
    ];
    let lower = text.to_lowercase();
    let mut rest = lower.as_str();
    let mut result = String::with_capacity(text.len() * 2);
    let mut original = text.chars();
    while let Some(first) = rest.chars().next() {
        let capital = original.clone().next().is_some_and(char::is_uppercase);
        // «ь» is written as an apostrophe between letters.
        if first == '\'' && result.chars().next_back().is_some_and(char::is_alphabetic) {
            result.push('ь');
            rest = &rest[1..];
            original.next();
            continue;
        }
        let found = LETTERS.iter().find(|(latin, _)| rest.starts_with(latin));
        let (length, letters) = found.map_or((first.len_utf8(), None), |(latin, cyrillic)| {
            (latin.len(), Some(*cyrillic))
        });
        match letters {
            Some(letters) if capital => {
                let mut letters = letters.chars();
                result.extend(letters.next().into_iter().flat_map(char::to_uppercase));
                result.push_str(letters.as_str());
            }
            Some(letters) => result.push_str(letters),
            None => result.push(first),
        }
        let skipped = rest[..length].chars().count();
        rest = &rest[length..];
        for _ in 0..skipped {
            original.next();
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_read() {
        for (written, meant) in [
            ("rnj yfv ljk;ty", "кто нам должен"),
            ("Ghjlf;b pf jrnz,hm", "Продажи за октябрь"),
            ("kto nam dolzhen", "кто нам должен"),
            ("ostatki na sklade", "остатки на складе"),
            ("prodazhi za oktyabr", "продажи за октябр"),
            ("dolg Romashki", "долг Ромашки"),
            ("who owes us", "who owes us"),
            ("debt of Romashka", "debt of Romashka"),
            ("stock", "stock"),
            ("asdf qwer", "asdf qwer"),
        ] {
            assert_eq!(repaired(written), meant);
        }
    }
}
