//! Applies one file in one transaction: a file that turns out to be damaged changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use common::db::StoreError;
use common::ids;
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::reader::{ReadError, Records};
use super::records::{Item, Offer, Record, Unit};
use super::refs::reference;
use crate::store::goods::{self, DetailsRow, OfferRow, PriceRow, PriceTypeRow, PropertyRow, StockRow, Whole};
use crate::store::mirror::{self, CatalogRow, Table};
use crate::sync::search_name;

/// Objects that are written at a time.
const BATCH: usize = 500;

/// Why a file was not imported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// The file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Our database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How much of what was imported, for the history.
pub(crate) type Counts = BTreeMap<&'static str, i64>;

/// What is written next.
#[derive(Debug, Default)]
struct Batch {
    items: Vec<CatalogRow>,
    deleted: Vec<Uuid>,
    units: Vec<CatalogRow>,
    warehouses: Vec<CatalogRow>,
    details: Vec<DetailsRow>,
    /// Item, id of a property and value.
    properties_of: Vec<Value>,
    properties: Vec<PropertyRow>,
    price_types: Vec<PriceTypeRow>,
    /// Offers that are in it, by item and characteristic.
    keys: HashSet<(String, Option<String>)>,
    offers: Vec<OfferRow>,
    prices: Vec<PriceRow>,
    stocks: Vec<StockRow>,
    size: usize,
}

/// An import under way.
#[derive(Debug)]
pub(crate) struct Importer<'a> {
    connection: &'a mut PgConnection,
    infobase: Uuid,
    /// The session, which is the generation of all that it brings.
    generation: Uuid,
    batch: Batch,
    pub(crate) counts: Counts,
    /// Objects read so far.
    pub(crate) done: i64,
    is_full: bool,
    has_groups: bool,
    whole: Whole,
}

impl<'a> Importer<'a> {
    /// An import into an infobase.
    pub(crate) fn new(connection: &'a mut PgConnection, infobase: Uuid, generation: Uuid) -> Self {
        Self {
            connection,
            infobase,
            generation,
            batch: Batch::default(),
            counts: Counts::new(),
            done: 0,
            is_full: false,
            has_groups: false,
            whole: Whole::default(),
        }
    }

    /// Reads up to a batch of objects and writes them; false at the end of the file.
    pub(crate) async fn step(&mut self, records: &mut Records) -> Result<bool, ImportError> {
        loop {
            let Some(record) = records.next().await? else {
                self.flush().await?;
                return Ok(false);
            };
            self.done += 1;
            if let Record::Offer(offer) = &record {
                // One statement cannot replace what an offer has twice: the same offer again waits.
                let key = (offer.item.clone(), offer.characteristic.clone());
                if self.batch.keys.contains(&key) {
                    self.flush().await?;
                }
                self.batch.keys.insert(key);
            }
            self.record(record);
            if self.batch.size >= BATCH {
                self.flush().await?;
                return Ok(true);
            }
        }
    }

    /// What the file has told to be there whole. `name` is what 1C calls the file: one of prices or
    /// of stocks is whole even when there are none.
    pub(crate) fn whole(&self, name: &str) -> Whole {
        let mut whole = self.whole;
        whole.groups = whole.items && self.has_groups;
        let told_offers = self.is_full && !whole.items;
        match super::protocol::part_of_name(name).as_str() {
            "prices" => whole.prices |= told_offers,
            "rests" => whole.stocks |= told_offers,
            _ => {}
        }
        whole
    }

    fn count(&mut self, what: &'static str, number: usize) {
        *self.counts.entry(what).or_default() += i64::try_from(number).unwrap_or(0);
    }

    fn reference(&self, kind: &str, id: &str) -> Uuid {
        reference(self.infobase, kind, id)
    }

    fn named(&self, kind: &str, id: &str, name: &str) -> CatalogRow {
        CatalogRow {
            id: ids::new_id(),
            reference: self.reference(kind, id),
            name: name.to_owned(),
            full_name: name.to_owned(),
            search_name: search_name(name),
            ..CatalogRow::default()
        }
    }

