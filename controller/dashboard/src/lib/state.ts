/**
 * The state of a line on this page: a snapshot, and deltas applied to it. Pure: no clock, no
 * network. Members that a delta does not name keep their identity, so that what shows them is
 * not drawn again.
 */
import type { Alarm, Delta, Reading, Snapshot } from "./types";

/** Readings kept: the service holds images of the last 64 for two minutes; a strip shows fewer. */
export const READINGS_MAX = 24;

const EMPTY_RATES = {
  parcels_per_hour: 0,
  target_per_hour: 0,
  inducted: 0,
  sorted: 0,
  rejected: 0,
  lost: 0,
  missort: 0,
  recirculations: 0,
  on_belt: 0,
  no_read: 0,
  read_rate: null,
};

const NO_CODING = { limits: { first_mm: 0, last_mm: 0 }, waiting: [] };

/** Result of applying a delta. */
export interface Applied {
  state: Snapshot;
  /** Deltas are missing before this one: the snapshot has to be fetched again. */
  gap: boolean;
}

/** Fills in what an older service leaves out and bounds what may be long. */
export function fromSnapshot(raw: Partial<Snapshot>): Snapshot {
  return {
    seq: raw.seq ?? 0,
    at: raw.at ?? "",
    line: {
      id: "",
      name: "",
      state: "Stopped",
      speed_mm_per_s: 0,
      ticks: 0,
      um_per_tick: 1000,
      node: "down",
      plan: null,
      ...raw.line,
    },
    rates: { ...EMPTY_RATES, ...raw.rates },
    parcels: raw.parcels ?? [],
    chutes: raw.chutes ?? [],
    cameras: raw.cameras ?? [],
    readings: mergeReadings([], raw.readings ?? []),
    alarms: orderAlarms(raw.alarms ?? []),
    coding: raw.coding ?? NO_CODING,
  };
}

/**
 * Applies a delta. One that is not newer than the state is ignored. One after a gap is still
 * applied, because each of its members is complete; what the lost ones named may be out of date,
 * which `gap` reports.
 */
export function applyDelta(state: Snapshot, delta: Delta): Applied {
  if (delta.seq <= state.seq) return { state, gap: false };
  const next: Snapshot = { ...state, seq: delta.seq, at: delta.at };
  if (delta.line) next.line = { ...state.line, ...delta.line };
  if (delta.rates) next.rates = { ...EMPTY_RATES, ...delta.rates };
  if (delta.parcels) next.parcels = delta.parcels;
  if (delta.chutes) next.chutes = delta.chutes;
  if (delta.cameras) next.cameras = delta.cameras;
  if (delta.readings) next.readings = mergeReadings(state.readings, delta.readings);
  if (delta.alarms) next.alarms = orderAlarms(delta.alarms);
  if (delta.coding) next.coding = delta.coding;
  return { state: next, gap: delta.seq > state.seq + 1 };
}

/** New readings in front, each once, newest first, bounded. */
export function mergeReadings(old: Reading[], fresh: Reading[]): Reading[] {
  const seen = new Set<number>();
  const merged: Reading[] = [];
  for (const reading of [...fresh, ...old]) {
    if (seen.has(reading.id)) continue;
    seen.add(reading.id);
    merged.push({ ...reading, codes: reading.codes ?? [] });
    if (merged.length === READINGS_MAX) break;
  }
  return merged;
}

export type Priority = "high" | "medium" | "low";

/** Maps whatever the service calls a priority to the three that people are shown. */
export function priorityOf(alarm: Alarm): Priority {
  switch (alarm.priority) {
    case "high":
    case "critical":
    case "urgent":
      return "high";
    case "low":
      return "low";
    default:
      return "medium";
  }
}

const RANK: Record<Priority, number> = { high: 0, medium: 1, low: 2 };

/** Alarms that call somebody: not consequences, not put aside. */
export function calling(alarms: Alarm[]): Alarm[] {
  return alarms.filter((a) => a.state === "active" || a.state === "returned");
}

/** Unacknowledged first, then by priority, then the oldest: the first is where to begin. */
export function orderAlarms(alarms: Alarm[]): Alarm[] {
  return [...alarms].sort(
    (a, b) =>
      Number(a.acknowledged) - Number(b.acknowledged) ||
      RANK[priorityOf(a)] - RANK[priorityOf(b)] ||
      a.since.localeCompare(b.since) ||
      a.id.localeCompare(b.id),
  );
}

/** A part of the mimic that an alarm points at. */
export interface AlarmTarget {
  part: "chute" | "camera" | "eye" | "diverter";
  id: number;
}

const PART_OF_KIND: Record<string, AlarmTarget["part"]> = {
  chute_full: "chute",
  camera: "camera",
  jam: "eye",
  eye: "eye",
  diverter: "diverter",
};

/** The part an alarm such as `chute_full-3` is about, if it is about one. */
export function alarmTarget(alarm: Alarm): AlarmTarget | null {
  const part = PART_OF_KIND[alarm.kind];
  const number = /-(\d{1,9})$/.exec(alarm.id)?.[1];
  return part && number ? { part, id: Number(number) } : null;
}

export type ParcelLook = "normal" | "unread" | "uncertain";

/** How a parcel is drawn: everything but `normal` has its own shape and word. */
export function parcelLook(
  parcel: { id: number; status: string; destination: string | null },
  readings: Reading[],
): ParcelLook {
  if (parcel.status !== "tracked") return "uncertain";
  if (parcel.destination) return "normal";
  return readings.some((r) => r.parcel === parcel.id && r.no_read) ? "unread" : "normal";
}
