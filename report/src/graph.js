// The machine, with the way of this execution through it.
import { count, counted, h, moment, replace, s, seconds, table } from "./dom.js";

const SHAPES = { Task: "▸", Choice: "◇", Wait: "○", Map: "≡", Pass: "→", Succeed: "✔", Fail: "✘" };

const TAKES_TIME = new Set(["Task", "Wait", "Map"]);

/** What visits add up to, for the states and for the ways between them. `start` is when the execution began, in ms. */
export function walked(visits, layout, start) {
  const known = new Set(layout.states.map((state) => state.name));
  const states = new Map(), ways = new Map(), last = new Map();
  for (const visit of visits) {
    if (!known.has(visit.state)) continue;
    const state = states.get(visit.state) ?? { visits: [], seconds: 0, retries: 0, caught: 0, failed: 0 };
    states.set(visit.state, state);
    state.visits.push(visit);
    state.seconds += visit.seconds ?? 0;
    state.retries += visit.attempts - 1;
    state.caught += visit.status === "caught";
    state.failed += visit.status === "failed";
    const before = last.get(visit.lane);
    // A lane that went on in another round, or ended, begins anew: no way leads from its end.
    if (before && layout.ways.some((way) => way.from === before.state && way.to === visit.state)) {
      const key = `${before.state}\n${visit.state}`;
      const way = ways.get(key) ?? { times: 0, first: (visit.entered - start) / 1000, caught: false };
      way.times += 1;
      way.caught ||= before.status === "caught";
      ways.set(key, way);
    }
    last.set(visit.lane, visit);
  }
  return { states, ways };
}

function arrow([[x1, y1], [x2, y2]], name) {
  const angle = Math.atan2(y2 - y1, x2 - x1), at = (turn, size) => `${x2 - size * Math.cos(angle + turn)},${y2 - size * Math.sin(angle + turn)}`;
  return s("polygon", { class: name, points: `${x2},${y2} ${at(0.42, 9)} ${at(-0.42, 9)}` });
}

/** The path of a way, with round corners. */
function line(points) {
  const [first, ...rest] = points;
  let path = `M${first[0]} ${first[1]}`;
  rest.forEach(([x, y], n) => {
    const [px, py] = points[n], next = rest[n + 1];
    if (!next) return void (path += `L${x} ${y}`);
    const near = (ax, ay) => {
      const length = Math.hypot(ax - x, ay - y), r = Math.min(6, length / 2) / (length || 1);
      return `${x + (ax - x) * r} ${y + (ay - y) * r}`;
    };
    path += `L${near(px, py)}Q${x} ${y} ${near(...next)}`;
  });
  return path;
}

function drawnWay(way, taken) {
  const name = `way${taken ? " taken" : ""}${way.error ? " error" : ""}`;
  const label = taken && `${taken.times > 1 ? `×${count(taken.times)} · ` : ""}+${seconds(Math.max(0, taken.first))}`;
  return s("g", { class: name, "data-from": way.from, "data-to": way.to },
    s("path", { d: line(way.points) }),
    arrow(way.points.slice(-2), "head"),
    label && s("text", { class: "label", x: way.label[0] + way.width / 2, y: way.label[1] + 11, "text-anchor": "middle" }, label),
    label && s("title", {}, `${way.from} → ${way.to}: ${counted(taken.times, "time")}, first ${seconds(Math.max(0, taken.first))} after the start${way.error ? ", after an error" : ""}`));
}

function drawnState(state, went, choose) {
  const at = { x: state.x, y: state.y, width: state.width, height: state.height, rx: state.type === "Choice" ? 18 : 7 };
  const middle = state.x + state.width / 2;
  const sign = went && (went.failed ? "failed" : went.caught ? "caught" : went.retries ? "retried" : "");
  const told = went && [went.visits.length > 1 && `×${count(went.visits.length)}`, TAKES_TIME.has(state.type) && went.visits.some((visit) => visit.seconds !== null) && seconds(went.seconds)].filter(Boolean).join(" · ");
  const marks = went && [went.retries && `↻ ${count(went.retries)}`, went.caught && `✘ ${count(went.caught)} caught`, went.failed && "✘"].filter(Boolean).join("  ");
  const described = went && [
    state.name, `entered ${counted(went.visits.length, "time")}`, `${seconds(went.seconds)} in all`,
    went.retries && counted(went.retries, "retry").replace("retrys", "retries"), went.caught && `${counted(went.caught, "error")} caught`, went.failed && "failed",
  ].filter(Boolean).join(", ");
  const act = went && {
    role: "button", tabindex: "0", "aria-pressed": "false",
    onclick: () => choose(state.name),
    onkeydown: (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose(state.name);
    },
  };
  return s("g", { class: `state ${state.type.toLowerCase()}${went ? " taken" : ""} ${sign ?? ""}`, "data-state": state.name, ...act },
    s("title", {}, described ?? `${state.name}, not entered`), // its name; the rest is for eyes
    s("rect", at),
    s("text", { "aria-hidden": "true", x: middle, y: state.y + (told ? 17 : 24), "text-anchor": "middle" }, `${SHAPES[state.type] ?? ""} ${state.name}`),
    told && s("text", { "aria-hidden": "true", class: "told", x: middle, y: state.y + 32, "text-anchor": "middle" }, told),
    marks && s("text", { "aria-hidden": "true", class: "marks", x: state.x + state.width - 6, y: state.y - 3, "text-anchor": "end" }, marks));
}

