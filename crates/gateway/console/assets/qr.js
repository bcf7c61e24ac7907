// QR codes (ISO/IEC 18004): bytes, error correction M, as a drawing.

import { s } from "./dom.js";
import { t } from "./text.js";

// Of each version from 1: bytes of error correction in a block, and how many data bytes its blocks have.
const BLOCKS = [
  [10, [16]], [16, [28]], [26, [44]], [18, [32, 32]], [24, [43, 43]], [16, [27, 27, 27, 27]], [18, [31, 31, 31, 31]], [22, [38, 38, 39, 39]],
  [22, [36, 36, 36, 37, 37]], [26, [43, 43, 43, 43, 44]], [30, [50, 51, 51, 51, 51]], [22, [36, 36, 36, 36, 36, 36, 37, 37]],
];
const ALIGNMENT = [[], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50], [6, 30, 54], [6, 32, 58]];

const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let at = 0, value = 1; at < 255; at += 1) {
  EXP[at] = EXP[at + 255] = value;
  LOG[value] = at;
  value = value & 128 ? (value << 1) ^ 0x11d : value << 1;
}
const multiply = (a, b) => (a && b ? EXP[LOG[a] + LOG[b]] : 0);

function correction(data, length) {
  let generator = [1];
  for (let at = 0; at < length; at += 1) {
    const next = new Array(generator.length + 1).fill(0);
    generator.forEach((one, index) => { next[index] ^= one; next[index + 1] ^= multiply(one, EXP[at]); });
    generator = next;
  }
  const rest = [...data, ...new Array(length).fill(0)];
  for (let at = 0; at < data.length; at += 1) {
    const factor = rest[at];
    if (factor) generator.forEach((one, index) => { rest[at + index] ^= multiply(one, factor); });
  }
  return rest.slice(data.length);
}

