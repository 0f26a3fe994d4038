import { expect, test } from "vitest";
import { barsPath, groupsOf, gs1Bars } from "../src/lib/code128";

test("a symbol has a start, the stop, and characters of eleven modules", () => {
  const widths = gs1Bars("00395011010000000019") ?? [];
  // Start, FNC1, ten pairs, check: eleven modules each; the stop has thirteen.
  expect(widths.reduce((sum, width) => sum + width, 0)).toBe(13 * 11 + 13);
  expect(widths.slice(0, 6).join("")).toBe("211232");
  expect(widths.slice(6, 12).join("")).toBe("411131");
  expect(widths.slice(12, 18).join("")).toBe("212222");
  expect(widths.slice(-7).join("")).toBe("2331112");
});

test("the check character is the weighted sum modulo 103", () => {
  // 105 + 1*102 + 2*0 + 3*12 = 243; 243 mod 103 = 37.
  const widths = gs1Bars("0012") ?? [];
  expect(widths.slice(24, 30).join("")).toBe("132113");
});

test("what is no even number of digits has no symbol", () => {
  for (const text of ["", "1", "123", "12a4", "<script>", "١٢"]) expect(gs1Bars(text)).toBe(null);
});

test("bars stand where the widths say", () => {
  expect(barsPath([2, 1, 3], 10)).toEqual({ path: "M0 0h2v10h-2zM3 0h3v10h-3z", width: 6 });
});

test("an SSCC is shown in groups, anything else as it is", () => {
  expect(groupsOf("395011010000000019")).toBe("3 9501101 00000 00019");
  expect(groupsOf("<b>")).toBe("<b>");
});
