//! Limits that a question sets: «больше 100 тыс.», «меньше 10 штук», «просрочено более 30 дней».

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::words::{Kind, Word};

/// Rows with a figure above or below this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limit {
    /// Above rather than below.
    pub(crate) above: bool,
    /// The figure, in the unit of the report.
    pub(crate) value: Decimal,
    /// The question says that it is money.
    pub(crate) money: bool,
}

/// What [`find`] has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Amount(Limit),
    /// Overdue by more than so many days.
    Days(u32),
}

/// The limit that a question sets; its words are marked as used.
pub(super) fn find(words: &[Word], used: &mut [bool]) -> Option<Found> {
    for i in 0..words.len() {
        if used[i] || words[i].quotation.is_some() {
            continue;
        }
        let Some(above) = sign(&words[i]) else {
            continue;
        };
        let mut at = i + 1;
        while words
            .get(at)
            .is_some_and(|word| word.is(&["чем", "на", "than", "="]))
        {
            at += 1;
        }
        let Some((end, found)) = quantity(words, at, above) else {
            continue;
        };
        used[i..end].fill(true);
        return Some(found);
    }
    // «30+ дней»
    for i in 0..words.len() {
        if !used[i]
            && words.get(i + 1).is_some_and(|word| word.is(&["+"]))
            && let Some(number) = words[i].number()
            && let Some(days) = words.get(i + 2).and_then(days_of)
        {
            used[i..i + 3].fill(true);
            return Some(Found::Days(number * days));
        }
    }
    None
}

fn sign(word: &Word) -> Option<bool> {
    if word.is(&[
        "больше",
        "более",
        "свыше",
        "выше",
        "дольше",
        "старше",
        "превышает",
        "превышающие",
        "превышающий",
        "дороже",
        "крупнее",
        "over",
        "above",
        "more",
        "exceeding",
        "exceeds",
        "longer",
        ">",
        "от",
    ]) {
        return Some(true);
    }
    word.is(&[
        "меньше",
        "менее",
        "ниже",
        "дешевле",
        "less",
        "under",
        "below",
        "fewer",
        "<",
    ])
    .then_some(false)
}

fn quantity(words: &[Word], start: usize, above: bool) -> Option<(usize, Found)> {
    // «больше месяца», «больше миллиона»
    let (mut at, value, mut money) = match number(words, start) {
        Some(read) => read,
        None => {
            if let Some(days) = words.get(start).and_then(days_of) {
                return above.then_some((start + 1, Found::Days(days)));
            }
            let (value, _) = multiplier(words.get(start)?)?;
            (start + 1, value, true)
        }
    };
    // «от 1 октября» and «от 15 марта» are dates, «от Ромашки» a name.
    let from_only = start > 0 && words[start - 1].is(&["от"]);
    if let Some(days) = words.get(at).and_then(days_of) {
        let whole: u32 = value.trunc().to_string().parse().ok()?;
        return (above && !from_only).then_some((at + 1, Found::Days(whole.checked_mul(days)?)));
    }
    let mut value = value;
    if let Some((times, length)) = words.get(at).and_then(multiplier) {
        value *= times;
        money = true;
        at += length;
        if words.get(at).is_some_and(|word| word.is(&["."])) && at + 1 < words.len() {
            at += 1;
        }
    }
    if words.get(at).is_some_and(is_currency) {
        money = true;
        at += 1;
    } else if words.get(at).is_some_and(|word| {
        word.is(&[
            "штук",
            "шт",
            "штуки",
            "штука",
            "pieces",
            "pcs",
            "units",
            "единиц",
            "упаковок",
            "пачек",
            "кг",
        ])
    }) {
        at += 1;
    }
    if from_only && !money {
        return None;
    }
    Some((
        at,
        Found::Amount(Limit {
            above,
            value,
            money: money || value >= Decimal::from(10_000),
        }),
    ))
}

