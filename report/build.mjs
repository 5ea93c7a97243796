// Builds the page: the machine laid out, the script and the style in one file that asks for nothing. `--check` compares.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { laidOut } from "./layout.mjs";

const here = (path) => new URL(path, import.meta.url);
const TARGET = here("../functions/redrive/report/page.html");

const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
// What stands in a script element must not end it.
const json = (value) => JSON.stringify(value).replace(/[<>&]/g, (found) => `\\u00${found.charCodeAt(0).toString(16)}`);

const machine = JSON.parse(await readFile(here("../statemachine/redrive.asl.json"), "utf8"));
const map = Object.entries(machine.States).find(([, state]) => state.Type === "Map");
const layout = { map: map[0], run: await laidOut(machine), lane: await laidOut(map[1].ItemProcessor) };

const bundle = async (entry) => {
  const { outputFiles } = await build({
    entryPoints: [here(entry).pathname], bundle: true, minify: true, write: false, format: "iife", target: "es2022", charset: "ascii", logLevel: "error",
  });
  return outputFiles[0].text.trim();
};
const script = await bundle("src/page.js");
const style = await bundle("src/page.css");
const policy = [
  "default-src 'none'", `script-src ${hash(script)}`, `style-src ${hash(style)}`, "img-src data:", "base-uri 'none'", "form-action 'none'",
].join("; ");
const parts = { policy, style, script, machine: json(layout) };
const page = (await readFile(here("src/page.html"), "utf8")).replace(/\{\{(policy|style|script|machine)\}\}/g, (_, name) => parts[name]);

if (process.argv.includes("--check")) {
  if (page !== (await readFile(TARGET, "utf8"))) {
    console.error("functions/redrive/report/page.html is not what report/ and the machine make: make report-page");
    process.exit(1);
  }
} else {
  await writeFile(TARGET, page);
  console.log(`${TARGET.pathname}: ${Math.round(page.length / 1024)} KiB`);
}
