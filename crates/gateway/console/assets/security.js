// Threats and alerts with their life cycle.

import { api, may, query } from "./api.js";
import { fill, h } from "./dom.js";
import { ago, count, moment, t } from "./text.js";
import { badge, busy, button, dialog, empty, field, heading, load, select, tabs, toast } from "./ui.js";

export default async function view({ root, rest, signal }) {
  fill(root, h("div", { class: "page" }, heading(t("Безопасность", "Security")), tabs([
    ["alerts", t("Оповещения", "Alerts"), (place) => alerts(place, signal)],
    ["threats", t("Угрозы", "Threats"), (place) => threats(place, signal)],
  ], rest || "alerts", (id) => history.replaceState({}, "", `/admin/security/${id}`))));
}

const SEVERITY = () => ({ critical: [t("критично", "critical"), "bad"], high: [t("высокая", "high"), "bad"], medium: [t("средняя", "medium"), "warn"], low: [t("низкая", "low"), ""], info: [t("сведения", "info"), ""] });
const STATE = () => ({ open: [t("новое", "new"), "bad"], new: [t("новое", "new"), "bad"], acknowledged: [t("в работе", "acknowledged"), "warn"], resolved: [t("закрыто", "resolved"), "good"], closed: [t("закрыта", "closed"), "good"] });
const mark = (table, name) => badge(...(table()[name] ?? [name, ""]));

function alerts(place, signal) {
  const found = h("div");
  const severity = select([["", t("Любая", "Any")], ...Object.entries(SEVERITY()).filter(([name]) => name !== "info").map(([name, [label]]) => [name, label])], { onchange: () => show() });
  const state = select([["", t("Все", "All")], ["open", t("новые", "new")], ["acknowledged", t("в работе", "acknowledged")], ["resolved", t("закрытые", "resolved")]], { onchange: () => show() });
  const act = (one, verb, label) => button(label, busy(async () => { await api("POST", `/api/security/alerts/${one.id}/${verb}`); toast(t("Готово", "Done"), "good"); show(); }), { kind: verb === "resolve" ? "small primary" : "small" });
  const show = () => load(found, () => api("GET", `/api/security/alerts${query({ severity: severity.value, state: state.value, limit: 100 })}`, { signal }), ({ items }) => (items.length === 0
    ? empty(t("Оповещений нет", "No alerts"), t("Когда система заметит подозрительное, это появится здесь.", "What the system finds suspicious will be here."))
    : h("ul", { class: "list card" }, items.map((one) => h("li", {}, mark(SEVERITY, one.severity), h("div", { class: "grow" }, h("b", {}, one.title), h("span", { class: "small faint" }, `${moment(one.created_at)} · ${one.kind}`)), mark(STATE, one.state),
      may("security:admin") && h("span", { class: "actions" }, !["acknowledged", "resolved"].includes(one.state) && act(one, "acknowledge", t("Взять", "Take")), one.state !== "resolved" && act(one, "resolve", t("Закрыть", "Resolve"))))))));
  fill(place, h("div", { class: "toolbar" }, field(t("Важность", "Severity"), severity), field(t("Состояние", "State"), state)), found);
  show();
}

function threats(place, signal) {
  const found = h("div");
  const status = select([["", t("Все", "All")], ["open", t("открытые", "open")], ["closed", t("закрытые", "closed")]], { onchange: () => show() });
  const show = () => load(found, () => api("GET", `/api/security/threats${query({ status: status.value, limit: 100 })}`, { signal }), ({ items }) => (items.length === 0
    ? empty(t("Угроз не замечено", "No threats were seen"))
    : h("div", { class: "table-scroll" }, h("table", { class: "data" }, h("thead", {}, h("tr", {}, [t("Важность", "Severity"), t("Что замечено", "What"), t("Событий", "Events"), t("Последнее", "Last"), t("Состояние", "State")].map((one) => h("th", { scope: "col" }, one)))),
      h("tbody", {}, items.map((one) => h("tr", { class: "pressable", tabindex: "0", onclick: () => threat(one), onkeydown: (event) => { if (event.key === "Enter") threat(one); } },
        h("td", {}, mark(SEVERITY, one.severity)), h("td", {}, h("b", {}, one.title), h("div", { class: "small faint" }, one.subject)), h("td", { class: "number" }, count(one.count ?? 0)), h("td", {}, ago(one.last_seen)), h("td", {}, mark(STATE, one.status ?? one.state)))))))));
  fill(place, h("div", { class: "toolbar" }, field(t("Состояние", "State"), status)), found);
  show();
}

const threat = (one) => dialog(one.title, () => [
  h("dl", { class: "facts" }, h("dt", {}, t("Важность", "Severity")), h("dd", {}, mark(SEVERITY, one.severity)), h("dt", {}, t("О ком", "Subject")), h("dd", {}, one.subject), h("dt", {}, t("Вид", "Kind")), h("dd", {}, h("code", {}, one.kind)),
    h("dt", {}, t("Впервые", "First")), h("dd", {}, moment(one.first_seen)), h("dt", {}, t("Последний раз", "Last")), h("dd", {}, moment(one.last_seen)), h("dt", {}, t("Событий", "Events")), h("dd", {}, count(one.count ?? 0))),
  h("h3", {}, t("На чём основано", "Evidence")), h("pre", { class: "answer-text", style: { "white-space": "pre-wrap" } }, h("code", {}, JSON.stringify(one.evidence, null, 2)))], { side: true });
