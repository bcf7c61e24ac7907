// Reports of 1C: the catalogue, one report with its parameters, files of it.

import { all, api, call, may, newKey, pause, query, save, user } from "./api.js";
import { fill, h } from "./dom.js";
import { address } from "./main.js";
import { NAMED, chooser } from "./choosers.js";
import { keepVariant, schedule, schedules, variants } from "./schedules.js";
import { dataTable, rowsOf } from "./table.js";
import { count, isoDay, moment, money, t } from "./text.js";
import { badge, busy, button, card, dialog, empty, field, form, heading, input, load, select, tabs, toast } from "./ui.js";

const GROUPS = () => [
  [t("Расчёты", "Settlements"), ["receivables", "payables", "statement", "counterparty_card"]],
  [t("Деньги и налоги", "Money and taxes"), ["cash", "cash_flow", "taxes"]],
  [t("Продажи и склад", "Sales and stock"), ["sales", "gross_profit", "stock", "stock_turnover"]],
  [t("Бухгалтерский учёт", "Ledger"), ["trial_balance", "account_analysis", "account_card", "documents", "postings"]],
];

export default async function view({ root, rest, query: asked, signal }) {
  const page = h("div", { class: "page" });
  fill(root, page);
  if (rest) return report(page, rest, asked, signal);
  fill(page, heading(t("Отчёты", "Reports")), may("reports") ? tabs([
    ["catalogue", t("Отчёты", "Reports"), (place) => catalogue(place, signal)],
    ["files", t("Готовые файлы", "Files"), (place) => files(place, signal)],
    ["schedules", t("Расписания", "Schedules"), (place) => schedules(place, signal)],
  ], asked.get("tab") ?? "catalogue", (tab) => address(tab === "catalogue" ? "/reports" : `/reports?tab=${tab}`)) : catalogue(h("div"), signal));
  return undefined;
}

/** What reports there are: those of 1C, and those of this system that come as files. */
function catalogue(place, signal) {
  load(place, async () => {
    const [{ items }, own, kept] = await Promise.all([api("GET", "/api/1c/reports", { signal }), may("reports") ? ownReports(signal) : [], may("reports") ? variants(signal) : []]);
    return { items, own, kept };
  }, ({ items, own, kept }) => {
    const groups = GROUPS();
    const known = groups.flatMap(([, ids]) => ids);
    const other = items.map((one) => one.id).filter((id) => !known.includes(id));
    if (other.length) groups.push([t("Прочее", "Other"), other]);
    const saved = kept.filter((one) => items.some((report) => report.id === one.order.report));
    return [saved.length > 0 && h("section", { style: { "margin-bottom": "22px" } }, h("h2", { style: { "margin-bottom": "10px" } }, t("Сохранённые", "Kept")),
      h("div", { class: "report-menu" }, saved.map((one) => h("a", { href: `/reports/${one.order.report}${query(one.order.parameters)}` }, h("b", {}, one.name), h("span", {}, [items.find((report) => report.id === one.order.report).title, one.shared && t("видно коллегам", "shared")].filter(Boolean).join(" · "))))))].concat(groups.map(([title, ids]) => h("section", { style: { "margin-bottom": "22px" } }, h("h2", { style: { "margin-bottom": "10px" } }, title),
      h("div", { class: "report-menu" }, ids.map((id) => items.find((one) => one.id === id)).filter(Boolean).map((one) =>
        h("a", { href: `/reports/${one.id}` }, h("b", {}, one.title), h("span", {}, one.description))))))).concat(own.length === 0 ? [] : h("section", {}, h("h2", { style: { "margin-bottom": "10px" } }, t("О самой системе, файлом", "On this system, as a file")),
      h("div", { class: "report-menu" }, own.map((one) => h("button", { type: "button", class: "idea", onclick: () => ownReport(one) }, h("b", {}, one.title), h("span", { class: "small muted", style: { display: "block" } }, one.description))))));
  });
  return place;
}

