// What an operator's first load weighs, compressed: all that is fetched until the line is on the
// screen, and what each page and language adds. Fails above the budget.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";

const BUDGET_BYTES = 150 * 1024;
const dist = fileURLToPath(new URL("../dist", import.meta.url));
const files = readdirSync(dist, { recursive: true })
  .map(String)
  .filter((name) => /\.(html|js|css|svg)$/.test(name));
const text = new Map(files.map((name) => [name, readFileSync(join(dist, name))]));
const weight = (name) => gzipSync(text.get(name), { level: 9 }).length;
const short = (name) => name.replace(/^assets\//, "");

/** Files that a file cannot do without: its static imports. */
function needs(name, seen = new Set()) {
  if (seen.has(name) || !text.has(name)) return seen;
  seen.add(name);
  for (const [, other] of String(text.get(name)).matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) needs(`assets/${other}`, seen);
  return seen;
}

const starts = (start) => files.filter((name) => short(name).startsWith(start));
const entry = [...String(text.get("index.html")).matchAll(/assets\/[^"]+/g)].map((m) => m[0]);
const english = starts("en-");
const first = new Set(["index.html", "favicon.svg", ...english]);
for (const name of [...entry, ...starts("Shell-"), ...starts("Overview-")]) for (const need of needs(name)) first.add(need);
let total = 0;
for (const name of first) {
  total += weight(name);
  process.stdout.write(`${String(weight(name)).padStart(8)}  ${name}\n`);
}
process.stdout.write(`${String(total).padStart(8)}  first load, of ${BUDGET_BYTES}\n`);
for (const name of files.filter((name) => !first.has(name))) {
  process.stdout.write(`${String(weight(name)).padStart(8)}  later: ${name}\n`);
}
process.exitCode = total <= BUDGET_BYTES ? 0 : 1;
