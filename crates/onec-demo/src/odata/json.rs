//! Answers as JSON.

use std::fmt::Write as _;
use std::sync::Arc;

use super::source::{Source, navigation_name, target, type_name};
use super::url::key_of;
use super::view::{Expanded, View, everything};
use crate::ids::Kind;
use crate::infobase::Infobase;
use crate::schema::{Edm, EntitySet, Row, SCHEMA, Value};

/// How much an answer says about itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metadata {
    None,
    Minimal,
    Full,
}

/// Everything needed to write rows, owned, so that a long answer can be written piece by piece.
pub(crate) struct Writer {
    pub(crate) base: Arc<Infobase>,
    pub(crate) source: Source,
    pub(crate) view: View,
    pub(crate) metadata: Metadata,
    /// Address of the service, with a slash at the end.
    pub(crate) root: String,
}

/// Writes `text` as a JSON string.
pub(crate) fn string(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// The text of a value as it stands in JSON strings and in XML; nothing for null.
pub(crate) fn text_of(base: &Infobase, value: &Value<'_>) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.normalize().to_string(),
        Value::Text(text) => text.clone().into_owned(),
        Value::Date(date) => date.format("%Y-%m-%dT%H:%M:%S").to_string(),
        Value::Guid(guid) => guid.to_string(),
        Value::Key(found) => base.guid(*found).to_string(),
        Value::Composite(found) => match found.kind {
            Kind::Nothing => String::new(),
            Kind::TaxPayment => crate::company::catalogs::TAX_KIND.to_owned(),
            _ => base.guid(*found).to_string(),
        },
    })
}

/// Writes a value of a type.
pub(crate) fn value(out: &mut String, base: &Infobase, edm: Edm, value: &Value<'_>) {
    match (text_of(base, value), edm) {
        (None, _) => out.push_str("null"),
        (Some(text), Edm::Bool | Edm::Int16 | Edm::Double) => out.push_str(&text),
        (Some(text), _) => string(out, &text),
    }
}

/// Puts a comma before every member but the first.
struct Members<'a> {
    out: &'a mut String,
    first: bool,
}

impl Members<'_> {
    fn name(&mut self, name: &str) -> &mut String {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        self.out.push('\n');
        string(self.out, name);
        self.out.push_str(": ");
        self.out
    }

    fn field(&mut self, base: &Infobase, source: &Source, row: Row, at: usize) {
        let (name, edm) = source.field(at);
        let found = source.value(base, row, at);
        value(self.name(name), base, edm, &found);
        if edm == Edm::Composite {
            let kind = type_name(base, &found);
            string(self.name(&format!("{name}_Type")), &kind);
        }
    }
}

impl Writer {
    /// Writes a row of a collection.
    pub(crate) fn row(&self, out: &mut String, row: Row) {
        out.push('{');
        self.members(out, row, false, true);
        out.push('}');
    }

    /// Writes the members of a single object: their order is not that of the metadata, rows have no `Ref_Key`.
    pub(crate) fn single(&self, out: &mut String, row: Row, first: bool) {
        self.members(out, row, true, first);
    }

    fn members(&self, out: &mut String, row: Row, single: bool, first: bool) {
        let base = &*self.base;
        let mut members = Members { out, first };
        let set = self.source.set();
        if let (Metadata::Full, Some(set)) = (self.metadata, set) {
            let key = key_of(base, set, row);
            string(members.name("odata.type"), &format!("StandardODATA.{}", set.name));
            string(
                members.name("odata.id"),
                &format!("{}{}{key}", self.root, set.name),
            );
            string(members.name("odata.editLink"), &format!("{}{key}", set.name));
        }
        let mut columns = self.view.columns.clone();
        if single {
            columns.reverse();
        }
        for at in &columns {
            members.field(base, &self.source, row, *at);
        }
        for at in &self.view.presentations {
            let field = self.source.field(*at);
            let plain = if field.1 == Edm::Own {
                "Ref"
            } else {
                navigation_name(field).unwrap_or(field.0)
            };
            let found = match self.source.value(base, row, *at) {
                Value::Key(found) | Value::Composite(found) => base.presentation(found),
                _ => String::new(),
            };
            string(members.name(&format!("{plain}____Presentation")), &found);
        }
        let Some(set) = set else { return };
        for (part, columns) in &self.view.parts {
            let part = &set.parts[*part];
            let rows = Source::Set(part.set);
            let whole: Vec<usize> = if columns.is_empty() {
                (0..rows.width()).collect()
            } else {
                columns.clone()
            };
            let out = members.name(part.name);
            out.push('[');
            let mut first = true;
            for line in base.part(set, part, row).iter() {
                if !first {
                    out.push(',');
                }
                first = false;
                out.push('{');
                let mut cells = Members { out, first: true };
                for at in &whole {
                    if !(single && rows.field(*at).1 == Edm::Own) {
                        cells.field(base, &rows, line, *at);
                    }
                }
                out.push('}');
            }
            out.push(']');
        }
        for expanded in &self.view.expanded {
            let found = self.source.value(base, row, expanded.column);
            object(members.name(&expanded.name), base, expanded, &found);
        }
        if self.metadata != Metadata::None {
            self.links(&mut members, set, row, &columns);
        }
    }

    /// Links of the references that are filled in.
    fn links(&self, members: &mut Members<'_>, set: &EntitySet, row: Row, columns: &[usize]) {
        let base = &*self.base;
        let mut key = None;
        for at in columns {
            let Some(name) = navigation_name(self.source.field(*at)) else {
                continue;
            };
            if self.view.expanded.iter().any(|expanded| expanded.column == *at) {
                continue;
            }
            if target(&self.source.value(base, row, *at)).is_some() {
                let key = key.get_or_insert_with(|| key_of(base, set, row));
                string(
                    members.name(&format!("{name}@navigationLinkUrl")),
                    &format!("{}{key}/{name}", set.name),
                );
            }
        }
    }
}

/// Writes an expanded object, or null.
fn object(out: &mut String, base: &Infobase, expanded: &Expanded, value: &Value<'_>) {
    let found = target(value).filter(|found| expanded.kind.is_none_or(|kind| kind == found.kind));
    let found = found.and_then(|found| base.set_of(found.kind).map(|set| (found, set)));
    let Some((found, at)) = found else {
        return out.push_str("null");
    };
    let source = Source::Set(at);
    let set = &SCHEMA.sets[at];
    let view = everything(&source);
    out.push('{');
    let mut members = Members { out, first: true };
    for column in view.columns {
        let wanted = expanded
            .names
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| name == source.field(column).0));
        if wanted {
            members.field(base, &source, found.index, column);
        }
    }
    for part in set.parts.iter().filter(|_| expanded.names.is_none()) {
        let rows = Source::Set(part.set);
        let out = members.name(part.name);
        out.push('[');
        for (number, line) in base.part(set, part, found.index).iter().enumerate() {
            out.push_str(if number == 0 { "{" } else { ",{" });
            let mut cells = Members { out, first: true };
            for column in 0..rows.width() {
                cells.field(base, &rows, line, column);
            }
            out.push('}');
        }
        out.push(']');
    }
    for child in &expanded.children {
        let next = source.value(base, found.index, child.column);
        object(members.name(&child.name), base, child, &next);
    }
    out.push('}');
}
