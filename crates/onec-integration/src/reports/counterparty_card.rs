//! Requisites of one counterparty.

use common::Locale;
use common::contract::onec::ColumnKind::Text;
use common::db::{StoreError, StoreResult};
use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::scope::Scope;
use super::table::{Heading, Table, columns, row};

pub(super) const HEADINGS: [Heading; 2] = [
    ("field", Text, "Реквизит", "Field"),
    ("value", Text, "Значение", "Value"),
];

#[derive(Debug, Deserialize)]
struct Contact {
    kind: String,
    text: String,
}

/// The report: filled-in fields, contacts, and the contracts with the caller's companies.
pub(super) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    locale: Locale,
) -> Result<Table, StoreError> {
    let reference = scope
        .counterparties
        .as_ref()
        .and_then(|refs| refs.first().copied());
    let found = sqlx::query!(
        r#"select name, full_name, inn, kpp, legal_form, code, contacts as "contacts: Json<Vec<Contact>>", deleted
           from onec.counterparties where infobase_id = $1 and ref = $2"#,
        scope.infobase.id,
        reference,
    )
    .fetch_optional(&mut *connection)
    .await
    .store("report_counterparty_card")?;
    let contracts = sqlx::query!(
        r#"select c.name, c.term_days, o.name as "company?" from onec.contracts c
           left join onec.companies o on o.infobase_id = $1 and o.ref = c.company
           where c.infobase_id = $1 and c.owner = $2 and not c.deleted
             and ($3::uuid[] is null or c.company = any($3))
           order by c.date, c.name limit 50"#,
        scope.infobase.id,
        reference,
        scope.companies.as_deref(),
    )
    .fetch_all(connection)
    .await
    .store("report_counterparty_contracts")?;
    let ru = locale == Locale::Ru;
    let word = |in_russian: &str, in_english: &str| if ru { in_russian } else { in_english }.to_owned();
    let mut fields: Vec<(String, String)> = Vec::new();
    if let Some(card) = found {
        fields.extend([
            (word("Наименование", "Name"), card.name),
            (word("Полное наименование", "Full name"), card.full_name),
            (word("ИНН", "INN"), card.inn),
            (word("КПП", "KPP"), card.kpp),
            (word("Вид", "Kind"), spaced(&card.legal_form)),
            (word("Код в 1С", "Code in 1C"), card.code),
        ]);
        for contact in card.contacts.0 {
            fields.push((spaced(&contact.kind), contact.text));
        }
        if card.deleted {
            fields.push((word("Пометка удаления", "Marked for deletion"), word("да", "yes")));
        }
    }
    for contract in contracts {
        let mut value = contract.name;
        if let Some(company) = contract.company {
            value = format!("{value} ({company})");
        }
        if contract.term_days > 0 {
            let days = contract.term_days;
            value.push_str(&word(
                &format!(", срок оплаты {days} дн."),
                &format!(", {days} days to pay"),
            ));
        }
        fields.push((word("Договор", "Contract"), value));
    }
    fields.retain(|(_, value)| !value.is_empty());
    let row_count = fields.len() as u64;
    let limit = usize::try_from(scope.limit()).unwrap_or(usize::MAX);
    Ok(Table {
        columns: columns(&HEADINGS, locale),
        rows: fields
            .into_iter()
            .take(limit)
            .map(|(field, value)| row([("field", field.into()), ("value", value.into())]))
            .collect(),
        totals: row([]),
        row_count,
    })
}

/// Members of enumerations are written in one word: «ЮридическоеЛицо» is «Юридическое лицо».
fn spaced(member: &str) -> String {
    let mut text = String::new();
    let mut after_lower = false;
    for c in member.chars() {
        if c.is_uppercase() && after_lower {
            text.push(' ');
            text.extend(c.to_lowercase());
        } else {
            text.push(c);
        }
        after_lower = c.is_lowercase();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::spaced;

    #[test]
    fn members_of_enumerations_are_made_readable() {
        assert_eq!(spaced("ЮридическоеЛицо"), "Юридическое лицо");
        assert_eq!(spaced("АдресЭлектроннойПочты"), "Адрес электронной почты");
        assert_eq!(spaced("ИНН"), "ИНН");
        assert_eq!(spaced(""), "");
    }
}
