//! Running a query: which rows, in which order, which page of them.

use std::cmp::Ordering;

use super::error::Refusal;
use super::expression::{Comparison, Context, Expression, Path};
use super::parser;
use super::source::Source;
use super::view::{self, View};
use crate::calendar;
use crate::ids::{Kind, Ref};
use crate::infobase::{Infobase, Rows};
use crate::schema::{Row, SCHEMA, Shape, Value, folded};

/// Query options of a request for many rows.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) filter: Option<String>,
    pub(crate) orderby: Option<String>,
    pub(crate) select: Option<String>,
    pub(crate) expand: Option<String>,
    pub(crate) top: Option<usize>,
    pub(crate) skip: usize,
    pub(crate) inline_count: bool,
    pub(crate) allowed_only: bool,
}

/// Options that are known, whether they matter here or not.
const IGNORED: [&str; 2] = ["$format", "autosettings"];

impl Options {
    /// Reads the options of a request.
    pub(crate) fn read(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let mut options = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "$filter" => options.filter = Some(value.clone()),
                "$orderby" => options.orderby = Some(value.clone()),
                "$select" => options.select = Some(value.clone()),
                "$expand" => options.expand = Some(value.clone()),
                "$top" => options.top = Some(whole(name, value)?),
                "$skip" => options.skip = whole(name, value)?,
                "$inlinecount" => match value.as_str() {
                    "allpages" => options.inline_count = true,
                    "none" => {}
                    _ => return Err(Refusal::bad_value(name, value)),
                },
                "allowedOnly" | "$allowedOnly" => options.allowed_only = value == "true",
                _ if IGNORED.contains(&name.as_str()) => {}
                _ => return Err(Refusal::unknown_option(name)),
            }
        }
        Ok(options)
    }
}

fn whole(name: &str, value: &str) -> Result<usize, Refusal> {
    value.parse().map_err(|_| Refusal::bad_value(name, value))
}

/// Rows hidden from the user: those of one organisation.
#[derive(Clone, Copy)]
pub(crate) struct Restriction {
    /// Position of the organisation.
    pub(crate) organization: u32,
    /// Leave them out instead of failing.
    pub(crate) leave_out: bool,
}

/// A page of rows and what to show of them.
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    pub(crate) view: View,
    /// How many there are in all, when it was asked.
    pub(crate) total: Option<usize>,
}

/// Runs a query over all rows of a source, or over `among`.
pub(crate) fn run(
    base: &Infobase,
    source: &Source,
    among: Option<Vec<Row>>,
    options: &Options,
    restriction: Option<Restriction>,
) -> Result<Page, Refusal> {
    let filter = options
        .filter
        .as_deref()
        .map(|text| parser::filter(base, source, text))
        .transpose()?;
    let order = order(source, options.orderby.as_deref())?;
    let view = view::view(source, options.select.as_deref(), options.expand.as_deref())?;
    let sieve = Sieve {
        base,
        source,
        filter: filter.as_ref(),
        restriction,
    };
    let candidates = match among {
        Some(rows) => Candidates {
            rows: Rows::List(rows),
            ordered: false,
        },
        None => candidates(base, source, filter.as_ref()),
    };
    let natural = natural(source, &order).filter(|_| candidates.ordered);
    let wanted = options.top.map(|top| top.saturating_add(options.skip));
    let enough = if options.inline_count || !(order.is_empty() || natural.is_some()) {
        None
    } else {
        wanted
    };
    let mut rows = match natural {
        Some(descending) => sieve.in_order(&candidates.rows, descending, options.skip, enough, &order)?,
        None => sieve.collect(candidates.rows.iter(), enough)?,
    };
    if natural.is_none() && !order.is_empty() {
        sort(base, source, &mut rows, &order);
    }
    let total = options.inline_count.then_some(rows.len());
    let from = options.skip.min(rows.len());
    let to = wanted.unwrap_or(usize::MAX).min(rows.len()).max(from);
    let rows = if (from, to) == (0, rows.len()) {
        rows
    } else {
        rows[from..to].to_vec()
    };
    Ok(Page { rows, view, total })
}

/// How many rows meet a filter.
pub(crate) fn count(
    base: &Infobase,
    source: &Source,
    among: Option<Vec<Row>>,
    options: &Options,
    restriction: Option<Restriction>,
) -> Result<usize, Refusal> {
    let filter = options
        .filter
        .as_deref()
        .map(|text| parser::filter(base, source, text))
        .transpose()?;
    let sieve = Sieve {
        base,
        source,
        filter: filter.as_ref(),
        restriction,
    };
    let rows = among.map_or_else(|| candidates(base, source, filter.as_ref()).rows, Rows::List);
    if filter.is_none() && restriction.is_none() && !sieve.sparse() {
        return Ok(rows.len());
    }
    Ok(sieve.collect(rows.iter(), None)?.len())
}

/// Rows to be looked at; whether they are all of a set, in its own order.
struct Candidates {
    rows: Rows,
    ordered: bool,
}

