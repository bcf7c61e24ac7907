//! Sales and invoices.

use super::catalogs::{PASSER_BY, RETAIL, STORES};
use super::postings;
use super::state::{Event, Open, State};
use super::{money, supply};
use crate::calendar::DAY;
use crate::model::{Habit, Line, TRADES, Trade};

/// An item on its way into a document.
pub(crate) struct Pick {
    pub(crate) item: u32,
    pub(crate) quantity: i32,
    pub(crate) price: i64,
}

/// VAT included in a sum at the rate of 20 %.
pub(crate) fn vat_of(sum: i64) -> i64 {
    (sum * 2 + 6) / 12
}

/// A wholesale customer buys.
pub(crate) fn wholesale(state: &mut State) {
    let organization = usize::from(state.rng.chance(260));
    if state.buyers[organization].is_empty() {
        return;
    }
    let at = state.rng.below(state.buyers[organization].len());
    let (counterparty, contract) = state.buyers[organization][at];
    let store = if organization == 1 {
        2
    } else {
        usize::from(state.rng.chance(280))
    };
    let habit = state.base.counterparties[counterparty as usize].habit;
    let size = state.rng.range(300_000, 2_400_000);
    let rows = state.rng.below(7) + 1;
    let picks = choose(state, store, counterparty, rows, size);
    if picks.is_empty() {
        return;
    }
    if habit == Habit::Prepays {
        let sum = write(state, 2, store, counterparty, contract, &picks, true);
        let days = state.rng.range(1, 4);
        state.later(days, Event::Prepayment { contract, sum });
        return;
    }
    if state.rng.chance(330) {
        write(state, 2, store, counterparty, contract, &picks, true);
    }
    sell(state, store, counterparty, contract, &picks);
}

/// Goods for about `sum` go to a customer who has paid ahead.
pub(crate) fn prepaid(state: &mut State, contract: u32, sum: i64) {
    let (counterparty, organization) = {
        let found = &state.base.contracts[contract as usize];
        (found.owner, found.organization)
    };
    let store = if organization == 1 { 2 } else { 0 };
    let rows = 1 + usize::try_from(sum / 1_500_000).unwrap_or(0).min(6);
    let picks = choose(
        state,
        store,
        counterparty,
        rows,
        sum / i64::try_from(rows).unwrap_or(1),
    );
    if picks.is_empty() {
        state.later(2, Event::PrepaidSale { contract, sum });
    } else {
        sell(state, store, counterparty, contract, &picks);
    }
}

/// A sale in the shop, paid at once.
pub(crate) fn retail(state: &mut State) {
    let named = state.rng.chance(450) && !state.visitors.is_empty();
    let (counterparty, contract) = if named {
        *state.rng.pick(&state.visitors)
    } else {
        (PASSER_BY, 0)
    };
    let rows = state.rng.below(4) + 1;
    let size = state.rng.range(40_000, 850_000);
    let picks = choose(state, RETAIL, counterparty, rows, size);
    if let Some(sale) = (!picks.is_empty()).then(|| sell(state, RETAIL, counterparty, contract, &picks)) {
        money::customer_pays(state, contract, sale, 1000);
    }
}

/// A document nobody has finished: not posted, some of them already marked for deletion.
pub(crate) fn draft(state: &mut State) {
    let which = state.rng.below(10);
    let at = state.rng.below(state.buyers[0].len());
    let (counterparty, contract) = state.buyers[0][at];
    let deleted = state.rng.chance(350);
    if which < 5 {
        let picks = choose(state, 0, counterparty, 3, 900_000);
        if !picks.is_empty() {
            write(state, 0, 0, counterparty, contract, &picks, false);
            mark_last(state, 0, deleted);
        }
    } else if which < 7 {
        supply::draft(state);
        mark_last(state, 1, deleted);
    } else {
        money::draft(state, counterparty, contract, deleted);
    }
}

fn mark_last(state: &mut State, book: usize, deleted: bool) {
    if let Some(last) = state.base.trades[book].documents.last_mut()
        && !last.head.posted
    {
        last.head.deleted = deleted;
    }
}

