//! What is known of models: windows, capabilities, life cycle, prices. It comes from
//! `models.toml`, which an operator can amend with a file of the same form.

use std::collections::HashMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tokens;

/// What a model can do, as `models.toml` may say it.
const CAPABILITIES: [&str; 6] = ["tools", "reasoning", "images", "documents", "schema", "cache"];

/// All models that something is known of.
#[derive(Debug, Clone)]
pub struct Catalog {
    models: HashMap<String, Model>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    model: Vec<Model>,
}

/// One model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    name: String,
    /// Tokens that fit into a request and its answer.
    pub(crate) context: Option<u64>,
    /// Tokens of an answer at most.
    pub(crate) max_output: Option<u64>,
    /// What it can do besides writing.
    #[serde(default)]
    pub(crate) capabilities: Vec<String>,
    #[serde(default)]
    pub(crate) lifecycle: Lifecycle,
    /// When its provider switches it off.
    pub(crate) shutdown: Option<NaiveDate>,
    /// The newest last.
    #[serde(default)]
    prices: Vec<Price>,
}

/// Where a model stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Lifecycle {
    /// It may change or vanish at any time.
    Preview,
    #[default]
    Active,
    /// Its provider has announced its end.
    Deprecated,
    /// It is switched off.
    Retired,
}

/// Prices from a day on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Price {
    /// The first day; without one the price holds from ever.
    pub(crate) from: Option<NaiveDate>,
    /// The lowest band first.
    pub(crate) bands: Vec<Band>,
}

/// US dollars per million tokens.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Band {
    /// From so many input tokens on, the whole request costs these prices.
    #[serde(default)]
    pub(crate) from_input: u64,
    pub(crate) input: Decimal,
    pub(crate) output: Decimal,
    pub(crate) cache_read: Option<Decimal>,
    /// For five minutes at Anthropic, which is what this service asks for.
    pub(crate) cache_write: Option<Decimal>,
    /// For an hour, at Anthropic.
    pub(crate) cache_write_1h: Option<Decimal>,
}

/// Why a file of models was not taken.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// It is no TOML, or not of the form.
    #[error("is not of the form of models.toml: {0}")]
    Form(#[from] toml::de::Error),
    /// It contradicts itself.
    #[error("model `{model}`: {message}")]
    Model {
        /// Its name.
        model: String,
        /// What is wrong.
        message: &'static str,
    },
}

impl Catalog {
    /// What this release knows.
    ///
    /// # Errors
    /// Never: a test sees to it that the file is well.
    pub fn built_in() -> Result<Self, CatalogError> {
        let mut catalog = Self {
            models: HashMap::new(),
        };
        catalog.amend(include_str!("models.toml"))?;
        Ok(catalog)
    }

    /// Adds models from a text of the same form; a model that is there already is replaced whole.
    ///
    /// # Errors
    /// When the text is not of the form; nothing is changed then.
    pub fn amend(&mut self, text: &str) -> Result<(), CatalogError> {
        let file: File = toml::from_str(text)?;
        for model in &file.model {
            model.check().map_err(|message| CatalogError::Model {
                model: model.name.clone(),
                message,
            })?;
        }
        self.models
            .extend(file.model.into_iter().map(|model| (model.name.clone(), model)));
        Ok(())
    }

    /// The model of that name, also when the name carries the date of a snapshot.
    pub(crate) fn model(&self, name: &str) -> Option<&Model> {
        self.models
            .get(name)
            .or_else(|| self.models.get(without_snapshot(name)))
    }
}

/// `gpt-6-sol-2026-08-07`, `claude-haiku-5-5-20261001` and `…-latest` are snapshots of the model
/// before the date.
fn without_snapshot(name: &str) -> &str {
    let name = name.strip_suffix("-latest").unwrap_or(name);
    let dated = |length: usize, form: &str| {
        let (model, date) = name.split_at_checked(name.len().checked_sub(length)?)?;
        NaiveDate::parse_from_str(date, form).ok()?;
        model.strip_suffix('-')
    };
    dated(10, "%Y-%m-%d")
        .or_else(|| dated(8, "%Y%m%d"))
        .unwrap_or(name)
}

impl Model {
    fn check(&self) -> Result<(), &'static str> {
        let rising = |one: bool, message| if one { Ok(()) } else { Err(message) };
        rising(!self.name.trim().is_empty(), "has no name")?;
        rising(
            self.capabilities
                .iter()
                .all(|capability| CAPABILITIES.contains(&capability.as_str())),
            "has a capability other than tools, reasoning, images, documents, schema, cache",
        )?;
        rising(
            self.prices.is_sorted_by(|one, two| one.from < two.from),
            "has prices that are not in the order of their days",
        )?;
        for price in &self.prices {
            rising(
                price.bands.first().is_some_and(|band| band.from_input == 0),
                "has a price without a band from 0 tokens",
            )?;
            rising(
                price
                    .bands
                    .is_sorted_by(|one, two| one.from_input < two.from_input),
                "has bands that are not in their order",
            )?;
            rising(
                price
                    .bands
                    .iter()
                    .all(|band| !band.input.is_sign_negative() && !band.output.is_sign_negative()),
                "has a negative price",
            )?;
        }
        Ok(())
    }

    /// True when it has that capability.
    pub(crate) fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|one| one == capability)
    }

    /// The price of that day.
    pub(crate) fn price(&self, day: NaiveDate) -> Option<&Price> {
        self.prices
            .iter()
            .rev()
            .find(|price| price.from.is_none_or(|from| from <= day))
    }
}

