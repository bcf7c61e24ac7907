//! Templates: what a document says, what has to be filled in, and what of 1C it shows.

use std::sync::LazyLock;

use common::contract::onec::{ReportId, ReportQuery, SubjectKind};
use common::http::Violations;
use common::{Locale, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::render;

/// Characters of a body.
const MAX_BODY: usize = 32 * 1024;
/// Characters of a title.
const MAX_TITLE: usize = 200;
/// Characters of a description.
const MAX_DESCRIPTION: usize = 2000;
/// Variables of a template.
const MAX_VARIABLES: usize = 40;
/// Reports of a template.
const MAX_DATA: usize = 5;

/// Names that bodies have anyway.
pub(super) const GIVEN: [&str; 4] = ["today", "tone", "length", "language"];

/// The same in Russian and in English; one of them may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    #[serde(skip_serializing_if = "Option::is_none")]
    ru: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    en: Option<String>,
}

impl Words {
    /// In that language, or in the one there is.
    pub(crate) fn get(&self, locale: Locale) -> &str {
        let (first, second) = match locale {
            Locale::Ru => (&self.ru, &self.en),
            Locale::En => (&self.en, &self.ru),
        };
        first.as_deref().or(second.as_deref()).unwrap_or_default()
    }

    /// True when it is there in that language.
    pub(crate) fn has(&self, locale: Locale) -> bool {
        match locale {
            Locale::Ru => self.ru.is_some(),
            Locale::En => self.en.is_some(),
        }
    }

    fn each(&self) -> impl Iterator<Item = (&'static str, &String)> {
        [("ru", &self.ru), ("en", &self.en)]
            .into_iter()
            .filter_map(|(language, words)| Some((language, words.as_ref()?)))
    }
}

/// What a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Words.
    Text,
    /// A day, `2026-10-31`.
    Date,
    /// A decimal number.
    Number,
    /// One of `values`.
    Choice,
    /// Several lines of words.
    List,
    /// A counterparty of 1C, by its name.
    Counterparty,
    /// An item of 1C, by its name.
    Item,
}

impl Kind {
    /// What 1C is searched for.
    pub(super) const fn subject(self) -> Option<SubjectKind> {
        match self {
            Self::Counterparty => Some(SubjectKind::Counterparty),
            Self::Item => Some(SubjectKind::Item),
            Self::Text | Self::Date | Self::Number | Self::Choice | Self::List => None,
        }
    }
}

/// Something to fill in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    /// Its name in the body and among the parameters of a request.
    pub(crate) name: String,
    pub(crate) title: Words,
    pub(crate) kind: Kind,
    /// A request without it is refused. A required counterparty or item has to be known in 1C; one
    /// that is not required may also be words.
    #[serde(default)]
    pub(crate) required: bool,
    /// When it is not given: `[title]` is left in the text, to be filled in by hand.
    #[serde(default)]
    pub(crate) blank: bool,
    /// What it is when it is not given. Of a date also `today` and `year_start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<String>,
    /// What a choice is made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) values: Vec<String>,
}

/// A report that the text shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    /// Its name in the body.
    pub(crate) name: String,
    pub(crate) report: ReportId,
    /// Parameters of the report; `$name` stands for the variable. Without a value for one of them
    /// the report is left out.
    #[serde(default)]
    pub(crate) parameters: Map<String, Value>,
}

/// A template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Definition {
    pub(crate) title: Words,
    #[serde(default)]
    pub(crate) description: Words,
    #[serde(default)]
    pub(crate) variables: Vec<Variable>,
    #[serde(default)]
    pub(crate) data: Vec<Data>,
    /// Markdown with places to fill in (MiniJinja).
    pub(crate) body: Words,
}

impl Definition {
    /// The language of the text: the wanted one, or the one there is.
    pub(crate) fn language(&self, wanted: Locale) -> Locale {
        let other = match wanted {
            Locale::Ru => Locale::En,
            Locale::En => Locale::Ru,
        };
        if self.body.has(wanted) || !self.body.has(other) {
            wanted
        } else {
            other
        }
    }

    /// Finds out what is wrong with the template itself.
    pub(crate) fn check(&self, violations: &mut Violations) {
        let some = |words: &Words| words.each().any(|(_, words)| !words.trim().is_empty());
        violations.check(
            some(&self.title),
            "/title",
            Text::new("Дайте шаблону название.", "Give the template a title."),
        );
        violations.check(
            some(&self.body),
            "/body",
            Text::new("Шаблон пуст.", "The template is empty."),
        );
        for (words, name, most) in [
            (&self.title, "title", MAX_TITLE),
            (&self.description, "description", MAX_DESCRIPTION),
            (&self.body, "body", MAX_BODY),
        ] {
            for (language, text) in words.each() {
                violations.check(
                    text.chars().count() <= most,
                    &format!("/{name}/{language}"),
                    Text::new(
                        format!("Не больше {most} символов."),
                        format!("{most} characters at most."),
                    ),
                );
            }
        }
        for (language, body) in self.body.each() {
            if let Err(mistake) = render::check(body) {
                violations.add(
                    &format!("/body/{language}"),
                    Text::new(
                        format!("Строка {}: {}", mistake.line, mistake.what),
                        format!("Line {}: {}", mistake.line, mistake.what),
                    ),
                );
            }
        }
        self.check_variables(violations);
        self.check_data(violations);
    }

