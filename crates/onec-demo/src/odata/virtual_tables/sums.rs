//! Balances and turnovers of a register.

use rust_decimal::Decimal;

use super::super::error::Refusal;
use super::super::expression::{Context, Expression, Path};
use super::super::query::Options;
use super::super::source::{Source, Table};
use super::Method;
use super::arguments::{Arguments, Mentioned, named_dimension};
use super::grouping::{
    Groups, Key, Sums, WIDEST, broken_down, cells, extra_dimensions, key, reference_of, unpack,
};
use crate::chart::{ACCOUNTS, Nature};
use crate::ids::{Kind, Ref};
use crate::infobase::Infobase;
use crate::schema::{Edm, Flavour, Register, Resource, Row, Value};

/// A name and a type, and what rows are gathered by under it.
type Field = (Key, String, Edm);

/// One table being summed up.
struct Summing<'a> {
    base: &'a Infobase,
    register: &'a Register,
    source: Source,
    method: Method,
    keys: Vec<Field>,
}

/// Which rows take part.
struct Conditions {
    rows: Option<Expression>,
    /// Worked out once for each account.
    account: Option<Expression>,
    balanced: Option<Expression>,
    from: Option<i64>,
    to: Option<i64>,
    /// Organisation whose rows fail the query.
    hidden: Option<u32>,
}

/// Balance, turnovers, or both.
pub(crate) fn summed(
    base: &Infobase,
    register: &Register,
    set_name: &str,
    method: Method,
    arguments: &Arguments,
    options: &Options,
    hidden: Option<u32>,
) -> Result<Table, Refusal> {
    let source = Source::Set(register.records);
    let conditions = conditions(base, &source, method, arguments, hidden)?;
    let keys = keys(base, register, method, arguments, options)?;
    let summing = Summing {
        base,
        register,
        source,
        method,
        keys,
    };
    let groups = summing.gather(&conditions)?;
    let suffix = match method {
        Method::Balance => "Balance",
        Method::Turnovers => "Turnover",
        _ => "BalanceAndTurnover",
    };
    let (fields, rows) = (summing.fields(), summing.rows(&groups));
    Ok(Table {
        configuration: base.base.configuration,
        name: format!("{set_name}_{suffix}"),
        fields,
        rows,
    })
}

fn conditions(
    base: &Infobase,
    source: &Source,
    method: Method,
    arguments: &Arguments,
    hidden: Option<u32>,
) -> Result<Conditions, Refusal> {
    let mut balanced = arguments.condition(base, source, "BalancedAccountCondition")?;
    if let (Some(expression), Some(own), Some(other)) = (
        &mut balanced,
        source.find("Account_Key"),
        source.find("BalancedAccount_Key"),
    ) {
        redirect(expression, own, other);
    }
    let (from, to) = if method == Method::Balance {
        // The moment itself is out: movements made at it are not in the balance yet.
        (Some(arguments.moment("Period")?.unwrap_or(i64::MAX)), None)
    } else {
        (arguments.moment("StartPeriod")?, arguments.moment("EndPeriod")?)
    };
    let rows = arguments.condition(base, source, "Condition")?;
    let account = arguments.condition(base, source, "AccountCondition")?;
    Ok(Conditions {
        rows,
        account,
        balanced,
        from,
        to,
        hidden,
    })
}

