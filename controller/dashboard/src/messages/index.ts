/**
 * Every text of the page, in every language, each in a file of its own that is loaded when it is
 * chosen; the compiler refuses a missing or surplus key. What an operator does not meet stands in
 * the files `.more` and `.upkeep` beside it. Words for alarms and causes are the service's.
 */
import type { en } from "./en";
import type { more } from "./en.more";
import type { upkeep } from "./en.upkeep";
import type { Words } from "../lib/words";

export type MessageKey = keyof typeof en;
export type Messages = Record<MessageKey, string>;
export type MoreMessages = Record<keyof typeof more, string>;
export type UpkeepMessages = Record<keyof typeof upkeep, string>;
export type OperatorMessages = Omit<Messages, keyof MoreMessages | keyof UpkeepMessages>;

interface Entry {
  /** The language's name in itself. */
  name: string;
  locale: string;
  direction: "ltr" | "rtl";
  load: () => Promise<Messages>;
  words: () => Promise<{ default: Words }>;
}

export const languages = {
  en: {
    name: "English",
    locale: "en-GB",
    direction: "ltr",
    load: () => import("./en").then((m) => m.en),
    words: () => import("../../../service/src/words/en.json"),
  },
  zh: {
    name: "中文",
    locale: "zh-CN",
    direction: "ltr",
    load: () => import("./zh").then((m) => m.zh),
    words: () => import("../../../service/src/words/zh.json"),
  },
  de: {
    name: "Deutsch",
    locale: "de-DE",
    direction: "ltr",
    load: () => import("./de").then((m) => m.de),
    words: () => import("../../../service/src/words/de.json"),
  },
  es: {
    name: "Español",
    locale: "es-ES",
    direction: "ltr",
    load: () => import("./es").then((m) => m.es),
    words: () => import("../../../service/src/words/es.json"),
  },
  ja: {
    name: "日本語",
    locale: "ja-JP",
    direction: "ltr",
    load: () => import("./ja").then((m) => m.ja),
    words: () => import("../../../service/src/words/ja.json"),
  },
  ar: {
    name: "العربية",
    locale: "ar-EG",
    direction: "rtl",
    load: () => import("./ar").then((m) => m.ar),
    words: () => import("../../../service/src/words/ar.json"),
  },
} satisfies Record<string, Entry>;

export type Language = keyof typeof languages;
