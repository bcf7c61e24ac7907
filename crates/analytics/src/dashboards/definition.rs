//! A dashboard as it is written down, exported and imported.

use std::collections::{BTreeMap, BTreeSet};

use common::Text;
use common::http::{Problem, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::catalogue::QueryId;
use super::frame::Fields;
use crate::charts::{ChartKind, Threshold};

/// Panels of a dashboard at most: each is a query.
const MOST_PANELS: usize = 24;
/// Variables of a dashboard at most.
const MOST_VARIABLES: usize = 10;
/// Characters of a title or a description at most.
const LONGEST: usize = 200;
/// Columns of the grid.
pub(super) const COLUMNS: u32 = 12;
/// Names that stand for what is looked at rather than for a variable.
pub(super) const BUILT_IN: [&str; 5] = ["from", "to", "step", "company", "infobase"];

/// A dashboard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Definition {
    pub(crate) title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) time: TimeDefinition,
    /// How often a page that shows it asks again, in seconds.
    #[serde(default = "minute")]
    pub(crate) refresh_seconds: u32,
    /// What the viewer may choose, beside the time, the company and the infobase.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) variables: Vec<Variable>,
    pub(crate) panels: Vec<PanelDefinition>,
}

const fn minute() -> u32 {
    60
}

/// The range that is shown unless the viewer asks for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimeDefinition {
    pub(crate) from: String,
    pub(crate) to: String,
}

impl Default for TimeDefinition {
    fn default() -> Self {
        Self {
            from: "now/M".to_owned(),
            to: "now".to_owned(),
        }
    }
}

/// Something that the viewer chooses; `$name` in the parameters of a query stands for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) title: String,
    /// What it is unless chosen; without it parameters that name the variable are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<String>,
    /// The values to choose from; any when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) values: Vec<String>,
}

/// How a panel is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PanelKind {
    /// Figures in large letters, with how they have changed.
    Stat,
    Line,
    Bar,
    StackedBar,
    Pie,
    HeatMap,
    Waterfall,
    Gauge,
    Table,
}

impl PanelKind {
    /// The chart that it is, if it is one.
    pub(super) const fn chart(self) -> Option<ChartKind> {
        Some(match self {
            Self::Stat | Self::Table => return None,
            Self::Line => ChartKind::Line,
            Self::Bar => ChartKind::Bar,
            Self::StackedBar => ChartKind::StackedBar,
            Self::Pie => ChartKind::Pie,
            Self::HeatMap => ChartKind::HeatMap,
            Self::Waterfall => ChartKind::Waterfall,
            Self::Gauge => ChartKind::Gauge,
        })
    }
}

/// A query of the catalogue with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryCall {
    pub(crate) id: QueryId,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) params: Map<String, Value>,
}

/// The scale of a gauge.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GaugeDefinition {
    pub(crate) min: Option<rust_decimal::Decimal>,
    pub(crate) max: Option<rust_decimal::Decimal>,
    pub(crate) thresholds: Vec<Threshold>,
}

/// Where a panel is, in a grid of twelve columns; a row is about 40 pixels high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grid {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) w: u32,
    pub(crate) h: u32,
}

/// A panel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PanelDefinition {
    /// Unique within the dashboard: `a-z`, digits, `_`, `-`.
    pub(crate) id: String,
    pub(crate) kind: PanelKind,
    pub(crate) title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    pub(crate) query: QueryCall,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) fields: Fields,
    /// Figures are compared with the period before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) compare: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gauge: Option<GaugeDefinition>,
    pub(crate) grid: Grid,
}

fn is_default(fields: &Fields) -> bool {
    *fields == Fields::default()
}

/// True for names of panels and variables.
fn is_name(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-')
}

