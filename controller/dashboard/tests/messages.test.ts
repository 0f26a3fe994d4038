import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { languages, type Language, type MessageKey } from "../src/messages";
import { en } from "../src/messages/en";

const keys = Object.keys(en);
const holes = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();
const all = Object.entries(languages) as [Language, (typeof languages)[Language]][];

test.each(all)("%s has every message, none empty", async (_, entry) => {
  const messages = await entry.load();
  expect(Object.keys(messages).sort()).toEqual(keys.sort());
  for (const [key, text] of Object.entries(messages)) expect(text.trim(), key).not.toBe("");
});

test.each(all)("%s fills the same holes as English", async (_, entry) => {
  const messages = await entry.load();
  for (const [key, text] of Object.entries(messages)) {
    expect(holes(text), key).toEqual(holes((en as Record<string, string>)[key] ?? ""));
  }
});

/** Words that a language shares with English, and names and units that every language writes so. */
const SHARED: Partial<Record<Language, string[]>> = {
  de: ["API", "Bus", "Bus {name}", "Code", "Codes", "Express", "Journal", "Name", "OEE", "Simulator", "Standard", "System", "Version", "{ms} ms", "{simulated} in {real}"],
  es: ["API", "Bus", "Bus {name}", "OEE", "{ms} ms"],
  ja: ["API"],
};

test.each(all)("%s is not English left over", async (language, entry) => {
  if (language === "en") return;
  const worded = (text: string): boolean => /[a-z]{2}/i.test(text.replace(/\{\w+\}/g, ""));
  const same = Object.entries(await entry.load()).filter(([key, text]) => text === en[key as MessageKey] && worded(text));
  expect([...new Set(same.map(([, text]) => text))].sort()).toEqual(SHARED[language] ?? []);
});

test.each(all)("%s has all words of the service", async (_, entry) => {
  const { default: words } = await entry.words();
  const { default: english } = await languages.en.words();
  for (const group of ["alarm", "fault", "cause", "no_read"] as const) {
    expect(Object.keys(words[group]).sort()).toEqual(Object.keys(english[group]).sort());
  }
});

test("every message is used, and every one used exists", () => {
  const root = new URL("../src/", import.meta.url);
  const source = readdirSync(root, { recursive: true })
    .map(String)
    .filter((name) => /\.(svelte|ts)$/.test(name) && !name.startsWith("messages"))
    .map((name) => readFileSync(new URL(name, root), "utf8"))
    .join("\n");
  const quoted = new Set([...source.matchAll(/\bt\(\s*"([^"]+)"/g)].map((m) => m[1]));
  for (const key of quoted) expect(keys, key).toContain(key);
  // Beginnings of keys made at run time; those of one word must be followed by a hole.
  const made = [...source.matchAll(/`([a-z_]+(?:\.[a-z_]+)*\.)\$\{/g)].map((m) => m[1] ?? "");
  expect(made.length).toBeGreaterThan(5);
  const unused = keys.filter(
    (key) => !source.includes(`"${key}"`) && !made.some((start) => key.startsWith(start)),
  );
  expect(unused).toEqual([]);
});
