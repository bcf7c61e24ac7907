//! Documents: the latest, or those that are not posted.

use chrono::NaiveDateTime;
use common::Locale;
use common::contract::onec::ColumnKind::{Boolean, Date, Money, Text};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

use super::scope::Scope;
use super::table::{Heading, Table, columns, count, day, money_or_null, row};
use crate::profile::Profile;

pub(super) const HEADINGS: [Heading; 7] = [
    ("date", Date, "Дата", "Date"),
    ("type", Text, "Документ", "Document"),
    ("number", Text, "Номер", "Number"),
    ("counterparty", Text, "Контрагент", "Counterparty"),
    ("amount", Money, "Сумма", "Amount"),
    ("posted", Boolean, "Проведён", "Posted"),
    (
        "deletion_mark",
        Boolean,
        "Пометка удаления",
        "Marked for deletion",
    ),
];

/// The report.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    locale: Locale,
) -> Result<Table, StoreError> {
    let query = &scope.query;
    let found = sqlx::query!(
        r#"with fitting as not materialized (
             select * from onec.documents d
             where d.infobase_id = $1
             and ($2::timestamp is null or d.date >= $2) and ($3::timestamp is null or d.date < $3)
             and ($4::uuid[] is null or d.company = any($4))
             and ($5::uuid[] is null or d.counterparty = any($5))
             and ($6::uuid is null or d.manager = $6)
             and ($7::boolean is null or d.posted <> $7)
             and ($8::text is null or lower(d.number) = lower($8)
                  or ltrim(regexp_replace(d.number, '^.*\D', ''), '0') = ltrim($8, '0'))
           ), latest as (
             select * from fitting order by date desc, entity, number desc, ref limit $9
           )
           select d.entity, d.number, d.date, d.amount, d.posted, d.deleted,
                  coalesce(p.name, m.name, '') as "counterparty!", (select count(*) from fitting) as row_count
           from latest d
           left join onec.counterparties p on p.infobase_id = $1 and p.ref = d.counterparty
           left join onec.managers m on m.infobase_id = $1 and m.ref = d.counterparty
           order by d.date desc, d.entity, d.number desc, d.ref"#,
        scope.infobase.id,
        query.from.map(|_| scope.since()),
        query.to.map(|_| scope.until()),
        scope.companies.as_deref(),
        scope.counterparties.as_deref(),
        scope.manager,
        query.unposted,
        query.number.as_deref().map(str::trim),
        scope.limit(),
    )
    .fetch_all(connection)
    .await
    .store("report_documents")?;
    let row_count = count(found.first().and_then(|row| row.row_count));
    Ok(Table {
        columns: columns(&HEADINGS, locale),
        totals: row([("count", row_count.into())]),
        row_count,
        rows: found
            .into_iter()
            .map(|found| {
                row([
                    ("date", day(Some(found.date.date()))),
                    ("type", title(scope.profile, locale, &found.entity).into()),
                    ("number", found.number.into()),
                    ("counterparty", found.counterparty.into()),
                    ("amount", money_or_null(found.amount)),
                    ("posted", found.posted.into()),
                    ("deletion_mark", found.deleted.into()),
                ])
            })
            .collect(),
    })
}

/// What people call documents of a kind.
pub(super) fn title<'a>(profile: &'a Profile, locale: Locale, entity: &'a str) -> &'a str {
    profile
        .document_title(entity)
        .map_or(entity, |title| match locale {
            Locale::Ru => title.ru.as_str(),
            Locale::En => title.en.as_str(),
        })
}

/// How a document is shown, as 1C does it. One that is not mirrored has its date only.
pub(super) fn presentation(
    profile: &Profile,
    locale: Locale,
    entity: Option<&str>,
    number: Option<&str>,
    date: NaiveDateTime,
) -> String {
    let date = date.format("%d.%m.%Y %H:%M:%S");
    match (entity.zip(number), locale) {
        (Some((entity, number)), Locale::Ru) => {
            format!("{} {number} от {date}", title(profile, locale, entity))
        }
        (Some((entity, number)), Locale::En) => {
            format!("{} {number} of {date}", title(profile, locale, entity))
        }
        (None, Locale::Ru) => format!("Документ от {date}"),
        (None, Locale::En) => format!("Document of {date}"),
    }
}
