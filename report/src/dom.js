// Elements, and texts for people. Nothing here reads HTML: every text goes in as a text.

const SVG = "http://www.w3.org/2000/svg";
// What turns the direction of writing, hides, or has no shape: shown as what it is. Halves of a character too.
const UNSEEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

export const clean = (text) =>
  String(text).replace(UNSEEN, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);

const append = (node, children) => {
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : clean(child));
  }
  return node;
};

const attributes = (node, given) => {
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : clean(value));
  }
  return node;
};

export const h = (tag, given, ...children) => append(attributes(document.createElement(tag), given), children);
export const s = (tag, given, ...children) => append(attributes(document.createElementNS(SVG, tag), given), children);
export const replace = (node, ...children) => {
  node.replaceChildren();
  return append(node, children);
};
export const section = (id, title, ...children) =>
  h("section", { id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title), ...children);

const whole = new Intl.NumberFormat("en-US");
export const count = (number) => (number === null || number === undefined ? "–" : whole.format(number));
export const counted = (number, thing) => `${count(number)} ${thing}${number === 1 ? "" : "s"}`;
export const plain = (word) => String(word).replaceAll("_", " ");

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.0005) return "0 s";
  if (value < 10) return `${Number(value.toPrecision(2))} s`;
  if (value < 120) return `${Math.round(value)} s`;
  if (value < 7200) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
  return `${Math.floor(value / 3600)} h ${Math.round((value % 3600) / 60)} min`;
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1024) return `${value} B`;
  return value < 1048576 ? `${(value / 1024).toFixed(1)} KiB` : `${(value / 1048576).toFixed(1)} MiB`;
}

const DAY = 86400000;
export const valid = (ms) => typeof ms === "number" && Math.abs(ms) < 8.64e15;
export const moment = (ms) => (valid(ms) ? new Date(ms).toISOString().replace("T", " ").slice(0, 19) : "–");
export const day = (ms) => (valid(ms) ? new Date(Math.floor(ms / DAY) * DAY).toISOString().slice(0, 10) : "unknown");
export const dollars = (value) =>
  value === 0 ? "$0" : value < 0.01 ? `$${Number(value.toPrecision(2)).toFixed(Math.min(9, 1 - Math.floor(Math.log10(value))))}` : `$${value.toFixed(2)}`;
/** A table of small size: `rows` of cells; the first of each is its head. */
export const table = (caption, heads, rows, kinds = []) =>
  h("div", { class: "wide", role: "region", tabindex: "0", "aria-label": caption },
    h("table", {}, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, heads.map((head, n) => h("th", { scope: "col", class: kinds[n] }, head)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, n) => h(n ? "td" : "th", { class: kinds[n], ...(n ? {} : { scope: "row" }) }, cell)))))));
