import { describe, expect, test } from "vitest";
import { along, exitFor, layout, pitchMm, place, type Box } from "../src/lib/mimic";
import type { Topology } from "../src/lib/types";
import { demo } from "./topology";

const ROOMS = [
  { name: "panel", width: 1260, height: 360, rem: 16 },
  { name: "wall", width: 1890, height: 560, rem: 19.6 },
  { name: "tablet", width: 575, height: 0, rem: 15 },
  { name: "phone", width: 364, height: 0, rem: 15 },
];

const overlap = (a: Box, b: Box): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

describe.each(ROOMS)("in the room of a $name", (room) => {
  const shape = layout(demo, room);

  test("every chute has a place of its own inside the picture", () => {
    expect(shape.chutes).toHaveLength(demo.chute.length - 1);
    for (const [i, a] of shape.chutes.entries()) {
      expect(a.box.x, a.name).toBeGreaterThanOrEqual(0);
      expect(a.box.y, a.name).toBeGreaterThanOrEqual(0);
      expect(a.box.x + a.box.w, a.name).toBeLessThanOrEqual(shape.width + 1);
      expect(a.box.y + a.box.h, a.name).toBeLessThanOrEqual(shape.height + 1);
      expect(overlap(a.box, shape.belt), `${a.name} on the belt`).toBe(false);
      for (const b of shape.chutes.slice(i + 1)) {
        expect(overlap(a.box, b.box), `${a.name} over ${b.name}`).toBe(false);
      }
    }
  });

  test("chutes leave room for a finger", () => {
    for (const chute of shape.chutes) {
      expect(Math.min(chute.box.w, chute.box.h)).toBeGreaterThanOrEqual(44);
    }
  });

  test("no camera covers a chute", () => {
    for (const camera of shape.cameras) {
      const body = { x: camera.body.x - 12, y: camera.body.y - 9, w: 24, h: 18 };
      for (const chute of shape.chutes) expect(overlap(body, chute.box)).toBe(false);
    }
  });

  test("the recirculation conveyor stays inside and ends at induction", () => {
    for (const point of shape.loop) {
      expect(point.x).toBeGreaterThanOrEqual(0);
      expect(point.y).toBeGreaterThanOrEqual(0);
      expect(point.y).toBeLessThanOrEqual(shape.height);
    }
    const start = place(shape, exitFor(demo, null, false), 0, 0);
    expect(shape.loop.at(-1)).toMatchObject({
      x: expect.closeTo(start.x, 3),
      y: expect.closeTo(start.y, 3),
    });
  });

  test("a parcel goes along the belt to scale", () => {
    const none = exitFor(demo, null, false);
    const a = place(shape, none, 2300, 300);
    const b = place(shape, none, 3300, 300);
    expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeCloseTo(1000 * shape.scale, 6);
  });

  test("a committed parcel ends in its chute, on the side of its diverter", () => {
    for (const diverter of demo.diverter.filter((d) => d.chute !== 90)) {
      const exit = exitFor(demo, diverter.chute, true);
      const end = place(shape, exit, diverter.position_mm + 5000, 300);
      const box = shape.chutes.find((c) => c.id === diverter.chute)!.box;
      expect(overlap({ x: end.x - 1, y: end.y - 1, w: 2, h: 2 }, box)).toBe(true);
      // Left of the direction of travel is up when the belt runs right, right when it runs down.
      const belt = place(shape, exit, 0, 0);
      const left = shape.vertical ? end.x > belt.x : end.y < belt.y;
      expect(left).toBe(diverter.side === "left");
    }
  });
});

describe("exits", () => {
  test.each([
    [3, true, "chute", 3],
    [3, false, "end", 99],
    [90, true, "loop", 90],
    [99, true, "end", 99],
    [null, false, "end", 99],
    [77, true, "end", 99],
  ])("chute %s, committed %s", (chute, committed, kind, id) => {
    expect(exitFor(demo, chute, committed)).toMatchObject({ kind, chute: id });
  });

  test("on the recirculation conveyor a parcel is on its line", () => {
    const shape = layout(demo, ROOMS[0]!);
    const exit = exitFor(demo, 90, true);
    const half = place(shape, exit, 16_000 + 150 + 12_000, 300);
    expect(half).toMatchObject({ looping: true, ...along(shape.loop, 0.5) });
  });
});

test("the pitch is that of the chutes drawn, not of the recirculation", () => {
  expect(pitchMm(demo)).toBe(2000);
});

test("a line of one diverter and no cameras can be drawn", () => {
  const small: Topology = {
    ...demo,
    camera: [],
    eye: [],
    belt: { ...demo.belt, recirculation_mm: 0 },
    diverter: demo.diverter.slice(0, 1),
    chute: demo.chute.filter((c) => c.id === 1 || c.kind === "reject"),
  };
  for (const room of ROOMS) {
    const shape = layout(small, room);
    expect(shape.chutes).toHaveLength(2);
    expect(shape.loop).toEqual([]);
  }
});

test("points along a line", () => {
  const line = [
    { x: 0, y: 0 },
    { x: 10, y: 0 },
    { x: 10, y: 30 },
  ];
  expect(along(line, 0.25)).toEqual({ x: 10, y: 0 });
  expect(along(line, 0.5)).toEqual({ x: 10, y: 10 });
  expect(along(line, 2)).toEqual({ x: 10, y: 30 });
  expect(along([], 0.5)).toEqual({ x: 0, y: 0 });
});
