//! What a caller wants written, checked by names and types. References are collected to be looked up.

use std::collections::{BTreeSet, HashMap};

use common::Text;
use common::http::Violations;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::values::{guid, scalar};
use crate::catalogue::access::{Entity, rows_type};
use crate::catalogue::values::Parts;
use crate::store::catalogue::StoredProperty;

/// Rows of one tabular part at most: 1C keeps 99 999.
const MOST_ROWS: usize = 10_000;
/// What 1C keeps itself, or what is done by an action.
const OWN: [&str; 5] = [
    "Ref_Key",
    "DataVersion",
    "Posted",
    "Predefined",
    "PredefinedDataName",
];
/// What is told of a new object only.
const FIRST_ONLY: [&str; 1] = ["IsFolder"];

/// What is published of a set.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) entity: Entity,
    /// Properties of the rows of tabular parts.
    pub(crate) parts: Parts,
    /// Members of enumerations: by the type of a property, or by its name, since 1C publishes the
    /// value of an enumeration as a string and its property is called like the enumeration, often.
    pub(crate) enumerations: HashMap<String, Vec<String>>,
}

impl Declared {
    /// Properties of the rows of a tabular part.
    pub(crate) fn rows(&self, part: &StoredProperty) -> Option<&[StoredProperty]> {
        let of = rows_type(&part.edm_type)?;
        self.parts.get(of).map(Vec::as_slice)
    }

    fn members(&self, property: &StoredProperty) -> Option<&[String]> {
        let by_type = property.edm_type.strip_prefix("StandardODATA.");
        let found = self.enumerations.get(by_type.unwrap_or(&property.name))?;
        Some(found)
    }
}

/// How an object that is referred to is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum By {
    /// By its key.
    Reference(Uuid),
    /// By our id of it.
    Id(Uuid),
    /// By what one of its properties says.
    Field(&'static str, String),
}

/// A reference to be looked up.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Its place in the request.
    pub(crate) pointer: String,
    pub(crate) set: String,
    pub(crate) by: By,
    /// A folder is meant, not what is in it.
    pub(crate) is_folder: bool,
}

/// A value, or the number of a reference.
#[derive(Debug)]
pub(crate) enum Cell {
    Value(Value),
    Reference(usize),
}

/// Properties with what is written into them.
pub(crate) type Fields = Vec<(String, Cell)>;

/// What is to be written.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) fields: Fields,
    pub(crate) parts: Vec<(String, Vec<Fields>)>,
    pub(crate) references: Vec<Wanted>,
    /// Properties that hold references of which it is not told where they lead to.
    pub(crate) unchecked: BTreeSet<String>,
}

/// Checks the values of a request, which are at `/values` there.
pub(crate) fn check(
    declared: &Declared,
    given: &Map<String, Value>,
    (is_new, post): (bool, bool),
    violations: &mut Violations,
) -> Checked {
    let mut checked = Checked::default();
    violations.check(
        // An object may be posted as it is.
        !given.is_empty() || (post && !is_new),
        "/values",
        Text::new("Укажите, что записать.", "Tell what to write."),
    );
    for (name, value) in given {
        let pointer = format!("/values/{}", escaped(name));
        let Some(property) = declared.entity.property(name) else {
            violations.add(&pointer, unknown(declared, name));
            continue;
        };
        if OWN.contains(&name.as_str()) || (!is_new && FIRST_ONLY.contains(&name.as_str())) {
            violations.add(&pointer, not_writable());
            continue;
        }
        let Some(row_properties) = declared.rows(property) else {
            let mut at = Place {
                declared,
                siblings: &declared.entity.properties,
                references: &mut checked.references,
                unchecked: &mut checked.unchecked,
                violations,
            };
            at.field(&pointer, property, value, &mut checked.fields);
            continue;
        };
        let Value::Array(rows) = value else {
            violations.add(
                &pointer,
                Text::new("Нужен список строк.", "A list of rows is needed."),
            );
            continue;
        };
        violations.check(
            rows.len() <= MOST_ROWS,
            &pointer,
            Text::new(
                format!("Не больше {MOST_ROWS} строк."),
                format!("At most {MOST_ROWS} rows."),
            ),
        );
        let mut lines = Vec::with_capacity(rows.len().min(MOST_ROWS));
        for (number, row) in (1_usize..).zip(rows.iter().take(MOST_ROWS)) {
            let pointer = format!("{pointer}/{}", number - 1);
            let mut at = Place {
                declared,
                siblings: row_properties,
                references: &mut checked.references,
                unchecked: &mut checked.unchecked,
                violations,
            };
            lines.push(at.row(&pointer, number, row));
        }
        checked.parts.push((name.clone(), lines));
    }
    checked
}

