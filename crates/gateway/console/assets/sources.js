// What an answer rests on, and what it would change.

import { api, may, query } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { dataTable, rowsOf } from "./table.js";
import { day, moment, t } from "./text.js";
import { badge, busy, button, confirm, dialog, linkButton, load, tell, toast } from "./ui.js";

/** Shows a source: what was asked of 1C, and its rows as they are now. */
export function openSource(messageId, number, answer) {
  const cited = answer.citations.filter((one) => one.id === number);
  const first = cited[0];
  const place = h("div");
  dialog(t(`Источник ${number}`, `Source ${number}`), () => {
    const parts = [
      h("dl", { class: "facts" },
        h("dt", {}, t("База", "Infobase")), h("dd", {}, first.infobase),
        h("dt", {}, t("Объекты 1С", "Objects of 1C")), h("dd", {}, cited.map((one) => one.object).join(", ")),
        h("dt", {}, t("Отбор", "Filter")), h("dd", {}, Object.entries(first.filter).map(([name, value]) => h("div", {}, `${filterName(name)}: ${filterValue(value)}`))),
        h("dt", {}, t("Данные на", "Data as of")), h("dd", {}, moment(first.as_of), " ", first.source === "live" ? badge(t("прямо из 1С", "live from 1C"), "accent") : badge(t("синхронизированная копия", "synchronised copy")))),
      place];
    load(place, async () => {
      const { items } = await api("GET", `/api/ai/messages/${messageId}/tool-calls`);
      const made = items.find((one) => one.source === number);
      if (!first.report || !made || !may("onec:read")) return { made };
      const parameters = { infobase: first.infobase_id, ...made.arguments };
      delete parameters.limit;
      delete parameters.cursor;
      const report = await api("GET", `/api/1c/reports/${first.report}${query({ ...parameters, limit: 200 })}`);
      return { made, report, parameters };
    }, ({ made, report, parameters }) => (report ? [
      h("h3", {}, report.title),
      dataTable({ columns: report.columns, rows: report.rows, totals: report.totals, title: report.title, extra: [
        h("span", {}, rowsOf(report.rows.length, report.row_count)),
        linkButton(t("Открыть отчёт", "Open the report"), `/reports/${first.report}${query(parameters)}`, "quiet small", "reports")] }),
    ] : [made && h("dl", { class: "facts" }, h("dt", {}, t("Запрос", "Call")), h("dd", {}, h("code", {}, `${made.name} ${JSON.stringify(made.arguments)}`)),
      made.row_count !== null && [h("dt", {}, t("Строк", "Rows")), h("dd", {}, String(made.row_count))])]));
    return parts;
  }, { side: true });
}

const NAMES = () => ({
  date: t("на дату", "date"), from: t("с", "from"), to: t("по", "to"), group_by: t("по", "by"), then_by: t("затем по", "then by"), counterparty: t("контрагент", "counterparty"),
  company: t("организация", "company"), item: t("номенклатура", "item"), warehouse: t("склад", "warehouse"), manager: t("менеджер", "manager"), account: t("счёт", "account"),
  overdue: t("только просроченные", "overdue only"), unposted: t("только непроведённые", "not posted only"), number: t("номер", "number"), breakdown: t("разбивка", "breakdown"), compare: t("сравнение", "compare"),
});

const CHOICES = () => ({
  counterparty: t("контрагентам", "counterparty"), manager: t("менеджерам", "manager"), item: t("номенклатуре", "item"), item_group: t("группам номенклатуры", "group of items"), warehouse: t("складам", "warehouse"),
  company: t("организациям", "company"), day: t("дням", "day"), week: t("неделям", "week"), month: t("месяцам", "month"), true: t("да", "yes"), false: t("нет", "no"),
});

const filterName = (name) => NAMES()[name] ?? name;
const filterValue = (value) => {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^\d{4}-\d{2}-\d{2}$/.test(text) ? day(text) : (CHOICES()[text] ?? text);
};

/** A change in 1C that waits for a person. */
export function draftCard(draft) {
  const place = h("section", { class: "draft", "aria-label": t("Черновик изменения", "Draft of a change") });
  const over = new Date(draft.expires_at) < new Date();
  const finish = (kind, text) => {
    place.classList.add("done");
    actions.replaceChildren(badge(text, kind));
  };
  const write = busy(async () => {
    const sure = await confirm(t("Записать в 1С?", "Write into 1C?"), t("Изменение будет записано в базу от имени пользователя интеграции. Его можно будет отменить в истории записей.",
      "The change will be written into the infobase by the integration user. It can be undone in the history of writes."), t("Записать", "Write"), false);
    if (!sure) return;
    const written = await api("POST", draft.confirm.path, { body: { digest: draft.digest } });
    finish("good", t("Записано в 1С", "Written into 1C"));
    if (written?.number) toast(t(`Записано: № ${written.number}`, `Written: no. ${written.number}`), "good");
  });
  const actions = h("div", { class: "actions" }, over ? badge(t("Срок черновика вышел", "The draft has expired")) : [
    button(t("Записать в 1С", "Write into 1C"), write, { kind: "primary", name: "check" }),
    button(t("Отклонить", "Discard"), async () => {
      try {
        await api("DELETE", `/api/1c/documents/drafts/${draft.id}`);
        finish("", t("Отклонено", "Discarded"));
      } catch (error) { tell(error); }
    })]);
  const value = (one) => (one === null || one === undefined || one === "" ? "—" : typeof one === "object" ? (one.name ?? one.presentation ?? JSON.stringify(one)) : filterValue(one));
  const lines = (Array.isArray(draft.differences) ? draft.differences : []).flatMap((one) => (one.rows?.length
    ? one.rows.map((row) => [`${one.property}, ${t("строка", "line")} ${row.line}`, rowText(row.before, value), rowText(row.after, value)])
    : [[one.property, value(one.before), value(one.after)]]));
  return fill(place, h("h3", {}, draft.is_new ? t("Новый документ: ", "New document: ") : t("Изменение: ", "Change: "), draft.name || draft.entity.replace(/^\w+?_/, "")),
    h("p", { class: "small muted" }, draft.entity, " · ", draft.post ? t("с проведением", "will be posted") : t("без проведения", "not posted"), " · ", t(`действует до ${moment(draft.expires_at)}`, `valid until ${moment(draft.expires_at)}`)),
    h("div", { class: "table-scroll" }, h("table", { class: "data" }, h("thead", {}, h("tr", {}, [t("Реквизит", "Property"), !draft.is_new && t("Было", "Before"), t("Станет", "After")].filter(Boolean).map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, lines.map(([name, before, after]) => h("tr", {}, h("td", {}, name), !draft.is_new && h("td", { class: "muted" }, before), h("td", {}, after)))))),
    draft.warnings?.length > 0 && h("div", { class: "note warn" }, draft.warnings.map((one) => h("p", {}, icon("warning"), " ", one))),
    actions);
}

const rowText = (row, value) => (row ? Object.entries(row).map(([name, one]) => `${name}: ${value(one)}`).join("; ") : "—");
