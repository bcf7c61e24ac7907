//! What documents mean for the accounts, said apart from the code that posts them.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use serde_json::Value;

use super::{Report, Scope, after, money, quantity, row, text};
use crate::base::Base;
use crate::calendar::{self, Stamp};
use crate::chart::ACCOUNTS;
use crate::ids::{Kind, OBJECTS, Ref};
use crate::model::{Head, OperationKind, Purpose, payment_book, trade_book};

/// An entry by the codes of its accounts.
struct Posting {
    debit: &'static str,
    credit: &'static str,
    sum: i64,
    quantity: i64,
}

impl Posting {
    fn new(debit: &'static str, credit: &'static str, sum: i64) -> Self {
        Self {
            debit,
            credit,
            sum,
            quantity: 0,
        }
    }
}

/// Documents in order of date.
fn chronicle(base: &Base) -> Vec<(Stamp, Ref)> {
    let mut list = Vec::new();
    for kind in OBJECTS.into_iter().filter(|kind| !kind.title().is_empty()) {
        for index in 0..u32::try_from(base.count(kind)).unwrap_or(u32::MAX) {
            let document = Ref::new(kind, index);
            list.push((base.date_of(document), document));
        }
    }
    list.sort_unstable();
    list
}

/// Money paid ahead that waits for goods, by contract.
type Waiting = HashMap<u32, Vec<i64>>;

fn offset(waiting: &mut Waiting, contract: u32, sum: i64) -> i64 {
    let mut rest = sum;
    for one in waiting.entry(contract).or_default() {
        let part = rest.min(*one);
        *one -= part;
        rest -= part;
    }
    sum - rest
}

/// What one document says, given what was paid ahead before it.
fn meaning(base: &Base, document: Ref, waiting: &mut Waiting) -> Vec<Posting> {
    let mut list = Vec::new();
    if let Some(book) = trade_book(document.kind) {
        let found = &base.trades[book].documents[document.at()];
        let first = found.first_line as usize;
        let lines = &base.trades[book].lines[first..first + found.lines as usize];
        let vat: i64 = lines.iter().map(|line| line.vat).sum();
        match document.kind {
            Kind::Sale => {
                list.push(Posting::new("62.01", "90.01.1", found.sum));
                list.push(Posting::new(
                    "62.02",
                    "62.01",
                    offset(waiting, found.contract, found.sum),
                ));
                for line in lines {
                    let sum = line.cost;
                    list.push(Posting {
                        debit: "90.02.1",
                        credit: "41.01",
                        sum,
                        quantity: i64::from(line.quantity),
                    });
                }
                list.push(Posting::new("90.03", "68.02", vat));
            }
            Kind::Purchase => {
                for line in lines {
                    let sum = line.sum - line.vat;
                    list.push(Posting {
                        debit: "41.01",
                        credit: "60.01",
                        sum,
                        quantity: i64::from(line.quantity),
                    });
                }
                list.push(Posting::new("19.03", "60.01", vat));
                list.push(Posting::new("68.02", "19.03", vat));
                list.push(Posting::new(
                    "60.01",
                    "60.02",
                    offset(waiting, found.contract, found.sum),
                ));
            }
            _ => {}
        }
    } else if let Some(book) = payment_book(document.kind) {
        let found = &base.payments[book].documents[document.at()];
        let first = found.first_line as usize;
        let place = if matches!(document.kind, Kind::BankIn | Kind::BankOut) {
            "51"
        } else {
            "50.01"
        };
        match found.purpose {
            Purpose::Customer | Purpose::Supplier => {
                for line in &base.payments[book].lines[first..first + found.lines as usize] {
                    let ahead = line.deal.is_none();
                    if ahead {
                        waiting.entry(line.contract).or_default().push(line.sum);
                    }
                    list.push(match (found.purpose, ahead) {
                        (Purpose::Customer, false) => Posting::new(place, "62.01", line.sum),
                        (Purpose::Customer, true) => Posting::new(place, "62.02", line.sum),
                        (_, false) => Posting::new("60.01", place, line.sum),
                        (_, true) => Posting::new("60.02", place, line.sum),
                    });
                }
            }
            Purpose::Tax(account) => list.push(Posting::new(
                ACCOUNTS[usize::from(account)].code,
                place,
                found.sum,
            )),
            Purpose::Salary => list.push(Posting::new("70", place, found.sum)),
            Purpose::Rent => list.push(Posting::new("44.01", place, found.sum)),
            Purpose::Fee => list.push(Posting::new("91", place, found.sum)),
        }
    } else if document.kind == Kind::Operation {
        let found = &base.operations.documents[document.at()];
        let first = found.first_line as usize;
        for line in &base.operations.lines[first..first + found.lines as usize] {
            let (debit, credit) = match line.kind {
                OperationKind::Capital => ("51", "80"),
                OperationKind::PayrollOffice => ("26", "70"),
                OperationKind::PayrollTrade => ("44.01", "70"),
                OperationKind::IncomeTax => ("70", "68.01"),
                OperationKind::ContributionsSocial => ("26", "69.01"),
                OperationKind::ContributionsPension => ("26", "69.02.7"),
                OperationKind::ContributionsMedical => ("26", "69.03.1"),
                OperationKind::CloseTrade => ("90.07.1", "44.01"),
                OperationKind::CloseOffice => ("90.08.1", "26"),
                OperationKind::Profit => ("90.09", "99"),
                OperationKind::Loss => ("99", "90.09"),
                OperationKind::OtherLoss => ("99", "91"),
                OperationKind::ProfitTax => ("99", "68.04.1"),
            };
            list.push(Posting::new(debit, credit, line.sum));
        }
    }
    list.retain(|posting| posting.sum != 0);
    list
}

