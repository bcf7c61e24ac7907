// One's own account: name, password, second factors, sessions, keys, programs.

import { api, setToken, setUser, signOut, user } from "./api.js";
import { fill, h } from "./dom.js";
import { permissionNames, roleName } from "./people.js";
import { qr } from "./qr.js";
import { ago, day, language, moment, setLanguage, t } from "./text.js";
import { badge, busy, button, card, confirm, dialog, field, form, heading, input, load, secret, select, tabs, tell, tick, toast } from "./ui.js";

export default async function view({ root, rest, signal }) {
  const page = h("div", { class: "page" });
  fill(root, page);
  link();
  fill(page, heading(t("Профиль", "Profile"), button(t("Выйти везде", "Sign out everywhere"), async () => {
    if (await confirm(t("Выйти на всех устройствах?", "Sign out on all devices?"), t("Все сеансы, в том числе этот, закончатся.", "All sessions end, this one too."), t("Выйти везде", "Sign out everywhere"))) await signOut(true).catch(tell);
  }, { kind: "danger small" })),
  tabs([
    ["account", t("Учётная запись", "Account"), (place) => account(place)],
    ["safety", t("Вход и защита", "Sign-in and safety"), (place) => safety(place, signal)],
    ["sessions", t("Сеансы", "Sessions"), (place) => sessions(place, signal)],
    ["keys", t("Ключи API", "API keys"), (place) => keys(place, signal)],
  ], rest || "account", (id) => history.replaceState({}, "", `/profile/${id}`)));
}

/** A login elsewhere that waits to be linked to this account. */
function link() {
  const waiting = sessionStorage.getItem("link");
  if (!waiting) return;
  sessionStorage.removeItem("link");
  const { provider, code } = JSON.parse(waiting);
  api("POST", `/api/users/me/identities/${encodeURIComponent(provider)}`, { body: { code } }).then(() => toast(t("Вход привязан.", "The sign-in is linked."), "good"), tell);
}

function account(place) {
  const me = user();
  fill(place, h("div", { class: "cards" },
    card(t("О вас", "About you"), form([
      field(t("Имя", "Name"), input({ name: "name", value: me.name, required: true, autocomplete: "name" })),
      field(t("Язык писем и страницы", "Language of letters and of this page"), select([["ru", "Русский"], ["en", "English"]], { name: "locale", value: language() })),
    ], t("Сохранить", "Save"), async (values) => {
      const changed = await api("PATCH", "/api/users/me", { body: values });
      setLanguage(values.locale);
      setUser(changed);
      toast(t("Сохранено", "Saved"), "good");
    })),
    card(t("Права", "Rights"), h("dl", { class: "facts" },
      h("dt", {}, t("Почта", "E-mail")), h("dd", {}, me.email, " ", me.email_verified ? badge(t("подтверждена", "verified"), "good") : badge(t("не подтверждена", "not verified"))),
      h("dt", {}, t("Роль", "Role")), h("dd", {}, roleName(me.role)),
      h("dt", {}, t("Организации", "Companies")), h("dd", {}, me.companies.includes("*") ? t("все", "all") : String(me.companies.length)),
      h("dt", {}, t("Можно", "You may")), h("dd", {}, h("ul", { style: { "padding-left": "1.1em" } }, permissionNames(me.permissions).map((one) => h("li", {}, one)))))),
    card(t("Сменить пароль", "Change the password"), form([
      field(t("Нынешний пароль", "Current password"), input({ type: "password", name: "current_password", autocomplete: "current-password", required: true })),
      field(t("Новый пароль", "New password"), input({ type: "password", name: "new_password", autocomplete: "new-password", required: true, minlength: "8" }), { hint: t("Длиннее 15 знаков, или от 8, если включён второй фактор.", "15 characters or more, or 8 beside a second factor.") }),
    ], t("Сменить", "Change"), async (values, element) => {
      await api("POST", "/api/users/me/password", { body: values });
      element.reset();
      toast(t("Пароль изменён, другие сеансы закончены.", "The password is changed, other sessions have ended."), "good");
    })),
    card(t("Сменить почту", "Change the e-mail address"), form([
      field(t("Новый адрес", "New address"), input({ type: "email", name: "email", required: true })),
    ], t("Отправить письмо", "Send the letter"), async ({ email }) => {
      await api("POST", "/api/users/me/email", { body: { email } });
      toast(t("Откройте письмо на новом адресе, чтобы подтвердить его.", "Open the letter at the new address to confirm it."), "good");
    }))));
}

