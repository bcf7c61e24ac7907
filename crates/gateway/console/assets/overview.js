// Dashboards: figures, charts and tables over a range, each leading to its report.

import { all, api, call, may, query, save } from "./api.js";
import { chart, shares, short } from "./chart.js";
import { fill, h } from "./dom.js";
import { address, go } from "./main.js";
import { dataTable } from "./table.js";
import { count, decimal, language, moment, money, roundMoney, t } from "./text.js";
import { badge, busy, button, dialog, empty, field, form, heading, input, linkButton, load, secret, select, words } from "./ui.js";

const RANGES = () => [
  [t("Сегодня", "Today"), "now/d", "now/d"], [t("Неделя", "7 days"), "now-6d/d", "now/d"], [t("Месяц", "Month"), "now/M", "now"],
  [t("Прошлый месяц", "Last month"), "now-1M/M", "now-1M/M"], [t("Год", "Year"), "now/y", "now"],
];

export default async function view({ root, rest, query: asked, signal }) {
  const { items } = await api("GET", "/api/analytics/dashboards", { signal });
  const order = ["director", "accountant", "overview"];
  const boards = [...items].sort((a, b) => place(order, a.id) - place(order, b.id));
  if (boards.length === 0) { fill(root, empty(t("Панелей нет", "No dashboards"))); return undefined; }
  const one = boards.find((board) => board.id === rest) ?? boards[0];
  const chosen = { from: asked.get("from"), to: asked.get("to"), company: asked.get("company") };
  const companies = may("onec:read") ? await all("/api/1c/companies", { signal }).catch(() => []) : [];
  const body = h("div", { class: "board" });
  const at = h("p", { class: "small faint" });
  let timer;
  const show = async (quiet) => {
    clearTimeout(timer);
    address(`/overview/${one.id}${query(chosen)}`);
    const data = await load(body, () => api("GET", `/api/analytics/dashboards/${one.id}${query(chosen)}`, { signal }), (found) => {
      fill(at, [t(`Составлено ${moment(found.generated_at)}`, `Made ${moment(found.generated_at)}`), `${dayIn(found.time.from, found)} — ${dayIn(found.time.to, found)}`].join(" · "));
      RANGES().forEach(([, from, to], number) => choose.children[number].setAttribute("aria-pressed", String(from === found.time.asked_from && to === found.time.asked_to)));
      return found.panels.map((panel) => draw(panel, found));
    }, { lines: 10, quiet });
    if (data && !signal.aborted) timer = setTimeout(() => (document.hidden ? show(true) : show(true)), Math.max(30, data.refresh_seconds ?? 60) * 1000);
  };
  const choose = h("div", { class: "segments", role: "group", "aria-label": t("Период", "Range") }, RANGES().map(([label, from, to]) => h("button", { type: "button", "aria-pressed": String(chosen.from === from && chosen.to === to), onclick: (event) => {
    Object.assign(chosen, { from, to });
    [...choose.children].forEach((button) => button.setAttribute("aria-pressed", String(button === event.currentTarget)));
    show();
  } }, label)));
  const company = companies.length > 1 && select([["", t("Все организации", "All companies")], ...companies.map((item) => [item.id, item.name])], { "aria-label": t("Организация", "Company"), value: chosen.company ?? "", onchange: () => { chosen.company = company.value || null; show(); }, style: { width: "auto", "max-width": "260px" } });
  fill(root, h("div", { class: "page" }, heading(t("Показатели", "Overview"), company, choose,
    button(t("Скачать страницей", "Download as a page"), busy(async () => save(await call("GET", `/api/analytics/dashboards/${one.id}${query({ ...chosen, format: "html" })}`, { headers: { accept: "text/html" } }), `${one.id}.html`)), { kind: "icon", name: "download" }),
    may("dashboards:edit") && button(t("Ссылка для тех, у кого нет учётной записи", "A link for people without an account"), () => share(one, chosen), { kind: "icon", name: "link" })),
    boards.length > 1 && h("nav", { class: "tabs", "aria-label": t("Панели", "Dashboards") }, boards.map((board) => h("a", { class: "tab", href: `/overview/${board.id}${query(chosen)}`, "aria-current": board.id === one.id ? "page" : null, title: board.description ?? null }, board.title))),
    at, body));
  await show();
  return () => clearTimeout(timer);
}

/** A moment as a day of the dashboard's time zone; the end of a range belongs to the day before it. */
const dayIn = (time, board) => new Date(new Date(time).getTime() - (time === board.time.to ? 1 : 0)).toLocaleDateString(language() === "ru" ? "ru-RU" : "en-GB", { timeZone: board.time_zone });

