// People: who they are, what they may do, their sessions; invites and roles.

import { api, call, may, query, user } from "./api.js";
import { fill, h } from "./dom.js";
import { companies, companyField, permissionField, permissionNames, permissions, ticked } from "./people.js";
import { sessionList } from "./profile.js";
import { moment, t } from "./text.js";
import { badge, busy, button, card, confirm, dialog, empty, field, form, heading, input, load, secret, select, tabs, toast } from "./ui.js";

export default async function view({ root, rest, signal }) {
  const admin = may("users:admin");
  const page = h("div", { class: "page" });
  fill(root, page);
  const [roles, list] = await Promise.all([api("GET", "/api/users/roles", { signal }), companies(signal)]);
  const known = { roles: roles.items, companies: list };
  fill(page, heading(t("Пользователи", "Users"), admin && button(t("Пригласить", "Invite"), () => invite(known), { kind: "primary", name: "plus" })),
    tabs([
      ["people", t("Люди", "People"), (place) => people(place, known, signal)],
      admin && ["invites", t("Приглашения", "Invites"), (place) => invites(place, known, signal)],
      ["roles", t("Роли", "Roles"), (place) => rolesView(place, known, signal)],
    ].filter(Boolean), rest || "people", (id) => history.replaceState({}, "", `/admin/users/${id}`)));
}

const roleTitle = (known, name) => known.roles.find((one) => one.name === name)?.title ?? name;

const STATES = () => ({ active: [t("работает", "active"), "good"], unverified: [t("почта не подтверждена", "address not verified"), "warn"], disabled: [t("отключён", "disabled"), "bad"] });

const state = (name) => badge(...(STATES()[name] ?? [name, ""]));

function people(place, known, signal) {
  const found = h("div");
  let timer;
  const q = input({ type: "search", placeholder: t("Имя или почта", "Name or e-mail"), oninput: () => { clearTimeout(timer); timer = setTimeout(show, 250); } });
  const role = select([["", t("Все роли", "All roles")], ...known.roles.map((one) => [one.name, one.title])], { onchange: () => show() });
  const of = select([["", t("Все", "All")], ...Object.entries(STATES()).map(([name, [label]]) => [name, label])], { onchange: () => show() });
  const show = () => load(found, () => api("GET", `/api/users${query({ q: q.value.trim(), role: role.value, state: of.value, limit: 100 })}`, { signal }), ({ items }) => (items.length === 0
    ? empty(t("Никого не нашлось", "Nobody was found"))
    : h("div", { class: "table-scroll" }, h("table", { class: "data" }, h("thead", {}, h("tr", {}, [t("Имя", "Name"), t("Роль", "Role"), t("Организации", "Companies"), t("Состояние", "State")].map((one) => h("th", { scope: "col" }, one)))),
      h("tbody", {}, items.map((one) => h("tr", { class: "pressable", tabindex: "0", onclick: () => person(one.id, known, show), onkeydown: (event) => { if (event.key === "Enter") person(one.id, known, show); } },
        h("td", {}, h("b", {}, one.name), h("div", { class: "small faint" }, one.email)), h("td", {}, roleTitle(known, one.role)),
        h("td", {}, one.companies.includes("*") ? t("все", "all") : one.companies.map((id) => known.companies.find((company) => company.id === id)?.name ?? id.slice(0, 8)).join(", ") || "—"), h("td", {}, state(one.state)))))))));
  fill(place, h("div", { class: "toolbar" }, h("div", { class: "grow" }, field(t("Поиск", "Search"), q)), field(t("Роль", "Role"), role), field(t("Состояние", "State"), of)), found);
  show();
}

async function person(id, known, changed) {
  const admin = may("users:admin");
  const body = h("div", { style: { display: "flex", "flex-direction": "column", gap: "16px" } });
  const show = () => load(body, async () => {
    const response = await call("GET", `/api/users/${id}`);
    const one = await response.json();
    const sessions = admin ? (await api("GET", `/api/users/${id}/sessions`)).items : null;
    return { one, etag: response.headers.get("etag"), sessions };
  }, ({ one, etag, sessions }) => {
    const self = one.id === user().id;
    const act = (label, method, path, { kind = "small", ask } = {}) => button(label, busy(async () => {
      if (ask && !(await confirm(label, ask, label))) return;
      await api(method, `/api/users/${id}${path}`);
      toast(t("Готово", "Done"), "good");
      if (method === "DELETE" && path === "") dialogBox()?.close();
      else show();
      changed();
    }), { kind });
    const rights = companyField(known.companies, one.companies);
    return [
      h("dl", { class: "facts" }, h("dt", {}, t("Почта", "E-mail")), h("dd", {}, one.email), h("dt", {}, t("Состояние", "State")), h("dd", {}, state(one.state)),
        h("dt", {}, t("Заведён", "Made")), h("dd", {}, moment(one.created_at)), h("dt", {}, t("Можно", "May")), h("dd", {}, permissionNames(one.permissions).join(", "))),
      admin && !self && form([field(t("Роль", "Role"), select(known.roles.map((role) => [role.name, role.title]), { name: "role", value: one.role })), rights.element], t("Сохранить права", "Save the rights"), async ({ role }) => {
        await api("PUT", `/api/users/${id}/role`, { body: { role, companies: rights.value }, headers: etag ? { "if-match": etag } : {} });
        toast(t("Права изменены, сеансы закончены.", "The rights are changed, the sessions have ended."), "good");
        show();
        changed();
      }),
      sessions && h("section", {}, h("h3", {}, t("Сеансы", "Sessions")), sessions.length ? sessionList(sessions, async (session) => { await api("DELETE", `/api/users/${id}/sessions/${session.id}`); show(); }) : h("p", { class: "faint" }, t("Сейчас не вошёл.", "Not signed in now."))),
      admin && !self && h("div", { class: "actions" },
        sessions?.length > 0 && act(t("Завершить все сеансы", "End all sessions"), "DELETE", "/sessions"),
        act(t("Снять блокировку входа", "Unlock the login"), "POST", "/unlock"),
        act(t("Сбросить второй фактор", "Reset second factors"), "DELETE", "/second-factors", { ask: t("Человек войдёт одним паролем и заведёт второй фактор заново.", "The person signs in by password alone and sets a second factor up anew.") }),
        one.state === "disabled" ? act(t("Включить", "Reactivate"), "POST", "/reactivate", { kind: "small primary" })
          : act(t("Заблокировать", "Block"), "POST", "/deactivate", { kind: "small danger", ask: t("Все сеансы закончатся сразу, войти будет нельзя.", "All sessions end at once, and signing in is not possible.") }),
        act(t("Удалить", "Delete"), "DELETE", "", { kind: "small danger", ask: t("Личные данные будут стёрты навсегда; журнал аудита сохранит номер.", "The personal data are erased for good; the audit log keeps the id.") })),
    ];
  });
  const dialogBox = () => body.closest("dialog");
  dialog(t("Пользователь", "User"), () => { show(); return body; }, { side: true });
}