async function safety(place, signal) {
  await load(place, async () => {
    const [factors, identities, providers] = await Promise.all([
      api("GET", "/api/users/me/second-factors", { signal }), api("GET", "/api/users/me/identities", { signal }), api("GET", "/api/users/auth/providers", { signal })]);
    return { factors, identities: identities.items, providers: providers.items };
  }, ({ factors, identities, providers }) => {
    const again = () => safety(place, signal);
    return h("div", { class: "cards" },
      card(h("span", { style: { display: "contents" } }, t("Код из приложения", "Code of an application"), factors.totp ? badge(t("включён", "on"), "good") : badge(t("выключен", "off"))),
        h("p", { class: "muted" }, t("Яндекс Ключ, Google Authenticator и другие приложения, которые показывают шестизначный код.", "Applications that show a code of six digits.")),
        h("div", { class: "actions" }, factors.totp
          ? button(t("Выключить", "Switch off"), busy(async () => {
            if (!(await confirm(t("Выключить второй фактор?", "Switch the second factor off?"), t("Для входа будет достаточно пароля.", "The password alone will be enough to sign in."), t("Выключить", "Switch off")))) return;
            await api("DELETE", "/api/users/me/totp");
            again();
          }), { kind: "danger" })
          : button(t("Включить", "Switch on"), busy(async () => { if (await enrol()) again(); }), { kind: "primary" }))),
      card(t("Ключи доступа", "Passkeys"), h("p", { class: "muted" }, t("Вход отпечатком, лицом или ключом безопасности вместо пароля.", "Sign in by fingerprint, face or a security key instead of a password.")),
        factors.passkeys.length > 0 && h("ul", { class: "list" }, factors.passkeys.map((one) => h("li", {}, h("div", { class: "grow" }, h("b", {}, one.name), h("span", { class: "small faint" }, t(`использован ${ago(one.last_used_at)}`, `used ${ago(one.last_used_at)}`))),
          button(t("Удалить", "Remove"), busy(async () => { await api("DELETE", `/api/users/me/passkeys/${one.id}`); again(); }), { kind: "icon small", name: "trash" })))),
        h("div", { class: "actions" }, window.PublicKeyCredential?.parseCreationOptionsFromJSON
          ? button(t("Добавить ключ доступа", "Add a passkey"), busy(async () => { if (await addPasskey()) again(); }))
          : h("span", { class: "small faint" }, t("Этот браузер их не поддерживает.", "This browser does not support them.")))),
      (factors.totp || factors.passkeys.length > 0) && card(t("Коды восстановления", "Recovery codes"), h("p", { class: "muted" }, t(`Осталось ${factors.recovery_codes_left}. Каждый входит один раз вместо второго фактора.`, `${factors.recovery_codes_left} left. Each signs in once in place of the second factor.`)),
        h("div", { class: "actions" }, button(t("Получить новые", "Get new ones"), busy(async () => {
          const made = await api("POST", "/api/users/me/recovery-codes");
          await showCodes(made.recovery_codes);
          again();
        })))),
      (identities.length > 0 || providers.length > 0) && card(t("Вход через другие сервисы", "Signing in by other services"), h("ul", { class: "list" },
        identities.map((one) => h("li", {}, h("div", { class: "grow" }, h("b", {}, one.title), h("span", { class: "small faint" }, one.email)), button(t("Отвязать", "Unlink"), busy(async () => { await api("DELETE", `/api/users/me/identities/${one.provider}`); again(); }), { kind: "small" }))),
        providers.filter((one) => !identities.some((linked) => linked.provider === one.id)).map((one) => h("li", {}, h("div", { class: "grow" }, one.title), button(t("Привязать", "Link"), busy(async () => {
          const begun = await api("POST", `/api/users/me/identities/${one.id}`, { body: { return_to: "/profile/safety" } });
          location.href = begun.authorization_url;
        }), { kind: "small" }))))));
  });
}

