//! A text as a page of HTML.

use std::fmt::Write as _;

use pulldown_cmark::Alignment;

use super::document::{Block, Document, Run};

/// How the page looks: A4 on paper, readable on a phone.
const STYLE: &str = "body{font:12pt/1.4 'Times New Roman',Tinos,serif;max-width:40em;margin:2em auto;padding:0 1em}\
table{border-collapse:collapse;width:100%}td,th{border:1px solid #888;padding:.25em .5em;text-align:left}\
.r{text-align:right}.c{text-align:center}pre{white-space:pre-wrap}@page{size:A4;margin:20mm}";

/// The page.
pub(super) fn written(title: &str, document: &Document) -> String {
    let mut body = String::new();
    let mut lists: Vec<&'static str> = Vec::new();
    for block in &document.0 {
        match block {
            Block::Item { depth, number, runs } => {
                close_lists(&mut body, &mut lists, depth + 1);
                let kind = if number.is_some() { "ol" } else { "ul" };
                while lists.len() <= *depth {
                    let _ = match number {
                        Some(first) if *first != 1 => write!(body, "<{kind} start=\"{first}\">"),
                        _ => write!(body, "<{kind}>"),
                    };
                    lists.push(kind);
                }
                let _ = writeln!(body, "<li>{}</li>", inline(runs));
            }
            other => {
                close_lists(&mut body, &mut lists, 0);
                block_into(&mut body, other);
            }
        }
    }
    close_lists(&mut body, &mut lists, 0);
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

fn close_lists(body: &mut String, lists: &mut Vec<&'static str>, depth: usize) {
    while lists.len() > depth {
        if let Some(kind) = lists.pop() {
            let _ = writeln!(body, "</{kind}>");
        }
    }
}

fn block_into(body: &mut String, block: &Block) {
    let _ = match block {
        Block::Heading(level, runs) => writeln!(body, "<h{level}>{}</h{level}>", inline(runs)),
        Block::Paragraph(runs) => writeln!(body, "<p>{}</p>", inline(runs)),
        Block::Code(code) => writeln!(body, "<pre>{}</pre>", escaped(code)),
        Block::Rule => writeln!(body, "<hr>"),
        Block::Item { .. } => Ok(()),
        Block::Table { alignments, rows } => {
            body.push_str("<table>\n");
            for (number, row) in rows.iter().enumerate() {
                let tag = if number == 0 { "th" } else { "td" };
                body.push_str("<tr>");
                for (column, cell) in row.iter().enumerate() {
                    let class = match alignments.get(column) {
                        Some(Alignment::Right) => " class=\"r\"",
                        Some(Alignment::Center) => " class=\"c\"",
                        _ => "",
                    };
                    let _ = write!(body, "<{tag}{class}>{}</{tag}>", inline(cell));
                }
                body.push_str("</tr>\n");
            }
            writeln!(body, "</table>")
        }
    };
}

fn inline(runs: &[Run]) -> String {
    let mut html = String::new();
    for run in runs {
        let text = escaped(&run.text).replace('\n', "<br>\n");
        let _ = match (run.bold, run.italic) {
            (false, false) => write!(html, "{text}"),
            (true, false) => write!(html, "<strong>{text}</strong>"),
            (false, true) => write!(html, "<em>{text}</em>"),
            (true, true) => write!(html, "<strong><em>{text}</em></strong>"),
        };
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_text_is_markup() {
        let html = written(
            "«A» & <b>",
            &Document::parse(
                "<img src=x onerror=alert(1)>\n\n- **раз** & два\n  - глубже\n\n| a | b |\n|--|--:|\n| 1 | 2 |",
            ),
        );
        assert!(html.contains("<title>«A» &amp; &lt;b&gt;</title>"));
        assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;") && !html.contains("<img"));
        assert!(
            html.contains("<ul><li><strong>раз</strong> &amp; два</li>\n<ul><li>глубже</li>\n</ul>\n</ul>"),
            "{html}"
        );
        assert!(html.contains("<td>1</td><td class=\"r\">2</td>"));
    }
}
