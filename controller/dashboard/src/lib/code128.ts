/**
 * Bars of a GS1-128 symbol for digits, such as the SSCC on a bag's tag (ISO/IEC 15417, GS1 General
 * Specifications 5.4). Pure.
 */

/** Widths of bar, space, bar, space, bar, space of each symbol character. */
const WIDTHS =
  "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222" +
  "123122123221223211221132221231213212223112312131311222321122321221312212322112322211212123212321" +
  "232121111323131123131321112313132113132311211313231113231311112133112331132131113123113321133121" +
  "313121211331231131213113213311213131311123311321331121312113312311332111314111221411431111111224" +
  "111422121124121421141122141221112214112412122114122411142112142211241211221114413111241112134111" +
  "111242121142121241114212124112124211411212421112421211212141214121412121111143111341131141114113" +
  "114311411113411311113141114131311141411131";
const START_C = "211232";
const FNC1 = 102;
const START_C_VALUE = 105;
const STOP = "2331112";

const widthsOf = (value: number): string => WIDTHS.slice(value * 6, value * 6 + 6);

/**
 * Widths in modules, bars and spaces by turns, of the symbol for an application identifier and its
 * digits; null unless they are an even number of digits.
 */
export function gs1Bars(digits: string): number[] | null {
  if (!/^(?:\d\d)+$/.test(digits)) return null;
  const values = [FNC1, ...(digits.match(/\d\d/g) ?? []).map(Number)];
  const sum = values.reduce((all, value, i) => all + value * (i + 1), START_C_VALUE);
  const text = START_C + [...values, sum % 103].map(widthsOf).join("") + STOP;
  return Array.from(text, Number);
}

/** The outline of the bars as an SVG path, one unit a module, `height` high; and its width. */
export function barsPath(widths: number[], height: number): { path: string; width: number } {
  let [x, path] = [0, ""];
  widths.forEach((width, i) => {
    if (i % 2 === 0) path += `M${x} 0h${width}v${height}h-${width}z`;
    x += width;
  });
  return { path, width: x };
}

/** An SSCC as people read it: in groups. Anything else as it is. */
export const groupsOf = (sscc: string): string =>
  /^\d{18}$/.test(sscc) ? sscc.replace(/^(.)(.{7})(.{5})(.{5})$/, "$1 $2 $3 $4") : sscc;
