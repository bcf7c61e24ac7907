// The description of the API, read from the document that programs read.

import { fill, h } from "./dom.js";
import { plural, t } from "./text.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const REFERENCE = "#/components/schemas/";

const SERVICES = {
  ai: () => t("Ассистент", "Assistant"),
  "1c": () => t("Данные 1С", "Data of 1C"),
  users: () => t("Пользователи и вход", "Users and sign-in"),
  analytics: () => t("Аналитика", "Analytics"),
  security: () => t("Безопасность", "Security"),
};

const place = document.getElementById("docs");

/** The schema that a reference means. */
function resolved(document, schema) {
  const name = schema?.$ref?.startsWith(REFERENCE) ? schema.$ref.slice(REFERENCE.length) : null;
  return name ? { name, ...document.components.schemas[name] } : (schema ?? {});
}

/** A type in one line. */
function typeOf(document, schema) {
  const whole = resolved(document, schema);
  const variants = whole.oneOf ?? whole.anyOf;
  if (whole.const !== undefined) return JSON.stringify(whole.const);
  if (whole.enum) return whole.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (variants) return variants.map((variant) => typeOf(document, variant)).join(" | ");
  if (whole.allOf?.length === 1) return typeOf(document, whole.allOf[0]);
  if (whole.type === "array") return `${typeOf(document, whole.items)}[]`;
  const types = [whole.type ?? (whole.properties ? "object" : t("любое", "any"))].flat();
  return types.map((type) => (whole.format && type === "string" ? `${type} (${whole.format})` : type)).join(" | ");
}

/** What is inside a schema: an object with members, if there is any. */
function innards(document, schema) {
  const whole = resolved(document, schema);
  if (whole.properties) return [whole];
  if (whole.type === "array" || (Array.isArray(whole.type) && whole.type.includes("array"))) return innards(document, whole.items);
  return [...(whole.oneOf ?? []), ...(whole.anyOf ?? []), ...(whole.allOf ?? [])].flatMap((part) => innards(document, part));
}

/** Members of an object, those of members on demand. */
function members(document, schema) {
  const list = innards(document, schema);
  return list.map((whole) =>
    h("ul", { class: "docs-members" },
      Object.entries(whole.properties).map(([name, member]) => {
        const about = resolved(document, member);
        const head = [
          h("code", null, name),
          h("span", { class: "docs-type" }, typeOf(document, member)),
          whole.required?.includes(name) && h("span", { class: "docs-needed" }, t("обязательно", "required")),
          (member.description ?? about.description) && h("div", { class: "muted small" }, member.description ?? about.description),
        ];
        if (!innards(document, member).length) return h("li", null, head);
        // A type may contain itself, so what is inside is made when it is opened.
        const inside = h("div", null);
        const open = (event) => {
          if (event.target.open && !inside.childElementCount) fill(inside, members(document, member));
        };
        return h("li", null, h("details", { ontoggle: open }, h("summary", null, head), inside));
      }),
    ),
  );
}

/** A body of a request or of an answer. */
function content(document, body) {
  return Object.entries(body?.content ?? {}).map(([type, { schema }]) => {
    const inside = members(document, schema ?? {});
    return h("div", null,
      h("p", { class: "muted small" }, type, inside.length ? "" : ` · ${typeOf(document, schema ?? {})}`),
      inside,
    );
  });
}

