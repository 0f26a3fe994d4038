/** The pages: where they are, who may see them, and how they are loaded. */
import type { Component } from "svelte";
import type { SignName } from "../components/Sign.svelte";
import type { Right } from "./types";

export interface Page {
  id: PageId;
  sign: SignName;
  right: Right;
  load: () => Promise<{ default: Component }>;
}

export const PAGE_IDS = [
  "overview",
  "chutes",
  "alarms",
  "coding",
  "parcels",
  "plan",
  "routes",
  "reports",
  "maintenance",
  "simulator",
  "system",
] as const;
export type PageId = (typeof PAGE_IDS)[number];

export const pages: Page[] = [
  { id: "overview", sign: "belt", right: "see", load: () => import("../pages/Overview.svelte") },
  { id: "chutes", sign: "chute", right: "see", load: () => import("../pages/Chutes.svelte") },
  { id: "alarms", sign: "bell", right: "see", load: () => import("../pages/Alarms.svelte") },
  { id: "coding", sign: "keys", right: "code", load: () => import("../pages/Coding.svelte") },
  { id: "parcels", sign: "search", right: "labels", load: () => import("../pages/Parcels.svelte") },
  { id: "plan", sign: "plan", right: "see", load: () => import("../pages/Plan.svelte") },
  { id: "routes", sign: "route", right: "see", load: () => import("../pages/Routes.svelte") },
  { id: "reports", sign: "chart", right: "see", load: () => import("../pages/Reports.svelte") },
  { id: "maintenance", sign: "wrench", right: "maintain", load: () => import("../pages/Maintenance.svelte") },
  { id: "simulator", sign: "flask", right: "maintain", load: () => import("../pages/Simulator.svelte") },
  { id: "system", sign: "gear", right: "see", load: () => import("../pages/System.svelte") },
];

/** A place: a page and what of it. */
export interface Place {
  page: PageId;
  rest: string[];
}

/** `#/parcels/17` is the page `parcels` with `17`; what is no page is the first one. */
export function placeOf(hash: string): Place {
  const path = hash.replace(/^#\/?/, "").split("?")[0] ?? "";
  const [first, ...rest] = path.split("/").filter((part) => part !== "");
  const page = PAGE_IDS.find((id) => id === first);
  return page ? { page, rest: rest.map(decoded) } : { page: "overview", rest: [] };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const hrefOf = (page: PageId, ...rest: (string | number)[]): string =>
  ["#", page, ...rest.map((part) => encodeURIComponent(part))].join("/");