let formats = [["csv", "CSV"]];

/** Reports that only come as files, and in which formats files come. */
async function ownReports(signal) {
  try {
    const found = await api("GET", "/api/analytics/reports", { signal });
    const order = ["xlsx", "pdf", "csv", "html"];
    formats = order.filter((one) => found.formats.includes(one)).map((one) => [one, { xlsx: "Excel", pdf: "PDF", csv: "CSV", html: "HTML" }[one]]);
    return found.items.filter((one) => one.source === "system");
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return [];
  }
}

function ownReport(one) {
  const now = new Date();
  dialog(one.title, (close) => form([h("p", { class: "muted" }, one.description),
    h("div", { class: "row" }, field(t("С", "From"), input({ type: "date", name: "from", value: isoDay(new Date(now.getFullYear(), now.getMonth(), 1)) })), field(t("По", "To"), input({ type: "date", name: "to", value: isoDay(now) })), field(t("Формат", "Format"), select(formats, { name: "format" })))],
  t("Скачать", "Download"), async ({ from, to, format }) => {
    await generate({ report: one.id, format, parameters: { from, to } });
    close(true);
  }, { cancel: () => close() }));
}

const STATES = () => ({ queued: [t("в очереди", "queued"), ""], running: [t("готовится", "being made"), "accent"], succeeded: [t("готов", "ready"), "good"], failed: [t("не получился", "failed"), "bad"], cancelled: [t("отменён", "cancelled"), ""], expired: [t("срок хранения вышел", "expired"), ""] });

/** One's files, those that are being made too. */
async function files(place, signal) {
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));
  const show = (quiet) => load(place, () => api("GET", "/api/analytics/reports/jobs?limit=50", { signal }), ({ items }) => {
    if (items.some((one) => ["queued", "running"].includes(one.state)) && place.isConnected) timer = setTimeout(() => show(true), 2000);
    return items.length === 0 ? empty(t("Файлов нет", "No files"), t("Скачанные отчёты появятся здесь.", "Reports that you download will be here.")) : card(null, h("ul", { class: "list" }, items.map((one) => h("li", {},
      h("div", { class: "grow" }, h("b", {}, one.title ?? one.report), h("span", { class: "small faint" }, [one.format.toUpperCase(), t(`строк: ${count(one.rows)}`, `${count(one.rows)} rows`), moment(one.created_at), one.error_detail ?? one.error].filter(Boolean).join(" · ")),
        one.state === "running" && one.progress?.rows_total > 0 && h("progress", { max: String(one.progress.rows_total), value: String(one.progress.rows_done), "aria-label": t("Готово", "Done") })),
      badge(...(STATES()[one.state] ?? [one.state, ""])),
      one.file && button(t("Скачать", "Download"), busy(async () => save(await call("GET", one.file.url, { headers: { accept: "*/*" } }), one.file.name ?? `${one.report}.${one.format}`)), { kind: "small", name: "download" }),
      ["queued", "running"].includes(one.state) && button(t("Отменить", "Cancel"), busy(async () => { await api("DELETE", `/api/analytics/reports/jobs/${one.job_id}`); show(true); }), { kind: "small" })))));
  }, { quiet });
  show();
}

async function report(page, id, asked, signal) {
  const place = h("div");
  fill(page, place);
  await load(place, async () => {
    const [{ items }, bases, companies] = await Promise.all([api("GET", "/api/1c/reports", { signal }), api("GET", "/api/1c/infobases", { signal }), all("/api/1c/companies", { signal }), may("reports") && ownReports(signal)]);
    return { info: items.find((one) => one.id === id), bases: bases.items, companies };
  }, (data) => {
    if (!data.info) return empty(t("Такого отчёта нет", "There is no such report"));
    const shown = new Viewer(data, asked, signal);
    fill(page, shown.element);
    shown.begin();
    return null;
  });
}

