import { expect, test } from "vitest";
import { deadlineOf, orderWaiting } from "../src/lib/deadline";
import { bounds, project } from "../src/lib/map";
import { chuteIn, diffOf, takenOver, type SortPlan } from "../src/lib/plan";
import { hrefOf, placeOf } from "../src/lib/pages";
import { shiftOf } from "../src/lib/report";
import { alternativesOf, searchFor, whyOf, type Life } from "../src/lib/trace";
import type { Parcel, Waiting } from "../src/lib/types";

const parcel = (id: number, position_mm: number): Parcel => ({
  id,
  position_mm,
  length_mm: 300,
  chute: null,
  committed: false,
  lap: 0,
  destination: null,
  status: "tracked",
});
const waiting = (parcel: number, by: string | null = null, sample = false): Waiting => ({
  parcel,
  since: "",
  reason: null,
  images: [],
  sample,
  by,
});

test("an address and its place are each other's inverse, and nonsense is the first page", () => {
  expect(placeOf(hrefOf("parcels", 17))).toEqual({ page: "parcels", rest: ["17"] });
  expect(placeOf(hrefOf("alarms", "a/b ?"))).toEqual({ page: "alarms", rest: ["a/b ?"] });
  for (const hash of ["", "#", "#/nothing", "#/../x", "#/%E0%A4%A"]) {
    expect(placeOf(hash).page).toBe("overview");
  }
});

test("a deadline counts down to the last chute and is none while the belt stands", () => {
  const limits = { first_mm: 4_000, last_mm: 20_000 };
  const now = deadlineOf(parcel(1, 5_000), limits, 1_500);
  expect(now?.last_s).toBeCloseTo(10);
  expect(now?.first_s).toBeLessThan(0);
  expect(now?.left).toBeCloseTo(0.75);
  expect(deadlineOf(parcel(1, 5_000), limits, 0)).toBeNull();
  expect(deadlineOf(undefined, limits, 1_500)).toBeNull();
});

test("the most urgent parcel comes first, samples last, what others hold not at all", () => {
  const seconds: Record<number, number> = { 1: 9, 2: 3, 3: -1 };
  const deadline = (id: number) =>
    seconds[id] === undefined ? null : { first_s: 0, last_s: seconds[id], left: 0 };
  const list = [waiting(1), waiting(2), waiting(3), waiting(4, "other"), waiting(5, null, true), waiting(6)];
  expect(orderWaiting(list, "me", deadline).map((w) => w.parcel)).toEqual([2, 1, 6, 3, 5]);
});

test("a diff names what is added, removed, changed and moved", () => {
  const rule = (name: string, chutes: number[]) => ({ name, chutes });
  const plan = (rules: ReturnType<typeof rule>[], hold: number | null = null): SortPlan => ({
    version: "x",
    rule: rules,
    hold,
  });
  const old = plan([rule("a", [1]), rule("b", [2]), rule("c", [3])]);
  const now = plan([rule("b", [2]), rule("a", [9]), rule("d", [4])], 12);
  expect(diffOf(old, now).map((c) => `${c.kind} ${c.name}`)).toEqual([
    "setting hold",
    "changed a",
    "added d",
    "removed c",
    "moved b",
  ]);
  expect(diffOf(old, structuredClone(old))).toEqual([]);
});

test("shifts begin at 6, 14 and 22 o'clock of the site, over midnight too", () => {
  const at = (text: string): number => Date.parse(text);
  // 01:30 in Berlin in winter: the night shift of the evening before.
  const night = shiftOf("shift", 0, at("2026-11-24T00:30:10Z"), "Europe/Berlin");
  expect(night).toEqual({ from: "2026-11-23T21:00:00.000Z", to: "2026-11-24T05:00:00.000Z" });
  const late = shiftOf("shift", 1, at("2026-11-24T13:00:00Z"), "Europe/Berlin");
  expect(late.from).toBe("2026-11-24T05:00:00.000Z");
  const day = shiftOf("day", 1, at("2026-11-24T13:00:00Z"), "Asia/Shanghai");
  expect(day).toEqual({ from: "2026-11-22T16:00:00.000Z", to: "2026-11-23T16:00:00.000Z" });
});

