// The table of messages: filtered, sorted and searched as numbers of rows; only the rows in sight are elements.
import { bytes, clean, count, day, h, moment, plain, replace } from "./dom.js";
import { ORDER, reader } from "./outcomes.js";

const ROW = 30; // px, as in the style
const BEYOND = 8; // rows that are drawn above and below what is in sight
const MOST_PRINTED = 2000;
const HEADS = {
  id: "Message", key: "Key", outcome: "Outcome", reason: "Reason", source: "Source", destination: "Destination", new_id: "New id", first_sent: "First sent (UTC)", at: "Closed (UTC)", kind: "Kind", page: "Page",
};
const SHOWN = ["id", "key", "outcome", "reason", "source", "destination", "new_id", "first_sent", "at"];
const DATES = new Set(["first_sent", "at"]);
const FORMULA = /^[=+\-@\t\r]/; // what a spreadsheet would run

/** The rows, and the numbers of those that are shown, in their order. */
export class Rows {
  constructor(messages) {
    this.messages = messages;
    this.of = reader(messages);
    this.place = Object.fromEntries(messages.columns.map((name, n) => [name, n]));
    this.all = messages.rows;
    this.wanted = {}; // column → the text that it must have
    this.words = "";
    this.sorted = null; // [column, 1 or -1]
    this.shown = [];
    this.update();
  }

  has(name) {
    return this.all.some((row) => row[this.place[name]] !== null);
  }

  /** The texts that stand in a column, the most frequent first. */
  texts(name) {
    const found = new Map(), n = this.place[name];
    for (const row of this.all) if (row[n] !== null) found.set(row[n], (found.get(row[n]) ?? 0) + 1);
    return [...found].sort((a, b) => b[1] - a[1]).map(([word, times]) => [this.messages.words[word], times]);
  }

  update() {
    const { words } = this.messages, text = this.words.trim().toLowerCase();
    const must = Object.entries(this.wanted).filter(([, value]) => value !== "").map(([name, value]) => [this.place[name], words.indexOf(value)]);
    const hit = text && words.map((word) => word.toLowerCase().includes(text));
    const own = ["id", "new_id", "key", "first_id"].filter((name) => name in this.place).map((name) => this.place[name]), worded = ["outcome", "reason", "source", "destination"].map((name) => this.place[name]);
    const matches = (row) => !text || own.some((n) => row[n] !== null && row[n].toLowerCase().includes(text)) || worded.some((n) => row[n] !== null && hit[row[n]]);
    const shown = [];
    this.all.forEach((row, number) => {
      if (must.every(([n, word]) => row[n] === word) && matches(row)) shown.push(number);
    });
    if (this.sorted) this.sort(shown);
    this.shown = shown;
  }

  sort(shown) {
    const [name, way] = this.sorted, n = this.place[name], { words, worded } = this.messages;
    const rank = worded.includes(name) && new Map(words.map((word, number) => [word, number]).sort((a, b) => (a[0] < b[0] ? -1 : 1)).map(([, number], at) => [number, at]));
    const value = (number) => {
      const found = this.all[number][n];
      return found === null ? null : rank ? rank.get(found) : found;
    };
    const values = new Map(shown.map((number) => [number, value(number)]));
    shown.sort((a, b) => {
      const x = values.get(a), y = values.get(b);
      if (x === y) return a - b;
      if (x === null) return 1; // what is not known comes last, either way
      if (y === null) return -1;
      return (x < y ? -1 : 1) * way;
    });
  }

  text(row, name) {
    const value = this.of(row, name);
    if (value === null || value === undefined) return "";
    return DATES.has(name) ? moment(value) : name === "outcome" ? plain(value) : value;
  }

  /** What is shown, for a spreadsheet. */
  csv() {
    const cell = (value) => {
      const text = String(value ?? ""), safe = FORMULA.test(text) ? `'${text}` : text;
      return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    };
    const exact = (row, name) => (DATES.has(name) && this.of(row, name) !== null ? new Date(this.of(row, name)).toISOString() : this.of(row, name));
    const names = this.messages.columns;
    return [names.join(","), ...this.shown.map((number) => names.map((name) => cell(exact(this.all[number], name))).join(","))].join("\r\n");
  }
}

