/** Requests to the service. Every failure becomes one sentence that a person can act on. */
import { there } from "./at";
import type { LineSummary, Me, OperatorCommand, Snapshot, Topology } from "./types";
import type { Outside } from "./stream";

const TIMEOUT_MS = 5_000;

/** Why a request failed, in a form that can be worded in any language. */
export class RequestError extends Error {
  readonly reason: "unreachable" | "refused" | "forbidden" | "sign_in" | "missing" | "broken";
  readonly detail: string;

  constructor(reason: RequestError["reason"], detail: string) {
    super(reason);
    this.reason = reason;
    this.detail = detail;
  }
}

function reasonFor(status: number): RequestError["reason"] {
  if (status === 401) return "sign_in";
  if (status === 403) return "forbidden";
  if (status === 404 || status === 410) return "missing";
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

async function request(path: string, init: RequestInit = {}, ms = TIMEOUT_MS): Promise<Response> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), ms);
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

export const getJson = <T>(path: string, ms?: number): Promise<T> => getHere<T>(there(path), ms);

/** The same of the controller that sent the page, whichever line is looked at. */
async function getHere<T>(path: string, ms?: number): Promise<T> {
  const response = await request(path, {}, ms);
  try {
    return (await response.json()) as T;
  } catch {
    throw new RequestError("broken", "");
  }
}

export const lineBase = (line: string): string => `/api/v1/lines/${encodeURIComponent(line)}`;

/** All lines that can be looked at from here. */
export const getLines = (): Promise<LineSummary[]> => getHere("/api/v1/lines");

/** Who we are here. */
export const getMe = (): Promise<Me> => getHere("/api/v1/session");

/** Who we are at the controller of the line. */
export const getMeThere = (): Promise<Me> => getJson("/api/v1/session");

/** Text of a file. */
export async function getText(path: string): Promise<string> {
  return (await request(there(path))).text();
}

export const getTopology = (line: string): Promise<Topology> =>
  getJson(`${lineBase(line)}/topology`);

/** Accepted, not done: the stream shows when it is. */
export async function sendCommand(line: string, command: OperatorCommand): Promise<void> {
  await request(there(`${lineBase(line)}/commands`), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(command),
  });
}

/** Sends JSON, or text as it is; gives the answer's JSON, or null when there is none. */
export async function send<T>(
  method: "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
  ms = TIMEOUT_MS,
): Promise<T | null> {
  const text = typeof body === "string";
  const init: RequestInit = { method };
  if (body !== undefined) {
    init.headers = { "content-type": text ? "text/csv" : "application/json" };
    init.body = text ? body : JSON.stringify(body);
  }
  const response = await request(there(path), init, ms);
  const answer = await response.text();
  if (!answer) return null;
  try {
    return JSON.parse(answer) as T;
  } catch {
    throw new RequestError("broken", "");
  }
}

/** A query string of what is not empty. */
export function query(values: Record<string, string | number | null | undefined>): string {
  const pairs = Object.entries(values).filter(([, v]) => v !== "" && v !== null && v !== undefined);
  const text = new URLSearchParams(pairs.map(([k, v]) => [k, String(v)])).toString();
  return text ? `?${text}` : "";
}

/** Whatever went wrong, in a form that can be worded. */
export function failureOf(failure: unknown): { reason: RequestError["reason"]; detail: string } {
  return failure instanceof RequestError
    ? { reason: failure.reason, detail: failure.detail }
    : { reason: "broken", detail: "" };
}

/** The browser as the stream's outside. */
export const browser: Outside = {
  now: () => Date.now(),
  open: (url) => new EventSource(there(url)),
  fetchState: (url) => getJson<Snapshot>(url),
  after(ms, then) {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};
