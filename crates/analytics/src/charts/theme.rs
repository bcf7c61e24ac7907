//! Colours. Neighbouring series differ in lightness as well as in hue, so that they can be told
//! apart without colour vision and on paper.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Theme {
    #[default]
    Light,
    Dark,
}

/// Colours of a theme.
#[derive(Debug)]
pub(super) struct Colours {
    /// Around panels.
    pub(super) page: &'static str,
    pub(super) background: &'static str,
    pub(super) text: &'static str,
    pub(super) muted: &'static str,
    pub(super) grid: &'static str,
    pub(super) good: &'static str,
    pub(super) warning: &'static str,
    pub(super) bad: &'static str,
    /// Of sums in a waterfall.
    pub(super) total: &'static str,
    /// Ends of the scale of a heat map, as red, green and blue.
    pub(super) cold: (u8, u8, u8),
    pub(super) hot: (u8, u8, u8),
    series: [&'static str; 12],
}

static LIGHT: Colours = Colours {
    page: "#f3f5f8",
    background: "#ffffff",
    text: "#1c2330",
    muted: "#566171",
    grid: "#e2e7ee",
    good: "#1f8a5f",
    warning: "#b87503",
    bad: "#c2373f",
    total: "#46566b",
    cold: (233, 241, 250),
    hot: (16, 78, 139),
    series: [
        "#1f63ad", "#e58a1f", "#1f8a5f", "#b3476f", "#7d68c9", "#8c6b1f", "#3ba4cf", "#5f6b7a", "#94b13c",
        "#d2604a", "#0f3c68", "#b59ad0",
    ],
};

static DARK: Colours = Colours {
    page: "#0c1015",
    background: "#141920",
    text: "#e9edf3",
    muted: "#9ba8b8",
    grid: "#2b3440",
    good: "#52c597",
    warning: "#e7ad46",
    bad: "#f0777c",
    total: "#93a4ba",
    cold: (30, 42, 56),
    hot: (120, 186, 248),
    series: [
        "#6cacf2", "#f2a65a", "#52c597", "#e584a8", "#b09cf0", "#d3b765", "#79d0ee", "#a7b2c0", "#bfd873",
        "#f09480", "#4a7fb8", "#d6c2ea",
    ],
};

impl Theme {
    pub(super) fn colours(self) -> &'static Colours {
        match self {
            Self::Light => &LIGHT,
            Self::Dark => &DARK,
        }
    }
}

impl Colours {
    /// The colour of a series by its number.
    pub(super) fn series(&self, index: usize) -> &'static str {
        self.series[index % self.series.len()]
    }

    /// A colour between cold and hot; `share` is 0 to 1.
    pub(super) fn heat(&self, share: f64) -> (u8, u8, u8) {
        let mix = |cold: u8, hot: u8| {
            let value = f64::from(cold) + (f64::from(hot) - f64::from(cold)) * share.clamp(0.0, 1.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between two bytes"
            )]
            let byte = value.round() as u8;
            byte
        };
        let (cold, hot) = (self.cold, self.hot);
        (mix(cold.0, hot.0), mix(cold.1, hot.1), mix(cold.2, hot.2))
    }
}
