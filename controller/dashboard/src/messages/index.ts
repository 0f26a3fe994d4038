/**
 * Every text of the page, in every language, each in a file of its own that is loaded when it is
 * chosen. English has every key; Chinese too; the others have those of the operators' pages, and
 * the compiler refuses a missing or surplus key. Words for alarms and causes are the service's.
 */
import type { en } from "./en";
import type { Words } from "../lib/words";

export type MessageKey = keyof typeof en;
export type Messages = Record<MessageKey, string>;

/** Beginnings of the keys that an operator meets. */
export const OPERATOR = [
  "page",
  "nav",
  "alarm",
  "alarms",
  "line",
  "lines",
  "live",
  "settings",
  "rate",
  "mimic",
  "parcel",
  "chute",
  "chutes",
  "reading",
  "camera",
  "command",
  "error",
  "common",
  "session",
  "coding",
] as const;
export type OperatorKey = Extract<MessageKey, `${(typeof OPERATOR)[number]}.${string}`>;
export type OperatorMessages = Record<OperatorKey, string>;

interface Entry {
  /** The language's name in itself. */
  name: string;
  locale: string;
  direction: "ltr" | "rtl";
  /** All keys are there; otherwise English stands in for the rest. */
  complete: boolean;
  load: () => Promise<Record<string, string>>;
  words: () => Promise<{ default: Words }>;
}

export const languages = {
  en: {
    name: "English",
    locale: "en-GB",
    direction: "ltr",
    complete: true,
    load: () => import("./en").then((m) => m.en),
    words: () => import("../../../service/src/words/en.json"),
  },
  zh: {
    name: "中文",
    locale: "zh-CN",
    direction: "ltr",
    complete: true,
    load: () => import("./zh").then((m) => m.zh),
    words: () => import("../../../service/src/words/zh.json"),
  },
  de: {
    name: "Deutsch",
    locale: "de-DE",
    direction: "ltr",
    complete: false,
    load: () => import("./de").then((m) => m.de),
    words: () => import("../../../service/src/words/de.json"),
  },
  es: {
    name: "Español",
    locale: "es-ES",
    direction: "ltr",
    complete: false,
    load: () => import("./es").then((m) => m.es),
    words: () => import("../../../service/src/words/es.json"),
  },
  ja: {
    name: "日本語",
    locale: "ja-JP",
    direction: "ltr",
    complete: false,
    load: () => import("./ja").then((m) => m.ja),
    words: () => import("../../../service/src/words/ja.json"),
  },
  ar: {
    name: "العربية",
    locale: "ar-EG",
    direction: "rtl",
    complete: false,
    load: () => import("./ar").then((m) => m.ar),
    words: () => import("../../../service/src/words/ar.json"),
  },
} satisfies Record<string, Entry>;

export type Language = keyof typeof languages;
