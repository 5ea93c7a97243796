// The machine as a picture: its states and ways, placed by elk once, at build time.
import ELK from "elkjs/lib/elk.bundled.js";

const CHARACTER = 6.7; // px, of the page's font at 12 px
const STATE = { least: 96, sides: 40, height: 40 };
const LABEL = { width: 82, height: 14 }; // what the page writes on a way: how often, and when first
const OPTIONS = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.layered.cycleBreaking.strategy": "MODEL_ORDER",
  "elk.layered.spacing.nodeNodeBetweenLayers": "18",
  "elk.spacing.nodeNode": "22",
  "elk.spacing.edgeNode": "14",
  "elk.spacing.edgeEdge": "10",
  "elk.layered.spacing.edgeNodeBetweenLayers": "12",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "10",
  "elk.edgeLabels.inline": "false",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.layered.feedbackEdges": "true",
  "elk.padding": "[top=12,left=12,bottom=12,right=12]",
};

/** Every way between the states of one machine: `{from, to, error}`, each once; an ordinary one goes before a catch. */
export function ways(states) {
  const found = new Map();
  const add = (from, to, error) => to && !found.has(`${from}\n${to}`) && found.set(`${from}\n${to}`, { from, to, error });
  for (const [name, state] of Object.entries(states)) {
    for (const rule of state.Choices ?? []) add(name, rule.Next, false);
    add(name, state.Next, false);
    add(name, state.Default, false);
  }
  for (const [name, state] of Object.entries(states)) for (const caught of state.Catch ?? []) add(name, caught.Next, true);
  return [...found.values()];
}

/** The states as a walk from the start meets them: what leads back in this order is a loop, and drawn as one. */
function inOrder(start, all) {
  const after = [], seen = new Set();
  const walk = (name) => {
    if (seen.has(name)) return;
    seen.add(name);
    // The last way that is walked comes first in the order: so errors before the ordinary ones, and those from behind.
    for (const { to } of all.filter((way) => way.from === name).sort((a, b) => b.error - a.error || -1)) walk(to);
    after.unshift(name);
  };
  walk(start);
  return after;
}

/** Where everything is: `{start, width, height, states: [{name, type, comment, x, y, width, height}], ways: [{from, to,
 *  error, points, label, width}]}`, in px. */
export async function laidOut({ StartAt, States }) {
  const size = (name) => ({ width: Math.max(STATE.least, Math.round(name.length * CHARACTER + STATE.sides)), height: STATE.height });
  const all = ways(States);
  const graph = await new ELK().layout({
    id: "machine",
    layoutOptions: OPTIONS,
    children: inOrder(StartAt, all).map((name) => ({ id: name, ...size(name) })),
    edges: all.map((way, number) => ({
      id: String(number),
      sources: [way.from],
      targets: [way.to],
      layoutOptions: { "elk.layered.priority.direction": way.error ? "0" : "5", "elk.layered.priority.straightness": way.error ? "0" : "5" },
      labels: [{ id: `label ${number}`, text: " ", ...LABEL }],
      way,
    })),
  });
  const round = ({ x, y }) => [Math.round(x), Math.round(y)];
  return {
    start: StartAt,
    width: Math.ceil(graph.width),
    height: Math.ceil(graph.height),
    states: graph.children.map(({ id, x, y, width, height }) => ({
      name: id, type: States[id].Type, comment: States[id].Comment ?? "", x: Math.round(x), y: Math.round(y), width, height,
    })),
    ways: graph.edges.map(({ way, sections: [section], labels: [label] }) => ({
      ...way,
      points: [section.startPoint, ...(section.bendPoints ?? []), section.endPoint].map(round),
      label: [Math.round(label.x), Math.round(label.y)],
      width: LABEL.width,
    })),
  };
}
