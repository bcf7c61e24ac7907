// Language models: which there are, what they may cost, what they are shown.

import { all, api, may, query } from "./api.js";
import { chart } from "./chart.js";
import { fill, h } from "./dom.js";
import { companies } from "./people.js";
import { dataTable } from "./table.js";
import { ago, count, decimal, t } from "./text.js";
import { badge, busy, button, card, confirm, dialog, empty, field, form, heading, input, load, select, tabs, tick, toast } from "./ui.js";

export default async function view({ root, rest, signal }) {
  fill(root, h("div", { class: "page" }, heading(t("Модели и бюджеты", "Models and budgets")), tabs([
    may("chat") && ["models", t("Модели", "Models"), (place) => models(place, signal)],
    may("analytics:read") && ["usage", t("Расход", "Usage"), (place) => usage(place, signal)],
    may("users:admin") && ["budgets", t("Бюджеты", "Budgets"), (place) => budgets(place, signal)],
    may("security:admin") && ["privacy", t("Что уходит наружу", "What leaves"), (place) => privacy(place, signal)],
  ].filter(Boolean), rest || "models", (id) => history.replaceState({}, "", `/admin/models/${id}`))));
}

const HEALTH = () => ({ up: [t("отвечает", "answers"), "good"], failing: [t("сбоит", "fails"), "warn"], resting: [t("отдыхает после сбоев", "rests after failures"), "bad"], unknown: [t("ещё не спрашивали", "not asked yet"), ""] });

async function models(place, signal) {
  await load(place, () => api("GET", "/api/ai/models", { signal }), ({ items }) => [
    items.length === 1 && h("div", { class: "note" }, t("Подключён только встроенный помощник. Ключ языковой модели задаётся на сервере: OPENAI_API_KEY, ANTHROPIC_API_KEY или адрес своей модели.", "Only the built-in engine is there. The key of a language model is set at the server: OPENAI_API_KEY, ANTHROPIC_API_KEY or the address of a model of your own.")),
    h("div", { class: "cards" }, items.map((one) => card(h("span", { style: { display: "contents" } }, one.kind === "rules" ? t("Встроенный помощник", "Built-in engine") : one.id, h("span", { class: "actions" }, one.default && badge(t("по умолчанию", "default"), "accent"), badge(...(HEALTH()[one.health.state] ?? [one.health.state, ""])))),
      h("dl", { class: "facts" }, h("dt", {}, t("Поставщик", "Provider")), h("dd", {}, one.provider), h("dt", {}, t("Где работает", "Where")), h("dd", {}, one.external ? t("снаружи: имена и реквизиты скрываются", "outside: names and requisites are hidden") : t("внутри компании", "within the company")),
        one.context && [h("dt", {}, t("Окно", "Context")), h("dd", {}, t(`${count(one.context)} токенов`, `${count(one.context)} tokens`))],
        h("dt", {}, t("Цена за млн токенов", "Price of a million tokens")), h("dd", {}, one.kind === "rules" ? t("бесплатно", "free") : one.price ? one.price.bands.map((band) => `$${band.input ?? "?"} / $${band.output ?? "?"}`).join("; ") : t("неизвестна", "unknown")),
        one.health.failure && [h("dt", {}, t("Последний сбой", "Last failure")), h("dd", {}, `${one.health.failure}, ${ago(one.health.failed_at)}`)]))))]);
}

async function usage(place, signal) {
  let by = "user";
  const found = h("div", { style: { display: "flex", "flex-direction": "column", gap: "16px" } });
  const BY = { user: t("Человек", "Person"), role: t("Роль", "Role"), company: t("Организация", "Company"), model: t("Модель", "Model"), operation: t("Действие", "Operation"), day: t("День", "Day") };
  const show = () => load(found, async () => {
    const [grouped, days, people, list] = await Promise.all([api("GET", `/api/ai/usage${query({ scope: "all", by })}`, { signal }), api("GET", `/api/ai/usage${query({ scope: "all", by: "day" })}`, { signal }),
      by === "user" && may("users:read") ? all("/api/users?limit=100", { signal }) : [], by === "company" ? companies(signal) : []]);
    return { grouped, days, names: new Map([...people, ...list].map((one) => [one.id, one.name])) };
  }, ({ grouped, days, names }) => {
    const total = grouped.total;
    const key = (row) => row.key ?? row[by] ?? row.subject;
    return [h("div", { class: "stats" }, [[t("Ответов", "Answers"), count(total.answered)], [t("Токенов", "Tokens"), count(total.input_tokens + total.output_tokens)], [t("Стоимость", "Cost"), `$${decimal(total.cost_usd)}`], [t("Из кеша", "Cached"), count(total.cached)]].map(([label, value]) => h("div", { class: "stat" }, h("span", {}, label), h("span", { class: "big" }, value)))),
      days.items.length > 1 && card(t("Токены по дням", "Tokens by day"), chart({ title: t("Токены по дням", "Tokens by day"), points: days.items.map((row) => ({ label: String(row.key ?? row.day).slice(5), tokens: row.input_tokens + row.output_tokens })), series: [{ key: "tokens", title: t("токены", "tokens") }] })),
      grouped.items.length === 0 ? empty(t("В этом месяце расхода не было", "Nothing was used this month")) : dataTable({ columns: [{ key: "name", title: BY[by], kind: "text" }, { key: "answered", title: t("Ответов", "Answers"), kind: "integer" }, { key: "failed", title: t("Ошибок", "Failures"), kind: "integer" }, { key: "tokens", title: t("Токенов", "Tokens"), kind: "integer" }, { key: "cost_usd", title: t("Стоимость, $", "Cost, $"), kind: "quantity" }],
        rows: grouped.items.map((row) => ({ ...row, name: names.get(key(row)) ?? key(row), tokens: row.input_tokens + row.output_tokens })), title: t("Расход", "Usage") })];
  });
  const choose = select(Object.entries(BY), { value: by, onchange: () => { by = choose.value; show(); } });
  fill(place, h("div", { class: "toolbar" }, field(t("Показать по", "Show by"), choose)), found);
  show();
}

