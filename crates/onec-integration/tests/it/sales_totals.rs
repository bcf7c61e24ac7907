//! Sales put together by month: whatever is written in whatever order, they are what the rows say.

use common::testing;
use sqlx::PgPool;
use uuid::Uuid;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn small(&mut self, sides: u64) -> i32 {
        i32::try_from(self.roll(sides)).unwrap()
    }
}

const fn uuid(kind: u128, n: u64) -> Uuid {
    Uuid::from_u128((kind << 64) | n as u128)
}

const BASE: Uuid = uuid(1, 1);
const DOCUMENTS: u64 = 40;

async fn database() -> PgPool {
    let pool = PgPool::connect(&testing::database_url(&onec_integration::SCHEMA).await)
        .await
        .unwrap();
    sqlx::query(
        "insert into onec.infobases (id, name, base_url, username, password, time_zone)
         values ($1, 'База', 'http://127.0.0.1:9/', 'odata', '', 'Europe/Moscow')",
    )
    .bind(BASE)
    .execute(&pool)
    .await
    .unwrap();
    for (n, code) in (0..).zip(["90.02", "41.01", "43", "62.01"]) {
        sqlx::query(
            "insert into onec.accounts (infobase_id, ref, data_version, deleted, code, name, nature, generation)
             values ($1, $2, '', false, $3, '', '', $1)",
        )
        .bind(BASE)
        .bind(uuid(2, n))
        .bind(code)
        .execute(&pool)
        .await
        .unwrap();
    }
    pool
}

/// A document, mostly a posted sale, of any day of half a year.
async fn write_document(pool: &PgPool, dice: &mut Dice) {
    sqlx::query(
        "insert into onec.documents
             (infobase_id, ref, entity, data_version, deleted, posted, number, date, company, counterparty,
              warehouse, manager, operation, vat_included, purpose, comment)
         values ($1, $2, $3, '', $4, $5, '', timestamp '2024-01-01' + $6 * interval '1 hour', $7, $8, $9, $10, '',
                 $11, '', '')
         on conflict (infobase_id, ref) do update set
             entity = excluded.entity, deleted = excluded.deleted, posted = excluded.posted, date = excluded.date,
             company = excluded.company, counterparty = excluded.counterparty, manager = excluded.manager,
             vat_included = excluded.vat_included",
    )
    .bind(BASE)
    .bind(uuid(3, dice.roll(DOCUMENTS)))
    .bind(if dice.roll(4) == 0 { "operation" } else { "sale" })
    .bind(dice.roll(8) == 0)
    .bind(dice.roll(6) != 0)
    .bind(dice.small(24 * 180))
    .bind((dice.roll(5) != 0).then(|| uuid(4, dice.roll(2))))
    .bind(uuid(5, dice.roll(3)))
    .bind((dice.roll(2) == 0).then(|| uuid(6, dice.roll(2))))
    .bind(uuid(7, dice.roll(3)))
    .bind(dice.roll(2) == 0)
    .execute(pool)
    .await
    .unwrap();
}

/// A line of a document, if there is one.
async fn write_row(pool: &PgPool, dice: &mut Dice) {
    sqlx::query(
        "insert into onec.document_rows (infobase_id, document, part, line, item, quantity, amount, vat)
         select infobase_id, ref, 0, $3, $4, $5, $6, $7 from onec.documents where infobase_id = $1 and ref = $2
         on conflict (infobase_id, document, part, line) do update set
             item = excluded.item, quantity = excluded.quantity, amount = excluded.amount, vat = excluded.vat",
    )
    .bind(BASE)
    .bind(uuid(3, dice.roll(DOCUMENTS)))
    .bind(dice.small(4))
    .bind((dice.roll(6) != 0).then(|| uuid(8, dice.roll(4))))
    .bind((dice.roll(6) != 0).then(|| rust_decimal::Decimal::from(dice.roll(9))))
    .bind(rust_decimal::Decimal::from(dice.roll(1000)))
    .bind((dice.roll(6) != 0).then(|| rust_decimal::Decimal::from(dice.roll(100))))
    .execute(pool)
    .await
    .unwrap();
}

