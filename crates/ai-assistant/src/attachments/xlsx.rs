//! Workbooks of Office Open XML (ECMA-376, part 1, section 18): values of visible sheets. Formulas are
//! not computed; their last values are read.
//!
//! All that is unpacked counts against one budget, whatever the archive says of itself; a document type
//! is refused, so nothing expands.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use chrono::{Days, NaiveDate, NaiveTime};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use zip::ZipArchive;

use super::reading::Unreadable;
use super::{MAX_CELL, MAX_COLUMNS, MAX_SHEETS, Rows, Sheet};

/// Bytes that are unpacked of one workbook.
const MAX_UNPACKED: u64 = 32 * 1024 * 1024;
/// Files in the archive.
const MAX_ENTRIES: usize = 2000;
/// Texts that cells refer to by number, and their bytes.
const MAX_STRINGS: usize = 500_000;
const MAX_STRING_BYTES: usize = 16 * 1024 * 1024;
/// Styles of cells.
const MAX_STYLES: usize = 70_000;
/// Elements within elements.
const DEEPEST: usize = 64;

/// The visible sheets of a workbook.
///
/// # Errors
/// When it is no workbook, damaged, or unpacks to too much.
pub(super) fn sheets(bytes: &[u8]) -> Result<Vec<Sheet>, Unreadable> {
    let archive = ZipArchive::new(Cursor::new(bytes))?;
    if archive.len() > MAX_ENTRIES {
        return Err(Unreadable::TooLarge);
    }
    Book {
        archive,
        budget: Cell::new(MAX_UNPACKED),
    }
    .sheets()
}

struct Book<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// Bytes that may still be unpacked.
    budget: Cell<u64>,
}

/// What a sheet is called and where it is.
struct Place {
    name: String,
    path: String,
}

