//! What the tools take. The schemas that models see are made from these types.
//!
//! The company is in none of them: the server sets it, as it does the infobase of a request that names
//! one.

use chrono::NaiveDate;
use common::contract::onec::{ReportId, ReportQuery, SubjectKind};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

const INFOBASE: &str = "Информационная база. Нужна, только если подключено несколько: их перечислит отказ; у найденного через find_subject она в infobase_id. Если пользователь базу не назвал, спроси каждую и ответь по каждой отдельно.";
const DATE: &str = "Остатки на конец этого дня, ГГГГ-ММ-ДД; без него — на сегодня.";
const FROM: &str = "Первый день периода, ГГГГ-ММ-ДД; без него — начало текущего месяца.";
const TO: &str = "Последний день периода включительно, ГГГГ-ММ-ДД; без него — сегодня.";
const LIMIT: &str = "Сколько строк вернуть, не больше; итоги всегда по всем строкам. По умолчанию 50.";
const SUBJECT: &str = "Идентификатор из find_subject.";
const ACCOUNT: &str = "Счёт плана счетов вместе с субсчетами, например 62 или 68.02.";
const ENTITY: &str = "Имя набора из list_entities, например Document_РеализацияТоваровУслуг.";

/// A type of arguments; each takes the infobase too.
macro_rules! arguments {
    ($($(#[doc = $doc:literal])* $name:ident { $($field:ident: $type:ty = $description:expr,)* })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $(#[schemars(description = $description)] pub(super) $field: $type,)*
            #[schemars(description = INFOBASE)] pub(super) infobase: Option<Uuid>,
        }
    )*};
}