const SCOPES = () => ({ user: t("Человек", "Person"), role: t("Роль", "Role"), company: t("Организация", "Company"), all: t("Все вместе", "All together") });
const PERIODS = () => ({ day: t("в день", "a day"), month: t("в месяц", "a month") });

async function budgets(place, signal) {
  const again = () => budgets(place, signal);
  await load(place, async () => {
    const [limits, people, list, roles] = await Promise.all([api("GET", "/api/ai/budgets", { signal }), all("/api/users?limit=100", { signal }), companies(signal), api("GET", "/api/users/roles", { signal })]);
    return { limits: limits.items, people, list, roles: roles.items };
  }, ({ limits, people, list, roles }) => {
    const name = (one) => (one.subject === "*" ? t("каждый без своего предела", "everybody without a limit of their own") : people.find((person) => person.id === one.subject)?.name ?? list.find((company) => company.id === one.subject)?.name ?? roles.find((role) => role.name === one.subject)?.title ?? one.subject);
    const line = (spent, hard, soft, sign = "") => {
      const most = Number(hard ?? soft);
      if (!most) return null;
      const share = Number(spent ?? 0) / most;
      return h("div", {}, h("div", { class: "small" }, `${sign}${decimal(String(spent ?? 0))} / ${sign}${decimal(String(most))}`, share >= 1 && badge(t("исчерпан", "used up"), "bad")), h("progress", { max: "1", value: String(Math.min(1, share)), "aria-label": t("Израсходовано", "Used") }));
    };
    return [h("div", { class: "actions" }, button(t("Новый предел", "New limit"), () => budget({ people, list, roles }, again), { kind: "primary", name: "plus" })),
      limits.length === 0 ? empty(t("Пределов нет", "No limits"), t("Без пределов модели можно спрашивать сколько угодно.", "Without limits models may be asked without end."))
        : h("div", { class: "cards" }, limits.map((one) => card(h("span", { style: { display: "contents" } }, `${SCOPES()[one.scope] ?? one.scope}: ${one.scope === "all" ? "" : name(one)}`.replace(/: $/, ""), badge(PERIODS()[one.period] ?? one.period)),
          line(one.spent?.tokens, one.hard_tokens, one.soft_tokens), line(one.spent?.usd, one.hard_usd, one.soft_usd, "$"),
          h("dl", { class: "facts" }, one.soft_tokens !== null && [h("dt", {}, t("Мягкий", "Soft")), h("dd", {}, t(`${count(one.soft_tokens)} токенов`, `${count(one.soft_tokens)} tokens`))], one.hard_tokens !== null && [h("dt", {}, t("Жёсткий", "Hard")), h("dd", {}, t(`${count(one.hard_tokens)} токенов`, `${count(one.hard_tokens)} tokens`))],
            one.hard_usd !== null && [h("dt", {}, t("Деньги", "Money")), h("dd", {}, `$${decimal(String(one.hard_usd))}`)]),
          h("div", { class: "actions" }, button(t("Убрать", "Remove"), busy(async () => {
            if (!(await confirm(t("Убрать предел?", "Remove the limit?"), t("Расход по нему перестанет ограничиваться.", "Spending will not be limited by it any more."), t("Убрать", "Remove")))) return;
            await api("DELETE", `/api/ai/budgets/${one.id}`);
            again();
          }), { kind: "small danger" })))))];
  });
}

