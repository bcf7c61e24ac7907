// Programs that log their users in with us, and programs that act for nobody.

import { api, user } from "./api.js";
import { fill, h } from "./dom.js";
import { companies, companyField, permissionField, permissionNames, permissions, ticked } from "./people.js";
import { shownOnce } from "./profile.js";
import { ago, t } from "./text.js";
import { badge, busy, button, card, confirm, dialog, empty, field, form, heading, input, load, tabs, tick } from "./ui.js";

export default async function view({ root, rest, signal }) {
  fill(root, h("div", { class: "page" }, heading(t("Программы", "Programs")), tabs([
    ["clients", t("Вход через нас (OAuth)", "Sign-in with us (OAuth)"), (place) => clients(place, signal)],
    ["accounts", t("Сервисные учётные записи", "Service accounts"), (place) => accounts(place, signal)],
  ], rest || "clients", (id) => history.replaceState({}, "", `/admin/programs/${id}`))));
}

async function clients(place, signal) {
  const again = () => clients(place, signal);
  await load(place, () => api("GET", "/api/users/oauth2/clients", { signal }), ({ items }) => [
    h("div", { class: "actions" }, button(t("Зарегистрировать программу", "Register a program"), () => register(again), { name: "plus", kind: "primary" })),
    items.length === 0 ? empty(t("Программ нет", "No programs"), t("Grafana, Open WebUI и другие могут впускать людей по учётной записи этой системы.", "Grafana, Open WebUI and others can sign people in by their account here."))
      : h("div", { class: "cards" }, items.map((one) => card(h("span", { style: { display: "contents" } }, one.client_name, one.first_party ? badge(t("своя", "ours"), "accent") : one.self_registered && badge(t("сама зарегистрировалась", "registered itself"), "warn")),
        h("dl", { class: "facts" }, h("dt", {}, "client_id"), h("dd", {}, h("code", {}, one.client_id)), h("dt", {}, t("Возврат", "Return")), h("dd", {}, one.redirect_uris.map((uri) => h("div", {}, uri))),
          h("dt", {}, t("Доступ", "Scope")), h("dd", {}, one.scope), h("dt", {}, t("Использована", "Used")), h("dd", {}, ago(one.last_used_at))),
        h("div", { class: "actions" }, one.token_endpoint_auth_method.startsWith("client_secret") && button(t("Новый секрет", "New secret"), busy(async () => {
          const made = await api("POST", `/api/users/oauth2/clients/${encodeURIComponent(one.client_id)}/secret`);
          await shownOnce(made.client_secret, t("Секрет (прежний действует ещё сутки)", "Secret (the former one works for a day more)"));
        }), { kind: "small" }),
        button(t("Удалить", "Remove"), busy(async () => {
          if (!(await confirm(t("Удалить программу?", "Remove the program?"), t("Все её сеансы закончатся.", "All of its sessions end."), t("Удалить", "Remove")))) return;
          await api("DELETE", `/api/users/oauth2/clients/${encodeURIComponent(one.client_id)}`);
          again();
        }), { kind: "small danger" })))))]);
}

const register = (again) => dialog(t("Новая программа", "New program"), (close) => form([
  field(t("Название", "Name"), input({ name: "client_name", required: true, autofocus: true, placeholder: "Grafana" })),
  field("client_id", input({ name: "client_id", placeholder: "grafana" }), { optional: true }),
  field(t("Адреса возврата, по одному в строке", "Return addresses, one a line"), h("textarea", { class: "input", name: "redirect_uris", required: true, placeholder: "https://grafana.example.ru/login/generic_oauth" })),
  field(t("Доступ", "Scope"), input({ name: "scope", value: "openid profile email groups offline_access" })),
  tick(t("Своя программа: согласие не спрашивать", "A program of ours: no consent is asked"), { name: "first_party", checked: true }),
  tick(t("Без секрета (на устройстве пользователя)", "Without a secret (on the user's machine)"), { name: "open" }),
], t("Зарегистрировать", "Register"), async (values) => {
  const body = { client_name: values.client_name, redirect_uris: values.redirect_uris.split(/\s+/).filter(Boolean), scope: values.scope, first_party: values.first_party === "on" };
  if (values.client_id) body.client_id = values.client_id;
  if (values.open) body.token_endpoint_auth_method = "none";
  const made = await api("POST", "/api/users/oauth2/clients", { body });
  close(true);
  if (made.client_secret) await shownOnce(made.client_secret, "client_secret");
  again();
}, { cancel: () => close() }), { wide: true });

async function accounts(place, signal) {
  const again = () => accounts(place, signal);
  await load(place, () => api("GET", "/api/users/service-accounts", { signal }), ({ items }) => [
    h("div", { class: "actions" }, button(t("Новая учётная запись", "New account"), busy(() => account(again)), { name: "plus", kind: "primary" })),
    items.length === 0 ? empty(t("Сервисных учётных записей нет", "No service accounts"), t("Они нужны программам, которые работают сами: обмену, мониторингу, роботу.", "They are for programs that act by themselves: an exchange, a monitoring system, a robot."))
      : h("div", { class: "cards" }, items.map((one) => card(h("span", { style: { display: "contents" } }, one.name, one.state === "active" ? badge(t("работает", "active"), "good") : badge(t("выключена", "off"), "bad")),
        h("dl", { class: "facts" }, h("dt", {}, "client_id"), h("dd", {}, h("code", {}, one.client_id)), h("dt", {}, t("Можно", "May")), h("dd", {}, permissionNames(one.permissions).join(", ")), h("dt", {}, t("Использована", "Used")), h("dd", {}, ago(one.last_used_at))),
        h("div", { class: "actions" },
          button(one.state === "active" ? t("Выключить", "Switch off") : t("Включить", "Switch on"), busy(async () => { await api("PATCH", `/api/users/service-accounts/${one.id}`, { body: { state: one.state === "active" ? "disabled" : "active" } }); again(); }), { kind: "small" }),
          button(t("Новый секрет", "New secret"), busy(async () => { const made = await api("POST", `/api/users/service-accounts/${one.id}/secret`, { body: {} }); await shownOnce(made.client_secret, "client_secret"); }), { kind: "small" }),
          button(t("Удалить", "Delete"), busy(async () => {
            if (!(await confirm(t("Удалить учётную запись?", "Delete the account?"), t("Её ключи и токены перестанут работать сразу.", "Its keys and tokens stop working at once."), t("Удалить", "Delete")))) return;
            await api("DELETE", `/api/users/service-accounts/${one.id}`);
            again();
          }), { kind: "small danger" })))))]);
}

async function account(again) {
  const list = await companies();
  const rights = companyField(list, ["*"]);
  await dialog(t("Новая сервисная учётная запись", "New service account"), (close) => form([
    h("div", { class: "row" }, field(t("Название", "Name"), input({ name: "name", required: true, autofocus: true })), field("client_id", input({ name: "client_id", placeholder: "site" }), { optional: true })),
    permissionField(permissions().filter((name) => user().permissions.includes(name)), ["onec:read", "reports"]), rights.element,
  ], t("Создать", "Make"), async (values) => {
    const body = { name: values.name, permissions: ticked(values), companies: rights.value };
    if (values.client_id) body.client_id = values.client_id;
    const made = await api("POST", "/api/users/service-accounts", { body });
    close(true);
    if (made.client_secret) await shownOnce(made.client_secret, "client_secret");
    again();
  }, { cancel: () => close() }), { wide: true });
}
