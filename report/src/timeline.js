// What ran when, and how many messages a second were closed.
import { count, h, moment, s, seconds } from "./dom.js";

const WIDTH = 1000, LEFT = 64, ROW = 18, RATE = 70, MOST_BUCKETS = 120;

const ticks = (span) => {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400].find((size) => span / size <= 10) ?? span;
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, n) => n * step);
};

export function timeline(machine, document, messages) {
  const visits = (document.history?.visits ?? []).filter((visit) => !visit.foretold);
  if (!visits.length) return [h("p", { class: "note" }, "The history is not known, so there is no timeline.")];
  const start = visits[0].entered;
  const last = visits.reduce((latest, visit) => Math.max(latest, visit.entered + (visit.seconds ?? 0) * 1000), document.history.end?.at ?? 0);
  const span = Math.max(0.05, (last - start) / 1000);
  const x = (ms) => LEFT + Math.min(1, Math.max(0, (ms - start) / 1000 / span)) * (WIDTH - LEFT - 8);
  const lanes = [...new Set(visits.map((visit) => visit.lane))].sort((a, b) => (a ?? 0) - (b ?? 0));
  const names = [...machine.run.states, ...machine.lane.states].filter((state) => state.type === "Task" || state.type === "Wait").map((state) => state.name);
  const used = names.filter((name) => visits.some((visit) => visit.state === name));
  const colour = (visit) => (visit.kind === "Wait" ? "wait" : `c${used.indexOf(visit.state) % 10}`);
  const bars = [];
  for (const visit of visits) {
    if (!used.includes(visit.state)) continue;
    const from = x(visit.entered), to = visit.seconds === null ? x(last) : x(visit.entered + visit.seconds * 1000);
    bars.push(s("rect", { class: `bar ${colour(visit)} ${visit.status === "ok" ? "" : visit.status}`, x: from.toFixed(1), width: Math.max(1, to - from).toFixed(1), y: RATE + 24 + lanes.indexOf(visit.lane) * ROW, height: ROW - 4 },
      s("title", {}, `${visit.lane === null ? "run" : `lane ${visit.lane}`} · ${visit.state} · ${seconds(visit.seconds)}${visit.attempts > 1 ? ` · ${visit.attempts} tries` : ""}${visit.error ? ` · ${visit.error}` : ""}`)));
  }
  const buckets = Math.min(MOST_BUCKETS, Math.ceil(span)); // none is shorter than a second: a page is closed at once
  const closed = new Array(buckets).fill(0), at = messages.columns.indexOf("at");
  let known = 0;
  for (const row of messages.rows) {
    if (row[at] === null) continue;
    known += 1;
    closed[Math.min(buckets - 1, Math.max(0, Math.floor(((row[at] - start) / 1000 / span) * buckets)))] += 1;
  }
  const most = Math.max(...closed) / (span / buckets);
  const width = (WIDTH - LEFT - 8) / buckets;
  const rates = closed.map((number, n) => number && s("rect", { class: "rate", x: (LEFT + n * width).toFixed(1), width: Math.max(1, width - 1).toFixed(1), height: (number / (span / buckets) / most * (RATE - 22)).toFixed(1), y: (RATE - number / (span / buckets) / most * (RATE - 22)).toFixed(1) },
    s("title", {}, `${count(number)} messages around +${seconds((n + 0.5) * span / buckets)}`)));
  const height = RATE + 28 + lanes.length * ROW + 22;
  const rows = lanes.map((lane, n) => s("text", { x: LEFT - 8, y: RATE + 34 + n * ROW, "text-anchor": "end" }, lane === null ? "run" : `lane ${lane}`));
  const axis = ticks(span).map((second) => [
    s("line", { class: "tick", x1: x(start + second * 1000), x2: x(start + second * 1000), y1: 14, y2: height - 20 }),
    s("text", { x: x(start + second * 1000), y: height - 6, "text-anchor": second ? "middle" : "start" }, `+${seconds(second)}`),
  ]);
  const label = `From ${moment(start)} UTC, ${seconds(span)} long, ${lanes.length - lanes.includes(null)} lanes${known ? `; at most ${count(Math.round(most))} messages a second were closed` : ""}.`;
  return [
    h("p", {}, label, known ? ` On average ${count(Math.round(known / span))} a second over the whole run.` : ""),
    h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Timeline" },
      s("svg", { class: "timeline", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label },
        axis, known > 0 && s("text", { x: LEFT, y: 11 }, `messages a second, at most ${count(Math.round(most))}`), rates, rows, bars)),
    h("ul", { class: "swatches" }, used.map((name) => h("li", {}, s("svg", { width: 12, height: 12, "aria-hidden": "true" }, s("rect", { class: `bar ${colour({ state: name, kind: visits.find((visit) => visit.state === name).kind })}`, width: 12, height: 12 })), ` ${name}`))),
  ];
}
