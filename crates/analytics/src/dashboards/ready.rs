//! Dashboards that are there from the start.

use common::{Locale, Text};
use serde_json::{Value, json};

use super::definition::Definition;

/// A dashboard of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    pub(crate) id: &'static str,
    /// Changes when panels do.
    pub(crate) version: i32,
    definition: fn(Locale) -> Value,
}

static ALL: [Ready; 6] = [
    Ready {
        id: "overview",
        version: 2,
        definition: overview,
    },
    Ready {
        id: "director",
        version: 1,
        definition: director,
    },
    Ready {
        id: "accountant",
        version: 1,
        definition: accountant,
    },
    Ready {
        id: "ai",
        version: 1,
        definition: ai,
    },
    Ready {
        id: "system",
        version: 1,
        definition: system,
    },
    Ready {
        id: "security",
        version: 1,
        definition: security,
    },
];

/// All of them.
pub(crate) fn ready() -> &'static [Ready] {
    &ALL
}

impl Ready {
    /// What it shows, in a language.
    pub(crate) fn definition(self, locale: Locale) -> Option<Definition> {
        // A test reads all of them.
        serde_json::from_value((self.definition)(locale)).ok()
    }
}

/// Words in a language.
struct Words(Locale);

impl Words {
    fn say(&self, ru: &'static str, en: &'static str) -> String {
        Text::new(ru, en).get(self.0).to_owned()
    }
}

fn grid(x: u32, y: u32, w: u32, h: u32) -> Value {
    json!({"x": x, "y": y, "w": w, "h": h})
}

fn sales_stat(words: &Words, at: Value) -> Value {
    json!({"id": "revenue", "kind": "stat", "title": words.say("Продажи", "Sales"), "grid": at, "compare": true,
        "query": {"id": "onec.sales", "params": {"limit": 1}}, "fields": {"totals": ["revenue", "gross_profit"]}})
}

fn receivables_stat(words: &Words, at: Value) -> Value {
    json!({"id": "receivables", "kind": "stat", "title": words.say("Нам должны", "Receivables"), "grid": at,
        "compare": true, "query": {"id": "onec.receivables", "params": {"limit": 1}},
        "fields": {"totals": ["debt", "overdue"]}})
}

fn cash_stat(words: &Words, at: Value) -> Value {
    json!({"id": "cash", "kind": "stat", "title": words.say("Деньги", "Cash"), "grid": at, "compare": true,
        "query": {"id": "onec.cash", "params": {"limit": 1}}, "fields": {"totals": ["balance"]}})
}

fn sales_over_time(words: &Words, at: Value) -> Value {
    json!({"id": "sales_over_time", "kind": "bar", "title": words.say("Выручка", "Revenue"), "grid": at,
        "query": {"id": "onec.sales", "params": {"group_by": "$step"}}, "fields": {"x": "key", "y": ["revenue"]}})
}

fn ageing(words: &Words, at: Value) -> Value {
    json!({"id": "ageing", "kind": "bar", "title": words.say("Долги покупателей по срокам", "Receivables by age"),
        "grid": at, "query": {"id": "onec.receivables", "params": {"limit": 1}},
        "fields": {"totals": ["not_due", "overdue_30", "overdue_60", "overdue_90", "overdue_more"]}})
}

fn freshness(words: &Words, at: Value) -> Value {
    json!({"id": "sync_freshness", "kind": "table", "title": words.say("Свежесть данных 1С", "Freshness of 1C data"),
        "grid": at, "query": {"id": "system.sync"},
        "fields": {"x": "infobase", "y": ["age_minutes", "last_outcome", "failures"]}})
}

fn overview(locale: Locale) -> Value {
    let words = Words(locale);
    json!({
        "title": words.say("Обзор", "Overview"),
        "description": words.say("Бизнес и система на одной странице", "Business and system on one page"),
        "panels": [
            sales_stat(&words, grid(0, 0, 4, 4)),
            receivables_stat(&words, grid(4, 0, 4, 4)),
            cash_stat(&words, grid(8, 0, 4, 4)),
            sales_over_time(&words, grid(0, 4, 8, 7)),
            {"id": "stock", "kind": "stat", "title": words.say("Запасы", "Stock"), "grid": grid(8, 4, 4, 4), "compare": true,
             "query": {"id": "onec.stock", "params": {"limit": 1}}, "fields": {"totals": ["cost"]}},
            freshness(&words, grid(8, 8, 4, 3)),
            {"id": "requests", "kind": "line", "title": words.say("Запросы и ошибки", "Requests and errors"),
             "grid": grid(0, 11, 6, 7), "query": {"id": "system.requests"}, "fields": {"y": ["requests", "errors"]}},
            {"id": "questions", "kind": "stacked_bar", "title": words.say("Вопросы ассистенту", "Questions to the assistant"),
             "grid": grid(6, 11, 6, 7), "query": {"id": "ai.calls"}, "fields": {"y": ["answered", "failed", "cancelled"]}},
        ],
    })
}