function details(document, operation) {
  const parameters = operation.parameters ?? [];
  const answers = Object.entries(operation.responses ?? {}).filter(([status]) => status !== "default");
  return h("div", { class: "docs-body" },
    operation.description && h("p", null, operation.description),
    parameters.length > 0 && [
      h("h3", null, t("Параметры", "Parameters")),
      h("ul", { class: "docs-members" }, parameters.map((parameter) =>
        h("li", null,
          h("code", null, parameter.name),
          h("span", { class: "docs-type" }, `${parameter.in}, ${typeOf(document, parameter.schema)}`),
          parameter.required && h("span", { class: "docs-needed" }, t("обязательно", "required")),
          parameter.description && h("div", { class: "muted small" }, parameter.description),
        ))),
    ],
    operation.requestBody && [h("h3", null, t("Тело запроса", "Body")), content(document, operation.requestBody)],
    answers.map(([status, answer]) => [
      h("h3", null, t("Ответ", "Answer"), ` ${status}`),
      content(document, answer),
    ]),
    h("p", { class: "muted small" }, t("Отказ: application/problem+json с полем code.", "Refusals: application/problem+json with a code.")),
  );
}

function line(document, path, method, operation) {
  const right = operation["x-permission"] ?? (operation.security ? t("вход", "signed in") : t("без входа", "public"));
  const element = h("details", { class: "docs-operation", id: operation.operationId },
    h("summary", null,
      h("span", { class: `docs-method ${method}` }, method.toUpperCase()),
      h("span", { class: "docs-path" }, path),
      h("span", { class: "docs-brief" }, operation.summary),
      h("span", { class: "docs-right" }, right),
    ),
  );
  element.addEventListener("toggle", () => {
    if (element.open && element.childElementCount === 1) element.append(details(document, operation));
  });
  const words = `${method} ${path} ${operation.summary ?? ""} ${right}`.toLowerCase();
  return { element, words, tag: operation.tags[0] };
}

function show(document) {
  const lines = Object.entries(document.paths).flatMap(([path, operations]) =>
    METHODS.filter((method) => operations[method]).map((method) => line(document, path, method, operations[method])));
  const list = h("div", null);
  const found = h("p", { class: "muted small", role: "status" });
  const find = (text) => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = lines.filter((one) => words.every((word) => one.words.includes(word)));
    const tags = [...new Set(shown.map((one) => one.tag))];
    found.textContent = `${shown.length} ${plural(shown.length, ["вызов", "вызова", "вызовов"], ["call", "calls"])}`;
    fill(list, Object.keys(SERVICES).map((service) => {
      const own = tags.filter((tag) => tag.split(".")[0] === service);
      return own.length > 0 && [
        h("h2", { class: "docs-service" }, SERVICES[service]()),
        own.map((tag) => [
          h("h3", { class: "docs-group" }, tag.split(".").slice(1).join(".")),
          shown.filter((one) => one.tag === tag).map((one) => one.element),
        ]),
      ];
    }));
  };
  fill(place, h("main", { class: "docs-page" },
    h("header", { class: "docs-head" },
      h("h1", null, "API"),
      h("span", { class: "muted" }, document.info.version),
      h("a", { href: "/api/openapi.json" }, "openapi.json"),
      h("a", { href: "/" }, t("Консоль", "Console")),
      h("p", null, t(
        "Токен: POST /api/users/auth/login, дальше заголовок Authorization: Bearer … Ключ API подходит так же. Справа от каждого вызова — право, которое для него нужно.",
        "A token: POST /api/users/auth/login, then the header Authorization: Bearer … An API key will do as well. On the right of each call is the permission that it needs.",
      )),
    ),
    h("div", { class: "docs-find" },
      h("input", {
        type: "search", placeholder: t("Найти: путь, действие, право", "Find: a path, an action, a permission"),
        "aria-label": t("Найти вызов", "Find a call"), oninput: (event) => find(event.target.value),
      }),
    ),
    found,
    list,
  ));
  find("");
  const wanted = location.hash && window.document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (wanted) {
    wanted.open = true;
    wanted.scrollIntoView();
  }
}

try {
  const answer = await fetch("/api/openapi.json");
  if (!answer.ok) throw new Error(String(answer.status));
  show(await answer.json());
} catch {
  fill(place, h("main", { class: "docs-page" }, h("p", { role: "alert" }, t("Документ не загрузился. Обновите страницу.", "The document did not load. Reload the page."))));
}
