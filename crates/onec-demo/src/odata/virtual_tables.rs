//! Virtual tables of registers: balances, turnovers, slices. Sums are whole kopecks all the way.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{Datelike, Duration, NaiveDate, NaiveDateTime, Timelike};
use rust_decimal::Decimal;

use super::error::Refusal;
use super::expression::{Context, Expression, Path};
use super::lexer::moment;
use super::parser;
use super::query::Options;
use super::source::{Source, Table};
use super::url::arguments;
use crate::base::Base;
use crate::calendar;
use crate::chart::{ACCOUNTS, Nature};
use crate::ids::{Kind, Ref};
use crate::schema::{Column, Edm, Flavour, Register, Resource, Row, SCHEMA, Value};

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
        const SLICES: &[(&str, Method)] = &[("SliceLast", Method::SliceLast), ("SliceFirst", Method::SliceFirst)];
        match flavour {
            Flavour::Balance => BALANCE,
            Flavour::Turnover => TURNOVER,
            Flavour::Accounting => ACCOUNTING,
            Flavour::Slices => SLICES,
        }
    }
}

/// Names of the period fields, finest first.
pub(crate) const PERIODS: [&str; 11] = [
    "Period", "SecondPeriod", "MinutePeriod", "HourPeriod", "DayPeriod", "WeekPeriod", "TenDaysPeriod", "MonthPeriod",
    "QuarterPeriod", "HalfYearPeriod", "YearPeriod",
];

/// The start of the period a moment falls into.
fn floor(at: NaiveDateTime, name: &str) -> NaiveDateTime {
    let date = at.date();
    let midnight = |date: Option<NaiveDate>| date.and_then(|date| date.and_hms_opt(0, 0, 0)).unwrap_or(at);
    let month = |number: u32| midnight(NaiveDate::from_ymd_opt(date.year(), number, 1));
    match name {
        "MinutePeriod" => at.with_second(0).unwrap_or(at),
        "HourPeriod" => at.with_second(0).and_then(|at| at.with_minute(0)).unwrap_or(at),
        "DayPeriod" => midnight(Some(date)),
        "WeekPeriod" => {
            midnight(date.checked_sub_signed(Duration::days(i64::from(date.weekday().num_days_from_monday()))))
        }
        "TenDaysPeriod" => midnight(date.with_day((date.day0() / 10).min(2) * 10 + 1)),
        "MonthPeriod" => month(date.month()),
        "QuarterPeriod" => month(date.month0() / 3 * 3 + 1),
        "HalfYearPeriod" => month(date.month0() / 6 * 6 + 1),
        "YearPeriod" => month(1),
        _ => at,
    }
}

/// What the caller of a method wrote in the brackets.
struct Arguments(Vec<(String, String)>);

impl Arguments {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).filter(|text| !text.is_empty())
    }

    fn moment(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let inner = text.strip_prefix("datetime'").and_then(|inner| inner.strip_suffix('\'')).unwrap_or(text);
        let parsed = moment(inner).ok_or_else(|| Refusal::value(inner, "Edm.DateTime"))?;
        Ok(Some(calendar::seconds(parsed)))
    }

    /// A condition, whichever way its inner quotes are written.
    fn condition(&self, base: &Base, source: &Source, name: &str) -> Result<Option<Expression>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        if text.contains("''")
            && let Ok(parsed) = parser::filter(base, source, &text.replace("''", "'"))
        {
            return Ok(Some(parsed));
        }
        parser::filter(base, source, text).map(Some)
    }
}

/// Sums of one resource: before the period, in it received and spent.
type Sums = [[i64; 3]; 4];

/// Runs a method of a register. Gives the rows and, for slices, which of the register's rows they are.
pub(crate) fn run(
    base: &Base,
    register: &Register,
    set_name: &str,
    method: Method,
    brackets: &str,
    options: &Options,
    hidden: Option<u32>,
) -> Result<(Source, Option<Vec<Row>>), Refusal> {
    let arguments = Arguments(arguments(brackets)?);
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
        _ => Ok((Source::Table(Arc::new(summed(base, register, set_name, method, &arguments, options, hidden)?)), None)),
    }
}

