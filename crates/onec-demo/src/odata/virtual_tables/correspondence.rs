//! Turnovers between accounts.

use super::super::error::Refusal;
use super::super::expression::Context;
use super::super::query::Options;
use super::super::source::{Source, Table};
use super::arguments::{Arguments, Mentioned};
use super::grouping::{Groups, Key, Sums, WIDEST, broken_down, cells, key};
use crate::ids::{Kind, Ref};
use crate::infobase::{Infobase, scaled};
use crate::schema::{Column, Edm, SCHEMA, Value};

/// Turnovers between accounts.
pub(crate) fn correspondence(
    base: &Infobase,
    set_name: &str,
    arguments: &Arguments,
    options: &Options,
    hidden: Option<u32>,
) -> Result<Table, Refusal> {
    let at = base
        .position(&format!("{set_name}_RecordType"))
        .ok_or_else(Refusal::method_not_found)?;
    let source = Source::Set(at);
    let conditions = [
        arguments.condition(base, &source, "Condition")?,
        arguments.condition(base, &source, "AccountDrCondition")?,
        arguments.condition(base, &source, "AccountCrCondition")?,
    ];
    let (from, to) = (arguments.moment("StartPeriod")?, arguments.moment("EndPeriod")?);
    let mentioned = Mentioned::new(options);
    let mut keys = Vec::new();
    for (column, found) in SCHEMA.sets[at].columns.iter().enumerate() {
        if is_side(found) && mentioned.keeps(found.name) {
            keys.push((Key::Dimension(column), found.name.to_owned(), found.edm));
        }
    }
    broken_down(&source, &mentioned, &mut keys);
    if keys.len() > WIDEST {
        return Err(Refusal::argument("$select"));
    }
    let mut groups = Groups::new();
    for row in source.rows(base).iter() {
        let period = base.moment(at, row);
        if from.is_some_and(|from| period < from) || to.is_some_and(|to| period > to) {
            continue;
        }
        let context = Context::new(base, &source, row);
        let mut fits = true;
        for condition in conditions.iter().flatten() {
            fits = fits && condition.holds(&context)?;
        }
        if !fits {
            continue;
        }
        let owner = base.named(at, row, "Организация_Key");
        if hidden.is_some_and(|hidden| owner == Value::Key(Ref::new(Kind::Organization, hidden))) {
            return Err(Refusal::rights());
        }
        let Some(key) = key(base, &source, row, period, &keys, None) else {
            continue;
        };
        let sums = groups.sums(key);
        sums[0][0] += scaled(&base.named(at, row, "Сумма"), 2);
        sums[1][0] += scaled(&base.named(at, row, "КоличествоDr"), 0);
        sums[2][0] += scaled(&base.named(at, row, "КоличествоCr"), 0);
    }
    let mut fields: Vec<(String, Edm)> = keys.iter().map(|(_, name, edm)| (name.clone(), *edm)).collect();
    fields.extend(CORRESPONDENCE.map(|name| (name.to_owned(), Edm::Double)));
    let row = |(key, sums): &([u64; WIDEST], Sums)| {
        let mut cells = cells(key, &keys);
        cells.extend([
            Value::money(sums[0][0]),
            Value::whole(sums[1][0]),
            Value::whole(sums[2][0]),
        ]);
        cells
    };
    let rows = groups.list.iter().map(row).collect();
    Ok(Table {
        configuration: base.base.configuration,
        name: format!("{set_name}_DrCrTurnover"),
        fields,
        rows,
    })
}

/// Figures of turnovers between accounts.
pub(crate) const CORRESPONDENCE: [&str; 3] =
    ["СуммаTurnover", "КоличествоTurnoverDr", "КоличествоTurnoverCr"];

/// Whether a property of an entry says what is debited or credited.
pub(crate) fn is_side(column: &Column) -> bool {
    let name = column.name;
    let analytics = name.starts_with("ExtDimension") && !name.starts_with("ExtDimensionType");
    analytics || matches!(name, "AccountDr_Key" | "AccountCr_Key" | "Организация_Key")
}
