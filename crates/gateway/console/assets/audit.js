// The audit log: search, and the proof that nobody has changed it.

import { all, api, call, may, query, save } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { roleName } from "./people.js";
import { count, moment, t } from "./text.js";
import { badge, busy, button, dialog, empty, field, form, heading, input, load, select } from "./ui.js";

export default async function view({ root, query: asked, signal }) {
  const proof = h("div");
  const found = h("div");
  const names = new Map();
  if (may("users:read")) all("/api/users?limit=100", { signal }).then((people) => { people.forEach((one) => names.set(one.id, one.name)); if (found.querySelector("table")) show(); }).catch(() => {});
  const controls = {
    action: input({ placeholder: "auth.login_succeeded", value: asked.get("action") ?? "" }),
    actor: select([["", t("Все", "Everybody")]], {}),
    from: input({ type: "datetime-local" }),
    to: input({ type: "datetime-local" }),
  };
  if (may("users:read")) all("/api/users?limit=100", { signal }).then((people) => controls.actor.append(...people.map((one) => h("option", { value: one.id }, one.name)))).catch(() => {});
  let cursor = null;
  let rows = [];
  const parameters = () => ({ action: controls.action.value.trim(), actor: controls.actor.value, from: controls.from.value && new Date(controls.from.value).toISOString(), to: controls.to.value && new Date(controls.to.value).toISOString() });
  const get = async () => {
    const page = await api("GET", `/api/security/audit/log${query({ ...parameters(), limit: 50, cursor })}`, { signal });
    rows = [...rows, ...page.items];
    cursor = page.next_cursor;
  };
  const draw = () => (rows.length === 0 ? empty(t("Записей нет", "No entries"), t("Измените условия поиска.", "Change what is searched for."))
    : [h("div", { class: "table-scroll" }, h("table", { class: "data" }, h("thead", {}, h("tr", {}, ["№", t("Когда", "When"), t("Кто", "Who"), t("Действие", "Action"), t("Над чем", "Target"), t("Итог", "Outcome"), "IP"].map((one) => h("th", { scope: "col" }, one)))),
      h("tbody", {}, rows.map((one) => h("tr", { class: "pressable", tabindex: "0", onclick: () => entry(one, names), onkeydown: (event) => { if (event.key === "Enter") entry(one, names); } },
        h("td", { class: "number" }, count(one.sequence)), h("td", { style: { "white-space": "nowrap" } }, moment(one.occurred_at)), h("td", {}, who(one, names)), h("td", {}, h("code", {}, one.action)),
        h("td", { class: "small" }, target(one.target, names)), h("td", {}, badge(one.outcome === "success" ? t("успех", "success") : one.outcome === "denied" ? t("отказ", "denied") : t("сбой", "failure"), one.outcome === "success" ? "" : "bad")), h("td", { class: "small" }, one.ip ?? "")))))),
    cursor && h("div", { class: "actions", style: { "justify-content": "center", "margin-top": "10px" } }, button(t("Показать ещё", "Show more"), busy(async () => { await get(); fill(found, draw()); })))]);
  const show = () => { rows = []; cursor = null; return load(found, get, draw, { lines: 8 }); };
  fill(root, h("div", { class: "page" }, heading(t("Журнал аудита", "Audit log"),
    button(t("Выгрузить", "Export"), () => exported(parameters()), { name: "download" }),
    button(t("Проверить целостность", "Verify"), busy(() => verify(proof)), { name: "security", kind: "primary" })),
  proof, h("form", { class: "toolbar", onsubmit: (event) => { event.preventDefault(); show(); } },
    h("div", { class: "grow" }, field(t("Действие", "Action"), controls.action)), may("users:read") && field(t("Кто", "Who"), controls.actor), field(t("С", "From"), controls.from), field(t("По", "To"), controls.to),
    button(t("Найти", "Search"), null, { type: "submit", name: "search" })), found));
  await show();
}

