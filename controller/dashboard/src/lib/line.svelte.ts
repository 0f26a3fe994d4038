/** One line as the page sees it: connection, state, motion, history, and what a person asked. */
import * as api from "./api";
import { turnTo } from "./at";
import { emptyHistory, sample, type History } from "./history";
import { exitFor } from "./mimic";
import { ClockOffset, Motion } from "./motion";
import { applyDelta, fromSnapshot } from "./state";
import { session } from "./session.svelte";
import { Stream } from "./stream";
import type { Delta, LineSummary, OperatorCommand, Parcel, Snapshot, Topology } from "./types";

const RETRY_MS = 3_000;
/** Time between two looks at the other lines. */
const LINES_MS = 3_000;
/** After this long a command without visible effect is no longer shown as waiting. */
const SETTLE_MS = 6_000;

export type Phase = "connecting" | "no_lines" | "unreachable" | "ready";
/** What became of a command, by the thing it is about. */
export type Pending = "sending" | "sent";

class LineStore {
  phase = $state<Phase>("connecting");
  lines = $state.raw<LineSummary[]>([]);
  lineId = $state<string | null>(null);
  /** Its controller, as in `LineSummary.at`: two controllers may have lines of the same id. */
  lineAt = $state("");
  /** Counts up when another line is turned to: pages are begun anew then. */
  turns = $state(0);
  topology = $state.raw<Topology | null>(null);
  topologyFailed = $state(false);
  /** Null until the first snapshot. */
  state = $state.raw<Snapshot | null>(null);
  /** Null: live. Otherwise the time of the last message. */
  staleSince = $state<number | null>(null);
  history = $state.raw<History>(emptyHistory());
  pending = $state<Record<string, Pending>>({});
  error = $state.raw<{ reason: api.RequestError["reason"]; detail: string } | null>(null);
  /** Counts up when a track came or went: the list of drawn parcels is read anew. */
  drawn = $state(0);
  readonly motion = new Motion((parcel) => this.exitOf(parcel));
  private readonly offset = new ClockOffset();
  private stream: Stream | null = null;
  private ended = false;

  private earlyLines: Promise<LineSummary[] | null> | null = null;
  private earlyTopology: { id: string; topology: Promise<Topology | null> } | null = null;

  /** Asks for the lines and the first one's drawing before anybody needs them. */
  foresee(): void {
    this.earlyLines = api.getLines().then(
      (lines) => {
        const [first] = lines;
        if (first && !first.at) {
          this.earlyTopology = { id: first.id, topology: api.getTopology(first.id).catch(() => null) };
        }
        return lines;
      },
      () => null,
    );
  }

  /** Follows nothing any more: somebody signed out. */
  stop(): void {
    this.ended = true;
    this.stream?.stop();
    this.state = null;
  }

  exitOf(parcel: Parcel): ReturnType<typeof exitFor> | null {
    return this.topology ? exitFor(this.topology, parcel.chute, parcel.committed) : null;
  }

  /** Asks which lines there are until there is an answer, then follows the first. */
  async start(): Promise<void> {
    if (this.ended) return;
    try {
      const early = this.earlyLines;
      this.earlyLines = null;
      this.lines = (await early) ?? (await api.getLines());
    } catch {
      this.phase = "unreachable";
      setTimeout(() => void this.start(), RETRY_MS);
      return;
    }
    const wanted = new URLSearchParams(location.search).get("line");
    const first = this.lines.find((line) => line.id === wanted) ?? this.lines[0];
    if (!first) {
      this.phase = "no_lines";
      setTimeout(() => void this.start(), RETRY_MS);
      return;
    }
    this.follow(first);
    if (this.lines.length > 1) this.watchLines();
  }

  /** Keeps what is told of all lines fresh; a missed answer is made up for by the next. */
  private watchLines(): void {
    const look = (): void => {
      if (this.ended) return;
      api.getLines().then(
        (lines) => (this.lines = lines),
        () => {},
      );
      setTimeout(look, LINES_MS);
    };
    setTimeout(look, LINES_MS);
  }

  /** Whether this is the line that is looked at. */
  isHere(one: LineSummary): boolean {
    return one.id === this.lineId && (one.at ?? "") === this.lineAt;
  }

