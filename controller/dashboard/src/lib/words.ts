/** Words and signs for states, shared by all parts of the page. */
import type { SignName } from "../components/Sign.svelte";
import { t, tMaybe } from "./settings.svelte";
import { settings } from "./settings.svelte";
import { plain } from "./text";
import type { Alarm, Chute, Topology } from "./types";

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

/** Words of the service for alarms and causes, one file a language. */
export interface Words {
  alarm: Record<string, { text: string; consequence: string; remedy: string }>;
  fault: Record<string, string>;
  cause: Record<string, string>;
  no_read: Record<string, string>;
}

const own = (table: Record<string, string>, key: string): string | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined;

export function noReadWord(reason: string): string {
  return own(settings.words.no_read, reason) ?? plain(reason, 60);
}

/** Why a parcel went where it went. */
export function causeWord(cause: unknown): string {
  if (cause && typeof cause === "object" && "no_read" in cause) {
    const { reason } = (cause as { no_read: { reason: string } }).no_read;
    return `${causeWord("no_read")}: ${noReadWord(reason)}`;
  }
  const name = String(cause ?? "");
  return own(settings.words.cause, name) ?? plain(name, 60);
}

/** Causes that say the same as what happened on the belt, where they have another name. */
const SAME_CAUSE: Record<string, string> = { stroke_missed: "failed_divert", stroke_refused: "refused", stopped: "stop" };

/** What happened to a parcel on the belt. */
export function physicalWord(name: string): string {
  return tMaybe(`trace.physical.${name}`) ?? causeWord(SAME_CAUSE[name] ?? name);
}

/** What was decided about a parcel. */
export function decisionWord(name: string): string {
  return tMaybe(`trace.decision.${name}`) ?? causeWord(name);
}

/** What a chute is for, as far as the plan or its kind say. */
export function servesWord(chute: Chute, length: number): string {
  if (chute.kind === "reject") return t("chute.serves_reject");
  if (chute.kind === "recirculation") return t("chute.serves_recirculation");
  return plain(chute.serves, length) || t("chute.serves_nothing");
}

/** An alarm in the chosen language; one that this page does not know, in the service's English. */
export function alarmWording(alarm: Alarm) {
  const { alarm: table, fault } = settings.words;
  const words = Object.hasOwn(table, alarm.kind) ? table[alarm.kind] : undefined;
  if (!words) {
    const { text, consequence, remedy } = alarm;
    return { text: plain(text) || plain(alarm.kind), consequence: plain(consequence), remedy: plain(remedy) };
  }
  const said = own(fault, alarm.fault ?? "") ?? plain(alarm.fault, 40);
  const text = words.text
    .replaceAll("{name}", plain(alarm.name || alarm.place, 40))
    .replaceAll("{fault}", said);
  return { text, consequence: words.consequence, remedy: words.remedy };
}

/** The same for the history, which knows an alarm only by its id. */
export function alarmKindWord(kind: string, name: string): string {
  const { alarm: table } = settings.words;
  const words = Object.hasOwn(table, kind) ? table[kind] : undefined;
  return words ? words.text.replaceAll("{name}", name).replaceAll(": {fault}", "").replaceAll("：{fault}", "") : plain(kind, 60);
}

/** A chute's name for a sentence. */
export function chuteName(topology: Topology | null, id: number | null): string {
  if (id === null) return t("parcel.target_open");
  return plain(topology?.chute.find((c) => c.id === id)?.name ?? id, 40);
}
