// Threats and alerts with their life cycle, bans, and how well the system is guarded.

import { all, api, may, query, user } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { ago, count, moment, t } from "./text.js";
import { badge, busy, button, card, confirm, dialog, empty, field, form, heading, input, load, select, tabs, toast } from "./ui.js";

export default async function view({ root, rest, signal }) {
  const names = new Map();
  if (may("users:read")) await all("/api/users?limit=100", { signal }).then((people) => people.forEach((one) => names.set(one.id, one.name)), () => {});
  fill(root, h("div", { class: "page" }, heading(t("Безопасность", "Security")), tabs([
    ["alerts", t("Оповещения", "Alerts"), (place) => alerts(place, names, signal)],
    ["threats", t("Угрозы", "Threats"), (place) => threats(place, names, signal)],
    ["bans", t("Блокировки", "Bans"), (place) => bans(place, names, signal)],
    ["posture", t("Защищённость", "Posture"), (place) => posture(place, signal)],
  ], rest || "alerts", (id) => history.replaceState({}, "", `/admin/security/${id}`))));
}

const SEVERITY = () => ({ critical: [t("критично", "critical"), "bad"], high: [t("высокая", "high"), "bad"], medium: [t("средняя", "medium"), "warn"], low: [t("низкая", "low"), ""], info: [t("сведения", "info"), ""] });
const STATE = () => ({ open: [t("новое", "new"), "bad"], acknowledged: [t("в работе", "acknowledged"), "warn"], resolved: [t("закрыто", "resolved"), "good"], closed: [t("закрыта", "closed"), "good"] });
const RESOLUTION = () => [["true_positive", t("Атака, меры приняты", "An attack, dealt with")], ["benign", t("Так и задумано", "Meant to be so")], ["false_positive", t("Ложное срабатывание", "A false alarm")], ["duplicate", t("Уже известно", "Known already")]];
const mark = (table, name) => badge(...(table()[name] ?? [name, ""]));

/** Whom something is about, in words. */
function about(subject, names) {
  const [kind, id] = String(subject ?? "").split(/:(.*)/s);
  const words = { ip: t("адрес", "address"), user: t("пользователь", "user"), session: t("сеанс", "session"), key: t("ключ", "key"), account: t("учётная запись", "account") };
  return words[kind] ? `${words[kind]} ${names.get(id) ?? (kind === "ip" ? id : id.slice(0, 12))}` : subject;
}

function alerts(place, names, signal) {
  const found = h("div");
  const severity = select([["", t("Любая", "Any")], ...Object.entries(SEVERITY()).filter(([name]) => name !== "info").map(([name, [label]]) => [name, label])], { onchange: () => show() });
  const state = select([["", t("Все", "All")], ["open", t("новые", "new")], ["acknowledged", t("в работе", "acknowledged")], ["resolved", t("закрытые", "resolved")]], { onchange: () => show() });
  const show = () => load(found, () => api("GET", `/api/security/alerts${query({ severity: severity.value, state: state.value, limit: 100 })}`, { signal }), ({ items }) => (items.length === 0
    ? empty(t("Оповещений нет", "No alerts"), t("Когда система заметит подозрительное, это появится здесь.", "What the system finds suspicious will be here."))
    : h("div", { class: "table-scroll" }, h("table", { class: "data" }, h("thead", {}, h("tr", {}, [t("Важность", "Severity"), t("Что замечено", "What"), t("Событий", "Events"), t("Последнее", "Last"), t("Состояние", "State"), t("Кто разбирает", "Assignee")].map((one) => h("th", { scope: "col" }, one)))),
      h("tbody", {}, items.map((one) => h("tr", { class: "pressable", tabindex: "0", onclick: () => alert(one, names, show), onkeydown: (event) => { if (event.key === "Enter") alert(one, names, show); } },
        h("td", {}, mark(SEVERITY, one.severity)), h("td", {}, h("b", {}, one.title), h("div", { class: "small faint" }, about(one.subject ?? one.kind, names))), h("td", { class: "number" }, count(one.count ?? 1)), h("td", {}, ago(one.last_seen ?? one.created_at)), h("td", {}, mark(STATE, one.state)),
        h("td", {}, names.get(one.assignee ?? one.acknowledged_by) ?? "—"))))))));
  fill(place, h("div", { class: "toolbar" }, field(t("Важность", "Severity"), severity), field(t("Состояние", "State"), state)), found);
  show();
}