function save(text, name) {
  const link = h("a", { href: URL.createObjectURL(new Blob(["\ufeff", text.toWellFormed?.() ?? text], { type: "text/csv;charset=utf-8" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export function messageTable(messages, name, extra = {}) {
  if (!messages.rows.length) return [];
  const heads = { ...HEADS, ...extra.heads };
  const rows = new Rows(messages), columns = (extra.columns ?? SHOWN).filter((column) => rows.has(column));
  const status = h("p", { class: "status", role: "status" }), detail = h("div", { class: "panel detail", role: "region", tabindex: "0", "aria-label": "One message", "aria-live": "polite" });
  const body = h("tbody"), head = h("tr", { "aria-rowindex": 1 });
  const grid = h("table", { class: "messages", "aria-colcount": columns.length }, h("caption", { class: "hidden" }, "Messages"), h("colgroup", {}, columns.map((column) => h("col", { class: `w-${column}` }))), h("thead", {}, head), body);
  const box = h("div", { class: "window", role: "region", tabindex: "0", "aria-label": "Messages; arrow keys move, Enter shows one", onscroll: () => draw(), onkeydown: keys }, grid);
  grid.style.minWidth = `${columns.length * 135 + 80}px`;
  let current = 0, drawn = "";

  const spacer = (height) => {
    const cell = h("td", { colspan: columns.length });
    cell.style.height = `${height}px`;
    return h("tr", { class: "spacer", "aria-hidden": "true" }, cell);
  };
  const rowOf = (at) => {
    const row = rows.all[rows.shown[at]];
    return h("tr", { "aria-rowindex": at + 2, class: at === current ? "current" : null, "data-at": at, onclick: () => choose(at) },
      columns.map((column, n) => h(n ? "td" : "th", { scope: n ? null : "row", class: `${column === "outcome" ? `o-${rows.of(row, "outcome")}` : ""} c-${column}`.trim() }, h("span", {}, rows.text(row, column)))));
  };
  function draw(force = false, printed = null) {
    const all = rows.shown.length;
    const first = printed !== null ? 0 : Math.max(0, Math.floor(box.scrollTop / ROW) - BEYOND);
    const last = printed ?? Math.min(all, first + Math.ceil((box.clientHeight || 480) / ROW) + 2 * BEYOND);
    const key = `${first} ${last} ${current}`;
    if (!force && key === drawn) return;
    drawn = key;
    const found = [];
    for (let at = first; at < last; at += 1) found.push(rowOf(at));
    replace(body, first > 0 && spacer(first * ROW), found, printed === null && last < all && spacer((all - last) * ROW));
  }
  function choose(at) {
    current = at;
    const row = rows.all[rows.shown[at]];
    if (!row) return replace(detail);
    const told = messages.columns.filter((column) => rows.text(row, column) !== "" && !(column === "page" && extra.heads)).map((column) => [h("dt", {}, heads[column] ?? plain(column)), h("dd", {}, rows.text(row, column))]);
    const text = messages.bodies?.[rows.shown[at]];
    replace(detail, h("h3", {}, `Message ${row[rows.place.id] ?? ""}`), h("dl", {}, told),
      messages.bodies && (text === null || text === undefined ? h("p", { class: "note" }, "The backup no longer has its body.")
        : [h("h4", {}, `Body, ${bytes(new TextEncoder().encode(text).length)}`), h("pre", { class: "body", tabindex: "0" }, text)]));
    draw(true);
  }
  function keys(event) {
    const page = Math.max(1, Math.floor(box.clientHeight / ROW) - 2);
    const to = { ArrowDown: current + 1, ArrowUp: current - 1, PageDown: current + page, PageUp: current - page, Home: 0, End: rows.shown.length - 1 }[event.key];
    if (event.key === "Enter" && event.target === box) return choose(current);
    if (to === undefined || event.target !== box) return;
    event.preventDefault();
    current = Math.min(Math.max(0, to), Math.max(0, rows.shown.length - 1));
    const top = current * ROW;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + 2 * ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * ROW - box.clientHeight;
    draw(true);
  }
  function headsAgain() {
    replace(head, columns.map((column) => {
      const way = rows.sorted?.[0] === column ? rows.sorted[1] : 0;
      return h("th", { scope: "col", "aria-sort": way ? (way > 0 ? "ascending" : "descending") : "none" },
        h("button", { type: "button", "data-column": column, onclick: () => {
          rows.sorted = way < 0 ? null : [column, way > 0 ? -1 : 1];
          again();
          head.querySelector(`[data-column="${column}"]`).focus();
        } }, heads[column], h("span", { "aria-hidden": "true" }, way ? (way > 0 ? " ▲" : " ▼") : "")));
    }));
  }
  function again() {
    rows.update();
    current = 0;
    box.scrollTop = 0;
    grid.setAttribute("aria-rowcount", rows.shown.length + 1);
    status.textContent = rows.shown.length === rows.all.length ? `${count(rows.all.length)} messages` : `${count(rows.shown.length)} of ${count(rows.all.length)} messages`;
    replace(detail);
    headsAgain();
    draw(true);
  }
  const pick = (column) => rows.has(column) && rows.texts(column).length > 1 && h("label", {}, `${heads[column]} `,
    h("select", { "data-filter": column, onchange: (event) => { rows.wanted[column] = event.target.value; again(); } },
      h("option", { value: "" }, "all"),
      rows.texts(column).sort(([a], [b]) => (column === "outcome" ? ORDER.indexOf(a) - ORDER.indexOf(b) : 0)).slice(0, 200).map(([word, times]) => {
        const option = h("option", {}, `${plain(word.length > 60 ? `${word.slice(0, 60)}…` : word) || "(none)"} (${count(times)})`);
        option.value = word; // as it is: what is shown has been cleaned
        return option;
      })));
  const search = h("input", { type: "search", placeholder: "id, key, outcome or reason", spellcheck: "false", autocomplete: "off", oninput: (event) => { rows.words = event.target.value; again(); } });
  const form = h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
    h("label", {}, "Search ", search), (extra.filters ?? ["outcome", "reason", "source", "destination"]).map(pick),
    h("button", { type: "button", class: "export", onclick: () => save(rows.csv(), `${name}.csv`) }, "Export what is shown (CSV)"));
  const printing = (on) => {
    if (on) draw(true, Math.min(MOST_PRINTED, rows.shown.length));
    else draw(true);
  };
  addEventListener("beforeprint", () => printing(true));
  addEventListener("afterprint", () => printing(false));
  addEventListener("resize", () => draw());
  again();
  return [form, status, box, rows.all.length > MOST_PRINTED && h("p", { class: "note printed" }, `On paper stand the first ${count(MOST_PRINTED)}; the export has all of them.`), detail];
}
