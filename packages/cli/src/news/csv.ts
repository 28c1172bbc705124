// Comma-separated values by RFC 4180: lines end in CR LF, and what has a comma, a quote or a line break in it stands in
// quotes, its own quotes twice.
//
// A spreadsheet takes a cell that begins with = + - or @ for a formula, and runs it: a title from a stranger could read a
// whole sheet out to him ("CSV injection", OWASP). Such a cell gets an apostrophe in front, which spreadsheets take for "this is
// text". Programs had better read JSON lines, where nothing is changed.

/** What begins a formula: the signs, their full-width forms, and the white space and control characters that some programs skip before them. */
const FORMULA = /^[\s\p{Cc}]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/u;

/** A line of texts, of which none can be a formula. */
export function csvLine(fields: readonly (string | number | undefined)[]): string {
  return `${fields.map(csvField).join(",")}\r\n`;
}

function csvField(value: string | number | undefined): string {
  if (value === undefined) return "";
  // Numbers are ours, and no minus of theirs begins a formula.
  if (typeof value === "number") return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