    fn check_variables(&self, violations: &mut Violations) {
        violations.check(
            self.variables.len() <= MAX_VARIABLES,
            "/variables",
            Text::new(
                format!("Не больше {MAX_VARIABLES} переменных."),
                format!("{MAX_VARIABLES} variables at most."),
            ),
        );
        for (index, variable) in self.variables.iter().enumerate() {
            let at = |field: &str| format!("/variables/{index}/{field}");
            let twins = self
                .variables
                .iter()
                .filter(|other| other.name == variable.name)
                .count();
            check_name(violations, &at("name"), &variable.name, twins == 1);
            violations.check(
                variable.title.each().any(|(_, title)| !title.trim().is_empty()),
                &at("title"),
                Text::new("Дайте переменной название.", "Give the variable a title."),
            );
            violations.check(
                (variable.kind == Kind::Choice) != variable.values.is_empty(),
                &at("values"),
                Text::new(
                    "Значения нужны выбору (choice), и только ему.",
                    "A choice needs values, and nothing else has them.",
                ),
            );
            if let Some(default) = &variable.default {
                let value = Value::String(default.clone());
                violations.check(
                    variable.accepts(&value) || (variable.kind == Kind::Date && is_moving(default)),
                    &at("default"),
                    Text::new("Такого значения быть не может.", "There can be no such value."),
                );
            }
        }
    }

    fn check_data(&self, violations: &mut Violations) {
        violations.check(
            self.data.len() <= MAX_DATA,
            "/data",
            Text::new(
                format!("Не больше {MAX_DATA} отчётов."),
                format!("{MAX_DATA} reports at most."),
            ),
        );
        for (index, data) in self.data.iter().enumerate() {
            let twins = self.data.iter().filter(|other| other.name == data.name).count()
                + self
                    .variables
                    .iter()
                    .filter(|variable| variable.name == data.name)
                    .count();
            check_name(violations, &format!("/data/{index}/name"), &data.name, twins == 1);
            let pointer = format!("/data/{index}/parameters");
            for name in ["company", "infobase"] {
                violations.check(
                    !data.parameters.contains_key(name),
                    &format!("{pointer}/{name}"),
                    Text::new("Это называет запрос.", "The request names this."),
                );
            }
            // With a value of its kind for each variable, the parameters have to be a query.
            let mut sample = Map::new();
            for (name, value) in &data.parameters {
                let value = match reference(value) {
                    None => value.clone(),
                    Some(variable) => match self.variables.iter().find(|known| known.name == variable) {
                        Some(known) => known.kind.sample(),
                        None => {
                            violations.add(
                                &format!("{pointer}/{name}"),
                                Text::new("Такой переменной нет.", "There is no such variable."),
                            );
                            continue;
                        }
                    },
                };
                sample.insert(name.clone(), value);
            }
            if let Err(error) = serde_json::from_value::<ReportQuery>(Value::Object(sample)) {
                violations.add(&pointer, Text::same(error.to_string()));
            }
        }
    }

    /// Finds out what is wrong with the parameters of a request.
    pub(crate) fn check_parameters(&self, parameters: &Map<String, Value>, violations: &mut Violations) {
        for name in parameters.keys() {
            violations.check(
                self.variables.iter().any(|variable| &variable.name == name),
                &format!("/parameters/{name}"),
                Text::new(
                    format!("В шаблоне нет такого. Есть: {}.", self.names()),
                    format!("The template has no such variable. It has: {}.", self.names()),
                ),
            );
        }
        for variable in &self.variables {
            let pointer = format!("/parameters/{}", variable.name);
            match parameters.get(&variable.name).filter(|value| !is_empty(value)) {
                Some(value) => violations.check(variable.accepts(value), &pointer, variable.expected()),
                None => violations.check(
                    !variable.required,
                    &pointer,
                    Text::new(
                        format!("Укажите: {}.", variable.title.get(Locale::Ru).to_lowercase()),
                        format!("Give this: {}.", variable.title.get(Locale::En).to_lowercase()),
                    ),
                ),
            }
        }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self
            .variables
            .iter()
            .map(|variable| variable.name.as_str())
            .collect();
        names.join(", ")
    }
}

impl Kind {
    /// Any value of the kind, as a report takes it.
    fn sample(self) -> Value {
        match self {
            Self::Text | Self::Choice | Self::List => Value::String(String::new()),
            Self::Date => Value::String("2026-01-31".to_owned()),
            Self::Number => Value::from(1),
            Self::Counterparty | Self::Item => Value::String(uuid::Uuid::nil().to_string()),
        }
    }
}