/// Lets through the rows that are there, meet the filter and may be seen.
struct Sieve<'a> {
    base: &'a Infobase,
    source: &'a Source,
    filter: Option<&'a Expression>,
    restriction: Option<Restriction>,
}

impl Sieve<'_> {
    /// Whether the set's positions have gaps (contacts, analytics of accounts).
    fn sparse(&self) -> bool {
        match self.source.set().map(|set| set.shape) {
            Some(Shape::Rows(owner)) => {
                matches!(
                    SCHEMA.sets[owner].shape,
                    Shape::Object(Kind::Counterparty | Kind::Account)
                )
            }
            _ => false,
        }
    }

    fn exists(&self, row: Row) -> bool {
        let (Source::Set(at), Some(set)) = (self.source, self.source.set()) else {
            return true;
        };
        let Shape::Rows(owner) = set.shape else {
            return true;
        };
        let Value::Key(object) = self.base.value(*at, row, 0) else {
            return true;
        };
        let part = SCHEMA.sets[owner].parts.iter().find(|part| part.set == *at);
        part.is_some_and(
            |part| match self.base.part(&SCHEMA.sets[owner], part, object.index) {
                Rows::Range(range) => range.contains(&row),
                Rows::List(rows) => rows.contains(&row),
            },
        )
    }

    fn passes(&self, row: Row, sparse: bool) -> Result<bool, Refusal> {
        if sparse && !self.exists(row) {
            return Ok(false);
        }
        if let Some(filter) = self.filter
            && !filter.holds(&Context::new(self.base, self.source, row))?
        {
            return Ok(false);
        }
        match self.restriction {
            Some(restriction) if self.belongs_to(row, restriction.organization) => {
                if restriction.leave_out {
                    Ok(false)
                } else {
                    Err(Refusal::rights())
                }
            }
            _ => Ok(true),
        }
    }

    fn belongs_to(&self, row: Row, organization: u32) -> bool {
        let owner = Value::Key(Ref::new(Kind::Organization, organization));
        let own = matches!(
            self.source.set().map(|set| set.shape),
            Some(Shape::Object(Kind::Organization))
        );
        let name = if own {
            "Ref_Key"
        } else {
            "Организация_Key"
        };
        self.source
            .find(name)
            .is_some_and(|at| self.source.value(self.base, row, at) == owner)
    }

    fn collect(&self, rows: impl Iterator<Item = Row>, enough: Option<usize>) -> Result<Vec<Row>, Refusal> {
        let sparse = self.sparse();
        let mut list = Vec::new();
        for row in rows {
            if enough.is_some_and(|enough| list.len() >= enough) {
                break;
            }
            if self.passes(row, sparse)? {
                list.push(row);
            }
        }
        Ok(list)
    }

    /// Walks a set that is kept in the order asked for, and puts only rows of the same moment in order among
    /// themselves; rows that are skipped anyway stay as they are.
    fn in_order(
        &self,
        rows: &Rows,
        descending: bool,
        skip: usize,
        enough: Option<usize>,
        order: &[(Path, bool)],
    ) -> Result<Vec<Row>, Refusal> {
        let Source::Set(set) = self.source else {
            return Ok(Vec::new());
        };
        let mut list: Vec<Row> = Vec::new();
        let mut same = 0;
        let mut last = None;
        let walk: Box<dyn Iterator<Item = Row>> = if descending {
            Box::new(rows.iter().rev())
        } else {
            rows.iter()
        };
        for row in walk {
            let now = self.base.moment(*set, row);
            if last != Some(now) {
                if list.len() > skip {
                    self.settle(&mut list[same..], order, descending);
                }
                if enough.is_some_and(|enough| list.len() >= enough) {
                    return Ok(list);
                }
                (same, last) = (list.len(), Some(now));
            }
            if self.passes(row, false)? {
                list.push(row);
            }
        }
        self.settle(&mut list[same..], order, descending);
        Ok(list)
    }

    fn settle(&self, rows: &mut [Row], order: &[(Path, bool)], descending: bool) {
        if descending {
            rows.reverse();
        }
        if order.len() > 1 && rows.len() > 1 {
            let mut sorted = rows.to_vec();
            sort(self.base, self.source, &mut sorted, &order[1..]);
            rows.copy_from_slice(&sorted);
        }
    }
}

/// Parses `$orderby`.
fn order(source: &Source, text: Option<&str>) -> Result<Vec<(Path, bool)>, Refusal> {
    let mut list = Vec::new();
    for item in text
        .unwrap_or("")
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        let mut words = item.split(' ').filter(|word| !word.is_empty());
        let path = parser::path(source, words.next().unwrap_or(""))?;
        let descending = match words.next() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(Refusal::parse("$orderby")),
        };
        if words.next().is_some() {
            return Err(Refusal::parse("$orderby"));
        }
        list.push((path, descending));
    }
    Ok(list)
}

