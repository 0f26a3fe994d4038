/** How long a parcel that waits for a coder can still be diverted. Pure. */
import type { Coding, Parcel, Waiting } from "./types";

export interface Deadline {
  /** Seconds until the first chute of the line is out of reach; negative when it is. */
  first_s: number;
  /** Seconds until the last is. */
  last_s: number;
  /** 0 to 1: how much of the way to the last position is left. */
  left: number;
}

/** Null while the belt stands or the parcel is not on it. */
export function deadlineOf(
  parcel: Parcel | undefined,
  limits: Coding["limits"],
  speed_mm_per_s: number,
): Deadline | null {
  if (!parcel || speed_mm_per_s <= 0) return null;
  const to = (limit: number): number => (limit - parcel.position_mm) / speed_mm_per_s;
  const left = limits.last_mm > 0 ? 1 - parcel.position_mm / limits.last_mm : 0;
  return { first_s: to(limits.first_mm), last_s: to(limits.last_mm), left: Math.min(1, Math.max(0, left)) };
}

/**
 * What to key in next: first what has the least time left but still some, then what has none
 * (another lap may come), samples last. What somebody else holds is not offered.
 */
export function orderWaiting(
  waiting: Waiting[],
  me: string,
  deadline: (parcel: number) => Deadline | null,
): Waiting[] {
  const rank = (item: Waiting): number => {
    if (item.sample) return 1e9;
    const last = deadline(item.parcel)?.last_s ?? 1e6;
    return last > 0 ? last : 1e7;
  };
  return waiting
    .filter((item) => (item.by === null || item.by === me) && !item.keyed_by?.includes(me))
    .sort((a, b) => rank(a) - rank(b) || a.parcel - b.parcel);
}
