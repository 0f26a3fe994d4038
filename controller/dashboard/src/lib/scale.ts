/** The encoder's scale from the measured lengths of one parcel of known length. */

/** Passes before a scale is proposed. */
const PASSES_MIN = 5;
/** A spread beyond this share of the length is no one parcel, or a belt that slips: 2 %. */
const SPREAD_MAX = 0.02;

export interface Scale {
  mean_mm: number;
  /** Standard deviation. */
  spread_mm: number;
  um_per_tick: number;
  /** Enough passes, alike enough. */
  sure: boolean;
}

/** `null` without a pass or a length; `um_per_tick` is the scale that the lengths were measured with. */
export function scaleOf(lengths: number[], truth: number, um_per_tick: number): Scale | null {
  if (lengths.length === 0 || !(truth > 0) || !(um_per_tick > 0)) return null;
  const mean = lengths.reduce((sum, one) => sum + one, 0) / lengths.length;
  if (mean <= 0) return null;
  const variance = lengths.reduce((sum, one) => sum + (one - mean) ** 2, 0) / lengths.length;
  const spread = Math.sqrt(variance);
  return {
    mean_mm: mean,
    spread_mm: spread,
    um_per_tick: Math.round((um_per_tick * truth) / mean),
    sure: lengths.length >= PASSES_MIN && spread <= SPREAD_MAX * mean,
  };
}
