// A robots.txt as lines: each a field and a value, whatever was mistyped around them.
//
// The text is held as a string of bytes (each character is one, 0 to 255), because the rules of RFC 9309 are about octets:
// a limit counts them, a path is percent-encoded from them, and a file in no charset at all still has its ASCII lines.

/** The fields that mean something; everything else is `other`, and is as if it were not there (RFC 9309, section 2.2.4). */
export type RobotsField = "user-agent" | "allow" | "disallow" | "crawl-delay" | "sitemap" | "other";

/** One line that has a field and a value. */
export interface RobotsLine {
  /** Counted from 1, as an editor does. */
  readonly number: number;
  readonly field: RobotsField;
  /** Without white space around it and without its comment; a string of bytes. */
  readonly value: string;
}

/** What is read of a file, in bytes: the least that RFC 9309, section 2.5, asks for, and as much as others read. */
export const ROBOTS_LIMIT: number = 500 * 1024;

/**
 * What is read of a line, in bytes: eight times the longest URL that browsers once took, less one. What is longer is cut
 * there, and not dropped, because a prefix of a rule is a rule, and the stricter one. The number is google/robotstxt's.
 */
export const LINE_LIMIT: number = 2083 * 8 - 1;

const CR = 13;
const LF = 10;

/**
 * Goes through the lines of a file; lines without a field are left out. A byte order mark is skipped, and so is the
 * beginning of one.
 *
 * @param text a string of bytes.
 */
export function* robotsLines(text: string): Generator<RobotsLine, void> {
  let at = /^\xEF(?:\xBB\xBF?)?/.exec(text)?.[0].length ?? 0;
  for (let number = 1; at < text.length; number++) {
    let end = at;
    while (end < text.length && text.charCodeAt(end) !== CR && text.charCodeAt(end) !== LF) end++;
    const line = lineOf(text.slice(at, Math.min(end, at + LINE_LIMIT)), number);
    if (line !== undefined) yield line;
    at = text.charCodeAt(end) === CR && text.charCodeAt(end + 1) === LF ? end + 2 : end + 1;
  }
}

function lineOf(text: string, number: number): RobotsLine | undefined {
  const comment = text.indexOf("#");
  const line = strip(comment === -1 ? text : text.slice(0, comment));
  let colon = line.indexOf(":");
  if (colon === -1) {
    // Some forget the colon. With exactly two words there is no doubt what they mean.
    if (!/^[^ \t]+[ \t]+[^ \t]+$/.test(line)) return undefined;
    colon = line.search(/[ \t]/);
  }
  const name = strip(line.slice(0, colon));
  return name === "" ? undefined : { number, field: fieldOf(name.toLowerCase()), value: strip(line.slice(colon + 1)) };
}

/** By how it begins, and with the slips of the keyboard that are common enough for google/robotstxt to take them. */
function fieldOf(name: string): RobotsField {
  if (/^user[- ]?agent/.test(name)) return "user-agent";
  if (/^(?:dis{1,2}al{1,2}ow|diasllow|disallaw)/.test(name)) return "disallow";
  if (name.startsWith("allow")) return "allow";
  if (/^crawl-?delay/.test(name)) return "crawl-delay";
  return /^site-?map/.test(name) ? "sitemap" : "other";
}

/** White space of ASCII only: in a string of bytes, 0xA0 may be half a letter. */
function strip(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isSpace(text.charCodeAt(from))) from++;
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}