/// `100`, `50 000`, `100,000`, `1,5`, `100к`: the index after it, the value, whether it is money.
fn number(words: &[Word], start: usize) -> Option<(usize, Decimal, bool)> {
    let first = words.get(start)?;
    let in_words = match first.lower.as_str() {
        "двух" | "два" | "две" | "two" => Some(2),
        "трех" | "три" | "three" => Some(3),
        "четырех" | "four" => Some(4),
        "пяти" | "пять" | "five" => Some(5),
        "шести" | "six" => Some(6),
        "десяти" | "десять" | "ten" => Some(10),
        "тридцати" => Some(30),
        "ста" | "сто" | "hundred" => Some(100),
        _ => None,
    };
    if let Some(value) = in_words {
        return Some((start + 1, Decimal::from(value), false));
    }
    if first.kind == Kind::Word {
        // `100к`, `5млн`
        let digits: String = first
            .lower
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        let times = multiplier_of(first.lower.get(digits.len()..)?)?;
        return Some((start + 1, digits.parse::<Decimal>().ok()? * times, true));
    }
    if first.kind != Kind::Number {
        return None;
    }
    let mut text = first.lower.clone();
    let mut at = start + 1;
    let group = |i: usize| {
        words
            .get(i)
            .is_some_and(|word| word.kind == Kind::Number && word.lower.len() == 3)
    };
    loop {
        if group(at) {
            text.push_str(&words[at].lower);
            at += 1;
        } else if words.get(at).is_some_and(|word| word.is(&[","])) && group(at + 1) {
            text.push_str(&words[at + 1].lower);
            at += 2;
        } else {
            break;
        }
    }
    if words.get(at).is_some_and(|word| word.is(&[","]))
        && let Some(fraction) = words
            .get(at + 1)
            .filter(|word| word.kind == Kind::Number && word.lower.len() <= 2)
    {
        text = format!("{text}.{}", fraction.lower);
        at += 2;
    }
    Some((at, text.parse().ok()?, false))
}

fn multiplier(word: &Word) -> Option<(Decimal, usize)> {
    multiplier_of(&word.lower).map(|times| (times, 1))
}

fn multiplier_of(text: &str) -> Option<Decimal> {
    Some(Decimal::from(match text {
        "к" | "k" | "т" | "тыс" | "тыщ" | "тысяч" | "тысячи" | "тысяча" | "thousand" | "тр" => {
            1_000
        }
        "полмиллиона" => 500_000,
        "м" | "m" | "млн" | "лям" | "ляма" | "лямов" | "миллион" | "миллиона" | "миллионов" | "million"
        | "mln" => 1_000_000,
        "млрд" | "миллиард" | "миллиарда" | "billion" => 1_000_000_000_u64,
        _ => return None,
    }))
}

fn is_currency(word: &Word) -> bool {
    word.is(&[
        "руб",
        "рублей",
        "рубля",
        "рубль",
        "₽",
        "р",
        "rub",
        "roubles",
        "rubles",
        "деревянных",
    ])
}

fn days_of(word: &Word) -> Option<u32> {
    Some(match word.lower.as_str() {
        "день" | "дня" | "дней" | "day" | "days" | "дн" | "суток" => 1,
        "недели" | "недель" | "неделю" | "week" | "weeks" => 7,
        "месяца" | "месяцев" | "месяц" | "month" | "months" => 30,
        "квартала" => 90,
        "года" | "year" => 365,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::words::split;

    fn of(text: &str) -> Option<Found> {
        let words = split(text);
        find(&words, &mut vec![false; words.len()])
    }

    #[test]
    fn limits_are_read() {
        for (text, above, value, money) in [
            ("долги больше 100 тыс. рублей", true, "100000", true),
            ("свыше 1 млн", true, "1000000", true),
            ("меньше 50 000 рублей", false, "50000", true),
            ("more than 100,000", true, "100000", true),
            ("больше 1,5 млн", true, "1500000", true),
            ("больше миллиона", true, "1000000", true),
            ("больше 100к", true, "100000", true),
            ("меньше 10 штук", false, "10", false),
            ("less than 5", false, "5", false),
            ("от 500 тыс", true, "500000", true),
        ] {
            let Some(Found::Amount(limit)) = of(text) else {
                panic!("{text}");
            };
            assert_eq!(
                (limit.above, limit.value.normalize(), limit.money),
                (above, value.parse().unwrap(), money),
                "{text}"
            );
        }
        for (text, days) in [
            ("просрочка больше 30 дней", 30),
            ("более чем на 90 дней", 90),
            ("дольше месяца", 30),
            ("старше двух месяцев", 60),
            ("over 60 days", 60),
            ("30+ дней", 30),
        ] {
            assert_eq!(of(text), Some(Found::Days(days)), "{text}");
        }
        for text in [
            "больше всего",
            "от 1 октября",
            "от Ромашки",
            "меньше чем в прошлом месяце",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
