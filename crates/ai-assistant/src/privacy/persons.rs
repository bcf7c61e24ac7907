//! People whom no catalogue names: patronymics, initials, first names beside surnames.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::common_words;
use super::forms;
use super::kind::{Kind, Span};
use super::words::{Word, is_form_of, possible_stems, stems};

/// First names, in the nominative.
const FIRST_NAMES: &str = "\
александр алексей анатолий андрей антон аркадий арсений артем артур богдан борис вадим валентин валерий василий \
виктор виталий владимир владислав всеволод вячеслав геннадий георгий герман глеб григорий давид даниил данила денис \
дмитрий евгений егор ефим захар иван игнат игорь илья иннокентий иосиф кирилл константин лев леонид макар максим \
марат марк матвей михаил мирон назар никита николай олег павел петр платон прохор рамиль ренат ринат родион роман \
рустам руслан савелий самуил святослав семен сергей станислав степан тарас тимофей тимур федор филипп эдуард эльдар \
юрий яков ян ярослав азат айдар алмаз ильдар ильнур наиль рафаэль фарид шамиль ашот армен гарик карен арам тигран \
александра алена алина алиса алла анастасия ангелина анжела анна антонина валентина валерия варвара василиса вера \
вероника виктория галина дарья диана евгения екатерина елена елизавета жанна зинаида злата зоя инна ирина карина \
кира клавдия клара кристина ксения лариса лидия лилия любовь людмила майя маргарита марина мария надежда наталья \
наталия нелли нина нонна оксана олеся ольга полина раиса регина римма роза светлана снежана софия софья таисия тамара \
татьяна ульяна фаина эвелина элина эльвира эмма юлия яна ярослава гульнара алсу лейла мадина динара айгуль";

/// First names that are ordinary words too, or people call things so: these need a surname with an
/// ending of its own.
const ORDINARY: &[&str] = &[
    "вера",
    "надежда",
    "любовь",
    "лев",
    "роман",
    "марк",
    "роза",
    "злата",
    "ян",
    "виктория",
];

/// Words after which a capitalised word is somebody.
const BEFORE_NAMES: &[&str] = &[
    "менеджер",
    "директор",
    "гендиректор",
    "бухгалтер",
    "главбух",
    "кладовщик",
    "сотрудник",
    "сотрудница",
    "работник",
    "продавец",
    "кассир",
    "водитель",
    "инженер",
    "юрист",
    "экономист",
    "кадровик",
    "руководитель",
    "начальник",
    "заместитель",
    "специалист",
    "оператор",
    "предприниматель",
    "ип",
    "господин",
    "госпожа",
    "товарищ",
    "гражданин",
    "гражданка",
    "коллега",
    "подписал",
    "ответственный",
    "фио",
    "подотчетник",
    "mr",
];

static NAMES: LazyLock<HashSet<String>> =
    LazyLock::new(|| FIRST_NAMES.split_whitespace().flat_map(stems).collect());

fn is_first_name(word: &Word) -> bool {
    // «ИНН» is no case of «Инна», and «Иванов» none of «Иван».
    let abbreviation = word.upper && word.plain.chars().count() <= 4;
    !abbreviation
        && !is_surname(&word.plain)
        && !matches!(word.plain.as_str(), "инн" | "яна" | "мира")
        && possible_stems(&word.plain)
            .iter()
            .any(|stem| NAMES.contains(*stem))
}

fn is_ordinary(word: &str) -> bool {
    ORDINARY.iter().any(|name| is_form_of(word, name))
}