/** Draw one machine; `show(state, visits)` is called when a state is chosen. */
export function graph(layout, visits, start, label, show) {
  const { states, ways } = walked(visits, layout, start);
  const choose = (name) => {
    for (const node of drawing.querySelectorAll("[aria-pressed]")) node.setAttribute("aria-pressed", String(node.dataset.state === name));
    show(layout.states.find((state) => state.name === name), states.get(name).visits);
  };
  const order = [...layout.ways].sort((a, b) => ways.has(`${a.from}\n${a.to}`) - ways.has(`${b.from}\n${b.to}`));
  const drawing = s("svg", { class: "graph", viewBox: `0 0 ${layout.width} ${layout.height}`, width: layout.width, height: layout.height, role: "group", "aria-label": label },
    order.map((way) => drawnWay(way, ways.get(`${way.from}\n${way.to}`))),
    layout.states.map((state) => drawnState(state, states.get(state.name), choose)));
  return drawing;
}

/** The visits of one state, as a table. */
export function entries({ name, comment }, visits, start) {
  const MOST = 500;
  const heads = ["Entered (UTC)", "After", "Lane", "Took", "Tries", "How it ended"];
  const rows = visits.slice(0, MOST).map((visit) => [
    moment(visit.entered), `+${seconds((visit.entered - start) / 1000)}`, visit.lane ?? "–", visit.foretold ? "–" : seconds(visit.seconds), visit.attempts,
    [visit.foretold && "follows from the outcome; ", visit.retried?.length ? `retried after ${visit.retried.join(", ")}; ` : "", visit.status, visit.error ? `: ${visit.error}` : "", visit.cause ? h("div", { class: "cause" }, visit.cause) : ""],
  ]);
  const more = visits.length > MOST ? h("p", { class: "note" }, `The first ${count(MOST)} of ${count(visits.length)}.`) : null;
  return [comment && h("p", { class: "note" }, comment), table(`Entries of “${name}”`, heads, rows, ["", "number", "number", "number", "number", "text"]), more];
}

export function graphSection(machine, document) {
  const history = document.history, visits = history?.visits ?? [];
  const start = visits.length ? visits[0].entered : 0;
  const panel = h("div", { class: "panel", role: "region", tabindex: "0", "aria-label": "Entries of a state", "aria-live": "polite" }, h("p", { class: "note" }, visits.length ? "Choose a state to see when it was entered." : "The way is not known: AWS keeps a history for 90 days, and the ledger has none."));
  const show = (state, found) => replace(panel, entries(state, found, start));
  const own = visits.filter((visit) => visit.lane === null);
  const lanes = [...new Set(visits.map((visit) => visit.lane).filter((lane) => lane !== null))].sort((a, b) => a - b);
  const holder = h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "What the lanes did" });
  const draw = (lane) => {
    const chosen = visits.filter((visit) => visit.lane !== null && (lane === null || visit.lane === lane));
    replace(holder, graph(machine.lane, chosen, start, `The states of ${lane === null ? "all lanes together" : `lane ${lane}`}`, show));
  };
  draw(null);
  const pick = lanes.length > 1 && h("label", {}, "Show ", h("select", { onchange: (event) => draw(event.target.value ? Number(event.target.value) : null) },
    h("option", { value: "" }, `all ${lanes.length} lanes together`), lanes.map((lane) => h("option", { value: lane }, `lane ${lane}`))));
  return [
    history && !history.complete && h("p", { class: "note warn" }, "The history is longer than what was read of it: counts and times are of its first part."),
    h("div", { class: "graphs" },
      h("figure", { class: "machine" }, h("figcaption", {}, "The run"),
        h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "What the run did" }, graph(machine.run, own, start, "The states of the run", show))),
      h("div", { class: "beside" },
        h("figure", { class: "machine" }, h("figcaption", {}, `“${machine.map}”: what each lane does `, pick || (lanes.length === 1 && "(one lane)")), holder),
        panel)),
    h("p", { class: "legend" }, "Bold: entered by this execution, ×how often · seconds in it. On a way: ×how often · when first, after the start. ↻ tries that were repeated. ✘ errors that were caught, or that ended it. Dashed: after an error."),
  ];
}