function codewords(bytes, version) {
  const [extra, blocks] = BLOCKS[version - 1];
  const capacity = blocks.reduce((sum, one) => sum + one, 0);
  const bits = [];
  const put = (value, length) => { for (let at = length - 1; at >= 0; at -= 1) bits.push((value >> at) & 1); };
  put(4, 4);
  put(bytes.length, version < 10 ? 8 : 16);
  bytes.forEach((one) => put(one, 8));
  put(0, Math.min(4, capacity * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const data = [];
  for (let at = 0; at < bits.length; at += 8) data.push(Number.parseInt(bits.slice(at, at + 8).join(""), 2));
  for (let pad = 0xec; data.length < capacity; pad ^= 0xec ^ 0x11) data.push(pad);
  const parts = [];
  let from = 0;
  for (const length of blocks) { parts.push(data.slice(from, from + length)); from += length; }
  const checks = parts.map((part) => correction(part, extra));
  const out = [];
  for (let at = 0; at < Math.max(...blocks); at += 1) parts.forEach((part) => { if (at < part.length) out.push(part[at]); });
  for (let at = 0; at < extra; at += 1) checks.forEach((part) => out.push(part[at]));
  return out;
}

const MASKS = [
  (x, y) => (x + y) % 2 === 0, (x, y) => y % 2 === 0, (x) => x % 3 === 0, (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(y / 2) + Math.floor(x / 3)) % 2 === 0, (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0, (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** The modules of the code of a text: rows of true and false. */
export function modules(text) {
  const bytes = [...new TextEncoder().encode(text)];
  const version = BLOCKS.findIndex(([, blocks], at) => blocks.reduce((sum, one) => sum + one, 0) >= bytes.length + (at < 9 ? 2 : 3)) + 1;
  if (version === 0) return null;
  const size = version * 4 + 17;
  const grid = Array.from({ length: size }, () => new Array(size).fill(null));
  const set = (x, y, dark) => { if (x >= 0 && y >= 0 && x < size && y < size) grid[y][x] = dark; };
  for (const [left, top] of [[0, 0], [size - 7, 0], [0, size - 7]]) {
    for (let y = -1; y <= 7; y += 1) for (let x = -1; x <= 7; x += 1) {
      const ring = Math.max(Math.abs(x - 3), Math.abs(y - 3));
      set(left + x, top + y, ring <= 3 && ring !== 2);
    }
  }
  for (let at = 8; at < size - 8; at += 1) { grid[6][at] ??= at % 2 === 0; grid[at][6] ??= at % 2 === 0; }
  const centres = ALIGNMENT[version - 1];
  for (const y of centres) for (const x of centres) {
    if ((x === 6 && y === 6) || (x === 6 && y === centres.at(-1)) || (y === 6 && x === centres.at(-1))) continue;
    for (let dy = -2; dy <= 2; dy += 1) for (let dx = -2; dx <= 2; dx += 1) grid[y + dy][x + dx] = Math.max(Math.abs(dx), Math.abs(dy)) !== 1;
  }
  const format = (mask) => {
    let value = mask; // Error correction M has the bits 00.
    for (let at = 0; at < 10; at += 1) value = (value << 1) ^ ((value >> 9) * 0x537);
    return ((mask << 10) | value) ^ 0x5412;
  };
  const drawFormat = (mask) => {
    const bits = format(mask);
    const bit = (at) => ((bits >> at) & 1) === 1;
    for (let at = 0; at <= 5; at += 1) grid[at][8] = bit(at);
    grid[7][8] = bit(6); grid[8][8] = bit(7); grid[8][7] = bit(8);
    for (let at = 9; at < 15; at += 1) grid[8][14 - at] = bit(at);
    for (let at = 0; at < 8; at += 1) grid[8][size - 1 - at] = bit(at);
    for (let at = 8; at < 15; at += 1) grid[size - 15 + at][8] = bit(at);
    grid[size - 8][8] = true;
  };
  drawFormat(0);
  if (version >= 7) {
    let rest = version;
    for (let at = 0; at < 12; at += 1) rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
    const bits = (version << 12) | rest;
    for (let at = 0; at < 18; at += 1) {
      const dark = ((bits >> at) & 1) === 1;
      const [a, b] = [size - 11 + (at % 3), Math.floor(at / 3)];
      grid[b][a] = dark;
      grid[a][b] = dark;
    }
  }
  const words = codewords(bytes, version);
  const free = [];
  for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right -= 1;
    for (let step = 0; step < size; step += 1) for (const x of [right, right - 1]) {
      const y = up ? size - 1 - step : step;
      if (grid[y][x] === null) free.push([x, y]);
    }
  }
  free.forEach(([x, y], at) => { grid[y][x] = ((words[at >> 3] ?? 0) >> (7 - (at & 7)) & 1) === 1; });
  const flip = (mask) => free.forEach(([x, y]) => { if (MASKS[mask](x, y)) grid[y][x] = !grid[y][x]; });
  const scores = MASKS.map((_, mask) => { flip(mask); drawFormat(mask); const score = penalty(grid); flip(mask); return score; });
  const best = scores.indexOf(Math.min(...scores));
  flip(best);
  drawFormat(best);
  return grid;
}

function penalty(grid) {
  const size = grid.length;
  let score = 0;
  let dark = 0;
  const lines = [...grid, ...grid.map((_, x) => grid.map((row) => row[x]))];
  for (const line of lines) {
    let run = 1;
    for (let at = 1; at <= size; at += 1) {
      if (at < size && line[at] === line[at - 1]) run += 1;
      else { if (run >= 5) score += run - 2; run = 1; }
    }
    const text = line.map(Number).join("");
    score += 40 * (text.match(/(?=00001011101|10111010000)/g)?.length ?? 0);
  }
  for (let y = 0; y < size; y += 1) for (let x = 0; x < size; x += 1) {
    if (grid[y][x]) dark += 1;
    if (x && y && grid[y][x] === grid[y][x - 1] && grid[y][x] === grid[y - 1][x] && grid[y][x] === grid[y - 1][x - 1]) score += 3;
  }
  return score + 10 * Math.floor(Math.abs((dark * 20) / (size * size) - 10));
}

/** The code of a text as a drawing. */
export function qr(text) {
  const grid = modules(text);
  if (!grid) return null;
  const path = grid.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  return s("svg", { class: "qr", viewBox: `0 0 ${grid.length} ${grid.length}`, role: "img", "aria-label": t("QR-код", "QR code"), "shape-rendering": "crispEdges" }, s("path", { d: path, fill: "#000" }));
}