test("why a parcel is there is its last usable reading and its last decision", () => {
  const reading = (no_read: string | null) => ({ codes: [], destination: null, no_read });
  const life: Life = {
    id: 1,
    outcome: null,
    disposition: { outcome: "under_way", physical: "regular", decision: "chute", laps: 0 },
    inducted: null,
    destination: null,
    steps: [
      { at: "2026-11-24T13:00:00Z", step: "read", reading: reading(null), late: false, camera: 0 },
      { at: "2026-11-24T13:00:01Z", step: "read", reading: reading("bad_image"), late: false, camera: 1 },
      { at: "2026-11-24T13:00:02Z", step: "decided", chute: 1 },
      { at: "2026-11-24T13:00:03Z", step: "decided", chute: 2 },
    ],
  };
  const why = whyOf(life);
  expect(why.read?.["camera"]).toBe(0);
  expect(why.decided?.["chute"]).toBe(2);
  expect(why.resolved).toBeNull();
});

test.each([
  ["outcome", "missort", { outcome: "missort", decided: 1, seen: 2 }],
  ["cause", "gap", { outcome: "rejected", cause: "gap" }],
  ["cause", "no_read", { outcome: "rejected", cause: { no_read: { reason: "nothing_found" } } }],
] as const)("parcels by %s %s are found in the journal's text", (kind, name, outcome) => {
  expect(JSON.stringify({ step: "ended", outcome })).toContain(searchFor(kind, name));
  const mentioned = { step: "read", reading: { no_read: "missort", cause: "gap" } };
  expect(JSON.stringify(mentioned)).not.toContain(searchFor(kind, name));
});

test("a proposal is taken over into the rules that it moves, and into no other", () => {
  const plan: SortPlan = { version: "A", rule: [{ name: "a", chutes: [1, 5] }, { name: "b", chutes: [2] }, { name: "c", chutes: [3] }] };
  const without = { peak: 1, missed: 0, laps: 0, walk_m: 0 };
  const moved = takenOver(plan, [
    { rule: "a", from: "chute 1 (North 1)", to: "chute 9 (South 2)", without },
    { rule: "b", from: null, to: "nowhere", without },
  ]);
  expect(moved.rule.map((rule) => rule.chutes)).toEqual([[9, 5], [2], [3]]);
  expect(moved.rule[2]).toBe(plan.rule[2]);
  expect(takenOver(moved, [{ rule: "a", from: "chute 1 (North 1)", to: "chute 9 (South 2)", without }]).rule[0]).toBe(moved.rule[0]);
  expect([chuteIn("chute 12 (Overflow)"), chuteIn("12"), chuteIn(null)]).toEqual([12, null, null]);
});

test("a decision tells the chutes it did not take, in the plan's order", () => {
  const decided = { at: "2026-11-24T13:00:02Z", step: "decided", chute: 3 };
  expect(alternativesOf(decided)).toEqual([]);
  expect(alternativesOf({ ...decided, alternatives: [{ chute: 4, obstacle: "full" }, { chute: 9 }] })).toEqual([
    { chute: 4, obstacle: "full" },
    { chute: 9, obstacle: null },
  ]);
});

test("the map holds all places and keeps its shape", () => {
  const places = [
    { lat: 50, lon: 8 },
    { lat: 45, lon: 5 },
  ];
  const shown = bounds(places, 2);
  for (const place of places) {
    const { x, y } = project(place, shown, 800, 400);
    expect(x).toBeGreaterThan(0);
    expect(x).toBeLessThan(800);
    expect(y).toBeGreaterThan(0);
    expect(y).toBeLessThan(400);
  }
  expect(bounds([], 2)).toEqual({ west: -180, north: 90, width: 360, height: 180 });
});
