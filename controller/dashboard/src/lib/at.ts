/**
 * Which controller is asked. Lines of other controllers are reached through this one: what is asked
 * of them has `/at/NAME` before its path.
 */
let before = "";

/** From now on the controller with this beginning is asked; empty for the one that sent the page. */
export function turnTo(at: string): void {
  before = /^\/at\/[a-z0-9-]{1,32}$/.test(at) ? at : "";
}

/** The path on the controller of the line that is looked at. */
export const there = (path: string): string => (path.startsWith("/api/") ? before + path : path);

/** Whether the line that is looked at belongs to another controller. */
export const elsewhere = (): boolean => before !== "";