/// The last (or first) record of each value of the dimensions; `Period` itself is in.
fn slice(base: &Base, register: &Register, last: bool, arguments: &Arguments) -> Result<Vec<Row>, Refusal> {
    let source = Source::Set(register.records);
    let edge = arguments.moment("Period")?;
    let condition = arguments.condition(base, &source, "Condition")?;
    let columns: Vec<usize> = register.dimensions.iter().filter_map(|name| source.find(name)).collect();
    let mut found: HashMap<Vec<Option<Ref>>, (usize, Row)> = HashMap::new();
    for row in 0..source.count(base) {
        let at = i64::from((register.period)(base, row));
        if edge.is_some_and(|edge| if last { at > edge } else { at < edge }) {
            continue;
        }
        if let Some(condition) = &condition
            && !condition.holds(&Context::new(base, &source, row))?
        {
            continue;
        }
        let key = columns.iter().map(|column| super::source::target(&source.value(base, row, *column))).collect();
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
fn records(base: &Base, set_name: &str, arguments: &Arguments) -> Result<(Source, Option<Vec<Row>>), Refusal> {
    let set = SCHEMA.position(&format!("{set_name}_RecordType")).ok_or_else(Refusal::method_not_found)?;
    let source = Source::Set(set);
    let (from, to) = (arguments.moment("StartPeriod")?, arguments.moment("EndPeriod")?);
    let text = |name: &str| arguments.text(name).map(str::to_owned);
    let condition = arguments.condition(base, &source, "Condition")?;
    let mut rows = Vec::new();
    for row in 0..source.count(base) {
        let at = i64::from(base.ledger.rows[row as usize].mark.period);
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
    let options = Options { orderby: text("OrderBy"), top, ..Options::default() };
    let page = super::query::run(base, &source, Some(rows), &options, None)?;
    Ok((source, Some(page.rows)))
}

/// A name among the fields a client mentions decides what sums are broken down by.
struct Mentioned<'a> {
    select: Option<Vec<&'a str>>,
    rest: String,
}

impl<'a> Mentioned<'a> {
    fn new(options: &'a Options) -> Self {
        let names = |list: &'a str| list.split(',').map(|name| name.trim().split('/').next().unwrap_or("")).collect::<Vec<_>>();
        let select = options.select.as_deref().map(names).filter(|list| !list.contains(&"*") && !list.contains(&"**"));
        let rest = [&options.filter, &options.orderby].map(|text| text.as_deref().unwrap_or("")).join(" ");
        Self { select, rest }
    }

    fn word(&self, name: &str) -> bool {
        self.rest.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).any(|word| word == name)
    }

    /// Whether a field is named, by itself or through its navigation property.
    fn has(&self, name: &str) -> bool {
        let plain = name.strip_suffix("_Key").unwrap_or(name);
        let typed = format!("{plain}_Type");
        let shown = format!("{plain}____Presentation");
        let listed = self.select.iter().flatten().any(|one| [name, plain, &typed, &shown].contains(one));
        listed || self.word(name) || self.word(plain) || self.word(&typed)
    }

    /// Whether a dimension takes part: all do unless `$select` leaves it out.
    fn keeps(&self, name: &str) -> bool {
        self.select.is_none() || self.has(name)
    }
}

/// Splits a list of dimensions; `Склад` stands for `Склад_Key`.
fn named_dimension(list: &str, name: &str) -> bool {
    list.split(',').map(str::trim).any(|one| one == name || Some(one) == name.strip_suffix("_Key"))
}

/// What rows are gathered by.
enum Key {
    Dimension(usize),
    /// The analytics of this kind, shown in place of whatever place it has in the account.
    Analytics(u8),
    Period(&'static str),
    Recorder(usize),
    Line(usize),
}

const WIDEST: usize = 16;

/// Groups of rows, in order of first appearance.
struct Groups {
    index: HashMap<[u64; WIDEST], usize>,
    list: Vec<([u64; WIDEST], Sums)>,
}

impl Groups {
    fn sums(&mut self, key: [u64; WIDEST]) -> &mut Sums {
        let next = self.list.len();
        let at = *self.index.entry(key).or_insert(next);
        if at == next {
            self.list.push((key, [[0; 3]; 4]));
        }
        &mut self.list[at].1
    }
}

fn pack(reference: Ref) -> u64 {
    (u64::from(reference.kind as u8) << 32) | u64::from(reference.index)
}

/// The reference packed into a number: kinds are few, so they are looked up.
fn unpack(packed: u64) -> Ref {
    let kind = u8::try_from(packed >> 32).unwrap_or(0);
    let index = u32::try_from(packed & u64::from(u32::MAX)).unwrap_or(0);
    let known = crate::ids::OBJECTS.into_iter().chain([Kind::TaxKind]).find(|one| *one as u8 == kind);
    known.map_or(Ref::NONE, |kind| Ref::new(kind, index))
}

fn reference_of(value: &Value<'_>) -> Ref {
    match value {
        Value::Key(found) | Value::Composite(found) => *found,
        _ => Ref::NONE,
    }
}

/// Balance, turnovers, or both.
fn summed(
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
            if let (Some(own), Some(other)) = (source.find("Account_Key"), source.find("BalancedAccount_Key")) {
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
    let kinds = if accounting { extra_dimensions(base, arguments)? } else { None };
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
            keys.push((Key::Dimension(column), (*name).to_owned(), set.columns[column].edm));
        }
    }
    for (place, kind) in kinds.iter().flatten().enumerate() {
        keys.push((Key::Analytics(*kind), format!("ExtDimension{}", place + 1), Edm::Composite));
    }
    if method != Method::Balance {
        broken_down(&source, &mentioned, &mut keys);
    }
    if keys.len() > WIDEST {
        return Err(Refusal::argument("Dimensions"));
    }

    let mut accounts: [Option<bool>; ACCOUNTS.len()] = [None; ACCOUNTS.len()];
    let mut groups = Groups { index: HashMap::new(), list: Vec::new() };
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
        let Some(key) = key(base, &source, row, at, &keys, account_column) else { continue };
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
        fields.extend(figures(register.flavour, method, resource).into_iter().map(|name| (name, Edm::Double)));
    }
    let account_key = keys.iter().position(|(_, name, _)| name == "Account_Key");
    let mut rows = Vec::new();
    for (key, sums) in &groups.list {
        let empty = sums.iter().all(|sum| sum[0] == 0 && (method == Method::Balance || (sum[1] == 0 && sum[2] == 0)));
        if empty {
            continue;
        }
        let mut cells = cells(key, &keys);
        let account = account_key.and_then(|at| ACCOUNTS.get(unpack(key[at]).at()));
        for (number, resource) in register.resources.iter().enumerate() {
            let counted = !accounting || resource.decimals > 0 || account.is_none_or(|account| account.quantity);
            let nature = account.map_or(Nature::Both, |account| account.nature);
            let values = totals(register.flavour, method, sums[number], nature);
            cells.extend(values.into_iter().map(|value| match counted {
                true => Value::Number(Decimal::new(value, resource.decimals)),
                false => Value::Null,
            }));
        }
        rows.push(cells);
    }
    Ok(Table { name: format!("{set_name}_{suffix}"), fields, rows })
}

