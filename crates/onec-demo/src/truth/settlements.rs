//! Who owes whom, and statements of account.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::{Report, Scope, after, counterparties_named, counterparty_name, id, money, row, text};
use crate::base::Base;
use crate::calendar::{self, DAY, Stamp};
use crate::ids::{Kind, Ref};
use crate::model::{Payment, Purpose, Trade};

/// A document that changes a debt.
enum Happening<'a> {
    /// Goods went or came: document and its position.
    Goods(&'a Trade, u32),
    /// Money came or went: document and the book it is in.
    Money(&'a Payment, usize),
}

impl Happening<'_> {
    fn date(&self) -> Stamp {
        match self {
            Self::Goods(document, _) => document.head.date,
            Self::Money(document, _) => document.head.date,
        }
    }
}

/// What a side of the trade consists of: book of goods, books of money, purpose of the money.
const CUSTOMERS: (usize, [usize; 2], Purpose) = (0, [0, 2], Purpose::Customer);
const SUPPLIERS: (usize, [usize; 2], Purpose) = (1, [1, 3], Purpose::Supplier);

/// Documents of one side before `end`, in order of date.
fn happenings(
    base: &Base,
    scope: Scope,
    (goods, payments, purpose): (usize, [usize; 2], Purpose),
    end: Stamp,
) -> Vec<Happening<'_>> {
    let mut list = Vec::new();
    for (number, document) in (0_u32..).zip(&base.trades[goods].documents) {
        if scope.takes(&document.head) && document.head.date < end {
            list.push(Happening::Goods(document, number));
        }
    }
    for book in payments {
        for document in &base.payments[book].documents {
            if document.purpose == purpose && scope.takes(&document.head) && document.head.date < end {
                list.push(Happening::Money(document, book));
            }
        }
    }
    list.sort_by_key(Happening::date);
    list
}

/// What a counterparty owes and has paid ahead.
#[derive(Default)]
struct Account {
    debt: i64,
    overdue: i64,
    /// What is overdue, by [`AGES`].
    late: [i64; 4],
    advance: i64,
    due: Option<Stamp>,
}

/// Settles goods against money: payments name what they pay; money that names nothing waits for the next goods under
/// the same contract, the oldest first.
fn settle(
    base: &Base,
    scope: Scope,
    side: (usize, [usize; 2], Purpose),
    end: Stamp,
) -> BTreeMap<u32, Account> {
    let mut unpaid: HashMap<u32, i64> = HashMap::new();
    let mut ahead: HashMap<u32, Vec<i64>> = HashMap::new();
    for happening in happenings(base, scope, side, end) {
        match happening {
            Happening::Goods(document, number) => {
                let mut rest = document.sum;
                for waiting in ahead.entry(document.contract).or_default() {
                    let part = rest.min(*waiting);
                    *waiting -= part;
                    rest -= part;
                }
                *unpaid.entry(number).or_default() += rest;
            }
            Happening::Money(document, book) => {
                let first = document.first_line as usize;
                for line in &base.payments[book].lines[first..first + document.lines as usize] {
                    if line.deal.is_none() {
                        ahead.entry(line.contract).or_default().push(line.sum);
                    } else {
                        *unpaid.entry(line.deal.index).or_default() -= line.sum;
                    }
                }
            }
        }
    }
    let mut accounts: BTreeMap<u32, Account> = BTreeMap::new();
    for (number, rest) in unpaid.into_iter().filter(|(_, rest)| *rest != 0) {
        let document = &base.trades[side.0].documents[number as usize];
        let term = u32::from(base.contracts[document.contract as usize].term);
        let due = document.head.date / DAY * DAY + term * DAY;
        let account = accounts.entry(document.counterparty).or_default();
        account.debt += rest;
        // Overdue when the day it was due is over: due day < day of the report.
        if due + DAY < end {
            account.overdue += rest;
            let days = (end - DAY - due) / DAY;
            let age = AGES.iter().take_while(|(most, _)| days > *most).count();
            account.late[age] += rest;
        }
        account.due = Some(account.due.map_or(due, |known| known.min(due)));
    }
    for (contract, list) in ahead {
        let sum: i64 = list.iter().sum();
        if sum != 0 {
            accounts
                .entry(base.contracts[contract as usize].owner)
                .or_default()
                .advance += sum;
        }
    }
    accounts
}

/// Most days late, and the name of the column.
const AGES: [(Stamp, &str); 4] = [
    (30, "overdue_30"),
    (60, "overdue_60"),
    (90, "overdue_90"),
    (Stamp::MAX, "overdue_more"),
];

