// Infobases of 1C: how they are, what the check found, synchronisation as it goes, connecting another one.

import { api, call, events, may, newKey, pause, query } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { go } from "./main.js";
import { ago, count, decimal, moment, t } from "./text.js";
import { badge, busy, button, card, confirm, dialog, empty, field, form, heading, input, linkButton, load, select, skeleton, tell, tick, toast } from "./ui.js";

export default async function view({ root, rest, signal }) {
  const page = h("div", { class: "page" });
  fill(root, page);
  if (rest === "new" && may("onec:admin")) return connect(page);
  if (rest) return one(page, rest, signal);
  const place = h("div");
  fill(page, heading(t("Базы 1С", "1C bases"), may("onec:admin") && linkButton(t("Подключить базу", "Connect an infobase"), "/bases/new", "primary", "plus")), place);
  await load(place, () => api("GET", "/api/1c/infobases", { signal }), ({ items }) => (items.length === 0
    ? empty(t("Баз пока нет", "No infobases yet"), t("Подключите базу 1С, и ассистент сможет отвечать по её данным.", "Connect an infobase of 1C, and the assistant can answer from its data."),
      may("onec:admin") && linkButton(t("Подключить базу", "Connect an infobase"), "/bases/new", "primary"))
    : h("div", { class: "cards" }, items.map((base) => h("a", { class: "card", href: `/bases/${base.id}`, style: { color: "inherit", "text-decoration": "none" } },
      h("h2", {}, base.name, condition(base)), facts(base))))));
  return undefined;
}

function condition(base) {
  if (base.paused) return badge(t("на паузе", "paused"));
  if (base.reachable === false) return badge(t("не отвечает", "does not answer"), "bad");
  if (base.reachable === null || base.reachable === undefined) return badge(t("ещё не опрошена", "not asked yet"));
  return badge(t("работает", "works"), "good");
}

const facts = (base) => h("dl", { class: "facts" },
  h("dt", {}, t("Конфигурация", "Configuration")), h("dd", {}, base.configuration ?? (base.kind === "commerceml" ? "CommerceML" : t("ещё не определена", "not known yet"))),
  h("dt", {}, t("Данные на", "Data as of")), h("dd", {}, base.as_of ? `${moment(base.as_of)} (${ago(base.as_of)})` : t("ещё не загружены", "not loaded yet")),
  base.base_url && [h("dt", {}, t("Адрес", "Address")), h("dd", {}, base.base_url)],
  base.error && [h("dt", {}, t("Ошибка", "Error")), h("dd", {}, h("code", {}, base.error))]);

async function one(page, id, signal) {
  const place = h("div", { style: { display: "flex", "flex-direction": "column", gap: "16px", "min-width": "0" } });
  fill(page, place);
  await load(place, () => api("GET", `/api/1c/infobases/${id}`, { signal }), (base) => {
    const admin = may("onec:admin");
    const doctor = h("div");
    const jobs = h("div");
    const state = h("div", {}, facts(base));
    const mark = h("span", {}, condition(base));
    if (admin) showCheck(doctor, base.last_check);
    const syncs = may("onec:sync") && base.kind === "odata";
    if (syncs) loadJobs(jobs, base, signal);
    // How the infobase is changes by itself; a new one is looked at more often, until its data are there.
    const look = async () => {
      try {
        const now = await api("GET", `/api/1c/infobases/${id}`, { signal });
        fill(state, facts(now));
        fill(mark, condition(now));
        if (syncs && !now.as_of && !jobs.querySelector("progress")) await loadJobs(jobs, now, signal, "none");
        timer = setTimeout(look, now.as_of ? 15_000 : 2_000);
      } catch (error) {
        if (error.name !== "AbortError" && error.status !== 404) timer = setTimeout(look, 15_000);
      }
    };
    let timer = setTimeout(look, base.as_of ? 15_000 : 1_000);
    signal.addEventListener("abort", () => clearTimeout(timer));
    return [
      h("p", {}, h("a", { href: "/bases" }, t("← Все базы", "← All infobases"))),
      heading(base.name, mark,
        may("onec:sync") && base.kind === "odata" && button(t("Обновить данные", "Synchronise"), busy(async () => {
          const started = await api("POST", "/api/1c/sync/data", { body: { infobase_id: base.id } });
          await loadJobs(jobs, base, signal, started.job_id);
        }), { kind: "primary", name: "again" }),
        admin && button(t("Настройки", "Settings"), () => settings(base), { name: "edit" })),
      h("div", { class: "cards" }, card(t("Состояние", "State"), state),
        may("onec:sync") && base.kind === "odata" && card(t("Синхронизация", "Synchronisation"), jobs)),
      admin && base.kind === "odata" && card(h("span", { style: { display: "contents" } }, t("Проверка базы", "Check of the infobase"), button(t("Проверить", "Check"), busy(async () => {
        fill(doctor, skeleton(5));
        try { showCheck(doctor, await api("POST", `/api/1c/infobases/${base.id}/check`)); } catch (error) { showCheck(doctor, base.last_check); throw error; }
      }), { kind: "small" })), doctor),
      may("onec:write") && base.kind === "odata" && writes(base, signal),
      admin && h("div", {}, button(t("Отключить базу", "Disconnect the infobase"), async () => {
        if (!(await confirm(t("Отключить базу?", "Disconnect the infobase?"), t(`Копия данных базы «${base.name}» будет удалена. В самой 1С ничего не изменится.`, `The copy of the data of “${base.name}” will be deleted. Nothing changes in 1C itself.`), t("Отключить", "Disconnect")))) return;
        try { await api("DELETE", `/api/1c/infobases/${base.id}`); go("/bases"); } catch (error) { tell(error); }
      }, { kind: "danger small", disabled: base.from_environment, title: base.from_environment ? t("База задана в настройках сервера", "The infobase is named by the settings of the server") : null })),
    ];
  });
}

