/**
 * Where parcels are between two messages. The service says where each one was; the belt's speed
 * says where it is now. A small error is corrected gently, a large one at once; nothing moves
 * when the belt stands or when messages have stopped.
 */
import type { Parcel } from "./types";

/** Errors above this are jumps of the tracking, not jitter: shown at once. */
export const SNAP_MM = 600;
/** Share of the error corrected per second. */
export const CORRECTION_PER_S = 4;
/** Without a message for this long, nothing is known: parcels stand still. */
export const HOLD_MS = 1500;
/** A frame after a hidden tab or a stall does not run ahead by more than this. */
const STEP_MS_MAX = 250;
/** Window over which the fastest message tells the offset between the two clocks. */
const OFFSET_WINDOW = 50;

/** A parcel as drawn. */
export interface Track {
  id: number;
  parcel: Parcel;
  /** Leading edge as drawn. */
  shown_mm: number;
  /** The service no longer reports it; it finishes its way out of the picture. */
  leaving: boolean;
}

/**
 * Where a parcel can leave the belt. `from_mm` is where its middle leaves, `travel_mm` how far
 * the way out is drawn, in belt travel.
 */
export interface Exit {
  from_mm: number;
  travel_mm: number;
}

/** Estimates how far the service's clock and this page's are apart, ignoring late messages. */
export class ClockOffset {
  private samples: number[] = [];

  /** `local` and `remote` in milliseconds. Returns the age of the message beyond the fastest. */
  observe(local: number, remote: number): number {
    if (!Number.isFinite(remote)) return 0;
    const offset = local - remote;
    this.samples.push(offset);
    if (this.samples.length > OFFSET_WINDOW) this.samples.shift();
    return offset - Math.min(...this.samples);
  }

  reset(): void {
    this.samples = [];
  }
}

/** All parcels of a line, moving. */
export class Motion {
  readonly tracks = new Map<number, Track>();
  private speed = 0;
  private heard = -Infinity;
  private stepped = -Infinity;
  /** Reported positions and the local time they hold for. */
  private reports = new Map<number, { mm: number; at: number }>();
  private exitOf: (parcel: Parcel) => Exit | null;

  constructor(exitOf: (parcel: Parcel) => Exit | null) {
    this.exitOf = exitOf;
  }

  /** Belt length or chutes changed. */
  setExits(exitOf: (parcel: Parcel) => Exit | null): void {
    this.exitOf = exitOf;
  }

  /** Takes over what the service reports. `age_ms`: how late this message is. */
  report(now: number, parcels: Parcel[], speed: number, age_ms: number): void {
    this.heard = now;
    this.speed = speed;
    const present = new Set<number>();
    for (const parcel of parcels) {
      present.add(parcel.id);
      this.reports.set(parcel.id, { mm: parcel.position_mm, at: now - age_ms });
      const track = this.tracks.get(parcel.id);
      if (!track) {
        const shown_mm = parcel.position_mm + (speed * age_ms) / 1000;
        this.tracks.set(parcel.id, { id: parcel.id, parcel, shown_mm, leaving: false });
        continue;
      }
      // Back at induction for another lap: it does not travel backwards through the picture.
      if (parcel.lap !== track.parcel.lap) track.shown_mm = parcel.position_mm;
      track.parcel = parcel;
      track.leaving = false;
    }
    for (const [id, track] of this.tracks) {
      if (present.has(id)) continue;
      this.reports.delete(id);
      if (track.leaving) continue;
      track.leaving = true;
      // It has left the belt, so where it was meant to go is where it is shown going.
      track.parcel = { ...track.parcel, committed: true };
    }
  }

  /** The line says nothing new about parcels but is alive. */
  alive(now: number): void {
    this.heard = now;
  }

  /** Forgets everything, as after a fresh connection. */
  clear(): void {
    this.tracks.clear();
    this.reports.clear();
    this.stepped = -Infinity;
  }

  /** Moves everything to `now`. Returns true when a track was added to or left the picture. */
  step(now: number): boolean {
    const dt = Math.min(STEP_MS_MAX, Math.max(0, now - this.stepped)) / 1000;
    this.stepped = now;
    const moving = now - this.heard <= HOLD_MS;
    if (!moving || !Number.isFinite(dt)) return false;
    let removed = false;
    for (const track of this.tracks.values()) {
      const report = this.reports.get(track.id);
      if (track.leaving || !report) {
        track.shown_mm += this.speed * dt;
        if (this.isGone(track)) {
          this.tracks.delete(track.id);
          removed = true;
        }
        continue;
      }
      const expected = report.mm + (this.speed * (now - report.at)) / 1000;
      track.shown_mm = approach(track.shown_mm, expected, this.speed, dt);
    }
    return removed;
  }

  private isGone(track: Track): boolean {
    const exit = this.exitOf(track.parcel);
    if (!exit) return true;
    const middle = track.shown_mm - (track.parcel.length_mm ?? 0) / 2;
    // Not yet near its exit: it did not leave there, so it is not shown leaving there.
    const near = SNAP_MM + this.speed * 0.2;
    return middle < exit.from_mm - near || middle > exit.from_mm + exit.travel_mm;
  }
}

/** One step towards `expected`: with the belt, plus a share of the error, never backwards. */
export function approach(shown: number, expected: number, speed: number, dt_s: number): number {
  const error = expected - (shown + speed * dt_s);
  if (Math.abs(error) > SNAP_MM) return expected;
  const advance = speed * dt_s + error * Math.min(1, CORRECTION_PER_S * dt_s);
  return shown + Math.max(0, advance);
}
