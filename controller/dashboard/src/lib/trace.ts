/** A parcel's life as the service tells it, and the question "why is it there" answered from it. */
import type { Code } from "./types";

export interface Ended {
  parcel: number;
  at: string;
  outcome: "sorted" | "rejected" | "missort" | "lost";
  chute?: number;
  cause?: unknown;
  decided?: number;
  seen?: number;
  last?: number;
}

export interface Step {
  at: string;
  step: string;
  ticks?: number;
  [member: string]: unknown;
}

/** What became of a parcel in three words that are independent of each other. */
export interface Disposition {
  outcome: string;
  physical: string;
  decision: string;
  laps: number;
}

export const PHYSICAL = [
  "regular",
  "gap",
  "length",
  "uncertain",
  "unexpected",
  "stroke_missed",
  "stroke_refused",
  "stopped",
  "vanished",
  "unverified",
] as const;

export const DECISIONS = [
  "chute",
  "plan",
  "no_read",
  "multi_read",
  "no_destination",
  "no_rule",
  "hold",
  "late",
  "chute_unavailable",
  "conflict",
  "straight_on",
  "unavailable",
  "sequence",
  "laps",
  "none",
] as const;

/** Where a parcel goes, and how that is known. */
export interface Destination {
  country: string;
  postcode: string | null;
  source: string;
  confidence: number;
}

export interface Life {
  id: number;
  outcome: Ended | null;
  /** A service older than this page tells none of these three in a list. */
  disposition?: Disposition;
  inducted?: string | null;
  destination?: Destination | null;
  steps: Step[];
}

export interface ReadingStep {
  codes: Code[];
  destination: Destination | null;
  no_read: string | null;
}

/**
 * What finds the parcels of an outcome, or those rejected for a cause: the service searches the steps as
 * they are written, and a bare word would find others that only mention it.
 */
export function searchFor(kind: "outcome" | "cause", name: string): string {
  if (kind === "outcome") return `"outcome":"${name}"`;
  return `"outcome":"rejected","cause":${name === "no_read" ? '{"no_read"' : `"${name}"`}`;
}

/** A chute that the plan would have allowed too. */
export interface Alternative {
  chute: number;
  /** What stood against it; null when only its place in the plan did. */
  obstacle: string | null;
}

/** The chutes that a decision did not take, in the order of the plan. */
export function alternativesOf(decided: Step): Alternative[] {
  const listed = (decided["alternatives"] ?? []) as { chute: number; obstacle?: string }[];
  return listed.map(({ chute, obstacle }) => ({ chute, obstacle: obstacle ?? null }));
}

/** The steps that together say why a parcel is where it is. */
export interface Why {
  read: Step | null;
  resolved: Step | null;
  decided: Step | null;
  aborted: Step | null;
  ended: Ended | null;
}

/** The last word of each kind counts: a decision may have changed on the way. */
export function whyOf(life: Life): Why {
  const last = (kind: string, fits: (step: Step) => boolean = () => true): Step | null =>
    life.steps.filter((step) => step.step === kind && fits(step)).at(-1) ?? null;
  const usable = (step: Step): boolean => {
    const reading = step["reading"] as ReadingStep | undefined;
    return reading?.no_read === null && step["late"] !== true;
  };
  return {
    read: last("read", usable) ?? last("read"),
    resolved: last("resolved"),
    decided: last("decided"),
    aborted: last("aborted"),
    ended: life.outcome,
  };
}

/** Seconds since the first step. */
export function sinceStart(life: Life, step: Step): number {
  const first = life.steps[0];
  return first ? (Date.parse(step.at) - Date.parse(first.at)) / 1000 : 0;
}
