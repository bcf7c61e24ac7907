//! Goods, prices and stocks that 1C bases push. A batch of rows goes to PostgreSQL as one JSON text,
//! as in [`mirror`](super::mirror).

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::mirror::CatalogRow;

/// What an item has besides the columns of the mirror.
#[derive(Debug, Serialize)]
pub(crate) struct DetailsRow {
    pub(crate) item: Uuid,
    pub(crate) barcode: String,
    pub(crate) requisites: Value,
    pub(crate) properties: Value,
}

/// A property with its values.
#[derive(Debug, Serialize)]
pub(crate) struct PropertyRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) variants: Value,
}

/// A type of prices.
#[derive(Debug, Serialize)]
pub(crate) struct PriceTypeRow {
    #[serde(rename = "ref")]
    pub(crate) reference: Uuid,
    pub(crate) name: String,
    pub(crate) currency: String,
    pub(crate) vat_included: Option<bool>,
    pub(crate) deleted: bool,
}

/// An offer: an item, or one characteristic of it.
#[derive(Debug, Serialize)]
pub(crate) struct OfferRow {
    pub(crate) item: Uuid,
    /// The nil reference for none.
    pub(crate) characteristic: Uuid,
    pub(crate) name: String,
    pub(crate) article: String,
    pub(crate) deleted: bool,
    /// Whether its prices and stocks are among those that are written.
    pub(crate) has_prices: bool,
    pub(crate) has_stocks: bool,
}

/// A price.
#[derive(Debug, Serialize)]
pub(crate) struct PriceRow {
    pub(crate) item: Uuid,
    pub(crate) characteristic: Uuid,
    pub(crate) price_type: Uuid,
    pub(crate) min_quantity: Decimal,
    pub(crate) price: Decimal,
    pub(crate) currency: String,
    pub(crate) unit: String,
}

/// A stock.
#[derive(Debug, Serialize)]
pub(crate) struct StockRow {
    pub(crate) item: Uuid,
    pub(crate) characteristic: Uuid,
    pub(crate) warehouse: Uuid,
    pub(crate) quantity: Decimal,
}

fn json<T: Serialize>(rows: &[T]) -> String {
    serde_json::to_string(rows).unwrap_or_default()
}

fn count(affected: u64) -> i64 {
    i64::try_from(affected).unwrap_or(0)
}

/// One import of an infobase at a time, until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection, infobase: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        r#"select pg_advisory_xact_lock(hashtextextended($1::text, 0)) as "locked!: ()""#,
        infobase.to_string()
    )
    .fetch_one(connection)
    .await
    .store("goods_lock")?;
    Ok(())
}

/// Marks items as deleted.
pub(crate) async fn items_delete(
    connection: &mut PgConnection,
    infobase: Uuid,
    generation: Uuid,
    refs: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.items set deleted = true, generation = $2 where infobase_id = $1 and ref = any($3)",
        infobase,
        generation,
        refs,
    )
    .execute(connection)
    .await
    .store("items_delete")?;
    Ok(())
}

/// Adds items that only an offer names; those that are known stay as they are.
pub(crate) async fn items_add(
    connection: &mut PgConnection,
    infobase: Uuid,
    generation: Uuid,
    rows: &[CatalogRow],
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.items (infobase_id, generation, id, ref, data_version, deleted, is_folder, code, name,
                                 full_name, article, search_name)
         select $1, $2, id, ref, '', false, false, '', name, name, article, search_name
         from json_populate_recordset(null::onec.items, $3::text::json)
         on conflict (infobase_id, ref) do nothing",
        infobase,
        generation,
        json(rows),
    )
    .execute(connection)
    .await
    .store("items_add")?;
    Ok(())
}

/// Adds warehouses that only a stock names; those that are known stay as they are.
pub(crate) async fn warehouses_add(
    connection: &mut PgConnection,
    infobase: Uuid,
    generation: Uuid,
    rows: &[CatalogRow],
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.warehouses (infobase_id, generation, id, ref, data_version, deleted, is_folder, code,
                                      name, search_name)
         select $1, $2, id, ref, '', false, false, '', name, search_name
         from json_populate_recordset(null::onec.warehouses, $3::text::json)
         on conflict (infobase_id, ref) do nothing",
        infobase,
        generation,
        json(rows),
    )
    .execute(connection)
    .await
    .store("warehouses_add")?;
    Ok(())
}