const SIGNS = { ok: "check", warning: "warning", error: "close" };

/** What a check has found: first what has to be done. */
function showCheck(place, check) {
  if (!check) { fill(place, h("p", { class: "muted" }, t("База ещё не проверялась.", "The infobase has not been checked yet."))); return; }
  const order = ["error", "warning", "ok"];
  const found = [...check.findings].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  fill(place, h("p", { class: "small muted" }, t(`Проверено ${ago(check.checked_at)}, за ${decimal((check.duration_ms / 1000).toFixed(1))} с`, `Checked ${ago(check.checked_at)}, in ${decimal((check.duration_ms / 1000).toFixed(1))} s`)),
    h("div", {}, found.map((one) => h("div", { class: `finding ${one.severity}` }, icon(SIGNS[one.severity] ?? "warning"),
      h("div", {}, h("span", {}, one.title), one.detail && h("p", {}, one.detail), one.advice && h("p", {}, one.advice))))));
}

const STATES = () => ({ queued: [t("в очереди", "queued"), ""], running: [t("идёт", "running"), "accent"], succeeded: [t("завершена", "done"), "good"], failed: [t("не удалась", "failed"), "bad"], cancelled: [t("остановлена", "stopped"), "warn"] });

async function loadJobs(place, base, signal, wanted) {
  await load(place, () => api("GET", `/api/1c/sync/jobs${query({ infobase: base.id, limit: 6 })}`, { signal }), ({ items }) => {
    if (items.length === 0) return h("p", { class: "muted" }, t("Синхронизаций ещё не было.", "There has been no synchronisation yet."));
    return h("ul", { class: "list" }, items.map((job) => {
      const line = h("li", { style: { display: "block" } });
      showJob(line, job);
      if (["queued", "running"].includes(job.state) || job.id === wanted) watch(line, job, signal, job.id === wanted);
      return line;
    }));
  }, { lines: 3, quiet: Boolean(wanted) });
}

function showJob(line, job) {
  const [state, kind] = STATES()[job.state] ?? [job.state, ""];
  const going = ["queued", "running"].includes(job.state);
  const total = job.entities?.reduce((sum, one) => (sum === null || one.total === null ? null : sum + one.total), 0) ?? null;
  fill(line, h("div", { style: { display: "flex", gap: "8px", "align-items": "center", "flex-wrap": "wrap" } },
    badge(state, kind), h("span", {}, job.full ? t("полная загрузка", "full load") : t("изменения", "changes")), h("span", { class: "small faint" }, ago(job.created_at)),
    h("span", { class: "small faint", style: { "margin-left": "auto" } }, t(`строк: ${count(job.rows)}`, `${count(job.rows)} rows`), job.dead_objects ? t(`, не прочитано: ${job.dead_objects}`, `, not read: ${job.dead_objects}`) : ""),
    going && button(t("Остановить", "Stop"), busy(() => api("POST", `/api/1c/sync/jobs/${job.id}/cancel`)), { kind: "small", disabled: job.cancel_requested })),
  going && h("div", { style: { "margin-top": "8px" } },
    total ? h("progress", { max: String(total), value: String(job.done), "aria-label": t("Загружено", "Loaded") }) : h("progress", { "aria-label": t("Идёт загрузка", "Loading") }),
    h("p", { class: "small muted" }, [t(`${count(job.done)}${total ? ` из ${count(total)}` : ""}`, `${count(job.done)}${total ? ` of ${count(total)}` : ""}`), job.rate && t(`${count(job.rate)} в секунду`, `${count(job.rate)} a second`),
      job.eta_seconds && t(`осталось ~${count(job.eta_seconds)} с`, `about ${count(job.eta_seconds)} s left`), job.entities?.find((one) => one.state === "running")?.name].filter(Boolean).join(" · "))),
  job.error && h("p", { class: "small", style: { color: "var(--bad)" } }, job.error));
}

