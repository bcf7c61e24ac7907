//! The Atom feed in which 1C hands out registered changes (`SelectChanges`), read as a stream: one
//! entry at a time is in memory.

use percent_encoding::percent_decode_str;
use quick_xml::events::{BytesStart, Event};
use tokio::io::AsyncBufRead;
use uuid::Uuid;

use super::ANSWERS;
use super::DataError;
use super::atom::{Properties, read_properties};
use crate::xml::{Xml, attribute};

/// One registered change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// A whole object.
    Object {
        /// The entity set.
        set: String,
        /// The object.
        properties: Properties,
    },
    /// All records of a recorder; none of them is left out, so an empty set removes the records.
    Records {
        /// The register.
        set: String,
        /// `Recorder`, `Recorder_Type` and `RecordSet`.
        properties: Properties,
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
    xml: Xml<R>,
    /// The root was opened: other documents are no feeds.
    opened: bool,
}

impl<R: AsyncBufRead + Unpin> Feed<R> {
    /// A feed over a body.
    pub(crate) fn new(input: R) -> Self {
        Self {
            xml: Xml::new(input, ANSWERS),
            opened: false,
        }
    }

    /// The next change; `None` after the last. A feed that was cut off is an error.
    pub(crate) async fn next(&mut self) -> Result<Option<Change>, DataError> {
        loop {
            match self.xml.next().await? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "feed" => self.opened = true,
                    _ if !self.opened => return Err(NO_FEED),
                    "entry" => return self.entry().await.map(Some),
                    "deleted-entry" => return Ok(Some(deleted(&element))),
                    _ => {}
                },
                Event::Eof if self.opened => return Ok(None),
                Event::Eof => return Err(NO_FEED),
                _ => {}
            }
        }
    }

    async fn entry(&mut self) -> Result<Change, DataError> {
        let mut term = None;
        let mut properties = None;
        loop {
            match self.xml.next().await? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "category" => {
                        term = attribute(&element, "term")
                            .map(|term| term.rsplit('.').next().unwrap_or_default().to_owned());
                    }
                    "properties" => properties = Some(read_properties(&mut self.xml).await?),
                    _ => {}
                },
                Event::End(element) if element.local_name().as_ref() == "entry" => break,
                Event::Eof => return Err(NO_FEED),
                _ => {}
            }
        }
        let missing = |what: &str| DataError::Missing(what.to_owned());
        let set = term.ok_or_else(|| missing("category"))?;
        let properties = properties.ok_or_else(|| missing("properties"))?;
        Ok(if properties.row()?.has("RecordSet") {
            Change::Records { set, properties }
        } else {
            Change::Object { set, properties }
        })
    }
}

const NO_FEED: DataError = DataError::Refused("no feed of changes");

/// The object of `ref="http://host/base/odata/standard.odata/Catalog_X(guid'…')"`.
fn deleted(element: &BytesStart<'_>) -> Change {
    let parse = |reference: &str| {
        let decoded = percent_decode_str(reference).decode_utf8().ok()?;
        let (path, key) = decoded.split_once('(')?;
        let set = path.rsplit('/').next().filter(|set| !set.is_empty())?;
        let guid = key.split('\'').nth(1)?;
        Some(Change::Deleted {
            set: set.to_owned(),
            reference: Uuid::parse_str(guid).ok()?,
        })
    };
    let reference = attribute(element, "ref");
    reference
        .and_then(|reference| parse(&reference))
        .unwrap_or(Change::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let Change::Object { set, properties } = &changes[0] else {
            panic!("{changes:?}")
        };
        assert_eq!(set, "Catalog_Склады");
        let row = properties.row().unwrap();
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

        let Change::Records { set, properties } = &changes[1] else {
            panic!("{changes:?}")
        };
        assert_eq!(set, "AccountingRegister_Хозрасчетный");
        let row = properties.row().unwrap();
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
