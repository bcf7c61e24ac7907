// The conversation: list, questions, answers as they come.

import { Failure, all, api, call, events, may, newKey, pause, query, save } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { address } from "./main.js";
import { markdown } from "./markdown.js";
import { draftCard, openSource } from "./sources.js";
import { ago, count, decimal, language, moment, t } from "./text.js";
import { broken, busy, button, confirm, copy, dialog, empty, field, form, input, select, skeleton, tell, toast, words } from "./ui.js";

const FIRST = "00000000-0000-0000-0000-000000000000";

export default async function view({ root, rest, query: asked, signal }) {
  root.classList.add("chat-main");
  const talk = new Talk(root, signal);
  await talk.begin(rest || null, asked.get("q"));
  return () => talk.close();
}

class Talk {
  constructor(root, signal) {
    this.signal = signal;
    this.id = null;
    this.messages = [];
    this.files = [];
    this.answering = null;
    this.models = [];
    this.companies = [];
    this.list = h("ul", { class: "talk-list" });
    this.search = input({ type: "search", placeholder: t("Поиск по беседам", "Search conversations"), "aria-label": t("Поиск по беседам", "Search conversations"), oninput: () => this.searchSoon() });
    this.inner = h("div", { "aria-live": "off" });
    this.status = h("div", { class: "unseen", role: "status", "aria-live": "polite" });
    this.scroller = h("div", { class: "messages", onscroll: () => this.scrolled(), onwheel: () => { this.following = false; }, ontouchmove: () => { this.following = false; }, tabindex: "0", role: "region", "aria-label": t("Беседа", "Conversation") }, this.inner);
    this.title = h("b");
    this.makeComposer();
    this.thread = h("section", { class: "thread", "data-drop": t("Отпустите файл, чтобы приложить его к вопросу", "Drop the file to attach it to the question"),
      ondragover: (event) => { if (event.dataTransfer?.types.includes("Files")) { event.preventDefault(); this.thread.classList.add("dropping"); } },
      ondragleave: (event) => { if (!this.thread.contains(event.relatedTarget)) this.thread.classList.remove("dropping"); },
      ondrop: (event) => { event.preventDefault(); this.thread.classList.remove("dropping"); this.attach(event.dataTransfer.files); } },
    h("div", { class: "thread-head" }, button(t("Беседы", "Conversations"), () => this.box.classList.add("listing"), { kind: "quiet small", name: "source" }), this.title,
      button(t("Новая беседа", "New conversation"), () => this.fresh(), { kind: "icon quiet small", name: "plus" })),
    this.scroller, this.composer, this.status);
    this.box = h("div", { class: "chat" },
      h("aside", { class: "talks", "aria-label": t("Беседы", "Conversations") },
        h("div", { class: "actions" }, button(t("Новая беседа", "New conversation"), () => this.fresh(), { kind: "primary grow", name: "plus", style: { flex: "1" } }),
          h("span", { class: "phone-only" }, button(t("Закрыть список", "Close the list"), () => this.box.classList.remove("listing"), { kind: "icon", name: "close" }))),
        h("div", { class: "search" }, icon("search"), this.search), this.list),
      this.thread);
    fill(root, this.box);
  }

  close() {
    this.stopWatching?.abort();
    clearTimeout(this.searching);
  }

  async begin(id, question) {
    this.showList();
    this.loadChoices();
    if (id) await this.openTalk(id);
    else {
      this.welcome();
      if (question) this.ask({ message: question });
    }
    if (matchMedia("(min-width: 901px)").matches) this.text.focus();
  }

  async loadChoices() {
    const models = api("GET", "/api/ai/models", { signal: this.signal }).then(({ items }) => { this.models = items.filter((one) => one.available); });
    const companies = may("onec:read") ? all("/api/1c/companies", { signal: this.signal }).then((items) => { this.companies = items; }) : null;
    await Promise.allSettled([models, companies]);
    if (this.signal.aborted) return;
    const remembered = (name, values) => { const value = localStorage.getItem(name); return values.includes(value) ? value : ""; };
    if (this.models.length > 1) {
      this.model = select([["", t("Модель по умолчанию", "Default model")], ...this.models.map((one) => [one.id, one.kind === "rules" ? t("Встроенный помощник", "Built-in engine") : one.id])],
        { "aria-label": t("Модель", "Model"), onchange: () => localStorage.setItem("model", this.model.value), value: remembered("model", this.models.map((one) => one.id)) });
    }
    if (this.companies.length > 1) {
      this.company = select([["", t("Все организации", "All companies")], ...this.companies.map((one) => [one.id, one.name])],
        { "aria-label": t("Организация", "Company"), onchange: () => localStorage.setItem("company", this.company.value), value: remembered("company", this.companies.map((one) => one.id)) });
    }
    fill(this.choices, this.company, this.model);
  }