/// Writes what items have besides.
pub(crate) async fn details_write(
    connection: &mut PgConnection,
    infobase: Uuid,
    rows: &[DetailsRow],
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.item_details (infobase_id, item, barcode, requisites, properties)
         select $1, item, barcode, requisites, properties
         from json_populate_recordset(null::onec.item_details, $2::text::json)
         on conflict (infobase_id, item) do update set barcode = excluded.barcode,
             requisites = excluded.requisites, properties = excluded.properties",
        infobase,
        json(rows),
    )
    .execute(connection)
    .await
    .store("item_details_write")?;
    Ok(())
}

/// Writes properties.
pub(crate) async fn properties_write(
    connection: &mut PgConnection,
    infobase: Uuid,
    rows: &[PropertyRow],
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.item_properties (infobase_id, id, name, variants)
         select $1, id, name, variants from json_populate_recordset(null::onec.item_properties, $2::text::json)
         on conflict (infobase_id, id) do update set name = excluded.name, variants = excluded.variants",
        infobase,
        json(rows),
    )
    .execute(connection)
    .await
    .store("item_properties_write")?;
    Ok(())
}

/// Names of properties and of their values, for items that name them by id.
pub(crate) async fn properties_of(
    connection: &mut PgConnection,
    infobase: Uuid,
    pairs: &str,
) -> Result<Vec<Named>, StoreError> {
    sqlx::query_as!(
        Named,
        r#"select item as "item!", p.name, coalesce(p.variants ->> theirs.value, theirs.value) as "value!"
           from json_to_recordset($2::text::json) as theirs (item uuid, id text, value text)
           join onec.item_properties p on p.infobase_id = $1 and p.id = theirs.id"#,
        infobase,
        pairs,
    )
    .fetch_all(connection)
    .await
    .store("item_properties_of")
}

/// A property of an item, in words.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) item: Uuid,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Writes types of prices.
pub(crate) async fn price_types_write(
    connection: &mut PgConnection,
    infobase: Uuid,
    generation: Uuid,
    rows: &[PriceTypeRow],
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.price_types (infobase_id, generation, ref, name, currency, vat_included, deleted)
         select $1, $2, ref, name, currency, vat_included, deleted
         from json_populate_recordset(null::onec.price_types, $3::text::json)
         on conflict (infobase_id, ref) do update set generation = excluded.generation, name = excluded.name,
             currency = excluded.currency, vat_included = excluded.vat_included, deleted = excluded.deleted",
        infobase,
        generation,
        json(rows),
    )
    .execute(connection)
    .await
    .store("price_types_write")?;
    Ok(())
}

