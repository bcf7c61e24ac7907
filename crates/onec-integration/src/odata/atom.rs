//! Atom: the form that 1C answers in when it is not asked for JSON, and the only one of its changes.
//!
//! Properties become the JSON object that 1C would have sent, with all values as strings, so that
//! [`Row`] reads both forms; [`Forms`](super::Forms) makes numbers and truth values of them.

use quick_xml::events::{BytesStart, Event};
use tokio::io::AsyncBufRead;

use super::ANSWERS;
use super::{DataError, Row};
use crate::xml::{Xml, attribute, text_of};

/// Properties of one object.
const LARGEST_OBJECT: usize = 48 * 1024 * 1024;
/// Objects and collections within one object: a tabular part's row has two.
const DEEPEST: usize = 16;

/// The properties of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Properties(String);

impl Properties {
    /// Of an object's JSON.
    pub(super) fn of_json(json: String) -> Self {
        Self(json)
    }

    /// The object as a row.
    pub(crate) fn row(&self) -> Result<Row<'_>, DataError> {
        Row::parse(self.0.as_bytes())
    }

    /// The object as JSON. As it was read, all of its values are strings, nulls, objects and arrays.
    pub(crate) fn as_json(&self) -> &str {
        &self.0
    }
}

/// What is open while properties are read.
#[derive(Debug)]
enum Open {
    /// A property or element whose content tells what it is: its text so far.
    Value { text: String, is_null: bool },
    /// An object; true when it has a member already.
    Object(bool),
    /// A collection; true when it has an element already.
    Collection(bool),
}

/// Turns the events within one object into JSON.
#[derive(Debug)]
struct Builder {
    json: String,
    open: Vec<Open>,
}

impl Builder {
    /// Within an object, whose start tag was read.
    fn new() -> Self {
        Self {
            json: "{".to_owned(),
            open: vec![Open::Object(false)],
        }
    }

    /// Takes an event; true at the end of the object.
    fn take(&mut self, event: &Event<'_>) -> Result<bool, DataError> {
        match event {
            Event::Start(element) => self.start(element)?,
            Event::End(_) => return self.end().map(|()| self.open.is_empty()),
            Event::Eof => return Err(DataError::Refused("an end too early")),
            event => {
                if let Some(Open::Value { text, .. }) = self.open.last_mut() {
                    text.extend(text_of(event)?);
                    if text.len() > LARGEST_OBJECT {
                        return Err(DataError::Refused("an object too large"));
                    }
                }
            }
        }
        if self.json.len() > LARGEST_OBJECT {
            return Err(DataError::Refused("an object too large"));
        }
        Ok(false)
    }

    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), DataError> {
        if self.open.len() >= DEEPEST {
            return Err(DataError::Refused("objects nested too deep"));
        }
        let kind = attribute(element, "type").unwrap_or_default();
        // A value with elements in it is an object after all.
        if let Some(open @ Open::Value { .. }) = self.open.last_mut() {
            *open = Open::Object(false);
            self.json.push('{');
        }
        match self.open.last_mut() {
            Some(Open::Object(has_members)) => {
                let comma = if std::mem::replace(has_members, true) {
                    ","
                } else {
                    ""
                };
                self.json.push_str(comma);
                push_string(&mut self.json, element.local_name().as_ref())?;
                self.json.push(':');
            }
            Some(Open::Collection(has_elements)) => {
                let comma = if std::mem::replace(has_elements, true) {
                    ","
                } else {
                    ""
                };
                self.json.push_str(comma);
            }
            _ => {}
        }
        self.open.push(if kind.starts_with("Collection(") {
            self.json.push('[');
            Open::Collection(false)
        } else if kind.starts_with("StandardODATA.") {
            self.json.push('{');
            Open::Object(false)
        } else {
            Open::Value {
                text: String::new(),
                is_null: attribute(element, "null").is_some_and(|value| value == "true"),
            }
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), DataError> {
        match self.open.pop() {
            Some(Open::Value { is_null: true, .. }) => self.json.push_str("null"),
            Some(Open::Value { text, .. }) => push_string(&mut self.json, &text)?,
            Some(Open::Object(_)) => self.json.push('}'),
            Some(Open::Collection(_)) => self.json.push(']'),
            None => {}
        }
        Ok(())
    }
}

fn push_string(json: &mut String, text: &str) -> Result<(), DataError> {
    json.push_str(&serde_json::to_string(text).map_err(DataError::Json)?);
    Ok(())
}

/// Reads the properties whose start tag, `m:properties` or `d:element`, was the last event.
pub(crate) async fn read_properties<R: AsyncBufRead + Unpin>(
    xml: &mut Xml<R>,
) -> Result<Properties, DataError> {
    let mut builder = Builder::new();
    loop {
        let event = xml.next().await?;
        if builder.take(&event)? {
            return Ok(Properties(builder.json));
        }
    }
}

/// Objects of an answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The objects.
    pub(crate) objects: Vec<Properties>,
    /// How many there are in all, when that was asked for.
    pub(crate) count: Option<u64>,
}

