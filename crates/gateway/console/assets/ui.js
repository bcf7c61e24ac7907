// What all views are made of: states, messages, dialogs, fields.

import { Failure, api, call, setToken } from "./api.js";
import { append, fill, h, icon } from "./dom.js";
import { t } from "./text.js";

/** A button; `kind` is primary, quiet, danger or icon. */
export function button(label, onClick, { kind = "", name, title, type = "button", ...rest } = {}) {
  const only = kind.includes("icon");
  return h("button", { type, class: `button ${kind}`, onclick: onClick, title: title ?? (only ? label : null),
    "aria-label": only ? label : null, ...rest }, name && icon(name), only ? null : h("span", {}, label));
}

/** A link that looks like a button. */
export const linkButton = (label, href, kind = "", name = null) =>
  h("a", { class: `button ${kind}`, href }, name && icon(name), h("span", {}, label));

/** Runs something for a button: it cannot be pressed twice, and a failure is told. */
export function busy(work) {
  return async (event) => {
    const target = event?.currentTarget;
    if (target?.getAttribute("aria-busy") === "true") return;
    target?.setAttribute("aria-busy", "true");
    try { await work(event); } catch (error) { tell(error); } finally { target?.removeAttribute("aria-busy"); }
  };
}

/** What a failure means, in words. */
export function words(error) {
  if (error?.name === "AbortError") return "";
  if (error instanceof Failure) {
    const fields = error.errors.map((one) => one.detail).filter(Boolean).join(" ");
    return fields || error.message;
  }
  console.error(error);
  return t("Что-то пошло не так на этой странице. Обновите её.", "Something went wrong on this page. Reload it.");
}

let toasts = null;

/** A message for a while, read aloud by screen readers. */
export function toast(text, kind = "info") {
  if (!text) return;
  if (!toasts) {
    toasts = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
    document.body.append(toasts);
  }
  const one = h("div", { class: `toast ${kind}` }, text, button(t("Закрыть", "Close"), () => one.remove(), { kind: "icon small", name: "close" }));
  toasts.append(one);
  setTimeout(() => one.remove(), kind === "bad" ? 12_000 : 5_000);
}

/** Tells of a failure. */
export function tell(error) {
  const text = words(error);
  if (text) toast(text, "bad");
}

/** A dialog; `build` gets the function that closes it with a result. Resolves to the result, or undefined. */
export function dialog(title, build, { wide = false, side = false } = {}) {
  return new Promise((resolve) => {
    let result;
    const close = (value) => { result = value; element.close(); };
    const heading = h("h2", { id: `dialog-${Date.now()}` }, title);
    const element = h("dialog", { class: `dialog${wide ? " wide" : ""}${side ? " side" : ""}`, "aria-labelledby": heading.id },
      h("header", {}, heading, button(t("Закрыть", "Close"), () => close(undefined), { kind: "icon", name: "close" })));
    element.addEventListener("close", () => { element.remove(); resolve(result); });
    element.addEventListener("pointerdown", (event) => { if (event.target === element) close(undefined); });
    append(element, h("div", { class: "dialog-body" }, build(close)));
    document.body.append(element);
    element.showModal();
  });
}

/** Asks whether to do what cannot be undone. */
export const confirm = (title, text, label, danger = true) => dialog(title, (close) => [
  h("p", {}, text),
  h("div", { class: "actions" },
    button(t("Отмена", "Cancel"), () => close(false)),
    button(label, () => close(true), { kind: danger ? "danger" : "primary" })),
]);

let fieldNumber = 0;

/** A labelled field; the control is made here or given. */
export function field(label, control, { hint, optional } = {}) {
  fieldNumber += 1;
  const id = control.id || `field-${fieldNumber}`;
  control.id = id;
  const described = h("p", { class: "hint", id: `${id}-hint` }, hint);
  if (hint) control.setAttribute("aria-describedby", described.id);
  return h("div", { class: "field" },
    h("label", { for: id }, label, optional && h("span", { class: "optional" }, t(" необязательно", " optional"))),
    control, hint && described);
}

/** A text field. */
export const input = (properties) => h("input", { class: "input", type: "text", autocomplete: "off", ...properties });

/** A list of choices: pairs of value and label. */
export const select = (choices, properties) =>
  h("select", { class: "input", ...properties }, choices.map(([value, label]) => h("option", { value }, label)));

/** A switch with its label. */
export function tick(label, properties) {
  return h("label", { class: "tick" }, h("input", { type: "checkbox", ...properties }), h("span", {}, label));
}

/** A form: fields, a place for what is wrong, and a button. `send` gets the values by name. */
export function form(parts, label, send, { kind = "primary", cancel } = {}) {
  const problem = h("div", { class: "problem", role: "alert", hidden: true });
  const submit = button(label, null, { kind, type: "submit" });
  const element = h("form", { class: "form", novalidate: false, onsubmit: async (event) => {
    event.preventDefault();
    if (submit.getAttribute("aria-busy") === "true") return;
    submit.setAttribute("aria-busy", "true");
    problem.hidden = true;
    element.querySelectorAll("[aria-invalid]").forEach((one) => one.removeAttribute("aria-invalid"));
    try {
      await send(Object.fromEntries(new FormData(element)), element);
    } catch (error) {
      showProblem(error, element, problem);
    } finally {
      submit.removeAttribute("aria-busy");
    }
  } }, parts, problem, h("div", { class: "actions" }, cancel && button(t("Отмена", "Cancel"), cancel), submit));
  return element;
}

