/**
 * Every text of the page, in every language. A language is one file and one line here; the type
 * `Messages` makes a missing or surplus key an error of the compiler.
 */
import { en } from "./en";
import { zh } from "./zh";

export type MessageKey = keyof typeof en;
export type Messages = Record<MessageKey, string>;

interface Entry {
  /** The language's name in itself. */
  name: string;
  /** Short name for a small button. */
  short: string;
  locale: string;
  direction: "ltr" | "rtl";
  messages: Messages;
}

export const languages = {
  en: { name: "English", short: "EN", locale: "en-GB", direction: "ltr", messages: en },
  zh: { name: "中文", short: "中文", locale: "zh-CN", direction: "ltr", messages: zh },
} satisfies Record<string, Entry>;

export type Language = keyof typeof languages;
