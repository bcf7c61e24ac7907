//! What the generator remembers between days.

use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike, NaiveDate};

use super::catalogs::{FIRST_ITEM, STORES};
use super::rng::Rng;
use crate::base::Base;
use crate::calendar::{self, DAY, Stamp};
use crate::ids::{Kind, Ref};
use crate::model::{Habit, Head, Role};

/// Something that will happen on a later day.
pub(crate) enum Event {
    /// A customer pays a share of what is left of a sale.
    CustomerPays { contract: u32, sale: u32, permille: i64 },
    /// A customer pays an invoice ahead.
    Prepayment { contract: u32, sum: i64 },
    /// Goods go to a customer who has paid ahead.
    PrepaidSale { contract: u32, sum: i64 },
    /// We pay a supplier what is due.
    PaySupplier { contract: u32, tries: u8 },
    /// Ordered goods come.
    Delivery(Order),
}

/// An order to a supplier.
pub(crate) struct Order {
    pub(crate) store: usize,
    pub(crate) supplier: u32,
    /// Item and quantity.
    pub(crate) lines: Vec<(u32, i32)>,
}

/// Goods of one item in one store.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cell {
    pub(crate) quantity: i64,
    /// Cost of all of it, kopecks.
    pub(crate) value: i64,
    /// How much is bought at a time; zero where the store does not keep the item.
    pub(crate) lot: i64,
    pub(crate) ordered: i64,
}

/// A sale or purchase not fully paid.
pub(crate) struct Open {
    pub(crate) deal: u32,
    pub(crate) rest: i64,
    pub(crate) due: Stamp,
}

/// Items a store wants from a supplier.
pub(crate) struct Need {
    pub(crate) since: Stamp,
    pub(crate) lines: Vec<(u32, i32)>,
}

/// Figures of a month of one organisation, for closing it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Month {
    pub(crate) revenue: i64,
    pub(crate) cost: i64,
    pub(crate) trade: i64,
    pub(crate) fees: i64,
}

/// The generator.
pub(crate) struct State {
    pub(crate) base: Base,
    pub(crate) rng: Rng,
    pub(crate) scale: u32,
    pub(crate) day_start: Stamp,
    clock: Stamp,
    step: i64,
    numbers: HashMap<(Kind, u8), u32>,
    pub(crate) prices: Vec<i64>,
    pub(crate) rates: [i64; 3],
    cells: Vec<Cell>,
    /// Items of each store, the popular ones several times.
    pub(crate) shelves: [Vec<u32>; 4],
    /// Customers buying from each organisation, the eager ones several times: counterparty and contract.
    pub(crate) buyers: [Vec<(u32, u32)>; 2],
    /// Customers of the shop.
    pub(crate) visitors: Vec<(u32, u32)>,
    pub(crate) supplier_list: Vec<u32>,
    pub(crate) needs: BTreeMap<(usize, u32), Need>,
    /// Unpaid sales by contract.
    pub(crate) debts: HashMap<u32, Vec<Open>>,
    /// Unpaid purchases by contract.
    pub(crate) bills: HashMap<u32, Vec<Open>>,
    /// Advances by contract, either side.
    pub(crate) advances: HashMap<u32, Vec<(Ref, i64)>>,
    pub(crate) cash: HashMap<Ref, i64>,
    events: BTreeMap<Stamp, Vec<Event>>,
    pub(crate) months: [Month; 3],
    /// Running debt to the budget by organisation and account.
    pub(crate) taxes: HashMap<(u8, u8), i64>,
    /// What of it is to be paid this month.
    pub(crate) tax_bills: BTreeMap<(u8, u8), i64>,
    /// Wages to pay this month by organisation.
    pub(crate) wages: [i64; 3],
    /// The last month (year times twelve plus month) each organisation paid rent and fees for.
    rent: [i64; 3],
    fee: [i64; 3],
}

impl State {
    /// A generator over freshly filled catalogs.
    pub(crate) fn new(base: Base, rng: Rng, scale: u32) -> Self {
        let prices = base.items.iter().map(|item| item.price).collect();
        let cells = vec![Cell::default(); STORES.len() * base.items.len()];
        let mut state = Self {
            base,
            rng,
            scale,
            day_start: 0,
            clock: 0,
            step: 60,
            numbers: HashMap::new(),
            prices,
            rates: [971_000, 1_054_000, 134_500],
            cells,
            shelves: Default::default(),
            buyers: Default::default(),
            visitors: Vec::new(),
            supplier_list: Vec::new(),
            needs: BTreeMap::new(),
            debts: HashMap::new(),
            bills: HashMap::new(),
            advances: HashMap::new(),
            cash: HashMap::new(),
            events: BTreeMap::new(),
            months: Default::default(),
            taxes: HashMap::new(),
            tax_bills: BTreeMap::new(),
            wages: [0; 3],
            rent: [0; 3],
            fee: [0; 3],
        };
        state.stock_shelves();
        state.sort_counterparties();
        state
    }

    fn stock_shelves(&mut self) {
        for store in 0..STORES.len() {
            for item in FIRST_ITEM..u32::try_from(self.base.items.len()).unwrap_or(0) {
                let price = self.base.items[item as usize].price;
                let kept = match store {
                    0 => true,
                    1 => (item * 7 + 1) % 3 == 0,
                    2 => item % 5 < 2,
                    _ => price < 600_000 && item % 3 == 1,
                };
                if !kept {
                    continue;
                }
                let liking = *self.rng.pick(&[1_u32, 1, 1, 2, 2, 3, 4, 6, 8]);
                self.shelves[store].extend((0..liking).map(|_| item));
                let value = 1_200_000 + i64::from(liking) * 950_000;
                self.cell(store, item).lot = (value / price.max(1)).clamp(4, 1500);
            }
        }
    }

