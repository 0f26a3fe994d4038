import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { languages } from "../src/messages";

const keys = Object.keys(languages.en.messages);
const holes = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();

test.each(Object.entries(languages))("%s has every message, none empty", (_, { messages }) => {
  expect(Object.keys(messages).sort()).toEqual([...keys].sort());
  for (const [key, text] of Object.entries(messages)) expect(text.trim(), key).not.toBe("");
});

test.each(Object.entries(languages))("%s fills the same holes as English", (_, { messages }) => {
  for (const [key, text] of Object.entries(languages.en.messages)) {
    expect(holes((messages as Record<string, string>)[key] ?? ""), key).toEqual(holes(text));
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
  // Beginnings of keys made at run time; one word and a dot would excuse too much.
  const made = [...source.matchAll(/[`"]([a-z_]+\.[a-z_]+\.)["$]/g)].map((m) => m[1] ?? "");
  expect(made.length).toBeGreaterThan(5);
  const unused = keys.filter(
    (key) => !source.includes(`"${key}"`) && !made.some((start) => key.startsWith(start)),
  );
  expect(unused).toEqual([]);
});
