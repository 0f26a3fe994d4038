/** What a person has chosen for this browser: language and brightness. */
import { languages, type Language, type MessageKey } from "../messages";
import type { Words } from "./words";

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

const NO_WORDS: Words = { alarm: {}, fault: {}, cause: {}, no_read: {} };

class Settings {
  language = $state<Language>(firstLanguage());
  /** Texts of the language; loaded before the page is drawn. */
  table = $state.raw<Record<string, string>>({});
  /** The service's words for alarms and causes. */
  words = $state.raw<Words>(NO_WORDS);
  /** Sound for alarms that nobody has answered; off until somebody wants it at this screen. */
  sound = $state(stored("sortline.sound") === "on");
  /** Times are those of the line's site, wherever somebody looks from; null: of the browser. */
  zone = $state<string | null>(null);
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

  /** Loads a language and changes to it; stays with the old one when it cannot be loaded. */
  async setLanguage(language: Language): Promise<void> {
    const entry = languages[language];
    try {
      const [table, words] = await Promise.all([entry.load(), entry.words()]);
      this.table = table;
      this.words = words.default;
      this.language = language;
      store("sortline.language", language);
    } catch {
      // The controller is away: the words on the screen stay as they are.
    }
  }

  setZone(zone: string): void {
    this.zone = zone;
  }

  toggleSound(): void {
    this.sound = !this.sound;
    store("sortline.sound", this.sound ? "on" : "off");
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
  return fill(settings.table[key] ?? key, values);
}

/** Like `t` for keys made at run time: null when there is no such message. */
export function tMaybe(key: string, values?: Values): string | null {
  const text = Object.hasOwn(settings.table, key) ? settings.table[key] : undefined;
  return text === undefined ? null : fill(text, values);
}

function fill(text: string, values: Values = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Making a formatter costs far more than using it, and figures change ten times a second. */
const made = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function numbers(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `number ${settings.locale} ${Object.values(options).join()}`;
  const found = made.get(key) ?? new Intl.NumberFormat(settings.locale, options);
  made.set(key, found);
  return found as Intl.NumberFormat;
}

/** Times of the site's zone, whatever the clock of the machine that shows them. */
function times(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `time ${settings.locale} ${settings.zone} ${Object.values(options).join()}`;
  let found = made.get(key);
  if (!found) {
    const zone = settings.zone ? { timeZone: settings.zone } : {};
    try {
      found = new Intl.DateTimeFormat(settings.locale, { ...options, ...zone });
    } catch {
      // A zone that this browser does not know: its own is used.
      found = new Intl.DateTimeFormat(settings.locale, options);
    }
    made.set(key, found);
  }
  return found as Intl.DateTimeFormat;
}

function format(value: number, digits: number, style: "decimal" | "percent"): string {
  return numbers({ style, minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

export function number(value: number, digits = 0): string {
  return format(value, digits, "decimal");
}

export function percent(share: number, digits = 1): string {
  return format(share, digits, "percent");
}

/** Whole and tenths of a duration, in units that fit. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const unit = (value: number, name: "millisecond" | "second" | "minute" | "hour" | "day"): string =>
    numbers({ style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
  if (seconds > 0 && seconds < 0.9995) return unit(seconds * 1_000, "millisecond");
  if (seconds < 90) return unit(seconds, "second");
  if (seconds < 5_400) return unit(seconds / 60, "minute");
  return seconds < 172_800 ? unit(seconds / 3_600, "hour") : unit(seconds / 86_400, "day");
}

function shown(time: string | number | null, options: Intl.DateTimeFormatOptions): string {
  const date = time === null ? new Date(NaN) : new Date(time);
  return Number.isNaN(date.getTime()) ? "–" : times(options).format(date);
}

/** Date and time of day. */
export const moment = (time: string | number | null): string =>
  shown(time, { dateStyle: "short", timeStyle: "medium", hourCycle: "h23" });

/** The same to the minute, for what begins and ends on one. */
export const minute = (time: string | number | null): string =>
  shown(time, { dateStyle: "short", timeStyle: "short", hourCycle: "h23" });

/** Day and month, for what is a day. */
export const day = (time: string | number | null): string =>
  shown(time, { weekday: "short", day: "numeric", month: "numeric" });

/** Time of day with seconds; a dash for what is not a time. */
export const clock = (time: string | number | null): string =>
  shown(time, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

const RECENT_MS = 12 * 3_600_000;

/** Time of day of what was not long ago, with its date before that. */
export function recent(time: string): string {
  return Math.abs(Date.now() - Date.parse(time)) < RECENT_MS ? clock(time) : moment(time);
}