/// Opening balance (debit positive), turnover debit and credit of an account.
#[derive(Clone, Copy, Default)]
struct Turnover {
    opening: i64,
    debit: i64,
    credit: i64,
    /// What of the debits came from money.
    paid: i64,
}

fn turnovers(base: &Base, scope: Scope, from: NaiveDate, to: NaiveDate) -> BTreeMap<&'static str, Turnover> {
    let (start, end) = (calendar::stamp(from), after(to));
    let mut accounts: BTreeMap<&'static str, Turnover> = BTreeMap::new();
    let mut waiting = Waiting::new();
    for (date, document) in chronicle(base) {
        let counts = base.head(document).is_some_and(|head| scope.takes(head));
        if !counts || date >= end {
            continue;
        }
        for posting in meaning(base, document, &mut waiting) {
            for (account, debit) in [(posting.debit, true), (posting.credit, false)] {
                let turnover = accounts.entry(account).or_default();
                match (date < start, debit) {
                    (true, true) => turnover.opening += posting.sum,
                    (true, false) => turnover.opening -= posting.sum,
                    (false, true) => {
                        turnover.debit += posting.sum;
                        if matches!(posting.credit, "50.01" | "51") {
                            turnover.paid += posting.sum;
                        }
                    }
                    (false, false) => turnover.credit += posting.sum,
                }
            }
        }
    }
    accounts
}

fn account_name(code: &str) -> &'static str {
    ACCOUNTS
        .iter()
        .find(|account| account.code == code)
        .map_or("", |account| account.name)
}

