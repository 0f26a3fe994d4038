/** How a picture of a label is placed in its frame: turned upright, its label in the middle. Pure. */

/** Left, top, right, bottom in thousandths of the picture's sides. */
export type Crop = [number, number, number, number];

const WHOLE: Crop = [0, 0, 1000, 1000];
/** Larger than this, pixels are shown and not a label. */
const SCALE_MAX = 3.5;

export interface Placement {
  scale: number;
  /** Shift before scaling, percent of the picture's sides. */
  x: number;
  y: number;
}

/**
 * Scale and shift that show the label as large as the frame allows after a turn by `turn_deg`. The
 * frame is at least as wide as the picture, whose width over height is `ratio`.
 */
export function placementOf(crop: Crop | null, turn_deg: number, ratio: number): Placement {
  const [left, top, right, bottom] = crop ?? WHOLE;
  const [width, height] = [(ratio * (right - left)) / 1000, (bottom - top) / 1000];
  const angle = (turn_deg * Math.PI) / 180;
  const [sin, cos] = [Math.abs(Math.sin(angle)), Math.abs(Math.cos(angle))];
  const across = width * cos + height * sin;
  const along = width * sin + height * cos;
  return {
    scale: Math.min(SCALE_MAX, ratio / Math.max(across, 1e-6), 1 / Math.max(along, 1e-6)),
    x: 50 - (left + right) / 20,
    y: 50 - (top + bottom) / 20,
  };
}
