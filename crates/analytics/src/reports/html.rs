//! The table as one page that needs nothing else.

use common::{BoxError, Text};

use super::Style;
use super::cell::{Cell, is_number, row_count};
use super::rows::Rows;
use super::sheet::Sheet;

/// Light and dark by the reader's choice; black on white on paper.
const LOOK: &str = "\
:root{color-scheme:light dark;--line:#d0d7de;--head:#f0f3f6;--red:#b00020}\
@media(prefers-color-scheme:dark){:root{--line:#3d444d;--head:#212830;--red:#ff8a8a}}\
body{font:15px/1.45 system-ui,'PT Sans',sans-serif;margin:1.5rem}\
h1{font-size:1.4rem;margin:0 0 .5rem}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem .8rem;margin:0 0 1rem}dt{opacity:.7}dd{margin:0}\
.table{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{border:1px solid var(--line);padding:.3rem .55rem;vertical-align:top;text-align:left}\
th{background:var(--head);position:sticky;top:0}\
.n{text-align:right;white-space:nowrap}.m{color:var(--red)}tfoot td{font-weight:bold;background:var(--head)}\
@media print{body{margin:0;font-size:10px}.table{overflow:visible}th{position:static}thead{display:table-header-group}\
tr{break-inside:avoid}}";

/// Writes the page.
pub(super) fn render(sheet: &Sheet, rows: &mut Rows<'_>, style: Style) -> Result<Vec<u8>, BoxError> {
    let locale = style.locale;
    let columns = sheet.shown_columns();
    let mut out = format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}</title><style>{LOOK}</style></head><body><h1>{title}</h1><dl>",
        locale.tag(),
        title = escaped(&sheet.title),
    );
    for (label, value) in sheet.captions(locale, style.time_zone) {
        out.push_str(&format!(
            "<dt>{}</dt><dd>{}</dd>",
            escaped(&label),
            escaped(&value)
        ));
    }
    out.push_str("</dl><div class=\"table\"><table><thead><tr>");
    for column in &columns {
        let class = if is_number(column.kind) {
            " class=\"n\""
        } else {
            ""
        };
        out.push_str(&format!(
            "<th scope=\"col\"{class}>{}</th>",
            escaped(&column.title)
        ));
    }
    out.push_str("</tr></thead><tbody>\n");
    rows.write(|row| {
        out.push_str("<tr>");
        for column in &columns {
            let cell = Cell::read(row.get(&column.key), column.kind);
            push_cell(&mut out, &cell, &cell.shown(column.kind, locale));
        }
        out.push_str("</tr>\n");
        Ok(())
    })?;
    out.push_str("</tbody>");
    if sheet.has_totals() {
        let label = sheet.total_label(&columns, locale);
        out.push_str("<tfoot><tr>");
        for (place, column) in columns.iter().enumerate() {
            match label {
                Some((labelled, text)) if labelled == place => {
                    push_cell(&mut out, &Cell::Empty, text);
                }
                _ => {
                    let cell = Cell::read(sheet.totals.get(&column.key), column.kind);
                    push_cell(&mut out, &cell, &cell.shown(column.kind, locale));
                }
            }
        }
        out.push_str("</tr></tfoot>");
    }
    out.push_str("</table></div>");
    if sheet.row_count == 0 {
        let nothing = Text::new("Данных нет.", "There is nothing.");
        out.push_str(&format!("<p>{}</p>", nothing.get(locale)));
    }
    let rows = row_count(rows.control().rows, locale);
    out.push_str(&format!("<p>{}</p></body></html>\n", escaped(&rows)));
    Ok(out.into_bytes())
}

fn push_cell(out: &mut String, cell: &Cell<'_>, shown: &str) {
    let class = match cell {
        Cell::Number(number) if number.is_sign_negative() && !number.is_zero() => " class=\"n m\"",
        Cell::Number(_) => " class=\"n\"",
        _ => "",
    };
    out.push_str("<td");
    out.push_str(class);
    out.push('>');
    out.push_str(&escaped(shown));
    out.push_str("</td>");
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::rows::tests::of;
    use crate::reports::{Dialect, Format};
    use chrono_tz::Tz;
    use common::Locale;
    use serde_json::json;

    #[test]
    fn names_cannot_become_markup() {
        let sheet: Sheet = serde_json::from_value(json!({
            "report": "receivables", "title": "Долги <2026>", "parameters": {}, "currency": "RUB",
            "columns": [{"key": "id", "title": "Ид", "kind": "id"}, {"key": "name", "title": "Имя", "kind": "text"},
                {"key": "debt", "title": "Долг", "kind": "money"}],
            "totals": {"debt": "-5.00"}, "row_count": 1, "as_of": "2026-11-20T10:00:00Z"}))
        .unwrap();
        let mut rows = of(
            &sheet,
            &json!([{"id": "secret", "name": "<script>alert('1')</script>", "debt": "-5.00"}]),
        );
        let style = Style {
            format: Format::Html,
            dialect: Dialect::RuExcel,
            locale: Locale::Ru,
            time_zone: Tz::UTC,
        };
        let page = String::from_utf8(render(&sheet, &mut rows, style).unwrap()).unwrap();
        assert!(page.contains(
            "<td>&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;</td><td class=\"n m\">−5,00</td>"
        ));
        assert!(page.contains("<tfoot><tr><td>Итого</td><td class=\"n m\">−5,00</td></tr></tfoot>"));
        assert!(page.contains("<p>Строк: 1</p>"));
        assert!(page.contains("<h1>Долги &lt;2026&gt;</h1>"));
        assert!(!page.contains("secret"));
    }
}
