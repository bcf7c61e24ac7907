//! Money in and out.

use chrono::{Datelike, NaiveDate};

use super::catalogs::{BANK, LANDLORD, STORES, TREASURY};
use super::postings;
use super::state::{Event, Order, State};
use super::supply;
use crate::chart;
use crate::ids::{Kind, Ref};
use crate::model::{NO_CONTRACT, PAYMENTS, Payment, PaymentLine, Purpose};

/// Where an organisation's money is: bank accounts, the main one first.
fn bank_of(organization: u8) -> Ref {
    Ref::new(Kind::BankAccount, [0, 2, 3][usize::from(organization).min(2)])
}

fn desk_of(organization: u8) -> Ref {
    Ref::new(Kind::CashDesk, u32::from(organization))
}

fn balance(state: &State, place: Ref) -> i64 {
    state.cash.get(&place).copied().unwrap_or(0)
}

/// The book of documents that move money in or out of a place.
fn book_of(place: Ref, incoming: bool) -> usize {
    match (place.kind == Kind::BankAccount, incoming) {
        (true, true) => 0,
        (true, false) => 1,
        (false, true) => 2,
        (false, false) => 3,
    }
}

/// Money about to move.
struct Transfer {
    organization: u8,
    place: Ref,
    incoming: bool,
    payee: Ref,
    contract: u32,
    purpose: Purpose,
}

/// Writes a payment settling `lines` (deal and sum) and gives its position.
fn write(state: &mut State, transfer: &Transfer, lines: &[(Ref, i64)], posted: bool) -> Ref {
    let book = book_of(transfer.place, transfer.incoming);
    let user = match transfer.payee.kind {
        Kind::Counterparty => state.base.counterparties[transfer.payee.at()].manager,
        _ => 0,
    };
    let date = state.tick();
    let mut head = state.head(PAYMENTS[book], transfer.organization, user, date);
    head.posted = posted;
    let payments = &mut state.base.payments[book];
    let document = u32::try_from(payments.documents.len()).unwrap_or(u32::MAX);
    let first_line = u32::try_from(payments.lines.len()).unwrap_or(u32::MAX);
    let sum = lines.iter().map(|(_, part)| part).sum();
    for (deal, part) in lines {
        payments.lines.push(PaymentLine {
            document,
            contract: transfer.contract,
            deal: *deal,
            sum: *part,
        });
    }
    payments.documents.push(Payment {
        head,
        payee: transfer.payee,
        contract: transfer.contract,
        place: transfer.place,
        purpose: transfer.purpose,
        first_line,
        lines: u32::try_from(lines.len()).unwrap_or(0),
        sum,
    });
    if posted {
        *state.cash.entry(transfer.place).or_insert(0) += if transfer.incoming { sum } else { -sum };
        postings::payment(&mut state.base, book, document);
    }
    Ref::new(PAYMENTS[book], document)
}

/// A customer pays `permille` of what is left of a sale, sometimes other sales with it, sometimes a bit too much.
pub(crate) fn customer_pays(state: &mut State, contract: u32, sale: u32, permille: i64) {
    let (payee, organization) = {
        let found = &state.base.contracts[contract as usize];
        (Ref::new(Kind::Counterparty, found.owner), found.organization)
    };
    let retail = organization == STORES[3].0;
    let with_others = permille == 1000 && !retail && state.rng.chance(250);
    let today = state.day_start;
    let Some(list) = state.debts.get_mut(&contract) else {
        return;
    };
    let mut lines = Vec::new();
    for open in list.iter_mut() {
        let share = if open.deal == sale {
            permille
        } else if with_others && open.due <= today {
            1000
        } else {
            continue;
        };
        // Parts are paid in whole roubles.
        let part = if share == 1000 {
            open.rest
        } else {
            open.rest * share / 1000 / 100 * 100
        };
        if part > 0 {
            open.rest -= part;
            lines.push((Ref::new(Kind::Sale, open.deal), part));
        }
    }
    list.retain(|open| open.rest > 0);
    if lines.is_empty() {
        return;
    }
    if permille < 1000 {
        let bad = permille < 400;
        let days = if bad {
            state.rng.range(90, 220)
        } else {
            state.rng.range(10, 35)
        };
        state.later(
            days,
            Event::CustomerPays {
                contract,
                sale,
                permille: 1000,
            },
        );
    }
    let overpaid = !retail && permille == 1000 && state.rng.chance(12);
    if overpaid {
        lines.push((Ref::NONE, state.rng.range(5, 60) * 10_000));
    }
    let by_card = retail && state.rng.chance(550);
    let place = if retail && !by_card {
        desk_of(organization)
    } else if organization == 0 && state.rng.chance(250) {
        Ref::new(Kind::BankAccount, 1)
    } else {
        bank_of(organization)
    };
    let transfer = Transfer {
        organization,
        place,
        incoming: true,
        payee,
        contract,
        purpose: Purpose::Customer,
    };
    let payment = write(state, &transfer, &lines, true);
    if overpaid && let Some((_, part)) = lines.last() {
        state.advances.entry(contract).or_default().push((payment, *part));
    }
}