  // The list

  searchSoon() {
    clearTimeout(this.searching);
    this.searching = setTimeout(() => this.showList(), 250);
  }

  async showList(cursor) {
    const q = this.search.value.trim();
    try {
      const page = await api("GET", `/api/ai/conversations${query({ q, limit: 50, cursor })}`, { signal: this.signal });
      if (!cursor) { this.list.replaceChildren(); this.lastGroup = null; }
      this.list.querySelector(".more")?.remove();
      for (const one of page.items) this.list.append(...this.listed(one, q));
      if (page.items.length === 0 && !cursor) this.list.append(h("li", { class: "small faint", style: { padding: "8px" } }, q ? t("Ничего не нашлось.", "Nothing was found.") : t("Бесед пока нет.", "No conversations yet.")));
      if (page.next_cursor) this.list.append(h("li", { class: "more" }, button(t("Показать ещё", "Show more"), () => this.showList(page.next_cursor), { kind: "quiet small wide" })));
      this.mark();
    } catch (error) {
      if (error.name !== "AbortError" && !cursor) fill(this.list, h("li", { class: "small faint", style: { padding: "8px" } }, words(error)));
    }
  }

  listed(one, q) {
    const out = [];
    const group = groupOf(one.updated_at);
    if (!q && group !== this.lastGroup) { out.push(h("li", {}, h("h3", {}, group))); this.lastGroup = group; }
    out.push(h("li", { class: "talk", "data-id": one.id },
      h("a", { href: `/chat/${one.id}`, title: one.title, onclick: (event) => {
        if (event.metaKey || event.ctrlKey) return;
        event.preventDefault();
        this.box.classList.remove("listing");
        this.openTalk(one.id);
      } }, h("span", {}, one.title), one.found && h("small", {}, one.found.excerpt)),
      h("div", { class: "talk-tools" },
        button(t("Переименовать", "Rename"), () => this.rename(one), { kind: "icon small", name: "edit" }),
        button(t("Скачать беседу", "Download the conversation"), busy(async () => save(await call("GET", `/api/ai/conversations/${one.id}/export?format=markdown`, { headers: { accept: "*/*" } }), "conversation.md")), { kind: "icon small", name: "download" }),
        button(t("Удалить", "Delete"), () => this.remove(one), { kind: "icon small", name: "trash" }))));
    return out;
  }