const EVENTS = () => ({ opened: t("открыто", "opened"), escalated: t("стало серьёзнее", "escalated"), acknowledged: t("взято в работу", "acknowledged"), resolved: t("закрыто", "resolved"), reopened: t("открыто заново", "reopened"), assigned: t("назначено", "assigned"), comment: t("комментарий", "comment"), commented: t("комментарий", "comment"), snoozed: t("отложено", "snoozed"), response: t("мера", "response"), severity: t("изменена важность", "severity changed") });

/** The history of an alert, the latest last. */
const timeline = (items, names) => items?.length > 0 && h("section", {}, h("h3", {}, t("Ход событий", "History")), h("ul", { class: "list" }, items.map((one) => h("li", {}, h("div", { class: "grow" },
  h("span", {}, EVENTS()[one.kind] ?? one.kind, one.details?.text || one.details?.comment ? `: ${one.details.text ?? one.details.comment}` : ""), h("span", { class: "small faint" }, [moment(one.at), one.actor && (names.get(one.actor) ?? one.actor.slice(0, 8))].filter(Boolean).join(" · ")))))));

function alert(first, names, changed) {
  const place = h("div", { style: { display: "flex", "flex-direction": "column", gap: "16px" } });
  const path = `/api/security/alerts/${first.id}`;
  const show = () => load(place, async () => {
    const one = await api("GET", path);
    const threat = await api("GET", `/api/security/threats/${one.threat_id}`).catch(() => null);
    return { one, threat };
  }, ({ one, threat }) => {
    const done = () => { toast(t("Готово", "Done"), "good"); show(); changed(); };
    const act = (label, verb, kind = "") => button(label, busy(async () => { await api("POST", `${path}/${verb}`); done(); }), { kind });
    const admin = may("security:admin");
    return [
      h("dl", { class: "facts" }, h("dt", {}, t("Важность", "Severity")), h("dd", {}, mark(SEVERITY, one.severity), one.risk ? ` ${t("риск", "risk")} ${one.risk}` : ""), h("dt", {}, t("О ком", "Subject")), h("dd", {}, about(one.subject, names)),
        h("dt", {}, t("Состояние", "State")), h("dd", {}, mark(STATE, one.state), one.resolution && ` ${RESOLUTION().find(([name]) => name === one.resolution)?.[1] ?? one.resolution}`),
        h("dt", {}, t("Когда", "When")), h("dd", {}, `${moment(one.first_seen ?? one.created_at)} — ${moment(one.last_seen ?? one.created_at)}`), h("dt", {}, t("Событий", "Events")), h("dd", {}, count(one.count ?? 1)),
        threat?.technique && [h("dt", {}, "MITRE ATT&CK"), h("dd", {}, threat.technique)], one.snoozed_until && [h("dt", {}, t("Отложено до", "Snoozed until")), h("dd", {}, moment(one.snoozed_until))]),
      one.advice && h("div", { class: "note" }, one.advice),
      admin && h("div", { class: "actions" },
        one.state === "open" && act(t("Взять в работу", "Take"), "acknowledge", "primary"),
        one.state !== "resolved" && button(t("Закрыть", "Resolve"), () => resolve(path, done)),
        one.state === "resolved" && act(t("Открыть заново", "Reopen"), "reopen"),
        one.assignee !== user().id && one.state !== "resolved" && button(t("Назначить себе", "Assign to me"), busy(async () => { await api("PATCH", path, { body: { assignee: user().id } }); done(); })),
        one.state !== "resolved" && button(t("Отложить на сутки", "Snooze for a day"), busy(async () => { await api("PATCH", path, { body: { snoozed_until: new Date(Date.now() + 86_400_000).toISOString() } }); done(); })),
        /^(ip|user|session|key):/.test(one.subject ?? "") && button(t("Заблокировать", "Ban"), () => ban(one.subject, done), { kind: "danger", name: "ban" }),
        button(t("Это не угроза", "This is no threat"), () => exception(one, done), { kind: "quiet" })),
      threat && evidence(threat, names),
      timeline(one.timeline, names),
      admin && form([field(t("Комментарий", "Comment"), h("textarea", { class: "input", name: "text", required: true, maxlength: "4000" }))], t("Добавить", "Add"), async ({ text }) => { await api("POST", `${path}/comments`, { body: { text } }); show(); }),
    ];
  });
  dialog(first.title, () => { show(); return place; }, { side: true });
}

