//! What a parameter looks like, for people who want to call an operation.

use schemars::JsonSchema;
use serde::Serialize;

use super::kind::{Kind, label};
use super::schema::{Member, Schema, Type};
use super::xml::Name;

/// How deep types within types are shown.
const MAX_DEPTH: usize = 6;
/// Most members that are shown of one parameter: types may hold each other many times.
const MOST_MEMBERS: usize = 400;

/// The form of a value.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Shape {
    /// Name of the type: `xs:string`, `v8:Structure`, `{namespace}name`; `object` when it has none.
    r#type: String,
    /// May be left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    optional: bool,
    /// May be null.
    nullable: bool,
    /// An array of such values.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    array: bool,
    /// The values allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    /// Members of an object.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<MemberShape>,
}

/// A member of an object.
#[derive(Debug, Serialize, JsonSchema)]
struct MemberShape {
    name: String,
    #[serde(flatten)]
    shape: Shape,
}

impl Shape {
    /// The form of a member's value.
    pub(crate) fn of(schema: &Schema, member: &Member) -> Self {
        Self::within(schema, member, 0, &mut 0)
    }

    fn within(schema: &Schema, member: &Member, depth: usize, shown: &mut usize) -> Self {
        let mut shape = Self {
            r#type: name(schema, &member.type_name),
            optional: member.is_optional,
            nullable: member.is_nillable,
            array: member.is_repeated,
            values: Vec::new(),
            members: Vec::new(),
        };
        match Kind::of(schema, &member.type_name) {
            Kind::Simple(simple) => shape.values.clone_from(&simple.values),
            Kind::Complex(complex) if depth < MAX_DEPTH => {
                for inner in schema.members(complex) {
                    *shown += 1;
                    if *shown > MOST_MEMBERS {
                        break;
                    }
                    shape.members.push(MemberShape {
                        name: inner.name.local.to_string(),
                        shape: Self::within(schema, inner, depth + 1, shown),
                    });
                }
            }
            _ => {}
        }
        shape
    }
}

fn name(schema: &Schema, of: &Name) -> String {
    let mut current = of;
    // A type without a name is shown as what it restricts.
    while current.local.starts_with('#') {
        match schema.get(current) {
            Some(Type::Simple(simple)) => current = &simple.base,
            _ => return "object".to_owned(),
        }
    }
    label(current)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_are_shown_with_their_members() {
        let description = fixtures::description();
        let operation = &description.operations["Перенести"];
        let shape = Shape::of(&description.schema, &operation.parameters[0].member);
        let shape = serde_json::to_value(shape).unwrap();
        assert_eq!(shape["type"], "{http://example.org/data}Документ");
        assert_eq!(shape["nullable"], false);
        let rows = &shape["members"][0];
        assert_eq!((&rows["name"], &rows["array"]), (&json!("Строки"), &json!(true)));
        assert_eq!(rows["members"][2]["values"], json!(["Приход", "Расход"]));
        // A type that holds itself ends somewhere.
        assert_eq!(shape["members"][1]["members"][1]["name"], "Вложенный");
    }
}