/** Makes a link that shows these figures to whoever has it. */
const share = (one, chosen) => dialog(t("Ссылка на панель", "A link to the dashboard"), (close) => form([
  h("p", {}, t("По ссылке видны цифры такими, какие они сейчас, без входа. Её можно отозвать раньше срока.", "The link shows the figures as they are now, without signing in. It can be revoked before its time.")),
  field(t("Сколько дней действует", "Days that it is good for"), input({ name: "days", type: "number", min: "1", max: "90", value: "7" })),
], t("Создать ссылку", "Make the link"), async ({ days }) => {
  const body = { expires_in_days: Number(days), ...Object.fromEntries(Object.entries(chosen).filter(([, value]) => value)) };
  const made = await api("POST", `/api/analytics/dashboards/${one.id}/links`, { body });
  close(true);
  await dialog(t("Ссылка готова", "The link is ready"), (done) => [h("p", {}, t("Она показывается один раз.", "It is shown this once.")), secret(t("Ссылка", "Link"), new URL(made.url, location.origin).href), h("div", { class: "actions" }, button(t("Готово", "Done"), () => done(true), { kind: "primary" }))]);
}, { cancel: () => close() }));

const place = (order, id) => (order.includes(id) ? order.indexOf(id) : order.length);

/** A panel in its place of the grid of twelve columns. */
function draw(panel, board) {
  const content = panel.data ? show(panel, board) : null;
  const drill = panel.drill_down?.report && may("onec:read") ? `/reports/${panel.drill_down.report}${query(plain(panel.drill_down.parameters))}` : null;
  const { x = 0, y, w = 6, h: high = 6 } = panel.grid ?? {};
  return h("section", { class: `card panel${w > 6 ? " broad" : ""}`, "aria-label": panel.title, style: { "--columns": `${x + 1} / span ${w}`, "--rows": y === undefined ? `span ${high}` : `${y + 1} / span ${high}` } },
    h("h2", {}, panel.title, h("span", { class: "actions" }, panel.stale && badge(t("старые данные", "old figures"), "warn"), drill && panel.kind !== "table" && h("a", { class: "small", href: drill }, t("Отчёт", "Report")))),
    panel.description && h("p", { class: "small muted" }, panel.description),
    content ?? h("p", { class: "muted" }, panel.error ? panel.error.detail ?? panel.error.title : t("Данных нет.", "No data.")),
    panel.kind === "table" && drill && h("div", { class: "actions" }, linkButton(t("Открыть отчёт", "Open the report"), drill, "quiet small", "reports")));
}

const plain = (parameters) => Object.fromEntries(Object.entries(parameters ?? {}).filter(([, value]) => value !== null && typeof value !== "object"));

function show(panel, board) {
  if (panel.kind === "stat") return figures(panel);
  if (panel.kind === "table") return table(panel);
  const drawn = panel.data.chart;
  if (!drawn || drawn.categories.length === 0) return h("p", { class: "chart-empty" }, t("За этот период пусто.", "Nothing in this period."));
  if (panel.kind === "bar" && drawn.series.length === 1 && !isSeries(drawn.categories)) return bars(panel, drawn);
  if (["line", "bar", "stacked_bar"].includes(panel.kind)) {
    const series = drawn.series.map((one, at) => ({ key: `s${at}`, title: one.name || panel.title }));
    const points = drawn.categories.map((category, at) => Object.fromEntries([["label", step(category, board)], ...drawn.series.map((one, number) => [`s${number}`, one.values[at]])]));
    return chart({ title: panel.title, points, series, kind: { line: "lines", bar: "bars", stacked_bar: "stacked" }[panel.kind], format: short });
  }
  if (panel.kind === "pie") return parts(panel, drawn);
  return picture(panel, drawn);
}