/// An entry of a document or of none: at its date or at any other, of cost or of something else.
async fn write_entry(pool: &PgPool, dice: &mut Dice) {
    sqlx::query(
        "insert into onec.ledger_entries
             (infobase_id, recorder, line, recorder_type, period, company, debit_account, credit_account,
              credit_item, amount, content)
         select $1, $2, $3, '', coalesce((select date from onec.documents where infobase_id = $1 and ref = $2 and $4),
                                         timestamp '2024-01-01' + $5 * interval '1 hour'),
                $6, $7, $8, $9, $10, ''
         on conflict (infobase_id, recorder, line) do update set
             period = excluded.period, amount = excluded.amount, debit_account = excluded.debit_account,
             credit_item = excluded.credit_item",
    )
    .bind(BASE)
    .bind(uuid(3, dice.roll(DOCUMENTS + 5)))
    .bind(dice.small(4))
    .bind(dice.roll(3) != 0)
    .bind(dice.small(24 * 180))
    .bind(uuid(4, dice.roll(2)))
    .bind(uuid(2, dice.roll(4) / 3))
    .bind(uuid(2, 1 + dice.roll(3)))
    .bind((dice.roll(6) != 0).then(|| uuid(8, dice.roll(4))))
    .bind(rust_decimal::Decimal::from(dice.roll(700)))
    .execute(pool)
    .await
    .unwrap();
}

/// How many cells differ from what the rows say, in a span and by accounts of cost.
async fn differences(pool: &PgPool, from: i32, hours: i32, sold: &[&str]) -> i64 {
    sqlx::query_scalar(
        "with asked as (select array['90.02'] as cost, $4::text[] as sold,
                               timestamp '2024-01-01' + $2 * interval '1 hour' as since,
                               timestamp '2024-01-01' + ($2 + $3) * interval '1 hour' as until),
         plain as (
             select d.date, d.ref as document, d.company, d.counterparty, d.manager, d.warehouse, r.item,
                    coalesce(r.quantity, 0) as quantity,
                    coalesce(r.amount, 0) + case when d.vat_included then 0 else coalesce(r.vat, 0) end as revenue,
                    coalesce(r.vat, 0) as vat, 0::numeric as cost
             from asked, onec.documents d
             join onec.document_rows r on r.infobase_id = d.infobase_id and r.document = d.ref
             where d.entity = 'sale' and d.posted and not d.deleted and d.date >= since and d.date < until
             union all
             select e.period, null, coalesce(d.company, e.company), d.counterparty, d.manager, d.warehouse,
                    e.credit_item, 0, 0, 0, e.amount
             from asked, onec.ledger_entries e
             join onec.accounts debit on debit.ref = e.debit_account and debit.code = '90.02'
             join onec.accounts credit on credit.ref = e.credit_account
             left join onec.documents d on d.ref = e.recorder
             where e.period >= since and e.period < until
               and exists (select 1 from unnest(sold) code where credit.code = code or credit.code like code || '.%')
               and (d.ref is null or (d.posted and not d.deleted))
         ),
         items as (select s.* from asked, onec.sales($1, since, until, cost, sold, true) s),
         documents as (select s.* from asked, onec.sales($1, since, until, cost, sold, false) s),
         found as (
             select 1 as by, date, company, counterparty, manager, warehouse, item, sum(quantity), sum(revenue),
                    sum(vat), sum(cost) from items group by 1, 2, 3, 4, 5, 6, 7
             union all
             select 2, date, company, counterparty, manager, warehouse, null, sum(quantity), sum(revenue),
                    sum(vat), sum(cost) from documents group by 1, 2, 3, 4, 5, 6
             union all
             select distinct 3, date, company, counterparty, manager, warehouse, document, 0, 0, 0, 0
             from documents where document is not null
             union all
             select 4, null, null, counterparty, null, null, item, count(distinct document), 0, 0, 0
             from items where document is not null group by counterparty, item
             union all
             -- Without items, a sale has one row.
             select 5, null, null, null, null, null, null, count(document), 0, 0, 0 from documents
         ),
         expected as (
             select 1 as by, date, company, counterparty, manager, warehouse, item, sum(quantity), sum(revenue),
                    sum(vat), sum(cost) from plain group by 1, 2, 3, 4, 5, 6, 7
             union all
             select 2, date, company, counterparty, manager, warehouse, null, sum(quantity), sum(revenue),
                    sum(vat), sum(cost) from plain group by 1, 2, 3, 4, 5, 6
             union all
             select distinct 3, date, company, counterparty, manager, warehouse, document, 0, 0, 0, 0
             from plain where document is not null
             union all
             select 4, null, null, counterparty, null, null, item, count(distinct document), 0, 0, 0
             from plain where document is not null group by counterparty, item
             union all
             select 5, null, null, null, null, null, null, count(distinct document), 0, 0, 0 from plain
         )
         select count(*) from ((table found except table expected) union all
                               (table expected except table found)) different",
    )
    .bind(BASE)
    .bind(from)
    .bind(hours)
    .bind(sold)
    .fetch_one(pool)
    .await
    .unwrap()
}

