//! Manual operations: the opening capital, payroll, closing of a month.

use super::money::TAX_ACCOUNTS;
use super::postings;
use super::state::State;
use crate::calendar::Stamp;
use crate::chart;
use crate::ids::{Kind, Ref};
use crate::model::{Operation, OperationKind, OperationLine};

/// Brings in the owners' money on the first day.
pub(crate) fn capital(state: &mut State) {
    let scale = i64::from(state.scale);
    let date = state.day_start;
    for (organization, account, roubles) in [
        (0, 0, 24_000_000),
        (0, 1, 6_000_000),
        (1, 2, 9_000_000),
        (2, 3, 3_000_000),
    ] {
        let place = Ref::new(Kind::BankAccount, account);
        let sum = roubles * 100 * (1 + scale / 10);
        let line = OperationLine {
            kind: OperationKind::Capital,
            place,
            sum,
        };
        write(state, organization, date, "Ввод начальных остатков", vec![line]);
        *state.cash.entry(place).or_insert(0) += sum;
    }
}

fn write(state: &mut State, organization: u8, date: Stamp, title: &'static str, lines: Vec<OperationLine>) {
    let head = state.head(Kind::Operation, organization, 0, date);
    let book = &mut state.base.operations;
    let index = u32::try_from(book.documents.len()).unwrap_or(u32::MAX);
    let first_line = u32::try_from(book.lines.len()).unwrap_or(u32::MAX);
    let sum = lines.iter().map(|line| line.sum).sum();
    let count = u32::try_from(lines.len()).unwrap_or(0);
    book.lines.extend(lines);
    book.documents.push(Operation {
        head,
        title,
        first_line,
        lines: count,
        sum,
    });
    postings::operation(&mut state.base, index);
}

/// Payroll in the evening of the last day, closing in its last second.
pub(crate) fn month(state: &mut State) {
    let evening = state.day_start + 20 * 3600;
    let mut office_costs = [0; 3];
    let mut trade_costs = [0; 3];
    for organization in 0..3_u8 {
        let at = usize::from(organization);
        // Wages grow with the sales of the month.
        let bonus = state.months[at].revenue * 3 / 100 / 100 * 100;
        let office = [21_000_000, 7_500_000, 2_000_000][at] * i64::from(1 + state.scale / 20);
        let trade = [16_000_000, 6_000_000, 3_800_000][at] * i64::from(1 + state.scale / 20) + bonus;
        let gross = office + trade;
        let parts = [
            (OperationKind::PayrollOffice, office),
            (OperationKind::PayrollTrade, trade),
            (OperationKind::IncomeTax, gross * 13 / 100 / 100 * 100),
            (OperationKind::ContributionsSocial, gross * 29 / 1000),
            (OperationKind::ContributionsPension, gross * 22 / 100),
            (OperationKind::ContributionsMedical, gross * 51 / 1000),
        ];
        state.wages[at] += gross - parts[2].1;
        state.tax(organization, chart::INCOME_TAX, parts[2].1);
        state.tax(organization, chart::SOCIAL, parts[3].1);
        state.tax(organization, chart::PENSION, parts[4].1);
        state.tax(organization, chart::MEDICAL, parts[5].1);
        office_costs[at] = office + parts[3].1 + parts[4].1 + parts[5].1;
        trade_costs[at] = trade + state.months[at].trade;
        write(
            state,
            organization,
            evening,
            "Начисление заработной платы и взносов",
            lines(&parts),
        );
    }
    let midnight = state.day_start + crate::calendar::DAY - 1;
    for organization in 0..3_u8 {
        let at = usize::from(organization);
        let figures = state.months[at];
        let result = figures.revenue - figures.cost - trade_costs[at] - office_costs[at];
        let taxable = (result - figures.fees).max(0);
        let profit_tax = (taxable * 25 / 100 + 50) / 100 * 100;
        let parts = [
            (OperationKind::CloseTrade, trade_costs[at]),
            (OperationKind::CloseOffice, office_costs[at]),
            (OperationKind::Profit, result.max(0)),
            (OperationKind::Loss, (-result).max(0)),
            (OperationKind::OtherLoss, figures.fees),
            (OperationKind::ProfitTax, profit_tax),
        ];
        write(state, organization, midnight, "Закрытие месяца", lines(&parts));
        state.tax(organization, chart::PROFIT_TAX, profit_tax);
        state.months[at] = super::state::Month::default();
        for account in TAX_ACCOUNTS {
            let owed = state.taxes.get(&(organization, account)).copied().unwrap_or(0);
            if owed > 0 {
                state.tax_bills.insert((organization, account), owed);
            } else {
                state.tax_bills.remove(&(organization, account));
            }
        }
    }
}

fn lines(parts: &[(OperationKind, i64)]) -> Vec<OperationLine> {
    parts
        .iter()
        .filter(|(_, sum)| *sum > 0)
        .map(|(kind, sum)| OperationLine {
            kind: *kind,
            place: Ref::NONE,
            sum: *sum,
        })
        .collect()
}
