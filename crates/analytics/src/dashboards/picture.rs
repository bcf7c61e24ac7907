//! A dashboard and its panels as pictures.

use common::{Locale, Text};

use super::board::{Board, BoardPanel};
use super::definition::COLUMNS;
use super::panel;
use crate::charts::{Cell, Style, Svg, Table, Theme, collage, draw, figures};

/// Rows of a table in a panel.
const ROWS: usize = 12;
/// Height of a row of the grid, in pixels.
const ROW: f64 = 42.0;
/// Between panels.
const GAP: f64 = 12.0;
/// Below this width panels stand below each other.
const NARROW: f64 = 600.0;

/// Draws a panel.
pub(crate) fn panel_picture(board: &Board, shown: &BoardPanel, style: Style) -> Svg {
    let Some(data) = &shown.data else {
        return says(shown, style);
    };
    if let Some(values) = &data.figures {
        return figures(&shown.title, values, style);
    }
    if let Some(chart) = &data.chart {
        let mut chart = chart.clone();
        if shown.stale {
            chart.note = Some(panel::as_of(data.frame.as_of, board.time_zone, style.locale));
        }
        return draw(&chart, style);
    }
    if shown.kind.chart().is_some() {
        return empty(shown, style);
    }
    panel::table(
        &data.frame,
        &data.shown,
        &shown.title,
        board.time_zone,
        style.locale,
        ROWS,
    )
    .draw(style)
}

/// Why a panel has nothing, in its place.
fn says(shown: &BoardPanel, style: Style) -> Svg {
    let error = shown.error.as_ref();
    let member = |name: &str| {
        error
            .and_then(|error| error[name].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let line = |text: String| {
        vec![Cell {
            text,
            number: false,
            negative: false,
        }]
    };
    Table {
        title: shown.title.clone(),
        headings: vec![member("title")],
        rows: vec![line(member("detail"))],
        note: None,
    }
    .draw(style)
}

fn empty(shown: &BoardPanel, style: Style) -> Svg {
    Table {
        title: shown.title.clone(),
        headings: vec![Text::new("Нет данных", "No data").get(style.locale).to_owned()],
        rows: Vec::new(),
        note: None,
    }
    .draw(style)
}

/// Draws the dashboard: panels as its grid has them, below each other where it is narrow.
pub(crate) fn picture(board: &Board, theme: Theme, locale: Locale, width: f64) -> Svg {
    let narrow = width < NARROW;
    let column = (width - GAP) / f64::from(COLUMNS);
    let mut placed = Vec::new();
    let mut below = 0.0;
    for shown in &board.panels {
        let grid = shown.grid;
        let height = f64::from(grid.h) * ROW - GAP;
        let panel_width = if narrow {
            width - 2.0 * GAP
        } else {
            f64::from(grid.w) * column - GAP
        };
        let style = Style {
            theme,
            locale,
            width: panel_width,
            height: (!narrow).then_some(height),
        };
        let drawn = panel_picture(board, shown, style);
        let (x, y) = if narrow {
            (GAP, below)
        } else {
            (GAP + f64::from(grid.x) * column, f64::from(grid.y) * ROW)
        };
        below += drawn.height() + GAP;
        placed.push((x, y, drawn));
    }
    let from = board.time.from.with_timezone(&board.time_zone);
    let to = board.time.to.with_timezone(&board.time_zone);
    let mut subtitle = format!(
        "{} — {}",
        from.format("%d.%m.%Y %H:%M"),
        to.format("%d.%m.%Y %H:%M")
    );
    if board.stale {
        subtitle.push_str(Text::new(" · данные устарели", " · figures are stale").get(locale));
    }
    collage(&board.title, &subtitle, theme, width, placed)
}
