// Words for roles, permissions, companies.

import { all, may } from "./api.js";
import { h } from "./dom.js";
import { t } from "./text.js";
import { tick } from "./ui.js";

const PERMISSIONS = () => ({
  chat: t("задавать вопросы", "ask questions"), generate: t("создавать тексты", "generate texts"), "onec:read": t("читать данные 1С", "read data of 1C"), "onec:write": t("изменять данные 1С", "change data of 1C"),
  "onec:services": t("вызывать службы 1С", "call services of 1C"), "onec:sync": t("запускать обмен", "start a synchronisation"), "onec:admin": t("подключать базы", "connect infobases"), reports: t("скачивать отчёты", "download reports"),
  "dashboards:read": t("смотреть показатели", "see dashboards"), "dashboards:edit": t("изменять показатели", "change dashboards"), "analytics:read": t("видеть расход и состояние", "see usage and state"),
  "users:read": t("видеть пользователей", "see users"), "users:admin": t("управлять пользователями", "manage users"), "security:read": t("видеть угрозы", "see threats"), "security:admin": t("разбирать угрозы", "handle threats"),
  "audit:read": t("читать журнал", "read the audit log"), "audit:write": t("дополнять журнал", "append to the audit log"),
});

const ROLES = () => ({ admin: t("Администратор", "Administrator"), director: t("Директор", "Director"), accountant: t("Бухгалтер", "Accountant"), manager: t("Менеджер", "Manager"), security: t("Служба безопасности", "Security officer"), user: t("Пользователь", "User") });

/** A role in words; one's own roles have their name. */
export const roleName = (name) => ROLES()[name] ?? name;

/** All permissions. */
export const permissions = () => Object.keys(PERMISSIONS());

/** Permissions in words. */
export const permissionNames = (names) => names.map((name) => PERMISSIONS()[name] ?? name);

/** The companies that the user may see, when they may see any. */
export const companies = async (signal) => (may("onec:read") ? all("/api/1c/companies", { signal }).catch(() => []) : []);

/** Which companies somebody has: all, or some. */
export function companyField(list, chosen) {
  const every = h("input", { type: "checkbox", checked: chosen.includes("*") });
  const ones = list.map((one) => [one, h("input", { type: "checkbox", checked: chosen.includes("*") || chosen.includes(one.id) })]);
  const sync = () => ones.forEach(([, box]) => { box.disabled = every.checked; });
  every.addEventListener("change", sync);
  sync();
  const element = h("fieldset", { class: "ticks" }, h("legend", {}, t("Организации", "Companies")),
    h("label", { class: "tick" }, every, h("span", {}, t("Все, и будущие тоже", "All, those to come too"))),
    ones.map(([one, box]) => h("label", { class: "tick" }, box, h("span", {}, one.name))));
  return { element, get value() { return every.checked ? ["*"] : ones.filter(([, box]) => box.checked).map(([one]) => one.id); } };
}

/** Ticks for permissions; their values are read by name. */
export const permissionField = (offered, chosen) => h("fieldset", { class: "ticks" }, h("legend", {}, t("Права", "Rights")),
  offered.map((one) => tick(permissionNames([one])[0], { name: `may:${one}`, checked: chosen.includes(one) })));

/** The permissions that were ticked. */
export const ticked = (values) => Object.keys(values).filter((name) => name.startsWith("may:")).map((name) => name.slice(4));