async function invite(known) {
  const rights = companyField(known.companies, ["*"]);
  await dialog(t("Приглашение", "Invite"), (close) => form([
    field(t("Почта", "E-mail"), input({ type: "email", name: "email", required: true, autofocus: true })),
    field(t("Роль", "Role"), select(known.roles.map((role) => [role.name, role.title]), { name: "role", value: "accountant" })), rights.element,
  ], t("Пригласить", "Invite"), async (values) => {
    const made = await api("POST", "/api/users/invites", { body: { email: values.email, role: values.role, companies: rights.value } });
    close(true);
    if (made.link) await dialog(t("Передайте ссылку", "Hand the link over"), (done) => [h("p", {}, t("Почтовый сервер не настроен, поэтому письмо не ушло. Ссылка действует 72 часа и показывается один раз.", "There is no mail server, so no letter was sent. The link is good for 72 hours and shown this once.")), secret(t("Ссылка", "Link"), made.link), h("div", { class: "actions" }, button(t("Готово", "Done"), () => done(true), { kind: "primary" }))]);
    else toast(t("Письмо отправлено.", "The letter is on its way."), "good");
  }, { cancel: () => close() }));
}

async function invites(place, known, signal) {
  await load(place, () => api("GET", "/api/users/invites", { signal }), ({ items }) => (items.length === 0 ? empty(t("Приглашений нет", "No invites"), t("Здесь видны те, кто ещё не принял приглашение.", "Those who have not accepted yet are shown here."))
    : card(null, h("ul", { class: "list" }, items.map((one) => h("li", {}, h("div", { class: "grow" }, h("b", {}, one.email), h("span", { class: "small faint" }, `${roleTitle(known, one.role)} · ${t(`до ${moment(one.expires_at)}`, `until ${moment(one.expires_at)}`)}`)),
      button(t("Отозвать", "Withdraw"), busy(async () => { await api("DELETE", `/api/users/invites/${one.id}`); invites(place, known, signal); }), { kind: "small danger" })))))));
}

async function rolesView(place, known, signal) {
  const admin = may("users:admin");
  const again = async () => { known.roles = (await api("GET", "/api/users/roles", { signal })).items; rolesView(place, known, signal); };
  fill(place, admin && h("div", { class: "actions" }, button(t("Новая роль", "New role"), () => role(null, again), { name: "plus" })),
    h("div", { class: "cards" }, known.roles.map((one) => card(h("span", { style: { display: "contents" } }, one.title, one.custom ? badge(t("своя", "own"), "accent") : badge(t("встроенная", "built in"))),
      h("p", { class: "small muted" }, permissionNames(one.permissions).join(", ")),
      admin && one.custom && h("div", { class: "actions" }, button(t("Изменить", "Change"), () => role(one, again), { kind: "small" }),
        button(t("Удалить", "Delete"), busy(async () => {
          if (!(await confirm(t("Удалить роль?", "Delete the role?"), t("Удаляется только роль, которой ни у кого нет.", "Only a role that nobody has is deleted."), t("Удалить", "Delete")))) return;
          await api("DELETE", `/api/users/roles/${one.name}`);
          again();
        }), { kind: "small danger" }))))));
}

const role = (one, again) => dialog(one ? one.title : t("Новая роль", "New role"), (close) => form([
  h("div", { class: "row" }, field(t("Название", "Title"), input({ name: "ru", required: true, value: one?.titles.ru ?? "", autofocus: true })), field(t("По-английски", "In English"), input({ name: "en", required: true, value: one?.titles.en ?? "" }))),
  !one && field(t("Имя в системе", "Name in the system"), input({ name: "name", required: true, pattern: "[a-z][a-z0-9_-]*", placeholder: "storekeeper" }), { hint: t("Латинские буквы, цифры, дефис.", "Small letters, digits, hyphen.") }),
  permissionField(permissions().filter((name) => may(name)), one?.permissions ?? ["chat", "onec:read"]),
], t("Сохранить", "Save"), async (values) => {
  const body = { titles: { ru: values.ru, en: values.en }, permissions: ticked(values) };
  if (one) await api("PUT", `/api/users/roles/${one.name}`, { body });
  else await api("POST", "/api/users/roles", { body: { name: values.name, ...body } });
  close(true);
  again();
}, { cancel: () => close() }), { wide: true });

