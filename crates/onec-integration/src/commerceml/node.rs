//! One object of a file as a small tree, within limits.

use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;

use super::reader::ReadError;

/// Elements that one object may have.
const MOST_NODES: usize = 200_000;
/// Bytes of text that one object may have.
const MOST_TEXT: usize = 8 * 1024 * 1024;

/// An element with what is in it.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Node>,
}

impl Node {
    /// The element that a tag begins.
    pub(super) fn begin(tag: &BytesStart<'_>) -> Result<Self, ReadError> {
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|_| ReadError::Malformed)?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| ReadError::Malformed)?;
            attributes.push((attribute.key.local_name().as_ref().to_owned(), clean(&value)));
        }
        Ok(Self {
            name: tag.local_name().as_ref().to_owned(),
            attributes,
            ..Self::default()
        })
    }

    /// An attribute; nothing when it is not there or empty.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes.iter().find(|(found, _)| found == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// Its own text, trimmed.
    pub(super) fn own_text(&self) -> &str {
        self.text.trim()
    }

    /// The first child of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of that name.
    pub(super) fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Children of that name below a child, such as `Цены`/`Цена`.
    pub(super) fn listed<'a>(&'a self, list: &'a str, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children(list).flat_map(move |list| list.children(name))
    }

    /// The text of a child; nothing when it is not there or empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        Some(self.child(name)?.own_text()).filter(|text| !text.is_empty())
    }
}

/// Builds one tree.
#[derive(Debug)]
pub(super) struct Builder {
    open: Vec<Node>,
    nodes: usize,
    text: usize,
}

impl Builder {
    /// Begins with the outermost element.
    pub(super) fn new(root: Node) -> Self {
        Self {
            open: vec![root],
            nodes: 1,
            text: 0,
        }
    }

    /// An element begins.
    pub(super) fn begin(&mut self, node: Node) -> Result<(), ReadError> {
        self.nodes += 1;
        self.text += node
            .attributes
            .iter()
            .map(|(_, value)| value.len())
            .sum::<usize>();
        if self.nodes > MOST_NODES || self.text > MOST_TEXT {
            return Err(ReadError::ObjectTooLarge);
        }
        self.open.push(node);
        Ok(())
    }

    /// An element ends; returns the tree when it was the outermost.
    pub(super) fn end(&mut self) -> Option<Node> {
        let node = self.open.pop()?;
        match self.open.last_mut() {
            Some(parent) => {
                parent.children.push(node);
                None
            }
            None => Some(node),
        }
    }

    /// Text of the innermost element.
    pub(super) fn text(&mut self, text: &str) -> Result<(), ReadError> {
        self.text += text.len();
        if self.text > MOST_TEXT {
            return Err(ReadError::ObjectTooLarge);
        }
        if let Some(node) = self.open.last_mut() {
            node.text.push_str(&clean(text));
        }
        Ok(())
    }
}

/// Without characters that neither XML nor the database has.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))
        .collect()
}
