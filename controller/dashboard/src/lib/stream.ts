/**
 * The live connection of a line: server-sent events with resume, and what to do when they stop.
 * It never gives up and says since when what is shown is out of date. Time, timers and the
 * connection itself are handed in, so that tests decide what happens when.
 */
import type { Delta, Snapshot } from "./types";

/** Silence after which the service is asked whether it is there: it may have nothing to say. */
export const SILENCE_MS = 5_000;
/** Waiting times between attempts. */
export const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000] as const;
/** Least time between two fetches for a gap; doubles while gaps keep coming, up to the last. */
export const REFETCH_MS = [2_000, 4_000, 8_000, 16_000, 30_000] as const;

/** The part of EventSource that is used. */
export interface Source {
  readonly readyState: number;
  onerror: ((this: EventSource, event: Event) => unknown) | null;
  addEventListener(type: string, listener: (event: { data: string }) => void): void;
  close(): void;
}

/** The world outside. */
export interface Outside {
  now(): number;
  open(url: string): Source;
  fetchState(url: string): Promise<Partial<Snapshot>>;
  /** Calls back once after `ms`; returns how to cancel. */
  after(ms: number, then: () => void): () => void;
}

/** What the page is told. */
export interface Listener {
  /** `fetched`: asked for, not sent by the stream; it may be older than what is shown. */
  snapshot(snapshot: Partial<Snapshot>, fetched: boolean): void;
  /** Returns true when deltas are missing before this one. */
  delta(delta: Delta): boolean;
  /** `null`: live. Otherwise the time of the last message, or of the start. */
  stale(since: number | null): void;
}

const CLOSED = 2;

export class Stream {
  private readonly base: string;
  private readonly outside: Outside;
  private readonly listener: Listener;
  private source: Source | null = null;
  private heard: number;
  /** Last number the stream itself told. */
  private seq = 0;
  private isStale = false;
  private attempts = 0;
  private gaps = 0;
  private refetchAt = -Infinity;
  private timers = new Set<() => void>();
  private watching: (() => void) | null = null;
  private ended = false;

  constructor(base: string, outside: Outside, listener: Listener) {
    this.base = base;
    this.outside = outside;
    this.listener = listener;
    this.heard = outside.now();
  }

  start(): void {
    this.open();
    this.watch();
  }

  stop(): void {
    this.ended = true;
    this.source?.close();
    for (const cancel of this.timers) cancel();
    this.timers.clear();
  }

  private open(): void {
    if (this.ended) return;
    const source = this.outside.open(`${this.base}/events`);
    this.source = source;
    source.addEventListener("snapshot", (event) =>
      this.receive(event.data, (data: Partial<Snapshot>) => {
        this.seq = data.seq ?? 0;
        this.listener.snapshot(data, false);
      }),
    );
    source.addEventListener("delta", (event) =>
      this.receive(event.data, (data: Delta) => {
        this.seq = Math.max(this.seq, data.seq);
        if (this.listener.delta(data)) this.refetch();
      }),
    );
    source.onerror = () => this.failed(source);
  }

  private receive<T>(text: string, use: (data: T) => void): void {
    let data: T;
    try {
      data = JSON.parse(text) as T;
    } catch {
      // Half a message: the next fetch puts right what it would have said.
      this.refetch();
      return;
    }
    use(data);
    this.live();
  }

  private live(): void {
    this.heard = this.outside.now();
    this.attempts = 0;
    this.watch();
    if (!this.isStale) return;
    this.isStale = false;
    this.listener.stale(null);
  }

  private failed(source: Source): void {
    if (source !== this.source || this.ended) return;
    this.markStale();
    // While it is only interrupted the browser resumes by itself, with the last number it saw.
    if (source.readyState !== CLOSED) return;
    this.source = null;
    const wait = RETRY_MS[Math.min(this.attempts, RETRY_MS.length - 1)] ?? 8_000;
    this.attempts += 1;
    this.schedule(wait, () => this.open());
  }

  private markStale(): void {
    if (this.isStale) return;
    this.isStale = true;
    this.listener.stale(this.heard);
  }

  /** (Re)starts the watch for silence. */
  private watch(): void {
    if (this.watching) {
      this.watching();
      this.timers.delete(this.watching);
    }
    this.watching = this.schedule(SILENCE_MS, () => void this.probe());
  }

  /** Nothing was heard for a while: a standing line, or a connection that died unnoticed? */
  private async probe(): Promise<void> {
    const source = this.source;
    try {
      const state = await this.outside.fetchState(`${this.base}/state`);
      if (this.ended) return;
      // A connection that died unnoticed shows by the service having gone on without telling.
      if (source && source === this.source && (this.isStale || (state.seq ?? 0) > this.seq)) {
        source.close();
        this.open();
      }
      this.listener.snapshot(state, true);
      // Without a connection one answer is not "live": the next attempt will tell.
      if (this.source) this.live();
      else this.watch();
    } catch {
      if (this.ended) return;
      this.markStale();
      this.watch();
    }
  }

  private refetch(): void {
    const now = this.outside.now();
    if (now < this.refetchAt) return;
    const quiet = now - this.refetchAt > 10_000;
    this.gaps = quiet ? 0 : this.gaps + 1;
    this.refetchAt = now + (REFETCH_MS[Math.min(this.gaps, REFETCH_MS.length - 1)] ?? 30_000);
    this.outside
      .fetchState(`${this.base}/state`)
      .then((state) => {
        if (!this.ended) this.listener.snapshot(state, true);
      })
      .catch(() => {
        // The stream itself reports when the service is gone.
      });
  }

  private schedule(ms: number, then: () => void): () => void {
    const cancel = this.outside.after(ms, () => {
      this.timers.delete(cancel);
      then();
    });
    this.timers.add(cancel);
    return cancel;
  }
}
