//! `$select` and `$expand`: which properties of a row an answer shows.

use super::error::Refusal;
use super::source::Source;
use crate::ids::Kind;
use crate::schema::{Edm, SCHEMA};

/// A navigation property to be written out in full.
#[derive(Clone, Debug)]
pub(crate) struct Expanded {
    /// Position of the reference.
    pub(crate) column: usize,
    /// Name of the navigation property.
    pub(crate) name: String,
    /// Only objects of this kind.
    pub(crate) kind: Option<Kind>,
    /// Only these properties of it.
    pub(crate) names: Option<Vec<String>>,
    pub(crate) children: Vec<Self>,
}

/// What is shown of each row.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) columns: Vec<usize>,
    /// Position of a tabular part, and the columns of it (all when none are named).
    pub(crate) parts: Vec<(usize, Vec<usize>)>,
    /// References whose presentation is wanted as well.
    pub(crate) presentations: Vec<usize>,
    pub(crate) expanded: Vec<Expanded>,
}

const SUFFIX: &str = "____Presentation";

/// Everything a source has.
pub(crate) fn everything(source: &Source) -> View {
    let parts = source.set().map_or(0, |set| set.parts.len());
    View {
        columns: (0..source.width()).collect(),
        parts: (0..parts).map(|part| (part, Vec::new())).collect(),
        ..View::default()
    }
}

/// The view `$select` and `$expand` ask for.
pub(crate) fn view(source: &Source, select: Option<&str>, expand: Option<&str>) -> Result<View, Refusal> {
    let mut view = View::default();
    // Nested paths, such as `Контрагент/Description`.
    let mut nested: Vec<Vec<&str>> = Vec::new();
    let mut all = false;
    match select {
        None => view = everything(source),
        Some(list) => {
            for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                match name {
                    "*" => {
                        all = true;
                        let full = everything(source);
                        view.columns.extend(full.columns);
                        view.parts.extend(full.parts);
                    }
                    "**" => {
                        all = true;
                        view.columns.extend(everything(source).columns);
                    }
                    "*____Presentation" => view.presentations.extend(references(source)),
                    _ => one(source, name, &mut view, &mut nested)?,
                }
            }
        }
    }
    view.columns.sort_unstable();
    view.columns.dedup();
    view.presentations.sort_unstable();
    view.presentations.dedup();
    merge_parts(&mut view);
    if let Some(list) = expand {
        for path in list.split(',').map(str::trim).filter(|path| !path.is_empty()) {
            let names: Vec<&str> = path.split('/').collect();
            // With `$select`, only what is selected as well is expanded.
            let chosen =
                select.is_none() || all || nested.iter().any(|chosen| chosen.first() == names.first());
            add(source, &names, &nested, chosen, &mut view.expanded)?;
        }
    }
    Ok(view)
}

fn references(source: &Source) -> impl Iterator<Item = usize> {
    (0..source.width()).filter(|at| matches!(source.field(*at).1, Edm::Own | Edm::Key(_) | Edm::Composite))
}

fn one<'n>(
    source: &Source,
    name: &'n str,
    view: &mut View,
    nested: &mut Vec<Vec<&'n str>>,
) -> Result<(), Refusal> {
    if let Some(base_name) = name.strip_suffix(SUFFIX) {
        let own = if base_name == "Ref" {
            source.find("Ref_Key")
        } else {
            None
        };
        let at = own
            .or_else(|| source.find(base_name))
            .or_else(|| source.navigation(base_name));
        view.presentations.push(at.ok_or_else(|| Refusal::segment(name))?);
        return Ok(());
    }
    if let Some(at) = source.find(name) {
        view.columns.push(at);
        return Ok(());
    }
    if let Some(at) = name.strip_suffix("_Type").and_then(|name| source.find(name)) {
        view.columns.push(at);
        return Ok(());
    }
    let names: Vec<&str> = name.split('/').collect();
    let part = source
        .set()
        .and_then(|set| set.parts.iter().position(|part| part.name == names[0]));
    if let (Some(part), Some(set)) = (part, source.set()) {
        let rows = &SCHEMA.sets[set.parts[part].set];
        let columns = match names.get(1) {
            None | Some(&"*") => Vec::new(),
            Some(field) => {
                let plain = field
                    .strip_suffix("_Type")
                    .filter(|_| rows.column(field).is_none())
                    .unwrap_or(field);
                vec![rows.column(plain).ok_or_else(|| Refusal::segment(field))?]
            }
        };
        view.parts.push((part, columns));
        return Ok(());
    }
    if source.navigation(names[0]).is_some() {
        if names.len() > 1 {
            super::parser::path(source, name)?;
        }
        nested.push(names);
        return Ok(());
    }
    Err(Refusal::segment(names[0]))
}

/// The same part asked for twice shows the columns of both; once asked for as a whole, it is whole.
fn merge_parts(view: &mut View) {
    let mut merged: Vec<(usize, Vec<usize>)> = Vec::new();
    for (part, columns) in view.parts.drain(..) {
        match merged.iter_mut().find(|known| known.0 == part) {
            None => merged.push((part, columns)),
            Some(known) if known.1.is_empty() || columns.is_empty() => known.1.clear(),
            Some(known) => known.1.extend(columns),
        }
    }
    view.parts = merged;
}

/// Adds one path of `$expand`.
fn add(
    source: &Source,
    names: &[&str],
    nested: &[Vec<&str>],
    chosen: bool,
    list: &mut Vec<Expanded>,
) -> Result<(), Refusal> {
    let Some((name, mut rest)) = names.split_first() else {
        return Ok(());
    };
    let column = source.navigation(name).ok_or_else(|| Refusal::segment(name))?;
    let mut kind = match source.field(column).1 {
        Edm::Key(kind) => Some(kind),
        _ => None,
    };
    let mut typed = None;
    if kind.is_none()
        && let Some((first, tail)) = rest.split_first()
    {
        typed = Some(*first);
        kind = source.configuration().kind_named(first);
        if kind.is_none() {
            return Err(Refusal::segment(first));
        }
        rest = tail;
    }
    if !chosen {
        return Ok(());
    }
    // What `$select` says below this property.
    let below: Vec<Vec<&str>> = nested
        .iter()
        .filter(|path| path.first() == Some(name))
        .map(|path| path[1..].to_vec())
        .map(|path| {
            if typed.is_some() && path.first() == typed.as_ref() {
                path[1..].to_vec()
            } else {
                path
            }
        })
        .filter(|path| !path.is_empty())
        .collect();
    let at = match list
        .iter()
        .position(|known| known.column == column && known.kind == kind)
    {
        Some(at) => at,
        None => {
            let names: Vec<String> = below
                .iter()
                .filter(|path| path.len() == 1)
                .map(|path| path[0].to_owned())
                .collect();
            let whole = below.is_empty() || names.iter().any(|name| name == "*");
            let names = if whole { None } else { Some(names) };
            list.push(Expanded {
                column,
                name: (*name).to_owned(),
                kind,
                names,
                children: Vec::new(),
            });
            list.len() - 1
        }
    };
    if rest.is_empty() {
        return Ok(());
    }
    let set = kind
        .and_then(|kind| SCHEMA.of(source.configuration(), kind))
        .ok_or_else(|| Refusal::segment(name))?;
    add(&Source::Set(set), rest, &below, true, &mut list[at].children)
}
