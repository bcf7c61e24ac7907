//! Texts for the assistant as they are matched: without tricks that hide words from programs but not from
//! models.

use crate::views::is_unseen;

/// A text as the rules for the assistant see it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Folded {
    /// In small letters, ё as е, blanks as one, look-alike letters as those of the rest of the word.
    pub(crate) text: String,
    /// True when it has characters that spell words nobody sees.
    pub(crate) hidden: bool,
}

/// Letters that look alike in both alphabets, Latin first.
const ALIKE: [(char, char); 16] = [
    ('a', 'а'),
    ('e', 'е'),
    ('o', 'о'),
    ('p', 'р'),
    ('c', 'с'),
    ('x', 'х'),
    ('y', 'у'),
    ('k', 'к'),
    ('h', 'н'),
    ('b', 'в'),
    ('m', 'м'),
    ('t', 'т'),
    ('i', 'і'),
    ('s', 'ѕ'),
    ('j', 'ј'),
    ('u', 'и'),
];

fn is_cyrillic(c: char) -> bool {
    matches!(c, '\u{400}'..='\u{4ff}')
}

pub(crate) fn folded(source: &str) -> Folded {
    let mut hidden = false;
    let mut text = String::with_capacity(source.len());
    let mut word = String::new();
    let finish = |word: &mut String, text: &mut String| {
        let (cyrillic, latin) = word.chars().fold((0, 0), |(cyrillic, latin), c| {
            (
                cyrillic + usize::from(is_cyrillic(c)),
                latin + usize::from(c.is_ascii_alphabetic()),
            )
        });
        if cyrillic > 0 && latin > 0 {
            let to_cyrillic = cyrillic >= latin;
            text.extend(word.chars().map(|c| {
                let pair = ALIKE
                    .iter()
                    .find(|(one, other)| if to_cyrillic { *one == c } else { *other == c });
                pair.map_or(c, |(one, other)| if to_cyrillic { *other } else { *one })
            }));
        } else {
            text.push_str(word);
        }
        word.clear();
    };
    let mut blank = false;
    for c in crate::views::folded(source).chars() {
        match c {
            '\u{e0000}'..='\u{e007f}' => {
                hidden = true;
                word.extend(
                    char::from_u32(u32::from(c) - 0xe0000)
                        .filter(|c| !c.is_control())
                        .map(|c| c.to_ascii_lowercase()),
                );
            }
            c if is_unseen(c) => {}
            c if c.is_alphabetic() => {
                blank = false;
                match c {
                    'ё' | 'Ё' => word.push('е'),
                    c => word.extend(c.to_lowercase()),
                }
            }
            c => {
                finish(&mut word, &mut text);
                let c = match c {
                    '’' | '‘' | '`' => '\'',
                    c => c,
                };
                // Line ends are marks of their own.
                let space = c.is_whitespace() && c != '\n';
                if !(space && blank) {
                    text.push(if space { ' ' } else { c });
                }
                blank = space || c == '\n';
            }
        }
    }
    finish(&mut word, &mut text);
    Folded { text, hidden }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tricks_do_not_hide_words() {
        let text = |source| folded(source).text;
        assert_eq!(text("Игнoрируй  ВСЁ"), "игнорируй все");
        assert_eq!(text("ign\u{200b}оre"), "ignore");
        assert_eq!(text("ｉｇｎｏｒｅ don’t"), "ignore don't");
        let tags: String = "hi"
            .chars()
            .filter_map(|c| char::from_u32(0xe0000 + u32::from(c)))
            .collect();
        assert_eq!(
            folded(&tags),
            Folded {
                text: "hi".to_owned(),
                hidden: true
            }
        );
        assert_eq!(text("a\n\tb"), "a\nb");
    }
}
