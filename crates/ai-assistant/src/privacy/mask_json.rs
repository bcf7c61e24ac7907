//! Masking of structured data: the key beside a value tells what it is.

use serde_json::{Map, Value};

use super::kind::Kind;
use super::mask::Mask;

impl Mask {
    /// A value as it may leave. Values of keys that name a thing are hidden whole, whether a
    /// catalogue has them or not; other strings like texts.
    pub(crate) fn outgoing_json(&self, value: &Value) -> Value {
        self.within(value, &Context::default())
    }

    /// A result of a tool, which is JSON in a string or words.
    pub(crate) fn outgoing_result(&self, content: &str) -> String {
        if !content.trim_start().starts_with(['{', '[']) {
            return self.outgoing(content);
        }
        match serde_json::from_str::<Value>(content) {
            Ok(value) => self.outgoing_json(&value).to_string(),
            Err(_) => self.outgoing(content),
        }
    }

    /// An object as it may leave, such as the arguments of a call.
    pub(super) fn outgoing_object(&self, map: &Map<String, Value>) -> Map<String, Value> {
        match self.outgoing_json(&Value::Object(map.clone())) {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    fn within(&self, value: &Value, context: &Context) -> Value {
        match value {
            Value::String(text) => Value::String(self.string(text, None)),
            Value::Array(items) => items.iter().map(|item| self.within(item, context)).collect(),
            Value::Object(map) => {
                let context = context.within(map);
                map.iter()
                    .map(|(key, value)| (key.clone(), self.member(key, value, map, &context)))
                    .collect()
            }
            other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other.clone(),
        }
    }

    fn member(&self, key: &str, value: &Value, map: &Map<String, Value>, context: &Context) -> Value {
        if is_word_of_ours(key) {
            return value.clone();
        }
        let Value::String(text) = value else {
            return self.within(value, context);
        };
        let kind = context.kind_of(key, map).or_else(|| {
            // «Остаток по контрагенту» is no name, but «ИНН контрагента» is a requisite.
            kind_of_heading(key)
                .filter(|kind| !matches!(kind, Kind::Organisation | Kind::Person) || !is_plain(text))
        });
        Value::String(self.string(text, kind))
    }

    fn string(&self, text: &str, kind: Option<Kind>) -> String {
        if is_plain(text) {
            // A requisite is digits too, but its key tells so.
            return match kind {
                Some(kind) if !is_date_or_id(text) => self.value(kind, text),
                _ => text.to_owned(),
            };
        }
        match kind {
            Some(kind) => self.value(kind, text),
            None => self.outgoing(text),
        }
    }
}

/// What a report tells of its columns.
#[derive(Debug, Clone, Default)]
struct Context {
    /// What `key` stands for.
    key: Option<Kind>,
    /// What `then` stands for.
    then: Option<Kind>,
    /// What `name` stands for.
    name: Option<Kind>,
}

impl Context {
    fn within(&self, map: &Map<String, Value>) -> Self {
        let mut context = self.clone();
        if let Some(Value::Object(parameters)) = map.get("parameters") {
            let of = |name: &str| {
                parameters
                    .get(name)
                    .and_then(Value::as_str)
                    .and_then(kind_of_subject)
            };
            context.key = of("group_by").or(of("breakdown"));
            context.then = of("then_by");
            context.name = of("breakdown");
        }
        // A match of a search.
        if let Some(kind) = map.get("kind").and_then(Value::as_str).and_then(kind_of_subject) {
            context.name = Some(kind);
        }
        context
    }

    fn kind_of(&self, key: &str, map: &Map<String, Value>) -> Option<Kind> {
        match key {
            "key" => self.key,
            "then" => self.then,
            "name" => self.name,
            // Of a match: ИНН of a counterparty or company, article of an item.
            "code" => matches!(self.name, Some(Kind::Organisation | Kind::Person)).then_some(Kind::Inn),
            // Of the card of a counterparty.
            "value" => map.get("field").and_then(Value::as_str).and_then(kind_of_field),
            _ => kind_of_key(key),
        }
    }
}

/// What the rows of a report stand for.
fn kind_of_subject(name: &str) -> Option<Kind> {
    match name {
        "counterparty" | "company" => Some(Kind::Organisation),
        "manager" | "employee" | "person" => Some(Kind::Person),
        "item" => Some(Kind::Item),
        _ => None,
    }
}

fn kind_of_key(key: &str) -> Option<Kind> {
    match key {
        "counterparty"
        | "organization"
        | "organisation"
        | "company"
        | "customer"
        | "supplier"
        | "contractor"
        | "debtor"
        | "creditor"
        | "full_name"
        | "Контрагент"
        | "Организация"
        | "Покупатель"
        | "Поставщик" => Some(Kind::Organisation),
        "manager"
        | "employee"
        | "responsible"
        | "author"
        | "person"
        | "director"
        | "Менеджер"
        | "Ответственный"
        | "Сотрудник"
        | "ФизическоеЛицо"
        | "Физлицо" => Some(Kind::Person),
        "item" | "Номенклатура" => Some(Kind::Item),
        "inn" | "ИНН" => Some(Kind::Inn),
        "kpp" | "КПП" => Some(Kind::Kpp),
        "ogrn" | "ОГРН" => Some(Kind::Ogrn),
        "snils" | "СНИЛС" => Some(Kind::Snils),
        "bic" | "bik" | "БИК" => Some(Kind::Bic),
        "phone" | "phones" | "Телефон" => Some(Kind::Phone),
        "email" | "АдресЭП" => Some(Kind::Email),
        "address" | "Адрес" => Some(Kind::Address),
        "bank_account" | "НомерСчета" => Some(Kind::Account),
        _ => None,
    }
}

/// What a column of a file or a property of 1C holds, by the words of its name: «Наименование
/// контрагента», `ОтветственныйМенеджер`.
fn kind_of_heading(heading: &str) -> Option<Kind> {
    const WHOLE: [(&str, Kind); 6] = [
        ("инн", Kind::Inn),
        ("кпп", Kind::Kpp),
        ("бик", Kind::Bic),
        ("снилс", Kind::Snils),
        ("email", Kind::Email),
        ("фио", Kind::Person),
    ];
    const BEGINNINGS: [(&str, Kind); 17] = [
        ("огрн", Kind::Ogrn),
        ("телефон", Kind::Phone),
        ("почт", Kind::Email),
        ("адрес", Kind::Address),
        ("менеджер", Kind::Person),
        ("сотрудник", Kind::Person),
        ("ответственн", Kind::Person),
        ("исполнител", Kind::Person),
        ("директор", Kind::Person),
        ("контрагент", Kind::Organisation),
        ("покупател", Kind::Organisation),
        ("поставщик", Kind::Organisation),
        ("клиент", Kind::Organisation),
        ("заказчик", Kind::Organisation),
        ("организаци", Kind::Organisation),
        ("плательщик", Kind::Organisation),
        ("должник", Kind::Organisation),
    ];
    let words = words_of(heading);
    let has = |fits: &dyn Fn(&str) -> bool| words.iter().any(|word| fits(word));
    let whole = WHOLE.iter().find(|(name, _)| has(&|word| word == *name));
    let begun = || {
        BEGINNINGS
            .iter()
            .find(|(name, _)| has(&|word| word.starts_with(name)))
    };
    whole.or_else(begun).map(|(_, kind)| *kind)
}

/// The words of a heading in small letters; a capital letter after a small one begins another.
fn words_of(heading: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in heading.chars() {
        if !c.is_alphabetic() || (was_small && c.is_uppercase()) {
            words.push(String::new());
        }
        was_small = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphabetic()) {
            word.extend(c.to_lowercase());
        }
    }
    words
}

/// What a line of a card of requisites is, by its heading.
fn kind_of_field(field: &str) -> Option<Kind> {
    let field = field.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| field.contains(word));
    if says(&["инн", "tax"]) {
        Some(Kind::Inn)
    } else if says(&["кпп", "kpp"]) {
        Some(Kind::Kpp)
    } else if says(&["огрн", "ogrn"]) {
        Some(Kind::Ogrn)
    } else if says(&["почт", "mail"]) {
        Some(Kind::Email)
    } else if says(&["телефон", "phone", "факс", "fax"]) {
        Some(Kind::Phone)
    } else if says(&["адрес", "address"]) {
        Some(Kind::Address)
    } else if says(&["бик", "bic"]) {
        Some(Kind::Bic)
    } else if says(&["счёт", "счет", "account"]) {
        Some(Kind::Account)
    } else if says(&["директор", "руковод", "контактн", "director", "contact"]) {
        Some(Kind::Person)
    } else if says(&["наимен", "назван", "name"]) && !says(&["форм", "form"]) {
        Some(Kind::Organisation)
    } else {
        None
    }
}

