/**
 * What somebody has changed and not kept yet. It outlives the page on which it was typed, so that a
 * look at something else costs nothing, and the browser asks before it is gone for good.
 */
const held = new Map<string, unknown>();

/** Holds a draft, or drops it: what is as it was is none. */
export function holdDraft(key: string, draft: unknown): void {
  if (draft === null) held.delete(key);
  else held.set(key, draft);
}

export const draftOf = <T>(key: string): T | null => (held.get(key) as T | undefined) ?? null;

/** Whoever comes next starts with what is on record. */
export const dropDrafts = (): void => held.clear();

export function asksBeforeLeaving(window: Pick<Window, "addEventListener">): void {
  window.addEventListener("beforeunload", (event) => {
    if (held.size > 0) event.preventDefault();
  });
}