fn director(locale: Locale) -> Value {
    let words = Words(locale);
    json!({
        "title": words.say("Директор", "Director"),
        "description": words.say("Выручка, прибыль, деньги и долги с начала месяца в сравнении с прошлым",
            "Revenue, profit, cash and debts of the month so far, compared with the one before"),
        "refresh_seconds": 300,
        "panels": [
            sales_stat(&words, grid(0, 0, 4, 4)),
            {"id": "profit", "kind": "stat", "title": words.say("Прибыль от продаж", "Profit from sales"), "grid": grid(4, 0, 4, 4),
             "compare": true, "query": {"id": "onec.gross_profit", "params": {"limit": 1}},
             "fields": {"totals": ["gross_profit", "margin"]}},
            cash_stat(&words, grid(8, 0, 4, 4)),
            sales_over_time(&words, grid(0, 4, 8, 7)),
            receivables_stat(&words, grid(8, 4, 4, 3)),
            {"id": "payables", "kind": "stat", "title": words.say("Мы должны", "Payables"), "grid": grid(8, 7, 4, 4), "compare": true,
             "query": {"id": "onec.payables", "params": {"limit": 1}}, "fields": {"totals": ["debt", "overdue"]}},
            {"id": "waterfall", "kind": "waterfall", "title": words.say("Из чего сложилась прибыль", "How profit came about"),
             "grid": grid(0, 11, 6, 7), "query": {"id": "onec.gross_profit", "params": {"limit": 1}},
             "fields": {"steps": [{"key": "revenue_without_vat"}, {"key": "cost", "minus": true},
                                  {"title": words.say("Валовая прибыль", "Gross profit")}]}},
            ageing(&words, grid(6, 11, 6, 7)),
            {"id": "customers", "kind": "bar", "title": words.say("Крупнейшие покупатели", "Largest customers"),
             "grid": grid(0, 18, 6, 9), "query": {"id": "onec.sales", "params": {"group_by": "counterparty", "limit": 10}},
             "fields": {"x": "key", "y": ["revenue"]}},
            {"id": "goods", "kind": "bar", "title": words.say("Что продаётся лучше всего", "Best-selling goods"),
             "grid": grid(6, 18, 6, 9), "query": {"id": "onec.sales", "params": {"group_by": "item", "limit": 10}},
             "fields": {"x": "key", "y": ["revenue"]}},
            {"id": "debtors", "kind": "table", "title": words.say("Кто должен больше всех", "Largest debtors"),
             "grid": grid(0, 27, 8, 8), "query": {"id": "onec.receivables", "params": {"limit": 10}},
             "fields": {"x": "counterparty", "y": ["debt", "overdue", "due_date"]}},
            {"id": "accounts", "kind": "pie", "title": words.say("Где лежат деньги", "Where the cash is"),
             "grid": grid(8, 27, 4, 8), "query": {"id": "onec.cash", "params": {"limit": 50}},
             "fields": {"x": "account", "y": ["balance"]}},
            {"id": "cash_flow", "kind": "bar", "title": words.say("Поступления и платежи", "Money in and out"),
             "grid": grid(0, 35, 12, 7), "query": {"id": "onec.cash_flow", "params": {"group_by": "$step"}},
             "fields": {"series": "direction", "y": ["amount"]}},
        ],
    })
}

