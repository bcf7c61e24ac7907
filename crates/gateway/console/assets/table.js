// Tables that sort, and that are copied into Excel as they are.

import { h, icon, fill } from "./dom.js";
import { count, day, decimal, language, t } from "./text.js";
import { button, copy } from "./ui.js";

const NUMBERS = ["money", "quantity", "integer"];

/** A value as it is read. */
export function shown(value, kind) {
  if (value === null || value === undefined || value === "") return "";
  if (kind === "money") return decimal(value, 2);
  if (kind === "quantity" || kind === "integer") return decimal(value);
  if (kind === "date") return day(value);
  if (kind === "boolean") return value ? t("да", "yes") : t("нет", "no");
  return String(value);
}

/** A value as Excel reads it in this language. */
function copied(value, kind) {
  if (value === null || value === undefined) return "";
  if (NUMBERS.includes(kind)) return language() === "ru" ? String(value).replace(".", ",") : String(value);
  return shown(value, kind).replace(/[\t\n]/g, " ");
}

function order(kind) {
  if (NUMBERS.includes(kind)) return (a, b) => Number(a ?? 0) - Number(b ?? 0);
  const collator = new Intl.Collator(language(), { numeric: true });
  return (a, b) => collator.compare(String(a ?? ""), String(b ?? ""));
}

/**
 * A table of a report. Columns have key, title and kind; `cell` may make the content of a cell, `onRow` makes
 * rows buttons.
 */
export function dataTable({ columns, rows, totals, title, onRow, cell, tools = true, extra = [] }) {
  const seen = columns.filter((column) => column.kind !== "id");
  let sorted = rows;
  let by = null;
  let falling = false;
  const body = h("tbody");
  const heads = seen.map((column) => {
    const head = h("th", { scope: "col", class: NUMBERS.includes(column.kind) ? "number" : null, "aria-sort": "none" },
      h("button", { type: "button", onclick: () => sort(column) }, column.title, h("span", { class: "arrow", "aria-hidden": "true" })));
    return head;
  });
  const sort = (column) => {
    if (by === column.key && falling === NUMBERS.includes(column.kind)) falling = !falling;
    else if (by === column.key) by = null;
    else { by = column.key; falling = NUMBERS.includes(column.kind); }
    const compare = order(column.kind);
    sorted = by ? [...rows].sort((a, b) => compare(a[by], b[by]) * (falling ? -1 : 1)) : rows;
    heads.forEach((head, at) => head.setAttribute("aria-sort", seen[at].key === by ? (falling ? "descending" : "ascending") : "none"));
    draw();
  };
  const draw = () => fill(body, sorted.map((row) => h("tr", onRow ? {
    class: "pressable", tabindex: "0", onclick: () => onRow(row), onkeydown: (event) => { if (event.key === "Enter") onRow(row); },
  } : {}, seen.map((column) => h("td", { class: `${NUMBERS.includes(column.kind) ? "number" : ""}${negative(row[column.key], column.kind)}` },
    cell?.(row, column) ?? shown(row[column.key], column.kind))))));
  draw();
  const hasTotals = totals && seen.some((column) => totals[column.key] !== undefined);
  const table = h("table", { class: "data" }, title && h("caption", { class: "unseen" }, title), h("thead", {}, h("tr", {}, heads)), body,
    hasTotals && h("tfoot", {}, h("tr", {}, seen.map((column, at) => h(at ? "td" : "th", { scope: at ? null : "row", class: NUMBERS.includes(column.kind) ? "number" : null },
      totals[column.key] !== undefined ? shown(totals[column.key], column.kind) : at === 0 ? t("Итого", "Total") : "")))));
  const text = () => [seen.map((column) => column.title), ...sorted.map((row) => seen.map((column) => copied(row[column.key], column.kind))),
    ...(hasTotals ? [seen.map((column, at) => (totals[column.key] !== undefined ? copied(totals[column.key], column.kind) : at === 0 ? t("Итого", "Total") : ""))] : [])];
  const place = h("div", { hidden: true });
  const numbers = seen.filter((column) => NUMBERS.includes(column.kind));
  const names = seen.find((column) => !NUMBERS.includes(column.kind) && column.kind !== "boolean");
  const drawable = tools && names && numbers.length > 0 && rows.length > 1 && rows.length <= 60;
  const plot = drawable && button(t("График", "Chart"), (event) => {
    place.hidden = !place.hidden;
    event.currentTarget.setAttribute("aria-expanded", String(!place.hidden));
    if (!place.hidden) plotted(place, sorted, names, numbers, numbers.find((column) => column.key === by) ?? largest(rows, numbers), cell);
  }, { kind: "quiet small", name: "overview", "aria-expanded": "false" });
  const frame = framed(table, title, tools ? [extra, plot, copyButton(text)] : []);
  if (drawable) frame.append(place);
  return frame;
}

