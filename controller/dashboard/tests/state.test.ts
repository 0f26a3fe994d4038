import { describe, expect, test } from "vitest";
import {
  alarmTarget,
  applyDelta,
  fromSnapshot,
  mergeReadings,
  orderAlarms,
  parcelLook,
  READINGS_MAX,
} from "../src/lib/state";
import type { Alarm, Reading } from "../src/lib/types";

const reading = (id: number, over: Partial<Reading> = {}): Reading => ({
  id,
  parcel: id,
  camera: 0,
  at: "",
  image: null,
  codes: [],
  destination: null,
  no_read: null,
  elapsed_ms: null,
  ...over,
});

const alarm = (id: string, over: Partial<Alarm> = {}): Alarm => ({
  id,
  kind: id.split("-")[0] ?? "",
  priority: "medium",
  text: "",
  consequence: "",
  remedy: "",
  since: "2026-11-23T12:00:00Z",
  place: null,
  name: "",
  fault: "",
  state: "active",
  acknowledged: false,
  silenced: false,
  count: 1,
  root: null,
  until: null,
  reason: null,
  ...over,
});

describe("deltas", () => {
  const base = fromSnapshot({ seq: 10, at: "a", parcels: [], chutes: [] });

  test("the next one replaces only what it names", () => {
    const chutes = base.chutes;
    const { state, gap } = applyDelta(base, {
      seq: 11,
      at: "b",
      rates: { ...base.rates, sorted: 7 },
    });
    expect(gap).toBe(false);
    expect(state.rates.sorted).toBe(7);
    expect(state.chutes).toBe(chutes);
    expect([state.seq, state.at]).toEqual([11, "b"]);
  });

  test.each([
    [10, "repeated"],
    [3, "older"],
  ])("number %i is ignored: %s", (seq) => {
    const { state, gap } = applyDelta(base, { seq, at: "b", parcels: [{} as never] });
    expect(state).toBe(base);
    expect(gap).toBe(false);
  });

  test("one after a gap is applied and reported", () => {
    const { state, gap } = applyDelta(base, { seq: 13, at: "b", parcels: [{ id: 1 } as never] });
    expect(gap).toBe(true);
    expect(state.parcels).toHaveLength(1);
  });

  test("a snapshot with members missing is filled up", () => {
    const state = fromSnapshot({});
    expect(state.rates.read_rate).toBeNull();
    expect(state.line.node).toBe("down");
    expect(state.alarms).toEqual([]);
  });
});

describe("readings", () => {
  test("new ones come first and none twice", () => {
    const merged = mergeReadings([reading(2), reading(1)], [reading(3), reading(2)]);
    expect(merged.map((r) => r.id)).toEqual([3, 2, 1]);
  });

  test("their number is bounded", () => {
    const many = Array.from({ length: 100 }, (_, i) => reading(100 - i));
    expect(mergeReadings(many, [reading(101)])).toHaveLength(READINGS_MAX);
  });
});

describe("alarms", () => {
  test("unacknowledged first, then priority, then age", () => {
    const ordered = orderAlarms([
      alarm("a", { acknowledged: true, priority: "high" }),
      alarm("b", { priority: "low" }),
      alarm("c", { since: "2026-11-23T13:00:00Z" }),
      alarm("d"),
      alarm("e", { priority: "critical" }),
    ]);
    expect(ordered.map((a) => a.id)).toEqual(["e", "d", "c", "b", "a"]);
  });

  test.each([
    ["chute_full-3", "chute_full", { part: "chute", id: 3 }],
    ["jam-12", "jam", { part: "eye", id: 12 }],
    ["node", "node", null],
    ["chute_full-x", "chute_full", null],
    ["constructor-1", "constructor-1", null],
  ])("%s points at its part", (id, kind, expected) => {
    expect(alarmTarget(alarm(id, { kind }))).toEqual(expected);
  });
});

test.each([
  ["tracked", "DE 10115", null, "normal"],
  ["tracked", null, null, "normal"],
  ["tracked", null, "bad_image", "unread"],
  ["uncertain", "DE 10115", null, "uncertain"],
])("a parcel %s to %s with %s looks %s", (status, destination, no_read, look) => {
  expect(parcelLook({ id: 5, status, destination }, [reading(5, { no_read })])).toBe(look);
});
