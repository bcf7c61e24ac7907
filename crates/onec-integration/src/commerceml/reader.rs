//! Reads a CommerceML file as a stream: one object is in memory at a time.

use quick_xml::events::{BytesStart, Event};

use super::feed::{Feed, FeedError, Source};
use super::node::{Builder, Node};
use super::records::{self, Record};
use crate::xml::{Limits, Xml, XmlError, text_of};

/// Limits of a file.
const LIMITS: Limits = Limits {
    deepest: 100,
    longest: 1024 * 1024,
};

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// Its bytes.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// It could not be fetched from where it is kept.
    #[error("the file could not be fetched")]
    Fetch(#[source] std::io::Error),
    /// It is not well formed.
    #[error("the file is not well-formed XML")]
    Malformed,
    /// It has a DOCTYPE, with which entities could be made.
    #[error("the file has a DOCTYPE")]
    Doctype,
    /// Its root is another.
    #[error("the file is not CommerceML")]
    NotCommerceMl,
    /// It is of a version of the schema that is not known.
    #[error("the version `{0}` of the schema is not known")]
    Version(String),
    /// One object is larger than anything real.
    #[error("an object of the file is too large")]
    ObjectTooLarge,
}

impl From<XmlError> for ReadError {
    fn from(error: XmlError) -> Self {
        match error {
            XmlError::Syntax(quick_xml::Error::Io(error)) => Self::Fetch(std::io::Error::other(error)),
            XmlError::Syntax(_) | XmlError::Entity | XmlError::Cut => Self::Malformed,
            XmlError::DocumentType => Self::Doctype,
            XmlError::TooDeep | XmlError::TooLong => Self::ObjectTooLarge,
        }
    }
}

/// What an object is, by the element and the one that it lies in.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Property,
    Unit,
    Warehouse,
    PriceType,
    Item,
    Offer,
}

/// A file that is being read.
pub(crate) struct Records {
    xml: Xml<Feed>,
    /// Names of the elements that are open.
    path: Vec<String>,
    /// Groups that are open: each lies in the one before.
    groups: Vec<OpenGroup>,
    has_root: bool,
    ended: bool,
}

/// A group whose own part may have been told already, when groups in it follow.
#[derive(Debug)]
struct OpenGroup {
    depth: usize,
    node: Option<Builder>,
    id: Option<String>,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Records {
    /// The records of these bytes.
    pub(crate) fn new(source: Source) -> Self {
        Self {
            xml: Xml::new(Feed::new(source), LIMITS),
            path: Vec::new(),
            groups: Vec::new(),
            has_root: false,
            ended: false,
        }
    }

    async fn event(&mut self) -> Result<Event<'static>, ReadError> {
        let read = self.xml.next().await.map(Event::into_owned);
        // The feed knows better what stopped it.
        read.map_err(|error| match self.xml.input().take_failure() {
            Some(failure) => failure.into(),
            None => error.into(),
        })
    }

    /// The next record; none at the end of the file.
    pub(crate) async fn next(&mut self) -> Result<Option<Record>, ReadError> {
        while !self.ended {
            let record = match self.event().await? {
                Event::Start(tag) => self.begin(&tag).await?,
                Event::End(_) => self.end(),
                Event::Eof => {
                    if !self.has_root {
                        return Err(ReadError::Malformed);
                    }
                    self.ended = true;
                    None
                }
                event => {
                    if let Some(text) = text_of(&event)? {
                        self.text(&text)?;
                    }
                    None
                }
            };
            if record.is_some() {
                return Ok(record);
            }
        }
        Ok(None)
    }

    fn text(&mut self, text: &str) -> Result<(), ReadError> {
        if let Some(node) = self.groups.last_mut().and_then(|group| group.node.as_mut()) {
            node.text(text)?;
        }
        Ok(())
    }