arguments! {
    /// Names to ids.
    Search {
        kind: Kind = "Где искать: контрагенты, номенклатура, склады, менеджеры, организации.",
        query: Words = "Название или его часть, без кавычек и организационной формы; для контрагента можно ИНН.",
    }
    /// The companies.
    Companies {}
    /// Debts at a date.
    Debts {
        date: Option<NaiveDate> = DATE,
        counterparty: Option<Uuid> = SUBJECT,
        overdue: Option<bool> = "true — только просроченные долги.",
        limit: Option<Limit> = LIMIT,
    }
    /// Goods at a date.
    Stock {
        date: Option<NaiveDate> = DATE,
        item: Option<Uuid> = SUBJECT,
        warehouse: Option<Uuid> = SUBJECT,
        limit: Option<Limit> = LIMIT,
    }
    /// Sales and profit of a period.
    Sales {
        from: Option<NaiveDate> = FROM,
        to: Option<NaiveDate> = TO,
        group_by: Option<Dimension> = "Что означает строка: покупатель, менеджер, товар, группа товаров, склад, организация, день, неделя или месяц.",
        then_by: Option<Dimension> = "Второе измерение строки, не то же, что group_by.",
        compare: Option<Compare> = "Сравнить с предыдущим периодом или с тем же периодом год назад.",
        counterparty: Option<Uuid> = SUBJECT,
        item: Option<Uuid> = SUBJECT,
        manager: Option<Uuid> = SUBJECT,
        warehouse: Option<Uuid> = SUBJECT,
        limit: Option<Limit> = LIMIT,
    }
    /// Money at a date.
    Cash {
        date: Option<NaiveDate> = DATE,
        limit: Option<Limit> = LIMIT,
    }
    /// What a period has by counterparty.
    CashFlow {
        from: Option<NaiveDate> = FROM,
        to: Option<NaiveDate> = TO,
        counterparty: Option<Uuid> = SUBJECT,
        limit: Option<Limit> = LIMIT,
    }
    /// A period.
    Taxes {
        from: Option<NaiveDate> = FROM,
        to: Option<NaiveDate> = TO,
    }
    /// Turnovers of accounts.
    TrialBalance {
        from: Option<NaiveDate> = FROM,
        to: Option<NaiveDate> = TO,
        account: Option<String> = ACCOUNT,
        breakdown: Option<Breakdown> = "Разбивка одного счёта по аналитике; нужен account.",
        limit: Option<Limit> = LIMIT,
    }
    /// One account in a period.
    AccountAnalysis {
        account: String = ACCOUNT,
        from: Option<NaiveDate> = FROM,
        to: Option<NaiveDate> = TO,
        limit: Option<Limit> = LIMIT,
    }
    /// Entries of one account.
    AccountCard {
        account: String = ACCOUNT,
        from: Option<NaiveDate> = FROM,
        to: Option<NaiveDate> = TO,
        counterparty: Option<Uuid> = SUBJECT,
        limit: Option<Limit> = LIMIT,
    }
    /// Goods of a period.
    StockTurnover {
        from: Option<NaiveDate> = FROM,
        to: Option<NaiveDate> = TO,
        item: Option<Uuid> = SUBJECT,
        warehouse: Option<Uuid> = SUBJECT,
        limit: Option<Limit> = LIMIT,
    }
    /// Settlements with one counterparty.
    Statement {
        counterparty: Uuid = SUBJECT,
        from: Option<NaiveDate> = FROM,
        to: Option<NaiveDate> = TO,
        limit: Option<Limit> = LIMIT,
    }
    /// One counterparty.
    CounterpartyCard {
        counterparty: Uuid = SUBJECT,
    }
    /// The latest documents.
    Documents {
        from: Option<NaiveDate> = FROM,
        to: Option<NaiveDate> = TO,
        counterparty: Option<Uuid> = SUBJECT,
        unposted: Option<bool> = "true — только непроведённые документы.",
        limit: Option<Limit> = LIMIT,
    }
    /// Entries of documents of a number.
    Postings {
        number: String = "Номер документа, как его назвал пользователь.",
        limit: Option<Limit> = LIMIT,
    }
    /// What is published.
    Entities {
        kind: Option<EntityKind> = "Вид набора: справочники, документы, регистры.",
        query: Option<String> = "Часть имени, например Реализация.",
    }
    /// One set.
    Entity {
        entity: String = ENTITY,
    }
    /// Rows of a set.
    Rows {
        entity: String = ENTITY,
        conditions: Option<Vec<Condition>> = "Условия, которые выполняются все сразу.",
        select: Option<Vec<String>> = "Имена реквизитов из describe_entity; без них — все, кроме табличных частей.",
        names: Option<Vec<String>> = "Ссылки, для которых нужны и названия объектов, например Контрагент_Key.",
        order_by: Option<String> = "Реквизит, по которому упорядочить.",
        descending: Option<bool> = "true — от большего к меньшему.",
        limit: Option<Limit> = "Сколько строк вернуть, не больше. По умолчанию 50.",
    }
    /// A report as a file.
    ReportAsFile {
        report: ReportName = "Какой отчёт.",
        parameters: Option<Map<String, Value>> = "Параметры отчёта, те же, что у его инструмента get_…, кроме limit: в файле все строки.",
    }
    /// What is to be written when a person confirms it.
    Draft {
        entity: String = "Имя набора из list_entities: Document_… или Catalog_….",
        r#ref: Option<Uuid> = "Ссылка (Ref_Key) объекта, который меняют; без неё — новый объект.",
        values: Map<String, Value> = "Реквизиты и табличные части по именам из describe_entity: строки, числа строкой с точкой, даты ГГГГ-ММ-ДДTЧЧ:ММ:СС, ссылки идентификаторами; табличная часть — список строк.",
        post: Option<bool> = "true — провести документ после записи.",
    }
}

/// A report by its name.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct ReportName(pub(super) ReportId);

impl JsonSchema for ReportName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReportName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names = ReportId::ALL.map(ReportId::as_str);
        schemars::json_schema!({"type": "string", "enum": names})
    }
}

/// Rows of an answer.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Limit(#[schemars(range(min = 1, max = 200))] pub(super) u32);

/// What is looked for.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Words(#[schemars(length(min = 1, max = 200))] pub(super) String);

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Counterparty,
    Item,
    Warehouse,
    Manager,
    Company,
}

