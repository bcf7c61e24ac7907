//! Totals of the ledger: whatever is written in whatever order, reports by totals are plain sums.

use common::testing;
use rust_decimal::Decimal;
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
}

const fn uuid(kind: u128, n: u64) -> Uuid {
    Uuid::from_u128((kind << 64) | n as u128)
}

const BASE: Uuid = uuid(1, 1);

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
    for n in 0..4 {
        sqlx::query(
            "insert into onec.accounts (infobase_id, ref, data_version, deleted, code, name, nature, generation)
             values ($1, $2, '', false, $3, '', '', $1)",
        )
        .bind(BASE)
        .bind(uuid(2, n))
        .bind(["41.01", "60.01", "62.01", "001"][usize::try_from(n).unwrap()])
        .execute(&pool)
        .await
        .unwrap();
    }
    pool
}

/// One entry: any date of two years, now and then off balance or a storno.
async fn write(pool: &PgPool, dice: &mut Dice, recorder: u64, line: i32) {
    let side = |dice: &mut Dice| uuid(2, dice.roll(3));
    let off_balance = dice.roll(8);
    let debit = (off_balance != 0).then(|| side(dice)).or(Some(uuid(2, 3)));
    let credit = (off_balance != 0).then(|| side(dice));
    let amount = Decimal::from(dice.roll(2000)) - Decimal::from(500);
    sqlx::query(
        "insert into onec.ledger_entries
             (infobase_id, recorder, line, recorder_type, period, company, debit_account, credit_account,
              debit_counterparty, credit_document, debit_item, amount, debit_quantity, content)
         values ($1, $2, $3, '', timestamp '2024-01-01' + $4 * interval '1 hour', $5, $6, $7, $8, $9, $10, $11, $12, '')
         on conflict (infobase_id, recorder, line) do update set
             period = excluded.period, amount = excluded.amount, debit_account = excluded.debit_account",
    )
    .bind(BASE)
    .bind(uuid(3, recorder))
    .bind(line)
    .bind(i32::try_from(dice.roll(24 * 730)).unwrap())
    .bind(uuid(4, dice.roll(2)))
    .bind(debit)
    .bind(credit)
    .bind((dice.roll(2) == 0).then(|| uuid(5, dice.roll(3))))
    .bind((dice.roll(2) == 0).then(|| uuid(6, dice.roll(3))))
    .bind((dice.roll(2) == 0).then(|| uuid(7, dice.roll(3))))
    .bind(amount)
    .bind(Decimal::from(dice.roll(5)))
    .execute(pool)
    .await
    .unwrap();
}

