/** What has to be there before a line runs its first shift, told from what the line says. Pure. */
import type { PageId } from "./pages";
import type { Snapshot } from "./types";

export type StepId = "node" | "belt" | "cameras" | "read" | "sorted" | "plan" | "calm" | "people";

export interface FirstStep {
  id: StepId;
  done: boolean;
  place: [PageId, ...string[]];
}

interface Known {
  /** Nobody signs in. */
  open: boolean;
  /** Accounts; null where we may not know. */
  people: number | null;
}

export function stepsOf(state: Snapshot | null, known: Known): FirstStep[] {
  const rates = state?.rates;
  const cameras = state?.cameras ?? [];
  const steps: FirstStep[] = [
    { id: "node", done: state?.line.node === "up", place: ["maintenance"] },
    { id: "belt", done: (rates?.inducted ?? 0) > 0 || (state?.line.speed_mm_per_s ?? 0) > 0, place: ["maintenance"] },
    { id: "cameras", done: cameras.length > 0 && cameras.every((c) => c.healthy && c.frames > 0), place: ["maintenance"] },
    { id: "read", done: (rates?.inducted ?? 0) > (rates?.no_read ?? 0) && (rates?.read_rate ?? 0) > 0, place: ["overview"] },
    { id: "plan", done: Boolean(state?.line.plan), place: ["plan"] },
    { id: "sorted", done: (rates?.sorted ?? 0) > 0, place: ["parcels"] },
    { id: "calm", done: state !== null && !state.alarms.some((a) => a.state === "active" && a.priority === "high"), place: ["alarms"] },
  ];
  if (!known.open && known.people !== null) {
    steps.push({ id: "people", done: known.people > 1, place: ["system", "people"] });
  }
  return steps;
}
