//! Catalogs of the mirror. A page of rows goes to PostgreSQL as one JSON text, which it takes apart
//! itself: one statement for a page, whatever its size.

use chrono::NaiveDateTime;
use common::db::{StoreError, StoreResult};
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

/// An object of any catalog; a catalog's table takes what it has columns for.
#[derive(Debug, Default, Serialize)]
pub(crate) struct CatalogRow {
    /// Our id for an object that is not there yet.
    pub(crate) id: Uuid,
    #[serde(rename = "ref")]
    pub(crate) reference: Uuid,
    pub(crate) data_version: String,
    pub(crate) deleted: bool,
    pub(crate) is_folder: bool,
    pub(crate) parent: Option<Uuid>,
    pub(crate) owner: Option<Uuid>,
    pub(crate) company: Option<Uuid>,
    pub(crate) unit: Option<Uuid>,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) search_name: String,
    pub(crate) inn: String,
    pub(crate) kpp: String,
    pub(crate) ogrn: String,
    pub(crate) legal_form: String,
    pub(crate) article: String,
    pub(crate) number: String,
    pub(crate) kind: String,
    pub(crate) nature: String,
    pub(crate) date: Option<NaiveDateTime>,
    pub(crate) term_days: i32,
    pub(crate) contacts: Vec<Contact>,
}

/// A way to reach a counterparty.
#[derive(Debug, Serialize)]
pub(crate) struct Contact {
    pub(crate) kind: String,
    pub(crate) text: String,
}

/// A table of catalog objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Companies,
    Counterparties,
    Contracts,
    Items,
    Units,
    Warehouses,
    Managers,
    BankAccounts,
    CashDesks,
    Accounts,
}

impl Table {
    /// The table of a profile's catalog.
    pub(crate) fn of_entity(entity: &str) -> Option<Self> {
        match entity {
            "companies" => Some(Self::Companies),
            "counterparties" => Some(Self::Counterparties),
            "contracts" => Some(Self::Contracts),
            "items" => Some(Self::Items),
            "units" => Some(Self::Units),
            "warehouses" => Some(Self::Warehouses),
            "managers" => Some(Self::Managers),
            "bank_accounts" => Some(Self::BankAccounts),
            "cash_desks" => Some(Self::CashDesks),
            "accounts" => Some(Self::Accounts),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Companies => "onec.companies",
            Self::Counterparties => "onec.counterparties",
            Self::Contracts => "onec.contracts",
            Self::Items => "onec.items",
            Self::Units => "onec.units",
            Self::Warehouses => "onec.warehouses",
            Self::Managers => "onec.managers",
            Self::BankAccounts | Self::CashDesks => "onec.money_places",
            Self::Accounts => "onec.accounts",
        }
    }

    /// Which rows of a table that two catalogs share.
    const fn condition(self) -> &'static str {
        match self {
            Self::BankAccounts => "kind = 'bank_account'",
            Self::CashDesks => "kind = 'cash_desk'",
            _ => "true",
        }
    }

    /// Columns beside `infobase_id`, `generation` and those of every catalog.
    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Companies => &["id", "full_name", "inn", "kpp", "ogrn", "search_name"],
            Self::Counterparties => &[
                "id",
                "is_folder",
                "parent",
                "full_name",
                "inn",
                "kpp",
                "legal_form",
                "contacts",
                "search_name",
            ],
            Self::Contracts => &["owner", "company", "number", "date", "kind", "term_days"],
            Self::Items => &[
                "id",
                "is_folder",
                "parent",
                "full_name",
                "article",
                "unit",
                "search_name",
            ],
            Self::Units => &[],
            Self::Warehouses => &["id", "is_folder", "parent", "search_name"],
            Self::Managers => &["id", "search_name"],
            Self::BankAccounts | Self::CashDesks => &["kind", "owner", "number"],
            Self::Accounts => &["parent", "nature"],
        }
    }

    fn has_code(self) -> bool {
        !matches!(self, Self::Contracts)
    }

    fn upsert(self) -> String {
        let mut columns = vec!["ref", "data_version", "deleted", "name"];
        if self.has_code() {
            columns.push("code");
        }
        columns.extend(self.columns());
        let list = columns.join(", ");
        let updates: Vec<String> = columns
            .iter()
            .filter(|column| !matches!(**column, "id" | "ref"))
            .map(|column| format!("{column} = excluded.{column}"))
            .collect();
        format!(
            "insert into {table} (infobase_id, generation, {list}) \
             select $1, $2, {list} from json_populate_recordset(null::{table}, $3::text::json) \
             on conflict (infobase_id, ref) do update set generation = excluded.generation, {updates}",
            table = self.name(),
            updates = updates.join(", "),
        )
    }
}

