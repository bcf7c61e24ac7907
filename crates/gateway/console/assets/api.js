// Calls of the services, and the session that they are made in. The access token stays in memory; the
// refresh token is a cookie that no script reads.

import { language, t } from "./text.js";

/** What a service said instead of an answer (RFC 9457), or that nothing was said at all. */
export class Failure extends Error {
  constructor(status, problem = {}, headers = undefined) {
    super(problem.detail ?? problem.title ?? t("Сервис ответил с ошибкой.", "The service answered with an error."));
    this.status = status;
    this.code = problem.code ?? "unknown";
    this.title = problem.title ?? "";
    this.problem = problem;
    this.errors = problem.errors ?? [];
    this.requestId = problem.request_id;
    this.retryAfter = Number(headers?.get("retry-after") ?? 0);
  }
}

const session = { token: null, until: 0, user: null };
const CSRF = "csrf";
const listeners = new Set();
let askProof = null;

/** The signed-in user, or null. */
export const user = () => session.user;

/** True when the user has a permission, and all of several. */
export const may = (...names) => names.every((name) => session.user?.permissions.includes(name));

/** Calls back when somebody signs in or out. */
export const onSession = (listener) => listeners.add(listener);

/** How the user is asked to prove again who they are; resolves to true once they did. */
export const onProof = (ask) => { askProof = ask; };

function keep(answer) {
  session.token = answer.access_token;
  session.until = Date.now() + answer.expires_in * 1000;
  if (answer.user) session.user = answer.user;
  if (answer.csrf_token) localStorage.setItem(CSRF, answer.csrf_token);
}

function end(reason) {
  const had = session.user !== null;
  session.token = session.user = null;
  localStorage.removeItem(CSRF);
  if (had || reason) listeners.forEach((listener) => listener(null, reason));
}

/** Updates what is known of the user after a change. */
export function setUser(changed) {
  session.user = { ...session.user, ...changed };
  listeners.forEach((listener) => listener(session.user, "changed"));
}

/** Takes another access token of the same session, which tells of a newer proof. */
export const setToken = (answer) => keep(answer);