/// A trial balance of the accounts whose code begins with `prefix`. Each account is netted over its analytics.
pub fn trial_balance(base: &Base, scope: Scope, from: NaiveDate, to: NaiveDate, prefix: &str) -> Report {
    let belongs = |code: &str| {
        code == prefix || prefix.is_empty() || code.starts_with(&format!("{}.", prefix.trim_end_matches('.')))
    };
    let mut list: Vec<(&'static str, Turnover)> = turnovers(base, scope, from, to)
        .into_iter()
        .filter(|(code, _)| belongs(code))
        .collect();
    list.sort_by(|a, b| {
        (b.1.debit + b.1.credit)
            .cmp(&(a.1.debit + a.1.credit))
            .then(a.0.cmp(b.0))
    });
    let figures = |turnover: &Turnover| {
        let closing = turnover.opening + turnover.debit - turnover.credit;
        [
            turnover.opening.max(0),
            (-turnover.opening).max(0),
            turnover.debit,
            turnover.credit,
            closing.max(0),
            (-closing).max(0),
        ]
    };
    let names = [
        "opening_debit",
        "opening_credit",
        "turnover_debit",
        "turnover_credit",
        "closing_debit",
        "closing_credit",
    ];
    let mut total = [0; 6];
    let mut rows = Vec::new();
    for (code, turnover) in &list {
        let values = figures(turnover);
        for (sum, value) in total.iter_mut().zip(values) {
            *sum += value;
        }
        let head = [("account", text(*code)), ("name", text(account_name(code)))];
        rows.push(row(head
            .into_iter()
            .chain(names.into_iter().zip(values.map(money)))));
    }
    let totals = row(names.into_iter().zip(total.map(money)));
    Report {
        report: "trial_balance",
        date: Some(to),
        from: Some(from),
        rows,
        totals,
    }
}

/// Taxes and contributions accrued (credited to 68 and 69), paid (debited from money) and offset (other debits) in a
/// period; the balance is what is owed at its end.
pub fn taxes(base: &Base, scope: Scope, from: NaiveDate, to: NaiveDate) -> Report {
    let taxed = |code: &str| code.starts_with("68.") || code.starts_with("69.");
    let mut list: Vec<(&'static str, Turnover)> = turnovers(base, scope, from, to)
        .into_iter()
        .filter(|(code, _)| taxed(code))
        .collect();
    list.sort_by(|a, b| b.1.credit.cmp(&a.1.credit).then(a.0.cmp(b.0)));
    let names = ["accrued", "paid", "offset", "balance"];
    let mut total = [0; 4];
    let mut rows = Vec::new();
    for (code, turnover) in &list {
        let values = [
            turnover.credit,
            turnover.paid,
            turnover.debit - turnover.paid,
            turnover.credit - turnover.debit - turnover.opening,
        ];
        for (sum, value) in total.iter_mut().zip(values) {
            *sum += value;
        }
        let head = [("account", text(*code)), ("name", text(account_name(code)))];
        rows.push(row(head
            .into_iter()
            .chain(names.into_iter().zip(values.map(money)))));
    }
    let totals = row(names.into_iter().zip(total.map(money)));
    Report {
        report: "taxes",
        date: Some(to),
        from: Some(from),
        rows,
        totals,
    }
}

fn listed(base: &Base, list: &[(Stamp, Ref)]) -> Report {
    let shown = |(date, document): &(Stamp, Ref)| {
        let head: &Head = base.head(*document)?;
        let (counterparty, sum) = if let Some(book) = trade_book(document.kind) {
            let found = &base.trades[book].documents[document.at()];
            (
                base.presentation(Ref::new(Kind::Counterparty, found.counterparty)),
                found.sum,
            )
        } else if let Some(book) = payment_book(document.kind) {
            let found = &base.payments[book].documents[document.at()];
            (base.presentation(found.payee), found.sum)
        } else {
            (String::new(), base.operations.documents[document.at()].sum)
        };
        Some(row([
            (
                "date",
                text(calendar::moment(*date).format("%Y-%m-%dT%H:%M:%S").to_string()),
            ),
            ("type", text(document.kind.title())),
            ("number", text(base.number(head))),
            ("counterparty", text(counterparty)),
            ("amount", money(sum)),
            ("posted", Value::Bool(head.posted)),
            ("deleted", Value::Bool(head.deleted)),
        ]))
    };
    let rows: Vec<_> = list.iter().filter_map(shown).collect();
    let totals = row([("count", Value::from(rows.len()))]);
    Report {
        report: "documents",
        date: None,
        from: None,
        rows,
        totals,
    }
}

/// Documents that are not posted, the latest first.
pub fn documents(base: &Base) -> Report {
    let mut list = chronicle(base);
    list.retain(|(_, document)| base.head(*document).is_some_and(|head| !head.posted));
    list.reverse();
    listed(base, &list)
}

/// The last `count` documents, the latest first.
pub fn last_documents(base: &Base, count: usize) -> Report {
    let mut list = chronicle(base);
    list.reverse();
    list.truncate(count);
    listed(base, &list)
}

/// What the documents with this number are booked as. Numbers repeat between kinds of documents.
pub fn postings(base: &Base, number: &str) -> Report {
    let mut waiting = Waiting::new();
    let mut rows = Vec::new();
    let mut total = 0;
    for (_, document) in chronicle(base) {
        let Some(head) = base.head(document) else { continue };
        if !Scope::ALL.takes(head) {
            continue;
        }
        let meaning = meaning(base, document, &mut waiting);
        if base.number(head) != number {
            continue;
        }
        for posting in meaning {
            total += posting.sum;
            rows.push(row([
                ("document", text(base.presentation(document))),
                ("debit_account", text(posting.debit)),
                ("credit_account", text(posting.credit)),
                ("amount", money(posting.sum)),
                ("quantity", quantity(posting.quantity)),
            ]));
        }
    }
    Report {
        report: "postings",
        date: None,
        from: None,
        rows,
        totals: row([("amount", money(total))]),
    }
}