/// Reads a feed, an entry, or the collection that a virtual table answers with. Objects that are
/// expanded within others are left out.
pub(crate) async fn read<R: AsyncBufRead + Unpin>(input: R) -> Result<Answer, DataError> {
    let mut xml = Xml::new(input, ANSWERS);
    let mut answer = Answer::default();
    let mut is_atom = None;
    let mut is_collection = false;
    // Depth at which an expanded object began.
    let mut inline = None;
    loop {
        let event = xml.next().await?;
        let (name, starts) = match &event {
            Event::Start(element) => {
                if is_atom.is_none() {
                    is_collection =
                        attribute(element, "type").is_some_and(|of| of.starts_with("Collection("));
                }
                (element.local_name().as_ref().to_owned(), true)
            }
            Event::End(element) => (element.local_name().as_ref().to_owned(), false),
            Event::Eof => break,
            _ => continue,
        };
        let depth = xml.depth();
        if !starts {
            if inline == Some(depth + 1) {
                inline = None;
            }
            continue;
        }
        let is_atom = *is_atom.get_or_insert(matches!(name.as_str(), "feed" | "entry"));
        match name.as_str() {
            "inline" if inline.is_none() => inline = Some(depth),
            _ if inline.is_some() => {}
            "properties" if is_atom => answer.objects.push(read_properties(&mut xml).await?),
            "element" if !is_atom && depth == 2 => answer.objects.push(read_properties(&mut xml).await?),
            // An error, a page or a message of something else is no answer without rows.
            _ if !is_atom && depth == 2 => return Err(DataError::Refused("no objects of OData")),
            "count" if is_atom && depth == 2 => answer.count = read_count(&mut xml).await?,
            _ => {}
        }
    }
    if is_atom != Some(true) && !is_collection && answer.objects.is_empty() {
        return Err(DataError::Refused("no objects of OData"));
    }
    Ok(answer)
}

