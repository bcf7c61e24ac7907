// How the services do.

import { api, open, query } from "./api.js";
import { fill, h } from "./dom.js";
import { dataTable } from "./table.js";
import { count, decimal, moment, t } from "./text.js";
import { badge, card, heading, load } from "./ui.js";

const SERVICES = [["gateway", "/health"], ["ai-assistant", "/api/ai/health"], ["onec-integration", "/api/1c/health"], ["user-management", "/api/users/health"], ["analytics", "/api/analytics/health"], ["security", "/api/security/health"]];
const RANGES = () => [["1h", t("Час", "Hour")], ["24h", t("Сутки", "24 hours")], ["7d", t("Неделя", "7 days")]];

export default async function view({ root, signal }) {
  let range = "1h";
  const health = h("div", { class: "cards" });
  const place = h("div", { style: { display: "flex", "flex-direction": "column", gap: "16px" } });
  const choose = h("div", { class: "segments", role: "group", "aria-label": t("Период", "Range") }, RANGES().map(([id, label]) => h("button", { type: "button", "aria-pressed": String(id === range), onclick: (event) => {
    range = id;
    [...choose.children].forEach((one) => one.setAttribute("aria-pressed", String(one === event.currentTarget)));
    show();
  } }, label)));
  fill(root, h("div", { class: "page" }, heading(t("Состояние системы", "System state"), choose), health, place));
  const look = async () => {
    const states = await Promise.all(SERVICES.map(async ([name, path]) => {
      // An unhealthy service answers 503 with what is wrong.
      try { return { name, ...(await open("GET", path, { signal })) }; } catch (error) { return { name, status: "down", ...error.problem }; }
    }));
    if (signal.aborted) return;
    fill(health, states.map((one) => {
      const good = ["ok", "up", "healthy", "pass"].includes(one.status);
      return card(h("span", { style: { display: "contents" } }, one.name, badge(good ? t("работает", "works") : String(one.title ?? one.status ?? t("нет ответа", "no answer")), good ? "good" : "bad")),
        one.checks && h("dl", { class: "facts" }, Object.entries(one.checks).map(([name, state]) => { const is = typeof state === "string" ? state : state?.status; return [h("dt", {}, name), h("dd", {}, badge(is === "up" || is === "ok" ? t("есть связь", "up") : String(is), is === "up" || is === "ok" ? "good" : "bad"))]; })),
        one.version && h("p", { class: "small faint" }, t(`версия ${one.version}`, `version ${one.version}`)));
    }));
  };
  const show = (quiet) => load(place, () => api("GET", `/api/analytics/metrics${query({ range })}`, { signal }), (data) => [
    card(t("Нагрузка и задержки", "Load and latency"), dataTable({ columns: [
      { key: "name", title: t("Сервис", "Service"), kind: "text" }, { key: "up", title: t("Копий", "Replicas"), kind: "text" }, { key: "requests", title: t("Запросов", "Requests"), kind: "integer" },
      { key: "error", title: t("Ошибок, %", "Errors, %"), kind: "quantity" }, { key: "p50_ms", title: t("Медиана, мс", "Median, ms"), kind: "integer" }, { key: "p95_ms", title: "95 %, ms".replace("ms", t("мс", "ms")), kind: "integer" }, { key: "p99_ms", title: "99 %, ms".replace("ms", t("мс", "ms")), kind: "integer" }],
    rows: (data.services ?? []).map((one) => ({ ...one, up: one.replicas === undefined ? "" : `${one.replicas_up} / ${one.replicas}`, error: one.error_ratio === null ? null : (one.error_ratio * 100).toFixed(2) })), title: t("Нагрузка и задержки", "Load and latency") })),
    Object.entries(data).filter(([, value]) => value && typeof value === "object" && !Array.isArray(value) && !("from" in value)).map(([name, value]) => {
      const plain = Object.entries(value).filter(([, one]) => ["number", "string", "boolean"].includes(typeof one));
      return plain.length ? card(NAMES()[name] ?? name, h("dl", { class: "facts" }, plain.map(([key, one]) => [h("dt", {}, WORDS()[key] ?? key), h("dd", {}, figure(key, one))]))) : null;
    }),
    h("p", { class: "small faint" }, t(`Составлено ${moment(data.generated_at)}`, `Made ${moment(data.generated_at)}`)),
  ], { quiet });
  look();
  show();
  const timer = setInterval(() => { if (!document.hidden) look(); }, 15_000);
  return () => clearInterval(timer);
}

function figure(key, value) {
  if (typeof value === "number") return key.endsWith("ratio") ? `${decimal((value * 100).toFixed(1))} %` : Number.isInteger(value) ? count(value) : decimal(value.toFixed(2));
  if (typeof value === "boolean") return value ? t("да", "yes") : t("нет", "no");
  return /^\d{4}-\d{2}-\d{2}T/.test(value) ? moment(value) : value;
}

const NAMES = () => ({ assistant: t("Ассистент", "Assistant"), models: t("Модели", "Models"), onec: "1С", sync: t("Синхронизация", "Synchronisation"), usage: t("Использование", "Usage"), queues: t("Очереди", "Queues"), events: t("События", "Events"), cache: t("Кеш", "Cache"), users: t("Пользователи", "Users"), prometheus: "Prometheus" });
const WORDS = () => ({ active: t("активных за период", "active in the period"), previous_active: t("за прошлый период", "in the period before"), configured: t("подключён", "connected"), up: t("отвечает", "answers"), requests: t("запросов", "requests"), error_ratio: t("ошибок", "errors"), questions: t("вопросов", "questions"), active_users: t("активных людей", "active people"), tokens: t("токенов", "tokens"), cost_usd: t("стоимость, $", "cost, $"), answered: t("ответов", "answers"), failed: t("с ошибкой", "failed"), cancelled: t("остановлено", "stopped"), logins: t("входов", "sign-ins"), failed_logins: t("неудачных входов", "failed sign-ins") });
