//! XML as a tree: namespaces resolved, size and depth bounded, no document types.
//!
//! SOAP forbids document type declarations (SOAP 1.1 section 3, SOAP 1.2 part 1 section 5), so a
//! document that has one is refused before any entity of it could be expanded.

use schemars::JsonSchema;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use crate::xml::{self, Guard};

/// Namespace of attributes such as `xsi:type` and `xsi:nil`.
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// Namespace that the prefix `xml` is bound to everywhere.
const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// Deepest nesting of elements.
const MAX_DEPTH: usize = 96;
/// Most elements of a document.
const MAX_ELEMENTS: usize = 300_000;
/// Most attributes of one element.
const MAX_ATTRIBUTES: usize = 256;

/// Why a document could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum XmlError {
    /// Not UTF-8.
    #[error("the document is not UTF-8")]
    Encoding,
    /// Not XML.
    #[error("the document is not well-formed XML")]
    Syntax(#[source] Box<quick_xml::Error>),
    /// It has a document type declaration.
    #[error("the document has a document type declaration")]
    DocumentType,
    /// An entity that XML does not define.
    #[error("the document refers to an unknown entity")]
    Entity,
    /// A prefix that is not bound to a namespace.
    #[error("the document uses a prefix without a namespace")]
    Prefix,
    /// Too large, too deep or too many parts.
    #[error("the document is larger or deeper than allowed")]
    TooLarge,
    /// No element, or text beside it, or an element without its end.
    #[error("the document is not one element")]
    Incomplete,
}

impl From<xml::XmlError> for XmlError {
    fn from(error: xml::XmlError) -> Self {
        match error {
            xml::XmlError::Syntax(error) => Self::Syntax(Box::new(error)),
            xml::XmlError::DocumentType => Self::DocumentType,
            xml::XmlError::Entity => Self::Entity,
            xml::XmlError::TooDeep | xml::XmlError::TooLong => Self::TooLarge,
            xml::XmlError::Cut => Self::Incomplete,
        }
    }
}

/// An expanded name: namespace (empty for none) and local part.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema)]
pub(crate) struct Name {
    pub(crate) space: Arc<str>,
    pub(crate) local: Arc<str>,
}

impl Name {
    /// A name of its two parts.
    pub(crate) fn new(space: impl Into<Arc<str>>, local: impl Into<Arc<str>>) -> Self {
        Self {
            space: space.into(),
            local: local.into(),
        }
    }

    /// True for the name of these parts.
    pub(crate) fn is(&self, space: &str, local: &str) -> bool {
        &*self.space == space && &*self.local == local
    }
}

/// Prefixes in scope of an element.
#[derive(Debug)]
struct Scope {
    parent: Option<Arc<Scope>>,
    bindings: Vec<(Box<str>, Arc<str>)>,
}

impl Scope {
    fn find(&self, prefix: &str) -> Option<Arc<str>> {
        let mut scope = Some(self);
        while let Some(current) = scope {
            let found = current
                .bindings
                .iter()
                .rev()
                .find(|(bound, _)| &**bound == prefix);
            if let Some((_, space)) = found {
                return Some(space.clone());
            }
            scope = current.parent.as_deref();
        }
        (prefix == "xml").then(|| XML.into())
    }
}

/// An element with all it holds.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub(crate) name: Name,
    attributes: Vec<(Name, String)>,
    pub(crate) children: Vec<Element>,
    /// All character data directly within, joined.
    pub(crate) text: String,
    scope: Arc<Scope>,
}