    fn sort_counterparties(&mut self) {
        for (number, contract) in self.base.contracts.iter().enumerate() {
            let id = u32::try_from(number).unwrap_or(0);
            let owner = &self.base.counterparties[contract.owner as usize];
            if owner.role == Role::Other {
                continue;
            }
            if !contract.with_customer {
                if contract.organization == 0 {
                    self.supplier_list.push(contract.owner);
                }
            } else if owner.habit == Habit::Cash {
                self.visitors.push((contract.owner, id));
            } else if let Some(list) = self.buyers.get_mut(usize::from(contract.organization)) {
                list.extend((0..owner.weight).map(|_| (contract.owner, id)));
            }
        }
    }

    /// Starts a day.
    pub(crate) fn begin(&mut self, day: NaiveDate) {
        self.day_start = calendar::stamp(day);
        self.clock = self.day_start + 9 * 3600;
        self.step = 300;
    }

    /// Spreads about `documents` documents over the working hours.
    pub(crate) fn pace(&mut self, documents: usize) {
        let documents = i64::try_from(documents.max(1)).unwrap_or(1);
        self.step = (9 * 3600 * 2 / documents).max(1);
    }

    /// The time of the next document of the day.
    pub(crate) fn tick(&mut self) -> Stamp {
        let pause = u32::try_from(self.rng.range(1, self.step)).unwrap_or(1);
        self.clock = (self.clock + pause).min(self.day_start + 20 * 3600 - 1);
        self.clock
    }

    /// `expected` hundredths of an event a day, give or take `spread` percent, as a whole number.
    pub(crate) fn around(&mut self, expected: i64, spread: i64) -> usize {
        let wide = expected * 100;
        let thrown = self
            .rng
            .range(wide * (100 - spread) / 100, wide * (100 + spread) / 100);
        let rest = usize::try_from(thrown % 10_000 / 10).unwrap_or(0);
        usize::try_from(thrown / 10_000).unwrap_or(0) + usize::from(self.rng.chance(rest))
    }

    /// Head of a new document dated `date`.
    pub(crate) fn head(&mut self, kind: Kind, organization: u8, user: u8, date: Stamp) -> Head {
        let number = self.numbers.entry((kind, organization)).or_insert(0);
        *number += 1;
        Head {
            date,
            number: *number,
            organization,
            user,
            posted: true,
            deleted: false,
        }
    }

    /// The cell of an item in a store.
    pub(crate) fn cell(&mut self, store: usize, item: u32) -> &mut Cell {
        let at = store * self.base.items.len() + item as usize;
        &mut self.cells[at]
    }

    /// Plans an event `days` from now.
    pub(crate) fn later(&mut self, days: i64, event: Event) {
        let days = u32::try_from(days.max(1)).unwrap_or(1);
        self.events
            .entry(self.day_start + days * DAY)
            .or_default()
            .push(event);
    }

    /// Takes the events planned for today and for the days off before it.
    pub(crate) fn due_events(&mut self) -> Vec<Event> {
        let later = self.events.split_off(&(self.day_start + 1));
        std::mem::replace(&mut self.events, later)
            .into_values()
            .flatten()
            .collect()
    }

    /// Takes up to `sum` of the advances under a contract, oldest first.
    pub(crate) fn take_advances(&mut self, contract: u32, mut sum: i64) -> Vec<(Ref, i64)> {
        let mut taken = Vec::new();
        if let Some(list) = self.advances.get_mut(&contract) {
            for (payment, rest) in list.iter_mut() {
                let part = sum.min(*rest);
                if part > 0 {
                    *rest -= part;
                    sum -= part;
                    taken.push((*payment, part));
                }
            }
            list.retain(|(_, rest)| *rest > 0);
        }
        taken
    }

    /// Adds to our debt to the budget (takes from it when negative).
    pub(crate) fn tax(&mut self, organization: u8, account: u8, sum: i64) {
        *self.taxes.entry((organization, account)).or_insert(0) += sum;
    }

    /// Whether the rent of the month of `day` is paid.
    pub(crate) fn paid_rent(&self, organization: u8, day: NaiveDate) -> bool {
        self.rent[usize::from(organization)] == month_number(day)
    }

    /// Notes that the rent of the month is paid.
    pub(crate) fn set_rent(&mut self, organization: u8, day: NaiveDate) {
        self.rent[usize::from(organization)] = month_number(day);
    }

    /// Whether the bank has taken its fee of the month of `day`.
    pub(crate) fn paid_fee(&self, organization: u8, day: NaiveDate) -> bool {
        self.fee[usize::from(organization)] == month_number(day)
    }

    /// Notes that the bank has taken its fee of the month.
    pub(crate) fn set_fee(&mut self, organization: u8, day: NaiveDate) {
        self.fee[usize::from(organization)] = month_number(day);
    }
}

/// Months since the beginning of the era.
fn month_number(day: NaiveDate) -> i64 {
    i64::from(day.year()) * 12 + i64::from(day.month0())
}