fn ageing(late: [i64; 4]) -> impl Iterator<Item = (String, Value)> {
    AGES.into_iter()
        .zip(late)
        .map(|((_, name), sum)| (name.to_owned(), money(sum)))
}

fn debts(
    base: &Base,
    name: &'static str,
    scope: Scope,
    side: (usize, [usize; 2], Purpose),
    date: NaiveDate,
) -> Report {
    let mut list: Vec<(u32, Account)> = settle(base, scope, side, after(date)).into_iter().collect();
    list.sort_by(|(a, x), (b, y)| y.debt.cmp(&x.debt).then(a.cmp(b)));
    let mut totals = [0; 3];
    let mut late = [0; 4];
    let mut rows = Vec::new();
    for (counterparty, account) in list {
        totals[0] += account.debt;
        totals[1] += account.overdue;
        totals[2] += account.advance;
        for (sum, of_account) in late.iter_mut().zip(account.late) {
            *sum += of_account;
        }
        let mut cells = row([
            ("counterparty", text(counterparty_name(base, counterparty))),
            (
                "counterparty_id",
                id(base, Ref::new(Kind::Counterparty, counterparty)),
            ),
            ("debt", money(account.debt)),
            ("overdue", money(account.overdue)),
            ("advance", money(account.advance)),
            (
                "due_date",
                account
                    .due
                    .map_or(Value::Null, |due| text(calendar::date(due).to_string())),
            ),
        ]);
        cells.extend(ageing(account.late));
        rows.push(cells);
    }
    let mut totals = row([
        ("debt", money(totals[0])),
        ("overdue", money(totals[1])),
        ("advance", money(totals[2])),
    ]);
    totals.extend(ageing(late));
    Report {
        report: name,
        date: Some(date),
        from: None,
        rows,
        totals,
    }
}

/// What customers owe at the end of `date`, what of it is overdue, and what they have paid ahead.
pub fn receivables(base: &Base, scope: Scope, date: NaiveDate) -> Report {
    debts(base, "receivables", scope, CUSTOMERS, date)
}

/// What we owe suppliers at the end of `date`.
pub fn payables(base: &Base, scope: Scope, date: NaiveDate) -> Report {
    debts(base, "payables", scope, SUPPLIERS, date)
}

/// A statement of account with the counterparties whose name contains `counterparty`; both days are in.
pub fn statement(base: &Base, scope: Scope, counterparty: &str, from: NaiveDate, to: NaiveDate) -> Report {
    let wanted = counterparties_named(base, counterparty);
    let start = calendar::stamp(from);
    // Date, document, debit, credit.
    let mut lines: Vec<(Stamp, Ref, i64, i64)> = Vec::new();
    for (side, sales) in [(CUSTOMERS, true), (SUPPLIERS, false)] {
        for happening in happenings(base, scope, side, after(to)) {
            let (document, sum, goods) = match happening {
                Happening::Goods(found, number) if wanted.contains(&found.counterparty) => {
                    (Ref::new(crate::model::TRADES[side.0], number), found.sum, true)
                }
                Happening::Money(found, book) if wanted.contains(&found.payee.index) => {
                    let line = &base.payments[book].lines[found.first_line as usize];
                    (
                        Ref::new(crate::model::PAYMENTS[book], line.document),
                        found.sum,
                        false,
                    )
                }
                _ => continue,
            };
            let debit = goods == sales;
            lines.push((
                base.date_of(document),
                document,
                if debit { sum } else { 0 },
                if debit { 0 } else { sum },
            ));
        }
    }
    lines.sort();
    let opening: i64 = lines
        .iter()
        .filter(|line| line.0 < start)
        .map(|line| line.2 - line.3)
        .sum();
    lines.retain(|line| line.0 >= start);
    let (debit, credit) = lines
        .iter()
        .fold((0, 0), |(debit, credit), line| (debit + line.2, credit + line.3));
    let shown = |line: &(Stamp, Ref, i64, i64)| -> Map<String, Value> {
        row([
            ("date", text(calendar::date(line.0).to_string())),
            ("document", text(base.presentation(line.1))),
            ("debit", money(line.2)),
            ("credit", money(line.3)),
        ])
    };
    let totals = row([
        ("opening", money(opening)),
        ("debit", money(debit)),
        ("credit", money(credit)),
        ("closing", money(opening + debit - credit)),
    ]);
    Report {
        report: "statement",
        date: Some(to),
        from: Some(from),
        rows: lines.iter().map(shown).collect(),
        totals,
    }
}