async fn advance(pool: &PgPool, sold: &[&str]) -> bool {
    sqlx::query_scalar("select onec.sales_advance($1, array['90.02'], $2)")
        .bind(BASE)
        .bind(sold)
        .fetch_one(pool)
        .await
        .unwrap()
}

async fn change(pool: &PgPool, statement: &'static str, dice: &mut Dice) {
    sqlx::query(statement)
        .bind(uuid(3, dice.roll(DOCUMENTS)))
        .execute(pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn sales_are_what_the_rows_say_after_any_writes() {
    let pool = database().await;
    let mut dice = Dice(3);
    let mut sold: &[&str] = &["41"];
    for step in 0..500 {
        match dice.roll(20) {
            0 => change(&pool, "delete from onec.documents where ref = $1", &mut dice).await,
            1 => {
                change(
                    &pool,
                    "delete from onec.ledger_entries where recorder = $1",
                    &mut dice,
                )
                .await
            }
            2 => {
                change(
                    &pool,
                    "delete from onec.document_rows where document = $1",
                    &mut dice,
                )
                .await
            }
            3 => {
                let moved =
                    "update onec.ledger_entries set period = period - interval '40 days' where recorder = $1";
                change(&pool, moved, &mut dice).await;
            }
            4 => {
                let moved = "update onec.documents set date = date + interval '35 days' where ref = $1";
                change(&pool, moved, &mut dice).await;
            }
            5 => sold = [&["41"][..], &["41", "43"]][usize::try_from(dice.roll(2)).unwrap()],
            6 => {
                let other = "update onec.accounts set code = case code when '43' then '44' else '43' end
                             where code in ('43', '44') and $1::uuid is not null";
                change(&pool, other, &mut dice).await;
            }
            7 | 8 => {
                advance(&pool, sold).await;
            }
            9 => while advance(&pool, sold).await {},
            10..=12 => write_document(&pool, &mut dice).await,
            13..=16 => write_row(&pool, &mut dice).await,
            _ => write_entry(&pool, &mut dice).await,
        }
        let from = dice.small(24 * 200) - 24 * 15;
        let hours = dice.small(24 * 100) + 1;
        let found = differences(&pool, from, hours, sold).await;
        assert_eq!(found, 0, "step {step}: {hours} hours since {from}");
        // Two whole months, too: those of 31 and 29 days.
        let found = differences(&pool, 0, 24 * 60, sold).await;
        assert_eq!(found, 0, "step {step}: two months");
    }
    while advance(&pool, sold).await {}
    let right: i64 = sqlx::query_scalar("select count(*) from onec.sales_months where is_right")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(right >= 6, "{right}");
    assert_eq!(differences(&pool, 0, 24 * 400, sold).await, 0);
    // Without the rows, the months that were put together would still tell of them.
    sqlx::query("truncate onec.documents cascade")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(differences(&pool, 0, 24 * 400, sold).await, 0);
}

/// An infobase goes with its sales.
#[tokio::test]
async fn an_infobase_with_sales_can_be_removed() {
    let pool = database().await;
    let mut dice = Dice(4);
    for _ in 0..60 {
        write_document(&pool, &mut dice).await;
        write_row(&pool, &mut dice).await;
        write_entry(&pool, &mut dice).await;
    }
    while advance(&pool, &["41"]).await {}
    sqlx::query("delete from onec.infobases")
        .execute(&pool)
        .await
        .unwrap();
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from onec.sales_months) + (select count(*) from onec.sales_items)
              + (select count(*) from onec.sales_documents) + (select count(*) from onec.sales_accounts)
              + (select count(*) from onec.totals_state)",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(left, 0);
}
