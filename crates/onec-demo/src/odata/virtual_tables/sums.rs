//! Balances and turnovers of a register.

use rust_decimal::Decimal;

use super::super::error::Refusal;
use super::super::expression::{Context, Expression, Path};
use super::super::query::Options;
use super::super::source::{Source, Table};
use super::Method;
use super::arguments::{Arguments, Mentioned, named_dimension};
use super::grouping::{Groups, Key, WIDEST, broken_down, cells, extra_dimensions, key, reference_of, unpack};
use crate::base::Base;
use crate::chart::{ACCOUNTS, Nature};
use crate::ids::{Kind, Ref};
use crate::schema::{Edm, Flavour, Register, Resource, SCHEMA, Value};

/// Balance, turnovers, or both.
pub(crate) fn summed(
    base: &Base,
    register: &Register,
    set_name: &str,
    method: Method,
    arguments: &Arguments,
    options: &Options,
    hidden: Option<u32>,
) -> Result<Table, Refusal> {
    let source = Source::Set(register.records);
    let set = &SCHEMA.sets[register.records];
    let accounting = register.flavour == Flavour::Accounting;
    let condition = arguments.condition(base, &source, "Condition")?;
    let account_condition = arguments.condition(base, &source, "AccountCondition")?;
    let balanced = match arguments.condition(base, &source, "BalancedAccountCondition")? {
        Some(mut expression) => {
            if let (Some(own), Some(other)) = (source.find("Account_Key"), source.find("BalancedAccount_Key"))
            {
                redirect(&mut expression, own, other);
            }
            Some(expression)
        }
        None => None,
    };
    let (from, to) = if method == Method::Balance {
        // The moment itself is out: movements made at it are not in the balance yet.
        (Some(arguments.moment("Period")?.unwrap_or(i64::MAX)), None)
    } else {
        (arguments.moment("StartPeriod")?, arguments.moment("EndPeriod")?)
    };

    let mentioned = Mentioned::new(options);
    let mut keys = Vec::new();
    let wanted = arguments.text("Dimensions");
    let kinds = if accounting {
        extra_dimensions(base, arguments)?
    } else {
        None
    };
    for name in &register.dimensions {
        let Some(column) = source.find(name) else { continue };
        let structural = accounting && (*name == "Account_Key" || name.starts_with("ExtDimension"));
        if kinds.is_some() && name.starts_with("ExtDimension") {
            continue;
        }
        let kept = match wanted {
            Some(list) if !structural => named_dimension(list, name),
            _ => mentioned.keeps(name),
        };
        if kept {
            keys.push((
                Key::Dimension(column),
                (*name).to_owned(),
                set.columns[column].edm,
            ));
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
        return Err(Refusal::argument("Dimensions"));
    }

    let mut accounts: [Option<bool>; ACCOUNTS.len()] = [None; ACCOUNTS.len()];
    let mut groups = Groups::new();
    let account_column = source.find("Account_Key");
    let owner = source.find("Организация_Key");
    for row in 0..source.count(base) {
        let at = i64::from((register.period)(base, row));
        let part = match (from, to) {
            (Some(from), _) if at < from => 0,
            (_, Some(to)) if at > to => continue,
            _ if method == Method::Balance => continue,
            _ => 1,
        };
        if part == 0 && method == Method::Turnovers {
            continue;
        }
        let context = Context::new(base, &source, row);
        if let (Some(condition), Some(column)) = (&account_condition, account_column) {
            let account = reference_of(&source.value(base, row, column)).at();
            let fits = match accounts[account] {
                Some(known) => known,
                None => condition.holds(&context)?,
            };
            accounts[account] = Some(fits);
            if !fits {
                continue;
            }
        }
        let fits = |one: &Option<Expression>| one.as_ref().map_or(Ok(true), |one| one.holds(&context));
        if !fits(&condition)? || !fits(&balanced)? {
            continue;
        }
        if let (Some(hidden), Some(column)) = (hidden, owner)
            && reference_of(&source.value(base, row, column)) == Ref::new(Kind::Organization, hidden)
        {
            return Err(Refusal::rights());
        }
        let Some(key) = key(base, &source, row, at, &keys, account_column) else {
            continue;
        };
        let adds = (register.adds)(base, row);
        let sums = groups.sums(key);
        for (number, resource) in register.resources.iter().enumerate() {
            let value = (resource.get)(base, row);
            match (part, adds) {
                (0, true) => sums[number][0] += value,
                (0, false) => sums[number][0] -= value,
                (_, true) => sums[number][1] += value,
                (_, false) => sums[number][2] += value,
            }
        }
    }
    let suffix = match method {
        Method::Balance => "Balance",
        Method::Turnovers => "Turnover",
        _ => "BalanceAndTurnover",
    };
    let mut fields: Vec<(String, Edm)> = keys.iter().map(|(_, name, edm)| (name.clone(), *edm)).collect();
    for resource in &register.resources {
        fields.extend(
            figures(register.flavour, method, resource)
                .into_iter()
                .map(|name| (name, Edm::Double)),
        );
    }
    let account_key = keys.iter().position(|(_, name, _)| name == "Account_Key");
    let mut rows = Vec::new();
    for (key, sums) in &groups.list {
        let empty = sums
            .iter()
            .all(|sum| sum[0] == 0 && (method == Method::Balance || (sum[1] == 0 && sum[2] == 0)));
        if empty {
            continue;
        }
        let mut cells = cells(key, &keys);
        let account = account_key.and_then(|at| ACCOUNTS.get(unpack(key[at]).at()));
        for (number, resource) in register.resources.iter().enumerate() {
            let counted =
                !accounting || resource.decimals > 0 || account.is_none_or(|account| account.quantity);
            let nature = account.map_or(Nature::Both, |account| account.nature);
            let values = totals(register.flavour, method, sums[number], nature);
            cells.extend(values.into_iter().map(|value| match counted {
                true => Value::Number(Decimal::new(value, resource.decimals)),
                false => Value::Null,
            }));
        }
        rows.push(cells);
    }
    Ok(Table {
        name: format!("{set_name}_{suffix}"),
        fields,
        rows,
    })
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