/** The log, or what was searched for, as a file. */
const exported = (parameters) => dialog(t("Выгрузка журнала", "Export of the log"), (close) => form([
  h("p", { class: "muted" }, t("Выгружается то, что отобрано условиями поиска.", "What the conditions of the search choose is exported.")),
  field(t("Формат", "Format"), select([["csv", t("CSV, для таблиц", "CSV, for spreadsheets")], ["ndjson", t("NDJSON, с хешами для проверки", "NDJSON, with hashes to verify")], ["cef", "CEF"], ["ecs", "ECS (Elastic)"], ["ocsf", "OCSF"]], { name: "format" })),
], t("Скачать", "Download"), async ({ format }) => {
  await save(await call("GET", `/api/security/audit/export${query({ ...parameters, format })}`, { headers: { accept: "*/*" } }), `audit.${format}`);
  close(true);
}, { cancel: () => close() }));

const who = (one, names) => (one.actor ? names.get(one.actor.user_id) ?? h("code", {}, one.actor.user_id.slice(0, 8)) : h("span", { class: "faint" }, t("система", "system")));

function target(text, names) {
  if (!text) return "";
  const [kind, id] = text.split(":");
  return names.has(id) ? `${kind}: ${names.get(id)}` : text.length > 44 ? `${text.slice(0, 40)}…` : text;
}

const KINDS = () => ({ edited: t("запись изменена", "an entry was edited"), missing: t("запись удалена", "an entry is missing"), reordered: t("записи переставлены", "entries were reordered"), forged: t("запись подделана", "an entry was forged"), truncated: t("конец журнала отрезан", "the end of the log was cut off") });

async function verify(place) {
  fill(place, h("div", { class: "note", role: "status" }, t("Пересчитываю цепочку…", "Recomputing the chain…")));
  try {
    const seen = await api("GET", "/api/security/audit/verify");
    fill(place, seen.valid
      ? h("div", { class: "note", role: "status" }, icon("check"), " ", t(`Журнал цел: проверено записей ${count(seen.entries)}`, `The log is whole: ${count(seen.entries)} entries were checked`), seen.checkpoints ? t(`, подписанных точек ${count(seen.checkpoints)}`, `, ${count(seen.checkpoints)} signed checkpoints`) : "", ".")
      : h("div", { class: "note bad", role: "alert" }, icon("warning"), " ", t("Журнал нарушен", "The log is broken"), ": ", KINDS()[seen.first_broken?.kind] ?? seen.first_broken?.kind ?? "", ". ",
        t(`Первая неверная запись: ${seen.first_broken?.sequence ?? "?"}.`, `The first wrong entry: ${seen.first_broken?.sequence ?? "?"}.`)));
  } catch (error) { fill(place); throw error; }
}

const entry = (one, names) => dialog(t(`Запись № ${one.sequence}`, `Entry no. ${one.sequence}`), () => [
  h("dl", { class: "facts" },
    h("dt", {}, t("Когда", "When")), h("dd", {}, moment(one.occurred_at)), h("dt", {}, t("Кто", "Who")), h("dd", {}, who(one, names), one.actor?.role && ` (${roleName(one.actor.role)})`),
    h("dt", {}, t("Действие", "Action")), h("dd", {}, h("code", {}, one.action)), h("dt", {}, t("Над чем", "Target")), h("dd", {}, one.target ?? "—"), h("dt", {}, t("Итог", "Outcome")), h("dd", {}, one.outcome),
    h("dt", {}, t("Сервис", "Service")), h("dd", {}, one.source), h("dt", {}, "IP"), h("dd", {}, one.ip ?? "—"), h("dt", {}, t("Запрос", "Request")), h("dd", {}, h("code", {}, one.request_id ?? "—")),
    h("dt", {}, t("Хеш", "Hash")), h("dd", {}, h("code", {}, one.hash))),
  h("h3", {}, t("Подробности", "Details")), h("pre", { class: "answer-text", style: { "white-space": "pre-wrap" } }, h("code", {}, JSON.stringify(one.details, null, 2)))], { side: true });

