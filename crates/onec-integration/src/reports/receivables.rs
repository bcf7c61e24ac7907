//! Who owes us.

use common::Locale;
use common::contract::onec::ColumnKind::{Date, Id, Money, Text};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use sqlx::PgConnection;

use super::scope::Scope;
use super::table::{Heading, Table, columns, count, day, id, money, row};

/// Which side of the trade: its accounts, and the sign that makes a debt positive.
pub(super) struct Side<'a> {
    pub(super) accounts: &'a [String],
    pub(super) sign: i32,
    pub(super) advance: (&'static str, &'static str),
}

/// How an advance is called.
pub(super) const ADVANCE: (&str, &str) = ("Аванс полученный", "Advance received");

/// The report.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    live: Option<&str>,
    locale: Locale,
) -> Result<Table, StoreError> {
    let side = Side {
        accounts: &scope.profile.chart.receivables,
        sign: 1,
        advance: ADVANCE,
    };
    settlements(connection, scope, live, locale, &side).await
}

/// Debts by counterparty. A debt is the balance of a settlement document that the other side has
/// to pay; a balance the other way is an advance. A debt is due by the stages of payment of its
/// document, the earliest paid first, and where there are none by the document's date and the days
/// of the contract. It is overdue when that day is over.
pub(super) async fn settlements(
    connection: &mut PgConnection,
    scope: &Scope,
    live: Option<&str>,
    locale: Locale,
    side: &Side<'_>,
) -> Result<Table, StoreError> {
    let schedules = scope.profile.schedules();
    let found = sqlx::query!(
        r#"with open as materialized (
               select row_number() over () as n, b.counterparty, b.document, b.amount * $7 as amount,
                      case when b.amount * $7 > 0
                           then d.date::date + coalesce(c.term_days, 0) end as due
               from onec.balances($1, $2, $3, $4, $5) b
               left join onec.documents d on d.infobase_id = $1 and d.ref = b.document
               left join onec.contracts c on c.infobase_id = $1 and c.ref = coalesce(b.contract, d.contract)
               where b.amount <> 0 and ($6::uuid[] is null or b.counterparty = any($6))
           ), stages as (
               select o.n, o.counterparty, o.amount as debt, s.due, s.amount,
                      coalesce(sum(s.amount) over later, 0) as later,
                      row_number() over (partition by o.n order by s.due, s.line) = 1 as is_first
               from unnest($11::text[], $12::text[], $13::text[], $14::text[]) as schedule(set, part, day, amount)
               join onec.objects object on object.infobase_id = $1 and object.object_set = schedule.set
               join open o on o.document = object.ref and o.amount > 0
               cross join lateral (
                   -- An empty date is the first day of the calendar.
                   select line,
                          case when stage ->> schedule.day ~ '^\d{4}-\d\d-\d\d' and stage ->> schedule.day > '0002'
                               then left(stage ->> schedule.day, 10)::date end as due,
                          case when stage ->> schedule.amount ~ '^\d+(\.\d+)?$'
                               then (stage ->> schedule.amount)::numeric end as amount
                   from jsonb_array_elements(case when jsonb_typeof(object.payload -> schedule.part) = 'array'
                                                  then object.payload -> schedule.part else '[]' end)
                        with ordinality as stages(stage, line)
               ) s
               where s.amount > 0 and s.due is not null
               window later as (partition by o.n order by s.due desc, s.line desc
                                rows between unbounded preceding and 1 preceding)
           ), parts as (
               select counterparty, amount, due from open o
               where not exists (select 1 from stages s where s.n = o.n)
               union all
               select counterparty, least(debt - later, case when is_first then debt else amount end), due
               from stages where debt > later
           ), sums as (
               select counterparty,
                      sum(greatest(amount, 0)) as debt,
                      sum(case when due < $8::date then greatest(amount, 0) else 0 end) as overdue,
                      sum(case when due < $8 and due >= $8 - 30 then greatest(amount, 0) else 0 end) as overdue_30,
                      sum(case when due < $8 - 30 and due >= $8 - 60 then greatest(amount, 0) else 0 end) as overdue_60,
                      sum(case when due < $8 - 60 and due >= $8 - 90 then greatest(amount, 0) else 0 end) as overdue_90,
                      sum(case when due < $8 - 90 then greatest(amount, 0) else 0 end) as overdue_more,
                      sum(greatest(-amount, 0)) as advance,
                      min(due) as due_date
               from parts group by counterparty
           )
           select p.id as "id?", p.name as "name?", p.inn as "inn?", debt as "debt!", overdue as "overdue!",
                  overdue_30 as "overdue_30!", overdue_60 as "overdue_60!", overdue_90 as "overdue_90!",
                  overdue_more as "overdue_more!", sum(overdue_30) over () as total_30,
                  sum(overdue_60) over () as total_60, sum(overdue_90) over () as total_90,
                  sum(overdue_more) over () as total_more, advance as "advance!", due_date,
                  count(*) over () as row_count, sum(debt) over () as total_debt,
                  sum(overdue) over () as total_overdue, sum(advance) over () as total_advance
           from sums left join onec.counterparties p on p.infobase_id = $1 and p.ref = sums.counterparty
           where (debt <> 0 or advance <> 0) and (not $9 or overdue > 0)
           order by debt desc, advance desc, p.name, p.id limit $10"#,
        scope.infobase.id,
        side.accounts,
        scope.before(),
        scope.companies.as_deref(),
        live,
        scope.counterparties.as_deref(),
        Decimal::from(side.sign),
        scope.date(),
        scope.query.overdue.unwrap_or(false),
        scope.limit(),
        &schedules.sets as &[&str],
        &schedules.parts as &[&str],
        &schedules.dates as &[&str],
        &schedules.amounts as &[&str],
    )
    .fetch_all(connection)
    .await
    .store("report_settlements")?;
    let first = found.first();
    let total = |sum: Option<Option<Decimal>>| money(sum.flatten().unwrap_or_default());
    let totals = row([
        ("debt", total(first.map(|row| row.total_debt))),
        ("overdue", total(first.map(|row| row.total_overdue))),
        ("overdue_30", total(first.map(|row| row.total_30))),
        ("overdue_60", total(first.map(|row| row.total_60))),
        ("overdue_90", total(first.map(|row| row.total_90))),
        ("overdue_more", total(first.map(|row| row.total_more))),
        ("advance", total(first.map(|row| row.total_advance))),
    ]);
    let row_count = count(first.and_then(|row| row.row_count));
    let rows: Vec<Map<String, Value>> = found
        .into_iter()
        .map(|found| {
            row([
                ("counterparty_id", id(found.id)),
                ("counterparty", found.name.unwrap_or_default().into()),
                ("inn", found.inn.unwrap_or_default().into()),
                ("debt", money(found.debt)),
                ("overdue", money(found.overdue)),
                ("overdue_30", money(found.overdue_30)),
                ("overdue_60", money(found.overdue_60)),
                ("overdue_90", money(found.overdue_90)),
                ("overdue_more", money(found.overdue_more)),
                ("advance", money(found.advance)),
                ("due_date", day(found.due_date)),
            ])
        })
        .collect();
    Ok(Table {
        columns: columns(&headings(side.advance), locale),
        rows,
        totals,
        row_count,
    })
}

/// The columns.
pub(super) const fn headings(advance: (&'static str, &'static str)) -> [Heading; 11] {
    [
        ("counterparty_id", Id, "Контрагент (id)", "Counterparty id"),
        ("counterparty", Text, "Контрагент", "Counterparty"),
        ("inn", Text, "ИНН", "INN"),
        ("debt", Money, "Долг", "Debt"),
        ("overdue", Money, "Просрочено", "Overdue"),
        (
            "overdue_30",
            Money,
            "Просрочено до 30 дней",
            "1 to 30 days overdue",
        ),
        ("overdue_60", Money, "31–60 дней", "31 to 60 days"),
        ("overdue_90", Money, "61–90 дней", "61 to 90 days"),
        ("overdue_more", Money, "Свыше 90 дней", "More than 90 days"),
        ("advance", Money, advance.0, advance.1),
        ("due_date", Date, "Срок оплаты", "Due date"),
    ]
}
