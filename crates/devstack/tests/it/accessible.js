// What is wrong on the page for people who do not see it or use no mouse: rules after WCAG 2.2, A and AA.
const wrong = [];
const where = (element) => element.outerHTML.slice(0, 120);
const visible = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && !element.closest(".unseen");
const nameOf = (element) => {
  const by = element.getAttribute("aria-labelledby");
  if (by) return by.split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
  return (element.getAttribute("aria-label") ?? "").trim() || [...(element.labels ?? [])].map((one) => one.textContent).join(" ").trim()
    || element.textContent.trim() || (element.getAttribute("title") ?? "").trim();
};
if (!document.documentElement.lang) wrong.push("the page has no language");
if (!document.title.trim()) wrong.push("the page has no title");
if (document.querySelectorAll("main").length !== 1) wrong.push("there is not one main part");
const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => wrong.push(`the id ${id} is there twice`));
for (const element of document.querySelectorAll("button, a[href], [role=button], [role=tab], [role=option], summary")) {
  if (visible(element) && !nameOf(element)) wrong.push(`no name: ${where(element)}`);
}
for (const element of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
  if (visible(element) && !nameOf(element)) wrong.push(`no label: ${where(element)}`);
}
for (const element of document.querySelectorAll("svg:not([aria-hidden=true])")) {
  if (visible(element) && !element.getAttribute("aria-label")) wrong.push(`a drawing without a text: ${where(element)}`);
}
for (const element of document.querySelectorAll("img:not([alt])")) wrong.push(`a picture without a text: ${where(element)}`);
for (const element of document.querySelectorAll("[tabindex]")) if (element.tabIndex > 0) wrong.push(`an order of its own: ${where(element)}`);
for (const element of document.querySelectorAll("[aria-hidden=true]")) {
  if (element.matches("a, button, input, select, textarea") || element.querySelector("a, button, input:not([tabindex='-1']), select, textarea")) {
    if (!element.matches("[tabindex='-1']")) wrong.push(`hidden, but reached by the keyboard: ${where(element)}`);
  }
}
for (const element of document.querySelectorAll("[aria-labelledby], [aria-describedby], [aria-controls]")) {
  for (const name of ["aria-labelledby", "aria-describedby", "aria-controls"]) {
    for (const id of (element.getAttribute(name) ?? "").split(" ").filter(Boolean)) if (!document.getElementById(id)) wrong.push(`${name} leads nowhere: ${where(element)}`);
  }
}
for (const element of document.querySelectorAll("table")) {
  if (visible(element) && !element.querySelector("th")) wrong.push(`a table without headings: ${where(element)}`);
}
for (const element of document.querySelectorAll("a, button, input, select, [role=tab], [role=button]")) {
  if (!visible(element) || element.matches("p a, li a, td a, dd a, label input, .cite")) continue;
  const box = element.getBoundingClientRect();
  if (box.width && box.height && (box.width < 20 || box.height < 20) && !element.closest("th")) wrong.push(`too small to hit (${Math.round(box.width)}x${Math.round(box.height)}): ${where(element)}`);
}
// Contrast: the text against the nearest opaque background.
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
const light = ([r, g, b]) => { const part = (value) => { const share = value / 255; return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4; }; return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b); };
const behind = (element) => {
  for (let one = element; one; one = one.parentElement) { const colour = rgba(getComputedStyle(one).backgroundColor); if (colour[3] > 250) return colour; }
  return [255, 255, 255, 255];
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const seen = new Set();
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || seen.has(element) || !visible(element) || element.closest("svg, noscript, [disabled], [aria-hidden=true], dialog:not([open])")) continue;
  seen.add(element);
  const style = getComputedStyle(element);
  const [front, back] = [light(rgba(style.color)), light(behind(element))];
  const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
  const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
  if (ratio < (large ? 3 : 4.5)) wrong.push(`contrast ${ratio.toFixed(2)}: ${where(element)}`);
}
if (document.documentElement.scrollWidth > innerWidth + 1) wrong.push(`the page is wider than the window: ${document.documentElement.scrollWidth} > ${innerWidth}`);
return wrong;
