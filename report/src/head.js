// The top of a report, and its smaller parts.
import { bytes, count, counted, dollars, h, seconds, table } from "./dom.js";

const SERVICES = { transitions: "Step Functions, states entered", sqs: "SQS requests", s3: "S3 requests", dynamodb: "DynamoDB requests", lambda: "Lambda, functions run" };
const GREEN = new Set(["complete", "nothing to redrive", "nothing matched", "all are in flight", "stepped back"]);
const facts = (pairs) => h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
const time = (text) => text && `${String(text).replace("T", " ").slice(0, 19)} UTC`;
const lines = (list) => (list?.length ? h("ul", {}, list.map((text) => h("li", {}, text))) : null);

export const badge = (status) => h("span", { class: `badge ${status === "running" ? "running" : GREEN.has(status) ? "green" : "red"}` }, `${status === "running" ? "…" : GREEN.has(status) ? "✔" : "✘"} ${status}`);

export function top(document) {
  const { summary, plan } = document, request = summary?.request ?? plan?.request;
  return h("header", {},
    h("p", { class: "eyebrow" }, "Redrive report"),
    h("h1", {}, document.name, " ", badge(summary?.status ?? "running")),
    h("p", { class: "lead" }, document.sentence),
    summary?.error && h("div", { class: "why", role: "note" }, h("strong", {}, summary.error), summary.cause ? `: ${summary.cause}` : ""),
    document.next.length > 0 && h("div", { class: "next" }, h("h2", {}, "What to look at next"), h("ul", {}, document.next.map(({ say, command }) => h("li", {}, say, command && [" ", h("code", {}, command)])))),
    summary && h("ul", { class: "tiles", "aria-label": "Counts" },
      [["received", summary.received], ["sent", summary.sent + summary.already_sent], summary.previewed && ["previewed", summary.previewed], ["held", summary.held], summary.returned && ["returned", summary.returned], summary.discarded && ["discarded", summary.discarded], ["failed", summary.failed]]
        .filter(Boolean).map(([name, number]) => h("li", { class: `tile ${number ? `o-${name}` : "none"}` }, h("strong", {}, count(number)), h("span", {}, name))),
      h("li", { class: "tile" }, h("strong", {}, seconds(summary.seconds)), h("span", {}, "from start to end"))),
    facts([
      ["Queue", summary?.queue ?? plan?.queue],
      ["Destination", request?.action === "delete" ? "none: archived, and deleted for good" : summary?.destination ?? (plan?.sources.length ? `each message's source: ${plan.sources.join(", ")}${plan.more_sources ? ` and ${count(plan.more_sources)} more` : ""}` : "each message's source")],
      ["Started", time(summary?.started ?? plan?.started)],
      ["Ended", time(summary?.ended)],
      ["Started by", summary?.started_by ?? "not said"],
      ["Path", (summary?.path ?? plan?.path) && [summary?.path ?? plan?.path, lines(summary?.because ?? plan?.because)]],
      ["Lanes", summary?.lanes ? [`${counted(summary.lanes, "lane")}, ${counted(summary.rounds, "round")}`, lines(summary.lanes_because)] : null],
      ["Counted at the start", summary?.counted !== null && summary?.counted !== undefined && counted(summary.counted, "visible message")],
      ["Notes", lines([...(summary?.notes ?? []), ...document.notes])],
      ["Runs beside it", lines(summary?.beside)],
      ["Ledger", summary?.ledger && h("code", {}, summary.ledger)],
    ]),
    request && h("details", { class: "request", open: true }, h("summary", {}, "The request"), h("pre", { tabindex: "0" }, JSON.stringify(request, null, 2))));
}

export function retried(document) {
  const visits = (document.history?.visits ?? []).filter((visit) => visit.attempts > 1 || visit.status === "caught");
  if (!document.history) return [h("p", { class: "note" }, "The history is not known.")];
  if (!visits.length) return [h("p", {}, "No step was tried again, and no error was caught.")];
  const found = new Map();
  for (const visit of visits) {
    const errors = [...(visit.retried ?? []).map((error) => [error, "tried again"]), ...(visit.status === "caught" ? [[visit.error, "caught"]] : [])];
    for (const [error, how] of errors) {
      const key = JSON.stringify([visit.state, error, how]), entry = found.get(key) ?? { times: 0, lanes: new Set() };
      entry.times += 1;
      if (visit.lane !== null) entry.lanes.add(visit.lane);
      found.set(key, entry);
    }
  }
  const rows = [...found].map(([key, { times, lanes }]) => {
    const [state, error, how] = JSON.parse(key);
    return [state, error || "unknown", how, count(times), lanes.size ? [...lanes].sort((a, b) => a - b).slice(0, 20).join(", ") : "–"];
  });
  return [table("Tries that were repeated, and errors that were caught", ["State", "Error", "What was done", "Times", "Lanes"], rows, ["", "text", "", "number", "number"])];
}

export function cost({ cost: found }) {
  if (!found) return [h("p", { class: "note" }, "The bill of this run is not known: it has no summary, or it was cleaned up after.")];
  const rows = Object.entries(SERVICES).map(([name, title]) => [title, count(found.requests[name] ?? 0), dollars(found.dollars[name] ?? 0)]);
  if (found.dollars_of_time !== null) rows.push(["Lambda, time in functions (by the history)", seconds(found.seconds), dollars(found.dollars_of_time)]);
  const all = Object.values(found.dollars).reduce((a, b) => a + b, 0) + (found.dollars_of_time ?? 0);
  return [
    table("Requests, as the run counted them", ["What", "How many", "Dollars"], [...rows, [h("strong", {}, "Together"), "", h("strong", {}, dollars(all))]], ["", "number", "number"]),
    h("p", { class: "note" }, "Counts are true, repeats included; dollars are an estimate at the prices of us-east-1 without free tiers (docs/facts.md): each S3 request as a PUT, each DynamoDB request as one unit. Storage, logs and keys are not in it."),
  ];
}

function lockedBy({ mode, days, years }) {
  if (!mode) return "Object Lock is on, without a default retention: what keeps a file is set on the file.";
  const who = mode === "COMPLIANCE" ? "nobody" : "only who has a special permission";
  return `Object Lock is on, in ${mode.toLowerCase()} mode: ${who} can change or remove a version of these files for ${days ? counted(days, "day") : counted(years, "year")} after it was written.`;
}

export function files({ files: found, lock, run }) {
  const locked = lock === null ? "Whether the bucket has Object Lock was not asked, or may not be known." : lock.on ? lockedBy(lock)
    : "Object Lock is off: whoever may write to the bucket can change these files. The sums below tell whether somebody did.";
  return [
    h("p", {}, locked),
    found.length ? table(`Files of this run, under runs/${run}/`, ["File", "Bytes", "SHA-256"], found.map((file) => [file.key, bytes(file.bytes), h("code", { class: "sum" }, file.sha256 ?? "gone")]), ["text", "number", ""])
      : h("p", { class: "note" }, "The files were not read."),
    h("p", { class: "note" }, h("code", {}, `redrive verify ${run}`), " compares the files in the bucket with these sums."),
  ];
}
