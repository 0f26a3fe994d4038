import { expect, test } from "vitest";
import { localIn, momentIn, Recording, type MovedStep } from "../src/lib/replay";
import { demo as topology } from "./topology";

const T0 = Date.parse("2026-11-29T20:00:00.000Z");
const at = (ms: number): string => new Date(T0 + ms).toISOString();
const UM = 1_000;
const SPEED = topology.belt.speed_mm_per_s / 1_000;
const eye = topology.eye.find((e) => e.role === "track");
const chute = topology.chute.find((c) => c.kind === "sort")?.id ?? 0;

/** A parcel that runs at the belt's speed from `ms` on; counts begin shortly before they overflow. */
function life(parcel: number, ms: number): MovedStep[] {
  const count = (mm: number): number => (2 ** 32 - 500 + ms * SPEED + mm) % 2 ** 32;
  const seen = (eye?.position_mm ?? 0) / SPEED;
  return [
    { at: at(ms), parcel, step: "inducted", eye: 0, lap: 0, ticks: count(0) },
    { at: at(ms + 100), parcel, step: "measured", length_mm: 300 },
    { at: at(ms + 600), parcel, step: "decided", chute },
    { at: at(ms + seen), parcel, step: "seen", eye: eye?.id ?? 0, ticks: count(eye?.position_mm ?? 0) },
    { at: at(ms + seen + 1_000), parcel, step: "fired", ticks: count((eye?.position_mm ?? 0) + 1_000 * SPEED) },
    { at: at(ms + seen + 2_000), parcel, step: "ended", outcome: { outcome: "sorted", chute } },
  ];
}

function recorded(steps: MovedStep[]): Recording {
  const recording = new Recording(topology, UM);
  recording.add(steps);
  return recording;
}

test("a parcel is where the belt had brought it, over the counter's end too", () => {
  const recording = recorded(life(7, 0));
  const shown = (ms: number) => recording.at(T0 + ms)[0];
  expect(recording.at(T0 - 1)).toEqual([]);
  expect(shown(1_000)?.mm).toBeCloseTo(1_000 * SPEED, 3);
  expect(shown(1_000)).toMatchObject({ id: 7, length_mm: 300, chute, committed: false });
  const seen = (eye?.position_mm ?? 0) / SPEED;
  expect(shown(seen + 500)?.mm).toBeCloseTo((seen + 500) * SPEED, 3);
  expect(shown(seen + 1_500)?.committed).toBe(true);
  expect(recording.at(T0 + seen + 2_500)).toEqual([]);
});

test("while the belt stood, so did its parcels", () => {
  const steps = life(7, 0).slice(0, 3);
  const travel = (eye?.position_mm ?? 0) - 0;
  steps.push({ at: at(60_000), parcel: 7, step: "seen", eye: eye?.id ?? 0, ticks: (2 ** 32 - 500 + travel) % 2 ** 32 });
  const recording = recorded(steps);
  const mm = (ms: number): number => recording.at(T0 + ms)[0]?.mm ?? -1;
  expect(mm(1_000)).toBeCloseTo(1_000 * SPEED, 3);
  expect(mm(30_000)).toBeCloseTo(travel, 3);
  expect(mm(59_000)).toBeCloseTo(travel, 3);
});

test("sums and marks are those up to the moment", () => {
  const rejected: MovedStep = { at: at(9_000), parcel: 8, step: "ended", outcome: { outcome: "rejected", cause: "gap" } };
  const steps = [...life(7, 0), ...life(8, 2_000).slice(0, 3), rejected].sort((a, b) => a.at.localeCompare(b.at));
  const later = new Recording(topology, UM, T0 + 5_000);
  later.add(steps);
  expect(later.at(T0 + 1_500).length, "what came before is on the belt").toBe(1);
  expect(later.sums(T0 + 60_000), "and does not count").toMatchObject({ inducted: 0, rejected: 1 });
  const recording = recorded(steps);
  expect(recording.sums(T0 + 1_000)).toMatchObject({ inducted: 1, sorted: 0 });
  const all = recording.sums(T0 + 60_000);
  expect(all).toMatchObject({ inducted: 2, sorted: 1, rejected: 1 });
  expect(all.chutes.get(chute)).toBe(1);
  expect(recording.mark(T0, 1)).toMatchObject({ parcel: 8, kind: "rejected", cause: "gap" });
  expect(recording.mark(T0 + 9_000, 1)).toBeNull();
  expect(recording.mark(T0 + 9_001, -1)?.parcel).toBe(8);
});

test("another lap begins at induction again", () => {
  const first = life(7, 0).slice(0, 3);
  const lap: MovedStep = { at: at(20_000), parcel: 7, step: "inducted", eye: 0, lap: 1, ticks: (2 ** 32 - 500 + 20_000 * SPEED) % 2 ** 32 };
  const recording = recorded([...first, lap]);
  expect(recording.at(T0 + 21_000).map((p) => [p.id, Math.round(p.mm)])).toEqual([[7, 1_000 * SPEED]]);
  expect(recording.sums(T0 + 21_000).inducted).toBe(1);
});

test("a time on the site's clock is a moment, in summer and in winter", () => {
  expect(momentIn("Europe/Berlin", "2026-11-29T21:00")).toBe(Date.parse("2026-11-29T20:00:00Z"));
  expect(momentIn("Europe/Berlin", "2026-07-01T21:00")).toBe(Date.parse("2026-07-01T19:00:00Z"));
  // The night on which the clock goes back.
  expect(momentIn("Europe/Berlin", "2026-10-25T04:00")).toBe(Date.parse("2026-10-25T03:00:00Z"));
  expect(localIn("Asia/Shanghai", Date.parse("2026-11-29T20:00:05Z"))).toBe("2026-11-30T04:00:05");
  expect(momentIn("Europe/Berlin", "soon")).toBeNull();
});