impl Variable {
    /// True when the value is one of its kind.
    fn accepts(&self, value: &Value) -> bool {
        match self.kind {
            Kind::Text | Kind::Counterparty | Kind::Item => value.is_string(),
            Kind::Date => value
                .as_str()
                .is_some_and(|text| text.parse::<chrono::NaiveDate>().is_ok()),
            Kind::Number => number(value).is_some(),
            Kind::Choice => value
                .as_str()
                .is_some_and(|text| self.values.iter().any(|known| known == text)),
            Kind::List => value
                .as_array()
                .is_some_and(|lines| lines.len() <= 100 && lines.iter().all(Value::is_string)),
        }
    }

    /// What the value should have been.
    fn expected(&self) -> Text {
        match self.kind {
            Kind::Text | Kind::Counterparty | Kind::Item => Text::new("Нужна строка.", "A string is needed."),
            Kind::Date => Text::new("Дата в виде ГГГГ-ММ-ДД.", "A date such as 2026-10-31."),
            Kind::Number => Text::new("Нужно число.", "A number is needed."),
            Kind::Choice => {
                let values = self.values.join(", ");
                Text::new(format!("Одно из: {values}."), format!("One of: {values}."))
            }
            Kind::List => Text::new(
                "Нужен список строк, не больше 100.",
                "A list of strings is needed, 100 at most.",
            ),
        }
    }
}

/// A decimal number, as JSON or as text.
pub(super) fn number(value: &Value) -> Option<rust_decimal::Decimal> {
    match value {
        Value::Number(number) => number.to_string().parse().ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// True when nothing is given.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(lines) => lines.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// The variable that a parameter of a report stands for.
pub(super) fn reference(value: &Value) -> Option<&str> {
    value.as_str()?.strip_prefix('$')
}

/// Days that move with the calendar.
fn is_moving(default: &str) -> bool {
    matches!(default, "today" | "year_start")
}

fn check_name(violations: &mut Violations, pointer: &str, name: &str, single: bool) {
    let first = name.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    let rest = name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    violations.check(
        first && rest && name.len() <= 40 && !GIVEN.contains(&name),
        pointer,
        Text::new(
            "До 40 строчных латинских букв, цифр и подчёркиваний; не today, tone, length, language.",
            "Up to 40 lower-case Latin letters, digits and underscores; not today, tone, length, language.",
        ),
    );
    violations.check(
        single,
        pointer,
        Text::new("Имя уже занято.", "The name is taken."),
    );
}

/// A template that comes with the product.
#[derive(Debug)]
pub(crate) struct BuiltIn {
    pub(crate) name: &'static str,
    pub(crate) definition: Definition,
}

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../templates/", $name, ".toml")))),*]
    };
}

const FILES: [(&str, &str); 8] = built_in![
    "reminder",
    "claim_reply",
    "reconciliation_cover",
    "offer",
    "goods_description",
    "contract_clause",
    "meeting_notes",
    "job_advert",
];

/// A file that does not parse is left out; a test sees to it that all do.
static BUILT_IN: LazyLock<Vec<BuiltIn>> = LazyLock::new(|| {
    let parsed = FILES.iter().filter_map(|(name, file)| {
        let definition = toml::from_str(file).ok()?;
        Some(BuiltIn { name, definition })
    });
    parsed.collect()
});

/// The templates that come with the product.
pub(crate) fn built_in() -> &'static [BuiltIn] {
    &BUILT_IN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(definition: &Definition) -> Vec<String> {
        let mut violations = Violations::new();
        definition.check(&mut violations);
        let Err(problem) = violations.finish() else {
            return Vec::new();
        };
        let problem = problem.to_json(Locale::En, None);
        let errors = problem["errors"].as_array().unwrap();
        errors
            .iter()
            .map(|error| error["pointer"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn templates_of_the_product_are_without_fault() {
        assert_eq!(built_in().len(), FILES.len());
        for template in built_in() {
            assert_eq!(
                mistakes(&template.definition),
                Vec::<String>::new(),
                "{}",
                template.name
            );
            for locale in [Locale::Ru, Locale::En] {
                assert!(template.definition.body.has(locale), "{}", template.name);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let definition = serde_json::json!({
            "title": {"ru": " "},
            "body": {"ru": "Раз\n{% if %}", "en": "Fine {{ name }}"},
            "variables": [
                {"name": "Today", "title": {"ru": "Сегодня"}, "kind": "text"},
                {"name": "kind", "title": {}, "kind": "choice", "default": "x"},
            ],
            "data": [
                {"name": "kind", "report": "receivables", "parameters": {"counterparty": "$nobody", "company": "x"}},
                {"name": "debt", "report": "receivables", "parameters": {"colour": "red"}},
            ],
        });
        let definition: Definition = serde_json::from_value(definition).unwrap();
        assert_eq!(
            mistakes(&definition),
            [
                "/title",
                "/body/ru",
                "/variables/0/name",
                "/variables/1/title",
                "/variables/1/values",
                "/variables/1/default",
                "/data/0/name",
                "/data/0/parameters/company",
                "/data/0/parameters/counterparty",
                "/data/0/parameters",
                "/data/1/parameters",
            ]
        );
    }
}
