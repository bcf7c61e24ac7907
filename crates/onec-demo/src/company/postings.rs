//! What documents write into the ledger and the accumulation registers when they are posted.

use crate::base::Base;
use crate::calendar::Stamp;
use crate::chart as c;
use crate::configuration::Configuration;
use crate::ids::{Kind, Ref};
use crate::model::{CashMove, Entry, Mark, OperationKind, Purpose, SaleMove, Settlement, Side, StockMove};

const EMPTY: [Ref; 3] = [Ref::NONE; 3];
const TAX: [Ref; 3] = [Ref::new(Kind::TaxPayment, 0), Ref::NONE, Ref::NONE];

const fn side(account: u8, analytics: [Ref; 3]) -> Side {
    Side {
        account,
        analytics,
        quantity: 0,
    }
}

fn settlement(account: u8, counterparty: u32, contract: u32, deal: Ref) -> Side {
    side(
        account,
        [
            Ref::new(Kind::Counterparty, counterparty),
            Ref::new(Kind::Contract, contract),
            deal,
        ],
    )
}

fn goods(item: u32, warehouse: u8, quantity: i32) -> Side {
    let analytics = [
        Ref::new(Kind::Item, item),
        Ref::new(Kind::Warehouse, u32::from(warehouse)),
        Ref::NONE,
    ];
    Side {
        account: c::GOODS,
        analytics,
        quantity,
    }
}

fn money(place: Ref) -> Side {
    match place.kind {
        Kind::BankAccount => side(c::BANK, [place, Ref::NONE, Ref::NONE]),
        _ => side(c::CASH, EMPTY),
    }
}

/// Debit and credit of a line of a manual operation.
fn operation_sides(kind: OperationKind, place: Ref) -> (Side, Side) {
    let plain = |account| side(account, EMPTY);
    let tax = |account| side(account, TAX);
    match kind {
        OperationKind::Capital => (money(place), plain(c::CAPITAL)),
        OperationKind::PayrollOffice => (plain(c::OFFICE), plain(c::WAGES)),
        OperationKind::PayrollTrade => (plain(c::TRADE), plain(c::WAGES)),
        OperationKind::IncomeTax => (plain(c::WAGES), tax(c::INCOME_TAX)),
        OperationKind::ContributionsSocial => (plain(c::OFFICE), tax(c::SOCIAL)),
        OperationKind::ContributionsPension => (plain(c::OFFICE), tax(c::PENSION)),
        OperationKind::ContributionsMedical => (plain(c::OFFICE), tax(c::MEDICAL)),
        OperationKind::CloseTrade => (plain(c::PERIOD_TRADE), plain(c::TRADE)),
        OperationKind::CloseOffice => (plain(c::PERIOD_OFFICE), plain(c::OFFICE)),
        OperationKind::Profit => (plain(c::SALES_RESULT), plain(c::PROFIT)),
        OperationKind::Loss => (plain(c::PROFIT), plain(c::SALES_RESULT)),
        OperationKind::OtherLoss => (plain(c::PROFIT), plain(c::OTHER)),
        OperationKind::ProfitTax => (plain(c::PROFIT), tax(c::PROFIT_TAX)),
    }
}

/// A document being posted.
struct Writer<'a> {
    base: &'a mut Base,
    period: Stamp,
    recorder: Ref,
    organization: u8,
}

impl Writer<'_> {
    fn entry(&mut self, debit: Side, credit: Side, sum: i64, text: &'static str) {
        if sum != 0 {
            let row = Entry {
                mark: Mark::UNSET,
                organization: self.organization,
                debit,
                credit,
                sum,
                text,
            };
            self.base.ledger.push(self.period, self.recorder, row);
        }
    }

    fn settle(
        &mut self,
        customers: bool,
        receipt: bool,
        counterparty: u32,
        contract: u32,
        deal: Ref,
        sum: i64,
    ) {
        let organization = self.organization;
        let known = self.base.contracts.get(contract as usize);
        let row = Settlement {
            mark: Mark::UNSET,
            receipt,
            organization,
            term: known.map_or(0, |known| known.term),
            arisen: self.base.head(deal).map_or(self.period, |head| head.date),
            counterparty,
            contract,
            deal,
            sum,
        };
        let register = if customers {
            &mut self.base.customers
        } else {
            &mut self.base.suppliers
        };
        register.push(self.period, self.recorder, row);
    }

    fn cash(&mut self, receipt: bool, place: Ref, sum: i64) {
        let row = || CashMove {
            mark: Mark::UNSET,
            receipt,
            organization: self.organization,
            place,
            sum,
        };
        self.base.cash.push(self.period, self.recorder, row());
        if self.base.configuration == Configuration::Trade {
            let apart = usize::from(place.kind == Kind::CashDesk);
            self.base.money[apart].push(self.period, self.recorder, row());
        }
    }
}

