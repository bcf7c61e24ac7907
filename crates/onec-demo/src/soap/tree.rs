//! XML of requests as a tree, with namespaces.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

pub(super) const XS: &str = "http://www.w3.org/2001/XMLSchema";
pub(super) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
pub(super) const V8: &str = "http://v8.1c.ru/8.1/data/core";
pub(super) const CFG: &str = "http://v8.1c.ru/8.1/data/enterprise/current-config";
/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// An element.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) space: String,
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) nodes: Vec<Node>,
    pub(super) text: String,
    /// Namespace and local part of `xsi:type`.
    pub(super) of_type: Option<(String, String)>,
    pub(super) nil: bool,
}

impl Node {
    /// The child of a local name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The text of a child.
    pub(super) fn text_of(&self, name: &str) -> &str {
        self.get(name).map_or("", |node| node.text.trim())
    }

    /// An attribute without a namespace.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Prefixes in scope, with how deep they were bound.
struct Scope(Vec<(usize, String, String)>);

impl Scope {
    fn find(&self, prefix: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(_, bound, _)| bound == prefix);
        found.map(|(_, _, space)| space.as_str())
    }

    fn resolve(&self, name: &str) -> Option<(String, String)> {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let space = match self.find(prefix) {
            None if prefix.is_empty() => "",
            found => found?,
        };
        Some((space.to_owned(), local.to_owned()))
    }
}

/// The root element of a document; nothing when it is not well-formed or has a document type.
pub(super) fn parse(document: &str) -> Option<Node> {
    let mut reader = Reader::from_str(document.trim_start_matches('\u{feff}'));
    let mut open: Vec<Node> = vec![Node::default()];
    let mut scope = Scope(Vec::new());
    loop {
        let event = reader.read_event().ok()?;
        match event {
            Event::Start(ref start) | Event::Empty(ref start) => {
                if open.len() > MAX_DEPTH {
                    return None;
                }
                let node = element(start, &mut scope, open.len())?;
                open.push(node);
                if matches!(event, Event::Empty(_)) {
                    close(&mut open, &mut scope)?;
                }
            }
            Event::End(_) => close(&mut open, &mut scope)?,
            Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
            Event::CData(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let top = open.last_mut()?;
                match reference.resolve_char_ref().ok()? {
                    Some(character) => top.text.push(character),
                    None => top.text.push(match &*reference.xml10_content() {
                        "lt" => '<',
                        "gt" => '>',
                        "amp" => '&',
                        "apos" => '\'',
                        "quot" => '"',
                        _ => return None,
                    }),
                }
            }
            Event::DocType(_) => return None,
            Event::Eof => break,
            _ => {}
        }
    }
    let document = <[Node; 1]>::try_from(open).ok().map(|[document]| document)?;
    <[Node; 1]>::try_from(document.nodes).ok().map(|[root]| root)
}

fn element(start: &BytesStart<'_>, scope: &mut Scope, depth: usize) -> Option<Node> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .ok()?
            .into_owned();
        let key = attribute.key.as_ref();
        if key == "xmlns" {
            scope.0.push((depth, String::new(), value));
        } else if let Some(prefix) = key.strip_prefix("xmlns:") {
            scope.0.push((depth, prefix.to_owned(), value));
        } else {
            attributes.push((key.to_owned(), value));
        }
    }
    let (space, name) = scope.resolve(start.name().as_ref())?;
    let mut node = Node {
        space,
        name,
        ..Node::default()
    };
    for (key, value) in attributes {
        let Some((prefix, local)) = key.split_once(':') else {
            node.attributes.push((key, value));
            continue;
        };
        match (scope.find(prefix), local) {
            (Some(XSI), "type") => node.of_type = scope.resolve(value.trim()),
            (Some(XSI), "nil") => node.nil = matches!(value.trim(), "true" | "1"),
            _ => {}
        }
    }
    Some(node)
}

fn close(open: &mut Vec<Node>, scope: &mut Scope) -> Option<()> {
    let node = open.pop()?;
    let depth = open.len();
    scope.0.retain(|(bound, _, _)| *bound < depth);
    open.last_mut()?.nodes.push(node);
    Some(())
}

/// Text as it may stand in an element or an attribute.
pub(super) fn escape(text: &str) -> String {
    let allowed = |c: &char| !c.is_control() || matches!(c, '\n' | '\t' | '\r');
    let text: String = text.chars().filter(allowed).collect();
    quick_xml::escape::escape(text.as_str()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_nils_are_resolved() {
        let root = parse(
            "<a xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns=\"urn:x\"><b xmlns:v=\"urn:v\" i:type=\"v:T\">1&amp;2</b><c i:nil=\"1\"/></a>",
        )
        .unwrap();
        assert_eq!((root.space.as_str(), root.name.as_str()), ("urn:x", "a"));
        assert_eq!(root.nodes[0].of_type, Some(("urn:v".to_owned(), "T".to_owned())));
        assert_eq!(root.text_of("b"), "1&2");
        assert!(root.get("c").unwrap().nil);
        for wrong in ["<a>", "<!DOCTYPE a><a/>", "<a/><b/>", "<a>&x;</a>", "<x:a/>", ""] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