/** Whether categories are days, months or hours. */
const isSeries = (categories) => /^((Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d|\d{4}-\d{2}|\d{2}\.\d{2}|\d{1,2}:\d{2}|\S+ \d{4}$)/.test(categories[0]);

/** Names with a bar each, which have room for their text. */
function bars(panel, drawn) {
  const values = drawn.series[0].values.map((value) => Number(value ?? 0));
  const most = Math.max(...values.map(Math.abs), 0) || 1;
  return h("dl", { class: "bars" }, drawn.categories.map((category, at) => [h("dt", {}, category), h("dd", {}, h("span", { class: `bar-of${values[at] < 0 ? " below" : ""}`, style: { width: `${(Math.abs(values[at]) / most) * 100}%` } }), h("b", {}, valued(drawn.series[0].values[at], panel.unit)))]));
}

/** Days of a series in short. */
function step(category, board) {
  const match = /^(\d{4})-(\d{2})(?:-(\d{2}))?/.exec(category);
  if (!match) return category.length > 14 ? `${category.slice(0, 13)}…` : category;
  if (!match[3]) return `${match[2]}.${match[1].slice(2)}`;
  return board.time?.step === "hour" && category.length > 12 ? new Date(category).toLocaleTimeString(language() === "ru" ? "ru-RU" : "en-GB", { hour: "2-digit", minute: "2-digit" }) : `${match[3]}.${match[2]}`;
}

/** A value with its unit. */
function valued(value, unit) {
  if (value === null || value === undefined) return "—";
  if (/^[A-Z]{3}$/.test(unit ?? "")) return Math.abs(Number(value)) >= 1000 ? roundMoney(value, unit) : money(value, unit);
  if (unit === "percent") return `${decimal(String(Math.round(Number(value) * 10) / 10))} %`;
  if (unit === "ms") return `${count(value)} ${t("мс", "ms")}`;
  if (unit === "seconds" || unit === "s") return `${decimal(String(value))} ${t("с", "s")}`;
  return decimal(String(value));
}

function figures(panel) {
  const list = panel.data.figures ?? [];
  return h("div", { class: "figures" }, list.map((one, at) => h("div", {}, list.length > 1 && h("span", { class: "small muted" }, one.title),
    h("div", { class: at === 0 ? "big" : "middle", title: /^[A-Z]{3}$/.test(one.unit ?? "") && one.value !== null ? money(one.value, one.unit) : null }, valued(one.value, one.unit)),
    one.change_percent !== null && one.change_percent !== undefined && h("small", {}, h("b", { class: mood(one) }, `${Number(one.change_percent) >= 0 ? "+" : "−"}${decimal(String(Math.abs(Math.round(Number(one.change_percent) * 10) / 10)))} %`), t(" к прошлому периоду", " to the period before")))));
}

/** Whether a change is good news. */
function mood({ welcome, change_percent: change }) {
  if (!["growth", "decline"].includes(welcome) || Number(change) === 0) return "";
  return (welcome === "growth") === (Number(change) > 0) ? "rise" : "fall";
}

function table(panel) {
  const { fields = [], rows = [], totals, shown } = panel.data;
  const wanted = [shown?.x, shown?.series, ...(shown?.y ?? [])].filter(Boolean);
  const columns = wanted.length > 1 ? wanted.map((key) => fields.find((one) => one.key === key)).filter(Boolean) : fields;
  if (rows.length === 0) return h("p", { class: "muted" }, t("За этот период пусто.", "Nothing in this period."));
  const row = panel.drill_down?.row;
  return dataTable({ columns: columns.map((one) => ({ ...one, kind: KINDS[one.kind] ?? one.kind })), rows: rows.slice(0, 50), totals: totals && Object.keys(totals).length ? totals : undefined, title: panel.title,
    cell: (values, column) => (column.kind === "text" && /^\d{4}-\d{2}-\d{2}T/.test(values[column.key] ?? "") ? moment(values[column.key]) : undefined),
    onRow: row && may("onec:read") ? (values) => { if (values[row.field]) go(`/reports/${row.report}${query({ ...plain(panel.drill_down.parameters), limit: null, [row.parameter]: values[row.field] })}`); } : undefined });
}

const KINDS = { number: "quantity", percent: "quantity", decimal: "quantity", time: "text", datetime: "text" };

/** Parts of a whole as one bar. */
function parts(panel, drawn) {
  const values = drawn.categories.map((title, at) => ({ title, value: drawn.series[0]?.values[at] ?? 0, kind: `age-${at % 5}` }));
  return shares(panel.title, values, (value) => valued(value, panel.unit));
}

/** Other charts are drawn by the service, as a picture. */
function picture(panel, drawn) {
  const image = h("img", { class: "chart", alt: panel.title });
  const dark = document.documentElement.dataset.theme === "dark" || (document.documentElement.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  call("POST", "/api/analytics/charts", { body: { chart: { ...drawn, title: "" }, format: "svg", theme: dark ? "dark" : "light", width: 640 }, headers: { accept: "image/svg+xml" } })
    .then((response) => response.blob()).then((blob) => { image.src = URL.createObjectURL(blob); image.onload = () => URL.revokeObjectURL(image.src); })
    .catch((error) => image.replaceWith(h("p", { class: "muted" }, words(error))));
  return image;
}