/// What the table is broken down by.
fn keys(
    base: &Infobase,
    register: &Register,
    method: Method,
    arguments: &Arguments,
    options: &Options,
) -> Result<Vec<Field>, Refusal> {
    let source = Source::Set(register.records);
    let accounting = register.flavour == Flavour::Accounting;
    let mentioned = Mentioned::new(options);
    let wanted = arguments.text("Dimensions");
    let kinds = if accounting {
        extra_dimensions(base, arguments)?
    } else {
        None
    };
    let mut keys = Vec::new();
    for name in &register.dimensions {
        let Some(column) = source.find(name) else { continue };
        let analytics = name.starts_with("ExtDimension");
        if kinds.is_some() && analytics {
            continue;
        }
        // `Dimensions` speaks of the register's own ones: accounts and analytics stay.
        let kept = match wanted {
            Some(list) if !analytics && *name != "Account_Key" => named_dimension(list, name),
            _ => mentioned.keeps(name),
        };
        if kept {
            keys.push((Key::Dimension(column), (*name).to_owned(), source.field(column).1));
        }
    }
    for (place, kind) in kinds.iter().flatten().enumerate() {
        keys.push((
            Key::Analytics(*kind),
            format!("ExtDimension{}", place + 1),
            Edm::Composite,
        ));
    }
    if method != Method::Balance {
        broken_down(&source, &mentioned, &mut keys);
    }
    if keys.len() > WIDEST {
        Err(Refusal::argument("Dimensions"))
    } else {
        Ok(keys)
    }
}

impl Summing<'_> {
    /// Walks all movements once.
    fn gather(&self, conditions: &Conditions) -> Result<Groups, Refusal> {
        let (base, source) = (self.base, &self.source);
        let mut accounts = [None; ACCOUNTS.len()];
        let mut groups = Groups::new();
        let account = source.find("Account_Key");
        let owner = source.find("Организация_Key");
        for row in source.rows(base).iter() {
            let at = base.period(self.register, row);
            let before = conditions.from.is_some_and(|from| at < from);
            let outside = match self.method {
                Method::Balance => !before,
                Method::Turnovers => before || conditions.to.is_some_and(|to| at > to),
                _ => conditions.to.is_some_and(|to| at > to),
            };
            if outside {
                continue;
            }
            let context = Context::new(base, source, row);
            if let (Some(condition), Some(column)) = (&conditions.account, account) {
                let known = &mut accounts[reference_of(&source.value(base, row, column)).at()];
                let fits = match *known {
                    Some(fits) => fits,
                    None => condition.holds(&context)?,
                };
                *known = Some(fits);
                if !fits {
                    continue;
                }
            }
            let fits = |one: &Option<Expression>| one.as_ref().map_or(Ok(true), |one| one.holds(&context));
            if !fits(&conditions.rows)? || !fits(&conditions.balanced)? {
                continue;
            }
            if let (Some(hidden), Some(column)) = (conditions.hidden, owner)
                && reference_of(&source.value(base, row, column)) == Ref::new(Kind::Organization, hidden)
            {
                return Err(Refusal::rights());
            }
            if let Some(key) = key(base, source, row, at, &self.keys, account) {
                self.add(groups.sums(key), row, before);
            }
        }
        Ok(groups)
    }

    /// Adds a movement to the sums of its group.
    fn add(&self, sums: &mut Sums, row: Row, before: bool) {
        let adds = self.base.adds(self.register, row);
        for (sum, resource) in sums.iter_mut().zip(&self.register.resources) {
            let value = self.base.amount(self.register, resource, row);
            match (before, adds) {
                (true, true) => sum[0] += value,
                (true, false) => sum[0] -= value,
                (false, true) => sum[1] += value,
                (false, false) => sum[2] += value,
            }
        }
    }

    fn fields(&self) -> Vec<(String, Edm)> {
        let keys = self.keys.iter().map(|(_, name, edm)| (name.clone(), *edm));
        let resources = self.register.resources.iter();
        let figures = resources.flat_map(|resource| figures(self.register.flavour, self.method, resource));
        keys.chain(figures.map(|name| (name, Edm::Double))).collect()
    }

    /// Rows of the table; groups that came to nothing are left out.
    fn rows(&self, groups: &Groups) -> Vec<Vec<Value<'static>>> {
        let accounting = self.register.flavour == Flavour::Accounting;
        let account_key = self.keys.iter().position(|(_, name, _)| name == "Account_Key");
        let mut rows = Vec::new();
        for (key, sums) in groups
            .list
            .iter()
            .filter(|(_, sums)| sums.iter().flatten().any(|sum| *sum != 0))
        {
            let mut cells = cells(key, &self.keys);
            let account = account_key.and_then(|at| ACCOUNTS.get(unpack(key[at]).at()));
            for (sum, resource) in sums.iter().zip(&self.register.resources) {
                let counted =
                    !accounting || resource.decimals > 0 || account.is_none_or(|account| account.quantity);
                let nature = account.map_or(Nature::Both, |account| account.nature);
                let values = totals(self.register.flavour, self.method, *sum, nature);
                cells.extend(values.into_iter().map(|value| match counted {
                    true => Value::Number(Decimal::new(value, resource.decimals)),
                    false => Value::Null,
                }));
            }
            rows.push(cells);
        }
        rows
    }
}