/// A customer pays an invoice; the goods follow.
pub(crate) fn prepayment(state: &mut State, contract: u32, sum: i64) {
    let (payee, organization) = {
        let found = &state.base.contracts[contract as usize];
        (Ref::new(Kind::Counterparty, found.owner), found.organization)
    };
    let place = bank_of(organization);
    let transfer = Transfer {
        organization,
        place,
        incoming: true,
        payee,
        contract,
        purpose: Purpose::Customer,
    };
    let payment = write(state, &transfer, &[(Ref::NONE, sum)], true);
    state.advances.entry(contract).or_default().push((payment, sum));
    let days = state.rng.range(1, 6);
    state.later(days, Event::PrepaidSale { contract, sum });
}

/// Picks a place with enough money: the desk of the shop, then the bank accounts.
fn place_with(state: &State, organization: u8, sum: i64) -> Option<Ref> {
    let second = if organization == 0 {
        Ref::new(Kind::BankAccount, 1)
    } else {
        bank_of(organization)
    };
    let places = if organization == 2 {
        [desk_of(2), bank_of(2), bank_of(2)]
    } else {
        [bank_of(organization), second, second]
    };
    places.into_iter().find(|place| balance(state, *place) >= sum)
}

/// Pays a supplier all that is due under a contract, or puts it off when money is short.
pub(crate) fn pay_supplier(state: &mut State, contract: u32, tries: u8) {
    let (payee, organization) = {
        let found = &state.base.contracts[contract as usize];
        (Ref::new(Kind::Counterparty, found.owner), found.organization)
    };
    let soon = state.day_start + 4 * crate::calendar::DAY;
    let Some(list) = state.bills.get_mut(&contract) else {
        return;
    };
    let mut lines: Vec<(Ref, i64)> = list
        .iter()
        .filter(|open| open.due <= soon)
        .map(|open| (Ref::new(Kind::Purchase, open.deal), open.rest))
        .collect();
    let mut place = None;
    // When there is not enough for all, the oldest bills go first.
    while !lines.is_empty() && place.is_none() {
        place = place_with(state, organization, lines.iter().map(|(_, part)| part).sum());
        if place.is_none() {
            lines.pop();
            if tries < 3 {
                break;
            }
        }
    }
    let Some(place) = place else {
        state.later(
            3,
            Event::PaySupplier {
                contract,
                tries: tries.saturating_add(1),
            },
        );
        return;
    };
    if lines.is_empty() {
        return;
    }
    if let Some(list) = state.bills.get_mut(&contract) {
        list.retain(|open| !lines.iter().any(|(deal, _)| deal.index == open.deal));
        if list.iter().any(|open| open.due <= soon) {
            state.later(3, Event::PaySupplier { contract, tries });
        }
    }
    let transfer = Transfer {
        organization,
        place,
        incoming: false,
        payee,
        contract,
        purpose: Purpose::Supplier,
    };
    write(state, &transfer, &lines, true);
}

/// Pays for an order before it comes; false when money is short.
pub(crate) fn pay_ahead(state: &mut State, order: &Order) -> bool {
    let organization = STORES[order.store].0;
    let Some(contract) = state.base.contract_of(order.supplier, organization, false) else {
        return false;
    };
    let sum: i64 = supply::quote(state, order)
        .iter()
        .map(|pick| pick.price * i64::from(pick.quantity))
        .sum();
    // Rounded to whole roubles: a little of the advance or of the debt is left.
    let sum = (sum / 100).max(1) * 100;
    let Some(place) = place_with(state, organization, sum) else {
        return false;
    };
    let payee = Ref::new(Kind::Counterparty, order.supplier);
    let transfer = Transfer {
        organization,
        place,
        incoming: false,
        payee,
        contract,
        purpose: Purpose::Supplier,
    };
    let payment = write(state, &transfer, &[(Ref::NONE, sum)], true);
    state.advances.entry(contract).or_default().push((payment, sum));
    true
}

