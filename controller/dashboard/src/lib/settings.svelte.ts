/** What a person has chosen for this browser: language and brightness. */
import { languages, type Language, type MessageKey } from "../messages";

type Theme = "light" | "dark";

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    // Private windows may forbid it; the choice then lasts as long as the page.
    return null;
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // See `stored`.
  }
}

function firstLanguage(): Language {
  const wanted = [stored("sortline.language"), ...navigator.languages];
  for (const tag of wanted) {
    const short = tag?.slice(0, 2).toLowerCase();
    if (short && short in languages) return short as Language;
  }
  return "en";
}

const dark = window.matchMedia("(prefers-color-scheme: dark)");

class Settings {
  language = $state<Language>(firstLanguage());
  private chosen = $state<Theme | null>(themeOf(stored("sortline.theme")));
  private system = $state<Theme>(dark.matches ? "dark" : "light");
  theme = $derived<Theme>(this.chosen ?? this.system);
  readonly locale = $derived(languages[this.language].locale);
  readonly direction = $derived(languages[this.language].direction);

  constructor() {
    dark.addEventListener("change", (event) => {
      this.system = event.matches ? "dark" : "light";
    });
  }

  setLanguage(language: Language): void {
    this.language = language;
    store("sortline.language", language);
  }

  toggleTheme(): void {
    this.chosen = this.theme === "dark" ? "light" : "dark";
    store("sortline.theme", this.chosen);
  }
}

function themeOf(text: string | null): Theme | null {
  return text === "light" || text === "dark" ? text : null;
}

export const settings = new Settings();

type Values = Record<string, string | number>;

/** The message in the chosen language; `{name}` is replaced by the value of that name. */
export function t(key: MessageKey, values?: Values): string {
  return fill(languages[settings.language].messages[key], values);
}

/** Like `t` for keys made at run time: null when there is no such message. */
export function tMaybe(key: string, values?: Values): string | null {
  const table: Record<string, string> = languages[settings.language].messages;
  const text = Object.hasOwn(table, key) ? table[key] : undefined;
  return text === undefined ? null : fill(text, values);
}

function fill(text: string, values: Values = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Making a formatter costs far more than using it, and figures change ten times a second. */
const formatters = new Map<string, Intl.NumberFormat>();

function format(value: number, digits: number, style: "decimal" | "percent"): string {
  const key = `${settings.locale} ${style} ${digits}`;
  let formatter = formatters.get(key);
  if (!formatter) {
    formatter = new Intl.NumberFormat(settings.locale, {
      style,
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
    formatters.set(key, formatter);
  }
  return formatter.format(value);
}

export function number(value: number, digits = 0): string {
  return format(value, digits, "decimal");
}

export function percent(share: number, digits = 1): string {
  return format(share, digits, "percent");
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** Time of day with seconds; a dash for what is not a time. */
export function clock(time: string | number | null): string {
  const date = time === null ? new Date(NaN) : new Date(time);
  if (Number.isNaN(date.getTime())) return "–";
  let formatter = clocks.get(settings.locale);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat(settings.locale, {
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
    });
    clocks.set(settings.locale, formatter);
  }
  return formatter.format(date);
}
