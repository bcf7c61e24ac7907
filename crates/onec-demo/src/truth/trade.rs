//! Sales and stock.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{Report, Scope, after, id, money, quantity, row, text};
use crate::base::Base;
use crate::calendar;
use crate::ids::{Kind, Ref};

/// What goods are in stock at the end of `date`, by warehouse and item; names are parts of names.
pub fn stock(
    base: &Base,
    scope: Scope,
    date: NaiveDate,
    warehouse: Option<&str>,
    item: Option<&str>,
) -> Report {
    let end = after(date);
    let fits = |name: &str, part: Option<&str>| {
        part.is_none_or(|part| name.to_lowercase().contains(&part.to_lowercase()))
    };
    let mut left: BTreeMap<(u8, u32), (i64, i64)> = BTreeMap::new();
    for (book, sign) in [(1, 1), (0, -1)] {
        for document in &base.trades[book].documents {
            if !scope.takes(&document.head) || document.head.date >= end {
                continue;
            }
            let first = document.first_line as usize;
            for line in &base.trades[book].lines[first..first + document.lines as usize] {
                let cost = if book == 1 { line.sum - line.vat } else { line.cost };
                let cell = left.entry((document.warehouse, line.item)).or_default();
                cell.0 += sign * i64::from(line.quantity);
                cell.1 += sign * cost;
            }
        }
    }
    let mut list: Vec<((u8, u32), (i64, i64))> = left
        .into_iter()
        .filter(|((place, goods), (count, cost))| {
            (*count != 0 || *cost != 0)
                && fits(base.warehouses[usize::from(*place)].name, warehouse)
                && fits(&base.items[*goods as usize].name, item)
        })
        .collect();
    list.sort_by(|a, b| b.1.1.cmp(&a.1.1).then(a.0.cmp(&b.0)));
    let total = list
        .iter()
        .fold((0, 0), |sum, (_, cell)| (sum.0 + cell.0, sum.1 + cell.1));
    let rows = list
        .iter()
        .map(|((place, goods), (count, cost))| {
            row([
                ("warehouse", text(base.warehouses[usize::from(*place)].name)),
                ("item", text(base.items[*goods as usize].name.clone())),
                ("item_id", id(base, Ref::new(Kind::Item, *goods))),
                ("quantity", quantity(*count)),
                ("cost", money(*cost)),
            ])
        })
        .collect();
    let totals = row([("quantity", quantity(total.0)), ("cost", money(total.1))]);
    Report {
        report: "stock",
        date: Some(date),
        from: None,
        rows,
        totals,
    }
}

/// What sales are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Customer.
    Counterparty,
    /// The manager who leads the customer.
    Manager,
    /// Item of goods.
    Item,
    /// Calendar day.
    Day,
    /// Calendar month.
    Month,
    /// Warehouse sold from.
    Warehouse,
}

#[derive(Default)]
struct Figures {
    quantity: i64,
    sum: i64,
    vat: i64,
    cost: i64,
    documents: BTreeSet<u32>,
}

impl Figures {
    fn cells(&self) -> [(&'static str, serde_json::Value); 5] {
        let net = self.sum - self.vat;
        [
            ("quantity", quantity(self.quantity)),
            ("revenue", money(self.sum)),
            ("revenue_without_vat", money(net)),
            ("gross_profit", money(net - self.cost)),
            ("documents", serde_json::Value::from(self.documents.len())),
        ]
    }
}

/// Sales of a period, both days in.
pub fn sales(base: &Base, scope: Scope, from: NaiveDate, to: NaiveDate, by: By) -> Report {
    let (start, end) = (calendar::stamp(from), after(to));
    let mut groups: BTreeMap<(String, Option<Ref>), Figures> = BTreeMap::new();
    let mut all = Figures::default();
    for (number, document) in (0_u32..).zip(&base.trades[0].documents) {
        if !scope.takes(&document.head) || document.head.date < start || document.head.date >= end {
            continue;
        }
        let first = document.first_line as usize;
        for line in &base.trades[0].lines[first..first + document.lines as usize] {
            let manager = base.counterparties[document.counterparty as usize].manager;
            let reference = match by {
                By::Counterparty => Some(Ref::new(Kind::Counterparty, document.counterparty)),
                By::Manager => Some(Ref::new(Kind::User, u32::from(manager))),
                By::Item => Some(Ref::new(Kind::Item, line.item)),
                By::Warehouse => Some(Ref::new(Kind::Warehouse, u32::from(document.warehouse))),
                By::Day | By::Month => None,
            };
            let key = match (reference, by) {
                (Some(reference), _) => base.presentation(reference),
                (None, By::Month) => calendar::date(document.head.date).format("%Y-%m").to_string(),
                (None, _) => calendar::date(document.head.date).to_string(),
            };
            for group in [groups.entry((key, reference)).or_default(), &mut all] {
                group.quantity += i64::from(line.quantity);
                group.sum += line.sum;
                group.vat += line.vat;
                group.cost += line.cost;
                group.documents.insert(number);
            }
        }
    }
    let mut list: Vec<_> = groups.into_iter().collect();
    list.sort_by(|(a, x), (b, y)| y.sum.cmp(&x.sum).then(a.cmp(b)));
    let rows = list
        .iter()
        .map(|((key, reference), figures)| {
            let id = reference.map_or(serde_json::Value::Null, |reference| id(base, reference));
            row([("key", text(key.clone())), ("id", id)]
                .into_iter()
                .chain(figures.cells()))
        })
        .collect();
    Report {
        report: "sales",
        date: Some(to),
        from: Some(from),
        rows,
        totals: row(all.cells()),
    }
}
