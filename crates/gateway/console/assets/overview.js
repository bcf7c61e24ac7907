// The director's page: money, debts, sales, stock, and how the assistant is used.

import { api, may, query } from "./api.js";
import { fill, h } from "./dom.js";
import { chart, shares, short } from "./chart.js";
import { dataTable } from "./table.js";
import { decimal, isoDay, language, moment, money, roundMoney, t } from "./text.js";
import { card, empty, heading, load, linkButton } from "./ui.js";

const RANGES = () => [["24h", t("Сутки", "24 hours")], ["7d", t("Неделя", "7 days")], ["30d", t("30 дней", "30 days")]];

export default async function view({ root, query: asked, signal }) {
  let range = asked.get("range") ?? "30d";
  const place = h("div", { style: { display: "flex", "flex-direction": "column", gap: "16px", "min-width": "0" } });
  const choose = h("div", { class: "segments", role: "group", "aria-label": t("Период", "Range") }, RANGES().map(([id, label]) => h("button", { type: "button", "aria-pressed": String(id === range), onclick: (event) => {
    range = id;
    [...choose.children].forEach((one) => one.setAttribute("aria-pressed", String(one === event.currentTarget)));
    show();
  } }, label)));
  const at = h("p", { class: "small faint" });
  const show = () => load(place, () => api("GET", `/api/analytics/dashboards/overview${query({ range })}`, { signal }), (data) => {
    fill(at, t(`Составлено ${moment(data.generated_at)}`, `Made ${moment(data.generated_at)}`));
    return draw(data);
  }, { lines: 9 });
  fill(root, h("div", { class: "page" }, heading(t("Показатели", "Overview"), choose), at, place));
  await show();
}

function draw(data) {
  const panel = Object.fromEntries(data.panels.map((one) => [one.id, one]));
  const stats = [panel.cash && cash(panel.cash), panel.receivables && receivables(panel.receivables), panel.sales && sales(panel.sales), panel.stock && stock(panel.stock)].filter(Boolean);
  const known = ["cash", "receivables", "sales", "stock", "requests", "latency", "questions"];
  return [
    stats.length > 0 && h("div", { class: "stats" }, stats),
    panel.receivables && !panel.receivables.error && debts(panel.receivables),
    h("div", { class: "cards broad" },
      panel.cash?.data?.accounts?.length > 0 && card(t("Деньги по счетам", "Money by account"), dataTable({ columns: [{ key: "account", title: t("Счёт или касса", "Account or cash desk"), kind: "text" }, { key: "organization", title: t("Организация", "Company"), kind: "text" }, { key: "balance", title: t("Остаток", "Balance"), kind: "money" }],
        rows: panel.cash.data.accounts, totals: { balance: panel.cash.data.total }, title: t("Деньги по счетам", "Money by account") })),
      panel.questions && series(panel.questions, "stacked", [["answered", t("с ответом", "answered")], ["cancelled", t("остановлены", "stopped")], ["failed", t("с ошибкой", "failed")]]),
      panel.requests && series(panel.requests, "bars", [["requests", t("запросы", "requests")], ["errors", t("ошибки", "errors")]]),
      panel.latency && series(panel.latency, "lines", [["p50_ms", t("медиана, мс", "median, ms")], ["p95_ms", t("95 %, мс", "95%, ms")]]),
      data.panels.filter((one) => !known.includes(one.id)).map(other)),
  ];
}

/** A figure that opens its report. */
function stat(panel, href, value, note) {
  const body = panel.error || !panel.data
    ? h("small", {}, panel.error?.title ?? panel.error ?? t("нет данных", "no data"))
    : [h("span", { class: "big", title: money(value, panel.unit) }, roundMoney(value, panel.unit)), h("small", {}, note)];
  return h(may("onec:read") ? "a" : "div", { class: "stat", href: may("onec:read") ? href : null }, h("span", {}, panel.title), body);
}

const cash = (panel) => stat(panel, "/reports/cash", panel.data?.total, t(`на ${moment(panel.as_of)}`, `as of ${moment(panel.as_of)}`));