/// Writes offers: the prices and stocks that an offer has replace those that it had.
pub(crate) async fn offers_write(
    connection: &mut PgConnection,
    infobase: Uuid,
    generation: Uuid,
    offers: &[OfferRow],
    prices: &[PriceRow],
    stocks: &[StockRow],
) -> Result<(), StoreError> {
    let offers = json(offers);
    sqlx::query!(
        "insert into onec.characteristics (infobase_id, generation, item, ref, name, article, deleted)
         select $1, $2, item, characteristic, name, article, deleted
         from json_to_recordset($3::text::json)
              as o (item uuid, characteristic uuid, name text, article text, deleted bool)
         where characteristic <> '00000000-0000-0000-0000-000000000000'
         on conflict (infobase_id, item, ref) do update set generation = excluded.generation,
             deleted = excluded.deleted,
             name = coalesce(nullif(excluded.name, ''), characteristics.name),
             article = coalesce(nullif(excluded.article, ''), characteristics.article)",
        infobase,
        generation,
        offers,
    )
    .execute(&mut *connection)
    .await
    .store("characteristics_write")?;
    sqlx::query!(
        "delete from onec.prices ours using json_to_recordset($2::text::json)
             as o (item uuid, characteristic uuid, deleted bool, has_prices bool)
         where ours.infobase_id = $1 and ours.item = o.item and ours.characteristic = o.characteristic
           and (o.has_prices or o.deleted)",
        infobase,
        offers,
    )
    .execute(&mut *connection)
    .await
    .store("prices_replace")?;
    sqlx::query!(
        "delete from onec.stock_snapshot ours using json_to_recordset($2::text::json)
             as o (item uuid, characteristic uuid, deleted bool, has_stocks bool)
         where ours.infobase_id = $1 and ours.item = o.item and ours.characteristic = o.characteristic
           and (o.has_stocks or o.deleted)",
        infobase,
        offers,
    )
    .execute(&mut *connection)
    .await
    .store("stocks_replace")?;
    sqlx::query!(
        "insert into onec.prices (infobase_id, generation, item, characteristic, price_type, min_quantity, price,
                                  currency, unit)
         select $1, $2, item, characteristic, price_type, min_quantity, price, currency, unit
         from json_populate_recordset(null::onec.prices, $3::text::json)",
        infobase,
        generation,
        json(prices),
    )
    .execute(&mut *connection)
    .await
    .store("prices_write")?;
    sqlx::query!(
        "insert into onec.stock_snapshot (infobase_id, generation, item, characteristic, warehouse, quantity)
         select $1, $2, item, characteristic, warehouse, quantity
         from json_populate_recordset(null::onec.stock_snapshot, $3::text::json)",
        infobase,
        generation,
        json(stocks),
    )
    .execute(connection)
    .await
    .store("stocks_write")?;
    Ok(())
}

/// What a session has brought whole.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Whole {
    pub(crate) groups: bool,
    pub(crate) items: bool,
    pub(crate) prices: bool,
    pub(crate) stocks: bool,
}

/// Notes what a session has brought whole, and tells what it has brought so far.
pub(crate) async fn whole_note(
    connection: &mut PgConnection,
    session: Uuid,
    now: Whole,
) -> Result<Whole, StoreError> {
    let whole = sqlx::query_as!(
        Whole,
        r#"update onec.exchange_sessions set full_groups = full_groups or $2, full_items = full_items or $3,
                  full_prices = full_prices or $4, full_stocks = full_stocks or $5
           where id = $1
           returning full_groups as groups, full_items as items, full_prices as prices, full_stocks as stocks"#,
        session,
        now.groups,
        now.items,
        now.prices,
        now.stocks,
    )
    .fetch_optional(connection)
    .await
    .store("whole_note")?;
    Ok(whole.unwrap_or_default())
}

/// Hides goods, and removes prices and stocks, that a session has not brought though it has brought
/// all there are. Returns how many.
pub(crate) async fn sweep(
    connection: &mut PgConnection,
    infobase: Uuid,
    session: Uuid,
    whole: Whole,
) -> Result<i64, StoreError> {
    let mut swept = 0;
    if whole.items || whole.groups {
        let hidden = sqlx::query!(
            "update onec.items set deleted = true
             where infobase_id = $1 and generation <> $2 and not deleted
               and ((is_folder and $3) or (not is_folder and $4))",
            infobase,
            session,
            whole.groups,
            whole.items,
        )
        .execute(&mut *connection)
        .await
        .store("items_sweep")?;
        swept += count(hidden.rows_affected());
    }
    if whole.prices {
        let gone = sqlx::query!(
            "delete from onec.prices where infobase_id = $1 and generation <> $2",
            infobase,
            session
        )
        .execute(&mut *connection)
        .await
        .store("prices_sweep")?;
        swept += count(gone.rows_affected());
    }
    if whole.stocks {
        let gone = sqlx::query!(
            "delete from onec.stock_snapshot where infobase_id = $1 and generation <> $2",
            infobase,
            session
        )
        .execute(connection)
        .await
        .store("stocks_sweep")?;
        swept += count(gone.rows_affected());
    }
    Ok(swept)
}