impl From<Kind> for SubjectKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Counterparty => Self::Counterparty,
            Kind::Item => Self::Item,
            Kind::Warehouse => Self::Warehouse,
            Kind::Manager => Self::Manager,
            Kind::Company => Self::Company,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Dimension {
    Counterparty,
    Manager,
    Item,
    ItemGroup,
    Warehouse,
    Company,
    Day,
    Week,
    Month,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Compare {
    Previous,
    YearAgo,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Breakdown {
    Counterparty,
    Contract,
    Document,
    Item,
    Warehouse,
    MoneyPlace,
}

/// Kinds of sets, by the names that 1C's OData has for them.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
pub(super) enum EntityKind {
    Catalog,
    Document,
    InformationRegister,
    AccumulationRegister,
    AccountingRegister,
    ChartOfAccounts,
    Constant,
}

/// A condition on a property.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    #[schemars(description = "Реквизит, или Ссылка/Реквизит того, на что она ведёт.")]
    pub(super) property: String,
    #[schemars(description = "Равно, не равно, больше, не меньше, меньше, не больше, содержит.")]
    pub(super) op: Comparison,
    #[schemars(
        with = "String",
        description = "Значение: число, дата ГГГГ-ММ-ДД, true или false, идентификатор, текст."
    )]
    pub(super) value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Comparison {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Contains,
}

impl Comparison {
    /// The operator of OData; none for what is a function there.
    pub(super) const fn operator(self) -> Option<&'static str> {
        match self {
            Self::Eq => Some("eq"),
            Self::Ne => Some("ne"),
            Self::Gt => Some("gt"),
            Self::Ge => Some("ge"),
            Self::Lt => Some("lt"),
            Self::Le => Some("le"),
            Self::Contains => None,
        }
    }
}

/// JSON Schema of the arguments of a report.
pub(super) fn schema_of_report(report: ReportId) -> Value {
    match report {
        ReportId::Receivables | ReportId::Payables => schema::<Debts>(),
        ReportId::Stock => schema::<Stock>(),
        ReportId::Sales | ReportId::GrossProfit => schema::<Sales>(),
        ReportId::Cash => schema::<Cash>(),
        ReportId::CashFlow => schema::<CashFlow>(),
        ReportId::Taxes => schema::<Taxes>(),
        ReportId::TrialBalance => schema::<TrialBalance>(),
        ReportId::AccountAnalysis => schema::<AccountAnalysis>(),
        ReportId::AccountCard => schema::<AccountCard>(),
        ReportId::StockTurnover => schema::<StockTurnover>(),
        ReportId::Statement => schema::<Statement>(),
        ReportId::CounterpartyCard => schema::<CounterpartyCard>(),
        ReportId::Documents => schema::<Documents>(),
        ReportId::Postings => schema::<Postings>(),
    }
}

/// The parameters of a report.
///
/// # Errors
/// When the arguments are of other types.
pub(super) fn report_query(report: ReportId, arguments: Value) -> Result<ReportQuery, serde_json::Error> {
    match report {
        ReportId::Receivables | ReportId::Payables => query::<Debts>(arguments),
        ReportId::Stock => query::<Stock>(arguments),
        ReportId::Sales | ReportId::GrossProfit => query::<Sales>(arguments),
        ReportId::Cash => query::<Cash>(arguments),
        ReportId::CashFlow => query::<CashFlow>(arguments),
        ReportId::Taxes => query::<Taxes>(arguments),
        ReportId::TrialBalance => query::<TrialBalance>(arguments),
        ReportId::AccountAnalysis => query::<AccountAnalysis>(arguments),
        ReportId::AccountCard => query::<AccountCard>(arguments),
        ReportId::StockTurnover => query::<StockTurnover>(arguments),
        ReportId::Statement => query::<Statement>(arguments),
        ReportId::CounterpartyCard => query::<CounterpartyCard>(arguments),
        ReportId::Documents => query::<Documents>(arguments),
        ReportId::Postings => query::<Postings>(arguments),
    }
}

fn query<T: DeserializeOwned + Serialize>(arguments: Value) -> Result<ReportQuery, serde_json::Error> {
    let typed: T = serde_json::from_value(arguments)?;
    serde_json::from_value(serde_json::to_value(typed)?)
}

/// JSON Schema of a type, in the subset that all providers take: no references, no null, no titles.
pub(super) fn schema<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = Value::from(settings.into_generator().into_root_schema_for::<T>());
    if let Some(map) = schema.as_object_mut() {
        map.remove("description");
        map.entry("properties")
            .or_insert_with(|| Value::Object(Map::new()));
        map.entry("required").or_insert_with(|| Value::Array(Vec::new()));
    }
    plain(&mut schema);
    schema
}