async function send(method, path, { body, headers = {}, signal, form } = {}) {
  const all = { "accept-language": language(), accept: "application/json", ...headers };
  if (session.token && !all.authorization) all.authorization = `Bearer ${session.token}`;
  let payload = form;
  if (body !== undefined) {
    all["content-type"] = "application/json";
    payload = JSON.stringify(body);
  }
  try {
    return await fetch(path, { method, headers: all, body: payload, signal, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0, { code: "network", title: t("Нет связи с сервером", "The server cannot be reached"),
      detail: t("Нет связи с сервером. Проверьте сеть и повторите.", "The server cannot be reached. Check the network and try again.") });
  }
}

async function failure(response) {
  let problem = {};
  try { problem = await response.json(); } catch { /* What stands in front of the services may answer otherwise. */ }
  return new Failure(response.status, problem, response.headers);
}

let refreshing = null;

/** A new access token for the cookie. Tabs take turns, since each refresh replaces the cookie. */
export function refresh() {
  const turn = () => (navigator.locks ? navigator.locks.request("refresh", renew) : renew());
  refreshing ??= turn().finally(() => { refreshing = null; });
  return refreshing;
}

async function renew() {
  const csrf = localStorage.getItem(CSRF);
  if (!csrf) throw new Failure(401, { code: "auth.token_required" });
  const response = await send("POST", "/api/users/auth/refresh", { headers: { "x-csrf-token": csrf, authorization: "" } });
  if (!response.ok) throw await failure(response);
  keep(await response.json());
  return session.user;
}

/** The session of before, when the browser still has one. */
export async function resume() {
  if (!localStorage.getItem(CSRF)) return null;
  try {
    return await refresh();
  } catch (error) {
    if (error.status === 401 || error.status === 403) { localStorage.removeItem(CSRF); return null; }
    throw error;
  }
}

/** Whether the browser may have a session. */
export const mayResume = () => localStorage.getItem(CSRF) !== null;

/** Signs in at one of the public addresses that give tokens. */
export async function signIn(path, body) {
  const response = await send("POST", path, { body: { ...body, cookie: true }, headers: { authorization: "" } });
  if (!response.ok) throw await failure(response);
  keep(await response.json());
  listeners.forEach((listener) => listener(session.user, "signed-in"));
  return session.user;
}

/** Signs out here, and everywhere else too when asked. */
export async function signOut(everywhere = false) {
  try {
    if (everywhere) await call("DELETE", "/api/users/me/sessions");
    await call("POST", "/api/users/auth/logout", { headers: { "x-csrf-token": localStorage.getItem(CSRF) ?? "" } });
  } finally {
    end("signed-out");
  }
}

/** Anonymous call, for what needs no session. */
export async function open(method, path, options = {}) {
  const response = await send(method, path, { ...options, headers: { ...options.headers, authorization: "" } });
  if (!response.ok) throw await failure(response);
  return payloadOf(response);
}

async function payloadOf(response) {
  const type = response.headers.get("content-type") ?? "";
  return response.status === 204 || !type.includes("json") ? null : response.json();
}

/**
 * Calls a service and gives the response. An access token that is over is renewed, a proof that is too old
 * is asked for, and the call is made again.
 */
export async function call(method, path, options = {}) {
  if (session.token && Date.now() > session.until - 20_000) {
    try { await refresh(); } catch (error) { if (error.status === 401) { end("expired"); throw error; } }
  }
  let response = await send(method, path, options);
  if (response.status === 401) {
    const refused = await failure(response);
    if (refused.code === "auth.step_up_required") {
      if (!askProof || !(await askProof())) throw refused;
    } else {
      try { await refresh(); } catch (error) {
        if (error.status === 401 || error.status === 403) end("expired");
        throw error.status === 0 ? error : refused;
      }
    }
    response = await send(method, path, options);
  }
  if (!response.ok) throw await failure(response);
  return response;
}

/** Calls a service and gives what it answered, as data. */
export const api = async (method, path, options) => payloadOf(await call(method, path, options));

/** All pages of a list, up to a limit. */
export async function all(path, options = {}, limit = 1000) {
  const items = [];
  let cursor = null;
  do {
    const joint = path.includes("?") ? "&" : "?";
    const page = await api("GET", cursor ? `${path}${joint}cursor=${encodeURIComponent(cursor)}` : path, options);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && items.length < limit);
  return items;
}

/** A query string of what has a value. */
export function query(parameters) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}

/** A new key for a request that must not be carried out twice. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The server-sent events of a response. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = { id: null, name: "message", data: [] };
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      const lines = rest.split(/\r\n|\n|\r/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === "") {
          if (event.data.length) yield { id: event.id, name: event.name, data: JSON.parse(event.data.join("\n")) };
          event = { id: event.id, name: "message", data: [] };
        } else if (!line.startsWith(":")) {
          const colon = line.indexOf(":");
          const field = colon < 0 ? line : line.slice(0, colon);
          const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
          if (field === "event") event.name = text;
          else if (field === "data") event.data.push(text);
          else if (field === "id") event.id = text;
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Saves the body of a response as a file. */
export async function save(response, fallback) {
  const disposition = response.headers.get("content-disposition") ?? "";
  const extended = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1];
  const plain = /filename="?([^";]+)"?/i.exec(disposition)?.[1];
  let name = plain ?? fallback;
  try { if (extended) name = decodeURIComponent(extended); } catch { /* The plain name will do. */ }
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Waits, unless the signal says that nobody cares any more. */
export const pause = (milliseconds, signal) => new Promise((resolve, reject) => {
  const stop = () => { clearTimeout(timer); reject(new DOMException("", "AbortError")); };
  const timer = setTimeout(() => { signal?.removeEventListener("abort", stop); resolve(); }, milliseconds);
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
});
