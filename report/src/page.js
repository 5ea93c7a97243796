// A report: a document and the machine, both in this file, drawn. Nothing is asked for, and no text is read as HTML.
import { h, section } from "./dom.js";
import { graphSection } from "./graph.js";
import { cost, files, retried, top } from "./head.js";
import { messageTable } from "./messages.js";
import { outcomes } from "./outcomes.js";
import { queueReport } from "./queue.js";
import { timeline } from "./timeline.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const machine = read("machine"), found = read("document");
const main = document.getElementById("content");

const parts = () =>
  found.kind === "queue" ? queueReport(found) : [
    ["way", "The way it went", graphSection(machine, found)],
    ["timeline", "When", timeline(machine, found, found.messages)],
    ["outcomes", "Outcomes", outcomes(found.messages)],
    ["messages", "Messages", [found.left_out && h("p", { class: "note warn" }, found.left_out), messageTable(found.messages, found.name)]],
    ["retried", "What was retried", retried(found)],
    ["cost", "What it cost", cost(found)],
    ["files", "Files and their sums", files(found)],
  ];

document.title = found.kind === "queue" ? `Redrive: ${found.queue}` : `Redrive: ${found.name}`;
const shown = parts();
main.replaceChildren();
main.append(
  ...(found.kind === "queue" ? [shown.head] : [top(found)]),
  h("nav", { "aria-label": "Parts of the report" }, (shown.parts ?? shown).map(([id, title]) => h("a", { href: `#${id}` }, title))),
  ...(shown.parts ?? shown).map(([id, title, content]) => section(id, title, content)),
  h("footer", {}, `Made ${found.made} by Redrive. This file asks nobody for anything; what it shows stands in it.`),
);
for (const box of document.querySelectorAll(".machine .scroll")) box.scrollLeft = (box.scrollWidth - box.clientWidth) / 2; // its middle has the way
