/** Reports as the service makes them, and the spans they are asked for. Pure. */

export interface Sums {
  inducted: number;
  sorted: number;
  rejected: number;
  lost: number;
  missort: number;
  no_read: number;
  recirculations: number;
  alarms: number;
  causes: Record<string, number>;
  chutes: Record<string, number>;
  seconds: Record<string, number>;
}

export interface Report {
  from: string;
  to: string;
  total: Sums;
  parts: (Sums & { from: string })[];
  oee: { availability: number; performance: number; quality: number; oee: number } | null;
  capacity: { machine: number; system: number; operational: number; target: number };
}

export type State = "Execute" | "Idle" | "Held" | "Suspended" | "Aborted";
const STATES: State[] = ["Execute", "Idle", "Held", "Suspended", "Aborted"];

/** Hours at which shifts begin. */
const SHIFTS = [6, 14, 22];
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Hour of day and minutes past it in a time zone. */
function clockIn(zone: string, at: number): { hour: number; ms: number } {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  }).formatToParts(at);
  const part = (type: string): number => Number(parts.find((p) => p.type === type)?.value ?? 0);
  return {
    hour: part("hour"),
    ms: (part("minute") * 60 + part("second")) * 1_000 + (at % 1_000),
  };
}

/** The shift, day or week that holds `now`, or one that lies `back` spans before. */
export function shiftOf(
  kind: "shift" | "day" | "week",
  back: number,
  now: number,
  zone: string,
): { from: string; to: string } {
  const { hour, ms } = clockIn(zone, now);
  const iso = (at: number): string => new Date(at).toISOString();
  if (kind === "shift") {
    const begun = [...SHIFTS].reverse().find((start) => start <= hour);
    const hours = begun === undefined ? hour + 2 : hour - begun;
    const start = now - hours * HOUR_MS - ms - back * 8 * HOUR_MS;
    return { from: iso(start), to: iso(start + 8 * HOUR_MS) };
  }
  const midnight = now - hour * HOUR_MS - ms;
  const length = kind === "day" ? DAY_MS : 7 * DAY_MS;
  const start = midnight - (length - DAY_MS) - back * length;
  return { from: iso(start), to: iso(start + length) };
}

/** Parcels an hour while the line was running; 0 before it ran. */
export function rate(report: Report): number {
  const running = report.total.seconds["Execute"] ?? 0;
  return running > 0 ? Math.round((report.total.inducted * 3_600) / running) : 0;
}

/** Seconds in each state, in the order people read them. */
export function downtime(sums: Sums): [State, number][] {
  return STATES.map((state) => [state, sums.seconds[state] ?? 0]);
}
