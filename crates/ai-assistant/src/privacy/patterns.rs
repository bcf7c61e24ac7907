//! Requisites, phones, addresses: what is recognised by its form, wherever it stands.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::checksum;
use super::kind::{Kind, Span};

/// Tells whether digits can be what their form says.
type Check = fn(&[u8]) -> bool;

/// One form. Group `v` is what is hidden; the whole match when there is none.
struct Form {
    kind: Kind,
    regex: Regex,
    /// What the digits have to satisfy.
    check: Check,
}

/// In the order of precedence: a number with its name before a bare one.
static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let any: Check = |_| true;
    // Between the name of a requisite and its value.
    let is = r"(?:\s*(?:[:=№\-–—#]|номер|number|no\.?|равен|is))*\s*";
    let groups = r"[\d](?:[ \x{a0}\x{202f}-]?\d)";
    let forms: [(Kind, String, Check); 22] = [
        (
            Kind::Email,
            r"(?i)[\p{L}\d._%+-]+@[\p{L}\d-]+(?:\.[\p{L}\d-]+)*\.\p{L}{2,}".to_owned(),
            any,
        ),
        // ИНН/КПП in one: each gets a token of its own.
        (
            Kind::Kpp,
            format!(r"(?i)\b(?:инн|inn)\s*/\s*(?:кпп|kpp){is}\d{{10}}\s*[/\\,;]?\s*(?P<v>\d{{4}}[\dA-Z]{{2}}\d{{3}})\b"),
            any,
        ),
        (
            Kind::Inn,
            format!(r"(?i)\b(?:инн|inn)(?:\p{{L}}*)(?:\s*/\s*(?:кпп|kpp))?{is}(?P<v>\d{{12}}|\d{{10}}|\d{{2}}(?: \d{{2,4}}){{2,4}})\b"),
            |digits| matches!(digits.len(), 10 | 12),
        ),
        (
            Kind::Kpp,
            format!(r"(?i)\b(?:кпп|kpp){is}(?P<v>\d{{4}}[\dA-Z]{{2}}\d{{3}})\b"),
            any,
        ),
        (
            Kind::Kpp,
            r"\b\d{10}\s*/\s*(?P<v>\d{4}[\dA-Z]{2}\d{3})\b".to_owned(),
            any,
        ),
        (
            Kind::Ogrn,
            format!(r"(?i)\b(?:огрн(?:ип)?|ogrn(?:ip)?){is}(?P<v>\d{{15}}|\d{{13}})\b"),
            any,
        ),
        (
            Kind::Snils,
            format!(r"(?i)\b(?:снилс|snils){is}(?P<v>\d{{3}}[- ]?\d{{3}}[- ]?\d{{3}}[- ]?\d{{2}})\b"),
            any,
        ),
        (
            Kind::Snils,
            r"\b\d{3}-\d{3}-\d{3}[- ]\d{2}\b".to_owned(),
            any,
        ),
        (
            Kind::Bic,
            format!(r"(?i)\b(?:бик|bic|bik){is}(?P<v>\d{{9}})\b"),
            any,
        ),
        (
            Kind::Account,
            format!(r"(?i)(?:р/сч?|к/сч?|л/сч?|р\.\s?сч?\.|к\.\s?сч?\.|сч[её]т\p{{L}}*|account){is}(?P<v>{groups}{{19}})\b"),
            any,
        ),
        (Kind::Account, r"\b\d{20}\b".to_owned(), any),
        (
            Kind::Account,
            r"\b[1-8]\d{2}[ \x{a0}]?\d{2}[ \x{a0}]?\d{3}[ \x{a0}]?\d[ \x{a0}]?\d{4}[ \x{a0}]?\d{7}\b".to_owned(),
            any,
        ),
        (Kind::Account, r"\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){3,7}(?: ?[A-Z\d]{1,3})?\b".to_owned(), |digits| digits.len() >= 12),
        (
            Kind::Passport,
            r"(?i)(?:паспорт\p{L}*|passport)(?:\s+(?:рф|гражданин\p{L}*|серии|серия|series|no\.?|number|номер|данные))*[:\s]*(?P<v>\d{2}\s?\d{2}[\s,]*(?:№|номер|n|no\.?)?\s*\d{6})\b".to_owned(),
            any,
        ),
        (
            Kind::Passport,
            r"(?i)\bсери[яий]\s*(?P<v>\d{2}\s?\d{2}[\s,]*(?:№|номер|n)?\s*\d{6})\b".to_owned(),
            any,
        ),
        (
            Kind::Card,
            r"\b\d{4}[ \x{a0}-]\d{4}[ \x{a0}-]\d{4}[ \x{a0}-]\d{4}(?:[ \x{a0}-]\d{1,3})?\b".to_owned(),
            checksum::card,
        ),
        (Kind::Card, r"\b\d{16,19}\b".to_owned(), checksum::card),
        (
            Kind::Phone,
            r"(?:\+\s?7|\+\s?375|\+\s?380|\+\s?998|\+\s?996|\b8)[\s\x{a0}\x{202f}.-]*(?:\(\s*\d{2,5}\s*\)|\d{2,5})(?:[\s\x{a0}\x{202f}.-]*\d{1,4}){2,5}\b".to_owned(),
            |digits| (11..=12).contains(&digits.len()) && (digits[0] != 8 || digits.len() == 11),
        ),
        (
            Kind::Phone,
            r"(?i)(?:\bтел\p{L}*\.?|\bмоб\p{L}*\.?|\bфакс\p{L}*|\bзвони\p{L}*|\bphone|\bmobile)(?:\s*(?:по|на|номер\p{L}*|number))*[\s:]*(?P<v>(?:\(\s*\d{3,5}\s*\)\s*)?\d(?:[\s\x{a0}-]?\d){5,10})\b".to_owned(),
            |digits| (6..=11).contains(&digits.len()),
        ),
        (Kind::Phone, r"\(\d{3,5}\)\s?\d{1,3}[- ]\d{2}[- ]\d{2}\b".to_owned(), any),
        (
            Kind::Address,
            r"(?i)(?:\b\d{6},\s*)?(?:\b(?:г|гор|город|обл|область|край|респ)\.?\s+[\p{L}-]+(?:\s+(?:обл|область|край|респ)\p{L}*\.?)?,\s*)*\b(?:ул|улица|улице|улицы|пр-?кт|пр-т|просп|проспект\p{L}*|пер|переул\p{L}*|б-р|бульв\p{L}*|ш|шоссе|наб|набережн\p{L}*|пл|площад\p{L}*|проезд\p{L}*|мкр|линия)\.?\s+[\p{L}\d][\p{L}\d .-]{1,40}?,?\s*(?:д|дом|влд|стр)\.?\s*\d+\s?\p{L}?(?:[/-]\d+\p{L}?)?(?:,\s*(?:корп|к|стр|с|лит|литер\p{L}*|оф|офис|кв|квартира|пом|помещ\p{L}*|эт|этаж)\.?\s*[\d\p{L}]{1,6})*".to_owned(),
            any,
        ),
        (Kind::Inn, r"\b(?:\d{12}|\d{10})\b".to_owned(), checksum::inn),
    ];
    let bare = [
        (Kind::Ogrn, r"\b(?:\d{15}|\d{13})\b", checksum::ogrn as Check),
        (
            Kind::Snils,
            r"\b\d{3} \d{3} \d{3} \d{2}\b|\b\d{11}\b",
            checksum::snils,
        ),
        (Kind::Bic, r"\b04\d{7}\b", any),
        (Kind::Phone, r"\b9\d{2}[ -]\d{3}[ -]\d{2}[ -]\d{2}\b", any),
    ];
    forms
        .into_iter()
        .chain(bare.map(|(kind, pattern, check)| (kind, pattern.to_owned(), check)))
        .filter_map(|(kind, pattern, check)| {
            Some(Form {
                kind,
                regex: Regex::new(&pattern).ok()?,
                check,
            })
        })
        .collect()
});

