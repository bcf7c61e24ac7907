//! XML Schema as far as SOAP of 1C and its kin use it: what a value of a type looks like.

use schemars::JsonSchema;
use std::collections::HashMap;

use super::xml::{Element, Name};

/// XML Schema.
pub(crate) const XS: &str = "http://www.w3.org/2001/XMLSchema";
/// The platform's own types: `Structure`, `Array`, `Map`, `ValueTable`, `UUID`…
pub(crate) const V8: &str = "http://v8.1c.ru/8.1/data/core";
/// References to objects of the configuration, such as `CatalogRef.Контрагенты`.
pub(crate) const CURRENT_CONFIG: &str = "http://v8.1c.ru/8.1/data/enterprise/current-config";
/// How far extensions, groups and nested definitions are followed.
const MAX_NESTING: usize = 32;
/// Most parts of types that are read: groups that hold each other many times could go on forever.
const MAX_PARTS: usize = 200_000;

/// A type that a schema defines.
#[derive(Debug, Clone)]
pub(crate) enum Type {
    /// Text of some form.
    Simple(Simple),
    /// Members and attributes.
    Complex(Complex),
}

/// A simple type.
#[derive(Debug, Clone, JsonSchema)]
pub(crate) struct Simple {
    /// What it restricts.
    pub(crate) base: Name,
    /// The values allowed; empty when all are.
    pub(crate) values: Vec<String>,
    /// Longest text, in characters.
    pub(crate) max_length: Option<usize>,
    /// A list of values of `base`, separated by spaces.
    pub(crate) is_list: bool,
}

/// A complex type.
#[derive(Debug, Clone, Default, JsonSchema)]
pub(crate) struct Complex {
    /// What it extends or restricts.
    pub(crate) base: Option<Name>,
    /// Its own members, in order.
    pub(crate) members: Vec<Member>,
    /// Its own attributes.
    pub(crate) attributes: Vec<Attribute>,
    /// The type of its text, for simple content.
    pub(crate) content: Option<Name>,
    /// It only stands for types derived from it.
    pub(crate) is_abstract: bool,
}

/// An element within a complex type.
#[derive(Debug, Clone, JsonSchema)]
pub(crate) struct Member {
    pub(crate) name: Name,
    pub(crate) type_name: Name,
    /// May be left out.
    pub(crate) is_optional: bool,
    /// May come more than once.
    pub(crate) is_repeated: bool,
    /// May be `xsi:nil`.
    pub(crate) is_nillable: bool,
}

/// An attribute of a complex type.
#[derive(Debug, Clone, JsonSchema)]
pub(crate) struct Attribute {
    pub(crate) name: Name,
    pub(crate) type_name: Name,
    pub(crate) is_required: bool,
}

/// A top-level element.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) type_name: Name,
    pub(crate) is_nillable: bool,
}

/// All types of a WSDL.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    types: HashMap<Name, Type>,
    roots: HashMap<Name, Root>,
}

impl Schema {
    /// The schema of several `xs:schema` elements. What they import and nobody defines is taken as
    /// any type.
    pub(crate) fn new(sources: &[&Element]) -> Self {
        let mut builder = Builder::default();
        for source in sources {
            builder.collect_groups(source);
        }
        for source in sources {
            builder.read(source);
        }
        builder.finish()
    }

    /// The type of that name.
    pub(crate) fn get(&self, name: &Name) -> Option<&Type> {
        self.types.get(name)
    }

    /// The top-level element of that name.
    pub(crate) fn root(&self, name: &Name) -> Option<&Root> {
        self.roots.get(name)
    }

    /// The members of a complex type, those of its ancestors first.
    pub(crate) fn members<'a>(&'a self, complex: &'a Complex) -> Vec<&'a Member> {
        let lineage = self.lineage(complex);
        lineage.iter().rev().flat_map(|one| &one.members).collect()
    }

    /// The attributes of a complex type, those of its ancestors first.
    pub(crate) fn attributes<'a>(&'a self, complex: &'a Complex) -> Vec<&'a Attribute> {
        let lineage = self.lineage(complex);
        lineage.iter().rev().flat_map(|one| &one.attributes).collect()
    }

    /// A complex type, what it extends, and so on.
    fn lineage<'a>(&'a self, complex: &'a Complex) -> Vec<&'a Complex> {
        let mut lineage = vec![complex];
        let mut current = complex;
        while let Some(Type::Complex(base)) = current.base.as_ref().and_then(|name| self.get(name)) {
            if lineage.len() >= MAX_NESTING {
                break;
            }
            lineage.push(base);
            current = base;
        }
        lineage
    }