impl Book<'_> {
    fn sheets(mut self) -> Result<Vec<Sheet>, Unreadable> {
        let main = self.related("", "_rels/.rels")?;
        let workbook = main
            .into_iter()
            .find(|(_, (kind, _))| kind == "officeDocument")
            .map(|(_, (_, path))| path)
            .ok_or(Unreadable::Unsupported)?;
        let (folder, file) = workbook.rsplit_once('/').unwrap_or(("", &workbook));
        let relations = self.related(folder, &joined(folder, &format!("_rels/{file}.rels")))?;
        let (places, is_1904) = self.places(&workbook, &relations)?;
        if places.is_empty() {
            // A document of Word or a plain archive.
            return Err(Unreadable::Unsupported);
        }
        let of_kind = |wanted: &str| {
            let found = relations.values().find(|(kind, _)| kind == wanted);
            found.map(|(_, path)| path.clone())
        };
        let (strings, styles) = (of_kind("sharedStrings"), of_kind("styles"));
        let looks = Looks {
            strings: strings.map_or(Ok(Vec::new()), |path| self.strings(&path))?,
            are_dates: styles.map_or(Ok(Vec::new()), |path| self.dates(&path))?,
            is_1904,
        };
        let mut bytes = 0;
        let mut sheets = Vec::new();
        for place in places.into_iter().take(MAX_SHEETS) {
            let rows = self.rows(&place.path, &looks, &mut bytes)?;
            sheets.push(rows.sheet(place.name));
        }
        Ok(sheets)
    }

    /// Reads a part of the archive event by event.
    fn read<T>(
        &mut self,
        path: &str,
        mut take: impl FnMut(Token<'_>) -> Result<Option<T>, Unreadable>,
    ) -> Result<Option<T>, Unreadable> {
        let entry = self.archive.by_name(path)?;
        if entry.encrypted() {
            return Err(Unreadable::Encrypted);
        }
        let budget = &self.budget;
        let metered = Metered { inner: entry, budget };
        let read = tokens(BufReader::new(metered), &mut take);
        match read {
            Err(_) if budget.get() == 0 => Err(Unreadable::TooLarge),
            read => read,
        }
    }

    /// The relations of a part: id to kind and path.
    fn related(&mut self, folder: &str, path: &str) -> Result<HashMap<String, (String, String)>, Unreadable> {
        let mut found = HashMap::new();
        self.read(path, |token| {
            if let Token::Start("Relationship", element) = token
                && let (Some(id), Some(kind), Some(target)) = (
                    attribute(element, "Id"),
                    attribute(element, "Type"),
                    attribute(element, "Target"),
                )
                && attribute(element, "TargetMode").as_deref() != Some("External")
                && found.len() < MAX_ENTRIES
            {
                let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                found.insert(id, (kind, joined(folder, &target)));
            }
            Ok(None::<()>)
        })?;
        Ok(found)
    }

    fn places(
        &mut self,
        path: &str,
        relations: &HashMap<String, (String, String)>,
    ) -> Result<(Vec<Place>, bool), Unreadable> {
        let (mut places, mut is_1904) = (Vec::new(), false);
        self.read(path, |token| {
            match token {
                Token::Start("workbookPr", element) => {
                    is_1904 = matches!(attribute(element, "date1904").as_deref(), Some("1" | "true"));
                }
                Token::Start("sheet", element)
                    if attribute(element, "state").is_none_or(|state| state == "visible") =>
                {
                    let relation = attribute(element, "id").and_then(|id| relations.get(&id));
                    if let Some((kind, path)) = relation
                        && kind == "worksheet"
                    {
                        let name = attribute(element, "name").unwrap_or_default();
                        places.push(Place {
                            name: name.chars().take(100).collect(),
                            path: path.clone(),
                        });
                    }
                }
                _ => {}
            }
            Ok(None::<()>)
        })?;
        Ok((places, is_1904))
    }

    /// The texts that cells refer to.
    fn strings(&mut self, path: &str) -> Result<Vec<String>, Unreadable> {
        let (mut strings, mut bytes) = (Vec::new(), 0);
        let (mut text, mut is_text, mut is_phonetic) = (String::new(), false, false);
        self.read(path, |token| {
            match token {
                Token::Start("si", _) => text.clear(),
                Token::Start("t", _) => is_text = true,
                Token::End("t") => is_text = false,
                // How a Japanese text is spoken.
                Token::Start("rPh", _) => is_phonetic = true,
                Token::End("rPh") => is_phonetic = false,
                Token::Text(piece) if is_text && !is_phonetic => cut(&mut text, piece),
                Token::End("si") => {
                    bytes += text.len();
                    if strings.len() >= MAX_STRINGS || bytes > MAX_STRING_BYTES {
                        return Err(Unreadable::TooLarge);
                    }
                    strings.push(std::mem::take(&mut text));
                }
                Token::Start(..) | Token::End(_) | Token::Text(_) => {}
            }
            Ok(None::<()>)
        })?;
        Ok(strings)
    }

    /// Which styles of cells show dates.
    fn dates(&mut self, path: &str) -> Result<Vec<bool>, Unreadable> {
        let (mut own, mut styles) = (HashMap::new(), Vec::new());
        let mut is_inside = false;
        self.read(path, |token| {
            match token {
                Token::Start("numFmt", element) => {
                    if let (Some(id), Some(code)) =
                        (attribute(element, "numFmtId"), attribute(element, "formatCode"))
                        && own.len() < MAX_STYLES
                    {
                        own.insert(id, is_date_format(&code));
                    }
                }
                Token::Start("cellXfs", _) => is_inside = true,
                Token::End("cellXfs") => is_inside = false,
                Token::Start("xf", element) if is_inside && styles.len() < MAX_STYLES => {
                    let id = attribute(element, "numFmtId").unwrap_or_default();
                    let built_in = matches!(id.parse::<u32>(), Ok(14..=22 | 27..=36 | 45..=47 | 50..=58));
                    styles.push(own.get(&id).copied().unwrap_or(built_in));
                }
                Token::Start(..) | Token::End(_) | Token::Text(_) => {}
            }
            Ok(None::<()>)
        })?;
        Ok(styles)
    }

    fn rows(&mut self, path: &str, looks: &Looks, bytes: &mut usize) -> Result<Rows, Unreadable> {
        let mut rows = Rows::default();
        let mut row: Vec<String> = Vec::new();
        let (mut cell, mut is_value) = (Raw::default(), false);
        self.read(path, |token| {
            match token {
                Token::Start("row", _) => row.clear(),
                Token::Start("c", element) => {
                    cell = Raw {
                        column: attribute(element, "r").map_or(row.len(), |place| column(&place)),
                        style: attribute(element, "s").and_then(|style| style.parse().ok()),
                        kind: attribute(element, "t").unwrap_or_default(),
                        text: String::new(),
                    };
                }
                Token::Start("v" | "t", _) => is_value = true,
                Token::End("v" | "t") => is_value = false,
                Token::Text(piece) if is_value => cut(&mut cell.text, piece),
                Token::End("c") if cell.column < MAX_COLUMNS => {
                    if row.len() <= cell.column {
                        row.resize(cell.column + 1, String::new());
                    }
                    row[cell.column] = looks.shown(&cell);
                }
                Token::End("row") => rows.push(std::mem::take(&mut row), bytes),
                Token::Start(..) | Token::End(_) | Token::Text(_) => {}
            }
            Ok(None::<()>)
        })?;
        Ok(rows)
    }
}