fn accountant(locale: Locale) -> Value {
    let words = Words(locale);
    json!({
        "title": words.say("Бухгалтер", "Accountant"),
        "description": words.say("Долги, деньги, налоги и документы, которые ждут внимания",
            "Debts, cash, taxes and documents that need attention"),
        "refresh_seconds": 120,
        "panels": [
            receivables_stat(&words, grid(0, 0, 4, 4)),
            {"id": "payables", "kind": "stat", "title": words.say("Мы должны", "Payables"), "grid": grid(4, 0, 4, 4), "compare": true,
             "query": {"id": "onec.payables", "params": {"limit": 1}}, "fields": {"totals": ["debt", "overdue"]}},
            cash_stat(&words, grid(8, 0, 4, 4)),
            {"id": "flow", "kind": "waterfall", "title": words.say("Движение денег за период", "Cash flow of the period"),
             "grid": grid(0, 4, 6, 7), "query": {"id": "onec.cash_flow", "params": {"limit": 1}},
             "fields": {"steps": [{"key": "in"}, {"key": "out", "minus": true}, {"title": words.say("Чистый поток", "Net flow")}]}},
            {"id": "taxes", "kind": "table", "title": words.say("Налоги и взносы", "Taxes"), "grid": grid(6, 4, 6, 7),
             "query": {"id": "onec.taxes"}, "fields": {"x": "name", "y": ["accrued", "paid", "balance"]}},
            {"id": "overdue", "kind": "table", "title": words.say("Просроченные долги покупателей", "Overdue receivables"),
             "grid": grid(0, 11, 6, 8), "query": {"id": "onec.receivables", "params": {"overdue": true, "limit": 15}},
             "fields": {"x": "counterparty", "y": ["overdue", "overdue_more", "due_date"]}},
            {"id": "to_pay", "kind": "table", "title": words.say("Кому платить", "Whom to pay"), "grid": grid(6, 11, 6, 8),
             "query": {"id": "onec.payables", "params": {"limit": 15}},
             "fields": {"x": "counterparty", "y": ["debt", "overdue", "due_date"]}},
            {"id": "balance", "kind": "table", "title": words.say("Оборотно-сальдовая ведомость", "Trial balance"),
             "grid": grid(0, 19, 12, 12), "query": {"id": "onec.trial_balance", "params": {"subaccounts": false, "limit": 60}}},
            {"id": "unposted", "kind": "table", "title": words.say("Непроведённые документы", "Documents that are not posted"),
             "grid": grid(0, 31, 8, 8), "query": {"id": "onec.documents", "params": {"unposted": true, "limit": 15}},
             "fields": {"x": "date", "y": ["type", "number", "counterparty", "amount"]}},
            freshness(&words, grid(8, 31, 4, 8)),
        ],
    })
}

fn ai(locale: Locale) -> Value {
    let words = Words(locale);
    json!({
        "title": words.say("Ассистент: использование и стоимость", "Assistant: use and cost"),
        "description": words.say("Кто спрашивает, сколько это стоит и как часто не получается",
            "Who asks, what it costs and how often it fails"),
        "time": {"from": "now-30d/d", "to": "now"},
        "panels": [
            {"id": "totals", "kind": "stat", "title": words.say("За период", "In the period"), "grid": grid(0, 0, 12, 4), "compare": true,
             "query": {"id": "ai.totals"}, "fields": {"totals": ["calls", "failures", "cost", "users"]}},
            {"id": "calls", "kind": "stacked_bar", "title": words.say("Вопросы по исходу", "Questions by outcome"),
             "grid": grid(0, 4, 6, 7), "query": {"id": "ai.calls"}, "fields": {"y": ["answered", "failed", "cancelled"]}},
            {"id": "cost", "kind": "stacked_bar", "title": words.say("Стоимость по моделям", "Cost by model"),
             "grid": grid(6, 4, 6, 7), "query": {"id": "ai.cost"}, "fields": {"series": "model", "y": ["cost"]}},
            {"id": "users", "kind": "line", "title": words.say("Активные пользователи", "Active users"),
             "grid": grid(0, 11, 6, 7), "query": {"id": "users.active"}, "fields": {"y": ["users"]}},
            {"id": "tokens", "kind": "stacked_bar", "title": words.say("Токены", "Tokens"), "grid": grid(6, 11, 6, 7),
             "query": {"id": "ai.tokens"}, "fields": {"y": ["input_tokens", "output_tokens"]}},
            {"id": "models", "kind": "table", "title": words.say("Модели", "Models"), "grid": grid(0, 18, 12, 7),
             "query": {"id": "ai.models"},
             "fields": {"x": "model", "y": ["provider", "calls", "failures", "input_tokens", "output_tokens", "cost", "average_ms"]}},
            {"id": "load", "kind": "heat_map", "title": words.say("Когда спрашивают", "When people ask"), "grid": grid(0, 25, 12, 7),
             "query": {"id": "ai.load"}, "fields": {"x": "hour", "series": "weekday", "y": ["calls"]}},
        ],
    })
}