/// True for patronymics in any case.
fn is_patronymic(word: &str) -> bool {
    const ENDS: &[&str] = &[
        "ович",
        "овича",
        "овичу",
        "овичем",
        "овиче",
        "евич",
        "евича",
        "евичу",
        "евичем",
        "евиче",
        "овна",
        "овны",
        "овне",
        "овну",
        "овной",
        "овною",
        "евна",
        "евны",
        "евне",
        "евну",
        "евной",
        "евною",
        "ична",
        "ичны",
        "ичне",
        "ичну",
        "ичной",
        "инична",
        "иничны",
        "иничне",
        "иничну",
        "иничной",
        "ильич",
        "ильича",
        "ильичу",
        "ильичем",
        "кузьмич",
        "лукич",
        "фомич",
        "оглы",
    ];
    word.chars().count() >= 5 && ENDS.iter().any(|end| word.ends_with(end))
        || matches!(word, "кызы" | "оглу" | "угли")
}

/// True for words with the ending of a surname in any case.
fn is_surname(word: &str) -> bool {
    const ENDS: &[&str] = &[
        "ов",
        "ев",
        "ин",
        "ын",
        "ова",
        "ева",
        "ина",
        "ына",
        "ск",
        "цк",
        "енк",
        "ко",
        "ян",
        "швили",
        "дзе",
        "ук",
    ];
    const CASES: &[&str] = &[
        "", "а", "у", "ым", "ом", "е", "ой", "ий", "ого", "ому", "им", "ая", "ую", "о", "ых",
    ];
    word.chars().count() >= 4
        && CASES.iter().any(|case| {
            word.strip_suffix(case)
                .is_some_and(|stem| stem.chars().count() >= 4 && ENDS.iter().any(|end| stem.ends_with(end)))
        })
}

/// True for words whose ending leaves little doubt, and that are no towns and no ordinary words.
fn is_plain_surname(word: &str) -> bool {
    const ENDS: &[&str] = &[
        "ов",
        "ев",
        "ин",
        "ын",
        "ова",
        "ева",
        "ина",
        "ына",
        "енко",
        "швили",
    ];
    const CASES: &[&str] = &["", "а", "у", "ым", "е", "ой", "ых"];
    const TOWNS: &[&str] = &[
        "ростов",
        "саратов",
        "тамбов",
        "псков",
        "азов",
        "чехов",
        "серпухов",
        "дмитров",
        "киров",
        "харьков",
        "львов",
        "кишинев",
        "могилев",
        "берлин",
        "пекин",
        "турин",
        "дублин",
        "хельсинки",
        "щелково",
        "кемерово",
        "домодедово",
        "одинцово",
        "пушкино",
        "королев",
        "камышин",
        "россия",
        "украина",
        "катарина",
        "магазин",
        "бензин",
        "керосин",
        "маргарин",
        "витрина",
        "резина",
        "машина",
        "корзина",
        "картина",
        "половина",
        "причина",
        "пружина",
        "шина",
        "основа",
        "обнова",
        "слово",
        "королева",
        "глицерин",
        "парафин",
        "лицензия",
        "термин",
    ];
    word.chars().count() >= 5
        && CASES.iter().any(|case| {
            word.strip_suffix(case)
                .is_some_and(|stem| stem.chars().count() >= 5 && ENDS.iter().any(|end| stem.ends_with(end)))
        })
        && !TOWNS.iter().any(|town| is_form_of(word, town))
        && !common_words::contains(word)
}

/// People in a text.
pub(super) fn find(text: &str, words: &[Word]) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match person(text, words, at) {
            Some((from, to)) => {
                spans.push(span(text, words, from, to));
                at = to;
            }
            None => at += 1,
        }
    }
    spans
}