    fn record(&mut self, record: Record) {
        self.batch.size += 1;
        match record {
            Record::Catalogue { full } => {
                self.is_full = full;
                self.whole.items |= full;
            }
            Record::Offers { full } => self.is_full = full,
            Record::Group(group) => {
                self.count("groups", 1);
                self.has_groups = true;
                let row = CatalogRow {
                    is_folder: true,
                    deleted: group.deleted,
                    parent: group
                        .parent
                        .as_deref()
                        .map(|parent| self.reference("group", parent)),
                    ..self.named("group", &group.id, &group.name)
                };
                self.batch.items.push(row);
            }
            Record::Property(property) => {
                self.count("properties", 1);
                let variants: Map<String, Value> = property
                    .variants
                    .into_iter()
                    .map(|(id, value)| (id, value.into()))
                    .collect();
                self.batch.properties.push(PropertyRow {
                    id: property.id,
                    name: property.name,
                    variants: variants.into(),
                });
            }
            Record::Unit(unit) => {
                self.unit(&unit);
            }
            Record::Warehouse(warehouse) => {
                self.count("warehouses", 1);
                let row = CatalogRow {
                    deleted: warehouse.deleted,
                    ..self.named("warehouse", &warehouse.id, &warehouse.name)
                };
                self.batch.warehouses.push(row);
            }
            Record::PriceType(found) => {
                self.count("price_types", 1);
                self.batch.price_types.push(PriceTypeRow {
                    reference: self.reference("price_type", &found.named.id),
                    name: found.named.name,
                    currency: found.currency,
                    vat_included: found.vat_included,
                    deleted: found.named.deleted,
                });
            }
            Record::Item(item) => self.item(*item),
            Record::Offer(offer) => self.offer(*offer),
            Record::Unusable => self.count("unusable", 1),
        }
    }

    fn unit(&mut self, unit: &Unit) -> Uuid {
        // Units have no Ид: the code of the classifier tells them apart, or else the name.
        let key = if unit.code.is_empty() {
            &unit.name
        } else {
            &unit.code
        };
        let mut row = self.named("unit", key.trim(), &unit.name);
        row.code = unit.code.trim().to_owned();
        row.full_name.clone_from(&unit.full_name);
        let reference = row.reference;
        if !unit.name.is_empty() {
            self.batch.units.push(row);
        }
        reference
    }

    fn item(&mut self, item: Item) {
        let found = self.reference("item", &item.id);
        if item.deleted {
            self.count("deleted_items", 1);
            if item.name.is_empty() {
                self.batch.deleted.push(found);
                return;
            }
        }
        self.count("items", 1);
        self.count("pictures_left_out", item.pictures);
        let unit = item.unit.as_ref().map(|unit| self.unit(unit));
        for (id, value) in item.properties {
            self.batch
                .properties_of
                .push(json!({"item": found, "id": id, "value": value}));
        }
        let requisites: Map<String, Value> = item
            .requisites
            .into_iter()
            // Full descriptions may be pages of HTML.
            .filter(|(_, value)| value.len() <= 1000)
            .map(|(name, value)| (name, value.into()))
            .collect();
        self.batch.details.push(DetailsRow {
            item: found,
            barcode: item.barcode,
            requisites: requisites.into(),
            properties: Value::Object(Map::new()),
        });
        let row = CatalogRow {
            deleted: item.deleted,
            parent: item.group.as_deref().map(|group| self.reference("group", group)),
            unit,
            code: item.code,
            full_name: item.full_name,
            article: item.article,
            ..self.named("item", &item.id, &item.name)
        };
        self.batch.items.push(row);
    }