/// Everything in `text` that has a known form; spans may overlap, the first ones go before.
pub(super) fn find(text: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    // Most strings of a report are short words: digits or @ or the name of a street are needed.
    if !text.bytes().any(|byte| byte.is_ascii_digit() || byte == b'@') {
        return spans;
    }
    for form in FORMS.iter() {
        for captures in form.regex.captures_iter(text) {
            if let Some(span) = span(form, &captures, text) {
                spans.push(span);
            }
        }
    }
    spans
}

fn span(form: &Form, captures: &Captures<'_>, text: &str) -> Option<Span> {
    let found = captures.name("v").or_else(|| captures.get(0))?;
    let value = found.as_str().trim_end();
    let end = found.start() + value.len();
    let digits: Vec<u8> = value
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|byte| byte - b'0')
        .collect();
    let is_number = !matches!(form.kind, Kind::Email | Kind::Address);
    if is_number && is_fraction_or_id(text, found.start(), end) || !(form.check)(&digits) {
        return None;
    }
    let plain: String = digits.iter().map(|digit| char::from(b'0' + digit)).collect();
    let key = match form.kind {
        Kind::Email | Kind::Address => value.to_lowercase(),
        // «8 …» and «+7 …» are one phone.
        Kind::Phone if plain.len() == 11 => plain[1..].to_owned(),
        Kind::Account | Kind::Kpp => value.chars().filter(|c| c.is_alphanumeric()).collect(),
        _ => plain,
    };
    Some(Span {
        start: found.start(),
        end,
        kind: form.kind,
        key,
        value: value.to_owned(),
    })
}