/// A name as a part of a JSON pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

struct Place<'a> {
    declared: &'a Declared,
    /// The properties of the object or of the row.
    siblings: &'a [StoredProperty],
    references: &'a mut Vec<Wanted>,
    unchecked: &'a mut BTreeSet<String>,
    violations: &'a mut Violations,
}

impl Place<'_> {
    fn row(&mut self, pointer: &str, number: usize, row: &Value) -> Fields {
        let mut fields = Fields::new();
        let Value::Object(row) = row else {
            self.violations
                .add(pointer, Text::new("Нужна строка-объект.", "A row is an object."));
            return fields;
        };
        for (name, value) in row {
            let pointer = format!("{pointer}/{}", escaped(name));
            if name == "LineNumber" {
                let is_right = scalar("Edm.Int64", value).is_ok_and(|line| line == number);
                self.violations.check(
                    is_right,
                    &pointer,
                    Text::new(
                        "Строки нумеруются по порядку с 1: номер можно не указывать.",
                        "Rows are numbered in order from 1: the number may be left out.",
                    ),
                );
                continue;
            }
            match self.siblings.iter().find(|property| &property.name == name) {
                _ if name == "Ref_Key" => self.violations.add(&pointer, not_writable()),
                Some(property) => self.field(&pointer, property, value, &mut fields),
                None => self.violations.add(
                    &pointer,
                    Text::new(
                        format!("У строки нет реквизита {name}."),
                        format!("A row has no property {name}."),
                    ),
                ),
            }
        }
        fields
    }

    fn has(&self, name: &str) -> bool {
        self.siblings.iter().any(|property| property.name == name)
    }

    fn field(&mut self, pointer: &str, property: &StoredProperty, value: &Value, fields: &mut Fields) {
        let name = &property.name;
        if let Some(main) = name.strip_suffix("_Type")
            && self.has(main)
        {
            self.violations.add(
                pointer,
                Text::new(
                    format!("Тип указывается в самой ссылке: {main}: {{\"type\": …, \"ref\": …}}."),
                    format!("The type is told in the reference itself: {main}: {{\"type\": …, \"ref\": …}}."),
                ),
            );
            return;
        }
        let is_composite = self.has(&format!("{name}_Type"));
        if is_composite || property.target.is_some() {
            match self.reference(pointer, property, value, is_composite) {
                Ok(Some((set, by))) => {
                    if is_composite {
                        let kind = format!("StandardODATA.{set}");
                        fields.push((format!("{name}_Type"), Cell::Value(kind.into())));
                    }
                    fields.push((name.clone(), Cell::Reference(self.references.len())));
                    self.references.push(Wanted {
                        pointer: pointer.to_owned(),
                        set,
                        by,
                        is_folder: name == "Parent_Key",
                    });
                }
                Ok(None) => fields.push((name.clone(), Cell::Value(Value::Null))),
                Err(detail) => self.violations.add(pointer, detail),
            }
            return;
        }
        let members = self.declared.members(property);
        let edm_type = if members.is_some() {
            "Edm.String"
        } else {
            &property.edm_type
        };
        match scalar(edm_type, value) {
            Ok(value) => {
                if edm_type == "Edm.Guid" && name.ends_with("_Key") && !value.is_null() {
                    self.unchecked.insert(name.clone());
                }
                if let (Some(members), Some(text)) = (members, value.as_str())
                    && !text.is_empty()
                    && !members.iter().any(|member| member == text)
                {
                    let known = members.join(", ");
                    self.violations.add(
                        pointer,
                        Text::new(
                            format!("Возможные значения: {known}."),
                            format!("Possible values: {known}."),
                        ),
                    );
                    return;
                }
                fields.push((name.clone(), Cell::Value(value)));
            }
            Err(detail) => self.violations.add(pointer, detail),
        }
    }

    /// Set and way of finding; none for the empty reference.
    fn reference(
        &self,
        pointer: &str,
        property: &StoredProperty,
        value: &Value,
        is_composite: bool,
    ) -> Result<Option<(String, By)>, Text> {
        let form = || {
            Text::new(
                "Нужна ссылка: GUID, {\"ref\": …}, {\"id\": …} из поиска, {\"name\": …}, {\"code\": …} или \
                 {\"number\": …}.",
                "A reference is needed: a GUID, {\"ref\": …}, {\"id\": …} of a search, {\"name\": …}, \
                 {\"code\": …} or {\"number\": …}.",
            )
        };
        match value {
            Value::Null if is_composite => Err(Text::new(
                "Очистить реквизит составного типа через этот интерфейс нельзя.",
                "A property of several types cannot be cleared by this interface.",
            )),
            Value::Null => Ok(None),
            Value::String(text) if !is_composite => {
                let reference = guid(text).ok_or_else(form)?;
                let target = property.target.clone().unwrap_or_default();
                Ok((!reference.is_nil()).then_some((target, By::Reference(reference))))
            }
            Value::Object(object) => {
                let set = match (object.get("type").and_then(Value::as_str), &property.target) {
                    (Some(set), Some(target)) if set != target => {
                        return Err(Text::new(
                            format!("Сюда записываются ссылки на {target}."),
                            format!("References to {target} are written here."),
                        ));
                    }
                    (_, Some(target)) => target.clone(),
                    (Some(set), None) => set.strip_prefix("StandardODATA.").unwrap_or(set).to_owned(),
                    (None, None) => {
                        return Err(Text::new(
                            format!("У ссылки нужен type: {pointer} бывает разных типов."),
                            format!("The reference needs a type: {pointer} may be of several."),
                        ));
                    }
                };
                let ways: Vec<(&String, &Value)> =
                    object.iter().filter(|(name, _)| *name != "type").collect();
                let [(way, Value::String(text))] = ways.as_slice() else {
                    return Err(form());
                };
                let text = text.trim();
                let by = match way.as_str() {
                    "ref" => By::Reference(guid(text).filter(|guid| !guid.is_nil()).ok_or_else(form)?),
                    "id" => By::Id(guid(text).ok_or_else(form)?),
                    "name" if !text.is_empty() => By::Field("Description", text.to_owned()),
                    "code" if !text.is_empty() => By::Field("Code", text.to_owned()),
                    "number" if !text.is_empty() => By::Field("Number", text.to_owned()),
                    _ => return Err(form()),
                };
                Ok(Some((set, by)))
            }
            _ => Err(form()),
        }
    }
}

fn not_writable() -> Text {
    Text::new(
        "Этот реквизит 1С ведёт сама: не указывайте его.",
        "1C keeps this property itself: leave it out.",
    )
}

/// That there is no such property, with those that are called alike.
fn unknown(declared: &Declared, name: &str) -> Text {
    let set = &declared.entity.stored.name;
    let plain = name.to_lowercase();
    let plain = plain.strip_suffix("_key").unwrap_or(&plain);
    let alike: Vec<&str> = declared
        .entity
        .properties
        .iter()
        .map(|property| property.name.as_str())
        .filter(|known| {
            let known = known.to_lowercase();
            let known = known.strip_suffix("_key").unwrap_or(&known);
            known == plain || (plain.chars().count() > 3 && (known.contains(plain) || plain.contains(known)))
        })
        .take(5)
        .collect();
    if alike.is_empty() {
        return Text::new(
            format!("У {set} нет реквизита {name}."),
            format!("{set} has no property {name}."),
        );
    }
    let alike = alike.join(", ");
    Text::new(
        format!("У {set} нет реквизита {name}. Похожие: {alike}."),
        format!("{set} has no property {name}. Alike: {alike}."),
    )
}
