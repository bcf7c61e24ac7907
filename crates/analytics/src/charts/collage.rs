//! Several pictures in one, below a heading.

use super::font::fit;
use super::layout::{LABEL, ink};
use super::svg::{Anchor, Ink, Svg};
use super::theme::Theme;

/// Height of the heading.
const HEADING: f64 = 62.0;

/// Puts pictures at their places below a title and a subtitle.
pub(crate) fn collage(
    title: &str,
    subtitle: &str,
    theme: Theme,
    width: f64,
    pictures: Vec<(f64, f64, Svg)>,
) -> Svg {
    let colours = theme.colours();
    let bottom = pictures
        .iter()
        .map(|(_, y, picture)| y + picture.height())
        .fold(0.0, f64::max);
    let height = HEADING + bottom + 14.0;
    let mut svg = Svg::new(width, height, title, subtitle);
    svg.rect(0.0, 0.0, width, height, colours.page, None);
    let heading = Ink {
        size: 22.0,
        bold: true,
        colour: colours.text,
        anchor: Anchor::Start,
    };
    let room = width - 28.0;
    svg.text(14.0, 30.0, &fit(title, 22.0, true, room), heading);
    svg.text(
        14.0,
        50.0,
        &fit(subtitle, LABEL, false, room),
        ink(LABEL, colours.muted, Anchor::Start),
    );
    for (x, y, picture) in &pictures {
        svg.card(
            x - 1.0,
            HEADING + y - 1.0,
            picture.width() + 2.0,
            picture.height() + 2.0,
            colours.background,
            colours.grid,
        );
        svg.nest(*x, HEADING + y, picture);
    }
    svg
}
