import { expect, test } from "vitest";
import { placementOf } from "../src/lib/pose";

test("a whole picture that lies right is shown as it is", () => {
  expect(placementOf(null, 0, 4 / 3)).toEqual({ scale: 1, x: 0, y: 0 });
});

test("a picture on its side is made small enough for the frame's height", () => {
  expect(placementOf(null, 90, 4 / 3).scale).toBeCloseTo(3 / 4);
  expect(placementOf(null, -90, 2).scale).toBeCloseTo(1 / 2);
});

test("a label is brought to the middle and as near as it fits, upright", () => {
  const upper = placementOf([0, 0, 500, 500], 0, 1);
  expect(upper).toEqual({ scale: 2, x: 25, y: 25 });
  // 0.2 wide and 0.5 high: on its side the height of the picture bounds it less.
  expect(placementOf([400, 250, 600, 750], 0, 1).scale).toBeCloseTo(2);
  expect(placementOf([400, 250, 600, 750], 90, 1).scale).toBeCloseTo(2);
  expect(placementOf([490, 490, 510, 510], 45, 1).scale).toBe(3.5);
});