async fn read_count<R: AsyncBufRead + Unpin>(xml: &mut Xml<R>) -> Result<Option<u64>, DataError> {
    let mut text = String::new();
    loop {
        let event = xml.next().await?;
        if matches!(event, Event::End(_) | Event::Eof) {
            return Ok(text.trim().parse().ok());
        }
        text.extend(text_of(&event)?);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    const ENTRY: &str = r#"<entry xmlns="http://www.w3.org/2005/Atom" xmlns:d="d" xmlns:m="m">
 <id>http://host/base/Catalog_Банки(guid'1fa1a135-d89b-11e6-8343-40167e2531c3')</id>
 <category term="StandardODATA.Catalog_Банки"/>
 <link rel="related"><m:inline><entry><content><m:properties><d:Code>чужой</d:Code></m:properties></content></entry></m:inline></link>
 <content type="application/xml"><m:properties>
  <d:Code>044525225   </d:Code><d:Пусто/><d:Нет m:null="true"/><d:Сумма>336.10</d:Сумма><d:Признак>true</d:Признак>
  <d:Ref_Key>1fa1a135-d89b-11e6-8343-40167e2531c3</d:Ref_Key><d:Дата>2015-12-31T23:59:59</d:Дата>
  <d:Имя>ООО &quot;Ромашка&quot; &amp; &#1050;°</d:Имя>
  <d:Строки m:type="Collection(StandardODATA.Catalog_Банки_Строки_RowType)">
   <d:element m:type="StandardODATA.Catalog_Банки_Строки_RowType"><d:LineNumber>1</d:LineNumber></d:element>
   <d:element m:type="StandardODATA.Catalog_Банки_Строки_RowType"><d:LineNumber>2</d:LineNumber></d:element>
  </d:Строки><d:Прочее m:type="Collection(StandardODATA.Catalog_Банки_Прочее_RowType)"/>
 </m:properties></content></entry>"#;

    #[tokio::test]
    async fn an_entry_is_a_row_as_json_would_be() {
        let answer = read(ENTRY.as_bytes()).await.unwrap();
        assert_eq!(answer.objects.len(), 1);
        let row = answer.objects[0].row().unwrap();
        assert_eq!(row.text("Code").unwrap().as_deref(), Some("044525225"));
        assert_eq!(row.text("Пусто").unwrap(), None);
        assert_eq!(row.text("Нет").unwrap(), None);
        assert_eq!(row.decimal("Сумма").unwrap(), Some(dec!(336.10)));
        assert_eq!(row.boolean("Признак").unwrap(), Some(true));
        assert_eq!(row.boolean("Пусто").unwrap(), None);
        assert!(row.guid("Ref_Key").is_some());
        assert!(row.moment("Дата").unwrap().is_some());
        assert_eq!(row.text("Имя").unwrap().as_deref(), Some("ООО \"Ромашка\" & К°"));
        let rows = row.rows("Строки").unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].integer("LineNumber").unwrap(), Some(2));
        assert!(row.rows("Прочее").unwrap().is_empty());
    }

    #[tokio::test]
    async fn feeds_have_counts_and_virtual_tables_are_no_feeds() {
        let entry = "<entry><content><m:properties><d:Code>1</d:Code></m:properties></content></entry>";
        let feed = format!("\u{feff}<feed>{entry}{entry}<m:count>19</m:count></feed>");
        let answer = read(feed.as_bytes()).await.unwrap();
        assert_eq!((answer.objects.len(), answer.count), (2, Some(19)));
        let table = "<d:Balance m:type=\"Collection(StandardODATA.X_Balance)\"><d:element m:type=\"StandardODATA.X_Balance\">\
             <d:СуммаBalance>10</d:СуммаBalance></d:element><d:element><d:СуммаBalance>20</d:СуммаBalance></d:element></d:Balance>";
        let answer = read(table.as_bytes()).await.unwrap();
        let sums: Vec<_> = answer
            .objects
            .iter()
            .map(|object| object.row().unwrap().decimal("СуммаBalance").unwrap())
            .collect();
        assert_eq!(sums, [Some(dec!(10)), Some(dec!(20))]);
        let empty = "<d:Balance m:type=\"Collection(StandardODATA.X_Balance)\"/>";
        assert!(read(empty.as_bytes()).await.unwrap().objects.is_empty());
        for other in [
            "",
            "<html/>",
            "<m:error><m:code>9</m:code></m:error>",
            "<a><element/><b/></a>",
        ] {
            assert!(read(other.as_bytes()).await.is_err(), "{other}");
        }
    }

    #[tokio::test]
    async fn objects_nested_too_deep_are_refused() {
        let deep = format!(
            "<entry><m:properties>{}{}</m:properties></entry>",
            "<d:x>".repeat(30),
            "</d:x>".repeat(30)
        );
        assert!(read(deep.as_bytes()).await.is_err());
    }
}
