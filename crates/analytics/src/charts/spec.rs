//! What a chart shows.

use common::Text;
use common::http::Violations;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::number::Unit;

/// Kinds of charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChartKind {
    /// Values over the categories, as lines.
    Line,
    /// Bars beside each other; they lie when the names of the categories are long.
    Bar,
    /// Bars on top of each other.
    StackedBar,
    /// Parts of a whole: the first series.
    Pie,
    /// Each series is a row of cells, the darker the greater.
    HeatMap,
    /// Changes one after another: the first series; null stands for the sum so far.
    Waterfall,
    /// One value on a scale: the last of the first series.
    Gauge,
}

/// A row of values, one for each category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// JSON numbers, or strings when they have to be exact; null where there is none.
    pub(crate) values: Vec<Option<Decimal>>,
}

/// How good values from a threshold on are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    Good,
    Warning,
    Bad,
}

/// From which value on a gauge is of a level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Threshold {
    pub(crate) from: Decimal,
    pub(crate) level: Level,
}

/// A chart with its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chart {
    pub(crate) kind: ChartKind,
    pub(crate) title: String,
    /// A line below the chart, such as where the values come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    #[serde(default)]
    pub(crate) unit: Unit,
    #[serde(default)]
    pub(crate) categories: Vec<String>,
    pub(crate) series: Vec<Series>,
    /// Ends of the scale of a gauge; 0 and 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<Decimal>,
    /// Of a gauge, from low to high.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) thresholds: Vec<Threshold>,
}

/// Categories of a chart at most: a year of days and one more.
pub(crate) const MOST_CATEGORIES: usize = 400;
/// Series of a chart at most; more are not told apart.
pub(crate) const MOST_SERIES: usize = 12;
/// Rows of a heat map at most.
const MOST_ROWS: usize = 60;
/// Characters of a title, a name or a note at most.
const LONGEST: usize = 200;
/// The greatest value: kopecks of it still fit beside the value.
const GREATEST: i64 = 1_000_000_000_000_000_000;

/// The number that a cell of a report holds, if it holds one.
pub(crate) fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => {
            let text = number.to_string();
            text.parse().ok().or_else(|| Decimal::from_scientific(&text).ok())
        }
        _ => None,
    }
}

impl Chart {
    /// Refuses what cannot be drawn or could not be read. Members are named below `at`, a JSON
    /// pointer.
    ///
    /// # Errors
    /// All violations, into `violations`.
    pub(crate) fn validate(&self, at: &str, violations: &mut Violations) {
        let most_series = if self.kind == ChartKind::HeatMap {
            MOST_ROWS
        } else {
            MOST_SERIES
        };
        let range = |most: usize| {
            Text::new(
                format!("Нужно от 1 до {most}."),
                format!("1 to {most} are needed."),
            )
        };
        violations.check(
            (1..=most_series).contains(&self.series.len()),
            &format!("{at}/series"),
            range(most_series),
        );
        violations.check(
            self.kind == ChartKind::Gauge || (1..=MOST_CATEGORIES).contains(&self.categories.len()),
            &format!("{at}/categories"),
            range(MOST_CATEGORIES),
        );
        let mut texts = vec![("title".to_owned(), self.title.as_str())];
        texts.extend(self.note.as_deref().map(|note| ("note".to_owned(), note)));
        let categories = self.categories.iter().enumerate();
        texts.extend(categories.map(|(index, name)| (format!("categories/{index}"), name.as_str())));
        let series = self.series.iter().enumerate();
        texts.extend(series.map(|(index, series)| (format!("series/{index}/name"), series.name.as_str())));
        for (pointer, text) in texts {
            violations.check(
                text.chars().count() <= LONGEST,
                &format!("{at}/{pointer}"),
                Text::new(
                    format!("Не длиннее {LONGEST} символов."),
                    format!("{LONGEST} characters at most."),
                ),
            );
        }
        violations.check(
            self.unit.0.chars().count() <= Unit::LONGEST,
            &format!("{at}/unit"),
            Text::new(
                format!("Не длиннее {} символов.", Unit::LONGEST),
                format!("{} characters at most.", Unit::LONGEST),
            ),
        );
        for (index, series) in self.series.iter().enumerate() {
            self.validate_values(&format!("{at}/series/{index}/values"), series, violations);
        }
        if self.kind == ChartKind::Gauge {
            violations.check(
                self.scale().0 < self.scale().1,
                &format!("{at}/max"),
                Text::new("Должно быть больше min.", "It must be greater than min."),
            );
        }
    }

    fn validate_values(&self, pointer: &str, series: &Series, violations: &mut Violations) {
        let expected = if self.kind == ChartKind::Gauge {
            series.values.len().max(1)
        } else {
            self.categories.len()
        };
        violations.check(
            series.values.len() == expected,
            pointer,
            Text::new(
                format!("Значений должно быть {expected}: по одному на категорию."),
                format!("{expected} values are needed: one for each category."),
            ),
        );
        violations.check(
            series.values.len() <= MOST_CATEGORIES
                && series
                    .values
                    .iter()
                    .flatten()
                    .all(|value| value.abs() <= Decimal::from(GREATEST)),
            pointer,
            Text::new("Слишком большое значение.", "A value is too large."),
        );
        violations.check(
            self.kind != ChartKind::Pie
                || series
                    .values
                    .iter()
                    .flatten()
                    .all(|value| !value.is_sign_negative()),
            pointer,
            Text::new(
                "Части целого не бывают отрицательными.",
                "Parts of a whole are not negative.",
            ),
        );
    }

    /// The ends of a gauge.
    pub(super) fn scale(&self) -> (Decimal, Decimal) {
        (
            self.min.unwrap_or(Decimal::ZERO),
            self.max.unwrap_or(Decimal::ONE_HUNDRED),
        )
    }

    /// True when there is no value at all.
    pub(super) fn is_empty(&self) -> bool {
        self.series
            .iter()
            .all(|series| series.values.iter().all(Option::is_none))
    }

    /// The values as a table: a row for each category, a column for each series.
    pub(crate) fn table(&self) -> Value {
        let columns: Vec<Value> = std::iter::once(json!({"key": "category", "kind": "text"}))
            .chain(self.series.iter().enumerate().map(|(index, series)| {
                json!({"key": format!("s{index}"), "title": series.name, "kind": "number", "unit": self.unit.0})
            }))
            .collect();
        let length = self
            .series
            .iter()
            .map(|series| series.values.len())
            .max()
            .unwrap_or(0);
        let rows: Vec<Value> = (0..length)
            .map(|row| {
                let mut cells = Map::new();
                cells.insert("category".to_owned(), json!(self.categories.get(row)));
                for (index, series) in self.series.iter().enumerate() {
                    let value = series.values.get(row).copied().flatten();
                    cells.insert(
                        format!("s{index}"),
                        value.map_or(Value::Null, |value| value.to_string().into()),
                    );
                }
                cells.into()
            })
            .collect();
        json!({"columns": columns, "rows": rows})
    }
}