/// Keys whose values are words of this program.
fn is_word_of_ours(key: &str) -> bool {
    matches!(
        key,
        "source"
            | "report"
            | "title"
            | "currency"
            | "as_of"
            | "id"
            | "kind"
            | "group_by"
            | "then_by"
            | "compare"
            | "breakdown"
            | "unit"
            | "field"
    ) || key.ends_with("_id")
}

/// Numbers, dates, ids: what has no letters but those of hexadecimal digits and of times.
fn is_plain(text: &str) -> bool {
    text.is_empty()
        || is_date_or_id(text)
        || (text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'))
            && text.parse::<rust_decimal::Decimal>().is_ok()
            && (text.contains('.') || text.len() < 9))
}

fn is_date_or_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    let date = bytes.len() >= 10
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[10..]
            .iter()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'T' | b'Z' | b':' | b'.' | b'+'));
    date || (bytes.len() == 36 && uuid::Uuid::try_parse_ascii(bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::dictionary::Dictionary;
    use super::super::policy::Policy;
    use super::*;

    fn mask() -> Mask {
        Mask::new(Policy::default(), Arc::new(Dictionary::default()), Vec::new())
    }

    #[test]
    fn keys_tell_what_values_are() {
        let mask = mask();
        let id = "0199a0b0-0000-7000-8000-500100732259";
        let report = json!({
            "source": "[1]", "report": "sales", "title": "Продажи",
            "parameters": {"group_by": "manager", "then_by": "counterparty", "from": "2026-10-01"},
            "as_of": "2026-11-24T10:00:00Z",
            "rows": [{"key_id": id, "key": "Лопата", "then": "Заря", "revenue": "1234567890.00", "quantity": "7707083893"}],
            "totals": {"revenue": "5.00"}, "row_count": 1,
        });
        let sent = mask.outgoing_json(&report);
        assert_eq!(
            sent["rows"][0],
            json!({"key_id": id, "key": "[PER-1]", "then": "[ORG-1]", "revenue": "1234567890.00", "quantity": "[INN-1]"})
        );
        assert_eq!(sent["parameters"], report["parameters"]);
        let card = json!({"rows": [
            {"field": "Полное наименование", "value": "Общество «Заря»"},
            {"field": "КПП", "value": "770701001"},
            {"field": "Телефон", "value": "доб. 5"},
            {"field": "Договор", "value": "№ 15 с Петровой Анной Ивановной"},
        ]});
        let sent = mask.outgoing_json(&card);
        let values: Vec<&str> = (0..4)
            .map(|i| sent["rows"][i]["value"].as_str().unwrap_or_default())
            .collect();
        assert_eq!(values, ["[ORG-2]", "[KPP-1]", "[PHONE-1]", "№ 15 с [PER-2]"]);
        let file = json!({"rows": [{
            "Наименование контрагента": "Пион", "ИНН клиента": "7707083894", "ОтветственныйМенеджер": "Петя",
            "Остаток по контрагенту": "1200.50", "Дата контрагента": "2026-10-01", "Длинный текст": "склад",
        }]});
        let sent = mask.outgoing_json(&file);
        assert_eq!(
            sent["rows"][0],
            json!({
                "Наименование контрагента": "[ORG-3]", "ИНН клиента": "[INN-2]", "ОтветственныйМенеджер": "[PER-3]",
                "Остаток по контрагенту": "1200.50", "Дата контрагента": "2026-10-01", "Длинный текст": "склад",
            })
        );
        let matches =
            json!({"matches": [{"id": id, "kind": "counterparty", "name": "Заря", "code": "7707083892"}]});
        let sent = mask.outgoing_result(&matches.to_string());
        assert!(
            sent.contains("\"name\":\"[ORG-1]\"") && sent.contains("\"code\":\"[INN-3]\""),
            "{sent}"
        );
    }
}
