//! What a language model is told of the tools.

use std::borrow::Cow;

use common::contract::onec::ReportId;
use serde_json::{Map, Value, json};

use super::Tool;

/// A tool as it is described to a model.
#[derive(Debug, Clone)]
pub(crate) struct ToolSpec {
    pub(crate) name: Cow<'static, str>,
    pub(crate) description: Cow<'static, str>,
    /// JSON Schema of the arguments.
    pub(crate) parameters: Value,
}

/// What sales may be grouped by.
const DIMENSIONS: [&str; 9] = [
    "counterparty",
    "manager",
    "item",
    "item_group",
    "warehouse",
    "company",
    "day",
    "week",
    "month",
];

/// The argument that every tool knows: which infobase, where the caller sees several.
pub(super) const INFOBASE: &str = "infobase";

/// All tools, in their stable order.
pub(crate) fn specs() -> Vec<ToolSpec> {
    Tool::all().into_iter().map(spec).collect()
}

fn spec(tool: Tool) -> ToolSpec {
    let mut properties = Map::new();
    for name in parameters(tool).iter().chain([&INFOBASE]) {
        properties.insert((*name).to_owned(), property(name));
    }
    ToolSpec {
        name: tool.name().into(),
        description: description(tool).into(),
        parameters: json!({
            "type": "object",
            "properties": properties,
            "required": required(tool),
            "additionalProperties": false,
        }),
    }
}

/// The arguments of a tool besides [`INFOBASE`]. The company is never among them: the server sets it, as
/// it does the infobase of a request that names one.
pub(super) fn parameters(tool: Tool) -> &'static [&'static str] {
    match tool {
        Tool::FindSubject => &["kind", "query"],
        Tool::Report(report) => match report {
            ReportId::Receivables | ReportId::Payables => &["counterparty", "date", "limit", "overdue"],
            ReportId::Stock => &["date", "item", "limit", "warehouse"],
            ReportId::Sales | ReportId::GrossProfit => &[
                "compare",
                "counterparty",
                "from",
                "group_by",
                "item",
                "limit",
                "manager",
                "then_by",
                "to",
                "warehouse",
            ],
            ReportId::Cash => &["date", "limit"],
            ReportId::CashFlow => &["counterparty", "from", "limit", "to"],
            ReportId::Taxes => &["from", "to"],
            ReportId::TrialBalance => &["account", "breakdown", "from", "limit", "to"],
            ReportId::AccountAnalysis => &["account", "from", "limit", "to"],
            ReportId::AccountCard => &["account", "counterparty", "from", "limit", "to"],
            ReportId::StockTurnover => &["from", "item", "limit", "to", "warehouse"],
            ReportId::Statement => &["counterparty", "from", "limit", "to"],
            ReportId::CounterpartyCard => &["counterparty"],
            ReportId::Documents => &["counterparty", "from", "limit", "to", "unposted"],
            ReportId::Postings => &["limit", "number"],
        },
    }
}

/// Arguments that must be given.
pub(super) fn required(tool: Tool) -> &'static [&'static str] {
    match tool {
        Tool::FindSubject => &["kind", "query"],
        Tool::Report(ReportId::Statement | ReportId::CounterpartyCard) => &["counterparty"],
        Tool::Report(ReportId::Postings) => &["number"],
        Tool::Report(ReportId::AccountAnalysis | ReportId::AccountCard) => &["account"],
        Tool::Report(_) => &[],
    }
}