fn plain(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Array(choices)) = map.remove("anyOf") {
                let is_null = |choice: &Value| choice.get("type").and_then(Value::as_str) == Some("null");
                for choice in choices.into_iter().filter(|choice| !is_null(choice)) {
                    if let Value::Object(choice) = choice {
                        for (key, value) in choice {
                            map.entry(key).or_insert(value);
                        }
                    }
                }
            }
            for key in ["title", "default"] {
                // A property may be called so.
                if !map.get(key).is_some_and(Value::is_object) {
                    map.remove(key);
                }
            }
            if map
                .get("format")
                .and_then(Value::as_str)
                .is_some_and(|format| format.starts_with("uint") || format.starts_with("int"))
            {
                map.remove("format");
            }
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|one| one != "null");
                if let [one] = &types[..] {
                    let one = one.clone();
                    map.insert("type".to_owned(), one);
                }
            }
            if let Some(Value::Array(values)) = map.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            map.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_are_plain() {
        let debts = schema::<Debts>();
        assert_eq!(debts["additionalProperties"], false);
        assert_eq!(debts["required"], json!([]));
        let property = |name: &str| debts["properties"][name].clone();
        assert_eq!(
            property("date"),
            json!({"type": "string", "format": "date", "description": DATE})
        );
        assert_eq!(
            property("limit"),
            json!({"type": "integer", "minimum": 1, "maximum": 200, "description": LIMIT})
        );
        assert_eq!(
            property("counterparty"),
            json!({"type": "string", "format": "uuid", "description": SUBJECT})
        );
        let sales = schema::<Sales>();
        assert_eq!(
            sales["properties"]["compare"]["enum"],
            json!(["previous", "year_ago"])
        );
        let rows = schema::<Rows>();
        assert_eq!(rows["required"], json!(["entity"]));
        assert_eq!(
            rows["properties"]["conditions"]["items"]["required"],
            json!(["property", "op", "value"])
        );
        let file = schema::<ReportAsFile>();
        assert_eq!(file["properties"]["report"]["enum"].as_array().unwrap().len(), 16);
        for schema in [&debts, &sales, &rows, &file, &schema::<Draft>()] {
            let text = schema.to_string();
            for part in ["null", "$ref", "$defs", "anyOf", "$schema", "uint32"] {
                assert!(!text.contains(part), "{part} in {text}");
            }
        }
    }

    #[test]
    fn all_that_a_schema_offers_is_understood_by_reports() {
        let id = Uuid::from_u128(7);
        for report in ReportId::ALL {
            let schema = schema_of_report(report);
            let mut arguments = Map::new();
            for (name, property) in schema["properties"].as_object().unwrap() {
                let value = match (property["type"].as_str(), property["format"].as_str()) {
                    (_, Some("date")) => json!("2026-10-01"),
                    (_, Some("uuid")) => json!(id),
                    (Some("boolean"), _) => json!(true),
                    (Some("integer"), _) => json!(5),
                    _ => match property["enum"].as_array() {
                        Some(values) => values[0].clone(),
                        None => json!("62"),
                    },
                };
                assert!(property["description"].is_string(), "{report} {name}");
                arguments.insert(name.clone(), value);
            }
            assert_ne!(arguments.len(), 0);
            assert!(!arguments.contains_key("company"));
            let query = report_query(report, Value::Object(arguments.clone())).unwrap();
            let Value::Object(mut told) = serde_json::to_value(query).unwrap() else {
                unreachable!("a query is an object");
            };
            told.retain(|_, value| !value.is_null());
            assert_eq!(told, arguments, "{report}");
        }
        for dimension in schema::<Sales>()["properties"]["group_by"]["enum"]
            .as_array()
            .unwrap()
        {
            report_query(ReportId::Sales, json!({"group_by": dimension})).unwrap();
        }
        for breakdown in schema::<TrialBalance>()["properties"]["breakdown"]["enum"]
            .as_array()
            .unwrap()
        {
            report_query(ReportId::TrialBalance, json!({"breakdown": breakdown})).unwrap();
        }
    }
}
