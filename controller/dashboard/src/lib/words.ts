/** Words and signs for states, shared by all parts of the page. */
import type { SignName } from "../components/Sign.svelte";
import { t, tMaybe } from "./settings.svelte";
import { settings } from "./settings.svelte";
import { alarmTarget } from "./state";
import { plain } from "./text";
import type { Alarm, Topology } from "./types";

export type Tone = "high" | "medium" | "low" | "";

/** Sign, tone and word of a state. */
export interface Wording {
  sign: SignName;
  tone: Tone;
  word: string;
}

const LINE_SIGNS: Record<string, [SignName, Tone]> = {
  Execute: ["running", ""],
  Idle: ["idle", ""],
  Held: ["held", "medium"],
  Suspended: ["held", "medium"],
  Stopped: ["stopped", "medium"],
  Aborted: ["aborted", "high"],
};

export function lineWording(state: string): Wording {
  const [sign, tone] = LINE_SIGNS[state] ?? ["question", "medium"];
  return { sign, tone, word: tMaybe(`line.state.${state}`) ?? plain(state, 24) };
}

const CHUTE_SIGNS: Record<string, [SignName, Tone]> = {
  ready: ["ok", ""],
  full: ["full", "medium"],
  disabled: ["disabled", ""],
  jammed: ["high", "high"],
};

export function chuteWording(state: string): Wording {
  const [sign, tone] = CHUTE_SIGNS[state] ?? ["question", "medium"];
  return { sign, tone, word: tMaybe(`chute.state.${state}`) ?? plain(state, 24) };
}

export function noReadWord(reason: string): string {
  return tMaybe(`reading.reason.${reason}`) ?? plain(reason, 60);
}

/** An alarm in the chosen language: the service's own English, or this page's translation. */
export function alarmWording(alarm: Alarm, topology: Topology | null) {
  return {
    text: alarmPart(alarm, "text", alarm.text, topology) || plain(alarm.kind, 60),
    consequence: alarmPart(alarm, "consequence", alarm.consequence, topology),
    remedy: alarmPart(alarm, "remedy", alarm.remedy, topology),
  };
}

function alarmPart(
  alarm: Alarm,
  part: "text" | "consequence" | "remedy",
  own: string,
  topology: Topology | null,
): string {
  if (settings.language === "en" && own) return plain(own);
  const id = partName(alarm, topology);
  const translated = id === "" && NAMED.has(alarm.kind) ? null : tMaybe(`${PREFIX[part]}${alarm.kind}`, { id });
  return translated ?? plain(own);
}

const PREFIX = {
  text: "alarm.text.",
  consequence: "alarm.consequence.",
  remedy: "alarm.remedy.",
};

/** Kinds whose text names a part of the line. */
const NAMED = new Set(["camera", "jam", "chute_full", "diverter", "eye"]);

function partName(alarm: Alarm, topology: Topology | null): string {
  const target = alarmTarget(alarm);
  if (!target) return "";
  if (target.part === "chute") return String(target.id);
  const parts = topology?.[target.part] ?? [];
  return plain(parts.find((p) => p.id === target.id)?.name ?? target.id, 40);
}

/** A chute's name for a sentence. */
export function chuteName(topology: Topology | null, id: number | null): string {
  if (id === null) return t("parcel.target_open");
  return plain(topology?.chute.find((c) => c.id === id)?.name ?? id, 40);
}