  mark() {
    this.list.querySelectorAll(".talk").forEach((one) => {
      const link = one.querySelector("a");
      if (one.dataset.id === this.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  }

  async rename(one) {
    await dialog(t("Название беседы", "Title of the conversation"), (close) => form([
      field(t("Название", "Title"), input({ name: "title", value: one.title, required: true, maxlength: "200", autofocus: true })),
    ], t("Сохранить", "Save"), async ({ title }) => {
      await api("PATCH", `/api/ai/conversations/${one.id}`, { body: { title } });
      if (one.id === this.id) fill(this.title, title);
      close(true);
      this.showList();
    }, { cancel: () => close() }));
  }

  async remove(one) {
    if (!(await confirm(t("Удалить беседу?", "Delete the conversation?"), t(`«${one.title}» и все её сообщения будут удалены.`, `“${one.title}” and all of its messages will be deleted.`), t("Удалить", "Delete")))) return;
    try {
      await api("DELETE", `/api/ai/conversations/${one.id}`);
      if (one.id === this.id) this.fresh();
      this.showList();
    } catch (error) { tell(error); }
  }

  // One conversation

  fresh() {
    this.stopWatching?.abort();
    this.id = null;
    this.messages = [];
    this.setAnswering(null);
    this.box.classList.remove("listing");
    if (location.pathname !== "/chat") address("/chat");
    fill(this.title, "");
    this.welcome();
    this.mark();
    this.text.focus();
  }

  welcome() {
    const ideas = may("onec:read") ? IDEAS() : [[t("Помощь", "Help"), t("Что ты умеешь?", "What can you do?")]];
    fill(this.inner, h("div", { class: "welcome" },
      h("div", {}, h("h1", {}, t("О чём узнать в 1С?", "What would you like to know from 1C?")),
        h("p", { class: "muted" }, t("Отвечаю по данным ваших баз и показываю, откуда каждая цифра.", "Answers come from your infobases, with the source of every figure."))),
      h("div", { class: "ideas" }, ideas.map(([topic, text]) => h("button", { type: "button", class: "idea", onclick: () => this.ask({ message: text }) }, h("small", {}, topic), text)))));
  }

  async openTalk(id, message) {
    this.stopWatching?.abort();
    this.id = id;
    address(`/chat/${id}`);
    this.mark();
    fill(this.inner, skeleton(5));
    try {
      const talk = await api("GET", `/api/ai/conversations/${id}${query({ message })}`, { signal: this.signal });
      if (this.id !== id) return;
      fill(this.title, talk.title);
      this.messages = talk.messages;
      this.draw();
      this.following = true;
      this.settle();
      if (talk.answering) this.follow(talk.answering);
      else this.setAnswering(null);
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(this.inner, error.status === 404
        ? empty(t("Беседы нет", "There is no such conversation"), t("Возможно, её удалили.", "It may have been deleted."), button(t("Новая беседа", "New conversation"), () => this.fresh(), { kind: "primary" }))
        : broken(error, () => this.openTalk(id, message)));
    }
  }

  draw() {
    fill(this.inner, this.messages.map((message) => (message.role === "user" ? this.question(message) : this.answered(message))));
  }

  question(message) {
    const branch = this.branches(message);
    return h("article", { class: "question", "aria-label": t("Вопрос", "Question") }, h("p", {}, message.content),
      h("div", { class: `message-tools${branch ? " stay" : ""}` }, branch, message.id && [
        button(t("Изменить вопрос", "Edit the question"), () => this.edit(message), { kind: "icon small", name: "edit" }),
        button(t("Копировать", "Copy"), () => copy(message.content), { kind: "icon small", name: "copy" })]));
  }

  branches(message) {
    const ids = message.alternatives;
    if (!ids || ids.length < 2) return null;
    const at = ids.indexOf(message.id);
    const to = (index) => this.openTalk(this.id, ids[index]);
    return h("span", { class: "actions", style: { gap: "2px" } },
      button(t("Предыдущий вариант", "Previous version"), () => to(at - 1), { kind: "icon small", name: "left", disabled: at === 0 }),
      `${at + 1} / ${ids.length}`,
      button(t("Следующий вариант", "Next version"), () => to(at + 1), { kind: "icon small", name: "right", disabled: at === ids.length - 1 }));
  }

  answered(message) {
    const answer = message.answer;
    const element = h("article", { class: "answer", "aria-label": t("Ответ", "Answer") });
    const text = answer?.answer ?? message.content;
    const cite = (number) => {
      const found = answer?.citations?.filter((one) => one.id === number);
      return found?.length ? h("button", { type: "button", class: "cite", title: t(`Источник ${number}`, `Source ${number}`), "aria-label": t(`Источник ${number}`, `Source ${number}`),
        onclick: () => openSource(message.id, number, answer) }, String(number)) : null;
    };
    fill(element, message.status === "cancelled" && h("div", { class: "small faint" }, t("Ответ остановлен", "The answer was stopped")),
      h("div", { class: "answer-text" }, markdown(text, { cite })),
      answer && [
        answer.unverified_numbers?.length > 0 && h("div", { class: "note warn" }, t("Эти цифры не подтверждены данными 1С: ", "These figures are not confirmed by data of 1C: "), h("b", {}, answer.unverified_numbers.join(", "))),
        (answer.drafts ?? []).map((draft) => draftCard(draft)),
        (answer.files ?? []).map((file) => fileButton(file)),
        answer.citations?.length > 0 && this.sources(message, answer),
        h("ul", { class: "notices" }, (answer.notices ?? []).filter((one) => !answer.unverified_numbers?.some((number) => one.includes(number))).map((one) => h("li", {}, one))),
      ], this.answerTools(message, answer),
      answer?.suggestions?.length > 0 && message === this.messages.at(-1) && this.suggestions(answer.suggestions));
    return element;
  }

  sources(message, answer) {
    const numbers = [...new Set(answer.citations.map((one) => one.id))];
    return h("div", { class: "sources" }, numbers.map((number) => {
      const first = answer.citations.find((one) => one.id === number);
      const table = answer.tables?.[number - 1];
      return h("button", { type: "button", class: "source", onclick: () => openSource(message.id, number, answer) }, h("b", {}, String(number)),
        h("span", {}, [table?.title ?? first.object, first.infobase, t(`на ${moment(first.as_of)}`, `as of ${moment(first.as_of)}`)].join(" · ")));
    }));
  }

  suggestions(list) {
    return h("div", { class: "suggestions" }, list.map((text) => h("button", { type: "button", class: "suggestion", onclick: () => this.ask({ message: text }) }, text)));
  }

  answerTools(message, answer) {
    const rate = (value) => button(value === "up" ? t("Полезный ответ", "A good answer") : t("Ответ не помог", "Not a good answer"), busy(async (event) => {
      const pressed = message.rating === value;
      if (pressed) await api("DELETE", `/api/ai/messages/${message.id}/rating`);
      else {
        let comment;
        if (value === "down") {
          comment = await dialog(t("Что не так?", "What is wrong?"), (close) => form([
            field(t("Комментарий", "Comment"), h("textarea", { class: "input", name: "comment", maxlength: "2000", autofocus: true }), { optional: true }),
          ], t("Отправить", "Send"), ({ comment: text }) => close(text.trim()), { cancel: () => close() }));
          if (comment === undefined) return;
        }
        await api("PUT", `/api/ai/messages/${message.id}/rating`, { body: comment ? { rating: value, comment } : { rating: value } });
        toast(t("Спасибо, учтём.", "Thank you."), "good");
      }
      message.rating = pressed ? undefined : value;
      event.currentTarget?.blur();
      tools.replaceWith(this.answerTools(message, answer));
    }), { kind: "icon small", name: value, "aria-pressed": String(message.rating === value) });
    const branch = this.branches(message);
    const tools = h("div", { class: "message-tools" }, branch,
      button(t("Копировать ответ", "Copy the answer"), () => copy(answer?.answer ?? message.content), { kind: "icon small", name: "copy" }),
      message.id && [rate("up"), rate("down"), button(t("Ответить заново", "Answer anew"), () => this.ask({ regenerate: message.id }), { kind: "icon small", name: "again" })],
      h("span", { style: { "margin-left": "6px" } }, [message.created_at && ago(message.created_at),
        answer && (answer.llm ? answer.model : t("встроенный помощник", "built-in engine")),
        answer?.cached && t("из кеша", "cached"),
        Number(answer?.usage?.cost_usd) > 0 && `$${decimal(answer.usage.cost_usd)}`].filter(Boolean).join(" · ")));
    return tools;
  }

  // Asking

  makeComposer() {
    this.text = h("textarea", { rows: "1", maxlength: "8000", placeholder: t("Спросите о данных 1С…", "Ask about the data of 1C…"), "aria-label": t("Ваш вопрос", "Your question"),
      oninput: () => this.grow(),
      onkeydown: (event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.submit(); }
        if (event.key === "Escape" && this.editing) this.stopEditing();
      },
      onpaste: (event) => { if (event.clipboardData?.files.length) { event.preventDefault(); this.attach(event.clipboardData.files); } } });
    this.choices = h("span", { class: "actions", style: { gap: "2px", "flex-wrap": "nowrap", "min-width": "0" } });
    this.fileList = h("div", { class: "files", hidden: true });
    this.editNote = h("div", { class: "files", hidden: true });
    const picker = h("input", { type: "file", class: "unseen", tabindex: "-1", "aria-hidden": "true", multiple: true, accept: ".csv,.tsv,.txt,.xlsx,.md,.json", onchange: () => { this.attach(picker.files); picker.value = ""; } });
    this.sendButton = button(t("Отправить", "Send"), null, { kind: "primary icon send", name: "send", type: "submit" });
    this.stopButton = button(t("Остановить", "Stop"), () => this.cancel(), { kind: "icon send primary", name: "stop", hidden: true });
    this.jump = button(t("К последнему", "To the latest"), () => this.toEnd(true), { kind: "small jump", name: "end", hidden: true });
    this.composer = h("div", { class: "composer", style: { position: "relative" } }, this.jump, h("form", { onsubmit: (event) => { event.preventDefault(); this.submit(); } },
      this.editNote, this.fileList, this.text,
      h("div", { class: "composer-tools" }, button(t("Приложить файл", "Attach a file"), () => picker.click(), { kind: "icon small", name: "attach" }), picker, this.choices,
        h("span", { class: "grow" }), this.stopButton, this.sendButton)));
  }

  grow() {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, 220)}px`;
  }

  edit(message) {
    this.editing = message;
    this.text.value = message.content;
    this.grow();
    this.text.focus();
    fill(this.editNote, h("span", { class: "file" }, h("span", {}, t("Изменение вопроса", "Editing a question")), button(t("Отменить изменение", "Cancel editing"), () => this.stopEditing(), { kind: "icon small", name: "close" })));
    this.editNote.hidden = false;
  }

  stopEditing() {
    this.editing = null;
    this.editNote.hidden = true;
    this.text.value = "";
    this.grow();
  }

  async attach(files) {
    for (const file of files) {
      const item = { name: file.name, id: null };
      this.files.push(item);
      this.showFiles();
      try {
        const body = new FormData();
        body.append("file", file);
        const read = await api("POST", "/api/ai/attachments", { form: body });
        item.id = read.id;
        item.rows = read.row_count;
        item.truncated = read.truncated;
      } catch (error) {
        this.files = this.files.filter((one) => one !== item);
        tell(error);
      }
      this.showFiles();
    }
  }

  showFiles() {
    this.fileList.hidden = this.files.length === 0;
    fill(this.fileList, this.files.map((file) => h("span", { class: "file", "aria-busy": file.id ? null : "true" }, icon("attach"), h("span", {}, file.name),
      h("small", { class: "faint" }, file.id ? t(`строк: ${count(file.rows)}`, `${count(file.rows)} rows`) : t("читается…", "reading…")),
      button(t("Убрать файл", "Remove the file"), () => { this.files = this.files.filter((one) => one !== file); this.showFiles(); }, { kind: "icon small", name: "close" }))));
  }

  submit() {
    const message = this.text.value.trim();
    if (!message || this.answering) return;
    if (this.files.some((file) => !file.id)) { toast(t("Файл ещё читается.", "The file is still being read.")); return; }
    const edit = this.editing?.id;
    if (this.editing) this.stopEditing();
    this.text.value = "";
    this.grow();
    this.ask({ message, edit });
  }

  async ask({ message, edit, regenerate }) {
    if (this.answering) return;
    const body = { stream: true, resumable: true };
    if (this.id) body.conversation_id = this.id;
    if (message) body.message = message;
    if (edit) body.edit = edit;
    if (regenerate) body.regenerate = regenerate;
    if (this.model?.value) body.model = this.model.value;
    if (this.company?.value) body.company_id = this.company.value;
    if (this.files.length) body.attachments = this.files.map((file) => file.id);
    // What takes the place of an earlier message goes on from there.
    const from = edit ?? regenerate;
    const before = this.messages;
    if (from) {
      const at = this.messages.findIndex((one) => one.id === from);
      if (at >= 0) this.messages = this.messages.slice(0, at);
    }
    if (message) this.messages = [...this.messages, { role: "user", content: message, parent_id: FIRST }];
    this.draw();
    const live = new Live(this);
    this.inner.append(live.element);
    this.setAnswering({ id: null });
    this.following = true;
    this.settle();
    const watching = new AbortController();
    this.stopWatching = watching;
    try {
      const key = newKey();
      const response = await this.persist(() => call("POST", "/api/ai/chat", { body, headers: { accept: "text/event-stream", "idempotency-key": key }, signal: watching.signal }), live, watching.signal);
      this.files = [];
      this.showFiles();
      await this.watch(live, response, watching.signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.setAnswering(null);
      if (live.messageId) { live.fail(error); return; }
      this.messages = before;
      this.draw();
      if (!this.messages.length) this.welcome();
      if (message && !regenerate) { this.text.value = message; this.grow(); }
      this.inner.append(h("div", { class: "note bad", role: "alert" }, words(error)));
      this.toEnd(true);
    }
  }

  /** Tries again while there is no network: the key of the request keeps it from being carried out twice. */
  async persist(work, live, signal) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const response = await work();
        live.connection(true);
        return response;
      } catch (error) {
        const transient = error instanceof Failure && (error.status === 0 || [502, 503, 504].includes(error.status) || error.code === "request.in_progress");
        if (!transient || attempt >= 9) throw error;
        live.connection(false);
        await pause(Math.min(8000, 500 * 2 ** attempt), signal);
      }
    }
  }

  /** Reads the events of an answer to its end, over as many connections as that takes. */
  async watch(live, first, signal) {
    let response = first;
    for (;;) {
      if (response.status === 204) break;
      try {
        for await (const event of events(response)) {
          if (signal.aborted) return;
          live.take(event);
          if (event.name === "message.start") this.started(event.data);
          if (event.name === "done") { this.done(event.data); return; }
          if (event.name === "error") { this.failed(live, event.data.problem); return; }
        }
      } catch (error) {
        if (error.name === "AbortError" || signal.aborted) return;
      }
      if (!live.messageId) throw new Failure(0, { code: "network", detail: t("Связь прервалась до начала ответа.", "The connection broke before the answer began.") });
      live.connection(false);
      await pause(400, signal);
      response = await this.persist(() => call("GET", `/api/ai/chat/${live.messageId}/events`,
        { headers: { accept: "text/event-stream", ...(live.last ? { "last-event-id": live.last } : {}) }, signal }), live, signal);
    }
    await this.openTalk(this.id);
  }

  /** Watches an answer that another page, or this one before it was reloaded, has asked for. */
  async follow(messageId) {
    const live = new Live(this);
    live.messageId = messageId;
    this.inner.append(live.element);
    this.setAnswering({ id: messageId });
    this.following = true;
    this.settle();
    const watching = new AbortController();
    this.stopWatching = watching;
    try {
      const response = await this.persist(() => call("GET", `/api/ai/chat/${messageId}/events`, { headers: { accept: "text/event-stream" }, signal: watching.signal }), live, watching.signal);
      await this.watch(live, response, watching.signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.setAnswering(null);
      live.fail(error);
    }
  }

  started(data) {
    const isNew = this.id !== data.conversation_id;
    this.id = data.conversation_id;
    if (this.answering) this.answering.id = data.message_id;
    const asked = this.messages.at(-1);
    if (asked?.role === "user" && !asked.id) { asked.id = data.question_id; asked.conversation = this.id; }
    if (isNew) {
      address(`/chat/${this.id}`);
      fill(this.title, asked?.content ?? "");
      this.showList();
    }
  }

  async done(answer) {
    this.setAnswering(null);
    this.status.textContent = t("Ответ готов.", "The answer is ready.");
    // The branch as it is stored tells of other versions too.
    try {
      const talk = await api("GET", `/api/ai/conversations/${answer.conversation_id}`, { signal: this.signal });
      if (this.id !== answer.conversation_id) return;
      this.messages = talk.messages;
      fill(this.title, talk.title);
    } catch {
      this.messages = [...this.messages, { id: answer.message_id, role: "assistant", content: answer.answer, answer, created_at: new Date().toISOString() }];
    }
    this.draw();
    this.settle();
    this.showList();
  }

  async failed(live, problem) {
    this.setAnswering(null);
    if (problem.code === "assistant.cancelled") {
      await this.openTalk(this.id);
      return;
    }
    live.fail(new Failure(problem.status, problem));
  }

  async cancel() {
    const id = this.answering?.id;
    if (!id) { this.stopWatching?.abort(); this.setAnswering(null); return; }
    try {
      await api("POST", `/api/ai/chat/${id}/cancel`);
    } catch (error) {
      if (error.code !== "assistant.answer_ended") tell(error);
    }
  }

  setAnswering(answering) {
    this.answering = answering;
    this.sendButton.hidden = Boolean(answering);
    this.stopButton.hidden = !answering;
  }

  nearEnd() { return this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < 160; }

  scrolled() { this.jump.hidden = this.nearEnd(); }

  /** Down to the end, but never so far that the latest question leaves the view. */
  settle() {
    if (!this.following) return;
    const asked = [...this.inner.querySelectorAll(".question")].at(-1);
    const end = this.scroller.scrollHeight - this.scroller.clientHeight;
    const top = asked && this.scroller.scrollTop + asked.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top - 16;
    this.scroller.scrollTop = asked ? Math.min(end, top) : end;
  }

  toEnd(always = false) {
    if (always) this.scroller.scrollTop = this.scroller.scrollHeight;
    else this.settle();
  }
}

/** An answer that is being made. */
class Live {
  constructor(talk) {
    this.talk = talk;
    this.text = "";
    this.steps = new Map();
    this.stepList = h("ul", { class: "steps", "aria-label": t("Что делается", "What is being done") });
    this.body = h("div", { class: "answer-text" });
    this.link = h("div", { class: "small faint", hidden: true, role: "status" }, t("Связь прервалась, восстанавливаю…", "The connection broke; reconnecting…"));
    this.element = h("article", { class: "answer growing", "aria-busy": "true", "aria-label": t("Ответ", "Answer") }, this.stepList, this.body, this.link);
    this.thinking();
  }

  thinking() {
    fill(this.stepList, h("li", { class: "running" }, t("Разбираю вопрос", "Reading the question")));
  }

  connection(is) { this.link.hidden = is; }

  take({ id, name, data }) {
    if (id) this.last = id;
    if (name === "message.start") this.messageId = data.message_id;
    else if (name === "token") { this.text += data.text; this.drawSoon(); }
    else if (name === "restart") { this.text = ""; this.drawSoon(); }
    else if (name === "tool.call") { this.steps.set(data.id, { title: data.title, state: "running" }); this.drawSteps(); }
    else if (name === "tool.result") { this.steps.set(data.id, { title: data.title, state: data.is_error ? "failed" : "done" }); this.drawSteps(); }
  }

  drawSteps() {
    fill(this.stepList, [...this.steps.values()].map(({ title, state }) => h("li", { class: state }, state === "done" && icon("check"), state === "failed" && icon("warning"), title)));
    this.talk.settle();
  }

  drawSoon() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      if (this.steps.size === 0) fill(this.stepList);
      fill(this.body, markdown(this.text, { live: true }));
      this.talk.settle();
    });
  }

  fail(error) {
    this.element.classList.remove("growing");
    this.element.removeAttribute("aria-busy");
    if (this.steps.size === 0) fill(this.stepList);
    this.connection(true);
    this.element.append(h("div", { class: "note bad", role: "alert" }, words(error),
      h("div", { class: "actions", style: { "margin-top": "8px" } }, this.messageId && button(t("Спросить ещё раз", "Ask again"), () => {
        const asked = this.talk.messages.findLast((one) => one.role === "user");
        if (asked?.id) this.talk.ask({ regenerate: asked.id });
      }, { kind: "small", name: "again" }))));
  }
}

/** A file of a report that is being made. */
function fileButton(file) {
  return h("div", {}, button(t(`Скачать отчёт (${file.format.toUpperCase()})`, `Download the report (${file.format.toUpperCase()})`), busy(async () => {
    for (let attempt = 0; attempt < 60; attempt += 1) {
      const job = await api("GET", file.status_url);
      if (job.file) { await save(await call("GET", job.file.url), job.file.name ?? `${file.report}.${file.format}`); return; }
      if (["failed", "expired", "cancelled"].includes(job.state)) { toast(t("Файла больше нет: попросите его ещё раз.", "The file is gone: ask for it again."), "bad"); return; }
      await pause(500);
    }
  }), { name: "download" }));
}

function groupOf(time) {
  const then = new Date(time);
  const now = new Date();
  const days = Math.floor((new Date(now.toDateString()) - new Date(then.toDateString())) / 86_400_000);
  if (days <= 0) return t("Сегодня", "Today");
  if (days === 1) return t("Вчера", "Yesterday");
  if (days < 7) return t("На этой неделе", "This week");
  return then.toLocaleDateString(language() === "ru" ? "ru-RU" : "en-GB", { month: "long", year: "numeric" });
}

const IDEAS = () => [
  [t("Долги", "Debts"), t("Кто нам должен больше всего и сколько просрочено?", "Who owes us the most and how much is overdue?")],
  [t("Деньги", "Money"), t("Сколько денег на счетах и в кассе?", "How much money is in the bank and in cash?")],
  [t("Продажи", "Sales"), t("Продажи за прошлый месяц по менеджерам", "Sales for last month by manager")],
  [t("Склад", "Stock"), t("Какие остатки на складе?", "What is in stock in the warehouse?")],
  [t("Налоги", "Taxes"), t("Сколько налогов начислено и уплачено за квартал?", "Taxes accrued and paid this quarter")],
  [t("Учёт", "Ledger"), t("ОСВ по счёту 62 за квартал", "Trial balance of account 62 for this quarter")],
];