    async fn begin(&mut self, tag: &BytesStart<'_>) -> Result<Option<Record>, ReadError> {
        let name = tag.local_name().as_ref().to_owned();
        if self.path.is_empty() {
            self.root(tag, &name)?;
            self.path.push(name);
            return Ok(None);
        }
        let section = self.path.get(1).map_or(name.as_str(), String::as_str).to_owned();
        let parent = self.path.last().map(String::as_str).unwrap_or_default();
        let record = match (section.as_str(), parent, name.as_str()) {
            ("Каталог", "КоммерческаяИнформация", "Каталог") => {
                Some(Record::Catalogue {
                    full: records::is_full(Node::begin(tag)?.attribute("СодержитТолькоИзменения")),
                })
            }
            ("ПакетПредложений", "КоммерческаяИнформация", "ПакетПредложений") => {
                Some(Record::Offers {
                    full: records::is_full(Node::begin(tag)?.attribute("СодержитТолькоИзменения")),
                })
            }
            ("ИзмененияПакетаПредложений", "КоммерческаяИнформация", _) => {
                Some(Record::Offers { full: false })
            }
            ("Классификатор", "Группы", "Группа") => {
                let told = self.begin_group(tag)?;
                self.path.push(name);
                return Ok(told);
            }
            _ => {
                if let Some(kind) = kind(&section, parent, &name) {
                    return self.object(kind, tag).await.map(Some);
                }
                None
            }
        };
        // The part of a group before groups in it.
        let told = match self.groups.last_mut() {
            Some(group) if group.depth + 1 == self.path.len() && name == "Группы" => {
                group_told(&mut self.groups)
            }
            Some(OpenGroup { node: Some(node), .. }) => {
                node.begin(Node::begin(tag)?)?;
                None
            }
            _ => None,
        };
        self.path.push(name);
        Ok(record.or(told))
    }

    fn root(&mut self, tag: &BytesStart<'_>, name: &str) -> Result<(), ReadError> {
        if self.has_root || name != "КоммерческаяИнформация" {
            return Err(ReadError::NotCommerceMl);
        }
        self.has_root = true;
        let root = Node::begin(tag)?;
        // Versions differ in what is added; 3 would be another schema.
        match root.attribute("ВерсияСхемы") {
            Some(version) if !version.starts_with("2.") && version != "2" => {
                Err(ReadError::Version(version.chars().take(20).collect()))
            }
            _ => Ok(()),
        }
    }

    fn begin_group(&mut self, tag: &BytesStart<'_>) -> Result<Option<Record>, ReadError> {
        self.groups.push(OpenGroup {
            depth: self.path.len(),
            node: Some(Builder::new(Node::begin(tag)?)),
            id: None,
        });
        Ok(None)
    }

    fn end(&mut self) -> Option<Record> {
        self.path.pop();
        let depth = self.path.len();
        let group = self.groups.last_mut()?;
        if group.depth == depth {
            let told = group_told(&mut self.groups);
            self.groups.pop();
            return told;
        }
        if let Some(node) = &mut group.node {
            node.end();
        }
        None
    }

    /// Reads an object to its end.
    async fn object(&mut self, kind: Kind, tag: &BytesStart<'_>) -> Result<Record, ReadError> {
        let mut tree = Builder::new(Node::begin(tag)?);
        let node = loop {
            match self.event().await? {
                Event::Start(tag) => tree.begin(Node::begin(&tag)?)?,
                Event::End(_) => {
                    if let Some(node) = tree.end() {
                        break node;
                    }
                }
                event => {
                    if let Some(text) = text_of(&event)? {
                        tree.text(&text)?;
                    }
                }
            }
        };
        Ok(match kind {
            Kind::Property => records::property(&node),
            Kind::Unit => records::classified_unit(&node),
            Kind::Warehouse => records::warehouse(&node),
            Kind::PriceType => records::price_type(&node),
            Kind::Item => records::item(&node),
            Kind::Offer => records::offer(&node),
        })
    }
}

/// The innermost group, unless it was told already.
fn group_told(groups: &mut [OpenGroup]) -> Option<Record> {
    let (group, outer) = groups.split_last_mut()?;
    let mut tree = group.node.take()?;
    let node = loop {
        if let Some(node) = tree.end() {
            break node;
        }
    };
    let parent = outer.last().and_then(|outer| outer.id.as_deref());
    let record = records::group(&node, parent);
    if let Record::Group(told) = &record {
        group.id = Some(told.id.clone());
    }
    Some(record)
}

fn kind(section: &str, parent: &str, name: &str) -> Option<Kind> {
    let of_goods = matches!(
        section,
        "Классификатор" | "Каталог" | "ПакетПредложений" | "ИзмененияПакетаПредложений"
    );
    match (parent, name) {
        _ if !of_goods => None,
        ("Свойства", "Свойство" | "СвойствоНоменклатуры") => {
            Some(Kind::Property)
        }
        ("ЕдиницыИзмерения", "ЕдиницаИзмерения") => Some(Kind::Unit),
        ("Склады", "Склад") => Some(Kind::Warehouse),
        ("ТипыЦен", "ТипЦены") => Some(Kind::PriceType),
        ("Товары", "Товар") => Some(Kind::Item),
        ("Предложения", "Предложение") => Some(Kind::Offer),
        _ => None,
    }
}
