//! Turnovers between accounts.

use super::super::error::Refusal;
use super::super::expression::Context;
use super::super::query::Options;
use super::super::source::{Source, Table};
use super::arguments::{Arguments, Mentioned};
use super::grouping::{Groups, Key, Sums, WIDEST, broken_down, cells, key};
use crate::base::Base;
use crate::schema::{Column, Edm, SCHEMA, Value};

/// Turnovers between accounts.
pub(crate) fn correspondence(
    base: &Base,
    set_name: &str,
    arguments: &Arguments,
    options: &Options,
    hidden: Option<u32>,
) -> Result<Table, Refusal> {
    let at = SCHEMA
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
    for row in 0..source.count(base) {
        let entry = &base.ledger.rows[row as usize];
        let at = i64::from(entry.mark.period);
        if from.is_some_and(|from| at < from) || to.is_some_and(|to| at > to) {
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
        if hidden == Some(u32::from(entry.organization)) {
            return Err(Refusal::rights());
        }
        let Some(key) = key(base, &source, row, at, &keys, None) else {
            continue;
        };
        let sums = groups.sums(key);
        sums[0][0] += entry.sum;
        sums[1][0] += i64::from(entry.debit.quantity);
        sums[2][0] += i64::from(entry.credit.quantity);
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
