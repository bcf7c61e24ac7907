//! Money: what there is and what moved.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{Report, Scope, after, money, row, text};
use crate::base::Base;
use crate::calendar::{self, Stamp};
use crate::ids::Ref;
use crate::model::{OperationKind, Payment};

/// Payments of a span that count, each with whether money came in.
fn payments(base: &Base, scope: Scope, start: Stamp, end: Stamp) -> impl Iterator<Item = (&Payment, bool)> {
    base.payments
        .iter()
        .enumerate()
        .flat_map(move |(book, payments)| {
            let fits = move |one: &&Payment| scope.takes(&one.head) && (start..end).contains(&one.head.date);
            payments
                .documents
                .iter()
                .filter(fits)
                .map(move |one| (one, book % 2 == 0))
        })
}

/// What is on bank accounts and in cash desks at the end of `date`.
pub fn cash(base: &Base, scope: Scope, date: NaiveDate) -> Report {
    let end = after(date);
    let mut places: BTreeMap<(Ref, u8), i64> = BTreeMap::new();
    for document in base
        .operations
        .documents
        .iter()
        .filter(|one| scope.takes(&one.head) && one.head.date < end)
    {
        let first = document.first_line as usize;
        for line in &base.operations.lines[first..first + document.lines as usize] {
            if line.kind == OperationKind::Capital {
                *places
                    .entry((line.place, document.head.organization))
                    .or_default() += line.sum;
            }
        }
    }
    for (payment, incoming) in payments(base, scope, 0, end) {
        let sum = if incoming { payment.sum } else { -payment.sum };
        *places
            .entry((payment.place, payment.head.organization))
            .or_default() += sum;
    }
    let mut list: Vec<((Ref, u8), i64)> = places.into_iter().collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let total = list.iter().map(|(_, sum)| sum).sum();
    let rows = list
        .iter()
        .map(|((place, organization), sum)| {
            row([
                ("account", text(base.presentation(*place))),
                (
                    "organization",
                    text(base.organizations[usize::from(*organization)].name),
                ),
                ("balance", money(*sum)),
            ])
        })
        .collect();
    Report {
        report: "cash",
        date: Some(date),
        from: None,
        rows,
        totals: row([("balance", money(total))]),
    }
}

/// What came in and went out, by whom, both days in. Capital brought in by a manual operation is no payment.
pub fn cash_flow(base: &Base, scope: Scope, from: NaiveDate, to: NaiveDate) -> Report {
    let mut flows: BTreeMap<(bool, Ref), i64> = BTreeMap::new();
    for (payment, incoming) in payments(base, scope, calendar::stamp(from), after(to)) {
        *flows.entry((incoming, payment.payee)).or_default() += payment.sum;
    }
    let sum = |wanted: bool| {
        flows
            .iter()
            .filter(|((incoming, _), _)| *incoming == wanted)
            .map(|(_, sum)| sum)
            .sum::<i64>()
    };
    let (came, went) = (sum(true), sum(false));
    let mut list: Vec<((bool, Ref), i64)> = flows.into_iter().collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let rows = list
        .iter()
        .map(|((incoming, payee), sum)| {
            row([
                ("direction", text(if *incoming { "in" } else { "out" })),
                ("counterparty", text(base.presentation(*payee))),
                ("amount", money(*sum)),
            ])
        })
        .collect();
    let totals = row([
        ("in", money(came)),
        ("out", money(went)),
        ("net", money(came - went)),
    ]);
    Report {
        report: "cash_flow",
        date: Some(to),
        from: Some(from),
        rows,
        totals,
    }
}
