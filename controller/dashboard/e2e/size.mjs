// What an operator's first load weighs, compressed; fails above the budget.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";

const BUDGET_BYTES = 60 * 1024;
const dist = fileURLToPath(new URL("../dist", import.meta.url));
const files = readdirSync(dist, { recursive: true })
  .map(String)
  .filter((name) => /\.(html|js|css|svg)$/.test(name));
let total = 0;
for (const name of files) {
  const bytes = gzipSync(readFileSync(join(dist, name)), { level: 9 }).length;
  total += bytes;
  process.stdout.write(`${String(bytes).padStart(8)}  ${name}\n`);
}
process.stdout.write(`${String(total).padStart(8)}  of ${BUDGET_BYTES}\n`);
process.exitCode = total <= BUDGET_BYTES ? 0 : 1;