/// The words from..to that name one person, of whom the word `at` gives evidence.
fn person(text: &str, words: &[Word], at: usize) -> Option<(usize, usize)> {
    let next = |n: usize| words.get(at + n).filter(|_| beside(text, words, at + n - 1));
    let word = &words[at];
    // «Позвоните Анне Петровне»: at the beginning of a sentence any word is in capitals.
    let begins = at == 0
        || text[..word.start]
            .trim_end()
            .ends_with(['.', '!', '?', ':', '\n']);
    // A name by its patronymic: «Анна Петровна Иванова», «Иванова Анна Петровна», «Анна Петровна».
    for (ahead, patronymic) in [(1, next(1)), (2, next(1).and_then(|_| next(2)))] {
        let Some(patronymic) = patronymic else { continue };
        if is_patronymic(&patronymic.plain) && !forms::is_form(&word.plain) {
            let surname_first = ahead == 2;
            if surname_first {
                let first = &words[at + 1];
                let named = is_first_name(first) || first.capital;
                let surname_behind = words.get(at + 3).is_some_and(|behind| {
                    beside(text, words, at + 2) && behind.capital && is_surname(&behind.plain)
                });
                let surname = is_surname(&word.plain) || (word.capital && !begins && !surname_behind);
                if named && surname && !is_function_word(&word.plain) && !common_words::contains(&word.plain)
                {
                    return Some((at, at + 3));
                }
                continue;
            }
            if !(is_first_name(word) || word.capital) {
                continue;
            }
            let surname = next(2).is_some_and(|after| {
                (after.capital && word.capital)
                    || (is_surname(&after.plain) && after.plain.chars().count() > 4)
            });
            return Some((at, at + if surname { 3 } else { 2 }));
        }
    }
    // Initials: «Иванов И. И.», «И.И. Иванова».
    if let Some(end) = initials(text, words, at + 1)
        && word.plain.chars().count() > 2
        && word.capital
        && !forms::is_form(&word.plain)
        && beside(text, words, at)
    {
        return Some((at, end));
    }
    if let Some(end) = initials(text, words, at)
        && words
            .get(end)
            .is_some_and(|surname| surname.capital && surname.plain.chars().count() > 2)
        && beside(text, words, end - 1)
    {
        return Some((at, end + 1));
    }
    // A first name beside a surname.
    if let Some(other) = next(1) {
        let pair = |first: &Word, last: &Word| {
            is_first_name(first)
                && (is_surname(&last.plain)
                    || (first.capital && last.capital && !(begins && last.start == word.start)))
                && !is_first_name(last)
                && (!is_ordinary(&first.plain) || (first.capital && last.capital && is_surname(&last.plain)))
                && !forms::is_form(&last.plain)
                && !is_function_word(&last.plain)
        };
        if pair(word, other) || pair(other, word) {
            return Some((at, at + 2));
        }
    }
    // After the name of an office.
    let before = at.checked_sub(1).map(|before| &words[before]);
    if before.is_some_and(|before| {
        beside(text, words, at - 1)
            && BEFORE_NAMES
                .iter()
                .any(|office| is_form_of(&before.plain, office))
    }) && word.plain.chars().count() > 2
        && word.plain.chars().all(char::is_alphabetic)
        && !is_function_word(&word.plain)
        && ((word.capital && !words.iter().all(|word| word.capital))
            || is_surname(&word.plain)
            || is_first_name(word))
    {
        let more = next(1).is_some_and(|after| after.capital && is_first_name(after));
        return Some((at, at + if more { 2 } else { 1 }));
    }
    // A surname alone, where capitals mean a name.
    if word.capital && !word.upper && !begins && is_plain_surname(&word.plain) {
        return Some((at, at + 1));
    }
    // A first name alone, written as a name.
    (word.capital && is_first_name(word) && !is_ordinary(&word.plain)).then_some((at, at + 1))
}

/// Words that stand beside names without being a part of them.
fn is_function_word(word: &str) -> bool {
    matches!(
        word,
        "и" | "в"
            | "во"
            | "на"
            | "за"
            | "по"
            | "от"
            | "для"
            | "с"
            | "со"
            | "у"
            | "к"
            | "о"
            | "об"
            | "из"
            | "до"
            | "при"
            | "или"
            | "а"
            | "но"
            | "что"
            | "как"
            | "это"
            | "все"
            | "всех"
            | "он"
            | "она"
            | "нам"
            | "мы"
            | "нас"
            | "долг"
            | "счет"
            | "акт"
            | "продажи"
            | "оплата"
            | "должен"
            | "должна"
            | "кто"
            | "сколько"
            | "какой"
            | "напиши"
            | "покажи"
            | "найди"
            | "просит"
            | "сообщил"
            | "сообщила"
            | "уважаемый"
            | "уважаемая"
    )
}

