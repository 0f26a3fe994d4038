import { expect, test } from "vitest";
import { there, turnTo } from "../src/lib/at";
import { operationsOf } from "../src/lib/openapi";
import { fromSnapshot } from "../src/lib/state";
import { stepsOf } from "../src/lib/steps";

const open = { open: true, people: null };
const done = (raw: Parameters<typeof fromSnapshot>[0], known = open): string[] =>
  stepsOf(fromSnapshot(raw), known).filter((s) => s.done).map((s) => s.id);

test("nothing is ticked before the line has said anything", () => {
  expect(stepsOf(null, open).filter((s) => s.done)).toEqual([]);
});

test("each step is ticked by what the line reports", () => {
  const line = { ...fromSnapshot({}).line, node: "up", plan: "A" };
  expect(done({ line })).toEqual(["node", "plan", "calm"]);
  const rates = { ...fromSnapshot({}).rates, inducted: 3, no_read: 3, read_rate: 0 };
  expect(done({ line, rates })).not.toContain("read");
  expect(done({ line, rates: { ...rates, no_read: 1, read_rate: 0.6, sorted: 1 } })).toEqual(["node", "belt", "read", "plan", "sorted", "calm"]);
  const camera = { id: 0, name: "top", healthy: true, frames: 0, read_ms_p50: null };
  expect(done({ line, cameras: [camera] })).not.toContain("cameras");
  expect(done({ line, cameras: [{ ...camera, frames: 1 }] })).toContain("cameras");
});

test("where people sign in, one alone is not enough", () => {
  expect(done({}, { open: false, people: 1 } as never)).not.toContain("people");
  expect(done({}, { open: false, people: 2 } as never)).toContain("people");
});

test("only the API goes to another controller, and only to one with a proper name", () => {
  turnTo("/at/west");
  expect([there("/api/v1/alarms"), there("/favicon.svg")]).toEqual(["/at/west/api/v1/alarms", "/favicon.svg"]);
  for (const bad of ["//evil.example", "/at/../x", "https://evil.example", ""]) {
    turnTo(bad);
    expect(there("/api/v1/alarms"), bad).toBe("/api/v1/alarms");
  }
});

test("routes are found by word, with members of their body", () => {
  const api = {
    paths: { "/api/v1/keys": { post: { summary: "Makes a key.", "x-right": "administer", requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/NewKey" } } } } } } },
    components: { schemas: { NewKey: { required: ["name"], properties: { name: { type: "string" } } } } },
  };
  expect(operationsOf(api, "nothing like it")).toEqual([]);
  const [group, [one]] = operationsOf(api, "KEY")[0] ?? ["", []];
  expect([group, one?.right]).toEqual(["keys", "administer"]);
  expect(one?.body).toEqual([{ name: "name", type: "string", required: true, text: "" }]);
});
