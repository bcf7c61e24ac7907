//! A text as a document of Office Open XML (ECMA-376), with margins and type as business letters
//! have them (ГОСТ Р 7.0.97-2016, section 3).

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use common::BoxError;
use pulldown_cmark::Alignment;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::document::{Block, Document, MAX_DEPTH, Row, Run};

const NAMESPACE: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

const CONTENT_TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
<Default Extension=\"xml\" ContentType=\"application/xml\"/>\
<Override PartName=\"/word/document.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/>\
<Override PartName=\"/word/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml\"/>\
<Override PartName=\"/word/numbering.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.numbering+xml\"/>\
<Override PartName=\"/docProps/core.xml\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/>\
</Types>";

const PACKAGE_RELATIONS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"word/document.xml\"/>\
<Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties\" Target=\"docProps/core.xml\"/>\
</Relationships>";

const DOCUMENT_RELATIONS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" Target=\"styles.xml\"/>\
<Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/numbering\" Target=\"numbering.xml\"/>\
</Relationships>";

/// A4 with 20 mm above and below, 30 mm left for binding, 15 mm right; in twentieths of a point.
const SECTION: &str = "<w:sectPr><w:pgSz w:w=\"11906\" w:h=\"16838\"/>\
<w:pgMar w:top=\"1134\" w:right=\"851\" w:bottom=\"1134\" w:left=\"1701\" w:header=\"709\" w:footer=\"709\" w:gutter=\"0\"/></w:sectPr>";

/// Half points of headings of levels 1 to 6.
const HEADING_SIZES: [u8; 6] = [32, 28, 26, 24, 24, 24];