const resolve = (path, done) => dialog(t("Закрыть оповещение", "Resolve the alert"), (close) => form([
  field(t("Чем закончилось", "Outcome"), select(RESOLUTION(), { name: "resolution" })),
  field(t("Комментарий", "Comment"), h("textarea", { class: "input", name: "comment", maxlength: "4000" }), { optional: true }),
], t("Закрыть", "Resolve"), async ({ resolution, comment }) => {
  await api("POST", `${path}/resolve`, { body: comment.trim() ? { resolution, comment: comment.trim() } : { resolution } });
  close(true);
  done();
}, { cancel: () => close() }));

const DAYS = () => [["3600", t("Час", "An hour")], ["86400", t("Сутки", "A day")], ["604800", t("Неделя", "A week")], ["2592000", t("30 дней", "30 days")]];

const ban = (subject, done) => dialog(t("Блокировка", "Ban"), (close) => form([
  field(t("Кого", "Whom"), input({ name: "subject", value: subject ?? "", required: true, placeholder: "ip:203.0.113.0/24" }), { hint: t("ip:адрес или сеть, user:номер, session:номер, key:номер.", "ip:address or network, user:id, session:id, key:id.") }),
  field(t("На сколько", "For how long"), select(DAYS(), { name: "seconds", value: "86400" })),
  field(t("Причина", "Reason"), input({ name: "reason", required: true, maxlength: "500" })),
], t("Заблокировать", "Ban"), async ({ subject: whom, seconds, reason }) => {
  await api("POST", "/api/security/bans", { body: { subject: whom.trim(), seconds: Number(seconds), reason } });
  close(true);
  done();
}, { kind: "danger", cancel: () => close() }));

const exception = (one, done) => dialog(t("Это не угроза", "This is no threat"), (close) => form([
  h("p", {}, t("Правило перестанет срабатывать на этого субъекта.", "The rule will not fire for this subject any more.")),
  field(t("Почему", "Why"), input({ name: "reason", required: true, maxlength: "500", autofocus: true })),
  field(t("До какого дня", "Until"), input({ name: "until", type: "date" }), { optional: true }),
], t("Добавить исключение", "Add the exception"), async ({ reason, until }) => {
  const body = { rule: one.kind, subject: one.subject, reason };
  if (until) body.until = new Date(until).toISOString();
  await api("POST", "/api/security/detections/exceptions", { body });
  close(true);
  done();
}, { cancel: () => close() }));

const ACTIONS = () => ({ ban: t("блокировка", "ban"), revoke_sessions: t("завершение сеансов", "sessions ended"), force_password_reset: t("требование сменить пароль", "password reset forced") });
const DONE = () => ({ pending: [t("выполняется", "pending"), "warn"], done: [t("выполнено", "done"), "good"], failed: [t("не вышло", "failed"), "bad"], undone: [t("отменено", "undone"), ""], suggested: [t("предложено", "suggested"), ""] });

const WORDS = () => ({ account_count: t("учётных записей", "accounts"), address_count: t("адресов", "addresses"), addresses: t("адреса", "addresses"), agent_count: t("программ", "programs"), network_count: t("сетей", "networks"), failures: t("неудач", "failures"), successes: t("успехов", "successes"), count: t("событий", "events"), rows: t("строк", "rows"), threshold: t("порог", "threshold"), baseline: t("обычно", "usual"), window_seconds: t("окно, с", "window, s"),
  at: t("когда", "when"), signal: t("событие", "event"), ip: t("адрес", "address"), who: t("кто", "who"), target: t("над чем", "target") });

