//! Answers as Atom, which is what clients get unless they ask for JSON.

use std::sync::Arc;

use quick_xml::escape::escape;

use super::json::text_of;
use super::source::{Source, navigation_name, target, type_name};
use super::url::key_of;
use super::view::View;
use crate::calendar;
use crate::infobase::Infobase;
use crate::schema::{Edm, Row, Value};

/// Everything needed to write entries, owned.
pub(crate) struct Writer {
    pub(crate) base: Arc<Infobase>,
    pub(crate) source: Source,
    pub(crate) view: View,
    /// Address of the service, with a slash at the end.
    pub(crate) root: String,
}

const DATA: &str = "http://schemas.microsoft.com/ado/2007/08/dataservices";
const META: &str = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata";

/// The opening of a feed.
pub(crate) fn feed(root: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" \
         xmlns:at=\"http://purl.org/atompub/tombstones/1.0\" xmlns:d=\"{DATA}\" xmlns:m=\"{META}\" xml:base=\"{}\">",
        escape(root)
    )
}

/// The opening of a collection of rows that are not entities.
pub(crate) fn collection(name: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<d:Result xmlns:d=\"{DATA}\" xmlns:m=\"{META}\" m:type=\"Collection(StandardODATA.{name})\">"
    )
}

/// One property.
fn property(out: &mut String, base: &Infobase, name: &str, value: &Value<'_>) {
    match text_of(base, value) {
        None => out.push_str(&format!("<d:{name} m:null=\"true\"/>")),
        Some(text) if text.is_empty() => out.push_str(&format!("<d:{name}/>")),
        Some(text) => out.push_str(&format!("<d:{name}>{}</d:{name}>", escape(&text))),
    }
}

fn field(out: &mut String, base: &Infobase, source: &Source, row: Row, at: usize) {
    let (name, edm) = source.field(at);
    let value = source.value(base, row, at);
    property(out, base, name, &value);
    if edm == Edm::Composite {
        property(
            out,
            base,
            &format!("{name}_Type"),
            &Value::text(type_name(base, &value)),
        );
    }
}

/// A single property as a document.
pub(crate) fn one_property(base: &Infobase, name: &str, value: &Value<'_>) -> String {
    let text = text_of(base, value).unwrap_or_default();
    let null = if *value == Value::Null {
        " m:null=\"true\""
    } else {
        ""
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<d:{name} xmlns:d=\"{DATA}\" xmlns:m=\"{META}\"{null}>{}</d:{name}>",
        escape(&text)
    )
}

impl Writer {
    /// An entry of a feed, or alone with `alone`.
    pub(crate) fn entry(&self, out: &mut String, row: Row, alone: bool) {
        self.write(out, row, alone, true);
    }

    /// An entry of a feed of changes: it has no links to other objects.
    pub(crate) fn changed(&self, out: &mut String, row: Row) {
        self.write(out, row, false, false);
    }

    fn write(&self, out: &mut String, row: Row, alone: bool, links: bool) {
        let base = &*self.base;
        let Some(set) = self.source.set() else {
            return self.element(out, row);
        };
        let link = format!("{}{}", set.name, key_of(base, set, row));
        if alone {
            out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
            out.push_str(&format!(
                "<entry xmlns=\"http://www.w3.org/2005/Atom\" xmlns:d=\"{DATA}\" xmlns:m=\"{META}\" xml:base=\"{}\">",
                escape(&self.root)
            ));
        } else {
            out.push_str("<entry>");
        }
        let updated = calendar::now().format("%Y-%m-%dT%H:%M:%S");
        out.push_str(&format!(
            "<id>{}{}</id><category term=\"StandardODATA.{}\" scheme=\"{DATA}/scheme\"/><title type=\"text\"/>\
             <updated>{updated}</updated><author/><summary/>",
            escape(&self.root),
            escape(&link),
            set.name
        ));
        for at in self.view.columns.iter().filter(|_| links) {
            let Some(name) = navigation_name(self.source.field(*at)) else {
                continue;
            };
            if target(&self.source.value(base, row, *at)).is_some() {
                out.push_str(&format!(
                    "<link rel=\"{DATA}/related/{name}\" href=\"{}/{name}\" \
                     type=\"application/atom+xml;type=entry;charset=utf-8\" title=\"{name}\"/>",
                    escape(&link)
                ));
            }
        }
        out.push_str(&format!(
            "<link rel=\"edit\" href=\"{}\" title=\"edit-link\"/>",
            escape(&link)
        ));
        out.push_str(&format!(
            "<content type=\"application/xml\"><m:properties xmlns:d=\"{DATA}\" xmlns:m=\"{META}\">"
        ));
        self.properties(out, row);
        out.push_str("</m:properties></content></entry>");
    }

    /// A row of a virtual table.
    pub(crate) fn element(&self, out: &mut String, row: Row) {
        let name = match &self.source {
            Source::Table(table) => table.name.clone(),
            Source::Set(_) => self.source.set().map_or_else(String::new, |set| set.name.clone()),
        };
        out.push_str(&format!("<d:element m:type=\"StandardODATA.{name}\">"));
        self.properties(out, row);
        out.push_str("</d:element>");
    }

    fn properties(&self, out: &mut String, row: Row) {
        let base = &*self.base;
        for at in &self.view.columns {
            field(out, base, &self.source, row, *at);
        }
        for at in &self.view.presentations {
            let (name, edm) = self.source.field(*at);
            let plain = if edm == Edm::Own {
                "Ref"
            } else {
                navigation_name((name, edm)).unwrap_or(name)
            };
            let shown = match self.source.value(base, row, *at) {
                Value::Key(found) | Value::Composite(found) => base.presentation(found),
                _ => String::new(),
            };
            property(
                out,
                base,
                &format!("{plain}____Presentation"),
                &Value::text(shown),
            );
        }
        let Some(set) = self.source.set() else { return };
        for (part, columns) in &self.view.parts {
            let part = &set.parts[*part];
            let rows = Source::Set(part.set);
            let type_name = row_type(&set.name, part.name);
            let lines = base.part(set, part, row);
            let head = format!(
                "<d:{} m:type=\"Collection(StandardODATA.{type_name})\"",
                part.name
            );
            if lines.len() == 0 {
                out.push_str(&format!("{head}/>"));
                continue;
            }
            out.push_str(&format!("{head}>"));
            for line in lines.iter() {
                out.push_str(&format!("<d:element m:type=\"StandardODATA.{type_name}\">"));
                for at in (0..rows.width()).filter(|at| columns.is_empty() || columns.contains(at)) {
                    field(out, base, &rows, line, at);
                }
                out.push_str("</d:element>");
            }
            out.push_str(&format!("</d:{}>", part.name));
        }
    }
}

/// Name of the complex type of a tabular part's rows, or of a record set's.
pub(crate) fn row_type(set: &str, part: &str) -> String {
    if part == "RecordSet" {
        format!("{set}_RowType")
    } else {
        format!("{set}_{part}_RowType")
    }
}