/// Adds the period fields, the recorder and the line if a client names them.
fn broken_down(source: &Source, mentioned: &Mentioned<'_>, keys: &mut Vec<(Key, String, Edm)>) {
    for name in PERIODS {
        if mentioned.has(name) {
            keys.push((Key::Period(name), name.to_owned(), Edm::Date));
        }
    }
    if mentioned.has("Recorder")
        && let Some(column) = source.find("Recorder")
    {
        keys.push((Key::Recorder(column), "Recorder".to_owned(), Edm::Composite));
    }
    if mentioned.has("LineNumber")
        && let Some(column) = source.find("LineNumber")
    {
        keys.push((Key::Line(column), "LineNumber".to_owned(), Edm::Int64));
    }
}

/// Kinds of analytics asked for, by guid or by name, in order.
fn extra_dimensions(base: &Base, arguments: &Arguments) -> Result<Option<Vec<u8>>, Refusal> {
    let Some(text) = arguments.text("ExtraDimensions") else { return Ok(None) };
    let mut kinds = Vec::new();
    for one in text.split(',').map(str::trim) {
        let bare = one.trim_start_matches("guid").trim_matches('\'');
        let by_guid = bare.parse().ok().and_then(|guid| base.reference(guid));
        let by_name = crate::chart::SUBCONTO.iter().position(|kind| kind.0 == bare);
        let found = match (by_guid, by_name) {
            (Some(found), _) if found.kind == Kind::SubcontoKind => found.at(),
            (_, Some(at)) => at,
            _ => return Err(Refusal::argument("ExtraDimensions")),
        };
        kinds.push(u8::try_from(found).unwrap_or(0));
    }
    Ok(Some(kinds))
}