    /// True when `name` is `ancestor` or derived from it.
    pub(crate) fn derives(&self, name: &Name, ancestor: &Name) -> bool {
        let mut current = name;
        for _ in 0..MAX_NESTING {
            if current == ancestor {
                return true;
            }
            match self.get(current) {
                Some(Type::Complex(Complex { base: Some(base), .. })) => current = base,
                Some(Type::Simple(simple)) => current = &simple.base,
                _ => return false,
            }
        }
        false
    }
}

#[derive(Default)]
struct Builder<'a> {
    schema: Schema,
    groups: HashMap<Name, (&'a Element, Context<'a>)>,
    /// Members that refer to a top-level element, which may come later.
    references: Vec<(Name, usize, Name)>,
    anonymous: usize,
    parts: usize,
}

/// What holds for all of one `xs:schema`.
#[derive(Clone, Copy)]
struct Context<'a> {
    space: &'a str,
    qualified: bool,
}

impl<'a> Context<'a> {
    fn of(source: &'a Element) -> Self {
        Self {
            space: source.attribute("targetNamespace").unwrap_or_default(),
            qualified: source.attribute("elementFormDefault") == Some("qualified"),
        }
    }

    fn name(&self, local: &str) -> Name {
        Name::new(self.space, local)
    }
}

impl<'a> Builder<'a> {
    fn collect_groups(&mut self, source: &'a Element) {
        let context = Context::of(source);
        let named = source
            .children_of(XS, "group")
            .chain(source.children_of(XS, "attributeGroup"));
        for group in named {
            if let Some(name) = group.attribute("name") {
                self.groups.insert(context.name(name), (group, context));
            }
        }
    }

    fn read(&mut self, source: &'a Element) {
        let context = Context::of(source);
        for child in &source.children {
            if &*child.name.space != XS {
                continue;
            }
            let Some(name) = child.attribute("name").map(|name| context.name(name)) else {
                continue;
            };
            match &*child.name.local {
                "simpleType" | "complexType" => self.define(name, child, context, 0),
                "element" => {
                    let root = Root {
                        type_name: self.type_of(child, context, 0),
                        is_nillable: is_true(child, "nillable"),
                    };
                    self.schema.roots.insert(name, root);
                }
                _ => {}
            }
        }
    }

    /// The type that an element or attribute names or holds.
    fn type_of(&mut self, declared: &'a Element, context: Context<'a>, depth: usize) -> Name {
        if let Some(name) = declared.name_in("type") {
            return name;
        }
        let inline = declared.children.iter().find(|child| {
            &*child.name.space == XS && matches!(&*child.name.local, "simpleType" | "complexType")
        });
        match inline {
            Some(inline) => self.anonymous(inline, context, depth),
            None => Name::new(XS, "anyType"),
        }
    }

    fn anonymous(&mut self, inline: &'a Element, context: Context<'a>, depth: usize) -> Name {
        self.anonymous += 1;
        // No name of a schema holds a number sign.
        let name = context.name(&format!("#{}", self.anonymous));
        self.define(name.clone(), inline, context, depth + 1);
        name
    }

    fn define(&mut self, name: Name, definition: &'a Element, context: Context<'a>, depth: usize) {
        if depth > MAX_NESTING {
            return;
        }
        let defined = if definition.name.is(XS, "simpleType") {
            self.simple(definition, context, depth).map(Type::Simple)
        } else {
            Some(Type::Complex(self.complex(&name, definition, context, depth)))
        };
        if let Some(defined) = defined {
            self.schema.types.insert(name, defined);
        }
    }

    fn simple(&mut self, definition: &'a Element, context: Context<'a>, depth: usize) -> Option<Simple> {
        let form = definition
            .children
            .iter()
            .find(|child| matches!(&*child.name.local, "restriction" | "list" | "union"))?;
        let inner = form.child(XS, "simpleType");
        let inner_name = |builder: &mut Self| {
            inner.map_or_else(
                || Name::new(XS, "string"),
                |inner| builder.anonymous(inner, context, depth),
            )
        };
        let is_list = &*form.name.local == "list";
        let base = match &*form.name.local {
            "restriction" => form.name_in("base"),
            "list" => form.name_in("itemType"),
            // Whatever the members are, the value is text.
            _ => Some(Name::new(XS, "string")),
        };
        let base = base.unwrap_or_else(|| inner_name(self));
        let values = form.children_of(XS, "enumeration");
        let max_length = form
            .child(XS, "maxLength")
            .and_then(|facet| facet.attribute("value"));
        Some(Simple {
            base,
            values: values
                .filter_map(|value| value.attribute("value").map(str::to_owned))
                .collect(),
            max_length: max_length.and_then(|value| value.trim().parse().ok()),
            is_list,
        })
    }