/// Notes that what the infobase has pushed is true of this moment.
pub(crate) async fn freshen(
    connection: &mut PgConnection,
    infobase: Uuid,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with mirrored as (update onec.infobases set mirrored_at = $2 where id = $1 and mirrored_at is null)
         insert into onec.freshness (infobase_id, entity, as_of) values ($1, 'commerceml', $2)
         on conflict (infobase_id, entity) do update set as_of = excluded.as_of",
        infobase,
        at,
    )
    .execute(connection)
    .await
    .store("goods_freshen")?;
    Ok(())
}

/// Whether anything of a session was imported.
pub(crate) async fn session_has_brought(
    connection: &mut PgConnection,
    session: Uuid,
) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select exists (select 1 from onec.exchange_imports
                          where session_id = $1 and state = 'succeeded') as "has_brought!""#,
        session
    )
    .fetch_one(connection)
    .await
    .store("session_has_brought")
}

/// Names of XML files of a session and of those that were imported.
pub(crate) async fn session_names(
    connection: &mut PgConnection,
    session: Uuid,
) -> Result<(Vec<String>, Vec<String>), StoreError> {
    let sent = sqlx::query_scalar!(
        "select name from onec.exchange_files where session_id = $1 and lower(name) like '%.xml' and not closed",
        session
    )
    .fetch_all(&mut *connection)
    .await
    .store("session_names_sent")?;
    let imported = sqlx::query_scalar!(
        "select name from onec.exchange_imports where session_id = $1 and state in ('succeeded', 'failed')",
        session
    )
    .fetch_all(connection)
    .await
    .store("session_names_imported")?;
    Ok((sent, imported))
}

/// A price, to be shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Shown {
    /// Our id of the item.
    pub(crate) item_id: Uuid,
    pub(crate) item: String,
    pub(crate) article: String,
    /// Name of the characteristic; null for the item as such.
    pub(crate) characteristic: Option<String>,
    pub(crate) price_type: String,
    pub(crate) price: Decimal,
    pub(crate) currency: String,
    /// Whether VAT is in the price; null when 1C does not tell.
    pub(crate) vat_included: Option<bool>,
    pub(crate) unit: String,
    /// From which quantity on the price holds.
    pub(crate) min_quantity: Decimal,
}

/// Prices of items that are not hidden, by name.
pub(crate) async fn prices(
    connection: &mut PgConnection,
    infobase: Uuid,
    items: &[Uuid],
    limit: i64,
) -> Result<Vec<Shown>, StoreError> {
    sqlx::query_as!(
        Shown,
        r#"select i.id as item_id, i.name as item, i.article, c.name as "characteristic?",
                  coalesce(t.name, '') as "price_type!", p.price,
                  coalesce(nullif(p.currency, ''), t.currency, '') as "currency!", t.vat_included,
                  coalesce(nullif(p.unit, ''), u.name, '') as "unit!", p.min_quantity
           from onec.prices p
           join onec.items i on i.infobase_id = $1 and i.ref = p.item and not i.deleted
           left join onec.units u on u.infobase_id = $1 and u.ref = i.unit
           left join onec.characteristics c on c.infobase_id = $1 and c.item = p.item and c.ref = p.characteristic
           left join onec.price_types t on t.infobase_id = $1 and t.ref = p.price_type
           where p.infobase_id = $1 and p.item = any($2)
           order by i.name, c.name nulls first, t.name, p.min_quantity limit $3"#,
        infobase,
        items,
        limit,
    )
    .fetch_all(connection)
    .await
    .store("prices")
}

/// The references of an item, or of those in a group of items, and the infobase; none when it is not known.
pub(crate) async fn items_below(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<(Uuid, Vec<Uuid>)>, StoreError> {
    let found = sqlx::query!(
        r#"with recursive tree as (
               select infobase_id, ref, 0 as depth from onec.items where id = $1
               union all
               select child.infobase_id, child.ref, depth + 1 from onec.items child
               join tree on child.parent = tree.ref and child.infobase_id = tree.infobase_id and depth < 20
           ) select infobase_id as "infobase!", ref as "reference!" from tree"#,
        id
    )
    .fetch_all(connection)
    .await
    .store("items_below")?;
    let infobase = found.first().map(|row| row.infobase);
    Ok(infobase.map(|infobase| (infobase, found.into_iter().map(|row| row.reference).collect())))
}