/// Picks up to `rows` items of a store's stock for about `size` kopecks each.
fn choose(state: &mut State, store: usize, counterparty: u32, rows: usize, size: i64) -> Vec<Pick> {
    let discount = i64::from(state.base.counterparties[counterparty as usize].discount);
    let mut picks: Vec<Pick> = Vec::new();
    for _ in 0..rows * 3 {
        if picks.len() == rows {
            break;
        }
        let at = state.rng.below(state.shelves[store].len());
        let item = state.shelves[store][at];
        if picks.iter().any(|pick| pick.item == item) {
            continue;
        }
        let full = state.prices[item as usize];
        let price = full - full * discount / 1000;
        let wanted = (size * state.rng.range(40, 160) / 100 / price.max(1)).max(1);
        let quantity = wanted.min(state.cell(store, item).quantity);
        if quantity > 0 {
            picks.push(Pick {
                item,
                quantity: i32::try_from(quantity).unwrap_or(1),
                price,
            });
        }
    }
    picks
}

/// Writes a sale, purchase or invoice (by book) without posting it; gives its sum.
pub(crate) fn write(
    state: &mut State,
    book: usize,
    store: usize,
    counterparty: u32,
    contract: u32,
    picks: &[Pick],
    posted: bool,
) -> i64 {
    let (organization, warehouse) = STORES[store];
    let user = state.base.counterparties[counterparty as usize].manager;
    let date = state.tick();
    let mut head = state.head(TRADES[book], organization, user, date);
    head.posted = posted;
    let trades = &mut state.base.trades[book];
    let document = u32::try_from(trades.documents.len()).unwrap_or(u32::MAX);
    let first_line = u32::try_from(trades.lines.len()).unwrap_or(u32::MAX);
    let mut sum = 0;
    for pick in picks {
        let line_sum = pick.price * i64::from(pick.quantity);
        sum += line_sum;
        trades.lines.push(Line {
            document,
            item: pick.item,
            quantity: pick.quantity,
            price: pick.price,
            sum: line_sum,
            vat: vat_of(line_sum),
            cost: 0,
        });
    }
    let lines = u32::try_from(picks.len()).unwrap_or(0);
    trades.documents.push(Trade {
        head,
        counterparty,
        contract,
        warehouse,
        first_line,
        lines,
        sum,
    });
    sum
}

/// Writes and posts a sale; gives its position.
fn sell(state: &mut State, store: usize, counterparty: u32, contract: u32, picks: &[Pick]) -> u32 {
    let organization = STORES[store].0;
    let sum = write(state, 0, store, counterparty, contract, picks, true);
    let sale = u32::try_from(state.base.trades[0].documents.len() - 1).unwrap_or(0);
    let first = state.base.trades[0].documents[sale as usize].first_line as usize;
    let mut vat = 0;
    let mut cost = 0;
    for (at, pick) in picks.iter().enumerate() {
        let quantity = i64::from(pick.quantity);
        let cell = state.cell(store, pick.item);
        // Moving average; the last unit takes the last kopeck with it.
        let part = if quantity == cell.quantity {
            cell.value
        } else {
            let wide = i128::from(cell.value) * i128::from(quantity) / i128::from(cell.quantity.max(1));
            i64::try_from(wide).unwrap_or(0)
        };
        cell.quantity -= quantity;
        cell.value -= part;
        let line = &mut state.base.trades[0].lines[first + at];
        line.cost = part;
        vat += line.vat;
        cost += part;
        supply::want(state, store, pick.item);
    }
    let month = &mut state.months[usize::from(organization)];
    month.revenue += sum - vat;
    month.cost += cost;
    state.tax(organization, crate::chart::VAT, vat);

    let offsets = state.take_advances(contract, sum);
    postings::sale(&mut state.base, sale, &offsets);
    let rest = sum - offsets.iter().map(|(_, part)| part).sum::<i64>();
    if rest > 0 {
        let term = u32::from(state.base.contracts[contract as usize].term);
        let due = state.day_start + term * DAY;
        state.debts.entry(contract).or_default().push(Open {
            deal: sale,
            rest,
            due,
        });
        plan_payment(state, counterparty, contract, sale, i64::from(term));
    }
    sale
}

fn plan_payment(state: &mut State, counterparty: u32, contract: u32, sale: u32, term: i64) {
    let (days, permille) = match state.base.counterparties[counterparty as usize].habit {
        Habit::Cash => return,
        Habit::Punctual => (term + state.rng.range(-3, 1), 1000),
        Habit::Prepays => (state.rng.range(1, 4), 1000),
        Habit::Slow => (term + state.rng.range(1, 18), 1000),
        Habit::Late => (term + state.rng.range(12, 50), state.rng.range(40, 70) * 10),
        Habit::Bad => (term + state.rng.range(30, 70), state.rng.range(20, 50) * 10),
    };
    state.later(
        days,
        Event::CustomerPays {
            contract,
            sale,
            permille,
        },
    );
}
