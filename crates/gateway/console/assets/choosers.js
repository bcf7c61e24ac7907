// Choosing a thing of 1C by its name.

import { api, query } from "./api.js";
import { fill, h } from "./dom.js";
import { t } from "./text.js";
import { input } from "./ui.js";

/** What can be looked for. */
export const NAMED = ["counterparty", "item", "warehouse", "manager"];

/** A field that finds names as one types, in an infobase or in all; its value is the id. */
export function chooser(kind, value, infobase = () => undefined) {
  let id = value ?? "";
  let items = [];
  let at = -1;
  let timer;
  let asked = 0;
  const list = h("ul", { role: "listbox", hidden: true, id: `choices-${kind}` });
  const text = input({ role: "combobox", "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": list.id, placeholder: t("Начните вводить название", "Begin to type a name"),
    oninput: () => { id = ""; clearTimeout(timer); timer = setTimeout(look, 180); },
    onkeydown: (event) => {
      if (list.hidden) return;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); at = (at + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length; mark(); }
      else if (event.key === "Enter" && at >= 0) { event.preventDefault(); choose(items[at]); }
      else if (event.key === "Escape") { event.stopPropagation(); close(); }
    },
    onblur: () => setTimeout(close, 120) });
  const close = () => { list.hidden = true; text.setAttribute("aria-expanded", "false"); text.removeAttribute("aria-activedescendant"); };
  const choose = (item) => { id = item.id; text.value = item.name; close(); };
  const mark = () => [...list.children].forEach((one, index) => {
    one.setAttribute("aria-selected", String(index === at));
    if (index === at) { text.setAttribute("aria-activedescendant", one.id); one.scrollIntoView({ block: "nearest" }); }
  });
  const look = async () => {
    const q = text.value.trim();
    if (!q) { close(); return; }
    const mine = ++asked;
    try {
      const found = await api("GET", `/api/1c/search${query({ kind, q, limit: 12, infobase: infobase() })}`);
      if (mine !== asked) return;
      items = found.items;
    } catch { items = []; }
    at = items.length ? 0 : -1;
    fill(list, items.length ? items.map((item, index) => h("li", { role: "option", id: `${list.id}-${index}`, onmousedown: (event) => { event.preventDefault(); choose(item); } }, item.name, item.code && h("small", {}, item.code)))
      : h("li", { role: "option", "aria-disabled": "true", class: "faint" }, t("Ничего не нашлось", "Nothing was found")));
    mark();
    list.hidden = false;
    text.setAttribute("aria-expanded", "true");
  };
  const element = h("div", { class: "chooser" }, text, list);
  // A label names the field, not the box around it.
  Object.defineProperty(element, "id", { get: () => text.id, set: (name) => { text.id = name; } });
  if (value) text.placeholder = t("Выбрано по ссылке", "Chosen by the link");
  return { element, get value() { return id; }, get text() { return text.value.trim(); } };
}
