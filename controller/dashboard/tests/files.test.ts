import { expect, test } from "vitest";
import { linesOf } from "../src/lib/files";

const said = (old: string, now: string): string[] =>
  linesOf(old, now).map((c) => `${c.kind === "added" ? "+" : "-"}${c.line} ${c.text}`);

test("only what differs is told, with its line", () => {
  expect(said("a\nb\nc", "a\nb\nc")).toEqual([]);
  expect(said("a\nb\nc", "a\nB\nc")).toEqual(["-2 b", "+2 B"]);
  expect(said("a\nb", "x\na\nb\ny")).toEqual(["+1 x", "+4 y"]);
  expect(said("a\nb\nc\nd", "a\nd")).toEqual(["-2 b", "-3 c"]);
  expect(said("", "a")).toEqual(["-1 ", "+1 a"]);
  expect(said("1\n2\n3\n4\n5", "1\n3\n9\n5")).toEqual(["-2 2", "-4 4", "+3 9"]);
});

test("texts too long to compare are shown as replaced", () => {
  const long = (mark: string): string => Array.from({ length: 2_100 }, (_, i) => `${mark}${i}`).join("\n");
  expect(linesOf(long("a"), long("b"))).toHaveLength(4_200);
});
