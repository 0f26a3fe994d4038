/**
 * A recorded stretch of time, drawn again: where each parcel was at any moment, from what the journal
 * says of its way. Pure.
 *
 * Photo-eyes tell where a parcel was at an encoder count, and all steps together tell which count
 * belonged to which time; between two of them the belt ran evenly or stood.
 */
import type { Topology } from "./types";

/** A step as `/api/v1/steps` tells it. */
export interface MovedStep {
  at: string;
  parcel: number;
  step: string;
  ticks?: number;
  eye?: number;
  lap?: number;
  length_mm?: number;
  chute?: number;
  cause?: unknown;
  outcome?: { outcome: string; chute?: number; seen?: number; cause?: unknown };
}

/** A parcel at a moment. */
export interface Shown {
  id: number;
  /** Leading edge, millimeters downstream of induction. */
  mm: number;
  length_mm: number;
  chute: number | null;
  /** Its stroke is done. */
  committed: boolean;
}

/** Something that an engineer looks for. */
export interface Marked {
  at: number;
  parcel: number;
  kind: "rejected" | "missort" | "lost" | "aborted";
  cause: unknown;
}

/** What had ended up to a moment. */
export interface Sums {
  inducted: number;
  sorted: number;
  rejected: number;
  missort: number;
  lost: number;
  laps: number;
  chutes: Map<number, number>;
}

interface Lap {
  parcel: number;
  from: number;
  /** Unknown while it is still on the belt. */
  to: number;
  length_mm: number;
  /** Belt travel and position that belong together, in order. */
  anchors: { travel: number; mm: number }[];
  decided: { at: number; chute: number }[];
  fired: number;
}

/**
 * A lap that never ends in the recording is shown for so long; the loop may take most of it. What came
 * onto the belt so long before a moment may still be on it then.
 */
export const LAP_MS_MAX = 120_000;
/** After its end a parcel slides on into its chute for so long. */
const SLIDE_MS = 400;
/** Below this share of the belt's speed it did not run slowly: it stood for a while. */
const STOOD = 0.5;

export class Recording {
  /** In order. */
  readonly marks: Marked[] = [];
  private readonly laps: Lap[] = [];
  private readonly open = new Map<number, Lap>();
  private readonly belt: { at: number; travel: number }[] = [];
  private readonly ends: { at: number; kind: string; chute: number | null }[] = [];
  private ticks: number | null = null;
  private travel = 0;
  private readonly eyes: Map<number, number>;
  private readonly mmPerTick: number;
  private readonly speed: number;

  /** `since`: what happened before only says what was on the belt then. */
  constructor(
    topology: Topology,
    umPerTick: number,
    private readonly since = -Infinity,
  ) {
    this.eyes = new Map(topology.eye.map((eye) => [eye.id, eye.position_mm ?? 0]));
    this.mmPerTick = umPerTick / 1_000;
    this.speed = topology.belt.speed_mm_per_s / 1_000;
  }

  /** Takes the next part, in order. */
  add(steps: MovedStep[]): void {
    for (const step of steps) this.take(step);
  }

  private take(step: MovedStep): void {
    const at = Date.parse(step.at);
    if (!Number.isFinite(at)) return;
    const travel = step.ticks === undefined ? this.travel : this.follow(at, step.ticks);
    const lap = this.open.get(step.parcel);
    switch (step.step) {
      case "inducted":
        this.begin(step, at, travel);
        break;
      case "measured":
        if (lap) lap.length_mm = step.length_mm ?? lap.length_mm;
        break;
      case "seen":
        lap?.anchors.push({ travel, mm: this.eyes.get(step.eye ?? -1) ?? 0 });
        break;
      case "decided":
        if (typeof step.chute === "number") lap?.decided.push({ at, chute: step.chute });
        break;
      case "fired":
        if (lap) lap.fired = Math.min(lap.fired, at);
        break;
      case "aborted":
        this.note({ at, parcel: step.parcel, kind: "aborted", cause: step.cause });
        break;
      case "recirculated":
        this.count({ at, kind: "laps", chute: null });
        break;
      case "ended":
        this.end(step, at, lap);
        break;
      default:
    }
  }

  private note(mark: Marked): void {
    if (mark.at >= this.since) this.marks.push(mark);
  }

  private count(end: { at: number; kind: string; chute: number | null }): void {
    if (end.at >= this.since) this.ends.push(end);
  }

  /** The belt's travel at a count; the encoder's counter begins again at 0 after 2^32. */
  private follow(at: number, ticks: number): number {
    const moved = this.ticks === null ? 0 : (ticks - this.ticks) | 0;
    const travel = this.travel + moved * this.mmPerTick;
    const last = this.belt.at(-1);
    // Steps are written a moment after their count: only what goes on says where the belt was when.
    if (!last || (at > last.at && travel > last.travel)) {
      this.belt.push({ at, travel });
      this.ticks = ticks;
      this.travel = travel;
    }
    return travel;
  }