impl Definition {
    /// Refuses what could not be shown. Members are named below `at`, a JSON pointer.
    ///
    /// # Errors
    /// 422 with everything that is wrong.
    pub(crate) fn validate(&self, at: &str) -> Result<(), Problem> {
        let mut violations = Violations::new();
        let long = || {
            Text::new(
                format!("От 1 до {LONGEST} символов."),
                format!("1 to {LONGEST} characters."),
            )
        };
        let fits = |text: &str| (1..=LONGEST).contains(&text.trim().chars().count());
        violations.check(fits(&self.title), &format!("{at}/title"), long());
        violations.check(
            self.description.chars().count() <= 2000,
            &format!("{at}/description"),
            long(),
        );
        violations.check(
            (10..=86_400).contains(&self.refresh_seconds),
            &format!("{at}/refresh_seconds"),
            Text::new("От 10 до 86400.", "10 to 86400."),
        );
        let now = chrono::DateTime::UNIX_EPOCH + chrono::Duration::days(20_000);
        let range = super::Range::parse(&self.time.from, &self.time.to, now, chrono_tz::Tz::UTC);
        // A range of fixed days may lie anywhere to now.
        let written = !matches!(range, Err(super::time::TimeError::Syntax));
        violations.check(written, &format!("{at}/time"), super::board::range_forms());
        violations.check(
            (1..=MOST_PANELS).contains(&self.panels.len()),
            &format!("{at}/panels"),
            Text::new(
                format!("Нужно от 1 до {MOST_PANELS} панелей."),
                format!("1 to {MOST_PANELS} panels are needed."),
            ),
        );
        self.validate_variables(at, &mut violations);
        let mut ids = BTreeSet::new();
        for (index, panel) in self.panels.iter().enumerate() {
            let at = format!("{at}/panels/{index}");
            violations.check(
                is_name(&panel.id) && ids.insert(panel.id.as_str()),
                &format!("{at}/id"),
                Text::new(
                    "Латинские строчные буквы, цифры, «_» и «-», до 40; у каждой панели свой.",
                    "Lower-case letters, digits, `_` and `-`, 40 at most; each panel has its own.",
                ),
            );
            violations.check(fits(&panel.title), &format!("{at}/title"), long());
            let grid = panel.grid;
            violations.check(
                grid.w >= 1
                    && grid.x.saturating_add(grid.w) <= COLUMNS
                    && (2..=20).contains(&grid.h)
                    && grid.y <= 1000,
                &format!("{at}/grid"),
                Text::new(
                    "Сетка из 12 столбцов: x + w не больше 12, h от 2 до 20.",
                    "A grid of 12 columns: x + w is 12 at most, h is 2 to 20.",
                ),
            );
            violations.check(
                panel.kind != PanelKind::Waterfall
                    || !panel.fields.steps.is_empty()
                    || panel.fields.x.is_some(),
                &format!("{at}/fields/steps"),
                Text::new(
                    "Для каскада нужны шаги (steps) или x.",
                    "A waterfall needs steps or x.",
                ),
            );
            violations.check(
                panel.fields.y.len() + panel.fields.totals.len() + panel.fields.steps.len() <= 24,
                &format!("{at}/fields"),
                Text::new("Слишком много полей.", "Too many fields."),
            );
            panel
                .query
                .validate(&format!("{at}/query/params"), &self.names(), &mut violations);
        }
        violations.finish()
    }

    fn validate_variables(&self, at: &str, violations: &mut Violations) {
        violations.check(
            self.variables.len() <= MOST_VARIABLES,
            &format!("{at}/variables"),
            Text::new(
                format!("Не больше {MOST_VARIABLES}."),
                format!("{MOST_VARIABLES} at most."),
            ),
        );
        let mut names = BTreeSet::new();
        for (index, variable) in self.variables.iter().enumerate() {
            violations.check(
                is_name(&variable.name)
                    && !BUILT_IN.contains(&variable.name.as_str())
                    && names.insert(variable.name.as_str()),
                &format!("{at}/variables/{index}/name"),
                Text::new(
                    "Латинские строчные буквы, цифры, «_» и «-»; не from, to, step, company, infobase.",
                    "Lower-case letters, digits, `_` and `-`; not from, to, step, company, infobase.",
                ),
            );
            let known = variable
                .default
                .as_ref()
                .is_none_or(|default| variable.values.is_empty() || variable.values.contains(default));
            violations.check(
                known && variable.values.len() <= 100,
                &format!("{at}/variables/{index}/default"),
                Text::new("Его нет среди values.", "It is not among the values."),
            );
        }
    }

    /// All names that `$name` may be.
    fn names(&self) -> BTreeSet<&str> {
        BUILT_IN
            .into_iter()
            .chain(self.variables.iter().map(|variable| variable.name.as_str()))
            .collect()
    }

    /// The values of the variables: what the viewer chose, else the defaults.
    ///
    /// # Errors
    /// 422 when one is chosen that there is not, or a value that is not among those to choose from.
    pub(super) fn chosen(
        &self,
        given: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Problem> {
        let mut violations = Violations::new();
        let mut chosen = BTreeMap::new();
        for variable in &self.variables {
            let value = given.get(&variable.name).or(variable.default.as_ref());
            if let Some(value) = value {
                violations.check(
                    value.len() <= LONGEST && (variable.values.is_empty() || variable.values.contains(value)),
                    &format!("?var.{}", variable.name),
                    Text::new("Такого значения нет.", "There is no such value."),
                );
                chosen.insert(variable.name.clone(), value.clone());
            }
        }
        for name in given.keys() {
            violations.check(
                self.variables.iter().any(|variable| variable.name == *name),
                &format!("?var.{name}"),
                Text::new("Такой переменной нет.", "There is no such variable."),
            );
        }
        violations.finish()?;
        Ok(chosen)
    }
}
