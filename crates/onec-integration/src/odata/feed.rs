//! The Atom feed in which 1C hands out registered changes (`SelectChanges`), read as a stream: one
//! entry at a time is in memory, and an entry is limited in size.
//!
//! An entry becomes the text of a JSON object, so that the rest of the program knows one form of
//! rows only. The feed has no types of simple values; all but booleans become strings, which
//! [`Row`](super::Row) reads as numbers where numbers are asked for.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use percent_encoding::percent_decode_str;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use uuid::Uuid;

use super::DataError;

/// The largest entry: a record set of one document has been seen with 6 MB.
const LARGEST_ENTRY: usize = 64 * 1024 * 1024;
/// Elements within each other in an entry: a value in a row in a tabular part is three deep.
const DEEPEST: usize = 16;

/// One registered change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// A whole object: its entity set and its JSON.
    Object {
        /// The entity set.
        set: String,
        /// JSON text of the object.
        body: String,
    },
    /// All records of a recorder; none of them is left out, so an empty set removes the records.
    Records {
        /// The register.
        set: String,
        /// JSON text with `Recorder`, `Recorder_Type` and `RecordSet`.
        body: String,
    },
    /// An object that was deleted for good.
    Deleted {
        /// The entity set.
        set: String,
        /// The object.
        reference: Uuid,
    },
    /// A deletion of something that has no reference.
    Unknown,
}

/// Reads a feed.
#[derive(Debug)]
pub(crate) struct Feed<R> {
    reader: Reader<Limited<R>>,
    buffer: Vec<u8>,
    /// The root was opened, and closed: a feed without its end was cut off on the way.
    opened: bool,
    closed: bool,
}

impl<R: AsyncBufRead + Unpin> Feed<R> {
    /// A feed over a body.
    pub(crate) fn new(input: R) -> Self {
        let mut reader = Reader::from_reader(Limited {
            inner: input,
            left: LARGEST_ENTRY,
        });
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            buffer: Vec::new(),
            opened: false,
            closed: false,
        }
    }

    /// The next change; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Change>, DataError> {
        loop {
            self.buffer.clear();
            self.reader.get_mut().left = LARGEST_ENTRY;
            let event = self
                .reader
                .read_event_into_async(&mut self.buffer)
                .await
                .map_err(DataError::Xml)?;
            match event {
                Event::Start(element) => match element.local_name().as_ref() {
                    "feed" => self.opened = true,
                    "entry" => return self.entry().await.map(Some),
                    "deleted-entry" => {
                        let change = attribute(&element, "ref").and_then(|reference| deleted(&reference));
                        return Ok(Some(change.unwrap_or(Change::Unknown)));
                    }
                    _ => {}
                },
                Event::End(element) if element.local_name().as_ref() == "feed" => self.closed = true,
                // A document type could define entities that grow without end.
                Event::DocType(_) => return Err(DataError::Missing("feed".to_owned())),
                Event::Eof if self.opened && self.closed => return Ok(None),
                Event::Eof => return Err(DataError::Missing("feed".to_owned())),
                _ => {}
            }
        }
    }

    async fn entry(&mut self) -> Result<Change, DataError> {
        let mut entry = Entry::default();
        loop {
            self.buffer.clear();
            let event = self
                .reader
                .read_event_into_async(&mut self.buffer)
                .await
                .map_err(DataError::Xml)?;
            match event {
                Event::Start(element) => entry.start(&element)?,
                Event::End(element) => {
                    if entry.frames.is_empty() && element.local_name().as_ref() == "entry" {
                        return entry.finish();
                    }
                    entry.end();
                }
                Event::Text(text) => entry.text(&text.xml_content(XmlVersion::Implicit1_0)),
                Event::CData(text) => entry.text(&text.xml_content(XmlVersion::Implicit1_0)),
                Event::GeneralRef(reference) => match reference.resolve_char_ref().map_err(DataError::Xml)? {
                    Some(c) => entry.text(c.encode_utf8(&mut [0; 4])),
                    None => {
                        let known = quick_xml::escape::resolve_predefined_entity(&reference);
                        entry.text(known.ok_or_else(|| DataError::Missing("entity".to_owned()))?);
                    }
                },
                Event::DocType(_) | Event::Eof => return Err(DataError::Missing("feed".to_owned())),
                _ => {}
            }
        }
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element
        .attributes()
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)?;
    let value = attribute.normalized_value(XmlVersion::Implicit1_0);
    value.ok().map(std::borrow::Cow::into_owned)
}

/// The object of `http://host/base/odata/standard.odata/Catalog_X(guid'…')`.
fn deleted(reference: &str) -> Option<Change> {
    let decoded = percent_decode_str(reference).decode_utf8().ok()?;
    let (path, key) = decoded.split_once('(')?;
    let set = path.rsplit('/').next().filter(|set| !set.is_empty())?;
    let guid = key.split('\'').nth(1)?;
    Some(Change::Deleted {
        set: set.to_owned(),
        reference: Uuid::parse_str(guid).ok()?,
    })
}

