import { describe, expect, test } from "vitest";
import { approach, ClockOffset, HOLD_MS, Motion, SNAP_MM } from "../src/lib/motion";
import type { Parcel } from "../src/lib/types";

const SPEED = 1500;
const parcel = (over: Partial<Parcel> = {}): Parcel => ({
  id: 1,
  position_mm: 1000,
  length_mm: 300,
  chute: 3,
  committed: true,
  lap: 0,
  destination: null,
  status: "tracked",
  ...over,
});
const exit = { from_mm: 6000, travel_mm: 900 };

function run(motion: Motion, from: number, to: number): void {
  for (let now = from; now <= to; now += 16) motion.step(now);
}
const shown = (motion: Motion): number => motion.tracks.get(1)?.shown_mm ?? NaN;

describe("between messages", () => {
  test("a parcel travels with the belt", () => {
    const motion = new Motion(() => exit);
    motion.report(0, [parcel()], SPEED, 0);
    run(motion, 0, 800);
    expect(shown(motion)).toBeCloseTo(1000 + 1.5 * 800, -1);
  });

  test("a late message does not throw it back", () => {
    const motion = new Motion(() => exit);
    motion.report(0, [parcel()], SPEED, 0);
    run(motion, 0, 400);
    const before = shown(motion);
    // Sent at 300 ms, arrives at 400 ms.
    motion.report(400, [parcel({ position_mm: 1450 })], SPEED, 100);
    run(motion, 400, 416);
    expect(shown(motion)).toBeGreaterThan(before);
    expect(shown(motion)).toBeCloseTo(1000 + 1.5 * 416, -1);
  });

  test("it never moves backwards for a small correction", () => {
    const motion = new Motion(() => exit);
    motion.report(0, [parcel()], SPEED, 0);
    run(motion, 0, 200);
    motion.report(200, [parcel({ position_mm: 1200 })], SPEED, 0);
    let last = shown(motion);
    for (let now = 208; now < 900; now += 16) {
      motion.step(now);
      expect(shown(motion)).toBeGreaterThanOrEqual(last);
      last = shown(motion);
    }
  });

  test("a standing belt stands", () => {
    const motion = new Motion(() => exit);
    motion.report(0, [parcel()], 0, 0);
    run(motion, 0, 1000);
    expect(shown(motion)).toBe(1000);
  });

  test("without messages everything holds", () => {
    const motion = new Motion(() => exit);
    motion.report(0, [parcel()], SPEED, 0);
    run(motion, 0, HOLD_MS * 4);
    expect(shown(motion)).toBeLessThanOrEqual(1000 + (SPEED * (HOLD_MS + 20)) / 1000);
  });

  test("a tab that slept does not run ahead", () => {
    const motion = new Motion(() => exit);
    motion.report(0, [parcel()], SPEED, 0);
    motion.step(0);
    motion.report(60_000, [parcel({ position_mm: 1100 })], SPEED, 0);
    motion.step(60_000);
    expect(shown(motion)).toBeLessThan(1100 + SPEED * 0.4);
  });
});

describe("leaving", () => {
  test("near its exit it finishes its way and goes", () => {
    const motion = new Motion(() => exit);
    motion.report(0, [parcel({ position_mm: 6100 })], SPEED, 0);
    motion.step(0);
    motion.report(16, [], SPEED, 0);
    motion.step(16);
    expect(motion.tracks.get(1)?.leaving).toBe(true);
    expect(motion.step(32)).toBe(false);
    for (let now = 48; now < 1400; now += 16) motion.step(now);
    expect(motion.tracks.size).toBe(0);
  });

  test("far from its exit it is gone at once", () => {
    const motion = new Motion(() => exit);
    motion.report(0, [parcel()], SPEED, 0);
    motion.step(0);
    motion.report(16, [], SPEED, 0);
    expect(motion.step(16)).toBe(true);
    expect(motion.tracks.size).toBe(0);
  });

  test("back for another lap it starts at induction", () => {
    const motion = new Motion(() => exit);
    motion.report(0, [parcel({ position_mm: 9000 })], SPEED, 0);
    motion.step(0);
    motion.report(16, [parcel({ position_mm: 20, lap: 1 })], SPEED, 0);
    expect(shown(motion)).toBe(20);
  });
});

test("a jump of the tracking is shown at once", () => {
  expect(approach(1000, 1000 + SNAP_MM + 100, 0, 0.016)).toBe(1700);
});

test("the clock offset ignores late messages", () => {
  const offset = new ClockOffset();
  expect(offset.observe(1000, 500)).toBe(0);
  expect(offset.observe(1180, 600)).toBe(80);
  expect(offset.observe(1200, 700)).toBe(0);
  expect(offset.observe(1200, NaN)).toBe(0);
});

test("one that leaves before its decision was told as final still goes to its chute", () => {
  const motion = new Motion((p) => (p.committed ? exit : { from_mm: 17_500, travel_mm: 900 }));
  motion.report(0, [parcel({ position_mm: 6100, committed: false })], SPEED, 0);
  motion.step(0);
  motion.report(16, [], SPEED, 0);
  motion.step(16);
  expect(motion.tracks.get(1)?.parcel.committed).toBe(true);
});
