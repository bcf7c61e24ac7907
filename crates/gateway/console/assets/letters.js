// Letters and other documents by template, with names and figures of 1C.

import { api, call, may, save } from "./api.js";
import { NAMED, chooser } from "./choosers.js";
import { fill, h } from "./dom.js";
import { markdown } from "./markdown.js";
import { isoDay, language, t } from "./text.js";
import { badge, busy, button, card, copy, empty, field, form, heading, input, load, select } from "./ui.js";

const WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

export default async function view({ root, rest, signal }) {
  const page = h("div", { class: "page" });
  fill(root, page);
  const place = h("div");
  fill(page, heading(t("Письма и документы", "Letters and documents")), place);
  await load(place, () => api("GET", "/api/ai/templates?limit=100", { signal }), ({ items }) => {
    const one = rest && items.find((template) => template.id === rest);
    if (one) { fill(page, h("p", {}, h("a", { href: "/letters" }, t("← Все шаблоны", "← All templates"))), heading(said(one.title)), letter(one)); return null; }
    return items.length === 0 ? empty(t("Шаблонов нет", "No templates")) : h("div", { class: "report-menu" }, items.map((template) => h("a", { href: `/letters/${template.id}` },
      h("b", {}, said(template.title), " ", !template.built_in && badge(template.own ? t("свой", "own") : t("общий", "shared"), "accent")), h("span", {}, said(template.description)))));
  });
}

/** A text in the language of the page, or in the one that it has. */
const said = (texts) => texts?.[language()] ?? texts?.ru ?? texts?.en ?? "";

const VALUES = () => ({ accept: t("признать", "accept"), partly: t("признать частично", "accept in part"), refuse: t("отказать", "refuse"), payment: t("оплата", "payment"), delivery: t("поставка", "delivery"), penalty: t("неустойка", "penalty"), confidentiality: t("конфиденциальность", "confidentiality"), force_majeure: t("непреодолимая сила", "force majeure"), disputes: t("споры", "disputes") });

function letter(one) {
  const controls = new Map();
  const shown = h("div");
  const fields = one.variables.map((variable) => {
    const value = { today: isoDay(), year_start: `${new Date().getFullYear()}-01-01` }[variable.default] ?? variable.default ?? "";
    let control;
    if (NAMED.includes(variable.kind) && may("onec:read")) {
      const made = chooser(variable.kind, "");
      controls.set(variable.name, () => made.text);
      return field(said(variable.title), made.element, { optional: !variable.required });
    }
    if (variable.kind === "date") control = input({ type: "date", value });
    else if (variable.kind === "choice") control = select(variable.values.map((name) => [name, VALUES()[name] ?? name]), { value });
    else if (variable.kind === "list") control = h("textarea", { class: "input", placeholder: t("По одному в строке", "One a line") });
    else control = input({ value, inputmode: variable.kind === "number" ? "decimal" : null });
    if (variable.required) control.required = true;
    controls.set(variable.name, () => (variable.kind === "list" ? control.value.split("\n").map((line) => line.trim()).filter(Boolean) : control.value.trim()));
    return field(said(variable.title), control, { optional: !variable.required });
  });
  const tone = select([["neutral", t("нейтральный", "neutral")], ["polite", t("мягкий", "polite")], ["firm", t("твёрдый", "firm")]]);
  const length = select([["standard", t("обычная", "standard")], ["short", t("короткая", "short")], ["detailed", t("подробная", "detailed")]]);
  const tongue = select([["ru", "Русский"], ["en", "English"]], { value: language() });
  const body = (format) => {
    const parameters = Object.fromEntries([...controls].map(([name, read]) => [name, read()]).filter(([, value]) => value.length > 0));
    return { template: one.id, parameters, tone: tone.value, length: length.value, language: tongue.value, format };
  };
  return h("div", { class: "cards broad" },
    card(null, h("p", { class: "muted" }, said(one.description)), form([h("div", { class: "row" }, fields), h("div", { class: "row" }, field(t("Тон", "Tone"), tone), field(t("Длина", "Length"), length), field(t("Язык", "Language"), tongue))],
      t("Составить", "Write"), async () => {
        const made = await api("POST", "/api/ai/generate", { body: body("markdown") });
        const text = made.text ?? made.content ?? made.document ?? "";
        fill(shown, card(h("span", { style: { display: "contents" } }, t("Документ", "The document"), h("span", { class: "actions" },
          button(t("Копировать", "Copy"), () => copy(text), { kind: "small", name: "copy" }),
          button("Word", busy(async () => save(await call("POST", "/api/ai/generate", { body: body("docx"), headers: { accept: WORD } }), `${one.id}.docx`)), { kind: "small", name: "download" }))),
        made.missing?.length > 0 && h("div", { class: "note warn" }, t("Осталось заполнить: ", "Still to be filled in: "), made.missing.map((name) => said(one.variables.find((variable) => variable.name === name)?.title) || name).join(", ")),
        made.notices?.length > 0 && h("ul", { class: "notices" }, made.notices.map((notice) => h("li", {}, notice))),
        h("div", { class: "answer-text letter" }, markdown(text))));
        shown.scrollIntoView({ behavior: "smooth", block: "nearest" });
      })), shown);
}