const receivables = (panel) => stat(panel, "/reports/receivables", panel.data?.total, [t("просрочено ", "overdue "), h("b", { class: Number(panel.data?.overdue) > 0 ? "fall" : "" }, roundMoney(panel.data?.overdue ?? 0, panel.unit))]);

function sales(panel) {
  const { current, previous } = panel.data ?? {};
  const change = previous && Number(previous.revenue) ? (Number(current.revenue) / Number(previous.revenue) - 1) * 100 : null;
  return stat(panel, `/reports/sales${query({ from: current?.from, to: current?.to, compare: "previous" })}`, current?.revenue,
    change === null ? "" : [h("b", { class: change >= 0 ? "rise" : "fall" }, `${change >= 0 ? "+" : "−"}${decimal(Math.abs(change).toFixed(1))} %`), t(" к тем же дням прошлого месяца", " to the same days of last month")]);
}

const stock = (panel) => stat(panel, "/reports/stock", panel.data?.total, t("по себестоимости", "at cost"));

function debts(panel) {
  const top = panel.data?.top ?? [];
  if (!top.length) return null;
  const sum = (key) => top.reduce((total, row) => total + Number(row[key] ?? 0), 0);
  const parts = [["debt", t("в срок", "in time"), 0], ["overdue_30", t("до 30 дней", "up to 30 days"), 1], ["overdue_60", t("31–60 дней", "31–60 days"), 2], ["overdue_90", t("61–90 дней", "61–90 days"), 3], ["overdue_more", t("дольше", "longer"), 4]];
  const values = parts.map(([key, title, age]) => ({ title, kind: `age-${age}`, value: key === "debt" ? sum("debt") - sum("overdue") : sum(key) }));
  const year = new Date().getFullYear();
  return card(t("Крупнейшие должники", "The largest debtors"),
    shares(t("Долг по срокам", "Debt by age"), values, (value) => roundMoney(value, panel.unit)),
    dataTable({ columns: panel.data.columns.filter((one) => ["counterparty", "debt", "overdue", "due_date"].includes(one.key)), rows: top, title: t("Крупнейшие должники", "The largest debtors"),
      cell: (row, column) => (column.key === "counterparty" && may("onec:read") ? h("a", { href: `/reports/statement${query({ counterparty: row.counterparty_id, from: `${year}-01-01`, to: isoDay() })}` }, row.counterparty) : undefined),
      extra: may("onec:read") ? [linkButton(t("Все должники", "All debtors"), "/reports/receivables", "quiet small", "reports")] : [] }));
}

const label = (time, step) => (step === "hour"
  ? new Date(time).toLocaleTimeString(language() === "ru" ? "ru-RU" : "en-GB", { hour: "2-digit", minute: "2-digit" })
  : new Date(time).toLocaleDateString(language() === "ru" ? "ru-RU" : "en-GB", { day: "2-digit", month: "2-digit" }));

function series(panel, kind, list) {
  if (panel.error || !panel.data?.points) return card(panel.title, h("p", { class: "muted" }, t("Данных нет.", "No data.")));
  const points = panel.data.points.map((point) => ({ ...point, label: label(point.at ?? point.day, panel.data.step) }));
  return card(panel.title, chart({ title: panel.title, points, kind, series: list.map(([key, title]) => ({ key, title })), format: short }));
}

/** A panel that this page does not know beforehand: a table where it has rows. */
function other(panel) {
  const rows = panel.data?.rows ?? panel.data?.items ?? panel.data?.models;
  if (!Array.isArray(rows)) return null;
  if (rows.length === 0) return card(panel.title, empty(t("Пока пусто", "Empty so far")));
  const columns = panel.data.columns ?? Object.keys(rows[0]).filter((key) => typeof rows[0][key] !== "object").map((key) => ({ key, title: key, kind: typeof rows[0][key] === "number" ? "integer" : "text" }));
  return card(panel.title, dataTable({ columns, rows, title: panel.title }));
}