/** What a threat rests on: figures in words, samples as a table; hashes of accounts tell a person nothing. */
function evidence(one, names) {
  const known = Object.entries(one.evidence ?? {}).filter(([name, value]) => !name.endsWith("_hashes") && value !== null && !(Array.isArray(value) && value.length === 0));
  const isTable = (value) => Array.isArray(value) && typeof value[0] === "object";
  const facts = known.filter(([, value]) => !isTable(value));
  const cell = (name, value) => (value === null || value === undefined ? "" : name === "at" ? moment(value) : name === "who" || name === "target" ? about(value, names) : typeof value === "object" ? JSON.stringify(value) : String(value));
  return [
    known.length > 0 && h("section", { class: "answer-text" }, h("h3", {}, t("На чём основано", "Evidence")),
      h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, WORDS()[name] ?? name), h("dd", {}, Array.isArray(value) ? value.join(", ") : cell(name, value))])),
      known.filter(([, value]) => isTable(value)).map(([, rows]) => {
        const columns = [...new Set(rows.flatMap(Object.keys))].filter((name) => !/(^|_)id$/.test(name) && rows.some((row) => row[name] !== null && row[name] !== undefined));
        return h("div", { class: "table-scroll" }, h("table", { class: "data" }, h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, WORDS()[name] ?? name)))), h("tbody", {}, rows.map((row) => h("tr", {}, columns.map((name) => h("td", {}, cell(name, row[name]))))))));
      })),
    one.responses?.length > 0 && h("section", {}, h("h3", {}, t("Что сделано", "Responses")), h("ul", { class: "list" }, one.responses.map((response) => h("li", {}, h("div", { class: "grow" }, h("b", {}, ACTIONS()[response.action] ?? response.action), h("span", { class: "small faint" }, [about(response.subject, names), moment(response.created_at), response.expires_at && t(`до ${moment(response.expires_at)}`, `until ${moment(response.expires_at)}`), response.error].filter(Boolean).join(" · "))), mark(DONE, response.state))))),
  ];
}

function threats(place, names, signal) {
  const found = h("div");
  const status = select([["", t("Все", "All")], ["open", t("открытые", "open")], ["closed", t("закрытые", "closed")]], { onchange: () => show() });
  const show = () => load(found, () => api("GET", `/api/security/threats${query({ status: status.value, limit: 100 })}`, { signal }), ({ items }) => (items.length === 0
    ? empty(t("Угроз не замечено", "No threats were seen"))
    : h("div", { class: "table-scroll" }, h("table", { class: "data" }, h("thead", {}, h("tr", {}, [t("Важность", "Severity"), t("Что замечено", "What"), t("Событий", "Events"), t("Последнее", "Last"), t("Состояние", "State")].map((one) => h("th", { scope: "col" }, one)))),
      h("tbody", {}, items.map((one) => h("tr", { class: "pressable", tabindex: "0", onclick: () => threat(one, names), onkeydown: (event) => { if (event.key === "Enter") threat(one, names); } },
        h("td", {}, mark(SEVERITY, one.severity)), h("td", {}, h("b", {}, one.title), h("div", { class: "small faint" }, about(one.subject, names))), h("td", { class: "number" }, count(one.count ?? 0)), h("td", {}, ago(one.last_seen)), h("td", {}, mark(STATE, one.status)))))))));
  fill(place, h("div", { class: "toolbar" }, field(t("Состояние", "State"), status)), found);
  show();
}

function threat(first, names) {
  const place = h("div", { style: { display: "flex", "flex-direction": "column", gap: "16px" } });
  dialog(first.title, () => {
    load(place, () => api("GET", `/api/security/threats/${first.id}`), (one) => [
      h("dl", { class: "facts" }, h("dt", {}, t("Важность", "Severity")), h("dd", {}, mark(SEVERITY, one.severity)), h("dt", {}, t("О ком", "Subject")), h("dd", {}, about(one.subject, names)), h("dt", {}, t("Правило", "Rule")), h("dd", {}, h("code", {}, one.kind)),
        h("dt", {}, t("Когда", "When")), h("dd", {}, `${moment(one.first_seen)} — ${moment(one.last_seen)}`), h("dt", {}, t("Событий", "Events")), h("dd", {}, count(one.count ?? 0))),
      one.advice && h("div", { class: "note" }, one.advice), evidence(one, names), timeline(one.timeline, names)]);
    return place;
  }, { side: true });
}

