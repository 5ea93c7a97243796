// How many messages ended how: by day, source, kind and reason.
import { count, day, h, plain, table } from "./dom.js";

const MOST = 30;
const UNKNOWN = "not recorded"; // as the document says it of ledgers that are older than the field
export const ORDER = ["sent", "already_sent", "previewed", "held", "returned", "discarded", "failed"];

/** Read rows as `of(row, "reason")`, whatever column holds words. */
export function reader({ columns, worded, words }) {
  const place = Object.fromEntries(columns.map((name, n) => [name, n]));
  const isWord = new Set(worded);
  return (row, name) => (isWord.has(name) ? (row[place[name]] === null ? null : words[row[place[name]]]) : row[place[name]]);
}

const bar = (counts, most, outcomes) => {
  const track = h("div", { class: "stack", "aria-hidden": "true" });
  for (const outcome of outcomes) {
    if (!counts.get(outcome)) continue;
    const part = h("span", { class: `part o-${outcome}` });
    part.style.width = `${(counts.get(outcome) / most) * 100}%`;
    track.append(part);
  }
  return track;
};

function by(title, messages, keyOf, sortByKey) {
  const of = reader(messages), groups = new Map(), outcomes = new Set();
  for (const row of messages.rows) {
    const key = keyOf(of, row);
    if (key === undefined) continue;
    const outcome = of(row, "outcome") ?? "unknown", group = groups.get(key) ?? new Map();
    group.set(outcome, (group.get(outcome) ?? 0) + 1);
    group.set("", (group.get("") ?? 0) + 1);
    groups.set(key, group);
    outcomes.add(outcome);
  }
  if (!groups.size) return null;
  const used = [...ORDER.filter((outcome) => outcomes.has(outcome)), ...[...outcomes].filter((outcome) => !ORDER.includes(outcome))];
  const all = [...groups].sort(sortByKey ? ([a], [b]) => (a < b ? -1 : 1) : ([, a], [, b]) => b.get("") - a.get(""));
  const most = Math.max(...all.map(([, group]) => group.get("")));
  const rows = all.slice(0, MOST).map(([key, group]) => [key, bar(group, most, used), ...used.map((outcome) => count(group.get(outcome) ?? 0)), count(group.get(""))]);
  const more = all.length > MOST && h("p", { class: "note" }, `${count(all.length - MOST)} more are not shown; the table of messages has them all.`);
  return h("div", { class: "by" }, table(title, [title, h("span", { class: "hidden" }, "share"), ...used.map(plain), "all"], rows, ["text key", "bars", ...used.map(() => "number"), "number"]), more);
}

export function outcomes(messages) {
  if (!messages.rows.length) return [h("p", { class: "note" }, "The ledger has no record of single messages of this run.")];
  return [
    by("By day first sent (UTC)", messages, (of, row) => day(of(row, "first_sent")), true),
    by("By source", messages, (of, row) => of(row, "source") ?? (of(row, "kind") === UNKNOWN ? undefined : "none")),
    by("By destination", messages, (of, row) => of(row, "destination") ?? undefined),
    by("By kind", messages, (of, row) => (of(row, "kind") === UNKNOWN ? undefined : of(row, "kind"))),
    by("By reason", messages, (of, row) => of(row, "reason") || undefined),
  ];
}
