//! Markdown as blocks of text, without anything that could be markup elsewhere.

use pulldown_cmark::{Alignment, Event, Options, Parser, Tag, TagEnd};

/// Lists within lists that are told apart; deeper ones are shown like the deepest.
pub(super) const MAX_DEPTH: usize = 9;

/// A text.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Document(pub(super) Vec<Block>);

/// A part of a text that stands by itself.
#[derive(Debug, PartialEq)]
pub(super) enum Block {
    /// A heading of a level from 1 to 6.
    Heading(u8, Vec<Run>),
    Paragraph(Vec<Run>),
    /// An item of a list, with its depth from 0.
    Item {
        depth: usize,
        /// Its number in a numbered list.
        number: Option<u64>,
        runs: Vec<Run>,
    },
    Table {
        alignments: Vec<Alignment>,
        /// The first row is the heading.
        rows: Vec<Row>,
    },
    Code(String),
    Rule,
}

/// The cells of a row of a table.
pub(super) type Row = Vec<Vec<Run>>;

/// Characters of one look. A line break is `\n`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) text: String,
    pub(super) bold: bool,
    pub(super) italic: bool,
}

impl Document {
    /// Reads Markdown. Anything is a text.
    pub(super) fn parse(markdown: &str) -> Self {
        let mut reader = Reader::default();
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
        for event in Parser::new_ext(markdown, options) {
            reader.read(event);
        }
        reader.end_block();
        Self(reader.blocks)
    }
}

/// Where in the text the reader is.
#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    runs: Vec<Run>,
    bold: usize,
    italic: usize,
    heading: Option<u8>,
    /// Next numbers of the lists that are open.
    lists: Vec<Option<u64>>,
    /// The item whose text comes next.
    item: Option<(usize, Option<u64>)>,
    table: Option<(Vec<Alignment>, Vec<Row>)>,
    code: Option<String>,
}

impl Reader {
    fn read(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.say(&text),
            Event::Code(text) | Event::InlineHtml(text) | Event::Html(text) => self.say(&text),
            // A line of a letter is a line: signatures and addresses are written so.
            Event::SoftBreak | Event::HardBreak => self.say("\n"),
            Event::Rule => self.blocks.push(Block::Rule),
            Event::FootnoteReference(_)
            | Event::TaskListMarker(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.end_block();
                self.heading = Some(level as u8);
            }
            Tag::List(first) => {
                self.end_block();
                self.lists.push(first);
            }
            Tag::Item => {
                self.end_block();
                let depth = self.lists.len().saturating_sub(1).min(MAX_DEPTH - 1);
                let number = self.lists.last_mut().and_then(|next| {
                    let number = *next;
                    *next = number.map(|number| number.saturating_add(1));
                    number
                });
                self.item = Some((depth, number));
            }
            Tag::Table(alignments) => {
                self.end_block();
                self.table = Some((alignments, Vec::new()));
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some((_, rows)) = &mut self.table {
                    rows.push(Vec::new());
                }
            }
            Tag::CodeBlock(_) => {
                self.end_block();
                self.code = Some(String::new());
            }
            Tag::Strong => self.bold += 1,
            Tag::Emphasis => self.italic += 1,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item | TagEnd::HtmlBlock => self.end_block(),
            TagEnd::List(_) => {
                self.end_block();
                self.lists.pop();
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.runs);
                if let Some(row) = self.table.as_mut().and_then(|(_, rows)| rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::Table => {
                if let Some((alignments, rows)) = self.table.take() {
                    self.blocks.push(Block::Table { alignments, rows });
                }
            }
            TagEnd::CodeBlock => {
                if let Some(code) = self.code.take() {
                    self.blocks.push(Block::Code(code.trim_end().to_owned()));
                }
            }
            TagEnd::Strong => self.bold = self.bold.saturating_sub(1),
            TagEnd::Emphasis => self.italic = self.italic.saturating_sub(1),
            _ => {}
        }
    }

    fn say(&mut self, text: &str) {
        if let Some(code) = &mut self.code {
            code.push_str(text);
            return;
        }
        let (bold, italic) = (self.bold > 0, self.italic > 0);
        match self.runs.last_mut() {
            Some(last) if last.bold == bold && last.italic == italic => last.text.push_str(text),
            _ => self.runs.push(Run {
                text: text.to_owned(),
                bold,
                italic,
            }),
        }
    }

    /// What has been said becomes a block, if anything was.
    fn end_block(&mut self) {
        let mut runs = std::mem::take(&mut self.runs);
        if let Some(last) = runs.last_mut() {
            last.text.truncate(last.text.trim_end_matches('\n').len());
        }
        let heading = self.heading.take();
        if runs.iter().all(|run| run.text.trim().is_empty()) {
            return;
        }
        self.blocks.push(match (heading, self.item.take()) {
            (Some(level), _) => Block::Heading(level, runs),
            (None, Some((depth, number))) => Block::Item { depth, number, runs },
            (None, None) => Block::Paragraph(runs),
        });
    }
}

/// The characters without their looks.
pub(super) fn text_of(runs: &[Run]) -> String {
    runs.iter().map(|run| run.text.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_of_others_is_text() {
        let text = "<script>alert(1)</script>\n\n[сюда](javascript:x) ![и сюда](http://x/y.png) <b>жирно</b>";
        let Document(blocks) = Document::parse(text);
        let said: Vec<String> = blocks
            .iter()
            .map(|block| match block {
                Block::Paragraph(runs) => text_of(runs),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(said[0], "<script>alert(1)</script>");
        assert_eq!(said[1], "сюда и сюда <b>жирно</b>");
    }

    #[test]
    fn lists_know_their_depth_and_numbers() {
        let Document(blocks) = Document::parse("3. три\n4. четыре\n   - внутри\n\nконец");
        let items: Vec<_> = blocks
            .iter()
            .filter_map(|block| match block {
                Block::Item { depth, number, runs } => Some((*depth, *number, text_of(runs))),
                _ => None,
            })
            .collect();
        assert_eq!(
            items,
            [
                (0, Some(3), "три".to_owned()),
                (0, Some(4), "четыре".to_owned()),
                (1, None, "внутри".to_owned()),
            ]
        );
        assert_eq!(blocks.len(), 4);
    }
}