impl Lifecycle {
    /// The same on that day, of a model whose end is announced.
    pub(crate) fn before(self, shutdown: Option<NaiveDate>, day: NaiveDate) -> Self {
        match shutdown {
            Some(shutdown) if shutdown <= day => Self::Retired,
            Some(_) if self == Self::Active => Self::Deprecated,
            Some(_) | None => self,
        }
    }

    /// The name in answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Active => "active",
            Self::Deprecated => "deprecated",
            Self::Retired => "retired",
        }
    }
}

impl Price {
    /// US dollars.
    pub(crate) fn cost(&self, tokens: Tokens) -> Decimal {
        // There is a band from 0 tokens on, by `Model::check`.
        let Some(band) = self
            .bands
            .iter()
            .rev()
            .find(|band| tokens.input >= band.from_input)
        else {
            return Decimal::ZERO;
        };
        let plain = tokens
            .input
            .saturating_sub(tokens.cache_read + tokens.cache_write);
        let millionths = band.input * Decimal::from(plain)
            + band.cache_read.unwrap_or(band.input) * Decimal::from(tokens.cache_read)
            + band.cache_write.unwrap_or(band.input) * Decimal::from(tokens.cache_write)
            + band.output * Decimal::from(tokens.output);
        millionths / Decimal::from(1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(input: u64, cache_read: u64, output: u64) -> Tokens {
        Tokens {
            input,
            cache_read,
            cache_write: 0,
            output,
        }
    }

    fn cost_on(day: &str, model: &str, tokens: Tokens) -> Option<String> {
        let catalog = Catalog::built_in().unwrap();
        let price = catalog.model(model)?.price(day.parse().unwrap())?;
        Some(price.cost(tokens).normalize().to_string())
    }

    #[test]
    fn prices_follow_the_band_of_the_whole_request() {
        let cost = |model, t| cost_on("2026-11-24", model, t);
        assert_eq!(
            cost("gpt-6.1-terra", tokens(272_000, 0, 100_000)).as_deref(),
            Some("0.772")
        );
        assert_eq!(
            cost("gpt-6.1-terra", tokens(100_000, 100_000, 0)).as_deref(),
            Some("0.005")
        );
        assert_eq!(
            cost("claude-haiku-5-5", tokens(100_000, 0, 0)).as_deref(),
            Some("0.01")
        );
        assert_eq!(
            cost("claude-haiku-5-5", tokens(200_000, 0, 0)).as_deref(),
            Some("0.1")
        );
        assert_eq!(cost("llama-of-our-own", tokens(1, 0, 1)), None);
    }

    #[test]
    fn prices_are_those_of_the_day() {
        let read = |day| cost_on(day, "claude-sonnet-5-5", tokens(1_000_000, 1_000_000, 0));
        assert_eq!(read("2026-10-06").as_deref(), Some("0.2"));
        assert_eq!(read("2026-10-07").as_deref(), Some("0.1"));
    }

    #[test]
    fn snapshots_are_the_model() {
        let catalog = Catalog::built_in().unwrap();
        for name in [
            "gpt-6-sol-2026-08-07",
            "claude-haiku-5-5-20261001",
            "claude-opus-5-5-latest",
        ] {
            assert!(catalog.model(name).is_some(), "{name}");
        }
        for name in ["gpt-6-sol-mini", "gpt-6-sol-2026-99-99", "я", ""] {
            assert!(catalog.model(name).is_none(), "{name}");
        }
    }

    #[test]
    fn life_ends_on_its_day() {
        let catalog = Catalog::built_in().unwrap();
        let on = |model, day: &str| {
            let model = catalog.model(model).unwrap();
            model.lifecycle.before(model.shutdown, day.parse().unwrap())
        };
        assert_eq!(on("gpt-4.1", "2026-11-24"), Lifecycle::Deprecated);
        assert_eq!(on("gpt-4.1", "2027-01-14"), Lifecycle::Retired);
        assert_eq!(on("gpt-6-sol", "2026-11-24"), Lifecycle::Active);
    }

    #[test]
    fn an_operator_has_the_last_word() {
        let mut catalog = Catalog::built_in().unwrap();
        catalog
            .amend(
                "[[model]]\nname = \"gpt-6-sol\"\ncontext = 1000\n[[model.prices]]\nbands = [{ input = \"1\", output = \"2\" }]\n\
                 [[model]]\nname = \"ours\"\n",
            )
            .unwrap();
        assert_eq!(catalog.model("gpt-6-sol").unwrap().context, Some(1000));
        assert!(catalog.model("ours").is_some() && catalog.model("gpt-6-luna").is_some());
        let wrong = |text: &str| catalog.clone().amend(text).unwrap_err().to_string();
        assert!(wrong("[[model]]\nname = \"x\"\nprice = 1").contains("price"));
        assert!(wrong("[[model]]\nname = \"x\"\ncapabilities = [\"magic\"]").contains("capability"));
        assert!(
            wrong("[[model]]\nname = \"x\"\n[[model.prices]]\nbands = [{ from_input = 5, input = \"1\", output = \"2\" }]")
                .contains("band from 0")
        );
    }
}