const CHOICE = () => ({
  counterparty: t("контрагентам", "counterparty"), manager: t("менеджерам", "manager"), item: t("номенклатуре", "item"), item_group: t("группам номенклатуры", "group of items"), warehouse: t("складам", "warehouse"),
  company: t("организациям", "company"), day: t("дням", "day"), week: t("неделям", "week"), month: t("месяцам", "month"), previous: t("предыдущий период", "the period before"), year_ago: t("год назад", "a year ago"),
  contract: t("договорам", "contract"), document: t("документам расчётов", "document"), money_place: t("счетам и кассам", "bank account or cash desk"), mirror: t("Копия", "Copy"), live: t("Прямо из 1С", "1C, now"),
});

class Viewer {
  constructor({ info, bases, companies }, asked, signal) {
    this.info = info;
    this.bases = bases;
    this.companies = companies;
    this.signal = signal;
    this.values = Object.fromEntries(asked);
    // Each report is of one infobase: the one that was looked at last, or the first.
    const last = localStorage.getItem("infobase");
    this.base = bases.find((one) => one.id === (this.values.infobase ?? last))?.id ?? bases.find((one) => one.as_of)?.id ?? bases[0]?.id;
    this.place = h("div", { style: { display: "flex", "flex-direction": "column", gap: "12px", "min-width": "0" } });
    this.controls = new Map();
    this.element = h("div", { style: { display: "flex", "flex-direction": "column", gap: "16px", "min-width": "0" } },
      heading(info.title, this.files()), h("p", { class: "muted", style: { "margin-top": "-10px" } }, info.description), card(null, this.filters()), this.place);
  }

  names() { return this.info.parameters.map((one) => one.name); }

  filters() {
    const known = this.names();
    const main = [];
    const more = [];
    for (const one of this.info.parameters) {
      if (["limit", "cursor"].includes(one.name)) continue;
      if (one.name === "infobase" && this.bases.length < 2) continue;
      if (one.name === "company" && this.companies.length < 2) continue;
      if (one.name === "source" && !this.info.live) continue;
      const control = this.control(one);
      if (!control) continue;
      (["compare", "compare_from", "compare_to", "then_by", "source", "subaccounts", "breakdown"].includes(one.name) && !this.values[one.name] ? more : main).push(control);
    }
    const presets = known.includes("from") && h("div", { class: "actions" }, PERIODS().map(([label, make]) => button(label, () => {
      const [from, to] = make();
      this.controls.get("from").value = from;
      this.controls.get("to").value = to;
      this.show();
    }, { kind: "quiet small" })));
    const extra = h("div", { class: "filters", hidden: true }, more);
    return h("form", { class: "form", onsubmit: (event) => { event.preventDefault(); this.show(); } },
      h("div", { class: "filters" }, main), extra,
      h("div", { class: "actions", style: { "justify-content": "space-between" } }, presets || h("span"),
        h("span", { class: "actions" }, more.length > 0 && button(t("Ещё настройки", "More settings"), (event) => {
          extra.hidden = !extra.hidden;
          event.currentTarget.setAttribute("aria-expanded", String(!extra.hidden));
        }, { kind: "quiet", "aria-expanded": "false" }), button(t("Сформировать", "Show"), null, { kind: "primary", type: "submit" }))));
  }