/// Where in an entry the reader is.
#[derive(Debug)]
enum Frame {
    Object {
        comma: bool,
    },
    Array {
        comma: bool,
    },
    /// A value; whether it is simple shows with its first child.
    Value {
        null: bool,
        text: String,
    },
}

#[derive(Debug, Default)]
struct Entry {
    term: Option<String>,
    json: String,
    frames: Vec<Frame>,
    is_record_set: bool,
}

impl Entry {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), DataError> {
        let name = element.local_name();
        let name = name.as_ref();
        if self.frames.len() > DEEPEST {
            return Err(DataError::Missing("end of an element".to_owned()));
        }
        if let Some(Frame::Value { .. }) = self.frames.last() {
            // It has children: rows, or properties.
            self.frames.pop();
            let is_collection = name == "element";
            self.json.push(if is_collection { '[' } else { '{' });
            self.frames.push(if is_collection {
                Frame::Array { comma: false }
            } else {
                Frame::Object { comma: false }
            });
        }
        match self.frames.last_mut() {
            None => match name {
                "category" => {
                    let term = attribute(element, "term");
                    self.term = term.map(|term| term.rsplit('.').next().unwrap_or_default().to_owned());
                }
                "properties" => {
                    self.json.push('{');
                    self.frames.push(Frame::Object { comma: false });
                }
                _ => {}
            },
            Some(Frame::Object { comma }) => {
                if std::mem::replace(comma, true) {
                    self.json.push(',');
                }
                push_string(&mut self.json, name);
                self.json.push(':');
                let is_record_set = name == "RecordSet" && self.frames.len() == 1;
                self.is_record_set |= is_record_set;
                let kind = attribute(element, "type");
                if is_record_set || kind.is_some_and(|kind| kind.starts_with("Collection(")) {
                    self.json.push('[');
                    self.frames.push(Frame::Array { comma: false });
                } else {
                    self.push_value(element);
                }
            }
            Some(Frame::Array { comma }) => {
                if std::mem::replace(comma, true) {
                    self.json.push(',');
                }
                self.push_value(element);
            }
            Some(Frame::Value { .. }) => {}
        }
        Ok(())
    }

    fn push_value(&mut self, element: &BytesStart<'_>) {
        self.frames.push(Frame::Value {
            null: attribute(element, "null").as_deref() == Some("true"),
            text: String::new(),
        });
    }

    fn text(&mut self, more: &str) {
        if let Some(Frame::Value { text, .. }) = self.frames.last_mut() {
            text.push_str(more);
        }
    }

    fn end(&mut self) {
        match self.frames.pop() {
            None => {}
            Some(Frame::Object { .. }) => self.json.push('}'),
            Some(Frame::Array { .. }) => self.json.push(']'),
            Some(Frame::Value { null: true, .. }) => self.json.push_str("null"),
            Some(Frame::Value { text, .. }) => match text.as_str() {
                "true" | "false" => self.json.push_str(&text),
                text => push_string(&mut self.json, text),
            },
        }
    }

    fn finish(self) -> Result<Change, DataError> {
        let missing = |what: &str| DataError::Missing(what.to_owned());
        let set = self.term.ok_or_else(|| missing("category"))?;
        if self.json.is_empty() {
            return Err(missing("properties"));
        }
        Ok(if self.is_record_set {
            Change::Records { set, body: self.json }
        } else {
            Change::Object { set, body: self.json }
        })
    }
}