/// The key a row is gathered under; nothing if the account lacks analytics asked for.
fn key(
    base: &Base,
    source: &Source,
    row: Row,
    at: i64,
    keys: &[(Key, String, Edm)],
    account: Option<usize>,
) -> Option<[u64; WIDEST]> {
    let mut packed = [0; WIDEST];
    for (place, (key, ..)) in keys.iter().enumerate() {
        packed[place] = match key {
            Key::Dimension(column) | Key::Recorder(column) => pack(reference_of(&source.value(base, row, *column))),
            Key::Analytics(kind) => {
                let account = ACCOUNTS.get(reference_of(&source.value(base, row, account?)).at())?;
                let position = account.subconto.iter().position(|one| *one as u8 == *kind)?;
                let column = source.find(["ExtDimension1", "ExtDimension2", "ExtDimension3"].get(position)?)?;
                pack(reference_of(&source.value(base, row, column)))
            }
            Key::Period(name) => {
                let stamp = u32::try_from(at).unwrap_or(0);
                u64::try_from(calendar::seconds(floor(calendar::moment(stamp), name))).unwrap_or(0)
            }
            Key::Line(column) => match source.value(base, row, *column) {
                Value::Number(number) => u64::try_from(number).unwrap_or(0),
                _ => 0,
            },
        };
    }
    Some(packed)
}

fn cells(key: &[u64; WIDEST], keys: &[(Key, String, Edm)]) -> Vec<Value<'static>> {
    let one = |(packed, (key, _, edm)): (&u64, &(Key, String, Edm))| match (key, edm) {
        (Key::Period(_), _) => Value::date(u32::try_from(*packed).unwrap_or(0)),
        (Key::Line(_), _) => Value::whole(i64::try_from(*packed).unwrap_or(0)),
        (_, Edm::Composite) => Value::Composite(unpack(*packed)),
        _ => Value::Key(unpack(*packed)),
    };
    key.iter().zip(keys).map(one).collect()
}

/// Names of the figures of a resource.
pub(crate) fn figures(flavour: Flavour, method: Method, resource: &Resource) -> Vec<String> {
    let names: &[&str] = match (flavour, method) {
        (Flavour::Accounting, Method::Balance) => &["Balance", "BalanceDr", "BalanceCr"],
        (Flavour::Accounting, Method::Turnovers) => &["Turnover", "TurnoverDr", "TurnoverCr"],
        (Flavour::Accounting, _) => &[
            "OpeningBalance", "OpeningBalanceDr", "OpeningBalanceCr", "Turnover", "TurnoverDr", "TurnoverCr",
            "ClosingBalance", "ClosingBalanceDr", "ClosingBalanceCr",
        ],
        (_, Method::Balance) => &["Balance"],
        (Flavour::Balance, Method::Turnovers) => &["Turnover", "Receipt", "Expense"],
        (_, Method::Turnovers) => &["Turnover"],
        _ => &["OpeningBalance", "Turnover", "Receipt", "Expense", "ClosingBalance"],
    };
    names.iter().map(|name| format!("{}{name}", resource.name)).collect()
}