/// Behind the last of one or two single letters with dots that begin at word `at`.
fn initials(text: &str, words: &[Word], at: usize) -> Option<usize> {
    let is_initial = |n: usize| {
        words.get(n).is_some_and(|word| {
            word.capital && word.plain.chars().count() == 1 && text[word.end..].starts_with('.')
        })
    };
    let near = |n: usize| {
        let gap = &text[words[n].end + 1..words[n + 1].start];
        gap.chars().all(|c| c == ' ' || c == '\u{a0}')
    };
    if !is_initial(at) {
        return None;
    }
    Some(if is_initial(at + 1) && near(at) {
        at + 2
    } else {
        at + 1
    })
}

/// True when nothing but a space or a dot of an initial is between a word and the next one.
fn beside(text: &str, words: &[Word], at: usize) -> bool {
    let Some(after) = words.get(at + 1) else {
        return false;
    };
    let gap = &text[words[at].end..after.start];
    gap.chars().count() <= 3
        && gap.chars().all(|c| {
            matches!(c, ' ' | '\u{a0}' | '\t' | '-') || (c == '.' && words[at].plain.chars().count() == 1)
        })
}

fn span(text: &str, words: &[Word], from: usize, to: usize) -> Span {
    let (start, mut end) = (words[from].start, words[to - 1].end);
    // The dot of the last initial.
    if words[to - 1].plain.chars().count() == 1 && text[end..].starts_with('.') {
        end += 1;
    }
    let mut plain: Vec<String> = words[from..to].iter().map(|word| key_stem(&word.plain)).collect();
    plain.sort();
    Span {
        start,
        end,
        kind: Kind::Person,
        key: plain.join(" "),
        value: text[start..end].to_owned(),
    }
}

/// One stem for the cases of a word: the shortest that the ending leaves.
fn key_stem(word: &str) -> String {
    possible_stems(word)
        .into_iter()
        .filter(|stem| stem.chars().count() >= 3)
        .min_by_key(|stem| stem.len())
        .unwrap_or(word)
        .to_owned()
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
    fn people_are_recognised_by_the_shape_of_their_names() {
        for (text, names) in [
            ("Кто такая Иванова Анна Петровна?", &["Иванова Анна Петровна"][..]),
            ("долг иванова ивана ивановича", &["иванова ивана ивановича"]),
            ("Позвоните Анне Петровне Ивановой", &["Анне Петровне Ивановой"]),
            ("Выдано Петрову И. С. под отчёт", &["Петрову И. С."]),
            ("отчёт И.И. Сидорова", &["И.И. Сидорова"]),
            ("продажи менеджера Кузнецовой за март", &["Кузнецовой"]),
            ("продажи менеджера кузнецовой за март", &["кузнецовой"]),
            ("Сергей Петренко просит скидку", &["Сергей Петренко"]),
            ("Что продала Анна?", &["Анна"]),
            ("для Анны Ивановой", &["Анны Ивановой"]),
            ("Как сработал Иванов в октябре?", &["Иванов"]),
            ("Сколько отпускных у Петровой?", &["Петровой"]),
        ] {
            assert_eq!(found(text), names, "{text}");
        }
    }

    #[test]
    fn ordinary_words_are_not_people() {
        for text in [
            "Продажи за март по менеджерам",
            "Сколько бумаги на складе Северный?",
            "надежда на лучшее и вера в успех",
            "Остатки на 1 мая",
            "Дебиторская задолженность по организации",
            "Роман-газета, 100 шт.",
            "Склад в Ростове и магазин «Основа»",
            "Остатки Товаров и список Договоров",
            "Бензин, Керосин, Резина, 5 шт.",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }
}