impl Element {
    /// Reads a document of at most `limit` bytes.
    pub(crate) fn parse(document: &[u8], limit: usize) -> Result<Self, XmlError> {
        if document.len() > limit {
            return Err(XmlError::TooLarge);
        }
        let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
        let text = std::str::from_utf8(document).map_err(|_| XmlError::Encoding)?;
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Element> = Vec::new();
        let mut root = None;
        let mut elements = 0_usize;
        let mut guard = Guard::new(MAX_DEPTH);
        let empty = Arc::new(Scope {
            parent: None,
            bindings: Vec::new(),
        });
        loop {
            let event = reader.read_event().map_err(xml::XmlError::Syntax)?;
            guard.admit(&event)?;
            if let Some(text) = xml::text_of(&event)? {
                add_text(&text, &mut open)?;
                continue;
            }
            match event {
                Event::Start(ref start) | Event::Empty(ref start) => {
                    elements += 1;
                    if elements > MAX_ELEMENTS {
                        return Err(XmlError::TooLarge);
                    }
                    if open.is_empty() && root.is_some() {
                        return Err(XmlError::Incomplete);
                    }
                    let scope = open.last().map_or(&empty, |parent| &parent.scope);
                    let element = Self::start(start, scope)?;
                    if matches!(event, Event::Start(_)) {
                        open.push(element);
                    } else {
                        close(element, &mut open, &mut root);
                    }
                }
                Event::End(_) => {
                    let element = open.pop().ok_or(XmlError::Incomplete)?;
                    close(element, &mut open, &mut root);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        root.ok_or(XmlError::Incomplete)
    }

    fn start(start: &BytesStart<'_>, outer: &Arc<Scope>) -> Result<Self, XmlError> {
        let mut bindings = Vec::new();
        let mut plain = Vec::new();
        for attribute in start.attributes() {
            let attribute =
                attribute.map_err(|error| XmlError::Syntax(Box::new(quick_xml::Error::from(error))))?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| XmlError::Entity)?;
            let key = attribute.key.as_ref();
            if key == "xmlns" {
                bindings.push((Box::from(""), Arc::from(&*value)));
            } else if let Some(prefix) = key.strip_prefix("xmlns:") {
                bindings.push((Box::from(prefix), Arc::from(&*value)));
            } else {
                plain.push((key.to_owned(), value.into_owned()));
            }
            if bindings.len() + plain.len() > MAX_ATTRIBUTES {
                return Err(XmlError::TooLarge);
            }
        }
        let scope = if bindings.is_empty() {
            outer.clone()
        } else {
            Arc::new(Scope {
                parent: Some(outer.clone()),
                bindings,
            })
        };
        let name = start.name();
        let name = resolve(&scope, name.as_ref(), true)?;
        let attributes = plain
            .into_iter()
            .map(|(key, value)| Ok((resolve(&scope, &key, false)?, value)))
            .collect::<Result<_, XmlError>>()?;
        Ok(Self {
            name,
            attributes,
            children: Vec::new(),
            text: String::new(),
            scope,
        })
    }

    /// The value of an attribute without a namespace.
    pub(crate) fn attribute(&self, local: &str) -> Option<&str> {
        self.attribute_of("", local)
    }

    /// The value of an attribute.
    pub(crate) fn attribute_of(&self, space: &str, local: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(name, _)| name.is(space, local))
            .map(|(_, value)| value.as_str())
    }

    /// The name that a text such as `xs:string` stands for here.
    pub(crate) fn qualified(&self, text: &str) -> Option<Name> {
        resolve(&self.scope, text.trim(), true).ok()
    }

    /// The name that an attribute without a namespace holds.
    pub(crate) fn name_in(&self, attribute: &str) -> Option<Name> {
        self.qualified(self.attribute(attribute)?)
    }

    /// The first child of that name.
    pub(crate) fn child(&self, space: &str, local: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name.is(space, local))
    }

    /// The children in a namespace of that local name.
    pub(crate) fn children_of<'a>(
        &'a self,
        space: &'a str,
        local: &'a str,
    ) -> impl Iterator<Item = &'a Self> {
        self.children
            .iter()
            .filter(move |child| child.name.is(space, local))
    }

    /// True when `xsi:nil` says that there is no value.
    pub(crate) fn is_nil(&self) -> bool {
        self.attribute_of(XSI, "nil")
            .is_some_and(|value| matches!(value.trim(), "true" | "1"))
    }

    /// The type that `xsi:type` names.
    pub(crate) fn instance_type(&self) -> Option<Name> {
        self.qualified(self.attribute_of(XSI, "type")?)
    }
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *root = Some(element),
    }
}

