// Reports that come by themselves, and sets of parameters that are kept.

import { api } from "./api.js";
import { fill, h } from "./dom.js";
import { shownOnce } from "./profile.js";
import { moment, t } from "./text.js";
import { badge, busy, button, card, confirm, dialog, empty, field, form, input, load, select, tick, toast } from "./ui.js";

const DAYS = () => [["1", t("понедельник", "Monday")], ["2", t("вторник", "Tuesday")], ["3", t("среда", "Wednesday")], ["4", t("четверг", "Thursday")], ["5", t("пятница", "Friday")], ["6", t("суббота", "Saturday")], ["0", t("воскресенье", "Sunday")]];
const OFTEN = () => [["daily", t("Каждый день", "Every day")], ["workdays", t("По рабочим дням", "On working days")], ["weekly", t("Раз в неделю", "Once a week")], ["monthly", t("Раз в месяц", "Once a month")]];

/** The moments of a schedule in the form of cron. */
function cronOf({ often, time, weekday, monthday }) {
  const [hour, minute] = time.split(":").map(Number);
  return { daily: `${minute} ${hour} * * *`, workdays: `${minute} ${hour} * * 1-5`, weekly: `${minute} ${hour} * * ${weekday}`, monthly: `${minute} ${hour} ${monthday} * *` }[often];
}

