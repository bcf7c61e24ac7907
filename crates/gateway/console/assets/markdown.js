// The Markdown that answers are written in, as elements. HTML in it stays text, and links lead only to pages.

import { h } from "./dom.js";
import { plainTable } from "./table.js";

/**
 * Renders a text. `cite` makes the element for a source number, `live` says that the text is still growing.
 */
export function markdown(text, { cite, live = false } = {}) {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  return blocks(lines, { cite, live });
}

function blocks(lines, options) {
  const out = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    if (line.trim() === "") { at += 1; continue; }
    const fence = /^\s*(```+|~~~+)/.exec(line);
    if (fence) {
      const body = [];
      at += 1;
      while (at < lines.length && !lines[at].trim().startsWith(fence[1])) body.push(lines[at++]);
      at += 1;
      out.push(h("pre", { tabindex: "0" }, h("code", {}, body.join("\n"))));
      continue;
    }
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (heading) {
      // The page has its own first headings.
      out.push(h(`h${Math.min(6, heading[1].length + 2)}`, {}, inline(heading[2], options)));
      at += 1;
      continue;
    }
    if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) { out.push(h("hr")); at += 1; continue; }
    if (isTable(lines, at)) {
      const end = endOf(lines, at + 2, (one) => one.trim().startsWith("|"));
      out.push(table(lines.slice(at, end), options));
      at = end;
      continue;
    }
    if (/^\s*>/.test(line)) {
      const end = endOf(lines, at, (one) => /^\s*>/.test(one));
      out.push(h("blockquote", {}, blocks(lines.slice(at, end).map((one) => one.replace(/^\s*>\s?/, "")), options)));
      at = end;
      continue;
    }
    if (ITEM.test(line)) {
      const [list, end] = items(lines, at, options);
      out.push(list);
      at = end;
      continue;
    }
    const end = endOf(lines, at + 1, (one, index) => one.trim() !== "" && !/^\s*(```|~~~|#{1,6}\s|>)/.test(one)
      && !ITEM.test(one) && !isTable(lines, index));
    const paragraph = h("p");
    lines.slice(at, end).forEach((one, index) => {
      if (index) paragraph.append(/ {2,}$/.test(lines[at + index - 1]) ? h("br") : "\n");
      paragraph.append(...inline(one.trim(), options));
    });
    out.push(paragraph);
    at = end;
  }
  return out;
}

const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;

function endOf(lines, from, holds) {
  let at = from;
  while (at < lines.length && holds(lines[at], at)) at += 1;
  return at;
}

function items(lines, from, options) {
  const first = ITEM.exec(lines[from]);
  const depth = first[1].length;
  const ordered = /\d/.test(first[2]);
  const list = h(ordered ? "ol" : "ul", ordered && first[2] !== "1." ? { start: Number.parseInt(first[2], 10) } : {});
  let at = from;
  while (at < lines.length) {
    const item = ITEM.exec(lines[at]);
    if (!item || item[1].length < depth || /\d/.test(item[2]) !== ordered) break;
    const body = [item[3]];
    at += 1;
    while (at < lines.length && (lines[at].trim() === "" ? /^\s{2,}\S/.test(lines[at + 1] ?? "") : /^\s{2,}/.test(lines[at]) && leading(lines[at]) > depth)) {
      body.push(lines[at].slice(Math.min(leading(lines[at]), depth + 2)));
      at += 1;
    }
    const content = body.length === 1 ? inline(body[0], options) : blocks(body, options);
    list.append(h("li", {}, content));
    while (at < lines.length && lines[at].trim() === "" && ITEM.exec(lines[at + 1] ?? "")?.[1].length === depth) at += 1;
  }
  return [list, at];
}

const leading = (line) => line.length - line.trimStart().length;

const isTable = (lines, at) => lines[at].trim().startsWith("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[at + 1] ?? "");

function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function table(lines, options) {
  const titles = cells(lines[0]);
  const numeric = cells(lines[1]).map((rule) => rule.endsWith(":"));
  const rows = lines.slice(2).map(cells);
  return plainTable(titles, numeric, rows, (text) => inline(text, options), options.live);
}

/** The text of a cell or a line without its marks. */
export const bare = (text) => text.replace(/\*\*|__|`/g, "").replace(/\\([^\w\s])/g, "$1");

const MARKS = [
  [/^\\([!-/:-@[-`{-~])/, (match) => match[1]],
  [/^(`+)(.+?)\1(?!`)/, (match) => h("code", {}, match[2])],
  [/^\*\*(?=\S)([^]+?\S)\*\*/, (match, options) => h("strong", {}, inline(match[1], options))],
  [/^__(?=\S)([^]+?\S)__(?!\w)/, (match, options) => h("strong", {}, inline(match[1], options))],
  [/^\*(?=[^\s*])([^*]*?[^\s*])\*(?!\*)/, (match, options) => h("em", {}, inline(match[1], options))],
  [/^_(?=[^\s_])([^_]*?[^\s_])_(?!\w)/, (match, options) => h("em", {}, inline(match[1], options))],
  [/^~~(?=\S)([^]+?\S)~~/, (match, options) => h("s", {}, inline(match[1], options))],
  [/^\[(\d{1,2})\](?!\()/, (match, { cite }) => (cite && cite(Number(match[1]))) ?? match[0]],
  [/^!?\[([^\]]*)\]\(([^()\s]+)\)/, (match, options) => link(match[2], inline(match[1], { ...options, cite: null }))],
  [/^<(https?:\/\/[^\s<>]+)>/, (match) => link(match[1], [match[1]])],
];

function inline(text, options) {
  const out = [];
  let rest = text;
  let plain = "";
  const flush = () => { if (plain) out.push(plain); plain = ""; };
  while (rest) {
    const next = rest.search(/[\\`*_~[!<]/);
    if (next < 0) { plain += rest; break; }
    plain += rest.slice(0, next);
    rest = rest.slice(next);
    // An underscore within a word is a part of it.
    const inWord = rest[0] === "_" && /[\p{L}\p{N}]$/u.test(plain);
    const found = inWord ? null : MARKS.map(([pattern, make]) => [pattern.exec(rest), make]).find(([match]) => match);
    if (!found) { plain += rest[0]; rest = rest.slice(1); continue; }
    const [match, make] = found;
    const made = make(match, options);
    if (typeof made === "string") plain += made;
    else { flush(); out.push(made); }
    rest = rest.slice(match[0].length);
  }
  flush();
  return out;
}

function link(address, content) {
  let url;
  try { url = new URL(address, location.origin); } catch { return h("span", {}, content); }
  if (!/^(https?|mailto):$/.test(url.protocol)) return h("span", {}, content);
  const own = url.origin === location.origin;
  return h("a", { href: url.href, rel: own ? null : "noopener noreferrer nofollow", target: own ? null : "_blank" }, content);
}