  private begin(step: MovedStep, at: number, travel: number): void {
    const before = this.open.get(step.parcel);
    if (before) before.to = at;
    const lap: Lap = {
      parcel: step.parcel,
      from: at,
      to: at + LAP_MS_MAX,
      length_mm: before?.length_mm ?? 0,
      anchors: [{ travel, mm: this.eyes.get(step.eye ?? 0) ?? 0 }],
      decided: [],
      fired: Infinity,
    };
    this.open.set(step.parcel, lap);
    this.laps.push(lap);
    if ((step.lap ?? 0) === 0) this.count({ at, kind: "inducted", chute: null });
  }

  private end(step: MovedStep, at: number, lap: Lap | undefined): void {
    const outcome = step.outcome;
    if (!outcome) return;
    if (lap) lap.to = at + SLIDE_MS;
    this.open.delete(step.parcel);
    const kind = outcome.outcome;
    this.count({ at, kind, chute: outcome.chute ?? outcome.seen ?? null });
    if (kind === "rejected" || kind === "missort" || kind === "lost") {
      this.note({ at, parcel: step.parcel, kind, cause: outcome.cause });
    }
  }

  /** Travel of the belt at a time, millimeters. */
  travelAt(at: number): number {
    const next = upper(this.belt, at);
    const [a, b] = [this.belt[next - 1], this.belt[next]];
    if (!a) return b ? b.travel - (b.at - at) * this.speed : 0;
    const run = (at - a.at) * this.speed;
    if (!b) return a.travel + run;
    const [way, time] = [b.travel - a.travel, b.at - a.at];
    if (way < STOOD * this.speed * time) return a.travel + Math.min(way, run);
    return a.travel + (way * (at - a.at)) / time;
  }

  /** Parcels on the belt at a time. */
  at(time: number): Shown[] {
    const travel = this.travelAt(time);
    const shown: Shown[] = [];
    for (let i = upperOf(this.laps, time, (lap) => lap.from) - 1; i >= 0; i -= 1) {
      const lap = this.laps[i];
      if (!lap || time - lap.from > LAP_MS_MAX) break;
      if (time >= lap.to) continue;
      const anchor = lastOf(lap.anchors, (a) => a.travel <= travel) ?? lap.anchors[0];
      const decided = lastOf(lap.decided, (d) => d.at <= time);
      shown.push({
        id: lap.parcel,
        mm: (anchor?.mm ?? 0) + Math.max(0, travel - (anchor?.travel ?? travel)),
        length_mm: lap.length_mm,
        chute: decided?.chute ?? null,
        committed: time >= lap.fired,
      });
    }
    return shown;
  }

  /** What had happened since the beginning, up to a time. */
  sums(time: number): Sums {
    const sums: Sums = { inducted: 0, sorted: 0, rejected: 0, missort: 0, lost: 0, laps: 0, chutes: new Map() };
    for (const end of this.ends) {
      if (end.at > time) break;
      if (Object.hasOwn(sums, end.kind)) sums[end.kind as "sorted"] += 1;
      if (end.chute !== null) sums.chutes.set(end.chute, (sums.chutes.get(end.chute) ?? 0) + 1);
    }
    return sums;
  }

  /** The mark after or before a time. */
  mark(time: number, way: 1 | -1): Marked | null {
    const found = way > 0 ? this.marks.find((m) => m.at > time) : lastOf(this.marks, (m) => m.at < time);
    return found ?? null;
  }
}

function lastOf<T>(list: T[], fits: (one: T) => boolean): T | undefined {
  for (let i = list.length - 1; i >= 0; i -= 1) {
    const one = list[i];
    if (one !== undefined && fits(one)) return one;
  }
  return undefined;
}

function upper(sorted: { at: number }[], at: number): number {
  return upperOf(sorted, at, (one) => one.at);
}

/** How many of them are not after `at`. */
function upperOf<T>(sorted: T[], at: number, time: (one: T) => number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const one = sorted[middle];
    if (one !== undefined && time(one) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `2026-11-29T19:30` on a clock of a time zone, as a moment; null when it is no time. */
export function momentIn(zone: string, local: string): number | null {
  const wanted = Date.parse(`${local}Z`);
  if (!Number.isFinite(wanted)) return null;
  // Twice, for the offset may be another one at the guess than at the moment itself.
  let guess = wanted;
  for (let i = 0; i < 2; i += 1) guess = wanted - (Date.parse(`${localIn(zone, guess)}Z`) - guess);
  return guess;
}

/** A moment on a clock of a time zone, to the second, as a field for date and time takes it. */
export function localIn(zone: string, at: number): string {
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  }).formatToParts(at);
  const part = (type: string): string => parts.find((p) => p.type === type)?.value ?? "00";
  return `${part("year")}-${part("month")}-${part("day")}T${part("hour")}:${part("minute")}:${part("second")}`;
}
