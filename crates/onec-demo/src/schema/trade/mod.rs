//! «Управление торговлей 11.5»: no ledger, balances in registers of accumulation, keys of analytics.

mod catalogs;
mod documents;
mod registers;

pub(super) use documents::opening;

use super::EntitySet;

/// Adds the sets.
pub(crate) fn add(sets: &mut Vec<EntitySet>) {
    catalogs::add(sets);
    documents::add(sets);
    registers::add(sets);
}
