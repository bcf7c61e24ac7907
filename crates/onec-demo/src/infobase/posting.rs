//! Posting: a document is laid out in a scratch base and posted by the generator's own code, then its movements are
//! taken over.

use std::collections::HashMap;

use super::{Infobase, scaled};
use crate::base::Base;
use crate::calendar::{self, Stamp};
use crate::company::postings;
use crate::ids::{Kind, Ref};
use crate::model::{
    Head, Line, NO_CONTRACT, Operation, OperationLine, Payment, PaymentLine, Purpose, Trade, payment_book,
    trade_book,
};
use crate::odata::error::Refusal;
use crate::schema::documents::line_kind;
use crate::schema::{HIDDEN, Register, Row, SCHEMA, Shape, Value};

/// A document and the set it is in.
#[derive(Clone, Copy)]
struct Document {
    set: usize,
    reference: Ref,
}

/// Registers that posting looks into, as «Бухгалтерия» calls them.
const CUSTOMERS: &str = "AccumulationRegister_РасчетыСПокупателями";
const SUPPLIERS: &str = "AccumulationRegister_РасчетыСПоставщиками";
const STOCK: &str = "AccumulationRegister_ТоварыНаСкладах";

fn missing(field: &str) -> Refusal {
    Refusal::internal(format!("Поле \"{field}\" не заполнено. Документ не проведен!"))
}

fn key(value: &Value<'_>) -> Ref {
    match value {
        Value::Key(found) | Value::Composite(found) => *found,
        _ => Ref::NONE,
    }
}

/// An index that the compact rows keep in a byte.
fn small(reference: Ref, field: &str) -> Result<u8, Refusal> {
    if reference.is_none() {
        return Err(missing(field));
    }
    u8::try_from(reference.index).map_err(|_| {
        Refusal::internal(format!(
            "Поле \"{field}\": объект нельзя использовать в проводках"
        ))
    })
}

impl Infobase {
    /// The sets of record sets of all registers documents write into, those too that clients do not see.
    fn registers(&self) -> impl Iterator<Item = usize> + use<> {
        let configuration = self.base.configuration;
        let sets = SCHEMA.sets.iter().enumerate();
        sets.filter(move |(_, set)| set.configuration == configuration && set.shape == Shape::RecordSets)
            .map(|(at, _)| at)
    }