/// The figures of a resource, in order of [`figures`].
fn totals(flavour: Flavour, method: Method, [before, plus, minus]: [i64; 3], nature: Nature) -> Vec<i64> {
    let sides = |sum: i64| match nature {
        Nature::Active => [sum, sum, 0],
        Nature::Passive => [sum, 0, -sum],
        Nature::Both => [sum, sum.max(0), (-sum).max(0)],
    };
    let turnover = plus - minus;
    match (flavour, method) {
        (Flavour::Accounting, Method::Balance) => sides(before).to_vec(),
        (Flavour::Accounting, Method::Turnovers) => vec![turnover, plus, minus],
        (Flavour::Accounting, _) => [sides(before), [turnover, plus, minus], sides(before + turnover)].concat(),
        (_, Method::Balance) => vec![before],
        (Flavour::Balance, Method::Turnovers) => vec![turnover, plus, minus],
        (_, Method::Turnovers) => vec![turnover],
        _ => vec![before, turnover, plus, minus, before + turnover],
    }
}

/// Makes paths that start at one property start at another.
fn redirect(expression: &mut Expression, from: usize, to: usize) {
    match expression {
        Expression::Path(Path { first, inner: false, .. }) if *first == from => *first = to,
        Expression::And(a, b) | Expression::Or(a, b) | Expression::Compare(_, a, b) | Expression::Arithmetic(_, a, b) => {
            redirect(a, from, to);
            redirect(b, from, to);
        }
        Expression::Not(a) | Expression::Cast(a, _) | Expression::IsOf(a, _) => redirect(a, from, to),
        Expression::Call(_, list) => list.iter_mut().for_each(|one| redirect(one, from, to)),
        _ => {}
    }
}

/// Turnovers between accounts.
fn correspondence(
    base: &Base,
    set_name: &str,
    arguments: &Arguments,
    options: &Options,
    hidden: Option<u32>,
) -> Result<Table, Refusal> {
    let at = SCHEMA.position(&format!("{set_name}_RecordType")).ok_or_else(Refusal::method_not_found)?;
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
    let mut groups = Groups { index: HashMap::new(), list: Vec::new() };
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
        let Some(key) = key(base, &source, row, at, &keys, None) else { continue };
        let sums = groups.sums(key);
        sums[0][0] += entry.sum;
        sums[1][0] += i64::from(entry.debit.quantity);
        sums[2][0] += i64::from(entry.credit.quantity);
    }
    let mut fields: Vec<(String, Edm)> = keys.iter().map(|(_, name, edm)| (name.clone(), *edm)).collect();
    fields.extend(CORRESPONDENCE.map(|name| (name.to_owned(), Edm::Double)));
    let row = |(key, sums): &([u64; WIDEST], Sums)| {
        let mut cells = cells(key, &keys);
        cells.extend([Value::money(sums[0][0]), Value::whole(sums[1][0]), Value::whole(sums[2][0])]);
        cells
    };
    let rows = groups.list.iter().map(row).collect();
    Ok(Table { name: format!("{set_name}_DrCrTurnover"), fields, rows })
}

/// Figures of turnovers between accounts.
pub(crate) const CORRESPONDENCE: [&str; 3] = ["СуммаTurnover", "КоличествоTurnoverDr", "КоличествоTurnoverCr"];

/// Whether a property of an entry says what is debited or credited.
pub(crate) fn is_side(column: &Column) -> bool {
    let name = column.name;
    let analytics = name.starts_with("ExtDimension") && !name.starts_with("ExtDimensionType");
    analytics || matches!(name, "AccountDr_Key" | "AccountCr_Key" | "Организация_Key")
}
