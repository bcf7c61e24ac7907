// Language, numbers, days.

const saved = localStorage.getItem("locale");
let locale = saved ?? (navigator.languages?.some((tag) => /^(ru|be|kk|uk)/i.test(tag)) || !navigator.language ? "ru" : "en");
document.documentElement.lang = locale;

/** `ru` or `en`. */
export const language = () => locale;

/** Changes the language; what is shown already has to be shown anew. */
export function setLanguage(tag) {
  locale = tag === "en" ? "en" : "ru";
  localStorage.setItem("locale", locale);
  document.documentElement.lang = locale;
}

/** A text in the language of the page. */
export const t = (ru, en) => (locale === "ru" ? ru : en);

/** The form of a Russian noun after a number, or the English one. */
export function plural(count, [one, few, many], [single, several]) {
  if (locale === "en") return count === 1 ? single : several;
  const form = new Intl.PluralRules("ru").select(count);
  return form === "one" ? one : form === "few" ? few : many;
}

const GAP = "\u00a0";
const MINUS = "\u2212";

/** A decimal number in a string, in groups, without going through a binary fraction. */
export function decimal(value, places) {
  if (value === null || value === undefined || value === "") return "";
  const text = String(value);
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (!match) return text;
  const [, sign, whole, rest = ""] = match;
  const groups = whole.replace(/\B(?=(\d{3})+$)/g, locale === "ru" ? GAP : ",");
  const fraction = places === undefined ? rest : rest.padEnd(places, "0").slice(0, Math.max(places, rest.length));
  return (sign ? MINUS : "") + groups + (fraction ? (locale === "ru" ? "," : ".") + fraction : "");
}

const SIGNS = { RUB: "₽", USD: "$", EUR: "€", KZT: "₸", BYN: "Br" };

/** Money with its currency. */
export const money = (value, currency = "RUB") => `${decimal(value, 2)}${GAP}${SIGNS[currency] ?? currency}`;

/** Money without kopecks, for large figures at a glance. */
export function roundMoney(value, currency = "RUB") {
  const rounded = Math.round(Number(value));
  return `${decimal(String(rounded))}${GAP}${SIGNS[currency] ?? currency}`;
}

/** A whole number in groups. */
export const count = (value) => decimal(String(Math.round(Number(value ?? 0))));

/** `2026-11-27` as people write it. */
export function day(value) {
  const match = /^(\d{4})-(\d{2})-(\d{2})/.exec(value ?? "");
  return match ? `${match[3]}.${match[2]}.${match[1]}` : (value ?? "");
}

/** A moment, to the minute. */
export function moment(value) {
  if (!value) return "—";
  return new Date(value).toLocaleString(locale === "ru" ? "ru-RU" : "en-GB", {
    day: "2-digit", month: "2-digit", year: "numeric", hour: "2-digit", minute: "2-digit",
  });
}

/** How long ago, in words. */
export function ago(value) {
  if (!value) return t("никогда", "never");
  const seconds = (Date.now() - new Date(value).getTime()) / 1000;
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  const steps = [[60, 1, "second"], [3600, 60, "minute"], [86400, 3600, "hour"], [86400 * 30, 86400, "day"]];
  const size = Math.abs(seconds);
  if (size < 10) return t("только что", "just now");
  for (const [limit, unit, name] of steps) if (size < limit) return format.format(-Math.trunc(seconds / unit), name);
  return day(new Date(value).toISOString());
}

/** Today and days before it, `YYYY-MM-DD`, by the clock of this device. */
export function isoDay(date = new Date()) {
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Bytes, in words. */
export function size(bytes) {
  const units = t(["Б", "КБ", "МБ", "ГБ"], ["B", "KB", "MB", "GB"]);
  let value = Number(bytes ?? 0);
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit += 1; }
  return `${decimal(value.toFixed(unit && value < 10 ? 1 : 0))}${GAP}${units[unit]}`;
}