/// Writes a page of objects. `generation` marks what a full reading has seen.
pub(crate) async fn upsert(
    connection: &mut PgConnection,
    table: Table,
    infobase: Uuid,
    generation: Uuid,
    rows: &[CatalogRow],
) -> Result<i64, StoreError> {
    let json = serde_json::to_string(rows).unwrap_or_default();
    let written = sqlx::query(AssertSqlSafe(table.upsert()))
        .bind(infobase)
        .bind(generation)
        .bind(json)
        .execute(connection)
        .await
        .store("catalog_upsert")?;
    Ok(i64::try_from(written.rows_affected()).unwrap_or(0))
}

/// How many objects a full reading has seen.
pub(crate) async fn seen(
    connection: &mut PgConnection,
    table: Table,
    infobase: Uuid,
    generation: Uuid,
) -> Result<i64, StoreError> {
    let statement = format!(
        "select count(*) from {} where infobase_id = $1 and generation = $2 and {}",
        table.name(),
        table.condition()
    );
    sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(infobase)
        .bind(generation)
        .fetch_one(connection)
        .await
        .store("catalog_seen")
}

/// Marks objects as seen that could not be read; returns how many of them there are.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    table: Table,
    infobase: Uuid,
    generation: Uuid,
    refs: &[Uuid],
) -> Result<i64, StoreError> {
    let statement = format!(
        "update {} set generation = $2 where infobase_id = $1 and ref = any($3)",
        table.name()
    );
    let kept = sqlx::query(AssertSqlSafe(statement))
        .bind(infobase)
        .bind(generation)
        .bind(refs)
        .execute(connection)
        .await
        .store("catalog_keep")?;
    Ok(i64::try_from(kept.rows_affected()).unwrap_or(0))
}

/// Removes objects.
pub(crate) async fn remove(
    connection: &mut PgConnection,
    table: Table,
    infobase: Uuid,
    refs: &[Uuid],
) -> Result<i64, StoreError> {
    let statement = format!(
        "delete from {} where infobase_id = $1 and ref = any($2)",
        table.name()
    );
    let removed = sqlx::query(AssertSqlSafe(statement))
        .bind(infobase)
        .bind(refs)
        .execute(connection)
        .await
        .store("catalog_remove")?;
    Ok(i64::try_from(removed.rows_affected()).unwrap_or(0))
}

/// Removes what a full reading has not seen.
pub(crate) async fn sweep(
    connection: &mut PgConnection,
    table: Table,
    infobase: Uuid,
    generation: Uuid,
) -> Result<i64, StoreError> {
    let statement = format!(
        "delete from {} where infobase_id = $1 and generation <> $2 and {}",
        table.name(),
        table.condition()
    );
    let swept = sqlx::query(AssertSqlSafe(statement))
        .bind(infobase)
        .bind(generation)
        .execute(connection)
        .await
        .store("catalog_sweep")?;
    Ok(i64::try_from(swept.rows_affected()).unwrap_or(0))
}

/// Which of the objects are new or have another version than the mirror.
pub(crate) async fn changed(
    connection: &mut PgConnection,
    table: Table,
    infobase: Uuid,
    refs: &[Uuid],
    versions: &[String],
) -> Result<Vec<Uuid>, StoreError> {
    let statement = format!(
        "select theirs.ref from unnest($2::uuid[], $3::text[]) as theirs (ref, data_version) \
         left join {} ours on ours.infobase_id = $1 and ours.ref = theirs.ref \
         where ours.data_version is distinct from theirs.data_version",
        table.name()
    );
    sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(infobase)
        .bind(refs)
        .bind(versions)
        .fetch_all(connection)
        .await
        .store("catalog_changed")
}

/// Removes what is not among the objects.
pub(crate) async fn retain(
    connection: &mut PgConnection,
    table: Table,
    infobase: Uuid,
    refs: &[Uuid],
) -> Result<i64, StoreError> {
    let statement = format!(
        "delete from {} ours where infobase_id = $1 and {} \
         and not exists (select 1 from unnest($2::uuid[]) as theirs (ref) where theirs.ref = ours.ref)",
        table.name(),
        table.condition()
    );
    let removed = sqlx::query(AssertSqlSafe(statement))
        .bind(infobase)
        .bind(refs)
        .execute(connection)
        .await
        .store("catalog_retain")?;
    Ok(i64::try_from(removed.rows_affected()).unwrap_or(0))
}
