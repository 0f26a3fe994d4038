/** A short memory of one figure, for a sparkline. Bounded; sampled at even intervals. */

export const SAMPLES_MAX = 120;
export const SAMPLE_MS = 5_000;
/** Fewer samples than this take part of the width: two minutes. */
const SAMPLES_SHOWN = 24;

export interface History {
  values: number[];
  sampled: number;
}

export const emptyHistory = (): History => ({ values: [], sampled: -Infinity });

/** Adds `value` when the last sample is old enough; the same object when nothing changes. */
export function sample(history: History, now: number, value: number): History {
  if (!Number.isFinite(value) || now - history.sampled < SAMPLE_MS) return history;
  return { values: [...history.values, value].slice(-SAMPLES_MAX), sampled: now };
}

/**
 * Points of a sparkline in a box of `width` by `height`, newest at the right edge. The scale
 * begins at 0 and holds `target`, so that the line does not jump about while values are alike.
 */
export function sparkline(values: number[], width: number, height: number, target: number) {
  const top = Math.max(target * 1.1, ...values, 1);
  const y = (value: number): number => height - (Math.max(0, value) / top) * height;
  const step = width / (Math.max(values.length, SAMPLES_SHOWN) - 1);
  const first = width - (values.length - 1) * step;
  return {
    points: values.map((value, i) => ({ x: first + i * step, y: y(value) })),
    target: y(target),
  };
}
