//! Purchases: what is wanted, ordered, delivered.

use super::catalogs::{FIRST_ITEM, STORES};
use super::money;
use super::postings;
use super::state::{Event, Need, Open, Order, State};
use super::trade::{self, Pick};
use crate::calendar::DAY;

/// Days after which a small order is sent anyway.
const PATIENCE: u32 = 24;
/// Lines that make an order worth sending at once.
const ENOUGH: usize = 8;

/// Which supplier an item is bought from this time.
fn supplier_of(state: &mut State, item: u32) -> u32 {
    let count = state.supplier_list.len();
    let choices = (count / 40).max(1);
    let at = (item as usize * 13 + state.rng.below(choices) * 40) % count;
    state.supplier_list[at]
}

/// Asks for more of an item if the store is running out of it.
pub(crate) fn want(state: &mut State, store: usize, item: u32) {
    let depth = 1 + i64::from(state.scale) / 10;
    loop {
        let cell = state.cell(store, item);
        if cell.lot == 0 || cell.quantity + cell.ordered >= cell.lot * depth / 2 {
            return;
        }
        let lot = cell.lot;
        cell.ordered += lot;
        let supplier = supplier_of(state, item);
        let since = state.day_start;
        let quantity = i32::try_from(lot).unwrap_or(1);
        state
            .needs
            .entry((store, supplier))
            .or_insert_with(|| Need {
                since,
                lines: Vec::new(),
            })
            .lines
            .push((item, quantity));
    }
}

/// The first deliveries: half of the suppliers on the first working day, the rest on the second.
pub(crate) fn fill_stores(state: &mut State, first_half: bool) {
    state.pace(200);
    if first_half {
        for store in 0..STORES.len() {
            for item in FIRST_ITEM..u32::try_from(state.base.items.len()).unwrap_or(0) {
                want(state, store, item);
            }
        }
    }
    let keys: Vec<(usize, u32)> = state.needs.keys().copied().collect();
    let half = if first_half { keys.len() / 2 } else { 0 };
    for (store, supplier) in keys.into_iter().skip(half) {
        if let Some(need) = state.needs.remove(&(store, supplier)) {
            deliver(
                state,
                &Order {
                    store,
                    supplier,
                    lines: merged(need.lines),
                },
            );
        }
    }
}

fn merged(lines: Vec<(u32, i32)>) -> Vec<(u32, i32)> {
    let mut sum: Vec<(u32, i32)> = Vec::with_capacity(lines.len());
    for (item, quantity) in lines {
        match sum.iter_mut().find(|line| line.0 == item) {
            Some(line) => line.1 += quantity,
            None => sum.push((item, quantity)),
        }
    }
    sum
}

/// Sends the orders that are ripe; some suppliers want money first.
pub(crate) fn order_goods(state: &mut State) {
    let today = state.day_start;
    let ripe: Vec<(usize, u32)> = state
        .needs
        .iter()
        .filter(|(_, need)| need.lines.len() >= ENOUGH || today >= need.since + PATIENCE * DAY)
        .map(|(key, _)| *key)
        .collect();
    for (store, supplier) in ripe {
        let Some(need) = state.needs.remove(&(store, supplier)) else {
            continue;
        };
        let order = Order {
            store,
            supplier,
            lines: need.lines,
        };
        let careful = supplier % 9 == 4;
        if careful && money::pay_ahead(state, &order) {
            state.later(3, Event::Delivery(order));
        } else {
            let days = state.rng.range(1, 3);
            state.later(days, Event::Delivery(order));
        }
    }
}

/// What an order would cost: price paid for each line.
pub(crate) fn quote(state: &mut State, order: &Order) -> Vec<Pick> {
    let mut picks = Vec::with_capacity(order.lines.len());
    for (item, quantity) in &order.lines {
        // Each supplier asks for its own share of the selling price.
        let share = 640 + i64::from(order.supplier * 37 % 9) * 10;
        let price = (state.prices[*item as usize] * share / 1000).max(1);
        picks.push(Pick {
            item: *item,
            quantity: *quantity,
            price,
        });
    }
    picks
}

/// Goods arrive: the purchase is written and posted.
pub(crate) fn deliver(state: &mut State, order: &Order) {
    let (organization, _) = STORES[order.store];
    let Some(contract) = state.base.contract_of(order.supplier, organization, false) else {
        return;
    };
    let picks = quote(state, order);
    let sum = trade::write(state, 1, order.store, order.supplier, contract, &picks, true);
    let purchase = u32::try_from(state.base.trades[1].documents.len() - 1).unwrap_or(0);
    let mut vat = 0;
    for pick in &picks {
        let line_sum = pick.price * i64::from(pick.quantity);
        let line_vat = trade::vat_of(line_sum);
        vat += line_vat;
        let quantity = i64::from(pick.quantity);
        let cell = state.cell(order.store, pick.item);
        cell.quantity += quantity;
        cell.ordered -= quantity;
        cell.value += line_sum - line_vat;
    }
    state.tax(organization, crate::chart::VAT, -vat);
    let offsets = state.take_advances(contract, sum);
    postings::purchase(&mut state.base, purchase, &offsets);
    let rest = sum - offsets.iter().map(|(_, part)| part).sum::<i64>();
    if rest > 0 {
        let term = u32::from(state.base.contracts[contract as usize].term);
        let due = state.day_start + term * DAY;
        state.bills.entry(contract).or_default().push(Open {
            deal: purchase,
            rest,
            due,
        });
        let days = i64::from(term) - state.rng.range(0, 3);
        state.later(days, Event::PaySupplier { contract, tries: 0 });
    }
}

/// A purchase nobody has finished.
pub(crate) fn draft(state: &mut State) {
    let at = state.rng.below(state.supplier_list.len());
    let supplier = state.supplier_list[at];
    let lines = vec![(*state.rng.pick(&state.shelves[0]), 10), (FIRST_ITEM, 5)];
    let order = Order {
        store: 0,
        supplier,
        lines: merged(lines),
    };
    if let Some(contract) = state.base.contract_of(supplier, 0, false) {
        let picks = quote(state, &order);
        trade::write(state, 1, 0, supplier, contract, &picks, false);
    }
}