/// How many rows of each report differ from plain sums, at a day and since it.
async fn differences(pool: &PgPool, from: i32, days: i32) -> i64 {
    sqlx::query_scalar(
        "with codes as (select array['41', '60', '62', '001'] as codes,
                               timestamp '2024-01-01' + $2 * interval '1 day' as since,
                               timestamp '2024-01-01' + ($2 + $3) * interval '1 day' as until),
         balances as (
             select account, company, counterparty, document, item, amount, quantity
             from codes, onec.balances($1, codes, since, null, null) where amount <> 0 or quantity <> 0
         ), plain_balances as (
             select account, company, counterparty, document, item, sum(debit - credit) as amount,
                    sum(quantity) as quantity
             from codes, onec.ledger_sides where period < since
             group by 1, 2, 3, 4, 5 having sum(debit - credit) <> 0 or sum(quantity) <> 0
         ), turnovers as (
             select account, opening, debit, credit from codes, onec.turnovers($1, codes, since, until, null, null)
             where opening <> 0 or debit <> 0 or credit <> 0
         ), plain_turnovers as (
             select account, coalesce(sum(debit - credit) filter (where period < since), 0) as opening,
                    coalesce(sum(debit) filter (where period >= since), 0) as debit,
                    coalesce(sum(credit) filter (where period >= since), 0) as credit
             from codes, onec.ledger_sides where period < until group by 1
         ), movements as (
             select account, company, counterparty, item, sum(debit) as debit, sum(credit) as credit,
                    sum(debit_quantity) as received, sum(credit_quantity) as issued
             from codes, onec.movements($1, codes, since, until, null) group by 1, 2, 3, 4
         ), plain_movements as (
             select account, company, counterparty, item, sum(debit), sum(credit),
                    sum(case when is_debit then quantity else 0 end), sum(case when is_debit then 0 else -quantity end)
             from codes, onec.ledger_sides where period >= since and period < until group by 1, 2, 3, 4
         ), pairs as (
             select debit_account, credit_account, company, sum(amount)
             from codes, onec.correspondence($1, since, until, null) group by 1, 2, 3
         ), plain_pairs as (
             select debit_account, credit_account, company, sum(amount)
             from codes, onec.ledger_entries where period >= since and period < until group by 1, 2, 3
         )
         select (select count(*) from ((table balances except table plain_balances)
                                       union all (table plain_balances except table balances)) a)
              + (select count(*) from ((table turnovers
                                        except (select * from plain_turnovers where opening <> 0 or debit <> 0 or credit <> 0))
                                       union all ((select * from plain_turnovers where opening <> 0 or debit <> 0 or credit <> 0)
                                        except table turnovers)) b)
              + (select count(*) from ((table movements except table plain_movements)
                                       union all (table plain_movements except table movements)) c)
              + (select count(*) from ((table pairs except table plain_pairs)
                                       union all (table plain_pairs except table pairs)) d)",
    )
    .bind(BASE)
    .bind(from)
    .bind(days)
    .fetch_one(pool)
    .await
    .unwrap()
}

async fn advance(pool: &PgPool) -> bool {
    sqlx::query_scalar("select onec.totals_advance($1)")
        .bind(BASE)
        .fetch_one(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn reports_by_totals_are_plain_sums_after_any_writes() {
    let pool = database().await;
    let mut dice = Dice(1);
    for step in 0..400 {
        match dice.roll(10) {
            0 => {
                sqlx::query("delete from onec.ledger_entries where recorder = $1")
                    .bind(uuid(3, dice.roll(60)))
                    .execute(&pool)
                    .await
                    .unwrap();
            }
            1 => {
                // Moved to another date.
                sqlx::query(
                    "update onec.ledger_entries set period = period - interval '40 days' where recorder = $1",
                )
                .bind(uuid(3, dice.roll(60)))
                .execute(&pool)
                .await
                .unwrap();
            }
            2 => {
                advance(&pool).await;
            }
            3 => while advance(&pool).await {},
            _ => {
                let (recorder, line) = (dice.roll(60), i32::try_from(dice.roll(4)).unwrap());
                write(&pool, &mut dice, recorder, line).await;
            }
        }
        let from = i32::try_from(dice.roll(760)).unwrap() - 15;
        let days = i32::try_from(dice.roll(200)).unwrap() + 1;
        assert_eq!(
            differences(&pool, from, days).await,
            0,
            "step {step}: {days} days since {from}"
        );
        // Whole months, too.
        assert_eq!(differences(&pool, 31, 29).await, 0, "step {step}: a month");
    }
    while advance(&pool).await {}
    let left: i64 = sqlx::query_scalar("select count(*) from onec.totals_months")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(left > 12, "{left}");
    sqlx::query("truncate onec.ledger_entries")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(differences(&pool, 0, 700).await, 0);
}

/// An infobase goes with its entries and their totals.
#[tokio::test]
async fn an_infobase_can_be_removed() {
    let pool = database().await;
    let mut dice = Dice(2);
    for recorder in 0..20 {
        write(&pool, &mut dice, recorder, 1).await;
    }
    while advance(&pool).await {}
    sqlx::query("delete from onec.infobases")
        .execute(&pool)
        .await
        .unwrap();
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from onec.totals_state) + (select count(*) from onec.totals_balances)
              + (select count(*) from onec.totals_months) + (select count(*) from onec.totals_turnovers)",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(left, 0);
}