    fn offer(&mut self, offer: Offer) {
        let item = self.reference("item", &offer.item);
        let characteristic = offer
            .characteristic
            .as_deref()
            .map_or(Uuid::nil(), |id| self.reference("characteristic", id));
        self.count("offers", 1);
        self.count("unreadable_numbers", offer.unreadable);
        let (has_prices, has_stocks) = (offer.prices.is_some(), offer.stocks.is_some());
        self.whole.prices |= self.is_full && has_prices;
        self.whole.stocks |= self.is_full && has_stocks;
        let mut seen = HashSet::new();
        for price in offer.prices.into_iter().flatten() {
            let price_type = self.reference("price_type", &price.price_type);
            if offer.deleted || !seen.insert((price_type, price.min_quantity)) {
                continue;
            }
            self.count("prices", 1);
            self.batch.size += 1;
            self.batch.prices.push(PriceRow {
                item,
                characteristic,
                price_type,
                min_quantity: price.min_quantity,
                price: price.price,
                currency: price.currency,
                unit: price.unit,
            });
        }
        let mut stocks: HashMap<Uuid, StockRow> = HashMap::new();
        for stock in offer.stocks.into_iter().flatten().filter(|_| !offer.deleted) {
            let warehouse = match &stock.warehouse {
                Some(id) => self.reference("warehouse", id),
                None => Uuid::nil(),
            };
            let row = stocks.entry(warehouse).or_insert(StockRow {
                item,
                characteristic,
                warehouse,
                quantity: rust_decimal::Decimal::ZERO,
            });
            row.quantity = row.quantity.saturating_add(stock.quantity);
        }
        self.count("stocks", stocks.len());
        self.batch.size += stocks.len();
        self.batch.offers.push(OfferRow {
            item,
            characteristic,
            name: offer.name,
            article: offer.article,
            deleted: offer.deleted,
            has_prices,
            has_stocks,
        });
        self.batch.stocks.extend(stocks.into_values());
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        let batch = std::mem::take(&mut self.batch);
        let (infobase, generation) = (self.infobase, self.generation);
        let connection = &mut *self.connection;
        for (table, rows) in [
            (Table::Units, batch.units),
            (Table::Warehouses, batch.warehouses),
            (Table::Items, batch.items),
        ] {
            if !rows.is_empty() {
                mirror::upsert(connection, table, infobase, generation, &latest(rows)).await?;
            }
        }
        if !batch.deleted.is_empty() {
            goods::items_delete(connection, infobase, generation, &batch.deleted).await?;
        }
        if !batch.properties.is_empty() {
            let rows = last_by(batch.properties, |row| row.id.clone());
            goods::properties_write(connection, infobase, &rows).await?;
        }
        if !batch.details.is_empty() {
            let mut rows = last_by(batch.details, |row| row.item);
            describe(connection, infobase, &mut rows, &batch.properties_of).await?;
            goods::details_write(connection, infobase, &rows).await?;
        }
        if !batch.price_types.is_empty() {
            let rows = last_by(batch.price_types, |row| row.reference);
            goods::price_types_write(connection, infobase, generation, &rows).await?;
        }
        if batch.offers.is_empty() {
            return Ok(());
        }
        let items = batch.offers.iter().map(|offer| CatalogRow {
            id: ids::new_id(),
            reference: offer.item,
            name: offer.name.clone(),
            article: offer.article.clone(),
            search_name: search_name(&offer.name),
            ..CatalogRow::default()
        });
        let items = latest(items.filter(|row| !row.name.is_empty()).collect());
        goods::items_add(connection, infobase, generation, &items).await?;
        let warehouses: HashSet<Uuid> = batch.stocks.iter().map(|stock| stock.warehouse).collect();
        let warehouses: Vec<CatalogRow> = warehouses
            .into_iter()
            .filter(|warehouse| !warehouse.is_nil())
            .map(|reference| {
                let name = format!(
                    "Склад {}",
                    reference.simple().to_string().get(..8).unwrap_or_default()
                );
                CatalogRow {
                    id: ids::new_id(),
                    reference,
                    search_name: search_name(&name),
                    name,
                    ..CatalogRow::default()
                }
            })
            .collect();
        goods::warehouses_add(connection, infobase, generation, &warehouses).await?;
        goods::offers_write(
            connection,
            infobase,
            generation,
            &batch.offers,
            &batch.prices,
            &batch.stocks,
        )
        .await
    }
}

/// Puts properties of items into words.
async fn describe(
    connection: &mut PgConnection,
    infobase: Uuid,
    rows: &mut [DetailsRow],
    pairs: &[Value],
) -> Result<(), StoreError> {
    if pairs.is_empty() {
        return Ok(());
    }
    let pairs = serde_json::to_string(pairs).unwrap_or_default();
    let mut by_item: HashMap<Uuid, Map<String, Value>> = HashMap::new();
    for found in goods::properties_of(connection, infobase, &pairs).await? {
        by_item
            .entry(found.item)
            .or_default()
            .insert(found.name, found.value.into());
    }
    for row in rows {
        if let Some(properties) = by_item.remove(&row.item) {
            row.properties = properties.into();
        }
    }
    Ok(())
}

/// The last of the rows of each object: one statement cannot write an object twice.
fn latest(rows: Vec<CatalogRow>) -> Vec<CatalogRow> {
    last_by(rows, |row| row.reference)
}

fn last_by<T, K: std::hash::Hash + Eq>(rows: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = HashSet::new();
    let mut last: Vec<T> = rows
        .into_iter()
        .rev()
        .filter(|row| seen.insert(key(row)))
        .collect();
    last.reverse();
    last
}