function showProblem(error, element, place) {
  const text = words(error);
  if (!text) return;
  for (const one of error.errors ?? []) {
    const control = element.elements.namedItem(one.pointer?.replace(/^[/?]/, "").split("/")[0]);
    if (control instanceof HTMLElement) control.setAttribute("aria-invalid", "true");
  }
  fill(place, text);
  place.hidden = false;
  element.querySelector("[aria-invalid]")?.focus();
}

/** A page's heading with what can be done there. */
export const heading = (title, ...actions) =>
  h("header", { class: "page-head" }, h("h1", {}, title), h("div", { class: "actions" }, actions));

/** A box with a title. */
export const card = (title, ...content) =>
  h("section", { class: "card" }, title && h("h2", {}, title), content);

/** A short state, by colour and word. */
export const badge = (text, kind = "") => h("span", { class: `badge ${kind}` }, text);

/** Nothing is there yet. */
export const empty = (title, text, ...actions) =>
  h("div", { class: "state" }, h("h2", {}, title), text && h("p", {}, text), actions.length ? h("div", { class: "actions" }, actions) : null);

/** Grey lines where the content will be. */
export const skeleton = (lines = 4) =>
  h("div", { class: "skeleton", role: "status" }, h("span", { class: "unseen" }, t("Загрузка…", "Loading…")),
    Array.from({ length: lines }, () => h("div", { "aria-hidden": "true" })));

/** What stands in place of content that could not be had. */
export function broken(error, retry) {
  if (error.status === 403) {
    return empty(t("Нет доступа", "No access"), t("У вашей роли нет права на этот раздел. Его даёт администратор.",
      "Your role has no right to this part. An administrator gives it."));
  }
  return h("div", { class: "state bad", role: "alert" }, icon("warning"), h("h2", {}, error.title || t("Не получилось", "That did not work")),
    h("p", {}, words(error)),
    error.requestId && h("p", { class: "faint small" }, t("Номер запроса: ", "Request: "), h("code", {}, error.requestId)),
    retry && h("div", { class: "actions" }, button(t("Повторить", "Try again"), retry, { name: "again" })));
}

/** Fills a place with what is loaded: first grey lines, then the content or the failure. */
export async function load(place, get, show, { lines = 4, quiet = false } = {}) {
  if (!quiet) fill(place, skeleton(lines));
  place.setAttribute("aria-busy", "true");
  try {
    const data = await get();
    fill(place, show(data));
    return data;
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    fill(place, broken(error, () => load(place, get, show, { lines })));
    if (!(error instanceof Failure)) console.error(error);
    return undefined;
  } finally {
    place.removeAttribute("aria-busy");
  }
}

/** Copies text, as rich text too when given. */
export async function copy(text, html) {
  try {
    if (html && window.ClipboardItem && navigator.clipboard?.write) {
      await navigator.clipboard.write([new ClipboardItem({
        "text/plain": new Blob([text], { type: "text/plain" }), "text/html": new Blob([html], { type: "text/html" }),
      })]);
    } else if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
    } else {
      // Without HTTPS there is no clipboard interface; the old command still works.
      const area = h("textarea", { class: "unseen" }, text);
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    toast(t("Скопировано", "Copied"), "good");
  } catch {
    toast(t("Браузер не дал доступ к буферу обмена.", "The browser gave no access to the clipboard."), "bad");
  }
}

/** A secret that is shown once, with a button that copies it. */
export const secret = (label, value) => h("div", { class: "field" }, h("span", { class: "label" }, label),
  h("div", { class: "secret" }, h("code", {}, value), button(t("Копировать", "Copy"), () => copy(value), { kind: "small", name: "copy" })));

/** Asks the user to prove again who they are. */
export const proof = () => dialog(t("Подтвердите, что это вы", "Confirm that it is you"), (close) => [
  h("p", {}, t("Для этого действия нужен недавний вход: введите пароль и, если он включён, код второго фактора.",
    "This needs a recent sign-in: enter your password and, when there is one, the code of your second factor.")),
  form([
    field(t("Пароль", "Password"), input({ type: "password", name: "password", autocomplete: "current-password", required: true, autofocus: true })),
    field(t("Код из приложения", "Code of the application"), input({ name: "code", inputmode: "numeric", autocomplete: "one-time-code" }), { optional: true }),
  ], t("Подтвердить", "Confirm"), async ({ password, code }) => {
    const body = { password };
    if (code.trim()) body.code = code.trim();
    setToken(await api("POST", "/api/users/auth/step-up", { body }));
    close(true);
  }, { cancel: () => close(false) }),
]).then(Boolean);

/** A tab list; `tabs` are id, label and a function that fills the panel. */
export function tabs(list, chosen, onChoose) {
  const place = h("div", { class: "tab-panel", role: "tabpanel", tabindex: "0" });
  const buttons = list.map(([id, label, show]) => h("button", {
    type: "button", role: "tab", class: "tab", "aria-selected": String(id === chosen), id: `tab-${id}`,
    tabindex: id === chosen ? "0" : "-1",
    onclick: () => choose(id, label, show),
  }, label));
  const choose = (id, label, show) => {
    buttons.forEach((one) => {
      const is = one.id === `tab-${id}`;
      one.setAttribute("aria-selected", String(is));
      one.tabIndex = is ? 0 : -1;
    });
    place.setAttribute("aria-labelledby", `tab-${id}`);
    fill(place);
    onChoose?.(id);
    show(place);
  };
  const row = h("div", { class: "tabs", role: "tablist", onkeydown: (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = buttons.indexOf(document.activeElement);
    const next = buttons[(at + step + buttons.length) % buttons.length];
    next.focus();
    next.click();
  } }, buttons);
  const first = list.find(([id]) => id === chosen) ?? list[0];
  choose(...first);
  return h("div", { class: "tabbed" }, row, place);
}

export { api, call };
