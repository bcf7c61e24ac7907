//! What a language model is told of the tools.

use std::borrow::Cow;
use std::sync::LazyLock;

use common::auth::PermissionSet;
use common::contract::onec::ReportId;
use serde_json::Value;

use super::Tool;
use super::arguments::{self, schema};

/// A tool as it is described to a model.
#[derive(Debug, Clone)]
pub(crate) struct ToolSpec {
    pub(crate) name: Cow<'static, str>,
    pub(crate) description: Cow<'static, str>,
    /// JSON Schema of the arguments.
    pub(crate) parameters: Value,
}

static SPECS: LazyLock<Vec<(Tool, ToolSpec)>> = LazyLock::new(|| {
    Tool::all()
        .into_iter()
        .map(|tool| {
            let spec = ToolSpec {
                name: tool.name().into(),
                description: description(tool).into(),
                parameters: parameters(tool),
            };
            (tool, spec)
        })
        .collect()
});

/// The tools that these permissions open, in their stable order: a model is not told of others.
pub(crate) fn specs(permissions: PermissionSet) -> Vec<ToolSpec> {
    SPECS
        .iter()
        .filter(|(tool, _)| tool.is_open_to(permissions))
        .map(|(_, spec)| spec.clone())
        .collect()
}

/// JSON Schema of the arguments of a tool.
pub(super) fn parameters_of(tool: Tool) -> Option<&'static Value> {
    let found = SPECS.iter().find(|(one, _)| *one == tool);
    found.map(|(_, spec)| &spec.parameters)
}

fn parameters(tool: Tool) -> Value {
    match tool {
        Tool::FindSubject => schema::<arguments::Search>(),
        Tool::Companies => schema::<arguments::Companies>(),
        Tool::Report(report) => arguments::schema_of_report(report),
        Tool::Entities => schema::<arguments::Entities>(),
        Tool::Entity => schema::<arguments::Entity>(),
        Tool::Rows => schema::<arguments::Rows>(),
        Tool::Draft => schema::<arguments::Draft>(),
        Tool::ReportFile => schema::<arguments::ReportAsFile>(),
    }
}

fn description(tool: Tool) -> &'static str {
    match tool {
        Tool::FindSubject => {
            "Находит контрагента, товар, склад, менеджера или организацию по названию. Вызывай перед отчётом, если пользователь назвал кого-то по имени; если подходят несколько — спроси пользователя, кого он имел в виду."
        }
        Tool::Companies => {
            "Наши организации, которые видит пользователь: название, ИНН, информационная база."
        }
        Tool::Entities => {
            "Список справочников, документов и регистров, которые публикует информационная база. Нужен, только если подходящего отчёта нет."
        }
        Tool::Entity => "Реквизиты, табличные части и ссылки одного справочника, документа или регистра.",
        Tool::Rows => {
            "Строки справочника, документа или регистра из 1С на сейчас, по условиям. Только если подходящего отчёта нет; сначала describe_entity. Итогов здесь нет: не складывай строки, если показаны не все."
        }
        Tool::Draft => {
            "Составляет черновик нового документа или элемента справочника либо изменения. В 1С ничего не записывается: пользователь увидит черновик рядом с ответом и сам подтвердит его или отбросит. Сначала describe_entity и find_subject."
        }
        Tool::ReportFile => {
            "Делает отчёт файлом CSV со всеми строками, когда пользователь просит файл или таблицу для Excel. Ссылку пользователь увидит рядом с ответом."
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