/// A payment nobody has finished.
pub(crate) fn draft(state: &mut State, counterparty: u32, contract: u32, deleted: bool) {
    let organization = state.base.contracts[contract as usize].organization;
    let payee = Ref::new(Kind::Counterparty, counterparty);
    let place = bank_of(organization);
    let transfer = Transfer {
        organization,
        place,
        incoming: true,
        payee,
        contract,
        purpose: Purpose::Customer,
    };
    let sum = state.rng.range(10, 900) * 10_000;
    let written = write(state, &transfer, &[(Ref::NONE, sum)], false);
    state.base.payments[0].documents[written.at()].head.deleted = deleted;
}

/// Rent, wages, taxes, fees: what goes out by the calendar. A day off moves it to the next working day.
pub(crate) fn budget(state: &mut State, day: NaiveDate) {
    let today = day.day();
    for organization in 0..3_u8 {
        let at = usize::from(organization);
        if today >= 5 && !state.paid_rent(organization, day) {
            let sum = [18_000_000, 9_500_000, 2_800_000][at];
            if spend(
                state,
                organization,
                Ref::new(Kind::Counterparty, LANDLORD),
                Purpose::Rent,
                sum,
            ) {
                state.months[at].trade += sum;
                state.set_rent(organization, day);
            }
        }
        if today >= 10 && state.wages[at] > 0 {
            pay_wages(state, organization);
        }
        if today >= 25 && !state.paid_fee(organization, day) {
            let sum = 150_000 + state.rng.range(0, 900) * 100;
            if spend(
                state,
                organization,
                Ref::new(Kind::Counterparty, BANK),
                Purpose::Fee,
                sum,
            ) {
                state.months[at].fees += sum;
                state.set_fee(organization, day);
            }
        }
    }
    if day.day() >= 26 {
        let bills: Vec<((u8, u8), i64)> = std::mem::take(&mut state.tax_bills).into_iter().collect();
        for ((organization, account), sum) in bills {
            let payee = Ref::new(Kind::Counterparty, TREASURY);
            if spend(state, organization, payee, Purpose::Tax(account), sum) {
                state.tax(organization, account, -sum);
            } else {
                state.tax_bills.insert((organization, account), sum);
            }
        }
    }
}

/// Pays from the bank if it can.
fn spend(state: &mut State, organization: u8, payee: Ref, purpose: Purpose, sum: i64) -> bool {
    let second = if organization == 0 {
        Ref::new(Kind::BankAccount, 1)
    } else {
        bank_of(organization)
    };
    let found = [bank_of(organization), second]
        .into_iter()
        .find(|place| balance(state, *place) >= sum);
    let Some(place) = found else { return false };
    let contract = if purpose == Purpose::Rent && organization == 0 {
        state.base.contract_of(LANDLORD, 0, false).unwrap_or(NO_CONTRACT)
    } else {
        NO_CONTRACT
    };
    let transfer = Transfer {
        organization,
        place,
        incoming: false,
        payee,
        contract,
        purpose,
    };
    write(state, &transfer, &[(Ref::NONE, sum)], true);
    true
}

/// Wages: in the shop by hand where the desk has the cash, elsewhere by one bank order for all.
fn pay_wages(state: &mut State, organization: u8) {
    let at = usize::from(organization);
    let sum = state.wages[at];
    let desk = desk_of(organization);
    if organization == 2 && balance(state, desk) >= sum {
        let half = sum / 2;
        for (user, part) in [(6, half), (7, sum - half)] {
            let payee = Ref::new(Kind::User, user);
            let contract = NO_CONTRACT;
            let transfer = Transfer {
                organization,
                place: desk,
                incoming: false,
                payee,
                contract,
                purpose: Purpose::Salary,
            };
            write(state, &transfer, &[(Ref::NONE, part)], true);
        }
        state.wages[at] = 0;
    } else if spend(state, organization, Ref::NONE, Purpose::Salary, sum) {
        state.wages[at] = 0;
    }
}

/// Accounts taxes are kept on.
pub(crate) const TAX_ACCOUNTS: [u8; 6] = [
    chart::INCOME_TAX,
    chart::VAT,
    chart::PROFIT_TAX,
    chart::SOCIAL,
    chart::PENSION,
    chart::MEDICAL,
];
