/** Files of the site: problems, versions, and what differs between two texts. Pure. */

export interface FileProblem {
  file: string | null;
  line: number | null;
  key: string | null;
  text: string;
}

export interface FileVersion {
  seq: number;
  at: string;
  who: string;
  bytes: number;
}

export interface LineChange {
  kind: "added" | "removed";
  /** Number in the new text for an added line, in the old one for a removed one. */
  line: number;
  text: string;
}

/** Lines compared with each other at most; beyond that the middle is shown as replaced whole. */
const COMPARED_MAX = 4_000_000;

/** Lines taken away and put in, in the order of the texts. Longest common subsequence. */
export function linesOf(old: string, now: string): LineChange[] {
  if (old === now) return [];
  const [a, b] = [old.split("\n"), now.split("\n")];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let [endA, endB] = [a.length, b.length];
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    endA -= 1;
    endB -= 1;
  }
  const [n, m] = [endA - start, endB - start];
  const kept = n * m <= COMPARED_MAX ? common(a.slice(start, endA), b.slice(start, endB)) : [];
  const changes: LineChange[] = [];
  let [i, j] = [0, 0];
  for (const [x, y] of [...kept, [n, m] as const]) {
    for (; i < x; i += 1) changes.push({ kind: "removed", line: start + i + 1, text: a[start + i] ?? "" });
    for (; j < y; j += 1) changes.push({ kind: "added", line: start + j + 1, text: b[start + j] ?? "" });
    i = x + 1;
    j = y + 1;
  }
  return changes;
}

/** Pairs of indices of the lines that stay. */
function common(a: string[], b: string[]): [number, number][] {
  const width = b.length + 1;
  const best = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number): number => best[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      best[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pairs: [number, number][] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i += 1;
    else j += 1;
  }
  return pairs;
}