/// A cell as it is written.
#[derive(Default)]
struct Raw {
    column: usize,
    style: Option<usize>,
    kind: String,
    text: String,
}

/// What cells refer to.
struct Looks {
    strings: Vec<String>,
    are_dates: Vec<bool>,
    is_1904: bool,
}

impl Looks {
    fn shown(&self, cell: &Raw) -> String {
        let text = cell.text.trim();
        match cell.kind.as_str() {
            "s" => text
                .parse::<usize>()
                .ok()
                .and_then(|at| self.strings.get(at))
                .map(|text| text.trim().to_owned())
                .unwrap_or_default(),
            "b" => if text == "1" { "да" } else { "нет" }.to_owned(),
            "n" | "" => {
                let value = text
                    .parse::<Decimal>()
                    .or_else(|_| Decimal::from_scientific(text));
                let Ok(value) = value else {
                    return text.to_owned();
                };
                let is_date = cell.style.and_then(|style| self.are_dates.get(style));
                if is_date == Some(&true)
                    && let Some(date) = self.date(value)
                {
                    return date;
                }
                // A workbook holds binary numbers: what is behind 15 digits is their noise.
                value.round_sf(15).unwrap_or(value).normalize().to_string()
            }
            _ => text.to_owned(),
        }
    }

    /// A day, and a time if there is one.
    fn date(&self, serial: Decimal) -> Option<String> {
        let epoch = if self.is_1904 {
            NaiveDate::from_ymd_opt(1904, 1, 1)?
        } else {
            NaiveDate::from_ymd_opt(1899, 12, 30)?
        };
        let seconds = (serial.fract() * Decimal::from(86_400)).round().to_u32()?;
        let days = serial.trunc().to_u64()? + u64::from(seconds / 86_400);
        let date = epoch.checked_add_days(Days::new(days))?;
        let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds % 86_400, 0)?;
        if days == 0 {
            return Some(time.format("%H:%M:%S").to_string());
        }
        if time == NaiveTime::MIN {
            return Some(date.to_string());
        }
        Some(format!("{date} {}", time.format("%H:%M:%S")))
    }
}

/// The number of a column in `AB12`, from 0.
fn column(place: &str) -> usize {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic).take(4);
    let number = letters.fold(0, |number, letter| {
        number * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1
    });
    number.saturating_sub(1)
}

/// Whether a format shows a date: it has letters of days, months, years or hours outside of quotes
/// and brackets.
fn is_date_format(code: &str) -> bool {
    let (mut is_quoted, mut is_bracket, mut is_escaped) = (false, false, false);
    for c in code.chars() {
        if std::mem::take(&mut is_escaped) {
            continue;
        }
        match c {
            '\\' | '_' | '*' if !is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '[' if !is_quoted => is_bracket = true,
            ']' => is_bracket = false,
            'd' | 'D' | 'y' | 'Y' | 'h' | 'H' | 'm' | 'M' | 'Д' | 'д' | 'Г' | 'г'
                if !is_quoted && !is_bracket =>
            {
                return true;
            }
            ';' if !is_quoted => return false,
            _ => {}
        }
    }
    false
}

