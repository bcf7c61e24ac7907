// Elements without markup in strings: nothing that a service or a person wrote can become HTML.

/**
 * Makes an element. Properties: `class`, `on…` handlers, `style` as an object, everything else an attribute;
 * `false`, `null` and `undefined` leave an attribute out. Children may be nested lists.
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2).toLowerCase(), value);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (name === "value" && "value" in element) element.value = value;
    else if (name === "checked") element.checked = Boolean(value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  // The value of a list of choices counts once its choices are there.
  if (tag === "select" && properties?.value !== undefined && properties.value !== null) element.value = properties.value;
  return element;
}

/** Adds children, which may be nested lists, text or nothing. */
export function append(element, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Replaces everything in an element. */
export function fill(element, ...children) {
  element.replaceChildren();
  return append(element, children);
}

const SVG = "http://www.w3.org/2000/svg";

/** Makes an element of a drawing. */
export function s(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2).toLowerCase(), value);
    else element.setAttribute(name, value);
  }
  return append(element, children);
}

const PATHS = {
  chat: "M4 5h16v11H9l-5 4z",
  overview: "M4 20V11M10 20V4M16 20v-6M22 20H2",
  reports: "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
  letters: "M3 6h18v12H3zM3 7l9 7 9-7",
  bases: "M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0zM4 6c0 4 16 4 16 0M4 12c0 4 16 4 16 0",
  users: "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2 21c0-8 14-8 14 0M16 3.5a4 4 0 0 1 0 7M22 20c0-4-2-5.500-4-6",
  models: "M12 3l2.500 6.500L21 12l-6.500 2.500L12 21l-2.500-6.500L3 12l6.500-2.500z",
  security: "M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6z",
  audit: "M5 3h14v18l-3-2-2 2-2-2-2 2-2-2-3 2zM9 8h6M9 12h6",
  system: "M3 12h4l3-8 4 16 3-8h4",
  programs: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 16.500h7M16.500 13v7",
  plus: "M12 5v14M5 12h14",
  send: "M12 20V5M5 12l7-7 7 7",
  stop: "M7 7h10v10H7z",
  close: "M6 6l12 12M18 6L6 18",
  menu: "M4 7h16M4 12h16M4 17h16",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M5 12.500l4.500 4.500L19 7",
  up: "M7 11v9H4v-9zM7 11l4-8c2 0 3 1 2.500 4L13 9h6c1 0 2 1 1.500 2.500l-2 7c-.300 1-1 1.500-2 1.500H7",
  down: "M7 13V4H4v9zM7 13l4 8c2 0 3-1 2.500-4L13 15h6c1 0 2-1 1.500-2.500l-2-7C18.200 4.500 17.500 4 16.500 4H7",
  end: "M12 5v14M6 13l6 6 6-6",
  again: "M20 11a8 8 0 1 0-2.500 6.500M20 5v6h-6",
  edit: "M4 20l1-5L16 4l4 4L9 19zM14 6l4 4",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  attach: "M20 11l-8.500 8.500a5 5 0 0 1-7-7L13 4a3.500 3.500 0 0 1 5 5l-8.500 8.500a2 2 0 0 1-3-3L14 7",
  download: "M12 4v12M6 11l6 6 6-6M5 21h14",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  out: "M14 4h6v16h-6M4 12h11M11 8l4 4-4 4",
  user: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-8 16-8 16 0",
  warning: "M12 4l9 16H3zM12 10v4M12 17v.500",
  link: "M10 14a4 4 0 0 0 6 0l4-4a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-4 4a4 4 0 0 0 6 6l1-1",
  source: "M4 5h16M4 10h16M4 15h10M4 20h7",
  ban: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM6 6l12 12",
};

/** A drawing of one line width, for buttons and the menu. */
export function icon(name) {
  return s("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, s("path", { d: PATHS[name] }));
}
