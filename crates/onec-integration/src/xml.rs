//! Reading XML that others made, within limits: what the readers of OData, SOAP and CommerceML share.
//!
//! A document type is refused, so no entity can be declared, and what is not one of the five
//! predefined entities or a character reference is an error: nothing expands. Nesting is limited, and in a
//! stream the length of a single tag or text.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

/// Why a document is not read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum XmlError {
    /// Not XML, or its bytes could not be had.
    #[error("it is not well-formed XML")]
    Syntax(#[source] quick_xml::Error),
    /// It has a document type.
    #[error("it has a document type")]
    DocumentType,
    /// An entity that XML does not define.
    #[error("it has an unknown entity")]
    Entity,
    /// Elements within elements within elements.
    #[error("its elements are nested too deep")]
    TooDeep,
    /// A tag, a text or a comment is longer than allowed.
    #[error("a tag or text of it is too long")]
    TooLong,
    /// It ends within an element.
    #[error("it ends too early")]
    Cut,
}

/// What a stream may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Elements within elements.
    pub(crate) deepest: usize,
    /// Bytes of one tag, text or comment.
    pub(crate) longest: usize,
}

/// Lets events pass that no reader has to be afraid of.
#[derive(Debug)]
pub(crate) struct Guard {
    open: usize,
    deepest: usize,
}

impl Guard {
    /// A guard at the beginning of a document.
    pub(crate) fn new(deepest: usize) -> Self {
        Self { open: 0, deepest }
    }

    /// Takes the next event into account.
    ///
    /// # Errors
    /// When it must not be there.
    pub(crate) fn admit(&mut self, event: &Event<'_>) -> Result<(), XmlError> {
        match event {
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Start(_) | Event::Empty(_) if self.open >= self.deepest => return Err(XmlError::TooDeep),
            Event::Start(_) => self.open += 1,
            Event::End(_) => self.open = self.open.saturating_sub(1),
            Event::Eof if self.open > 0 => return Err(XmlError::Cut),
            _ => {}
        }
        Ok(())
    }
}

/// A stream of XML events.
#[derive(Debug)]
pub(crate) struct Xml<R> {
    reader: Reader<Metered<R>>,
    buffer: Vec<u8>,
    guard: Guard,
}

impl<R: AsyncBufRead + Unpin> Xml<R> {
    /// Reads `input`, which may begin with a byte order mark.
    pub(crate) fn new(input: R, limits: Limits) -> Self {
        let mut reader = Reader::from_reader(Metered {
            input,
            longest: limits.longest,
            left: limits.longest,
            is_exceeded: false,
        });
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            buffer: Vec::new(),
            guard: Guard::new(limits.deepest),
        }
    }

    /// The next event; an empty element is a start and an end.
    ///
    /// # Errors
    /// When it is not XML, or XML of a kind that is not accepted.
    pub(crate) async fn next(&mut self) -> Result<Event<'_>, XmlError> {
        self.buffer.clear();
        let input = self.reader.get_mut();
        input.left = input.longest;
        // The event borrows the buffer only, so that the reader can be asked why there is none.
        let event = match self.reader.read_event_into_async(&mut self.buffer).await {
            Ok(event) => event,
            Err(_) if self.reader.get_ref().is_exceeded => return Err(XmlError::TooLong),
            Err(error) => return Err(XmlError::Syntax(error)),
        };
        self.guard.admit(&event)?;
        Ok(event)
    }

    /// How many elements are open.
    pub(crate) fn depth(&self) -> usize {
        self.guard.open
    }

    /// What is read.
    pub(crate) fn input(&mut self) -> &mut R {
        &mut self.reader.get_mut().input
    }
}

/// The text of an event, if it is one.
///
/// # Errors
/// When it refers to what XML does not define.
pub(crate) fn text_of<'a>(event: &'a Event<'_>) -> Result<Option<Cow<'a, str>>, XmlError> {
    Ok(match event {
        Event::Text(piece) => Some(piece.xml10_content()),
        Event::CData(piece) => Some(piece.xml10_content()),
        Event::GeneralRef(reference) => Some(referred(reference)?),
        _ => None,
    })
}

/// What a reference such as `&amp;` or `&#10;` stands for.
fn referred(reference: &BytesRef<'_>) -> Result<Cow<'static, str>, XmlError> {
    if let Some(character) = reference.resolve_char_ref().map_err(XmlError::Syntax)? {
        return Ok(character.to_string().into());
    }
    let known = resolve_predefined_entity(reference).ok_or(XmlError::Entity)?;
    Ok(known.into())
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

/// A reader that gives no more than a token's worth between two events.
#[derive(Debug)]
struct Metered<R> {
    input: R,
    longest: usize,
    /// Bytes that may still be taken before the next event.
    left: usize,
    is_exceeded: bool,
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
        let this = self.get_mut();
        match Pin::new(&mut this.input).poll_fill_buf(context) {
            Poll::Ready(Ok(filled)) if this.left == 0 && !filled.is_empty() => {
                this.is_exceeded = true;
                let error = io::Error::new(io::ErrorKind::InvalidData, "a tag or text is too long");
                Poll::Ready(Err(error))
            }
            Poll::Ready(Ok(filled)) => {
                let end = filled.len().min(this.left);
                Poll::Ready(Ok(filled.get(..end).unwrap_or_default()))
            }
            other => other,
        }
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        this.left = this.left.saturating_sub(amount);
        Pin::new(&mut this.input).consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        deepest: 64,
        longest: 1024,
    };

    async fn read(document: &str) -> Result<String, XmlError> {
        let mut xml = Xml::new(document.as_bytes(), LIMITS);
        let mut text = String::new();
        loop {
            let event = xml.next().await?;
            if matches!(event, Event::Eof) {
                return Ok(text);
            }
            text.extend(text_of(&event)?);
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
        let mut xml = Xml::new(input, LIMITS);
        assert!(matches!(xml.next().await, Err(XmlError::TooLong)));
        assert!(xml.buffer.len() <= LIMITS.longest);
        // As long as allowed is not too long.
        let long = format!("<a>{}</a>", "x".repeat(LIMITS.longest - 10));
        assert_eq!(read(&long).await.unwrap().len(), LIMITS.longest - 10);
    }
}
