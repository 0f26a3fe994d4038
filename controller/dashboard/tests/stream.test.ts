import { beforeEach, describe, expect, test } from "vitest";
import { Stream, RETRY_MS, SILENCE_MS, type Outside, type Source } from "../src/lib/stream";
import type { Delta, Snapshot } from "../src/lib/types";

/** A connection that does what the test says. */
class FakeSource {
  readyState = 1;
  onerror: Source["onerror"] = null;
  closed = false;
  private listeners = new Map<string, (event: { data: string }) => void>();

  addEventListener(type: string, listener: (event: { data: string }) => void): void {
    this.listeners.set(type, listener);
  }

  close(): void {
    this.closed = true;
  }

  send(type: string, data: unknown): void {
    this.listeners.get(type)?.({ data: typeof data === "string" ? data : JSON.stringify(data) });
  }

  fail(readyState: number): void {
    this.readyState = readyState;
    (this.onerror as (() => void) | null)?.();
  }
}

let now: number;
let sources: FakeSource[];
let timers: { at: number; then: () => void }[];
let reachable: boolean;
let fetched: number;
let server: Partial<Snapshot>;
let heard: string[];
let gapNext: boolean;
let stream: Stream;

/** Lets time pass, timers fire and promises settle. */
async function pass(ms: number): Promise<void> {
  const end = now + ms;
  for (;;) {
    timers.sort((a, b) => a.at - b.at);
    const next = timers[0];
    if (!next || next.at > end) break;
    timers.shift();
    now = next.at;
    next.then();
    for (let i = 0; i < 5; i += 1) await Promise.resolve();
  }
  now = end;
  for (let i = 0; i < 5; i += 1) await Promise.resolve();
}

beforeEach(() => {
  now = 1_000;
  sources = [];
  timers = [];
  reachable = true;
  fetched = 0;
  server = { seq: 1 };
  heard = [];
  gapNext = false;
  const outside: Outside = {
    now: () => now,
    open: () => {
      const source = new FakeSource();
      sources.push(source);
      return source as unknown as Source;
    },
    fetchState: () => {
      fetched += 1;
      return reachable ? Promise.resolve(server) : Promise.reject(new Error("away"));
    },
    after: (ms, then) => {
      const timer = { at: now + ms, then };
      timers.push(timer);
      return () => {
        timers = timers.filter((t) => t !== timer);
      };
    },
  };
  stream = new Stream("/line", outside, {
    snapshot: (s, wasFetched) => heard.push(`${wasFetched ? "fetched" : "snapshot"} ${s.seq}`),
    delta: (d: Delta) => {
      heard.push(`delta ${d.seq}`);
      return gapNext;
    },
    stale: (since) => heard.push(since === null ? "live" : `stale ${since}`),
  });
  stream.start();
  sources[0]!.send("snapshot", { seq: 1 });
});

const last = (): FakeSource => sources[sources.length - 1]!;

describe("a lost connection", () => {
  test("is stale since the last message, and live again after the next", async () => {
    await pass(300);
    last().send("delta", { seq: 2 });
    await pass(200);
    last().fail(0);
    await pass(100);
    last().send("delta", { seq: 3 });
    expect(heard).toEqual(["snapshot 1", "delta 2", "stale 1300", "delta 3", "live"]);
    // The browser resumed it: no second connection was opened.
    expect(sources).toHaveLength(1);
  });

  test("that the browser gives up is opened again, ever more slowly", async () => {
    reachable = false;
    for (const wait of RETRY_MS) {
      const before = sources.length;
      last().fail(2);
      await pass(wait - 1);
      expect(sources).toHaveLength(before);
      await pass(1);
      expect(sources).toHaveLength(before + 1);
    }
  });
});

describe("silence", () => {
  test("of a standing line is no alarm", async () => {
    await pass(SILENCE_MS * 3 + 100);
    expect(heard.some((h) => h.startsWith("stale"))).toBe(false);
    expect(fetched).toBe(3);
    expect(sources).toHaveLength(1);
  });

  test("of a connection that died unnoticed opens a new one", async () => {
    server = { seq: 40 };
    await pass(SILENCE_MS + 1);
    expect(sources[0]!.closed).toBe(true);
    expect(sources).toHaveLength(2);
    expect(heard.at(-1)).toBe("fetched 40");
  });

  test("of a service that is away is stale until it is back", async () => {
    reachable = false;
    await pass(SILENCE_MS * 2 + 1);
    expect(heard).toEqual(["snapshot 1", "stale 1000"]);
    reachable = true;
    await pass(SILENCE_MS);
    expect(heard.slice(-2)).toEqual(["fetched 1", "live"]);
  });
});

describe("gaps", () => {
  test("one fetches the whole state once", async () => {
    gapNext = true;
    last().send("delta", { seq: 5 });
    last().send("delta", { seq: 9 });
    await pass(10);
    expect(fetched).toBe(1);
    expect(heard).toContain("fetched 1");
  });

  test("that never end do not become a storm", async () => {
    gapNext = true;
    for (let i = 0; i < 600; i += 1) {
      last().send("delta", { seq: 10 + i * 2 });
      await pass(100);
    }
    expect(fetched).toBeLessThanOrEqual(6);
  });

  test("half a message is put right by a fetch", async () => {
    last().send("delta", '{"seq":2,"par');
    await pass(10);
    expect(fetched).toBe(1);
  });
});

test("after stopping nothing happens any more", async () => {
  stream.stop();
  last().fail(2);
  await pass(60_000);
  expect(sources).toHaveLength(1);
  expect(fetched).toBe(0);
});