  control(one) {
    const value = this.values[one.name] ?? one.default ?? "";
    let control;
    if (one.name === "infobase") {
      control = select(this.bases.map((base) => [base.id, base.name]), { value: this.base, onchange: () => {
        this.base = control.value;
        localStorage.setItem("infobase", this.base);
        const company = this.controls.get("company");
        if (company) fill(company, this.companyChoices());
      } });
    } else if (one.name === "company") {
      control = h("select", { class: "input" }, this.companyChoices());
      control.value = this.companies.some((company) => company.id === value && company.infobase_id === this.base) ? value : "";
    } else if (NAMED.includes(one.name)) {
      const made = chooser(one.name, value, () => (this.bases.length > 1 ? this.base : undefined));
      this.controls.set(one.name, made);
      return field(one.title, made.element, { optional: !one.required });
    } else if (one.kind === "date") {
      const now = new Date();
      const first = one.name === "from" ? isoDay(new Date(now.getFullYear(), now.getMonth(), 1)) : one.name.startsWith("compare") ? "" : isoDay(now);
      control = input({ type: "date", value: value || first });
    } else if (one.kind === "boolean") {
      const box = h("input", { type: "checkbox", checked: value === "true" });
      this.controls.set(one.name, { get value() { return box.checked === (one.default === "true") ? "" : String(box.checked); } });
      return h("div", { class: "field" }, h("label", { class: "tick" }, box, h("span", {}, one.title)));
    } else if (one.kind === "choice") {
      control = select([...(one.default || one.name === "source" ? [] : [["", t("Нет", "None")]]), ...one.values.map((choice) => [choice, CHOICE()[choice] ?? choice])], { value: value || one.values[0] });
      if (!one.default && !this.values[one.name] && one.name !== "source") control.value = "";
    } else control = input({ value, required: one.required });
    this.controls.set(one.name, control);
    return field(one.title, control, { optional: false });
  }

  companyChoices() {
    return [["", t("Все", "All")], ...this.companies.filter((one) => one.infobase_id === this.base).map((one) => [one.id, one.name])].map(([id, name]) => h("option", { value: id }, name));
  }

  parameters() {
    const out = {};
    for (const [name, control] of this.controls) if (control.value) out[name] = control.value;
    if (out.source === "mirror") delete out.source;
    return out;
  }

  begin() {
    const missing = this.info.parameters.some((one) => one.required && !this.values[one.name]);
    if (!missing) this.show();
    else fill(this.place, empty(t("Выберите, о чём отчёт", "Choose what the report is about"), t("Заполните параметры и нажмите «Сформировать».", "Fill in the parameters and press “Show”.")));
  }

  async show() {
    const parameters = this.parameters();
    address(`/reports/${this.info.id}${query(parameters)}`);
    await load(this.place, () => api("GET", `/api/1c/reports/${this.info.id}${query({ ...parameters, limit: 500 })}`, { signal: this.signal }), (data) => this.table(data, parameters), { lines: 8 });
  }

  table(data, parameters) {
    this.rows = data.rows;
    const head = h("p", { class: "small muted", style: { display: "flex", gap: "8px", "flex-wrap": "wrap", "align-items": "center" } },
      data.source === "live" ? badge(t("прямо из 1С", "live from 1C"), "accent") : badge(t(`данные на ${moment(data.as_of)}`, `data as of ${moment(data.as_of)}`)),
      !data.onec_reachable && badge(t("1С сейчас не отвечает", "1C does not answer now"), "warn"), data.citations.map((one) => one.object).join(", "));
    const keys = data.columns.map((one) => one.key);
    const beside = Object.entries(data.totals).filter(([key]) => !keys.includes(key) && BESIDE()[key]);
    if (beside.length) head.append(...beside.map(([key, value]) => h("span", {}, `${BESIDE()[key]}: `, h("b", {}, money(value, data.currency)))));
    if (data.rows.length === 0) return [head, empty(t("По этим параметрам данных нет", "There are no data for these parameters"))];
    const place = h("div");
    const draw = () => fill(place, dataTable({ columns: data.columns, rows: this.rows, totals: data.totals, title: data.title, onRow: this.drill(data), extra: [
      h("span", {}, rowsOf(this.rows.length, data.row_count)),
      data.next_cursor && button(t("Показать ещё", "Show more"), busy(async () => {
        const next = await api("GET", `/api/1c/reports/${this.info.id}${query({ ...parameters, limit: 500, cursor: data.next_cursor })}`);
        data.next_cursor = next.next_cursor;
        this.rows = [...this.rows, ...next.rows];
        draw();
      }), { kind: "quiet small" })] }));
    draw();
    return [head, place];
  }

