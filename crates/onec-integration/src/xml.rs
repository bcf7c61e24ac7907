//! Reading XML that others made: as a stream, event by event, within bounded memory.
//!
//! A document type is refused, so no entity can be declared, and what is not one of the five
//! predefined entities or a character reference is an error: nothing expands. Nesting and the length
//! of a single tag or text are limited.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use super::DataError;

/// Elements within elements. Answers of 1C have less than ten.
const DEEPEST: usize = 64;
/// Bytes of one tag, text or comment. A file kept in the base may be a property of an object.
const LONGEST_TOKEN: usize = 32 * 1024 * 1024;

/// A stream of XML events.
#[derive(Debug)]
pub(crate) struct Xml<R> {
    reader: Reader<Metered<R>>,
    buffer: Vec<u8>,
    depth: usize,
}

impl<R: AsyncBufRead + Unpin> Xml<R> {
    /// Reads `input`, which may begin with a byte order mark.
    pub(crate) fn new(input: R) -> Self {
        let mut reader = Reader::from_reader(Metered { input, used: 0 });
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            buffer: Vec::new(),
            depth: 0,
        }
    }

    /// The next event; an empty element is a start and an end.
    ///
    /// # Errors
    /// When it is not XML, or XML of a kind that is not accepted.
    pub(crate) async fn next(&mut self) -> Result<Event<'_>, DataError> {
        self.buffer.clear();
        self.reader.get_mut().used = 0;
        let event = self
            .reader
            .read_event_into_async(&mut self.buffer)
            .await
            .map_err(DataError::Xml)?;
        match &event {
            Event::DocType(_) => return Err(DataError::Refused("a document type")),
            Event::Start(_) => {
                self.depth += 1;
                if self.depth > DEEPEST {
                    return Err(DataError::Refused("elements nested too deep"));
                }
            }
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::Eof if self.depth > 0 => return Err(DataError::Refused("an end too early")),
            _ => {}
        }
        Ok(event)
    }

    /// How many elements are open.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }
}

/// Adds what a reference such as `&amp;` or `&#10;` stands for.
pub(crate) fn resolve(reference: &BytesRef<'_>, text: &mut String) -> Result<(), DataError> {
    if let Some(char) = reference.resolve_char_ref().map_err(DataError::Xml)? {
        text.push(char);
        return Ok(());
    }
    let known = resolve_predefined_entity(reference).ok_or(DataError::Refused("an unknown entity"))?;
    text.push_str(known);
    Ok(())
}

/// Adds the text of an event, if it is one.
pub(crate) fn push_text(event: &Event<'_>, text: &mut String) -> Result<(), DataError> {
    match event {
        Event::Text(piece) => text.push_str(&piece.xml10_content()),
        Event::CData(piece) => text.push_str(&piece.xml10_content()),
        Event::GeneralRef(reference) => resolve(reference, text)?,
        _ => {}
    }
    Ok(())
}

/// An attribute by its local name.
pub(crate) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = element
        .attributes()
        .with_checks(false)
        .filter_map(Result::ok)
        .find(|attribute| attribute.key.local_name().as_ref() == name)?;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.into_owned())
}

/// A reader that fails when more than a token's worth was taken between two events.
#[derive(Debug)]
struct Metered<R> {
    input: R,
    used: usize,
}

impl<R: AsyncRead + Unpin> AsyncRead for Metered<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_read(context, buffer)
    }
}

impl<R: AsyncBufRead + Unpin> AsyncBufRead for Metered<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.used > LONGEST_TOKEN {
            let error = io::Error::new(io::ErrorKind::InvalidData, "a tag or text is too long");
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.get_mut().input).poll_fill_buf(context)
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        this.used += amount;
        Pin::new(&mut this.input).consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(document: &str) -> Result<String, DataError> {
        let mut xml = Xml::new(document.as_bytes());
        let mut text = String::new();
        loop {
            let event = xml.next().await?;
            if matches!(event, Event::Eof) {
                return Ok(text);
            }
            push_text(&event, &mut text)?;
        }
    }

    #[tokio::test]
    async fn text_is_put_together_and_nothing_expands() {
        assert_eq!(
            read("<a>1 &lt; 2 &amp; <![CDATA[<3>]]> &#1046;</a>")
                .await
                .unwrap(),
            "1 < 2 & <3> Ж"
        );
        let laughs = "<!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;&x;\">]><a>&y;</a>";
        for refused in [
            laughs.to_owned(),
            "<a>&y;</a>".to_owned(),
            "<a><b></a>".to_owned(),
            "<a>".to_owned(),
            format!("{}{}", "<a>".repeat(65), "</a>".repeat(65)),
        ] {
            assert!(read(&refused).await.is_err(), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_text_without_an_end_is_not_gathered() {
        let endless = tokio::io::repeat(b'x');
        let start: &[u8] = b"<a b='";
        let input = tokio::io::BufReader::new(tokio::io::AsyncReadExt::chain(start, endless));
        let mut xml = Xml::new(input);
        assert!(xml.next().await.is_err());
        assert!(xml.buffer.capacity() <= 4 * LONGEST_TOKEN);
    }
}