fn add_text(text: &str, open: &mut [Element]) -> Result<(), XmlError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(XmlError::Incomplete),
    }
    Ok(())
}

/// `default` tells whether a name without a prefix is in the default namespace, as elements are.
fn resolve(scope: &Scope, text: &str, default: bool) -> Result<Name, XmlError> {
    let (prefix, local) = text.split_once(':').unwrap_or(("", text));
    let space = match scope.find(prefix) {
        _ if prefix.is_empty() && !default => None,
        None if prefix.is_empty() => None,
        None => return Err(XmlError::Prefix),
        // No prefix can stand for no namespace (Namespaces in XML 1.0, section 5).
        Some(space) if space.is_empty() && !prefix.is_empty() => return Err(XmlError::Prefix),
        found => found,
    };
    Ok(Name {
        space: space.unwrap_or_default(),
        local: local.into(),
    })
}

/// Text as it may stand in an element or a quoted attribute; nothing when XML cannot hold it.
pub(crate) fn escape(text: &str) -> Option<String> {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // Readers turn a bare one into a line feed.
            '\r' => escaped.push_str("&#13;"),
            '\t' | '\n' => escaped.push(character),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => return None,
            _ => escaped.push(character),
        }
    }
    Some(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Element, XmlError> {
        Element::parse(text.as_bytes(), 1 << 20)
    }

    #[test]
    fn names_are_resolved_and_text_is_joined() {
        let root = parse(
            "\u{feff}<a:x xmlns:a=\"urn:a\" xmlns=\"urn:d\" t=\"a:y\" a:u='1 &lt; 2'>один <b/>&amp;<![CDATA[<два>]]>&#33;</a:x>",
        )
        .unwrap();
        assert!(root.name.is("urn:a", "x"));
        assert_eq!(root.text, "один &<два>!");
        assert_eq!(root.attribute_of("urn:a", "u"), Some("1 < 2"));
        assert!(root.name_in("t").unwrap().is("urn:a", "y"));
        assert!(root.child("urn:d", "b").is_some());
    }

    #[test]
    fn what_could_grow_or_lie_is_refused() {
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><x>&b;</x>";
        assert!(matches!(parse(bomb), Err(XmlError::DocumentType)));
        assert!(matches!(parse("<x>&b;</x>"), Err(XmlError::Entity)));
        assert!(matches!(parse("<x y='&b;'/>"), Err(XmlError::Entity)));
        assert!(matches!(parse("<p:x/>"), Err(XmlError::Prefix)));
        assert!(matches!(parse("<p:x xmlns:p=''/>"), Err(XmlError::Prefix)));
        assert!(matches!(parse(&"<x>".repeat(100)), Err(XmlError::TooLarge)));
        let wide = format!("<x>{}</x>", "<y/>".repeat(MAX_ELEMENTS));
        assert!(matches!(
            Element::parse(wide.as_bytes(), usize::MAX),
            Err(XmlError::TooLarge)
        ));
        assert!(matches!(
            Element::parse(b"<x/>          ", 8),
            Err(XmlError::TooLarge)
        ));
        for broken in ["", "text", "<x>", "<x/><y/>", "<x></y>", "<x/>text", "</x>"] {
            assert!(parse(broken).is_err(), "{broken}");
        }
        assert!(matches!(
            Element::parse(b"<x>\xff</x>", 100),
            Err(XmlError::Encoding)
        ));
    }

    #[test]
    fn what_xml_cannot_hold_is_not_escaped() {
        assert_eq!(escape("a<b>\"&\r\n").unwrap(), "a&lt;b&gt;&quot;&amp;&#13;\n");
        assert!(escape("\u{0}").is_none() && escape("\u{b}").is_none());
    }
}