fn property(name: &str) -> Value {
    match name {
        "date" => {
            json!({"type": "string", "format": "date", "description": "Остатки на конец этого дня, ГГГГ-ММ-ДД; без него — на сегодня."})
        }
        "from" => {
            json!({"type": "string", "format": "date", "description": "Первый день периода, ГГГГ-ММ-ДД; без него — начало текущего месяца."})
        }
        "to" => {
            json!({"type": "string", "format": "date", "description": "Последний день периода включительно, ГГГГ-ММ-ДД; без него — сегодня."})
        }
        "limit" => {
            json!({"type": "integer", "minimum": 1, "maximum": 200, "description": "Сколько строк вернуть, не больше; итоги всегда по всем строкам. По умолчанию 50."})
        }
        "overdue" => json!({"type": "boolean", "description": "true — только просроченные долги."}),
        "unposted" => json!({"type": "boolean", "description": "true — только непроведённые документы."}),
        "group_by" => {
            json!({"type": "string", "enum": DIMENSIONS, "description": "Что означает строка: покупатель, менеджер, товар, группа товаров, склад, организация, день, неделя или месяц."})
        }
        "then_by" => {
            json!({"type": "string", "enum": DIMENSIONS, "description": "Второе измерение строки, не то же, что group_by."})
        }
        "compare" => {
            json!({"type": "string", "enum": ["previous", "year_ago"], "description": "Сравнить с предыдущим периодом или с тем же периодом год назад."})
        }
        "breakdown" => {
            json!({"type": "string", "enum": ["counterparty", "contract", "document", "item", "warehouse", "money_place"], "description": "Разбивка одного счёта по аналитике; нужен account."})
        }
        "account" => {
            json!({"type": "string", "description": "Счёт плана счетов вместе с субсчетами, например 62 или 68.02."})
        }
        "number" => json!({"type": "string", "description": "Номер документа, как его назвал пользователь."}),
        "kind" => {
            json!({"type": "string", "enum": ["counterparty", "item", "warehouse", "manager", "company"], "description": "Где искать: контрагенты, номенклатура, склады, менеджеры, организации."})
        }
        "query" => {
            json!({"type": "string", "minLength": 1, "maxLength": 200, "description": "Название или его часть, без кавычек и организационной формы; для контрагента можно ИНН."})
        }
        INFOBASE => {
            json!({"type": "string", "format": "uuid", "description": "Информационная база. Нужна, только если подключено несколько: их перечислит отказ; у найденного через find_subject она в infobase_id. Если пользователь базу не назвал, спроси каждую и ответь по каждой отдельно."})
        }
        // Ids of subjects.
        _ => json!({"type": "string", "format": "uuid", "description": "Идентификатор из find_subject."}),
    }
}

fn description(tool: Tool) -> &'static str {
    match tool {
        Tool::FindSubject => {
            "Находит контрагента, товар, склад, менеджера или организацию по названию. Вызывай перед отчётом, если пользователь назвал кого-то по имени; если подходят несколько — спроси пользователя, кого он имел в виду."
        }
        Tool::Report(report) => match report {
            ReportId::Receivables => {
                "Дебиторская задолженность на дату: кто из покупателей должен нам, сколько, сколько просрочено, полученные авансы."
            }
            ReportId::Payables => {
                "Кредиторская задолженность на дату: кому из поставщиков должны мы, сколько, сколько просрочено, ближайший срок оплаты."
            }
            ReportId::Stock => "Остатки товаров на дату по складам: количество и себестоимость.",
            ReportId::Sales => {
                "Продажи за период: количество, выручка с НДС и без НДС, валовая прибыль, число документов; строки по group_by."
            }
            ReportId::Cash => "Остатки денег на дату по расчётным счетам и кассам.",
            ReportId::CashFlow => {
                "Поступления (direction=in) и списания (direction=out) денег за период по контрагентам."
            }
            ReportId::Taxes => {
                "Налоги и взносы за период по счетам 68 и 69: начислено, уплачено деньгами, зачтено, остаток."
            }
            ReportId::TrialBalance => "Оборотно-сальдовая ведомость за период по одному счёту или по всем.",
            ReportId::AccountAnalysis => {
                "Анализ счёта: обороты с корреспондирующими счетами за период и сальдо."
            }
            ReportId::AccountCard => "Карточка счёта: записи за период по порядку с текущим сальдо.",
            ReportId::StockTurnover => {
                "Ведомость по товарам: начальный остаток, приход, расход и конечный остаток за период по складам."
            }
            ReportId::GrossProfit => {
                "Валовая прибыль за период: выручка без НДС, себестоимость по проводкам, прибыль, рентабельность; строки по group_by и then_by."
            }
            ReportId::Statement => {
                "Акт сверки взаиморасчётов с одним контрагентом за период: начальное сальдо, документы, конечное сальдо."
            }
            ReportId::CounterpartyCard => {
                "Реквизиты одного контрагента: полное наименование, ИНН, КПП, адрес, телефон, почта."
            }
            ReportId::Documents => "Последние документы, либо только непроведённые.",
            ReportId::Postings => "Проводки документов с данным номером: дебет, кредит, сумма.",
        },
    }
}
