import { expect, test } from "vitest";
import { plain, safeImage } from "../src/lib/text";

test.each([
  ["DE 10115", "DE 10115"],
  ["", ""],
  [null, ""],
  [undefined, ""],
  [812, "812"],
  ["<script>alert(1)</script>", "<script>alert(1)</script>"],
  ["a\u001db", "a␝b"],
  ["a\u0000b\u001b[31m", "a□b□[31m"],
  ["\u202Egnirts\u202C", "□gnirts□"],
  ["a\u200b\ufeffb", "a□□b"],
  ["\u{e0041}x", "□x"],
  ["line\r\nline\tend", "line line end"],
  ["上海市浦东新区", "上海市浦东新区"],
  ["e" + "\u0301".repeat(50), "e" + "\u0301".repeat(3)],
])("%j is shown as %j", (text, expected) => {
  expect(plain(text)).toBe(expected);
});

test("a long text is cut, by characters and not by halves of them", () => {
  expect(plain("A".repeat(10_000), 20)).toBe(`${"A".repeat(19)}…`);
  const cut = plain("📦".repeat(5_000), 10);
  expect(Array.from(cut)).toHaveLength(10);
  expect(cut).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/);
});

test.each([
  ["/api/v1/frames/77.jpg", true],
  ["https://example.org/x.jpg", false],
  ["//example.org/api/v1/frames/77.jpg", false],
  ["/api/v1/frames/../../x.jpg", false],
  ["javascript:alert(1)", false],
  ["data:image/svg+xml,<svg/>", false],
  [null, false],
])("image %s is shown: %s", (url, shown) => {
  expect(safeImage(url)).toBe(shown ? url : null);
});