/// The bytes of the document.
///
/// # Errors
/// When the archive cannot be written.
pub(super) fn written(title: &str, document: &Document) -> Result<Vec<u8>, BoxError> {
    let mut lists = Lists::default();
    let mut body = String::new();
    for block in &document.0 {
        block_into(&mut body, &mut lists, block);
    }
    let text = format!("<w:document xmlns:w=\"{NAMESPACE}\"><w:body>{body}{SECTION}</w:body></w:document>");
    let core = format!(
        "<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>{}</dc:title></cp:coreProperties>",
        escaped(title)
    );
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in [
        ("[Content_Types].xml", CONTENT_TYPES),
        ("_rels/.rels", PACKAGE_RELATIONS),
        ("word/_rels/document.xml.rels", DOCUMENT_RELATIONS),
        ("word/document.xml", &text),
        ("word/styles.xml", &styles()),
        ("word/numbering.xml", &lists.numbering()),
        ("docProps/core.xml", &core),
    ] {
        archive.start_file(name, options)?;
        archive.write_all(HEAD.as_bytes())?;
        archive.write_all(content.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}

/// Lists of the document: each numbered one counts for itself.
#[derive(Default)]
struct Lists {
    /// Depth and first number of each numbered list.
    started: Vec<(usize, u64)>,
    /// The numbered list of each depth, and its latest number.
    open: Vec<Option<(usize, u64)>>,
}

/// The list of bullets.
const BULLETS: usize = 1;

impl Lists {
    /// The list that an item belongs to.
    fn of(&mut self, depth: usize, number: Option<u64>) -> usize {
        self.open.resize(depth + 1, None);
        let Some(number) = number else {
            self.open[depth] = None;
            return BULLETS;
        };
        let list = match self.open[depth] {
            Some((list, latest)) if latest.checked_add(1) == Some(number) => list,
            _ => {
                self.started.push((depth, number));
                BULLETS + self.started.len()
            }
        };
        self.open[depth] = Some((list, number));
        list
    }

    fn numbering(&self) -> String {
        let mut xml = format!("<w:numbering xmlns:w=\"{NAMESPACE}\">");
        for (id, format, mark) in [(0, "bullet", "—"), (1, "decimal", "")] {
            let _ = write!(
                xml,
                "<w:abstractNum w:abstractNumId=\"{id}\"><w:multiLevelType w:val=\"hybridMultilevel\"/>"
            );
            for level in 0..MAX_DEPTH {
                let text = if mark.is_empty() {
                    format!("%{}.", level + 1)
                } else {
                    mark.to_owned()
                };
                let left = 720 * (level + 1);
                let _ = write!(
                    xml,
                    "<w:lvl w:ilvl=\"{level}\"><w:start w:val=\"1\"/><w:numFmt w:val=\"{format}\"/><w:lvlText w:val=\"{text}\"/>\
                     <w:lvlJc w:val=\"left\"/><w:pPr><w:ind w:left=\"{left}\" w:hanging=\"360\"/></w:pPr></w:lvl>"
                );
            }
            xml.push_str("</w:abstractNum>");
        }
        let _ = write!(
            xml,
            "<w:num w:numId=\"{BULLETS}\"><w:abstractNumId w:val=\"0\"/></w:num>"
        );
        for (index, (depth, first)) in self.started.iter().enumerate() {
            let id = BULLETS + 1 + index;
            let _ = write!(
                xml,
                "<w:num w:numId=\"{id}\"><w:abstractNumId w:val=\"1\"/>\
                 <w:lvlOverride w:ilvl=\"{depth}\"><w:startOverride w:val=\"{first}\"/></w:lvlOverride></w:num>"
            );
        }
        xml.push_str("</w:numbering>");
        xml
    }
}

fn styles() -> String {
    let mut xml = format!(
        "<w:styles xmlns:w=\"{NAMESPACE}\"><w:docDefaults><w:rPrDefault><w:rPr>\
         <w:rFonts w:ascii=\"Times New Roman\" w:hAnsi=\"Times New Roman\" w:cs=\"Times New Roman\"/>\
         <w:sz w:val=\"24\"/><w:szCs w:val=\"24\"/><w:lang w:val=\"ru-RU\"/></w:rPr></w:rPrDefault>\
         <w:pPrDefault><w:pPr><w:spacing w:after=\"160\" w:line=\"276\" w:lineRule=\"auto\"/></w:pPr></w:pPrDefault></w:docDefaults>\
         <w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name w:val=\"Normal\"/></w:style>"
    );
    for (size, level) in HEADING_SIZES.iter().zip(1..) {
        let outline = level - 1;
        let _ = write!(
            xml,
            "<w:style w:type=\"paragraph\" w:styleId=\"Heading{level}\"><w:name w:val=\"heading {level}\"/><w:basedOn w:val=\"Normal\"/>\
             <w:pPr><w:keepNext/><w:outlineLvl w:val=\"{outline}\"/></w:pPr><w:rPr><w:b/><w:sz w:val=\"{size}\"/></w:rPr></w:style>"
        );
    }
    xml.push_str("</w:styles>");
    xml
}

fn block_into(body: &mut String, lists: &mut Lists, block: &Block) {
    let _ = match block {
        Block::Heading(level, runs) => {
            paragraph(body, &format!("<w:pStyle w:val=\"Heading{level}\"/>"), runs)
        }
        Block::Paragraph(runs) => paragraph(body, "", runs),
        Block::Item { depth, number, runs } => {
            let list = lists.of(*depth, *number);
            let properties = format!(
                "<w:numPr><w:ilvl w:val=\"{depth}\"/><w:numId w:val=\"{list}\"/></w:numPr><w:spacing w:after=\"60\"/>"
            );
            paragraph(body, &properties, runs)
        }
        Block::Code(code) => {
            let run = Run {
                text: code.clone(),
                ..Run::default()
            };
            paragraph(body, "", &[run])
        }
        Block::Rule => write!(
            body,
            "<w:p><w:pPr><w:pBdr><w:bottom w:val=\"single\" w:sz=\"6\" w:space=\"1\" w:color=\"auto\"/></w:pBdr></w:pPr></w:p>"
        ),
        Block::Table { alignments, rows } => table(body, alignments, rows),
    };
}

fn table(body: &mut String, alignments: &[Alignment], rows: &[Row]) -> std::fmt::Result {
    body.push_str("<w:tbl><w:tblPr><w:tblW w:w=\"5000\" w:type=\"pct\"/><w:tblBorders>");
    for side in ["top", "left", "bottom", "right", "insideH", "insideV"] {
        write!(
            body,
            "<w:{side} w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"auto\"/>"
        )?;
    }
    body.push_str("</w:tblBorders></w:tblPr><w:tblGrid>");
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    body.push_str(&"<w:gridCol/>".repeat(columns));
    body.push_str("</w:tblGrid>");
    for (number, row) in rows.iter().enumerate() {
        body.push_str("<w:tr>");
        if number == 0 {
            body.push_str("<w:trPr><w:tblHeader/></w:trPr>");
        }
        for column in 0..columns {
            let side = match alignments.get(column) {
                Some(Alignment::Right) => "right",
                Some(Alignment::Center) => "center",
                _ => "left",
            };
            let cell = row.get(column).map(Vec::as_slice).unwrap_or_default();
            let bold: Vec<Run> = cell
                .iter()
                .cloned()
                .map(|run| Run {
                    bold: run.bold || number == 0,
                    ..run
                })
                .collect();
            body.push_str("<w:tc><w:tcPr><w:tcW w:w=\"0\" w:type=\"auto\"/></w:tcPr>");
            paragraph(
                body,
                &format!("<w:spacing w:after=\"0\"/><w:jc w:val=\"{side}\"/>"),
                &bold,
            )?;
            body.push_str("</w:tc>");
        }
        body.push_str("</w:tr>");
    }
    // Word wants a paragraph after a table.
    write!(body, "</w:tbl><w:p/>")
}

fn paragraph(body: &mut String, properties: &str, runs: &[Run]) -> std::fmt::Result {
    write!(body, "<w:p><w:pPr>{properties}</w:pPr>")?;
    for run in runs {
        for (number, line) in run.text.split('\n').enumerate() {
            body.push_str("<w:r>");
            if run.bold || run.italic {
                let (bold, italic) = (
                    if run.bold { "<w:b/>" } else { "" },
                    if run.italic { "<w:i/>" } else { "" },
                );
                write!(body, "<w:rPr>{bold}{italic}</w:rPr>")?;
            }
            if number > 0 {
                body.push_str("<w:br/>");
            }
            write!(body, "<w:t xml:space=\"preserve\">{}</w:t></w:r>", escaped(line))?;
        }
    }
    write!(body, "</w:p>")
}

/// Characters of XML 1.0 (section 2.2); others would make the document unreadable.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\t' => xml.push(c),
            c if c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => {}
            c => xml.push(c),
        }
    }
    xml
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn part(bytes: &[u8], name: &str) -> String {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_letter_is_a_document_of_paragraphs_lists_and_tables() {
        let markdown = "## О долге\n\n1. раз\n2. два\n\nИ ещё:\n\n1. снова\n\n| Товар | Цена |\n|--|--:|\n| A & <B> \u{1} | 10 |\n\nС уважением,\nИванов";
        let bytes = written("О долге", &Document::parse(markdown)).unwrap();
        let document = part(&bytes, "word/document.xml");
        for expected in [
            "<w:pStyle w:val=\"Heading2\"/>",
            "A &amp; &lt;B&gt; ",
            "<w:jc w:val=\"right\"/>",
            "<w:br/><w:t xml:space=\"preserve\">Иванов</w:t>",
        ] {
            assert!(document.contains(expected), "{expected} in {document}");
        }
        // The second list begins at one again.
        assert_eq!(document.matches("<w:numId w:val=\"2\"/>").count(), 2);
        assert_eq!(document.matches("<w:numId w:val=\"3\"/>").count(), 1);
        assert!(part(&bytes, "word/numbering.xml").contains("<w:num w:numId=\"3\">"));
        assert!(part(&bytes, "docProps/core.xml").contains("<dc:title>О долге</dc:title>"));
    }
}
