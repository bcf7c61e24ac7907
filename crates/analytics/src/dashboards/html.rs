//! A dashboard as a page that needs nothing else: no scripts, no files, good to print and to send.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{Locale, Text};
use sha2::{Digest, Sha256};

use super::board::{Board, BoardPanel};
use super::panel;
use super::picture::panel_picture;
use crate::charts::{Style, Table, Theme, escape};

/// Rows of a table on the page.
const ROWS: usize = 100;

const STYLE: &str = "\
body{margin:0;padding:16px;font:14px/1.45 'PT Sans','Segoe UI',Arial,sans-serif;background:#f3f5f8;color:#1c2330}\
h1{font-size:22px;margin:0 0 2px}h2{font-size:16px;margin:0 0 8px}.sub{color:#566171;margin:0 0 14px}\
.grid{display:grid;grid-template-columns:repeat(12,1fr);grid-auto-rows:minmax(30px,auto);grid-auto-flow:row dense;gap:12px}\
.h2{grid-row:span 2}.h3{grid-row:span 3}.h4{grid-row:span 4}.h5{grid-row:span 5}.h6{grid-row:span 6}.h7{grid-row:span 7}\
.h8{grid-row:span 8}.h9{grid-row:span 9}.h10{grid-row:span 10}.h11{grid-row:span 11}.h12{grid-row:span 12}\
.h13{grid-row:span 13}.h14{grid-row:span 14}.h15{grid-row:span 15}.h16{grid-row:span 16}.h17{grid-row:span 17}\
.h18{grid-row:span 18}.h19{grid-row:span 19}.h20{grid-row:span 20}\
.panel{background:#fff;border:1px solid #e2e7ee;border-radius:8px;padding:0;overflow:hidden;min-width:0}\
.panel>svg{display:block;width:100%;height:auto}.pad{padding:14px;overflow-x:auto}\
.w1{grid-column:span 1}.w2{grid-column:span 2}.w3{grid-column:span 3}.w4{grid-column:span 4}.w5{grid-column:span 5}\
.w6{grid-column:span 6}.w7{grid-column:span 7}.w8{grid-column:span 8}.w9{grid-column:span 9}\
.w10{grid-column:span 10}.w11{grid-column:span 11}.w12{grid-column:span 12}\
table{border-collapse:collapse;width:100%}th{color:#566171;font-weight:400;text-align:left;border-bottom:1px solid #e2e7ee}\
th,td{padding:3px 10px 3px 0;vertical-align:top}.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\
.bad{color:#c2373f}.note{color:#566171;font-size:12px;margin:8px 14px}\
.dark{background:#0c1015;color:#e9edf3}.dark .panel{background:#141920;border-color:#2b3440}\
.dark .sub,.dark th,.dark .note{color:#9ba8b8}.dark th{border-color:#2b3440}.dark .bad{color:#f0777c}\
@media(max-width:700px){.panel{grid-column:1/-1!important;grid-row:auto!important}body{padding:8px}}\
@media print{body{background:#fff;padding:0}.panel{break-inside:avoid}}";

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
});

/// The content security policy that the page works under.
pub(crate) fn policy() -> &'static str {
    &POLICY
}

/// The page.
pub(crate) fn html(board: &Board, theme: Theme, locale: Locale) -> String {
    let mut page = String::new();
    let class = if theme == Theme::Dark {
        " class=\"dark\""
    } else {
        ""
    };
    let from = board.time.from.with_timezone(&board.time_zone);
    let to = board.time.to.with_timezone(&board.time_zone);
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title>\
         <style>{STYLE}</style></head>\n<body{class}>\n<h1>{}</h1>\n<p class=\"sub\">{} — {} ({}){}</p>\n<div class=\"grid\">\n",
        locale.tag(),
        escape(&board.title),
        escape(&board.title),
        from.format("%d.%m.%Y %H:%M"),
        to.format("%d.%m.%Y %H:%M"),
        escape(board.time_zone.name()),
        if board.stale {
            Text::new(" · данные устарели", " · figures are stale")
                .get(locale)
                .to_owned()
        } else {
            String::new()
        }
    );
    for shown in &board.panels {
        let (wide, high) = (shown.grid.w.clamp(1, 12), shown.grid.h.clamp(2, 20));
        let _ = writeln!(page, "<section class=\"panel w{wide} h{high}\">");
        show(&mut page, board, shown, theme, locale);
        page.push_str("</section>\n");
    }
    page.push_str("</div>\n</body></html>\n");
    page
}

fn show(page: &mut String, board: &Board, shown: &BoardPanel, theme: Theme, locale: Locale) {
    let is_picture = shown
        .data
        .as_ref()
        .is_some_and(|data| data.chart.is_some() || data.figures.is_some());
    if is_picture {
        let style = Style {
            theme,
            locale,
            width: (f64::from(shown.grid.w) * 100.0).clamp(320.0, 1200.0),
            // What is left of its place below the moment that it is of.
            height: Some((f64::from(shown.grid.h) * 42.0 - 12.0 - 36.0).max(100.0)),
        };
        page.push_str(&panel_picture(board, shown, style).finish());
    } else {
        let _ = write!(page, "<div class=\"pad\"><h2>{}</h2>", escape(&shown.title));
        match (&shown.data, &shown.error) {
            (Some(data), _) if shown.kind.chart().is_none() => {
                let table = panel::table(
                    &data.frame,
                    &data.shown,
                    &shown.title,
                    board.time_zone,
                    locale,
                    ROWS,
                );
                rows(page, &table);
            }
            (Some(_), _) => page.push_str(Text::new("Нет данных", "No data").get(locale)),
            (None, Some(error)) => {
                let member = |name: &str| escape(error[name].as_str().unwrap_or_default());
                let _ = write!(
                    page,
                    "<p class=\"bad\">{}</p><p>{}</p>",
                    member("title"),
                    member("detail")
                );
            }
            (None, None) => {}
        }
        page.push_str("</div>");
    }
    if let Some(as_of) = shown.as_of
        && !shown.query.starts_with("system.")
    {
        let _ = write!(
            page,
            "<p class=\"note\">{}</p>",
            escape(&panel::as_of(as_of, board.time_zone, locale))
        );
    }
}

fn rows(page: &mut String, table: &Table) {
    let numbers: Vec<bool> = (0..table.headings.len())
        .map(|column| {
            !table.rows.is_empty()
                && table
                    .rows
                    .iter()
                    .all(|row| row.get(column).is_some_and(|cell| cell.number))
        })
        .collect();
    page.push_str("<table><thead><tr>");
    for (heading, number) in table.headings.iter().zip(&numbers) {
        let class = if *number { " class=\"n\"" } else { "" };
        let _ = write!(page, "<th{class}>{}</th>", escape(heading));
    }
    page.push_str("</tr></thead><tbody>");
    for row in &table.rows {
        page.push_str("<tr>");
        for cell in row {
            let class = match (cell.number, cell.negative) {
                (true, true) => " class=\"n bad\"",
                (true, false) => " class=\"n\"",
                _ => "",
            };
            let _ = write!(page, "<td{class}>{}</td>", escape(&cell.text));
        }
        page.push_str("</tr>");
    }
    page.push_str("</tbody></table>");
    if let Some(note) = &table.note {
        let _ = write!(page, "<p class=\"note\">{}</p>", escape(note));
    }
}
