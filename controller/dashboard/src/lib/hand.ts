/**
 * This page's hand: moving a diverter is for one page of one person at a time. Drawn anew with each
 * load; `crypto.randomUUID` is not there without HTTPS.
 */
export const hand: string = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
  byte.toString(16).padStart(2, "0"),
).join("");
