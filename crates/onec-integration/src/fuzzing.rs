//! The readers of what others send, as one function each: for the fuzz targets in `fuzz/` and for
//! tests that feed them mutated documents. None may panic, and each tells how much it read.

use bytes::Bytes;

use crate::commerceml::feed::Source;
use crate::commerceml::reader::Records;
use crate::odata::atom;
use crate::odata::{Collection, Filter, Row, parser};
use crate::soap::envelope;
use crate::soap::wsdl::{Description, LARGEST_DOCUMENT};
use crate::soap::xml::Element;

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

/// Reads a filter and what is written of it: whether both are understood as the same.
#[must_use]
pub fn filter(text: &str) -> Option<bool> {
    let expression = parser::parse(text).ok()?;
    let written = Filter::new(expression.clone()).to_string();
    Some(parser::parse(&written).is_ok_and(|again| again == expression))
}

/// Reads an answer of a web service and a description of one. The number of operations, or one for an
/// answer.
#[must_use]
pub fn soap(document: &[u8]) -> Option<usize> {
    let answer = envelope::read(document, LARGEST_DOCUMENT).is_ok();
    let root = Element::parse(document, LARGEST_DOCUMENT).ok()?;
    let _ = Description::imports(&root);
    let operations = Description::read(&[root]).map_or(0, |described| described.operations.len());
    Some(operations.max(usize::from(answer)))
}

/// Reads a file of an exchange with a site. The number of records.
#[must_use]
pub fn commerceml(document: &[u8]) -> Option<usize> {
    let document = Bytes::copy_from_slice(document);
    let whole: Source = Box::pin(futures_util::stream::iter([Ok(document)]));
    let mut records = Records::new(whole);
    let mut count = 0;
    while futures_util::FutureExt::now_or_never(records.next())?
        .ok()?
        .is_some()
    {
        count += 1;
    }
    Some(count)
}

/// Reads metadata. The number of types and functions.
#[must_use]
pub fn edmx(document: &[u8]) -> Option<usize> {
    let read = futures_util::FutureExt::now_or_never(crate::catalogue::read(document))?;
    let catalogue = read.ok()?;
    Some(catalogue.types.len() + catalogue.functions.len())
}