/** The column that weighs most: revenue rather than pieces. */
function largest(rows, numbers) {
  const weight = (column) => rows.reduce((sum, row) => sum + Math.abs(Number(row[column.key] ?? 0)), 0) * (column.kind === "money" ? 1e6 : 1);
  return numbers.reduce((best, column) => (weight(column) > weight(best) ? column : best));
}

/** One column of numbers as bars. */
function plotted(place, rows, names, numbers, column, cell) {
  const values = rows.map((row) => Number(row[column.key] ?? 0));
  const most = Math.max(...values.map(Math.abs)) || 1;
  const choose = numbers.length > 1 && h("select", { class: "input", "aria-label": t("Что показать", "What to show"), value: column.key,
    onchange: (event) => plotted(place, rows, names, numbers, numbers.find((one) => one.key === event.currentTarget.value), cell), style: { width: "auto", "align-self": "flex-start" } },
  numbers.map((one) => h("option", { value: one.key }, one.title)));
  fill(place, h("div", { class: "card" }, choose, h("dl", { class: "bars" }, rows.map((row, at) => [
    h("dt", {}, cell?.(row, names) ?? shown(row[names.key], names.kind)),
    h("dd", {}, h("span", { class: `bar-of${values[at] < 0 ? " below" : ""}`, style: { width: `${(Math.abs(values[at]) / most) * 100}%` } }), h("b", {}, cell?.(row, column) ?? shown(row[column.key], column.kind)))]))));
}

const negative = (value, kind) => (kind === "money" && String(value).startsWith("-") ? " negative" : "");

const copyButton = (text) => button(t("Копировать", "Copy"), () => {
  const lines = text();
  copy(lines.map((line) => line.join("\t")).join("\n"), htmlOf(lines));
}, { kind: "quiet small", name: "copy", title: t("Скопировать таблицу для Excel", "Copy the table for Excel") });

/** The rows as HTML for the clipboard: spreadsheets keep the columns. Built as elements, so nothing is markup. */
function htmlOf(lines) {
  const table = h("table", {}, lines.map((line) => h("tr", {}, line.map((cell) => h("td", {}, cell)))));
  return table.outerHTML;
}

function framed(table, title, tools) {
  const scroller = h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": title ?? t("Таблица", "Table") }, table);
  return h("div", { class: "table" }, scroller, tools.length ? h("div", { class: "table-tools" }, tools) : null);
}

/** A table of a text: titles, which columns are numbers, and cells with marks of Markdown. */
export function plainTable(titles, numeric, rows, inline, live) {
  const strip = (text) => text.replace(/\*\*|`/g, "").trim();
  const number = (text) => {
    const bare = strip(text).replace(/[\s\u00a0\u202f₽$€%]/g, "").replace("−", "-");
    return Number(language() === "ru" || /,\d{1,2}$/.test(bare) ? bare.replace(",", ".") : bare.replaceAll(",", ""));
  };
  const last = rows.at(-1);
  const total = last && last[0]?.startsWith("**") ? last : null;
  const plain = total ? rows.slice(0, -1) : rows;
  if (live) {
    return framed(h("table", { class: "data" }, h("thead", {}, h("tr", {}, titles.map((title, at) => h("th", { class: numeric[at] ? "number" : null }, inline(title))))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, at) => h("td", { class: numeric[at] ? "number" : null }, inline(cell))))))), null, []);
  }
  const columns = titles.map((title, at) => ({ key: String(at), title: strip(title), kind: numeric[at] ? "quantity" : "text" }));
  const asRow = (row) => Object.fromEntries(row.map((text, at) => {
    const value = numeric[at] ? number(text) : isoOf(strip(text));
    return [String(at), Number.isNaN(value) ? strip(text) : value];
  }));
  const texts = new Map();
  const made = plain.map((row) => { const one = asRow(row); texts.set(one, row); return one; });
  const totals = total ? Object.fromEntries(total.map((text, at) => [String(at), strip(text)]).filter(([, text]) => text)) : undefined;
  const element = dataTable({ columns, rows: made, title: titles.map(strip).join(", "), cell: (row, column) => inline(texts.get(row)?.[Number(column.key)] ?? "") });
  if (totals) {
    const foot = h("tfoot", {}, h("tr", {}, titles.map((_, at) => h(at ? "td" : "th", { scope: at ? null : "row", class: numeric[at] ? "number" : null }, total[at] ? inline(total[at]) : ""))));
    element.querySelector("table").append(foot);
  }
  return element;
}

/** Days sort as days. */
const isoOf = (text) => text.replace(/^(\d{2})\.(\d{2})\.(\d{4})$/, "$3-$2-$1");

/** "50 of 1 240 rows". */
export const rowsOf = (some, of) => (some < of ? t(`Показано ${count(some)} из ${count(of)}`, `${count(some)} of ${count(of)} shown`) : t(`Строк: ${count(of)}`, `Rows: ${count(of)}`));

export { icon };