async function bans(place, names, signal) {
  const again = () => bans(place, names, signal);
  const admin = may("security:admin");
  await load(place, async () => {
    const [inForce, allowed] = await Promise.all([api("GET", "/api/security/bans?limit=100", { signal }), api("GET", "/api/security/allowed", { signal })]);
    return { bans: inForce.items, allowed: allowed.items };
  }, (data) => [
    admin && h("div", { class: "actions" }, button(t("Заблокировать", "Ban"), () => ban(null, again), { kind: "primary", name: "ban" }), button(t("Никогда не блокировать…", "Never ban…"), () => allow(again))),
    card(t("Действуют сейчас", "In force now"), data.bans.length === 0 ? h("p", { class: "muted" }, t("Никто не заблокирован.", "Nobody is banned.")) : h("ul", { class: "list" }, data.bans.map((one) => h("li", {},
      h("div", { class: "grow" }, h("b", {}, about(one.subject, names)), h("span", { class: "small faint" }, [ACTIONS()[one.action] ?? one.action, one.reason, one.expires_at && t(`до ${moment(one.expires_at)}`, `until ${moment(one.expires_at)}`), one.created_by ? names.get(one.created_by) : t("сработало само", "by itself")].filter(Boolean).join(" · "))), mark(DONE, one.state),
      admin && button(t("Снять", "Lift"), busy(async () => { await api("DELETE", `/api/security/bans/${one.id}`); again(); }), { kind: "small" }))))),
    card(t("Не блокируются никогда", "Never banned"), data.allowed.length === 0 ? h("p", { class: "muted" }, t("Список пуст.", "The list is empty.")) : h("ul", { class: "list" }, data.allowed.map((one) => h("li", {},
      h("div", { class: "grow" }, h("b", {}, about(one.subject, names)), h("span", { class: "small faint" }, one.reason)),
      admin && button(t("Убрать", "Remove"), busy(async () => {
        if (!(await confirm(t("Убрать из списка?", "Remove from the list?"), t("Этого субъекта снова можно будет заблокировать.", "This subject can be banned again."), t("Убрать", "Remove")))) return;
        await api("DELETE", `/api/security/allowed/${one.id}`);
        again();
      }), { kind: "small" }))))),
  ]);
}

const allow = (again) => dialog(t("Никогда не блокировать", "Never ban"), (close) => form([
  field(t("Кого", "Whom"), input({ name: "subject", required: true, placeholder: "ip:192.0.2.0/24", autofocus: true })),
  field(t("Причина", "Reason"), input({ name: "reason", required: true, maxlength: "500" })),
], t("Добавить", "Add"), async (values) => {
  await api("POST", "/api/security/allowed", { body: { subject: values.subject.trim(), reason: values.reason } });
  close(true);
  again();
}, { cancel: () => close() }));

async function posture(place, signal) {
  const signs = { ok: ["check", "ok"], warning: ["warning", "warning"], critical: ["close", "error"], unknown: ["warning", "warning"] };
  const order = ["critical", "warning", "unknown", "ok"];
  await load(place, () => api("GET", "/api/security/posture", { signal }), (data) => card(h("span", { style: { display: "contents" } }, t("Что защищено, а что нет", "What is guarded and what is not"), data.status === "ok" ? badge(t("всё в порядке", "all is well"), "good") : badge(t("есть что исправить", "there is something to do"), data.status === "critical" ? "bad" : "warn")),
    h("div", {}, [...data.checks].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status)).map((one) => h("div", { class: `finding ${signs[one.status]?.[1] ?? "warning"}` }, icon(signs[one.status]?.[0] ?? "warning"), h("div", {}, h("span", {}, one.title), one.advice && h("p", {}, one.advice))))),
    h("p", { class: "small faint" }, t(`Проверено ${moment(data.checked_at)}`, `Checked ${moment(data.checked_at)}`))));
}