  /** A row of a settlement report opens the statement with that counterparty. */
  drill(data) {
    if (!data.columns.some((one) => one.key === "counterparty_id") || !["receivables", "payables"].includes(this.info.id)) return undefined;
    return (row) => {
      if (!row.counterparty_id) return;
      const year = `${new Date().getFullYear()}-01-01`;
      history.pushState({}, "", `/reports/statement${query({ counterparty: row.counterparty_id, from: year, to: isoDay(), company: this.parameters().company, infobase: this.parameters().infobase })}`);
      dispatchEvent(new PopStateEvent("popstate"));
    };
  }

  /** The report with its parameters, as files, schedules and kept settings take it. */
  order() {
    const typed = Object.entries(this.parameters()).map(([name, value]) => [name, value === "true" ? true : value === "false" ? false : value]);
    return { report: this.info.id, parameters: Object.fromEntries(typed), format: formats[0][0] };
  }

  files() {
    const plain = async (format) => {
      const parameters = this.parameters();
      await save(await call("GET", `/api/1c/reports/${this.info.id}${query({ ...parameters, format })}`), `${this.info.id}.${format}`);
    };
    const made = (format) => generate({ ...this.order(), format });
    return may("reports")
      ? [formats.map(([format, label]) => button(label, busy(() => made(format)), { name: "download", kind: "small" })),
        formats.length > 1 && button(t("По расписанию", "By schedule"), () => schedule(this.info.title, this.order(), formats, user().email), { kind: "small" }),
        formats.length > 1 && button(t("Сохранить настройки", "Keep the settings"), () => keepVariant(this.info.title, this.order()), { kind: "small" })]
      : button("CSV", busy(() => plain("csv")), { name: "download", kind: "small" });
  }
}

/** Has a file of a report made, waits for it and saves it. */
export async function generate(body) {
  const response = await call("POST", "/api/analytics/reports/generate?wait=10", { body, headers: { "idempotency-key": newKey(), accept: "*/*" } });
  if (response.status !== 202) { await save(response, `${body.report}.${body.format}`); return; }
  const { status_url: status } = await response.json();
  toast(t("Файл готовится, скачивание начнётся само.", "The file is being made; the download will begin by itself."));
  for (let attempt = 0; attempt < 300; attempt += 1) {
    await pause(1000);
    const job = await api("GET", status);
    if (job.file) { await save(await call("GET", job.file.url), job.file.name ?? `${body.report}.${body.format}`); return; }
    if (["failed", "cancelled", "expired"].includes(job.state)) { toast(t("Файл не получился: повторите позже.", "The file could not be made: try again later."), "bad"); return; }
  }
}

/** Totals that are in no column. */
const BESIDE = () => ({ opening: t("сальдо на начало", "opening balance"), closing: t("сальдо на конец", "closing balance"), in: t("поступило", "received"), out: t("списано", "paid"), net: t("итог", "net") });

const PERIODS = () => {
  const now = new Date();
  const [year, month] = [now.getFullYear(), now.getMonth()];
  const quarter = Math.floor(month / 3) * 3;
  const range = (from, to) => () => [isoDay(from), isoDay(to > now ? now : to)];
  return [
    [t("Этот месяц", "This month"), range(new Date(year, month, 1), now)],
    [t("Прошлый месяц", "Last month"), range(new Date(year, month - 1, 1), new Date(year, month, 0))],
    [t("Квартал", "Quarter"), range(new Date(year, quarter, 1), now)],
    [t("Прошлый квартал", "Last quarter"), range(new Date(year, quarter - 3, 1), new Date(year, quarter, 0))],
    [t("Год", "Year"), range(new Date(year, 0, 1), now)],
    [t("Прошлый год", "Last year"), range(new Date(year - 1, 0, 1), new Date(year - 1, 11, 31))],
  ];
};