async function enrol() {
  const begun = await api("POST", "/api/users/me/totp");
  return dialog(t("Приложение для кодов", "Application for codes"), (close) => [
    h("p", {}, t("Наведите приложение на картинку, затем введите код, который оно покажет.", "Point the application at the picture, then enter the code that it shows.")),
    qr(begun.uri),
    secret(t("Или введите ключ вручную", "Or enter the key by hand"), begun.secret),
    h("p", { class: "small" }, h("a", { href: begun.uri }, t("Открыть приложение на этом устройстве", "Open the application on this device"))),
    form([field(t("Код", "Code"), input({ name: "code", inputmode: "numeric", autocomplete: "one-time-code", required: true, maxlength: "8", class: "input code", autofocus: true }))], t("Включить", "Switch on"), async ({ code }) => {
      const confirmed = await api("POST", "/api/users/me/totp/confirm", { body: { code: code.replace(/\s/g, "") } });
      setToken(confirmed);
      close(true);
      if (confirmed.recovery_codes) await showCodes(confirmed.recovery_codes);
    }, { cancel: () => close(false) }),
  ]);
}

const showCodes = (codes) => dialog(t("Коды восстановления", "Recovery codes"), (close) => [
  h("p", {}, t("Сохраните их: показываются один раз. Каждый код входит один раз, если телефона нет под рукой.", "Keep them: they are shown once. Each signs in once when the telephone is not at hand.")),
  secret(t("Коды", "Codes"), codes.join("\n")), h("div", { class: "actions" }, button(t("Сохранено", "Kept"), () => close(true), { kind: "primary" }))]);

async function addPasskey() {
  const name = await dialog(t("Новый ключ доступа", "New passkey"), (close) => form([
    field(t("Название", "Name"), input({ name: "name", required: true, maxlength: "60", value: t("Этот компьютер", "This computer"), autofocus: true }))],
  t("Продолжить", "Continue"), ({ name: text }) => close(text), { cancel: () => close() }));
  if (!name) return false;
  const { challenge, public_key: options } = await api("POST", "/api/users/me/passkeys/options");
  let made;
  try { made = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }); } catch { return false; }
  const added = await api("POST", "/api/users/me/passkeys", { body: { challenge, name, passkey: made.toJSON() } });
  if (added.recovery_codes) await showCodes(added.recovery_codes);
  return true;
}