/// True within «1234567890,50» and within the digits of an id such as a UUID.
fn is_fraction_or_id(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().next_back();
    let mut after = text[end..].chars();
    let (next, then) = (after.next(), after.next());
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let fraction = matches!(next, Some('.' | ',')) && digit(then);
    let within = matches!(before, Some('.' | ',')) && text[..start].len() > 1 && {
        let mut back = text[..start].chars().rev().skip(1);
        digit(back.next())
    };
    let id = |c: Option<char>| c.is_some_and(|c| c == '-' || c == '_');
    let uuid = (id(before)
        && text[..start]
            .chars()
            .rev()
            .nth(1)
            .is_some_and(|c| c.is_ascii_hexdigit()))
        || (id(next) && then.is_some_and(|c| c.is_ascii_hexdigit()) && end - start == 12);
    fraction || within || uuid
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Option<(Kind, String)> {
        find(text)
            .into_iter()
            .next()
            .map(|span| (span.kind, text[span.start..span.end].to_owned()))
    }

    #[test]
    fn forms_are_recognised() {
        for (text, kind, value) in [
            ("ИНН 7707083893", Kind::Inn, "7707083893"),
            ("по инн: 7707083892 не найден", Kind::Inn, "7707083892"),
            ("контрагент 7707083893?", Kind::Inn, "7707083893"),
            ("физлицо 500100732259", Kind::Inn, "500100732259"),
            ("КПП 770701001", Kind::Kpp, "770701001"),
            ("7707083893/770701001", Kind::Kpp, "770701001"),
            ("ОГРН 1027700132195", Kind::Ogrn, "1027700132195"),
            ("огрнип № 304500116000157", Kind::Ogrn, "304500116000157"),
            ("СНИЛС 112-233-445 95", Kind::Snils, "112-233-445 95"),
            ("112-233-445 95", Kind::Snils, "112-233-445 95"),
            ("р/с 40702810400000012345", Kind::Account, "40702810400000012345"),
            (
                "счёт 4070 2810 4000 0001 2345",
                Kind::Account,
                "4070 2810 4000 0001 2345",
            ),
            ("БИК 044525225", Kind::Bic, "044525225"),
            ("карта 4111 1111 1111 1111", Kind::Card, "4111 1111 1111 1111"),
            ("+7 (495) 123-45-67", Kind::Phone, "+7 (495) 123-45-67"),
            ("8-916-123-45-67", Kind::Phone, "8-916-123-45-67"),
            ("89161234567", Kind::Phone, "89161234567"),
            ("тел. 123-45-67", Kind::Phone, "123-45-67"),
            ("пишите на buh@romashka.ru.", Kind::Email, "buh@romashka.ru"),
            ("почта иван@пример.рф", Kind::Email, "иван@пример.рф"),
            ("паспорт 45 06 № 123456", Kind::Passport, "45 06 № 123456"),
            (
                "адрес: г. Москва, ул. Ленина, д. 5, оф. 12",
                Kind::Address,
                "г. Москва, ул. Ленина, д. 5, оф. 12",
            ),
        ] {
            assert_eq!(first(text), Some((kind, value.to_owned())), "{text}");
        }
    }

    #[test]
    fn all_forms_are_in_force() {
        assert_eq!(FORMS.len(), 26);
    }

    #[test]
    fn figures_and_ids_are_not() {
        for text in [
            "Долг 1 234 567,89 ₽",
            "7707083893,50",
            "0199a0b0-0000-7000-8000-500100732259",
            "заказ 1234567890",
            "за 31.10.2026 и 2026-10-31T10:00:00Z",
            "КА00-000012",
            "счёт 62.01",
            "8 800 штук и 80 коробок",
            "8 123 456 789,10 ₽",
        ] {
            assert_eq!(first(text), None, "{text}");
        }
    }
}