/** Shows a job as it goes; a broken connection is made again where it was. */
async function watch(line, job, signal, wanted) {
  let last = null;
  for (let broken = 0; broken < 20 && !signal.aborted;) {
    try {
      const response = await call("GET", `/api/1c/sync/jobs/${job.id}/events`, { headers: { accept: "text/event-stream", ...(last ? { "last-event-id": last } : {}) }, signal });
      if (response.status === 204) return;
      for await (const event of events(response)) {
        last = event.id;
        showJob(line, event.data);
        if (event.name === "end") { if (wanted) toast(event.data.state === "succeeded" ? t("Данные обновлены.", "The data are up to date.") : t("Синхронизация закончилась с ошибкой.", "The synchronisation failed."), event.data.state === "succeeded" ? "good" : "bad"); return; }
      }
    } catch (error) {
      if (error.name === "AbortError" || error.status === 404) return;
    }
    broken += 1;
    try { await pause(1000, signal); } catch { return; }
  }
}

function writes(base, signal) {
  const place = h("div");
  load(place, () => api("GET", `/api/1c/documents/writes${query({ infobase: base.id, limit: 10 })}`, { signal }), ({ items }) => (items.length === 0
    ? h("p", { class: "muted" }, t("Ассистент ещё ничего не записывал в эту базу.", "The assistant has written nothing into this infobase yet."))
    : h("ul", { class: "list" }, items.map((one) => h("li", {}, h("div", { class: "grow" }, h("b", {}, one.name ?? one.entity), h("span", { class: "small faint" }, `${one.entity} · ${moment(one.written_at ?? one.created_at)}`)),
      one.undone_at ? badge(t("отменено", "undone")) : button(t("Отменить", "Undo"), busy(async () => {
        if (!(await confirm(t("Отменить запись в 1С?", "Undo the write into 1C?"), t("Документ вернётся к прежнему состоянию.", "The document goes back to what it was."), t("Отменить запись", "Undo")))) return;
        await api("POST", `/api/1c/documents/writes/${one.id}/undo`, { headers: { "idempotency-key": newKey() } });
        toast(t("Запись отменена.", "The write is undone."), "good");
        go(`/bases/${base.id}`);
      }), { kind: "small" }))))), { lines: 2 });
  return card(t("Записи в 1С", "Writes into 1C"), place);
}

const ZONES = ["Europe/Kaliningrad", "Europe/Moscow", "Europe/Samara", "Asia/Yekaterinburg", "Asia/Omsk", "Asia/Novosibirsk", "Asia/Krasnoyarsk", "Asia/Irkutsk", "Asia/Yakutsk", "Asia/Vladivostok", "Asia/Magadan", "Asia/Kamchatka", "Asia/Almaty", "Europe/Minsk"];

function fields(base) {
  return [
    field(t("Название", "Name"), input({ name: "name", required: true, maxlength: "100", value: base?.name ?? "" }), { hint: t("Как базу называют в компании, например «Бухгалтерия».", "What the company calls it, such as “Ledger”.") }),
    field(t("Адрес базы", "Address of the infobase"), input({ name: "base_url", type: "url", required: true, value: base?.base_url ?? "", placeholder: "https://1c.example.ru/base" }), { hint: t("Адрес опубликованной базы; /odata/standard.odata добавится сам.", "Where the infobase is published; /odata/standard.odata is added by itself.") }),
    h("div", { class: "row" },
      field(t("Пользователь 1С", "User of 1C"), input({ name: "username", value: base?.username ?? "", autocomplete: "off" })),
      field(t("Пароль", "Password"), input({ name: "password", type: "password", autocomplete: "new-password", placeholder: base ? t("не менять", "unchanged") : "" }))),
    field(t("Часовой пояс базы", "Time zone of the infobase"), select([...new Set([...ZONES, base?.time_zone].filter(Boolean))].map((zone) => [zone, zone]), { name: "time_zone", value: base?.time_zone ?? "Europe/Moscow" })),
  ];
}

