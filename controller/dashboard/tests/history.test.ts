import { expect, test } from "vitest";
import { emptyHistory, sample, SAMPLE_MS, SAMPLES_MAX, sparkline } from "../src/lib/history";

test("samples are evenly spaced and bounded", () => {
  let history = emptyHistory();
  for (let now = 0; now < SAMPLE_MS * SAMPLES_MAX * 3; now += 100) {
    history = sample(history, now, now);
  }
  expect(history.values).toHaveLength(SAMPLES_MAX);
  expect((history.values[1] ?? 0) - (history.values[0] ?? 0)).toBe(SAMPLE_MS);
});

test("what is no number is not sampled", () => {
  const history = emptyHistory();
  expect(sample(history, 0, NaN)).toBe(history);
});

test("the newest value is at the right edge, the target inside", () => {
  const { points, target } = sparkline([0, 5000, 2500], 240, 60, 5000);
  expect(points.at(-1)?.x).toBe(240);
  expect(points[0]?.y).toBe(60);
  expect(points[1]?.y).toBeCloseTo(target);
  expect(target).toBeGreaterThan(0);
});

test("nothing sampled is nothing drawn", () => {
  expect(sparkline([], 240, 60, 0).points).toEqual([]);
});
