// A queue over many runs: what keeps dying, what came back, and how many runs it took.
import { count, counted, h, moment, seconds, table } from "./dom.js";
import { badge } from "./head.js";
import { messageTable } from "./messages.js";
import { outcomes } from "./outcomes.js";

const top = (found) => h("header", {},
  h("p", { class: "eyebrow" }, "Redrive report of a queue"),
  h("h1", {}, found.queue),
  h("p", { class: "lead" }, found.sentence),
  h("ul", { class: "tiles", "aria-label": "Counts" },
    [["runs", found.runs.length], ["messages", found.lives], ["came back", found.came_back, "returned"], ["arrived for good", found.arrived, "sent"], ["failed at last", found.failed, "failed"]]
      .map(([name, number, kind]) => h("li", { class: `tile ${number && kind ? `o-${kind}` : number ? "" : "none"}` }, h("strong", {}, count(number)), h("span", {}, name)))),
  found.notes.length > 0 && h("ul", { class: "notes" }, found.notes.map((note) => h("li", {}, note))));

const grouped = (title, heads, list) => (list.length
  ? table(title, heads, list.map((entry) => [entry.what, count(entry.messages), count(entry.redrives), moment(entry.last)]), ["text key", "number", "number", ""])
  : h("p", { class: "note" }, "Nothing came back, and nothing failed."));

export function queueReport(found) {
  return {
    head: top(found),
    parts: [
      ["dying", "What keeps dying", [
        h("p", {}, "Messages that failed, or came back after they had been sent, by reason and by source."),
        grouped("By reason", ["Reason", "Messages", "Times redriven", "Last (UTC)"], found.dying.reasons),
        grouped("By source", ["Source", "Messages", "Times redriven", "Last (UTC)"], found.dying.sources)]],
      ["took", "How many runs it took", [
        table("Messages by how often they were sent", ["Times sent", "Messages", "of them in the queue again"], found.took.map((entry) => [entry.times, count(entry.messages), count(entry.back)]), ["number key", "number", "number"])]],
      ["outcomes", "Outcomes", outcomes(found.messages)],
      ["lives", "Messages", [
        found.left_out && h("p", { class: "note warn" }, found.left_out),
        h("p", { class: "note" }, "A line for each outcome in a run. A message that came back has another id each time; its first one joins them."),
        messageTable(found.messages, found.queue, { heads: { page: "Run", first_id: "First id" }, columns: ["id", "key", "outcome", "reason", "source", "destination", "new_id", "first_id", "at", "page"], filters: ["outcome", "reason", "source", "page"] })]],
      ["runs", "Runs", [
        table("Runs at this queue", ["Run", "Started (UTC)", "Outcome", "Received", "Sent", "Held", "Failed", "Took"], found.runs.map((run) => [run.run, moment(run.started), run.status ? badge(run.status) : "unknown", count(run.received), count(run.sent), count(run.held), count(run.failed), seconds(run.seconds)]), ["text", "", "", "number", "number", "number", "number", "number"]),
        found.runs.length ? null : h("p", { class: "note" }, `No run in ${counted(found.days, "day")}.`)]],
    ],
  };
}
