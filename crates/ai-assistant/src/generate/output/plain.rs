//! A text without any looks, for messages and forms.

use super::document::{Block, Document, Row, text_of};

/// The text.
pub(super) fn written(document: &Document) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut in_list = false;
    for block in &document.0 {
        let is_item = matches!(block, Block::Item { .. });
        let part = match block {
            Block::Heading(_, runs) | Block::Paragraph(runs) => text_of(runs).trim().to_owned(),
            Block::Item { depth, number, runs } => {
                let mark = number.map_or_else(|| "—".to_owned(), |number| format!("{number}."));
                format!("{}{mark} {}", "  ".repeat(*depth), text_of(runs).trim())
            }
            Block::Table { rows, .. } => table(rows),
            Block::Code(code) => code.clone(),
            Block::Rule => "———".to_owned(),
        };
        match parts.last_mut() {
            // Items of a list stand close together.
            Some(last) if is_item && in_list => {
                last.push('\n');
                last.push_str(&part);
            }
            _ => parts.push(part),
        }
        in_list = is_item;
    }
    let mut text = parts.join("\n\n");
    text.push('\n');
    text
}

/// Rows with their columns below one another.
fn table(rows: &[Row]) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| text_of(cell).replace('\n', " ")).collect())
        .collect();
    let columns = cells.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let lengths = cells
                .iter()
                .map(|row| row.get(column).map_or(0, |cell| cell.chars().count()));
            lengths.max().unwrap_or_default()
        })
        .collect();
    let lines = cells.iter().map(|row| {
        let padded = row.iter().zip(&widths).map(|(cell, width)| {
            let missing = width - cell.chars().count();
            format!("{cell}{}", " ".repeat(missing))
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_can_be_pasted_into_a_message() {
        let text = "# О долге\n\nДолг — **5 ₽**.\n\n1. раз\n2. два\n\n| Товар | Цена |\n| --- | ---: |\n| Бумага | 10 |\n\nС уважением,\nИванов";
        assert_eq!(
            written(&Document::parse(text)),
            "О долге\n\nДолг — 5 ₽.\n\n1. раз\n2. два\n\nТовар   Цена\nБумага  10\n\nС уважением,\nИванов\n"
        );
    }
}
