//! What tokens cost.

use std::collections::HashMap;
use std::sync::LazyLock;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::Tokens;

#[derive(Debug, Deserialize)]
struct File {
    model: Vec<Model>,
}

#[derive(Debug, Deserialize)]
struct Model {
    name: String,
    bands: Vec<Band>,
}

/// US dollars per million tokens.
#[derive(Debug, Deserialize)]
struct Band {
    #[serde(default)]
    from_input: u64,
    input: Decimal,
    output: Decimal,
    cache_read: Option<Decimal>,
    cache_write: Option<Decimal>,
}

/// A file that does not parse leaves all prices unknown; a test sees to it that it does.
static PRICES: LazyLock<HashMap<String, Vec<Band>>> = LazyLock::new(|| {
    toml::from_str::<File>(include_str!("models.toml"))
        .map(|file| {
            file.model
                .into_iter()
                .map(|model| (model.name, model.bands))
                .collect()
        })
        .unwrap_or_default()
});

/// US dollars; `None` when the model's price is not known.
pub(crate) fn cost(model: &str, tokens: Tokens) -> Option<Decimal> {
    let bands = PRICES.get(model)?;
    let band = bands.iter().rev().find(|band| tokens.input >= band.from_input)?;
    let plain = tokens
        .input
        .saturating_sub(tokens.cache_read + tokens.cache_write);
    let millionths = band.input * Decimal::from(plain)
        + band.cache_read.unwrap_or(band.input) * Decimal::from(tokens.cache_read)
        + band.cache_write.unwrap_or(band.input) * Decimal::from(tokens.cache_write)
        + band.output * Decimal::from(tokens.output);
    Some(millionths / Decimal::from(1_000_000))
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

    #[test]
    fn prices_follow_the_band_of_the_whole_request() {
        let cost = |model, t| cost(model, t).map(|cost| cost.normalize().to_string());
        assert_eq!(
            cost("gpt-6.1-terra", tokens(1_000_000, 0, 100_000)).as_deref(),
            Some("1.5")
        );
        assert_eq!(
            cost("gpt-6.1-terra", tokens(1_000_000, 1_000_000, 0)).as_deref(),
            Some("0.05")
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
}
