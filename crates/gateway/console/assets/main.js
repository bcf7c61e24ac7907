// The frame of the console: which view is shown at which address, the menu, the language and the theme.

import * as session from "./api.js";
import { fill, h, icon } from "./dom.js";
import { language, setLanguage, t } from "./text.js";
import { broken, button, empty, proof, skeleton, tell } from "./ui.js";

const app = document.getElementById("app");

/** Addresses, what they are, and the permissions of which one has to be there. */
const VIEWS = [
  { path: "/chat", file: "chat", name: () => t("Ассистент", "Assistant"), icon: "chat", needs: ["chat"] },
  { path: "/overview", file: "overview", name: () => t("Показатели", "Overview"), icon: "overview", needs: ["dashboards:read"] },
  { path: "/reports", file: "reports", name: () => t("Отчёты", "Reports"), icon: "reports", needs: ["onec:read"] },
  { path: "/letters", file: "letters", name: () => t("Письма", "Letters"), icon: "letters", needs: ["generate"] },
  { path: "/bases", file: "bases", name: () => t("Базы 1С", "1C bases"), icon: "bases", needs: ["onec:read"] },
  { path: "/admin/users", file: "users", name: () => t("Пользователи", "Users"), icon: "users", needs: ["users:read"], group: true },
  { path: "/admin/programs", file: "programs", name: () => t("Программы", "Programs"), icon: "programs", needs: ["users:admin"], group: true },
  { path: "/admin/models", file: "models", name: () => t("Модели и бюджеты", "Models and budgets"), icon: "models", needs: ["users:admin", "analytics:read", "security:admin"], group: true },
  { path: "/admin/security", file: "security", name: () => t("Безопасность", "Security"), icon: "security", needs: ["security:read"], group: true },
  { path: "/admin/audit", file: "audit", name: () => t("Журнал аудита", "Audit log"), icon: "audit", needs: ["audit:read"], group: true },
  { path: "/admin/system", file: "system", name: () => t("Состояние системы", "System state"), icon: "system", needs: ["analytics:read"], group: true },
  { path: "/profile", file: "profile", name: () => t("Профиль", "Profile"), icon: "user", needs: [], hidden: true },
];

const allowed = (view) => view.needs.length === 0 || view.needs.some((one) => session.may(one));

let stop = null;
let leave = null;
let main = null;
let nav = null;

/** Tells screen readers where one is now. */
const announced = h("div", { class: "unseen", role: "status", "aria-live": "polite" });
document.body.append(announced);

/** Goes to an address of the console. */
export function go(address, { replace = false } = {}) {
  if (address !== location.pathname + location.search) history[replace ? "replaceState" : "pushState"]({}, "", address);
  show();
}

/** Changes the address without showing another view. */
export const address = (path) => history.replaceState({}, "", path);

