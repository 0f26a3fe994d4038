import { expect, test } from "vitest";
import { scaleOf } from "../src/lib/scale";

test("five alike passes give a scale", () => {
  const found = scaleOf([294, 295, 294, 293, 294], 300, 1_000);
  expect(found?.um_per_tick).toBe(1_020);
  expect(found?.sure).toBe(true);
  expect(found?.mean_mm).toBeCloseTo(294);
});

test("too few passes, or different parcels, give none to rely on", () => {
  expect(scaleOf([294, 295], 300, 1_000)?.sure).toBe(false);
  expect(scaleOf([294, 295, 294, 410, 294], 300, 1_000)?.sure).toBe(false);
});

test.each([
  [[], 300, 1_000],
  [[294], 0, 1_000],
  [[294], Number.NaN, 1_000],
  [[294], 300, 0],
  [[0], 300, 1_000],
])("nothing to tell from %j, %d, %d", (lengths, truth, scale) => {
  expect(scaleOf(lengths, truth, scale)).toBeNull();
});