fn system(locale: Locale) -> Value {
    let words = Words(locale);
    json!({
        "title": words.say("Система", "System"),
        "description": words.say("Работают ли сервисы, как быстро и с какими ошибками", "Whether services work, how fast and with which errors"),
        "time": {"from": "now-24h", "to": "now"},
        "refresh_seconds": 30,
        "panels": [
            {"id": "totals", "kind": "stat", "title": words.say("За период", "In the period"), "grid": grid(0, 0, 9, 4), "compare": true,
             "query": {"id": "system.totals"}, "fields": {"totals": ["requests", "errors", "p95_ms", "users"]}},
            {"id": "errors", "kind": "gauge", "title": words.say("Доля ошибок", "Share of errors"), "grid": grid(9, 0, 3, 5),
             "query": {"id": "system.totals"}, "fields": {"totals": ["error_ratio"]},
             "gauge": {"max": 5, "thresholds": [{"from": 0, "level": "good"}, {"from": 0.1, "level": "warning"}, {"from": 1, "level": "bad"}]}},
            {"id": "services", "kind": "table", "title": words.say("Сервисы", "Services"), "grid": grid(0, 5, 12, 6),
             "query": {"id": "system.services"},
             "fields": {"x": "service", "y": ["up", "replicas", "version", "requests", "error_ratio", "p95_ms"]}},
            {"id": "requests", "kind": "line", "title": words.say("Запросы и ошибки", "Requests and errors"), "grid": grid(0, 11, 6, 7),
             "query": {"id": "system.requests"}, "fields": {"y": ["requests", "errors"]}},
            {"id": "latency", "kind": "line", "title": words.say("Время ответа", "Response time"), "grid": grid(6, 11, 6, 7),
             "query": {"id": "system.latency"}, "fields": {"y": ["p50_ms", "p95_ms", "p99_ms"]}},
            {"id": "traffic", "kind": "stacked_bar", "title": words.say("Запросы по сервисам", "Requests by service"), "grid": grid(0, 18, 6, 7),
             "query": {"id": "system.traffic"}, "fields": {"series": "service", "y": ["requests"]}},
            freshness(&words, grid(6, 18, 6, 7)),
            {"id": "load", "kind": "heat_map", "title": words.say("Нагрузка по часам недели", "Load by hour of the week"),
             "grid": grid(0, 25, 12, 7), "query": {"id": "system.load"},
             "fields": {"x": "hour", "series": "weekday", "y": ["requests"]}},
        ],
    })
}

fn security(locale: Locale) -> Value {
    let words = Words(locale);
    json!({
        "title": words.say("Безопасность", "Security"),
        "description": words.say("Входы, неудачные попытки и отклонённые запросы", "Logins, failed attempts and refused requests"),
        "time": {"from": "now-7d/d", "to": "now"},
        "panels": [
            {"id": "totals", "kind": "stat", "title": words.say("За период", "In the period"), "grid": grid(0, 0, 12, 4), "compare": true,
             "query": {"id": "security.totals"}, "fields": {"totals": ["succeeded", "failed", "failed_ratio", "refused"]}},
            {"id": "logins", "kind": "stacked_bar", "title": words.say("Входы", "Logins"), "grid": grid(0, 4, 6, 7),
             "query": {"id": "security.logins"}, "fields": {"y": ["succeeded", "failed"]}},
            {"id": "refusals", "kind": "bar", "title": words.say("Отклонённые запросы", "Refused requests"), "grid": grid(6, 4, 6, 7),
             "query": {"id": "security.refusals"}, "fields": {"y": ["refused"]}},
            {"id": "events", "kind": "table", "title": words.say("События входа", "Events of logins"), "grid": grid(0, 11, 12, 6),
             "query": {"id": "security.events"}, "fields": {"x": "event", "y": ["kind", "count"]}},
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charts::missing_glyph;

    #[test]
    fn all_can_be_shown_without_overlaps() {
        for ready in ready() {
            for locale in [Locale::Ru, Locale::En] {
                let value = (ready.definition)(locale);
                let text = value.to_string();
                let definition: Definition =
                    serde_json::from_value(value).unwrap_or_else(|error| panic!("{}: {error}", ready.id));
                if let Err(problem) = definition.validate("") {
                    panic!("{}: {}", ready.id, problem.to_json(Locale::En, None));
                }
                assert_eq!(missing_glyph(&text), None, "{}", ready.id);
                for (index, one) in definition.panels.iter().enumerate() {
                    for other in &definition.panels[index + 1..] {
                        let (a, b) = (one.grid, other.grid);
                        let apart =
                            a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
                        assert!(apart, "{}: {} and {}", ready.id, one.id, other.id);
                    }
                }
            }
        }
    }
}
