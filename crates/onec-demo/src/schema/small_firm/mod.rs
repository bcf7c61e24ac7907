//! «Управление нашей фирмой 3.0»: balances in registers of accumulation with the counterparty, the contract and the
//! document as dimensions. Its accounting for management (план счетов «Управленческий») is not published.

mod catalogs;
mod documents;
mod registers;

use super::EntitySet;

/// Adds the sets.
pub(crate) fn add(sets: &mut Vec<EntitySet>) {
    catalogs::add(sets);
    documents::add(sets);
    registers::add(sets);
}
