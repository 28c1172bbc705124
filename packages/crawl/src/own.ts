// A string that keeps nothing else alive.

/**
 * The same text in memory of its own. V8 cuts a string of 13 characters or more out of a longer one by pointing into it,
 * so one word kept for the table would keep its whole page.
 */
export function own(text: string): string {
  return text.length < 13 ? text : Buffer.from(text, "utf16le").toString("utf16le");
}