/// Posts a sale; `offsets` are the advances it eats, payment and amount.
pub(crate) fn sale(base: &mut Base, index: u32, offsets: &[(Ref, i64)]) {
    let counterparty = base.trades[0].documents[index as usize].counterparty;
    let manager = base.counterparties[counterparty as usize].manager;
    sale_as(base, index, Ref::new(Kind::Sale, index), manager, offsets);
}

/// Posts the sale at `index` as `recorder`, which is led by `manager`.
pub(crate) fn sale_as(base: &mut Base, index: u32, recorder: Ref, manager: u8, offsets: &[(Ref, i64)]) {
    let document = &base.trades[0].documents[index as usize];
    let (head, counterparty, contract, warehouse, sum) = (
        document.head,
        document.counterparty,
        document.contract,
        document.warehouse,
        document.sum,
    );
    let lines = document.first_line..document.first_line + document.lines;
    let customer = Ref::new(Kind::Counterparty, counterparty);
    let mut writer = Writer {
        base,
        period: head.date,
        recorder,
        organization: head.organization,
    };

    writer.settle(true, true, counterparty, contract, recorder, sum);
    let debt = settlement(c::CUSTOMERS, counterparty, contract, recorder);
    writer.entry(
        debt,
        side(c::REVENUE, [customer, Ref::NONE, Ref::NONE]),
        sum,
        "Реализация товаров",
    );
    for (advance, part) in offsets {
        writer.settle(true, false, counterparty, contract, recorder, *part);
        writer.settle(true, true, counterparty, contract, *advance, *part);
        let paid = settlement(c::CUSTOMER_ADVANCES, counterparty, contract, *advance);
        writer.entry(paid, debt, *part, "Зачет аванса покупателя");
    }
    let mut vat = 0;
    for at in lines {
        let line = &writer.base.trades[0].lines[at as usize];
        let (item, quantity, cost) = (line.item, line.quantity, line.cost);
        let turnover = SaleMove {
            mark: Mark::UNSET,
            organization: head.organization,
            counterparty,
            contract,
            item,
            manager,
            warehouse,
            quantity,
            sum: line.sum,
            vat: line.vat,
            cost,
        };
        vat += line.vat;
        writer.base.sales.push(head.date, recorder, turnover);
        let row = StockMove {
            mark: Mark::UNSET,
            receipt: false,
            organization: head.organization,
            warehouse,
            item,
            quantity,
            cost,
        };
        writer.base.stock.push(head.date, recorder, row);
        writer.entry(
            side(c::COST, EMPTY),
            goods(item, warehouse, quantity),
            cost,
            "Списана себестоимость товаров",
        );
    }
    writer.entry(
        side(c::SALES_VAT, EMPTY),
        side(c::VAT, TAX),
        vat,
        "НДС с реализации",
    );
}

/// Posts a purchase; `offsets` are the advances it eats.
pub(crate) fn purchase(base: &mut Base, index: u32, offsets: &[(Ref, i64)]) {
    purchase_as(base, index, Ref::new(Kind::Purchase, index), offsets);
}

/// Posts the purchase at `index` as `recorder`.
pub(crate) fn purchase_as(base: &mut Base, index: u32, recorder: Ref, offsets: &[(Ref, i64)]) {
    let document = &base.trades[1].documents[index as usize];
    let (head, counterparty, contract, warehouse, sum) = (
        document.head,
        document.counterparty,
        document.contract,
        document.warehouse,
        document.sum,
    );
    let lines = document.first_line..document.first_line + document.lines;
    let supplier = [Ref::new(Kind::Counterparty, counterparty), Ref::NONE, Ref::NONE];
    let mut writer = Writer {
        base,
        period: head.date,
        recorder,
        organization: head.organization,
    };

    writer.settle(false, true, counterparty, contract, recorder, sum);
    let debt = settlement(c::SUPPLIERS, counterparty, contract, recorder);
    let mut vat = 0;
    for at in lines {
        let line = &writer.base.trades[1].lines[at as usize];
        let (item, quantity, cost) = (line.item, line.quantity, line.sum - line.vat);
        vat += line.vat;
        let row = StockMove {
            mark: Mark::UNSET,
            receipt: true,
            organization: head.organization,
            warehouse,
            item,
            quantity,
            cost,
        };
        writer.base.stock.push(head.date, recorder, row);
        writer.entry(
            goods(item, warehouse, quantity),
            debt,
            cost,
            "Поступление товаров",
        );
    }
    writer.entry(
        side(c::VAT_BOUGHT, supplier),
        debt,
        vat,
        "НДС по приобретенным товарам",
    );
    writer.entry(
        side(c::VAT, TAX),
        side(c::VAT_BOUGHT, supplier),
        vat,
        "НДС принят к вычету",
    );
    for (advance, part) in offsets {
        writer.settle(false, false, counterparty, contract, recorder, *part);
        writer.settle(false, true, counterparty, contract, *advance, *part);
        let paid = settlement(c::SUPPLIER_ADVANCES, counterparty, contract, *advance);
        writer.entry(debt, paid, *part, "Зачет аванса поставщику");
    }
}