    fn complex(
        &mut self,
        name: &Name,
        definition: &'a Element,
        context: Context<'a>,
        depth: usize,
    ) -> Complex {
        let mut complex = Complex {
            is_abstract: is_true(definition, "abstract"),
            ..Complex::default()
        };
        let content = definition
            .child(XS, "complexContent")
            .or_else(|| definition.child(XS, "simpleContent"));
        let Some(content) = content else {
            self.content(&mut complex, name, definition, context, depth, false);
            return complex;
        };
        let form = content
            .child(XS, "extension")
            .map(|form| (form, true))
            .or_else(|| content.child(XS, "restriction").map(|form| (form, false)));
        let Some((form, is_extension)) = form else {
            return complex;
        };
        let base = form.name_in("base");
        if content.name.is(XS, "simpleContent") {
            complex.content = base;
        } else if is_extension {
            complex.base = base.filter(|base| !base.is(XS, "anyType"));
        }
        // A restriction repeats the members that remain.
        self.content(&mut complex, name, form, context, depth, false);
        complex
    }

    /// Members and attributes below `parent`. Members of a choice are optional.
    fn content(
        &mut self,
        complex: &mut Complex,
        owner: &Name,
        parent: &'a Element,
        context: Context<'a>,
        depth: usize,
        optional: bool,
    ) {
        if depth > MAX_NESTING {
            return;
        }
        for child in &parent.children {
            self.parts += 1;
            if self.parts > MAX_PARTS {
                return;
            }
            if &*child.name.space != XS {
                continue;
            }
            match &*child.name.local {
                "sequence" | "all" => {
                    let optional = optional || child.attribute("minOccurs") == Some("0");
                    self.content(complex, owner, child, context, depth + 1, optional);
                }
                "choice" => self.content(complex, owner, child, context, depth + 1, true),
                "element" => self.member(complex, owner, child, context, depth, optional),
                "attribute" => {
                    if let Some(name) = child.attribute("name")
                        && child.attribute("use") != Some("prohibited")
                    {
                        complex.attributes.push(Attribute {
                            name: Name::new("", name),
                            type_name: self.type_of(child, context, depth),
                            is_required: child.attribute("use") == Some("required"),
                        });
                    }
                }
                "group" | "attributeGroup" => {
                    let group = child
                        .name_in("ref")
                        .and_then(|name| self.groups.get(&name).copied());
                    if let Some((group, context)) = group {
                        let optional = optional || child.attribute("minOccurs") == Some("0");
                        self.content(complex, owner, group, context, depth + 1, optional);
                    }
                }
                _ => {}
            }
        }
    }

    fn member(
        &mut self,
        complex: &mut Complex,
        owner: &Name,
        declared: &'a Element,
        context: Context<'a>,
        depth: usize,
        optional: bool,
    ) {
        let reference = declared.name_in("ref");
        let name = match (&reference, declared.attribute("name")) {
            (Some(reference), _) => reference.clone(),
            (None, Some(local)) => {
                let qualified = declared
                    .attribute("form")
                    .map_or(context.qualified, |form| form == "qualified");
                Name::new(if qualified { context.space } else { "" }, local)
            }
            (None, None) => return,
        };
        if let Some(reference) = &reference {
            self.references
                .push((owner.clone(), complex.members.len(), reference.clone()));
        }
        let is_repeated = declared
            .attribute("maxOccurs")
            .is_some_and(|most| most == "unbounded" || most.trim().parse().is_ok_and(|most: u64| most > 1));
        let type_name = if reference.is_some() {
            Name::new(XS, "anyType")
        } else {
            self.type_of(declared, context, depth)
        };
        complex.members.push(Member {
            name,
            type_name,
            is_optional: optional
                || declared
                    .attribute("minOccurs")
                    .is_some_and(|least| least.trim() == "0"),
            is_repeated,
            is_nillable: is_true(declared, "nillable"),
        });
    }

    fn finish(mut self) -> Schema {
        for (owner, at, target) in self.references {
            let Some(root) = self.schema.roots.get(&target) else {
                continue;
            };
            if let Some(Type::Complex(complex)) = self.schema.types.get_mut(&owner)
                && let Some(member) = complex.members.get_mut(at)
            {
                member.type_name = root.type_name.clone();
                member.is_nillable |= root.is_nillable;
            }
        }
        self.schema
    }
}

fn is_true(element: &Element, attribute: &str) -> bool {
    element
        .attribute(attribute)
        .is_some_and(|value| matches!(value.trim(), "true" | "1"))
}
