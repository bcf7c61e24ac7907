//! CSV as 1C, Excel and others write it (RFC 4180, with other separators).

use super::{MAX_CELL, Rows, Sheet};

/// Separators that are tried.
const SEPARATORS: [char; 4] = [';', ',', '\t', '|'];
/// Lines that the separator is told by.
const LOOKED_AT: usize = 20;

/// The table of a text. A quote that is never closed ends with the text.
pub(super) fn table(text: &str) -> Sheet {
    let separator = separator(text);
    let (mut rows, mut bytes) = (Rows::default(), 0);
    let (mut row, mut cell) = (Vec::new(), String::new());
    let (mut is_quoted, mut length) = (false, 0_usize);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if is_quoted {
            if c != '"' {
                push(&mut cell, &mut length, c);
            } else if chars.peek() == Some(&'"') {
                chars.next();
                push(&mut cell, &mut length, '"');
            } else {
                is_quoted = false;
            }
            continue;
        }
        match c {
            '"' if cell.trim().is_empty() => {
                cell.clear();
                is_quoted = true;
            }
            '\r' => {}
            '\n' => {
                row.push(taken(&mut cell, &mut length));
                rows.push(std::mem::take(&mut row), &mut bytes);
            }
            c if c == separator => row.push(taken(&mut cell, &mut length)),
            c => push(&mut cell, &mut length, c),
        }
    }
    row.push(taken(&mut cell, &mut length));
    rows.push(row, &mut bytes);
    rows.sheet(String::new())
}

fn push(cell: &mut String, length: &mut usize, c: char) {
    *length += 1;
    if *length <= MAX_CELL {
        cell.push(c);
    }
}

fn taken(cell: &mut String, length: &mut usize) -> String {
    *length = 0;
    std::mem::take(cell).trim().to_owned()
}

/// The separator that most of the first lines have equally often.
fn separator(text: &str) -> char {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(LOOKED_AT)
        .collect();
    // Excel says it itself.
    if let Some(told) = lines.first().and_then(|line| line.strip_prefix("sep=")) {
        return told.chars().next().unwrap_or(';');
    }
    let score = |separator: &char| {
        let counts: Vec<usize> = lines.iter().map(|line| outside(line, *separator)).collect();
        let most = counts.iter().copied().max().unwrap_or(0);
        let alike = counts.iter().filter(|count| **count == most).count();
        if most == 0 { (0, 0) } else { (alike, most) }
    };
    // Of equals the first one: a comma is also in numbers.
    SEPARATORS.into_iter().rev().max_by_key(score).unwrap_or(';')
}

fn outside(line: &str, separator: char) -> usize {
    let mut is_quoted = false;
    line.chars()
        .filter(|c| {
            is_quoted ^= *c == '"';
            !is_quoted && *c == separator
        })
        .count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_excel_and_1c_write() {
        let sheet = table("Контрагент;Долг\r\n\"ООО \"\"Вектор\"\"; Москва\";1 200,50\r\nРомашка;800\r\n");
        assert_eq!(sheet.columns, ["Контрагент", "Долг"]);
        assert_eq!(sheet.rows[0], ["ООО \"Вектор\"; Москва", "1 200,50"]);
        assert_eq!((sheet.row_count, sheet.rows.len()), (2, 2));
        let sheet = table("a,b\n\"x\ny\",2\n");
        assert_eq!(sheet.rows, [["x\ny", "2"]]);
        let sheet = table("имя\tцена\nБумага, А4\t5,50\n");
        assert_eq!(sheet.rows, [["Бумага, А4", "5,50"]]);
    }

    #[test]
    fn more_rows_than_are_read_are_counted() {
        let mut text = "н;с\n".to_owned();
        for row in 0..super::super::MAX_ROWS + 7 {
            text.push_str(&format!("{row};1\n"));
        }
        let sheet = table(&text);
        assert_eq!(sheet.rows.len(), super::super::MAX_ROWS);
        assert_eq!(sheet.row_count, super::super::MAX_ROWS as u64 + 7);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,300}") {
            let sheet = table(&text);
            prop_assert!(sheet.rows.iter().all(|row| row.len() <= sheet.columns.len()));
        }
    }
}