/** Which program a session is in, in short. */
export function program(agent) {
  if (!agent) return t("неизвестная программа", "unknown program");
  const browser = [["YaBrowser", "Яндекс Браузер"], ["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]].find(([mark]) => agent.includes(mark))?.[1];
  const system = [["Windows", "Windows"], ["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Mac OS", "macOS"], ["Linux", "Linux"]].find(([mark]) => agent.includes(mark))?.[1];
  return browser ? [browser, system].filter(Boolean).join(", ") : agent.split(" ")[0];
}

/** Sessions as a list, with how one is ended. */
export const sessionList = (items, endOne) => h("ul", { class: "list" }, items.map((one) => h("li", {},
  h("div", { class: "grow" }, h("b", {}, program(one.user_agent), " ", one.current && badge(t("этот сеанс", "this one"), "accent")),
    h("span", { class: "small faint" }, [one.last_ip ?? one.ip, t(`был ${ago(one.last_seen_at)}`, `seen ${ago(one.last_seen_at)}`), t(`вход ${moment(one.created_at)}`, `signed in ${moment(one.created_at)}`)].filter(Boolean).join(" · "))),
  !one.current && button(t("Завершить", "End"), busy(() => endOne(one)), { kind: "small" }))));

async function sessions(place, signal) {
  await load(place, () => api("GET", "/api/users/me/sessions", { signal }), ({ items }) => card(h("span", { style: { display: "contents" } }, t("Где выполнен вход", "Where you are signed in"),
    items.length > 1 && button(t("Завершить остальные", "End the others"), busy(async () => { await api("DELETE", "/api/users/me/sessions"); sessions(place, signal); }), { kind: "small" })),
  sessionList(items, async (one) => { await api("DELETE", `/api/users/me/sessions/${one.id}`); sessions(place, signal); })));
}

async function keys(place, signal) {
  await load(place, () => api("GET", "/api/users/api-keys", { signal }), ({ items }) => card(h("span", { style: { display: "contents" } }, t("Ключи для программ", "Keys for programs"), button(t("Новый ключ", "New key"), busy(async () => { if (await newKey()) keys(place, signal); }), { kind: "small primary", name: "plus" })),
    h("p", { class: "muted" }, t("Ключ умеет не больше, чем вы сами. С ним работают Open WebUI, Cursor и другие программы.", "A key may do no more than you. Open WebUI, Cursor and other programs work with it.")),
    items.length === 0 ? h("p", { class: "faint" }, t("Ключей нет.", "There are no keys.")) : h("ul", { class: "list" }, items.map((one) => h("li", {},
      h("div", { class: "grow" }, h("b", {}, one.name), h("span", { class: "small faint" }, [permissionNames(one.permissions).join(", "), t(`до ${day(one.expires_at)}`, `until ${day(one.expires_at)}`), one.last_used_at ? t(`использован ${ago(one.last_used_at)}`, `used ${ago(one.last_used_at)}`) : t("не использован", "not used")].join(" · "))),
      button(t("Заменить", "Rotate"), busy(async () => { const made = await api("POST", `/api/users/api-keys/${one.id}/rotate`, { body: {} }); await shownOnce(made.key); keys(place, signal); }), { kind: "small" }),
      button(t("Отозвать", "Revoke"), busy(async () => {
        if (!(await confirm(t("Отозвать ключ?", "Revoke the key?"), t(`Программы с ключом «${one.name}» сразу перестанут работать.`, `Programs with the key “${one.name}” stop working at once.`), t("Отозвать", "Revoke")))) return;
        await api("DELETE", `/api/users/api-keys/${one.id}`);
        keys(place, signal);
      }), { kind: "small danger" }))))));
}

/** Shows a secret that nobody can see again. */
export const shownOnce = (value, label = t("Ключ", "Key")) => dialog(t("Сохраните сейчас", "Keep it now"), (close) => [
  h("p", {}, t("Он показывается один раз.", "It is shown this once.")), secret(label, value), h("div", { class: "actions" }, button(t("Готово", "Done"), () => close(true), { kind: "primary" }))]);

function newKey() {
  const names = user().permissions;
  return dialog(t("Новый ключ API", "New API key"), (close) => form([
    field(t("Название", "Name"), input({ name: "name", required: true, maxlength: "100", placeholder: "Open WebUI", autofocus: true })),
    field(t("Срок, дней", "Days"), input({ name: "days", type: "number", min: "1", max: "366", value: "90" })),
    h("fieldset", { class: "ticks" }, h("legend", {}, t("Что можно", "What it may do")), names.map((one, at) => tick(permissionNames(names)[at], { name: `may:${one}`, checked: ["chat", "onec:read", "reports"].includes(one) }))),
  ], t("Создать", "Make"), async (values) => {
    const permissions = Object.keys(values).filter((name) => name.startsWith("may:")).map((name) => name.slice(4));
    const made = await api("POST", "/api/users/api-keys", { body: { name: values.name, permissions, expires_in_days: Number(values.days) } });
    close(true);
    await shownOnce(made.key);
  }, { cancel: () => close(false) }), { wide: true });
}