const budget = ({ people, list, roles }, again) => dialog(t("Новый предел", "New limit"), (close) => {
  const subject = h("div");
  const scope = select(Object.entries(SCOPES()), { name: "scope", onchange: () => draw() });
  const draw = () => {
    const choices = { user: [["*", t("Каждый человек", "Each person")], ...people.map((one) => [one.id, `${one.name}, ${one.email}`])], role: roles.map((one) => [one.name, one.title]), company: [["*", t("Каждая организация", "Each company")], ...list.map((one) => [one.id, one.name])] }[scope.value];
    fill(subject, choices && field(t("Чей", "Whose"), select(choices, { name: "subject" })));
  };
  draw();
  return form([
    h("div", { class: "row" }, field(t("На кого", "Of what"), scope), subject, field(t("Период", "Period"), select(Object.entries(PERIODS()), { name: "period" }))),
    h("div", { class: "row" }, field(t("Мягкий, токенов", "Soft, tokens"), input({ name: "soft_tokens", type: "number", min: "1" }), { optional: true }), field(t("Жёсткий, токенов", "Hard, tokens"), input({ name: "hard_tokens", type: "number", min: "1" }), { optional: true })),
    h("div", { class: "row" }, field(t("Мягкий, $", "Soft, $"), input({ name: "soft_usd", inputmode: "decimal" }), { optional: true }), field(t("Жёсткий, $", "Hard, $"), input({ name: "hard_usd", inputmode: "decimal" }), { optional: true })),
  ], t("Сохранить", "Save"), async (values) => {
    const body = { scope: values.scope, period: values.period };
    if (values.subject && values.subject !== "*") body.subject = values.subject;
    for (const name of ["soft_tokens", "hard_tokens"]) if (values[name]) body[name] = Number(values[name]);
    for (const name of ["soft_usd", "hard_usd"]) if (values[name]) body[name] = values[name].replace(",", ".");
    await api("PUT", "/api/ai/budgets", { body });
    close(true);
    again();
  }, { cancel: () => close() });
}, { wide: true });

const MODES = () => ({ mask: [t("Скрывать имена и реквизиты", "Hide names and requisites"), t("Внешняя модель видит метки вместо имён; в ответе имена возвращаются.", "An external model sees marks in place of names; the answer has the names.")], send: [t("Отправлять как есть", "Send as it is"), t("Внешняя модель видит всё.", "An external model sees everything.")], forbid: [t("Ничего не отправлять", "Send nothing"), t("Внешние модели не спрашиваются.", "External models are not asked.")] });

async function privacy(place, signal) {
  const again = () => privacy(place, signal);
  await load(place, async () => ({ policies: await api("GET", "/api/ai/privacy/policies", { signal }), list: await companies(signal) }), ({ policies, list }) => {
    const show = (one, title) => card(title, h("p", {}, h("b", {}, MODES()[one.mode]?.[0] ?? one.mode)), h("p", { class: "muted" }, MODES()[one.mode]?.[1]), one.mask_items && h("p", { class: "small" }, t("Названия товаров тоже скрываются.", "Names of goods are hidden, too.")),
      h("div", { class: "actions" }, button(t("Изменить", "Change"), () => policy(one, title, again), { kind: "small" }), one.company_id && button(t("Как у всех", "As for all"), busy(async () => { await api("DELETE", `/api/ai/privacy/policies/${one.company_id}`); again(); }), { kind: "small" })));
    const rest = list.filter((company) => !policies.items.some((one) => one.company_id === company.id));
    return [policies.local_only && h("div", { class: "note" }, t("На сервере включён режим «только свои модели»: наружу не уходит ничего.", "The server is set to models of one's own only: nothing leaves.")),
      h("div", { class: "cards" }, show(policies.default, t("Для всех организаций", "For all companies")), policies.items.filter((one) => one.company_id).map((one) => show(one, list.find((company) => company.id === one.company_id)?.name ?? one.company_id))),
      rest.length > 0 && h("div", { class: "toolbar" }, (() => {
        const choose = select(rest.map((one) => [one.id, one.name]));
        return [field(t("Отдельно для организации", "Apart for a company"), choose), button(t("Задать", "Set"), () => policy({ ...policies.default, company_id: choose.value }, rest.find((one) => one.id === choose.value).name, again))];
      })()), preview()];
  });
}

const policy = (one, title, again) => dialog(title, (close) => form([
  field(t("Внешним моделям", "To external models"), select(Object.entries(MODES()).map(([name, [label]]) => [name, label]), { name: "mode", value: one.mode })),
  tick(t("Скрывать названия товаров", "Hide names of goods"), { name: "mask_items", checked: one.mask_items }),
], t("Сохранить", "Save"), async (values) => {
  await api("PUT", "/api/ai/privacy/policies", { body: { company_id: one.company_id, mode: values.mode, mask_items: values.mask_items === "on", keep: one.keep } });
  close(true);
  toast(t("Сохранено", "Saved"), "good");
  again();
}, { cancel: () => close() }));

function preview() {
  const shown = h("div");
  return card(t("Проверить на примере", "Try an example"), form([field(t("Текст", "Text"), h("textarea", { class: "input", name: "text", required: true, placeholder: t("Сколько должен Иванов Пётр, ИНН 7707083893?", "How much does Ivanov Pyotr, tax number 7707083893, owe?") }))], t("Показать, что уйдёт", "Show what would leave"), async ({ text }) => {
    const seen = await api("POST", "/api/ai/privacy/preview", { body: { text } });
    fill(shown, seen.sent ? h("div", { class: "note" }, seen.text) : h("div", { class: "note warn" }, t("Не уйдёт ничего.", "Nothing would leave.")),
      seen.tokens?.length > 0 && h("dl", { class: "facts", style: { "margin-top": "10px" } }, seen.tokens.map((one) => [h("dt", {}, h("code", {}, one.token)), h("dd", {}, one.value)])));
  }), shown);
}
