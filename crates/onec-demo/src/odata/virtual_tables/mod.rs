//! Virtual tables of registers: balances, turnovers, slices. Sums are whole kopecks all the way.

mod arguments;
mod correspondence;
mod grouping;
mod sums;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use correspondence::{CORRESPONDENCE, is_side};
pub(crate) use grouping::PERIODS;
pub(crate) use sums::figures;

use super::error::Refusal;
use super::expression::Context;
use super::query::Options;
use super::source::Source;
use super::url;
use crate::ids::Ref;
use crate::infobase::Infobase;
use crate::schema::{Flavour, Register, Row};
use arguments::Arguments;
use correspondence::correspondence;
use sums::summed;

/// Which table is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Method {
    Balance,
    Turnovers,
    BalanceAndTurnovers,
    DrCrTurnovers,
    RecordsWithExtDimensions,
    SliceLast,
    SliceFirst,
}

impl Method {
    /// The methods a register has.
    pub(crate) fn of(flavour: Flavour) -> &'static [(&'static str, Self)] {
        const BALANCE: &[(&str, Method)] = &[
            ("Balance", Method::Balance),
            ("Turnovers", Method::Turnovers),
            ("BalanceAndTurnovers", Method::BalanceAndTurnovers),
        ];
        const TURNOVER: &[(&str, Method)] = &[("Turnovers", Method::Turnovers)];
        const ACCOUNTING: &[(&str, Method)] = &[
            ("Balance", Method::Balance),
            ("Turnovers", Method::Turnovers),
            ("BalanceAndTurnovers", Method::BalanceAndTurnovers),
            ("DrCrTurnovers", Method::DrCrTurnovers),
            ("RecordsWithExtDimensions", Method::RecordsWithExtDimensions),
        ];
        const SLICES: &[(&str, Method)] = &[
            ("SliceLast", Method::SliceLast),
            ("SliceFirst", Method::SliceFirst),
        ];
        match flavour {
            Flavour::Balance => BALANCE,
            Flavour::Turnover => TURNOVER,
            Flavour::Accounting => ACCOUNTING,
            Flavour::Slices => SLICES,
        }
    }
}

/// Runs a method of a register. Gives the rows and, for slices, which of the register's rows they are.
pub(crate) fn run(
    base: &Infobase,
    register: &Register,
    set_name: &str,
    method: Method,
    brackets: &str,
    options: &Options,
    hidden: Option<u32>,
) -> Result<(Source, Option<Vec<Row>>), Refusal> {
    let arguments = Arguments(url::arguments(brackets)?);
    match method {
        Method::SliceLast | Method::SliceFirst => {
            let rows = slice(base, register, method == Method::SliceLast, &arguments)?;
            Ok((Source::Set(register.records), Some(rows)))
        }
        Method::RecordsWithExtDimensions => records(base, set_name, &arguments),
        Method::DrCrTurnovers => {
            let table = correspondence(base, set_name, &arguments, options, hidden)?;
            Ok((Source::Table(Arc::new(table)), None))
        }
        _ => Ok((
            Source::Table(Arc::new(summed(
                base, register, set_name, method, &arguments, options, hidden,
            )?)),
            None,
        )),
    }
}

/// The last (or first) record of each value of the dimensions; `Period` itself is in.
fn slice(
    base: &Infobase,
    register: &Register,
    last: bool,
    arguments: &Arguments,
) -> Result<Vec<Row>, Refusal> {
    let source = Source::Set(register.records);
    let edge = arguments.moment("Period")?;
    let condition = arguments.condition(base, &source, "Condition")?;
    let columns: Vec<usize> = register
        .dimensions
        .iter()
        .filter_map(|name| source.find(name))
        .collect();
    let mut found: HashMap<Vec<Option<Ref>>, (usize, Row)> = HashMap::new();
    for row in source.rows(base).iter() {
        let at = base.period(register, row);
        if edge.is_some_and(|edge| if last { at > edge } else { at < edge }) {
            continue;
        }
        if let Some(condition) = &condition
            && !condition.holds(&Context::new(base, &source, row))?
        {
            continue;
        }
        let key = columns
            .iter()
            .map(|column| super::source::target(&source.value(base, row, *column)))
            .collect();
        let order = found.len();
        let entry = found.entry(key).or_insert((order, row));
        if last {
            entry.1 = row;
        }
    }
    let mut rows: Vec<(usize, Row)> = found.into_values().collect();
    rows.sort_unstable();
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Entries of the ledger with their analytics.
fn records(
    base: &Infobase,
    set_name: &str,
    arguments: &Arguments,
) -> Result<(Source, Option<Vec<Row>>), Refusal> {
    let set = base
        .position(&format!("{set_name}_RecordType"))
        .ok_or_else(Refusal::method_not_found)?;
    let source = Source::Set(set);
    let (from, to) = (arguments.moment("StartPeriod")?, arguments.moment("EndPeriod")?);
    let text = |name: &str| arguments.text(name).map(str::to_owned);
    let condition = arguments.condition(base, &source, "Condition")?;
    let mut rows = Vec::new();
    for row in source.rows(base).iter() {
        let at = base.moment(set, row);
        if from.is_some_and(|from| at < from) || to.is_some_and(|to| at > to) {
            continue;
        }
        if let Some(condition) = &condition
            && !condition.holds(&Context::new(base, &source, row))?
        {
            continue;
        }
        rows.push(row);
    }
    let top = match text("Top") {
        Some(top) => Some(top.parse().map_err(|_| Refusal::argument("Top"))?),
        None => None,
    };
    let options = Options {
        orderby: text("OrderBy"),
        top,
        ..Options::default()
    };
    let page = super::query::run(base, &source, Some(rows), &options, None)?;
    Ok((source, Some(page.rows)))
}
