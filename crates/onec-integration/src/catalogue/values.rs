//! Values of rows as JSON, by the types that the metadata declare.

use serde_json::{Map, Value};

use super::access::rows_type;
use crate::odata::{DataError, Row};
use crate::store::catalogue::StoredProperty;

/// What 1C calls an empty date.
const EMPTY_DATE: &str = "0001-01-01T00:00:00";
/// What 1C adds to a reference's name for the name of the object.
pub(crate) const PRESENTATION: &str = "____Presentation";

/// Properties by the type of a tabular part's rows.
pub(crate) type Parts = std::collections::HashMap<String, Vec<StoredProperty>>;

/// A row with the properties given. Numbers with a fraction, such as money, are strings, so that no
/// reader rounds them; empty references and dates are null.
pub(crate) fn object<'a>(
    row: &Row<'_>,
    properties: impl IntoIterator<Item = &'a StoredProperty>,
    parts: &Parts,
) -> Result<Map<String, Value>, DataError> {
    let mut object = Map::new();
    for property in properties {
        object.insert(property.name.clone(), value(row, property, parts)?);
    }
    Ok(object)
}

fn value(row: &Row<'_>, property: &StoredProperty, parts: &Parts) -> Result<Value, DataError> {
    let name = &property.name;
    if let Some(of) = rows_type(&property.edm_type) {
        let declared = parts.get(of).map(Vec::as_slice).unwrap_or_default();
        let rows = row.rows(name)?;
        let rows: Result<Vec<Value>, _> = rows
            .iter()
            .map(|row| object(row, declared, parts).map(Value::Object))
            .collect();
        return Ok(Value::Array(rows?));
    }
    Ok(match property.edm_type.as_str() {
        "Edm.Guid" => row.guid(name).map(|guid| guid.to_string()).into(),
        "Edm.Boolean" => row.boolean(name)?.into(),
        "Edm.Byte" | "Edm.Int16" | "Edm.Int32" | "Edm.Int64" => {
            let number = row.decimal(name)?;
            number.and_then(|number| i64::try_from(number).ok()).into()
        }
        "Edm.Double" | "Edm.Single" | "Edm.Decimal" => row
            .decimal(name)?
            .map(|number| number.normalize().to_string())
            .into(),
        "Edm.DateTime" => row.text(name)?.filter(|text| text != EMPTY_DATE).into(),
        _ => row.text(name)?.unwrap_or_default().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_have_the_types_of_the_metadata() {
        let property = |(name, edm_type): (&str, &str)| StoredProperty {
            name: name.to_owned(),
            edm_type: edm_type.to_owned(),
            nullable: true,
            is_key: false,
            target: None,
            navigation: None,
        };
        let body = "{\"Ref_Key\":\"00000000-0000-0000-0000-000000000000\",\"Сумма\":90071992547409.93,\"Строк\":\"12\",\
             \"Дата\":\"0001-01-01T00:00:00\",\"Время\":\"0001-01-01T10:00:00\",\"Да\":null,\"Код\":\"1  \",\
             \"Товары\":[{\"LineNumber\":\"1\",\"Цена\":10.50}]}";
        let row = Row::parse(body.as_bytes()).unwrap();
        let properties = [
            ("Ref_Key", "Edm.Guid"),
            ("Сумма", "Edm.Double"),
            ("Строк", "Edm.Int64"),
            ("Дата", "Edm.DateTime"),
            ("Время", "Edm.DateTime"),
            ("Да", "Edm.Boolean"),
            ("Код", "Edm.String"),
            ("Товары", "Collection(StandardODATA.X_Товары_RowType)"),
        ]
        .map(property);
        let rows = vec![
            property(("LineNumber", "Edm.Int64")),
            property(("Цена", "Edm.Double")),
        ];
        let parts = Parts::from([("X_Товары_RowType".to_owned(), rows)]);
        assert_eq!(
            Value::Object(object(&row, &properties, &parts).unwrap()),
            json!({
                "Ref_Key": null, "Сумма": "90071992547409.93", "Строк": 12, "Дата": null,
                "Время": "0001-01-01T10:00:00", "Да": null, "Код": "1",
                "Товары": [{"LineNumber": 1, "Цена": "10.5"}],
            })
        );
    }
}