/** The same in words, when it is of the kind that this page makes. */
function said(cron) {
  const match = /^(\d+) (\d+) (\*|\d+) \* (\*|1-5|\d)$/.exec(cron);
  if (!match) return cron;
  const [, minute, hour, monthday, weekday] = match;
  const time = `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;
  if (monthday !== "*") return t(`${monthday}-го числа в ${time}`, `on day ${monthday} at ${time}`);
  if (weekday === "*") return t(`каждый день в ${time}`, `every day at ${time}`);
  if (weekday === "1-5") return t(`по рабочим дням в ${time}`, `on working days at ${time}`);
  return `${DAYS().find(([day]) => day === weekday)?.[1] ?? weekday}, ${time}`;
}

const PERIODS = () => [["", t("как выбрано сейчас", "as chosen now")], ["yesterday", t("вчера", "yesterday")], ["today", t("сегодня", "today")], ["previous_week", t("прошлая неделя", "last week")], ["this_month", t("этот месяц", "this month")], ["previous_month", t("прошлый месяц", "last month")], ["previous_quarter", t("прошлый квартал", "last quarter")], ["this_year", t("этот год", "this year")]];

/** Asks when and to whom a report is to be sent. `order` is the report with its parameters. */
export const schedule = (title, order, formats, email) => dialog(t("Отчёт по расписанию", "A report by schedule"), (close) => {
  const when = h("div", { class: "row" });
  const often = select(OFTEN(), { name: "often", onchange: () => draw() });
  const draw = () => fill(when, field(t("Как часто", "How often"), often),
    often.value === "weekly" && field(t("День недели", "Day"), select(DAYS(), { name: "weekday" })), often.value === "monthly" && field(t("Число", "Day of the month"), input({ name: "monthday", type: "number", min: "1", max: "28", value: "1" })),
    field(t("Время", "Time"), input({ name: "time", type: "time", value: "09:00", required: true })));
  draw();
  return form([
    field(t("Название", "Name"), input({ name: "name", value: title, required: true, maxlength: "200" })), when,
    h("div", { class: "row" }, field(t("За период", "Of the period"), select(PERIODS(), { name: "period" })), field(t("Формат", "Format"), select(formats, { name: "format" }))),
    field(t("Кому, адреса через запятую", "To, addresses separated by commas"), input({ name: "recipients", required: true, value: email })),
    tick(t("Прислать и то, что пропущено, пока система не работала", "Send what was missed while the system was down, too"), { name: "catch_up", checked: true }),
  ], t("Сохранить", "Save"), async (values) => {
    const parameters = { ...order.parameters };
    if (values.period) for (const name of ["from", "to", "date"]) delete parameters[name];
    const body = { name: values.name, cron: cronOf(values), catch_up: values.catch_up === "on", delivery: { kind: "email", recipients: values.recipients.split(/[,;\s]+/).filter(Boolean) },
      order: { ...order, parameters, format: values.format, ...(values.period ? { period: values.period } : {}) } };
    const made = await api("POST", "/api/analytics/reports/schedules", { body });
    close(true);
    toast(t("Отчёт будет приходить по расписанию.", "The report will come by schedule."), "good");
    if (made.webhook_secret) await shownOnce(made.webhook_secret, t("Ключ подписи", "Signing key"));
  }, { cancel: () => close() });
}, { wide: true });

const RUNS = () => ({ waiting: [t("ждёт", "waiting"), ""], building: [t("готовится", "being made"), "accent"], delivered: [t("доставлен", "delivered"), "good"], failed: [t("не получился", "failed"), "bad"], skipped: [t("пропущен", "skipped"), ""] });

/** One's schedules. */
export async function schedules(place, signal) {
  const again = () => schedules(place, signal);
  await load(place, () => api("GET", "/api/analytics/reports/schedules?limit=100", { signal }), ({ items }) => (items.length === 0
    ? empty(t("Расписаний нет", "No schedules"), t("Откройте отчёт и нажмите «По расписанию», чтобы он приходил на почту сам.", "Open a report and press “By schedule” to have it come by mail by itself."))
    : card(null, h("ul", { class: "list" }, items.map((one) => h("li", {},
      h("div", { class: "grow" }, h("b", {}, one.name), h("span", { class: "small faint" }, [said(one.cron), one.time_zone, one.order.format.toUpperCase(), one.delivery.recipients?.join(", ") ?? one.delivery.url, one.next_at && t(`следующий ${moment(one.next_at)}`, `next ${moment(one.next_at)}`)].filter(Boolean).join(" · "))),
      !one.enabled && badge(t("выключено", "off")),
      button(t("Ход", "Runs"), () => runs(one), { kind: "small" }),
      button(t("Сейчас", "Now"), busy(async () => { await api("POST", `/api/analytics/reports/schedules/${one.id}/run`); toast(t("Отчёт готовится.", "The report is being made."), "good"); }), { kind: "small" }),
      button(t("Удалить", "Delete"), busy(async () => {
        if (!(await confirm(t("Удалить расписание?", "Delete the schedule?"), t(`«${one.name}» больше не будет приходить.`, `“${one.name}” will not come any more.`), t("Удалить", "Delete")))) return;
        await api("DELETE", `/api/analytics/reports/schedules/${one.id}`);
        again();
      }), { kind: "small danger" })))))));
}

function runs(one) {
  const place = h("div");
  dialog(one.name, () => {
    load(place, () => api("GET", `/api/analytics/reports/schedules/${one.id}/runs?limit=30`), ({ items }) => (items.length === 0 ? h("p", { class: "muted" }, t("Ещё не приходил.", "It has not come yet."))
      : h("ul", { class: "list" }, items.map((run) => h("li", {}, h("div", { class: "grow" }, moment(run.due_at), run.error_detail && h("span", { class: "small", style: { color: "var(--bad)" } }, run.error_detail)), badge(...(RUNS()[run.state] ?? [run.state, ""])))))));
    return place;
  });
}

/** Keeps the parameters of a report under a name. */
export const keepVariant = (title, order) => dialog(t("Сохранить настройки", "Keep the settings"), (close) => form([
  field(t("Название", "Name"), input({ name: "name", value: title, required: true, maxlength: "200", autofocus: true })),
  tick(t("Видно коллегам", "Colleagues see it"), { name: "shared" }),
], t("Сохранить", "Keep"), async ({ name, shared }) => {
  await api("POST", "/api/analytics/reports/variants", { body: { name, shared: shared === "on", order } });
  close(true);
  toast(t("Сохранено", "Kept"), "good");
}, { cancel: () => close() }));

/** Reports with kept parameters; empty where the service keeps none. */
export const variants = (signal) => api("GET", "/api/analytics/reports/variants?limit=100", { signal }).then(({ items }) => items, () => []);
