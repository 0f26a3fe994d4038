import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { en } from "../src/messages/en";

/** Names of an enum's variants as the service writes them. */
function variants(file: string, name: string): string[] {
  const source = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
  const body = new RegExp(`pub enum ${name} \\{\\n([\\s\\S]*?)\\n\\}`).exec(source)?.[1] ?? "";
  const found = [...body.matchAll(/^ {4}([A-Z]\w*)[,( {]/gm)].map((m) => m[1] ?? "");
  return found.map((one) => one.replace(/(?<=[a-z0-9])([A-Z])/g, "_$1").toLowerCase());
}

// What the service may say has words here: a name that it does not use is found as well.
test.each([
  ["route/src/network.rs", "Mode", "routes.mode."],
  ["route/src/conditions/change.rs", "Change", "routes.change."],
  ["core/src/action.rs", "Step", "trace.step."],
  ["core/src/action.rs", "Obstacle", "trace.obstacle."],
  ["core/src/reading.rs", "DestinationSource", "trace.source."],
  ["core/src/topology.rs", "EyeRole", "maintenance.role."],
])("%s: every %s has words", (file, name, start) => {
  const said = variants(file, name);
  expect(said.length).toBeGreaterThan(3);
  const worded = Object.keys(en).filter((key) => key.startsWith(start)).map((key) => key.slice(start.length));
  expect(worded.sort()).toEqual(said.sort());
});
