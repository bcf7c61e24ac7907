// Small charts as drawings of this page: bars and lines, with the figures beside them for screen readers.

import { h, s } from "./dom.js";
import { decimal, t } from "./text.js";

const WIDTH = 640;
const HEIGHT = 200;
const LEFT = 52;
const BOTTOM = 26;
const TOP = 10;

/** A round number at or above a value. */
function ceiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 2.5, 5, 10].find((one) => one * power >= value);
  return step * power;
}

/** A large number in short: 1,2 млн. */
export function short(value) {
  const sizes = [[1e9, t("млрд", "bn")], [1e6, t("млн", "m")], [1e3, t("тыс.", "k")]];
  const size = sizes.find(([limit]) => Math.abs(value) >= limit);
  if (!size) return decimal(String(Math.round(value * 10) / 10));
  return `${decimal(String(Math.round((value / size[0]) * 10) / 10))}\u00a0${size[1]}`;
}

/**
 * Bars or lines. `points` have label and values by series; `series` have key, title and optionally kind.
 */
export function chart({ title, points, series, kind = "bars", format = short, onPoint }) {
  const highest = Math.max(...points.flatMap((point) => (kind === "stacked" ? [series.reduce((sum, one) => sum + Number(point[one.key] ?? 0), 0)]
    : series.map((one) => Number(point[one.key] ?? 0)))), 0);
  if (highest === 0) return h("p", { class: "chart-empty" }, t("За этот период пусто.", "Nothing in this period."));
  const top = ceiling(highest);
  const inner = WIDTH - LEFT - 8;
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const step = inner / points.length;
  const x = (at) => LEFT + step * (at + 0.5);
  const drawing = s("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  for (const part of [0, 0.5, 1]) {
    drawing.append(s("line", { class: "grid", x1: LEFT, x2: WIDTH - 8, y1: y(top * part), y2: y(top * part) }),
      s("text", { class: "tick", x: LEFT - 6, y: y(top * part) + 4, "text-anchor": "end" }, format(top * part)));
  }
  const every = Math.max(1, Math.ceil(points.length / 8));
  points.forEach((point, at) => {
    if (at % every === 0) drawing.append(s("text", { class: "tick", x: x(at), y: HEIGHT - 8, "text-anchor": "middle" }, point.label));
  });
  if (kind === "lines") {
    series.forEach((one, number) => {
      let path = "";
      let broken = true;
      points.forEach((point, at) => {
        const value = point[one.key];
        if (value === null || value === undefined) { broken = true; return; }
        path += `${broken ? "M" : "L"}${x(at).toFixed(1)} ${y(Number(value)).toFixed(1)}`;
        broken = false;
      });
      drawing.append(s("path", { class: `line series-${number + 1}`, d: path }));
      points.forEach((point, at) => {
        if (point[one.key] !== null && point[one.key] !== undefined) drawing.append(s("circle", { class: `dot series-${number + 1}`, cx: x(at), cy: y(Number(point[one.key])), r: 2.5 }));
      });
    });
  } else {
    const wide = Math.min(34, (step * 0.7) / (kind === "stacked" ? 1 : series.length));
    points.forEach((point, at) => {
      let base = 0;
      series.forEach((one, number) => {
        const value = Number(point[one.key] ?? 0);
        if (value <= 0) return;
        const from = kind === "stacked" ? base : 0;
        const left = kind === "stacked" ? x(at) - wide / 2 : x(at) - (wide * series.length) / 2 + wide * number;
        drawing.append(s("rect", { class: `bar series-${number + 1}${onPoint ? " pressable" : ""}`, x: left + 1, y: y(from + value), width: Math.max(1, wide - 2),
          height: Math.max(1, y(from) - y(from + value)), rx: 2, onclick: onPoint ? () => onPoint(point) : undefined },
        s("title", {}, `${point.label}: ${one.title} ${format(value)}`)));
        base += value;
      });
    });
  }
  const legend = series.length > 1 && h("div", { class: "legend", "aria-hidden": "true" },
    series.map((one, number) => h("span", {}, h("i", { class: `series-${number + 1}` }), one.title)));
  const figures = h("table", { class: "unseen" }, h("caption", {}, title),
    h("tr", {}, h("th", {}), series.map((one) => h("th", {}, one.title))),
    points.map((point) => h("tr", {}, h("th", {}, point.label), series.map((one) => h("td", {}, String(point[one.key] ?? "")))))); 
  return h("figure", { class: "chart-box" }, drawing, legend, figures);
}

/** Parts of a whole as one bar with what each is. */
export function shares(title, parts, format) {
  const whole = parts.reduce((sum, part) => sum + Number(part.value), 0);
  if (whole <= 0) return null;
  return h("div", { class: "shares", role: "img", "aria-label": title },
    h("div", { class: "shares-bar" }, parts.filter((part) => Number(part.value) > 0).map((part) =>
      h("span", { class: part.kind, style: { "flex-grow": String(Number(part.value) / whole) }, title: `${part.title}: ${format(part.value)}` }))),
    h("div", { class: "legend" }, parts.map((part) => h("span", {}, h("i", { class: part.kind }), `${part.title} `, h("b", {}, format(part.value))))));
}
