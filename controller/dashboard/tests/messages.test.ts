import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { languages, OPERATOR } from "../src/messages";
import { en } from "../src/messages/en";

const keys = Object.keys(en);
const operator = keys.filter((key) => OPERATOR.some((start) => key.startsWith(`${start}.`)));
const holes = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();
const all = Object.entries(languages);

test.each(all)("%s has every message it must have, none empty", async (_, entry) => {
  const messages = await entry.load();
  const needed = entry.complete ? keys : operator;
  expect(Object.keys(messages).sort()).toEqual([...needed].sort());
  for (const [key, text] of Object.entries(messages)) expect(text.trim(), key).not.toBe("");
});

test.each(all)("%s fills the same holes as English", async (_, entry) => {
  const messages = await entry.load();
  for (const [key, text] of Object.entries(messages)) {
    expect(holes(text), key).toEqual(holes((en as Record<string, string>)[key] ?? ""));
  }
});

test.each(all)("%s is not English left over", async (language, entry) => {
  if (language === "en") return;
  const messages = await entry.load();
  const same = Object.entries(messages).filter(
    ([key, text]) => text === (en as Record<string, string>)[key] && /[a-z]{3}/.test(text.replace(/\{\w+\}/g, "")),
  );
  // Words that are the same in both languages are few.
  expect(same.length, same.map(([key]) => key).join()).toBeLessThan(16);
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