/// Posts a bank or cash document from book `book`.
pub(crate) fn payment(base: &mut Base, book: usize, index: u32) {
    payment_as(base, book, index, Ref::new(crate::model::PAYMENTS[book], index));
}

/// Posts the payment at `index` as `recorder`.
pub(crate) fn payment_as(base: &mut Base, book: usize, index: u32, recorder: Ref) {
    let incoming = matches!(recorder.kind, Kind::BankIn | Kind::CashIn);
    let document = &base.payments[book].documents[index as usize];
    let (head, payee, place, purpose, sum) = (
        document.head,
        document.payee,
        document.place,
        document.purpose,
        document.sum,
    );
    let lines = document.first_line..document.first_line + document.lines;
    let mut writer = Writer {
        base,
        period: head.date,
        recorder,
        organization: head.organization,
    };
    writer.cash(incoming, place, sum);
    let here = money(place);
    match purpose {
        Purpose::Customer => {
            for at in lines {
                let line = &writer.base.payments[book].lines[at as usize];
                let (deal, contract, part) = (line.deal, line.contract, line.sum);
                let (account, deal, text) = if deal.is_none() {
                    (c::CUSTOMER_ADVANCES, recorder, "Аванс покупателя")
                } else {
                    (c::CUSTOMERS, deal, "Оплата от покупателя")
                };
                writer.settle(true, false, payee.index, contract, deal, part);
                writer.entry(here, settlement(account, payee.index, contract, deal), part, text);
            }
        }
        Purpose::Supplier => {
            for at in lines {
                let line = &writer.base.payments[book].lines[at as usize];
                let (deal, contract, part) = (line.deal, line.contract, line.sum);
                let (account, deal, text) = if deal.is_none() {
                    (c::SUPPLIER_ADVANCES, recorder, "Аванс поставщику")
                } else {
                    (c::SUPPLIERS, deal, "Оплата поставщику")
                };
                writer.settle(false, false, payee.index, contract, deal, part);
                writer.entry(settlement(account, payee.index, contract, deal), here, part, text);
            }
        }
        Purpose::Tax(account) => writer.entry(side(account, TAX), here, sum, "Уплата налога (взноса)"),
        Purpose::Salary => writer.entry(side(c::WAGES, EMPTY), here, sum, "Выплата заработной платы"),
        Purpose::Rent => writer.entry(side(c::TRADE, EMPTY), here, sum, "Аренда склада"),
        Purpose::Fee => writer.entry(side(c::OTHER, EMPTY), here, sum, "Услуги банка"),
    }
}

/// Posts a manual operation.
pub(crate) fn operation(base: &mut Base, index: u32) {
    operation_as(base, index, Ref::new(Kind::Operation, index));
}

/// Posts the operation at `index` as `recorder`.
pub(crate) fn operation_as(base: &mut Base, index: u32, recorder: Ref) {
    let document = &base.operations.documents[index as usize];
    let (head, title) = (document.head, document.title);
    let lines = document.first_line..document.first_line + document.lines;
    let mut writer = Writer {
        base,
        period: head.date,
        recorder,
        organization: head.organization,
    };
    for at in lines {
        let line = &writer.base.operations.lines[at as usize];
        let (kind, place, sum) = (line.kind, line.place, line.sum);
        if kind == OperationKind::Capital {
            writer.cash(true, place, sum);
        }
        let (debit, credit) = operation_sides(kind, place);
        writer.entry(debit, credit, sum, title);
    }
}