function connect(page) {
  const found = h("div");
  let checked = false;
  const settingsOf = (values) => ({ name: values.name, base_url: values.base_url, username: values.username, password: values.password, time_zone: values.time_zone });
  const connectForm = form(fields(null), t("Проверить и подключить", "Check and connect"), async (values) => {
    fill(found, card(t("Проверка", "Check"), skeleton(6)));
    let check;
    try { check = await api("POST", "/api/1c/infobases/check", { body: settingsOf(values) }); } catch (error) { fill(found); throw error; }
    const place = h("div");
    showCheck(place, check);
    const add = busy(async () => {
      const added = await api("POST", "/api/1c/infobases", { body: settingsOf(values), headers: { "idempotency-key": newKey() } });
      toast(t("База подключена, загрузка данных началась.", "The infobase is connected; its data are being loaded."), "good");
      go(`/bases/${added.id}`);
    });
    const bad = check.severity === "error";
    fill(found, card(t("Проверка", "Check"), place, h("div", { class: "actions", style: { "justify-content": "flex-end" } },
      bad && h("span", { class: "muted small" }, t("Сначала исправьте отмеченное красным, затем проверьте ещё раз.", "Set right what is marked red, then check again.")),
      button(bad ? t("Подключить всё равно", "Connect anyway") : t("Подключить", "Connect"), add, { kind: bad ? "" : "primary" }))));
    found.scrollIntoView({ behavior: "smooth", block: "start" });
    checked = true;
  });
  fill(page, h("p", {}, h("a", { href: "/bases" }, t("← Все базы", "← All infobases"))), heading(t("Подключение базы", "Connecting an infobase")),
    h("div", { class: "cards" },
      card(null, connectForm),
      card(t("Что нужно сделать в 1С", "What is to be done in 1C"), h("ol", { style: { "padding-left": "1.3em", display: "flex", "flex-direction": "column", gap: "8px" } },
        h("li", {}, t("Опубликовать базу на веб-сервере с интерфейсом OData.", "Publish the infobase on a web server with the OData interface.")),
        h("li", {}, t("Включить нужные объекты в состав стандартного интерфейса OData.", "Put the objects into the composition of the standard OData interface.")),
        h("li", {}, t("Создать пользователя с ролью «Удалённый доступ OData».", "Make a user with the role “Remote access OData”.")),
        h("li", {}, t("Ввести адрес и пользователя здесь: проверка скажет, чего не хватает.", "Enter the address and the user here: the check tells what is missing."))))),
    found);
  return () => checked;
}

async function settings(base) {
  await dialog(t("Настройки базы", "Settings of the infobase"), (close) => [
    base.from_environment && h("div", { class: "note warn" }, t("База задана в настройках сервера: при перезапуске они важнее изменений здесь.", "The infobase is named by the settings of the server, which win at a restart.")),
    form([...fields(base),
      h("div", { class: "row" },
        field(t("Запросов одновременно", "Requests at the same time"), input({ name: "concurrency", type: "number", min: "1", max: "16", value: String(base.concurrency) })),
        field(t("Обновлять каждые, с", "Synchronise every, s"), input({ name: "sync_interval_seconds", type: "number", min: "1", value: base.sync_interval_seconds === null ? "" : String(base.sync_interval_seconds), placeholder: t("как на сервере", "as the server") }))),
      tick(t("Приостановить обмен с базой", "Pause the exchange"), { name: "paused", checked: base.paused })],
    t("Сохранить", "Save"), async (values) => {
      const patch = { paused: values.paused === "on" };
      for (const name of ["name", "base_url", "username", "time_zone"]) if (values[name] !== (base[name] ?? "")) patch[name] = values[name];
      if (values.password) patch.password = values.password;
      if (Number(values.concurrency) !== base.concurrency) patch.concurrency = Number(values.concurrency);
      const every = values.sync_interval_seconds === "" ? null : Number(values.sync_interval_seconds);
      if (every !== base.sync_interval_seconds) patch.sync_interval_seconds = every;
      await api("PATCH", `/api/1c/infobases/${base.id}`, { body: patch });
      close(true);
      go(`/bases/${base.id}`);
    }, { cancel: () => close() })]);
}

