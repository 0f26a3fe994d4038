/**
 * Texts from labels, manifests and configuration are shown, never trusted. Svelte escapes markup;
 * this module deals with what escaping does not: control characters, characters that turn the
 * direction of the text around them, and length.
 */

import { there } from "./at";

/** Characters shown of an untrusted text unless the place asks for fewer. */
export const TEXT_MAX = 160;

const GROUP_SEPARATOR = "\u001d";

/** Controls, bidirectional overrides, isolates and marks, invisible and tag characters. */
const UNSEEN =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;

/**
 * The text on one line, at most `max` characters. What cannot be seen becomes a visible mark, so
 * that two different texts never look alike; a GS1 group separator becomes its usual sign.
 */
export function plain(text: unknown, max: number = TEXT_MAX): string {
  if (text === null || text === undefined) return "";
  // Cut before replacing: work is bounded however long the text is.
  const raw = String(text).slice(0, max * 2 + 2);
  // Nearly every text is this: nothing to replace.
  if (raw.length <= max && /^[ -~]*$/.test(raw)) return raw;
  const shown = Array.from(
    raw
      .replaceAll(GROUP_SEPARATOR, "\u241d")
      .replace(/[\t\n\r]+/g, " ")
      .replace(UNSEEN, "\u25a1"),
  );
  // A stack of combining marks on one letter would paint over its neighbors.
  const kept: string[] = [];
  let marks = 0;
  for (const char of shown) {
    marks = /\p{M}/u.test(char) ? marks + 1 : 0;
    if (marks <= 3) kept.push(char);
  }
  return kept.length > max ? `${kept.slice(0, max - 1).join("")}…` : kept.join("");
}

/** Only an image of a controller's own frame store may be shown. */
export function safeImage(url: string | null | undefined): string | null {
  return url && /^\/api\/v1\/frames\/[A-Za-z0-9_-]{1,64}\.jpg$/.test(url) ? there(url) : null;
}