/// Names of the figures of a resource.
pub(crate) fn figures(flavour: Flavour, method: Method, resource: &Resource) -> Vec<String> {
    let names: &[&str] = match (flavour, method) {
        (Flavour::Accounting, Method::Balance) => &["Balance", "BalanceDr", "BalanceCr"],
        (Flavour::Accounting, Method::Turnovers) => &["Turnover", "TurnoverDr", "TurnoverCr"],
        (Flavour::Accounting, _) => &[
            "OpeningBalance",
            "OpeningBalanceDr",
            "OpeningBalanceCr",
            "Turnover",
            "TurnoverDr",
            "TurnoverCr",
            "ClosingBalance",
            "ClosingBalanceDr",
            "ClosingBalanceCr",
        ],
        (_, Method::Balance) => &["Balance"],
        (Flavour::Balance, Method::Turnovers) => &["Turnover", "Receipt", "Expense"],
        (_, Method::Turnovers) => &["Turnover"],
        _ => &[
            "OpeningBalance",
            "Turnover",
            "Receipt",
            "Expense",
            "ClosingBalance",
        ],
    };
    names
        .iter()
        .map(|name| format!("{}{name}", resource.name))
        .collect()
}

/// The figures of a resource, in order of [`figures`].
pub(crate) fn totals(
    flavour: Flavour,
    method: Method,
    [before, plus, minus]: [i64; 3],
    nature: Nature,
) -> Vec<i64> {
    let sides = |sum: i64| match nature {
        Nature::Active => [sum, sum, 0],
        Nature::Passive => [sum, 0, -sum],
        Nature::Both => [sum, sum.max(0), (-sum).max(0)],
    };
    let turnover = plus - minus;
    match (flavour, method) {
        (Flavour::Accounting, Method::Balance) => sides(before).to_vec(),
        (Flavour::Accounting, Method::Turnovers) => vec![turnover, plus, minus],
        (Flavour::Accounting, _) => {
            [sides(before), [turnover, plus, minus], sides(before + turnover)].concat()
        }
        (_, Method::Balance) => vec![before],
        (Flavour::Balance, Method::Turnovers) => vec![turnover, plus, minus],
        (_, Method::Turnovers) => vec![turnover],
        _ => vec![before, turnover, plus, minus, before + turnover],
    }
}

/// Makes paths that start at one property start at another.
pub(crate) fn redirect(expression: &mut Expression, from: usize, to: usize) {
    match expression {
        Expression::Path(Path {
            first, inner: false, ..
        }) if *first == from => *first = to,
        Expression::And(a, b)
        | Expression::Or(a, b)
        | Expression::Compare(_, a, b)
        | Expression::Arithmetic(_, a, b) => {
            redirect(a, from, to);
            redirect(b, from, to);
        }
        Expression::Not(a) | Expression::Cast(a, _) | Expression::IsOf(a, _) => redirect(a, from, to),
        Expression::Call(_, list) => list.iter_mut().for_each(|one| redirect(one, from, to)),
        _ => {}
    }
}
