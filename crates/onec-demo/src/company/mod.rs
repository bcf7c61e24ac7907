//! Growing the company: catalogs first, then day by day documents and what they write.
//!
//! One generator walks the days in order, so what happens up to a day never depends on where the walk ends.

pub(crate) mod catalogs;
mod closing;
pub(crate) mod goods;
mod money;
pub(crate) mod names;
pub(crate) mod postings;
pub(crate) mod requisites;
mod rng;
mod state;
mod supply;
mod trade;

use chrono::{Datelike, NaiveDate};

use crate::base::{Base, Options};
use crate::calendar;
use crate::model::{Price, Rate};
use catalogs::FIRST_ITEM;
use rng::Rng;
use state::{Event, State};

/// How busy a month is against the average, in percent.
const SEASON: [i64; 12] = [78, 88, 102, 104, 92, 92, 86, 98, 114, 110, 114, 128];

/// What a day is filled with, in an order thrown by chance.
enum Task {
    Sale,
    Retail,
    Draft,
    Event(Event),
}

/// Generates a base.
pub(crate) fn generate(options: &Options) -> Base {
    let scale = options.scale.max(1);
    let mut base = Base::empty(options.seed, options.configuration);
    let mut rng = Rng::new(options.seed);
    catalogs::fill(&mut base, &mut rng, scale);
    let mut state = State::new(base, rng, scale);
    let mut day = calendar::first_day();
    let mut workdays = 0_u32;
    while day < options.until {
        state.begin(day);
        if day == calendar::first_day() {
            closing::capital(&mut state);
        }
        prices(&mut state, day);
        rates(&mut state);
        let workday = calendar::is_workday(day);
        if workday {
            workdays += 1;
            one_workday(&mut state, day, workdays);
        } else {
            one_day_off(&mut state, day);
        }
        if calendar::is_month_end(day) {
            closing::month(&mut state);
        }
        let Some(next) = day.succ_opt() else { break };
        day = next;
    }
    state.base
}

fn one_workday(state: &mut State, day: NaiveDate, workdays: u32) {
    if workdays <= 2 {
        supply::fill_stores(state, workdays == 1);
        return;
    }
    let season = SEASON[day.month0() as usize];
    // A mean of some five and a half wholesale and one and a half retail sales, growing by a tenth each year.
    let growth = 100 + i64::from(workdays) / 26;
    let wholesale = state.around(i64::from(state.scale) * 490 * season * growth / 10_000, 30);
    let retail = state.around(i64::from(state.scale) * 100 * season * growth / 10_000, 40);
    let mut tasks: Vec<Task> = Vec::new();
    tasks.extend((0..wholesale).map(|_| Task::Sale));
    tasks.extend((0..retail).map(|_| Task::Retail));
    // Something is always left unfinished: one draft each third working day for every five thousand documents a year.
    if workdays.is_multiple_of(3) {
        tasks.extend((0..state.scale).map(|_| Task::Draft));
    }
    tasks.extend(state.due_events().into_iter().map(Task::Event));
    state.rng.shuffle(&mut tasks);
    state.pace(tasks.len() * 2 + 20);
    supply::order_goods(state);
    for task in tasks {
        match task {
            Task::Sale => trade::wholesale(state),
            Task::Retail => trade::retail(state),
            Task::Draft => trade::draft(state),
            Task::Event(event) => happen(state, event),
        }
    }
    money::budget(state, day);
}

fn one_day_off(state: &mut State, day: NaiveDate) {
    let season = SEASON[day.month0() as usize];
    let retail = state.around(i64::from(state.scale) * 170 * season / 100, 40);
    state.pace(retail * 3 + 10);
    for _ in 0..retail {
        trade::retail(state);
    }
}

fn happen(state: &mut State, event: Event) {
    match event {
        Event::CustomerPays {
            contract,
            sale,
            permille,
        } => money::customer_pays(state, contract, sale, permille),
        Event::Prepayment { contract, sum } => money::prepayment(state, contract, sum),
        Event::PrepaidSale { contract, sum } => trade::prepaid(state, contract, sum),
        Event::PaySupplier { contract, tries } => money::pay_supplier(state, contract, tries),
        Event::Delivery(order) => supply::deliver(state, &order),
    }
}

/// First prices, then a rise of a few percent each quarter for some of the groups.
fn prices(state: &mut State, day: NaiveDate) {
    let first = day == calendar::first_day();
    let quarter = day.day() == 1 && matches!(day.month(), 1 | 4 | 7 | 10);
    if !first && !quarter {
        return;
    }
    let period = calendar::stamp(day);
    let rises: Vec<i64> = (0..FIRST_ITEM)
        .map(|_| {
            if state.rng.chance(600) {
                state.rng.range(5, 45)
            } else {
                0
            }
        })
        .collect();
    for at in FIRST_ITEM as usize..state.base.items.len() {
        let group = state.base.items[at].parent.at();
        let item = u32::try_from(at).unwrap_or(0);
        let old = state.prices[at];
        let price = if first {
            old
        } else {
            old + old * rises[group] / 1000
        };
        if first || price != old {
            state.prices[at] = price;
            state.base.prices.push(Price { period, item, price });
        }
    }
}

/// A random walk of three currencies.
fn rates(state: &mut State) {
    let period = state.day_start;
    for (at, currency) in (1_u8..=3).enumerate() {
        let step = state.rates[at] * state.rng.range(-70, 71) / 10_000;
        state.rates[at] += step;
        state.base.rates.push(Rate {
            period,
            currency,
            rate: state.rates[at],
        });
    }
}