fn push_string(json: &mut String, text: &str) {
    // A string always serialises.
    json.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// An input that ends in an error when one entry takes more than its share.
#[derive(Debug)]
struct Limited<R> {
    inner: R,
    left: usize,
}

impl<R: AsyncRead + Unpin> AsyncRead for Limited<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<R: AsyncBufRead + Unpin> AsyncBufRead for Limited<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(Err(io::Error::other("an entry is too large")));
        }
        Pin::new(&mut this.inner).poll_fill_buf(context)
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        self.left = self.left.saturating_sub(amount);
        Pin::new(&mut self.inner).consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odata::Row;

    const FEED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0"
  xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices"
  xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" xml:base="http://1c/b/odata/standard.odata/">
 <entry><id>http://1c/b/odata/standard.odata/Catalog_Склады(guid'c3314aea-6899-11e8-8780-b06ebf2faaf6')</id>
  <category term="StandardODATA.Catalog_Склады" scheme="x"/><title type="text"/><author/>
  <link rel="edit" href="Catalog_Склады(guid'c3314aea-6899-11e8-8780-b06ebf2faaf6')"/>
  <content type="application/xml"><m:properties>
   <d:Ref_Key>c3314aea-6899-11e8-8780-b06ebf2faaf6</d:Ref_Key><d:Description>ООО &quot;А&amp;Б&quot; &#171;я&#187;</d:Description>
   <d:IsFolder>false</d:IsFolder><d:Пусто/><d:Нет m:null="true"/><d:Сумма>20000.5</d:Сумма>
   <d:Части m:type="Collection(StandardODATA.Catalog_Склады_Части_RowType)"/>
   <d:Контакты m:type="Collection(StandardODATA.Catalog_Склады_Контакты_RowType)">
    <d:element m:type="StandardODATA.Catalog_Склады_Контакты_RowType"><d:LineNumber>1</d:LineNumber><d:Вид>a\b</d:Вид></d:element>
    <d:element m:type="StandardODATA.Catalog_Склады_Контакты_RowType"><d:LineNumber>2</d:LineNumber><d:Вид/></d:element>
   </d:Контакты></m:properties></content></entry>
 <entry><category term="StandardODATA.AccountingRegister_Хозрасчетный"/><content><m:properties>
   <d:Recorder>fc3cc5d5-9cae-11ed-8bbf-90004ef3f886</d:Recorder><d:Recorder_Type>StandardODATA.Document_А</d:Recorder_Type>
   <d:RecordSet m:type="Collection(StandardODATA.AccountingRegister_Хозрасчетный_RowType)"/></m:properties></content></entry>
 <at:deleted-entry ref="http://1c/b/odata/standard.odata/Document_%D0%90(guid'fc3cc5d5-9cae-11ed-8bbf-90004ef3f886')" when="2026-01-01T00:00:00"/>
</feed>"#;

    async fn read(text: &str) -> Result<Vec<Change>, DataError> {
        let mut feed = Feed::new(text.as_bytes());
        let mut changes = Vec::new();
        while let Some(change) = feed.next().await? {
            changes.push(change);
        }
        Ok(changes)
    }

    #[tokio::test]
    async fn entries_become_rows() {
        let changes = read(FEED).await.unwrap();
        assert_eq!(changes.len(), 3);
        let Change::Object { set, body } = &changes[0] else {
            panic!("{changes:?}")
        };
        assert_eq!(set, "Catalog_Склады");
        let row: Row<'_> = serde_json::from_str(body).unwrap();
        assert_eq!(
            row.text("Description").unwrap().as_deref(),
            Some("ООО \"А&Б\" «я»")
        );
        assert_eq!(row.boolean("IsFolder").unwrap(), Some(false));
        assert_eq!(
            (row.text("Пусто").unwrap(), row.text("Нет").unwrap()),
            (None, None)
        );
        assert_eq!(row.decimal("Сумма").unwrap().unwrap().to_string(), "20000.5");
        assert!(row.rows("Части").unwrap().is_empty());
        let contacts = row.rows("Контакты").unwrap();
        assert_eq!(contacts[1].integer("LineNumber").unwrap(), Some(2));
        assert_eq!(contacts[0].text("Вид").unwrap().as_deref(), Some("a\\b"));

        let Change::Records { set, body } = &changes[1] else {
            panic!("{changes:?}")
        };
        assert_eq!(set, "AccountingRegister_Хозрасчетный");
        let row: Row<'_> = serde_json::from_str(body).unwrap();
        assert_eq!(row.target("Recorder").as_deref(), Some("Document_А"));
        assert!(row.rows("RecordSet").unwrap().is_empty());
        let reference = "fc3cc5d5-9cae-11ed-8bbf-90004ef3f886".parse().unwrap();
        let set = "Document_А".to_owned();
        assert_eq!(changes[2], Change::Deleted { set, reference });
    }

    #[tokio::test]
    async fn a_feed_that_was_cut_off_or_is_something_else_is_an_error() {
        for at in (0..FEED.len()).filter(|at| FEED.is_char_boundary(*at)).step_by(7) {
            assert!(read(&FEED[..at]).await.is_err(), "{at}");
        }
        for text in ["", "<html></html>", "{\"value\":[]}"] {
            assert!(read(text).await.is_err(), "{text}");
        }
        let laughs = "<!DOCTYPE feed [<!ENTITY a \"&b;&b;\">]><feed></feed>";
        assert!(read(laughs).await.is_err());
    }

    #[tokio::test]
    async fn an_empty_feed_has_no_changes() {
        assert!(
            read("<feed xmlns=\"http://www.w3.org/2005/Atom\"/>")
                .await
                .unwrap()
                .is_empty()
        );
        assert!(
            read("\u{feff}<?xml version=\"1.0\"?><feed></feed>")
                .await
                .unwrap()
                .is_empty()
        );
    }

    #[tokio::test]
    async fn an_entry_without_end_takes_no_more_than_its_share() {
        use tokio::io::AsyncReadExt;
        let start = "<feed><entry><content><properties><d:X>";
        let endless = tokio::io::BufReader::new(start.as_bytes().chain(tokio::io::repeat(b'x')));
        assert!(Feed::new(endless).next().await.is_err());
    }
}
