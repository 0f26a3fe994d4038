/** Sort plans as the service has them, and what differs between two. Pure. */

export interface Rule {
  name: string;
  hop?: string | null;
  country?: string | null;
  postcode_prefix?: string | null;
  chutes: number[];
  spread?: boolean;
}

export interface SortPlan {
  version: string;
  rule: Rule[];
  overflow?: number | null;
  hold?: number | null;
}

export interface PlanRow {
  id: number;
  version: string;
  author: string;
  comment: string;
  made: string;
  approved_by: string | null;
  activated: string | null;
}

export interface Checked {
  problems: string[];
  unused: number[];
  total: boolean;
  overflow: boolean;
}

export interface Trial {
  parcels: number;
  before: Record<string, number>;
  after: Record<string, number>;
  moved: number;
  examples: [string, string, number, number][];
}

/** What a proposal is judged by; of each, less is better. */
export const FIGURES = ["peak", "missed", "laps", "walk_m"] as const;
export type Figures = Record<(typeof FIGURES)[number], number>;

/** Another chute for a rule. Chutes are named as the service says them: `chute 7 (North 2)`. */
export interface Move {
  rule: string;
  from: string | null;
  to: string;
  /** The figures if this move alone were left out. */
  without: Figures;
}

export interface Proposed {
  proposal: { figures: Figures; before: Figures | null; moves: Move[] };
}

/** The number in a chute's name; null when there is none. */
export function chuteIn(name: string | null): number | null {
  const number = /^chute (\d+)\b/.exec(name ?? "")?.[1];
  return number === undefined ? null : Number(number);
}

/** The plan with the moves of a proposal: a rule's new chute stands where the one it had stood. */
export function takenOver(plan: SortPlan, moves: Move[]): SortPlan {
  const by = new Map(moves.map((move) => [move.rule, move]));
  const rule = plan.rule.map((rule) => {
    const [from, to] = [chuteIn(by.get(rule.name)?.from ?? null), chuteIn(by.get(rule.name)?.to ?? null)];
    if (to === null || rule.chutes[0] === to) return rule;
    return { ...rule, chutes: [to, ...rule.chutes.filter((id) => id !== to && id !== from)] };
  });
  return { ...plan, rule };
}

export interface PlanChange {
  kind: "added" | "removed" | "changed" | "moved" | "setting";
  name: string;
  from: string;
  to: string;
}

/** What a rule says, on one line. */
export function ruleText(rule: Rule): string {
  const when = [rule.hop && `hop ${rule.hop}`, rule.country, rule.postcode_prefix && `${rule.postcode_prefix}…`];
  const text = when.filter(Boolean).join(" ") || "*";
  return `${text} → ${rule.chutes.join(" ")}${rule.spread ? " ⇄" : ""}`;
}

/** Changes by name of rule, in the order of the new plan. */
export function diffOf(old: SortPlan, now: SortPlan): PlanChange[] {
  const changes: PlanChange[] = [];
  for (const key of ["overflow", "hold"] as const) {
    const [from, to] = [old[key] ?? null, now[key] ?? null];
    if (from !== to) changes.push({ kind: "setting", name: key, from: String(from ?? "–"), to: String(to ?? "–") });
  }
  const before = new Map(old.rule.map((rule) => [rule.name, rule]));
  const after = new Map(now.rule.map((rule) => [rule.name, rule]));
  for (const rule of now.rule) {
    const was = before.get(rule.name);
    const to = ruleText(rule);
    if (!was) changes.push({ kind: "added", name: rule.name, from: "", to });
    else if (ruleText(was) !== to) changes.push({ kind: "changed", name: rule.name, from: ruleText(was), to });
  }
  for (const rule of old.rule) {
    if (!after.has(rule.name)) changes.push({ kind: "removed", name: rule.name, from: ruleText(rule), to: "" });
  }
  // The first rule that matches wins, so order matters even where nothing else differs.
  const kept = (plan: SortPlan): string[] =>
    plan.rule.map((rule) => rule.name).filter((name) => before.has(name) && after.has(name));
  const [from, to] = [kept(old), kept(now)];
  const first = from.findIndex((name, i) => name !== to[i]);
  if (first >= 0) {
    changes.push({ kind: "moved", name: to[first] ?? "", from: String(from.indexOf(to[first] ?? "") + 1), to: String(first + 1) });
  }
  return changes;
}