/// Whether the first thing to order by is what the set is kept in order of, and if so, whether descending.
fn natural(source: &Source, order: &[(Path, bool)]) -> Option<bool> {
    let (column, _) = source.set()?.order?;
    let (path, descending) = order.first()?;
    (path.first == column && path.steps.is_empty() && !path.type_name).then_some(*descending)
}

fn sort(base: &Infobase, source: &Source, rows: &mut Vec<Row>, order: &[(Path, bool)]) {
    let mut keyed: Vec<(Vec<Value<'_>>, Row)> = rows
        .iter()
        .map(|row| {
            let context = Context::new(base, source, *row);
            (
                order
                    .iter()
                    .map(|(path, _)| shown(base, path.value(&context)))
                    .collect(),
                *row,
            )
        })
        .collect();
    keyed.sort_by(|(a, _), (b, _)| {
        for (at, (_, descending)) in order.iter().enumerate() {
            let compared = a[at].sort(&b[at]);
            if compared != Ordering::Equal {
                return if *descending { compared.reverse() } else { compared };
            }
        }
        Ordering::Equal
    });
    *rows = keyed.into_iter().map(|(_, row)| row).collect();
}

/// What a value is ordered by, made once for each row: references go by what they are shown as, letters by their small
/// form.
fn shown<'a>(base: &Infobase, value: Value<'a>) -> Value<'a> {
    match value {
        Value::Key(found) | Value::Composite(found) => Value::text(folded(&base.presentation(found))),
        Value::Text(text) => Value::text(folded(&text)),
        other => other,
    }
}

/// Narrows the rows down by what the filter says of the date the set is kept by, of the key or of the recorder.
fn candidates(base: &Infobase, source: &Source, filter: Option<&Expression>) -> Candidates {
    let all = |rows| Candidates { rows, ordered: true };
    let (Source::Set(at), Some(set), Some(filter)) = (source, source.set(), filter) else {
        return all(source.rows(base));
    };
    if let Shape::Object(kind) = set.shape
        && let Some(mut rows) = keys(base, filter, kind)
    {
        rows.sort_unstable();
        rows.dedup();
        return Candidates {
            rows: Rows::List(rows),
            ordered: false,
        };
    }
    if let (Some(_), Some(column)) = (set.recorder, set.column("Recorder"))
        && let Some(recorder) = recorder(filter, column)
    {
        return all(base.recorded(*at, recorder));
    }
    if let Some((column, _)) = set.order {
        let (mut low, mut high) = (i64::MIN, i64::MAX);
        bounds(filter, column, &mut low, &mut high);
        return all(base.rows_between(*at, low, high));
    }
    all(source.rows(base))
}

fn is_plain(expression: &Expression, column: usize) -> bool {
    matches!(expression, Expression::Path(path)
        if path.first == column && path.steps.is_empty() && !path.inner && !path.type_name)
}

fn bounds(filter: &Expression, column: usize, low: &mut i64, high: &mut i64) {
    match filter {
        Expression::And(a, b) => {
            bounds(a, column, low, high);
            bounds(b, column, low, high);
        }
        Expression::Compare(how, a, b) => {
            let Expression::Literal(Value::Date(date)) = b.as_ref() else {
                return;
            };
            if !is_plain(a, column) {
                return;
            }
            let at = calendar::seconds(*date);
            match how {
                Comparison::Ge => *low = (*low).max(at),
                Comparison::Gt => *low = (*low).max(at + 1),
                Comparison::Le => *high = (*high).min(at),
                Comparison::Lt => *high = (*high).min(at - 1),
                Comparison::Eq => (*low, *high) = ((*low).max(at), (*high).min(at)),
                Comparison::Ne => {}
            }
        }
        _ => {}
    }
}

/// Rows named by `Ref_Key eq guid'…'`, alone, in a row of `or`s, or as a part of an `and`.
fn keys(base: &Infobase, filter: &Expression, kind: Kind) -> Option<Vec<Row>> {
    match filter {
        Expression::And(a, b) => keys(base, a, kind).or_else(|| keys(base, b, kind)),
        Expression::Or(a, b) => {
            let mut list = keys(base, a, kind)?;
            list.extend(keys(base, b, kind)?);
            Some(list)
        }
        // `Ref_Key` is the first property of all objects.
        Expression::Compare(Comparison::Eq, a, b) if is_plain(a, 0) => match b.as_ref() {
            Expression::Literal(Value::Guid(guid)) => {
                let found = base.reference(*guid).filter(|found| found.kind == kind);
                Some(found.map(|found| found.index).into_iter().collect())
            }
            _ => None,
        },
        _ => None,
    }
}

fn recorder(filter: &Expression, column: usize) -> Option<Ref> {
    match filter {
        Expression::And(a, b) => recorder(a, column).or_else(|| recorder(b, column)),
        Expression::Compare(Comparison::Eq, a, b) if is_plain(a, column) => match b.as_ref() {
            Expression::Literal(Value::Composite(found)) => Some(*found),
            _ => None,
        },
        _ => None,
    }
}
