/** Requests to the service. Every failure becomes one sentence that a person can act on. */
import type { OperatorCommand, Snapshot, Topology } from "./types";
import type { Outside } from "./stream";

const TIMEOUT_MS = 5_000;

/** Why a request failed, in a form that can be worded in any language. */
export class RequestError extends Error {
  readonly reason: "unreachable" | "refused" | "forbidden" | "missing" | "broken";
  readonly detail: string;

  constructor(reason: RequestError["reason"], detail: string) {
    super(reason);
    this.reason = reason;
    this.detail = detail;
  }
}

function reasonFor(status: number): RequestError["reason"] {
  if (status === 401 || status === 403) return "forbidden";
  if (status === 404) return "missing";
  return status < 500 ? "refused" : "broken";
}

/** What the service said in a refusal: text, or a problem document. */
async function detailOf(response: Response): Promise<string> {
  const text = (await response.text().catch(() => "")).slice(0, 2_000);
  try {
    const json: unknown = JSON.parse(text);
    if (json && typeof json === "object") {
      const { detail, error, message } = json as Record<string, unknown>;
      return String(detail ?? error ?? message ?? "");
    }
  } catch {
    // Not JSON: a bare sentence, unless it is a whole page.
  }
  return text.startsWith("<") ? "" : text;
}

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(path, { ...init, signal: limit.signal, cache: "no-store" });
  } catch {
    throw new RequestError("unreachable", "");
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) throw new RequestError(reasonFor(response.status), await detailOf(response));
  return response;
}

async function getJson<T>(path: string): Promise<T> {
  const response = await request(path);
  try {
    return (await response.json()) as T;
  } catch {
    throw new RequestError("broken", "");
  }
}

export const lineBase = (line: string): string => `/api/v1/lines/${encodeURIComponent(line)}`;

export const getLines = (): Promise<{ id: string; name: string }[]> => getJson("/api/v1/lines");

export const getTopology = (line: string): Promise<Topology> =>
  getJson(`${lineBase(line)}/topology`);

/** Accepted, not done: the stream shows when it is. */
export async function sendCommand(line: string, command: OperatorCommand): Promise<void> {
  await request(`${lineBase(line)}/commands`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(command),
  });
}

export async function acknowledge(alarm: string): Promise<void> {
  await request(`/api/v1/alarms/${encodeURIComponent(alarm)}/acknowledge`, { method: "POST" });
}

/** The browser as the stream's outside. */
export const browser: Outside = {
  now: () => Date.now(),
  open: (url) => new EventSource(url),
  fetchState: (url) => getJson<Snapshot>(url),
  after(ms, then) {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};
