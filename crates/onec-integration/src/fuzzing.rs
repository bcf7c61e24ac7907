//! The readers of what others send, as one function each: for the fuzz targets in `fuzz/` and for
//! tests that feed them mutated documents. None may panic, and each tells how much it read.

use crate::odata::atom;
use crate::odata::{Collection, Filter, Row, parser};

/// Reads Atom: a feed, an entry or the collection of a virtual table. The number of properties.
#[must_use]
pub fn atom(document: &[u8]) -> Option<usize> {
    let answer = futures_util::FutureExt::now_or_never(atom::read(document))?.ok()?;
    let properties = answer.objects.iter().map(|object| {
        let row = object.row().ok()?;
        let again = Row::parse(object.as_json().as_bytes()).ok()?;
        Some(row.names().count().min(again.names().count()))
    });
    properties.sum()
}

/// Reads a JSON collection or object, every property in every way. The number of properties.
#[must_use]
pub fn json(document: &[u8]) -> Option<usize> {
    let rows = match Collection::parse(document) {
        Ok(collection) => {
            let _ = collection.count();
            collection.value
        }
        Err(_) => vec![Row::parse(document).ok()?],
    };
    let mut properties = 0;
    for row in &rows {
        for name in row.names() {
            properties += 1;
            let _ = (row.text(name), row.decimal(name), row.integer(name));
            let _ = (row.boolean(name), row.moment(name), row.guid(name));
            let _ = (row.target(name), row.rows(name).map(|rows| rows.len()));
        }
    }
    Some(properties)
}

/// Reads a filter and what is written of it. The length of the latter.
#[must_use]
pub fn filter(text: &str) -> Option<usize> {
    let expression = parser::parse(text).ok()?;
    let written = Filter::new(expression.clone()).to_string();
    let again = parser::parse(&written).ok()?;
    (again == expression).then_some(written.len())
}

/// Reads metadata. The number of types and functions.
#[must_use]
pub fn edmx(document: &[u8]) -> Option<usize> {
    let read = futures_util::FutureExt::now_or_never(crate::catalogue::read(document))?;
    let catalogue = read.ok()?;
    Some(catalogue.types.len() + catalogue.functions.len())
}