    /// A register that posting looks into. Configurations that have none of that shape keep it out of sight.
    fn register(&self, name: &str) -> Option<&'static Register> {
        let hidden = || self.position(&format!("{name}{HIDDEN}"));
        let at = hidden().or_else(|| self.position(name))?;
        SCHEMA.sets[at].register.as_ref()
    }

    /// Posts a document: its movements take the place of those it may have had.
    pub(crate) fn post(&mut self, document: Ref) -> Result<(), Refusal> {
        let set = self.set_of(document.kind).ok_or_else(Refusal::method_not_found)?;
        let (set, row) = (set, document.index);
        self.open_period(set, row)?;
        if self.flag(set, row, "DeletionMark") {
            return Err(Refusal::internal(
                "Помеченный на удаление документ не может быть проведен!",
            ));
        }
        self.remove_movements(document);
        let mut scratch = Base::empty(self.base.seed, self.base.configuration);
        let it = Document {
            set,
            reference: document,
        };
        if let Some(book) = trade_book(document.kind) {
            self.lay_out_trade(&mut scratch, book, it)?;
        } else if let Some(book) = payment_book(document.kind) {
            self.lay_out_payment(&mut scratch, book, it)?;
        } else {
            self.lay_out_operation(&mut scratch, it)?;
        }
        self.date_settlements(&mut scratch);
        for main in self.registers() {
            let flat = &SCHEMA.sets[SCHEMA.sets[main].parts[0].set];
            let count = crate::schema::position((flat.count)(&scratch));
            let records = (0..count)
                .map(|row| {
                    flat.columns
                        .iter()
                        .map(|column| super::owned((column.get)(&scratch, row)))
                        .collect()
                })
                .collect();
            self.replace_records(main, document, records);
        }
        self.mark_posted(set, document, true);
        Ok(())
    }

    /// The scratch base knows neither contracts nor other documents.
    fn date_settlements(&self, scratch: &mut Base) {
        let customers = scratch.customers.rows.iter_mut();
        for row in customers.chain(&mut scratch.suppliers.rows) {
            let known = self.base.contracts.get(row.contract as usize);
            row.term = known.map_or(0, |known| known.term);
            let deal = self
                .set_of(row.deal.kind)
                .map(|set| self.moment(set, row.deal.index));
            if let Some(date) = deal.and_then(|date| Stamp::try_from(date).ok())
                && date > 0
            {
                row.arisen = date;
            }
        }
    }

    /// Takes a document's movements away and marks it as not posted.
    pub(crate) fn unpost(&mut self, document: Ref) -> Result<(), Refusal> {
        let set = self.set_of(document.kind).ok_or_else(Refusal::method_not_found)?;
        self.open_period(set, document.index)?;
        self.remove_movements(document);
        self.mark_posted(set, document, false);
        Ok(())
    }

    /// Takes a document's movements away.
    pub(super) fn remove_movements(&mut self, document: Ref) {
        for main in self.registers() {
            self.replace_records(main, document, Vec::new());
        }
    }

    fn reference_at(&self, it: Document, name: &str) -> Ref {
        key(&self.named(it.set, it.reference.index, name))
    }

    fn money_at(&self, set: usize, row: Row, name: &str) -> i64 {
        scaled(&self.named(set, row, name), 2)
    }

    fn head_of(&self, it: Document) -> Result<Head, Refusal> {
        let date = match self.named(it.set, it.reference.index, "Date") {
            Value::Date(date) => Stamp::try_from(calendar::seconds(date)).map_err(|_| missing("Дата"))?,
            _ => return Err(missing("Дата")),
        };
        let user = self.reference_at(it, "Ответственный_Key");
        Ok(Head {
            date,
            number: 0,
            organization: small(self.reference_at(it, "Организация_Key"), "Организация")?,
            user: u8::try_from(user.index).unwrap_or(0),
            posted: true,
            deleted: false,
        })
    }

    fn lay_out_trade(&mut self, scratch: &mut Base, book: usize, it: Document) -> Result<(), Refusal> {
        let head = self.head_of(it)?;
        let row = it.reference.index;
        let counterparty = self.reference_at(it, "Контрагент_Key");
        let contract = self.reference_at(it, "ДоговорКонтрагента_Key");
        if counterparty.is_none() {
            return Err(missing("Контрагент"));
        }
        if contract.is_none() {
            return Err(missing("Договор"));
        }
        let lines_set = SCHEMA.sets[it.set].parts[0].set;
        // An invoice may be without goods; it moves none anyway.
        if SCHEMA.sets[lines_set].meant("Номенклатура_Key").is_none() {
            return Ok(());
        }
        let warehouse = small(self.reference_at(it, "Склад_Key"), "Склад")?;
        let rows: Vec<Row> = self.lines(it.set, 0, row).iter().collect();
        if rows.is_empty() {
            return Err(Refusal::internal(
                "Не введено ни одной строки в список \"Товары\". Документ не проведен!",
            ));
        }
        for line in &rows {
            let item = key(&self.named(lines_set, *line, "Номенклатура_Key"));
            if item.is_none() {
                return Err(missing("Номенклатура"));
            }
            let quantity = scaled(&self.named(lines_set, *line, "Количество"), 0);
            let sum = self.money_at(lines_set, *line, "Сумма");
            scratch.trades[book].lines.push(Line {
                document: 0,
                item: item.index,
                quantity: i32::try_from(quantity).unwrap_or(i32::MAX),
                price: self.money_at(lines_set, *line, "Цена"),
                sum,
                vat: self.money_at(lines_set, *line, "СуммаНДС"),
                cost: self.money_at(lines_set, *line, "Себестоимость"),
            });
        }
        if book == 0 {
            self.take_from_stock(scratch, &head, warehouse)?;
            self.keep_costs(scratch, lines_set, &rows);
        }
        let sum = self.money_at(it.set, row, "СуммаДокумента");
        scratch.trades[book].documents.push(Trade {
            head,
            counterparty: counterparty.index,
            contract: contract.index,
            warehouse,
            first_line: 0,
            lines: crate::schema::position(rows.len()),
            sum,
        });
        match book {
            0 => {
                let manager = self
                    .base
                    .counterparties
                    .get(counterparty.at())
                    .map_or(head.user, |one| one.manager);
                let offsets = self.advances(true, contract, head.date, sum);
                postings::sale_as(scratch, 0, it.reference, manager, &offsets);
            }
            1 => {
                let offsets = self.advances(false, contract, head.date, sum);
                postings::purchase_as(scratch, 0, it.reference, &offsets);
            }
            _ => {}
        }
        Ok(())
    }

    /// Looks for the goods of a sale in its store and works out what they cost, by the moving average.
    fn take_from_stock(&self, scratch: &mut Base, head: &Head, warehouse: u8) -> Result<(), Refusal> {
        let mut cells: HashMap<u32, (i64, i64)> = HashMap::new();
        for line in &scratch.trades[0].lines {
            cells.entry(line.item).or_default();
        }
        let register = self.register(STOCK).ok_or_else(Refusal::method_not_found)?;
        let set = &SCHEMA.sets[register.records];
        let place = |name: &str| set.column(name).unwrap_or(0);
        let (item_at, store_at, owner_at) = (
            place("Номенклатура_Key"),
            place("Склад_Key"),
            place("Организация_Key"),
        );
        for row in self
            .rows_between(register.records, i64::MIN, i64::from(head.date))
            .iter()
        {
            let item = key(&self.value(register.records, row, item_at));
            let Some(cell) = cells.get_mut(&item.index) else {
                continue;
            };
            let store = key(&self.value(register.records, row, store_at));
            let owner = key(&self.value(register.records, row, owner_at));
            if store.index != u32::from(warehouse) || owner.index != u32::from(head.organization) {
                continue;
            }
            let sign = if self.adds(register, row) { 1 } else { -1 };
            cell.0 += sign * self.amount(register, &register.resources[0], row);
            cell.1 += sign * self.amount(register, &register.resources[1], row);
        }
        for line in &mut scratch.trades[0].lines {
            let cell = cells.entry(line.item).or_default();
            let quantity = i64::from(line.quantity);
            if quantity > cell.0 {
                let name = self.presentation(Ref::new(Kind::Item, line.item));
                let store = self.presentation(Ref::new(Kind::Warehouse, u32::from(warehouse)));
                return Err(Refusal::internal(format!(
                    "Не списано по количеству: номенклатура \"{name}\", склад \"{store}\", требуется {quantity}, остаток {}. Документ не проведен!",
                    cell.0
                )));
            }
            if line.cost == 0 {
                line.cost = if quantity == cell.0 {
                    cell.1
                } else {
                    i64::try_from(i128::from(cell.1) * i128::from(quantity) / i128::from(cell.0.max(1)))
                        .unwrap_or(0)
                };
            }
            cell.0 -= quantity;
            cell.1 -= line.cost;
        }
        Ok(())
    }

    /// Writes what goods cost into the lines of their document.
    fn keep_costs(&mut self, scratch: &Base, set: usize, rows: &[Row]) {
        let Some(column) = SCHEMA.sets[set].meant("Себестоимость") else {
            return;
        };
        for (row, line) in rows.iter().zip(&scratch.trades[0].lines) {
            let cost = Value::money(line.cost);
            if self.value(set, *row, column) != cost {
                let mut cells = self.copy(set, *row);
                cells[column] = cost;
                self.store(set, *row, cells);
            }
        }
    }

    /// Advances under a contract that are left up to a moment, oldest first, no more than `sum` in all.
    fn advances(&self, customers: bool, contract: Ref, until: Stamp, mut sum: i64) -> Vec<(Ref, i64)> {
        let name = if customers { CUSTOMERS } else { SUPPLIERS };
        let Some(register) = self.register(name) else {
            return Vec::new();
        };
        let set = &SCHEMA.sets[register.records];
        let (Some(contract_at), Some(deal_at)) = (
            set.column("ДоговорКонтрагента_Key"),
            set.column("ДокументРасчетов"),
        ) else {
            return Vec::new();
        };
        let mut rests: Vec<(Ref, i64)> = Vec::new();
        for row in self
            .rows_between(register.records, i64::MIN, i64::from(until))
            .iter()
        {
            if key(&self.value(register.records, row, contract_at)) != contract {
                continue;
            }
            let deal = key(&self.value(register.records, row, deal_at));
            if payment_book(deal.kind).is_none() {
                continue;
            }
            let sign = if self.adds(register, row) { -1 } else { 1 };
            let part = sign * self.amount(register, &register.resources[0], row);
            match rests.iter_mut().find(|known| known.0 == deal) {
                Some(known) => known.1 += part,
                None => rests.push((deal, part)),
            }
        }
        let mut taken = Vec::new();
        for (deal, rest) in rests {
            let part = rest.min(sum);
            if part > 0 {
                sum -= part;
                taken.push((deal, part));
            }
        }
        taken
    }

    fn lay_out_payment(&self, scratch: &mut Base, book: usize, it: Document) -> Result<(), Refusal> {
        let head = self.head_of(it)?;
        let row = it.reference.index;
        let place = self.reference_at(
            it,
            if book < 2 {
                "СчетОрганизации_Key"
            } else {
                "Касса_Key"
            },
        );
        if place.is_none() {
            return Err(missing(if book < 2 {
                "Счет организации"
            } else {
                "Касса"
            }));
        }
        let payee = self.reference_at(it, "Контрагент");
        let account = self.reference_at(it, "СчетУчетаРасчетовСКонтрагентом_Key");
        let operation = match self.named(it.set, row, "ВидОперации") {
            Value::Text(text) => text.into_owned(),
            _ => String::new(),
        };
        let account = u8::try_from(account.index).unwrap_or(u8::MAX);
        let purpose = crate::schema::payments::purpose(self.base.configuration, &operation, account)
            .ok_or_else(|| missing("Счет учета расчетов"))?;
        let settles = matches!(purpose, Purpose::Customer | Purpose::Supplier);
        if settles && payee.kind != Kind::Counterparty {
            return Err(missing("Контрагент"));
        }
        let lines_set = SCHEMA.sets[it.set].parts[0].set;
        let rows: Vec<Row> = self.lines(it.set, 0, row).iter().collect();
        if settles && rows.is_empty() {
            return Err(Refusal::internal(
                "Не заполнена расшифровка платежа. Документ не проведен!",
            ));
        }
        for line in &rows {
            let contract = key(&self.named(lines_set, *line, "ДоговорКонтрагента_Key"));
            if settles && contract.is_none() {
                return Err(missing("Договор"));
            }
            scratch.payments[book].lines.push(PaymentLine {
                document: 0,
                contract: if contract.is_none() {
                    NO_CONTRACT
                } else {
                    contract.index
                },
                deal: key(&self.named(lines_set, *line, "Сделка")),
                sum: self.money_at(lines_set, *line, "СуммаПлатежа"),
            });
        }
        scratch.payments[book].documents.push(Payment {
            head,
            payee,
            contract: NO_CONTRACT,
            place,
            purpose,
            first_line: 0,
            lines: crate::schema::position(rows.len()),
            sum: self.money_at(it.set, row, "СуммаДокумента"),
        });
        postings::payment_as(scratch, book, 0, it.reference);
        Ok(())
    }

    fn lay_out_operation(&self, scratch: &mut Base, it: Document) -> Result<(), Refusal> {
        let head = self.head_of(it)?;
        let row = it.reference.index;
        let lines = SCHEMA.sets[it.set].parts.first();
        let lines_set = lines.ok_or_else(Refusal::method_not_found)?.set;
        let rows: Vec<Row> = self.lines(it.set, 0, row).iter().collect();
        for line in &rows {
            let generated = self.base.operations.lines.get(*line as usize);
            let name = match self.named(lines_set, *line, "Содержание") {
                Value::Text(text) => text.into_owned(),
                _ => String::new(),
            };
            let kind = line_kind(&name).ok_or_else(|| missing("Содержание"))?;
            scratch.operations.lines.push(OperationLine {
                kind,
                place: generated.map_or(Ref::NONE, |line| line.place),
                sum: self.money_at(lines_set, *line, "Сумма"),
            });
        }
        let title = self
            .base
            .operations
            .documents
            .get(row as usize)
            .map_or("Операция", |found| found.title);
        scratch.operations.documents.push(Operation {
            head,
            title,
            first_line: 0,
            lines: crate::schema::position(rows.len()),
            sum: self.money_at(it.set, row, "СуммаОперации"),
        });
        postings::operation_as(scratch, 0, it.reference);
        Ok(())
    }
}