async function show() {
  const signedIn = session.user() !== null;
  if (!signedIn) {
    stop?.abort();
    await showSignIn();
    return;
  }
  const path = location.pathname;
  if (path === "/" || path === "/login") {
    const back = sessionStorage.getItem("back");
    sessionStorage.removeItem("back");
    const first = VIEWS.find((view) => !view.hidden && allowed(view));
    go(back && back !== "/" && !back.startsWith("/login") ? back : (first?.path ?? "/profile"), { replace: true });
    return;
  }
  if (!main?.isConnected) frame();
  const view = VIEWS.find((one) => path === one.path || path.startsWith(`${one.path}/`));
  nav.querySelectorAll("a").forEach((link) => {
    if (view && link.getAttribute("href") === view.path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
  document.body.classList.remove("menu-open");
  stop?.abort();
  leave?.();
  leave = null;
  const running = new AbortController();
  stop = running;
  main.className = "main";
  if (!view) {
    fill(main, empty(t("Такой страницы нет", "There is no such page"), null, button(t("На главную", "To the start"), () => go("/"))));
    return;
  }
  announced.textContent = view.name();
  document.title = `${view.name()} · ${t("AI-ассистент для 1С", "AI assistant for 1C")}`;
  if (!allowed(view)) { fill(main, broken({ status: 403 })); return; }
  fill(main, h("div", { class: "page" }, skeleton(6)));
  main.setAttribute("aria-busy", "true");
  try {
    const module = await import(`./${view.file}.js`);
    if (running.signal.aborted) return;
    fill(main);
    leave = await module.default({ root: main, rest: path.slice(view.path.length + 1), query: new URLSearchParams(location.search), signal: running.signal }) ?? null;
    if (running.signal.aborted) { leave?.(); leave = null; }
  } catch (error) {
    if (error.name === "AbortError" || running.signal.aborted) return;
    // A page that was opened before a deployment may ask for a file that is no more.
    const old = error instanceof TypeError && /import/i.test(error.message);
    if (!old && !(error instanceof session.Failure)) console.error(error);
    fill(main, old
      ? empty(t("Вышла новая версия", "There is a new version"), t("Обновите страницу, чтобы продолжить.", "Reload the page to go on."), button(t("Обновить", "Reload"), () => location.reload(), { kind: "primary" }))
      : broken(error, show));
  } finally {
    if (stop === running) main?.removeAttribute("aria-busy");
  }
}

async function showSignIn() {
  main = null;
  if (location.pathname !== "/login" && location.pathname !== "/") sessionStorage.setItem("back", location.pathname + location.search);
  document.title = t("Вход · AI-ассистент для 1С", "Sign in · AI assistant for 1C");
  const module = await import("./login.js");
  await module.default(app, { onChange: () => showSignIn() });
}

function frame() {
  const item = (view) => h("a", { href: view.path }, icon(view.icon), h("span", {}, view.name()));
  const seen = VIEWS.filter((view) => !view.hidden && allowed(view));
  const [own, group] = [seen.filter((view) => !view.group), seen.filter((view) => view.group)];
  const user = session.user();
  nav = h("nav", { class: "nav", "aria-label": t("Разделы", "Sections") }, own.map(item),
    group.length > 0 && [h("h2", { class: "nav-title" }, t("Администрирование", "Administration")), group.map(item)]);
  main = h("main", { class: "main", id: "main", tabindex: "-1" });
  const menu = button(t("Меню", "Menu"), () => document.body.classList.toggle("menu-open"), { kind: "icon quiet", name: "menu" });
  fill(app, h("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); main.focus(); } }, t("К содержимому", "Skip to content")),
    h("div", { class: "shell" },
      h("header", { class: "topbar" }, menu, brand()),
      h("div", { class: "scrim", onclick: () => document.body.classList.remove("menu-open") }),
      h("aside", { class: "side" }, brand(), nav, h("div", { class: "side-foot" },
        h("a", { class: "me", href: "/profile" }, h("span", { class: "avatar", "aria-hidden": "true" }, initials(user.name)),
          h("span", {}, h("b", {}, user.name), h("small", {}, user.email))),
        h("div", { class: "side-tools" }, languageSwitch(), themeSwitch(),
          button(t("Выйти", "Sign out"), () => session.signOut().catch(tell), { kind: "icon quiet small", name: "out" })))),
      main));
}

/** The name of the product with its sign. */
export const brand = () => h("a", { class: "brand", href: "/" }, h("span", { class: "brand-sign", "aria-hidden": "true" }, "1С"),
  h("span", {}, t("AI-ассистент", "AI assistant")));

const initials = (name) => name.split(/\s+/).slice(0, 2).map((part) => part[0] ?? "").join("").toUpperCase();

/** Russian or English. */
export const languageSwitch = () => h("button", { type: "button", class: "button quiet small", lang: language() === "ru" ? "en" : "ru",
  title: t("Switch to English", "Перейти на русский"), onclick: () => {
    setLanguage(language() === "ru" ? "en" : "ru");
    main = null;
    show();
  } }, language() === "ru" ? "EN" : "RU");

const THEMES = ["auto", "light", "dark"];

function applyTheme() {
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "auto";
}

/** As the device has it, light or dark. */
export function themeSwitch() {
  const name = () => ({ auto: t("Тема: как в системе", "Theme: as the system"), light: t("Тема: светлая", "Theme: light"), dark: t("Тема: тёмная", "Theme: dark") })[localStorage.getItem("theme") ?? "auto"];
  const one = h("button", { type: "button", class: "button quiet small icon", onclick: () => {
    const next = THEMES[(THEMES.indexOf(localStorage.getItem("theme") ?? "auto") + 1) % THEMES.length];
    localStorage.setItem("theme", next);
    applyTheme();
    mark();
  } });
  const mark = () => {
    one.title = name();
    one.setAttribute("aria-label", name());
    fill(one, h("span", { class: "theme-sign", "data-of": localStorage.getItem("theme") ?? "auto", "aria-hidden": "true" }));
  };
  mark();
  return one;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (/^\/(api|account|v1|mcp)(\/|$)/.test(link.pathname)) return;
  event.preventDefault();
  go(link.pathname + link.search);
});

window.addEventListener("popstate", show);
window.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.body.classList.remove("menu-open");
});

session.onProof(proof);
session.onSession((user, reason) => {
  if (user === null) {
    sessionStorage.setItem("ended", reason ?? "");
    main = null;
    if (reason === "signed-out") { sessionStorage.removeItem("back"); history.replaceState({}, "", "/login"); }
    show();
  } else if (reason === "signed-in") {
    if (user.locale && !localStorage.getItem("locale")) setLanguage(user.locale);
    go("/", { replace: true });
  } else {
    main = null;
    show();
  }
});

async function begin() {
  applyTheme();
  if (session.mayResume()) {
    fill(app, h("div", { class: "splash" }, h("span", { class: "brand-sign" }, "1С"), h("span", { class: "unseen", role: "status" }, t("Загрузка…", "Loading…"))));
    try {
      await session.resume();
    } catch (error) {
      fill(app, h("div", { class: "splash" }, broken(error, begin)));
      return;
    }
  }
  await show();
}

begin();