  follow({ id: line, at = "" }: LineSummary): void {
    this.stream?.stop();
    if (this.lineId !== null) this.turns += 1;
    turnTo(at);
    this.lineAt = at;
    void session.there();
    this.lineId = line;
    this.pending = {};
    this.state = null;
    this.topology = null;
    this.staleSince = null;
    this.history = emptyHistory();
    this.motion.clear();
    this.offset.reset();
    this.phase = "ready";
    void this.loadTopology(line);
    this.stream = new Stream(api.lineBase(line), api.browser, {
      snapshot: (snapshot, fetched) => this.take(snapshot, fetched),
      delta: (delta) => this.change(delta),
      stale: (since) => this.setStale(since),
    });
    this.stream.start();
  }

  private async loadTopology(line: string): Promise<void> {
    const at = this.lineAt;
    try {
      const early = this.earlyTopology?.id === line && !at ? this.earlyTopology.topology : null;
      this.earlyTopology = null;
      const topology = (await early) ?? (await api.getTopology(line));
      if (this.lineId !== line || this.lineAt !== at) return;
      this.topology = topology;
      this.topologyFailed = false;
    } catch {
      this.topologyFailed = true;
      setTimeout(() => this.lineId === line && void this.loadTopology(line), RETRY_MS);
    }
  }

  private setStale(since: number | null): void {
    this.staleSince = since;
    // The service may have been replaced by one with another drawing of the line.
    if (since === null && this.lineId) void this.loadTopology(this.lineId);
    if (since !== null) {
      this.offset.reset();
      void session.load();
    }
  }

  private take(raw: Partial<Snapshot>, fetched: boolean): void {
    const next = fromSnapshot(raw);
    if (fetched && this.state && next.seq < this.state.seq) return;
    this.settle(this.state, next);
    this.state = next;
    this.track(next, true);
  }

  private change(delta: Delta): boolean {
    if (!this.state) return true;
    const { state, gap } = applyDelta(this.state, delta);
    this.settle(this.state, state);
    this.state = state;
    this.track(state, delta.parcels !== undefined);
    return gap;
  }

  private track(state: Snapshot, parcels: boolean): void {
    const now = performance.now();
    this.history = sample(this.history, now, state.rates.parcels_per_hour);
    if (!parcels) {
      this.motion.alive(now);
      return;
    }
    const age = this.offset.observe(now, Date.parse(state.at));
    this.motion.report(now, state.parcels, state.line.speed_mm_per_s, age);
    this.drawn += 1;
  }

  /** A command is done when the thing it is about has changed. */
  private settle(old: Snapshot | null, next: Snapshot): void {
    if (!old) return;
    if (old.alarms !== next.alarms) {
      for (const alarm of old.alarms) delete this.pending[`alarm-${alarm.id}`];
    }
    if (old.line.state !== next.line.state) delete this.pending["line"];
    if (old.chutes === next.chutes) return;
    for (const chute of next.chutes) {
      const before = old.chutes.find((c) => c.id === chute.id);
      const bag = before?.bag?.state !== chute.bag?.state;
      const changed = bag || before?.state !== chute.state || chute.count < before.count;
      if (changed) delete this.pending[`chute-${chute.id}`];
    }
  }

  /** Sends a command about `thing`; shows at once that it is on its way. */
  async command(thing: string, command: OperatorCommand): Promise<void> {
    const line = this.lineId;
    if (!line) return;
    await this.attempt(thing, () => api.sendCommand(line, command), true);
  }

  /** Acknowledges, silences, shelves, … an alarm. */
  async alarm(id: string, act: string, body?: { reason: string; minutes?: number }): Promise<boolean> {
    const path = `/api/v1/alarms/${encodeURIComponent(id)}/${act}`;
    return this.attempt(`alarm-${id}`, () => api.send("POST", path, body), true);
  }

  /**
   * Does something about `thing`, shows that it is under way, and words what goes wrong. Where the
   * answer only says that it was taken, `byStream`, the stream shows when it is done.
   */
  async attempt(thing: string, send: () => Promise<unknown>, byStream = false): Promise<boolean> {
    if (this.pending[thing]) return false;
    this.pending[thing] = "sending";
    this.error = null;
    try {
      await send();
      if (!byStream) {
        delete this.pending[thing];
        return true;
      }
      // The stream may have told the result already.
      if (this.pending[thing]) this.pending[thing] = "sent";
      setTimeout(() => delete this.pending[thing], SETTLE_MS);
      return true;
    } catch (failure) {
      delete this.pending[thing];
      this.error = api.failureOf(failure);
      return false;
    }
  }
}

export const line = new LineStore();
