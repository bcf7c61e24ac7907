//! Figures in large letters, with how they have changed.

use common::{Locale, Text};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Style;
use super::font::{fit, width};
use super::layout::{LABEL, SMALL, TITLE, ink};
use super::number::{Unit, compact};
use super::svg::{Anchor, Ink, Svg};

/// Which change is welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Welcome {
    Growth,
    Decline,
    Neither,
}

/// A figure and what it was before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) key: String,
    pub(crate) title: String,
    pub(crate) unit: Unit,
    pub(crate) value: Option<Decimal>,
    /// In the period before.
    pub(crate) previous: Option<Decimal>,
    /// By how many percent it has changed; absent when there is nothing to compare with.
    pub(crate) change_percent: Option<Decimal>,
    pub(crate) welcome: Welcome,
}

impl Figure {
    /// A figure that is compared with an earlier one.
    pub(crate) fn new(
        key: &str,
        title: String,
        unit: Unit,
        value: Option<Decimal>,
        previous: Option<Decimal>,
    ) -> Self {
        let change = value.zip(previous).and_then(|(now, before)| {
            let change = (now - before).checked_mul(Decimal::ONE_HUNDRED)?;
            Some(change.checked_div(before.abs())?.round_dp(1).normalize())
        });
        let welcome = match key {
            "revenue" | "revenue_without_vat" | "gross_profit" | "margin" | "balance" | "in" | "net" => {
                Welcome::Growth
            }
            "overdue" | "errors" | "failures" | "error_ratio" | "failed" | "refused" | "overdue_more" => {
                Welcome::Decline
            }
            _ => Welcome::Neither,
        };
        Self {
            key: key.to_owned(),
            title,
            unit,
            value,
            previous,
            change_percent: change,
            welcome,
        }
    }

    /// «+12,5 % к прошлому периоду», if there is something to compare with.
    pub(crate) fn change(&self, locale: Locale) -> Option<String> {
        let change = self.change_percent?;
        let sign = if change.is_sign_positive() && !change.is_zero() {
            "+"
        } else {
            ""
        };
        let percent = compact(change, &Unit::new("%"), locale);
        Some(
            Text::new(
                format!("{sign}{percent} к прошлому периоду"),
                format!("{sign}{percent} to the period before"),
            )
            .get(locale)
            .to_owned(),
        )
    }

    /// True when it has changed for the better, false for the worse.
    pub(crate) fn is_good(&self) -> Option<bool> {
        let change = self.change_percent.filter(|change| !change.is_zero())?;
        match self.welcome {
            Welcome::Growth => Some(change.is_sign_positive()),
            Welcome::Decline => Some(change.is_sign_negative()),
            Welcome::Neither => None,
        }
    }
}

/// Draws figures beside each other, below each other where there is no room.
pub(crate) fn figures(title: &str, figures: &[Figure], style: Style) -> Svg {
    let colours = style.theme.colours();
    let per_row = if style.width < 420.0 { 2.0 } else { 4.0 };
    let count = f64::from(u32::try_from(figures.len()).unwrap_or(1)).max(1.0);
    let per_row = count.min(per_row);
    let rows = (count / per_row).ceil();
    let wide = (style.width - 28.0) / per_row;
    let natural = 40.0 + rows * 66.0 + 8.0;
    let height = style.height.unwrap_or(natural).max(natural);
    let words: Vec<String> = figures
        .iter()
        .map(|figure| {
            let value = figure.value.map_or("—".to_owned(), |value| {
                compact(value, &figure.unit, style.locale)
            });
            format!("{}: {value}", figure.title)
        })
        .collect();
    let mut svg = Svg::new(style.width, height, title, &words.join("; "));
    svg.rect(0.0, 0.0, style.width, height, colours.background, None);
    let heading = Ink {
        size: TITLE,
        bold: true,
        colour: colours.text,
        anchor: Anchor::Start,
    };
    svg.text(14.0, 27.0, &fit(title, TITLE, true, style.width - 28.0), heading);
    let (mut x, mut y) = (14.0, 40.0);
    for figure in figures {
        let value = figure.value.map_or("—".to_owned(), |value| {
            compact(value, &figure.unit, style.locale)
        });
        let room = wide - 10.0;
        svg.text(
            x,
            y + 14.0,
            &fit(&figure.title, LABEL, false, room),
            ink(LABEL, colours.muted, Anchor::Start),
        );
        let mut size = 24.0;
        while width(&value, size, true) > room && size > 13.0 {
            size -= 1.0;
        }
        let big = Ink {
            size,
            bold: true,
            colour: colours.text,
            anchor: Anchor::Start,
        };
        svg.text(x, y + 40.0, &value, big);
        if let Some(change) = figure.change(style.locale) {
            let colour = match figure.is_good() {
                Some(true) => colours.good,
                Some(false) => colours.bad,
                None => colours.muted,
            };
            svg.text(
                x,
                y + 58.0,
                &fit(&change, SMALL, false, room),
                ink(SMALL, colour, Anchor::Start),
            );
        }
        x += wide;
        if x + wide > style.width {
            x = 14.0;
            y += 66.0;
        }
    }
    svg
}