/// A path within the archive: absolute, or relative to a folder.
fn joined(folder: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Adds a piece of text up to the limit of a cell.
fn cut(text: &mut String, piece: &str) {
    let end = piece.floor_char_boundary(piece.len().min(MAX_CELL.saturating_sub(text.len().min(MAX_CELL))));
    text.push_str(&piece[..end]);
}

/// An event with the local name of its element.
enum Token<'a> {
    Start(&'a str, &'a BytesStart<'a>),
    End(&'a str),
    Text(&'a str),
}

fn tokens<T>(
    input: impl BufRead,
    take: &mut impl FnMut(Token<'_>) -> Result<Option<T>, Unreadable>,
) -> Result<Option<T>, Unreadable> {
    let mut reader = Reader::from_reader(input);
    reader.config_mut().expand_empty_elements = true;
    let (mut buffer, mut open) = (Vec::new(), 0_usize);
    let damaged = |what: &'static str| Unreadable::Damaged(what.into());
    loop {
        buffer.clear();
        let event = reader
            .read_event_into(&mut buffer)
            .map_err(|error| Unreadable::Damaged(error.into()))?;
        let taken = match &event {
            Event::DocType(_) => return Err(damaged("it has a document type")),
            Event::Start(element) => {
                open += 1;
                if open > DEEPEST {
                    return Err(damaged("its elements are nested too deep"));
                }
                take(Token::Start(element.local_name().as_ref(), element))?
            }
            Event::End(element) => {
                open = open.saturating_sub(1);
                take(Token::End(element.local_name().as_ref()))?
            }
            Event::Text(piece) => take(Token::Text(&piece.xml10_content()))?,
            Event::CData(piece) => take(Token::Text(&piece.xml10_content()))?,
            Event::GeneralRef(reference) => {
                let character = reference
                    .resolve_char_ref()
                    .map_err(|error| Unreadable::Damaged(error.into()))?;
                match character {
                    Some(character) => take(Token::Text(character.encode_utf8(&mut [0; 4])))?,
                    None => {
                        let known = resolve_predefined_entity(reference);
                        take(Token::Text(
                            known.ok_or_else(|| damaged("it has an unknown entity"))?,
                        ))?
                    }
                }
            }
            Event::Eof if open > 0 => return Err(damaged("it ends too early")),
            Event::Eof => return Ok(None),
            _ => None,
        };
        if taken.is_some() {
            return Ok(taken);
        }
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = element
        .attributes()
        .with_checks(false)
        .filter_map(Result::ok)
        .find(|attribute| attribute.key.local_name().as_ref() == name)?;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.into_owned())
}

/// A reader that stops when the budget of the workbook is used up.
struct Metered<'a, R> {
    inner: R,
    budget: &'a Cell<u64>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let left = self.budget.get().saturating_sub(read as u64);
        self.budget.set(left);
        if left == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "unpacked too much"));
        }
        Ok(read)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    fn archive(parts: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        for (name, content) in parts {
            archive.start_file(*name, options).unwrap();
            archive.write_all(content.as_bytes()).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    const MAIN: &str = r#"<Relationships><Relationship Id="a" Type="http://x/officeDocument" Target="/xl/workbook.xml"/></Relationships>"#;
    const RELATIONS: &str = r#"<Relationships><Relationship Id="r1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/>
        <Relationship Id="s" Type="http://x/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="t" Type="http://x/styles" Target="styles.xml"/></Relationships>"#;
    const WORKBOOK: &str = r#"<x:workbook xmlns:x="u" xmlns:r="v"><x:sheets><x:sheet name="Долги" sheetId="1" r:id="r1"/><x:sheet name="Тайное" sheetId="2" state="hidden" r:id="r2"/></x:sheets></x:workbook>"#;
    const STRINGS: &str = r#"<sst><si><t>Контрагент</t></si><si><r><t>ООО &amp; </t></r><r><t>«Вектор»</t></r><rPh><t>no</t></rPh></si><si><t>Долг</t></si><si><t>Срок</t></si></sst>"#;
    const STYLES: &str = r##"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="dd\.mm\.yyyy;@"/><numFmt numFmtId="165" formatCode="#,##0.00\ &quot;дней&quot;"/></numFmts>
        <cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="22"/></cellXfs></styleSheet>"##;
    const SHEET: &str = r#"<worksheet><sheetData>
        <row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>2</v></c><c r="D1" t="s"><v>3</v></c></row>
        <row r="2"><c r="A2" t="s"><v>1</v></c><c r="B2" s="2"><f>1+1</f><v>1200.4999999999998</v></c><c r="C2" t="b"><v>1</v></c><c r="D2" s="1"><v>46327</v></c></row>
        <row r="3"><c r="A3" t="inlineStr"><is><t>Ромашка</t></is></c><c r="B3"><v>8E2</v></c><c r="D3" s="3"><v>46327.5</v></c></row>
        <row r="4"><c r="A4"/></row></sheetData></worksheet>"#;

    /// A workbook with that sheet.
    pub(in crate::attachments) fn workbook(sheet: &str) -> Vec<u8> {
        archive(&[
            ("_rels/.rels", MAIN),
            ("xl/workbook.xml", WORKBOOK),
            ("xl/_rels/workbook.xml.rels", RELATIONS),
            ("xl/sharedStrings.xml", STRINGS),
            ("xl/styles.xml", STYLES),
            ("xl/worksheets/sheet1.xml", sheet),
        ])
    }

    #[test]
    fn values_of_visible_sheets_are_read() {
        let sheets = sheets(&workbook(SHEET)).unwrap();
        assert_eq!(sheets.len(), 1);
        assert_eq!(sheets[0].name, "Долги");
        assert_eq!(sheets[0].columns, ["Контрагент", "Долг", "Колонка 3", "Срок"]);
        assert_eq!(
            sheets[0].rows,
            [
                ["ООО & «Вектор»", "1200.5", "да", "2026-11-01"].map(str::to_owned),
                ["Ромашка", "800", "", "2026-11-01 12:00:00"].map(str::to_owned),
            ]
        );
        assert_eq!(sheets[0].row_count, 2);
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = format!("<worksheet>{}</worksheet>", " ".repeat(40 * 1024 * 1024));
        let packed = workbook(&bomb);
        assert!(packed.len() < 100_000);
        assert!(matches!(sheets(&packed), Err(Unreadable::TooLarge)));
    }

    #[test]
    fn hostile_and_damaged_workbooks_are_refused() {
        let deep = format!("<worksheet>{}", "<a>".repeat(100));
        for sheet in [
            "<!DOCTYPE x [<!ENTITY a \"b\">]><worksheet/>",
            "<worksheet><sheetData><row><c><v>&a;</v></c></row></sheetData></worksheet>",
            "<worksheet><sheetData>",
            &deep,
        ] {
            assert!(
                matches!(sheets(&workbook(sheet)), Err(Unreadable::Damaged(_))),
                "{sheet}"
            );
        }
        let word = archive(&[("_rels/.rels", "<Relationships/>"), ("word/document.xml", "<a/>")]);
        assert!(matches!(sheets(&word), Err(Unreadable::Unsupported)));
        assert!(matches!(
            sheets(&archive(&[("a", "b")])),
            Err(Unreadable::Damaged(_))
        ));
        let whole = workbook(SHEET);
        for end in (0..whole.len()).step_by(97) {
            assert!(sheets(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn formats_and_columns() {
        for (code, expected) in [
            ("dd.mm.yyyy", true),
            ("[$-419]d mmm yy;@", true),
            ("h:mm", true),
            ("#,##0.00\" дней\"", false),
            ("[Red]0.00", false),
            ("General", false),
            ("0\\d", false),
        ] {
            assert_eq!(is_date_format(code), expected, "{code}");
        }
        assert_eq!((column("A1"), column("AB7"), column("7")), (0, 27, 0));
    }
}
