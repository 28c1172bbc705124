// The paths of a robots.txt: bringing two spellings of one path together (RFC 9309, section 2.2.2), and matching a pattern
// with `*` and `$` against a path (2.2.3).
//
// Both sides come from strangers, so matching is linear in the length of the path and the pattern. Between two stars
// stands a literal, and taking each at its leftmost place is always right: whatever can follow a later place can
// follow an earlier one too. So nothing is ever tried twice.

/**
 * The canonical spelling of a path: what need not be percent-encoded is not, everything else that is no ASCII or no
 * character of a URI is, with upper-case digits. Reserved characters stay as they are: `/a%2Fb` is not `/a/b`.
 *
 * @param path a string of bytes.
 */
function canonical(path: string): string {
  return path.replace(ODD, (found, digits: string | undefined) => {
    if (digits === undefined) return encoded(found);
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    return /[\w.~-]/.test(character) ? character : found.toUpperCase();
  });
}

/** Escapes, and what is neither reserved nor unreserved in RFC 3986 and not a percent sign that escapes nothing. */
const ODD = /%([0-9a-f]{2})|[^\w.~:/?#[\]@!$&'()*+,;=%-]/gi;

function encoded(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

/**
 * The second spelling of a path that has a query: within it, `:` and `/` and their like mean the same encoded or not (the
 * table of RFC 9309, section 2.2.2, takes `?baz=https://foo.bar` for `?baz=https%3A%2F%2Ffoo.bar`). `undefined` where it
 * is the first one. It stands beside that one and does not replace it, as a pattern may hold a piece of a query without
 * its question mark.
 */
function looseQuery(path: string): string | undefined {
  const query = path.indexOf("?");
  if (query === -1 || !path.includes("%", query)) return undefined;
  const loose = path.slice(query).replace(/%(?:3A|2F|3F|40|5B|5D|27)/g, decodeURIComponent);
  return query + loose.length === path.length ? undefined : path.slice(0, query) + loose;
}

/** A path as patterns are matched against it. */
export class RobotsPath {
  readonly text: string;
  /** Its other spelling, or itself. */
  readonly loose: string;

  /** @param url an address, or a path that begins with `/`. */
  constructor(url: string) {
    // In an address these two are ordinary characters; in a pattern they have to be written as escapes to mean them.
    this.text = canonical(bytesOf(pathOf(url))).replace(/[*$]/g, encoded);
    this.loose = looseQuery(this.text) ?? this.text;
  }
}

/**
 * Path and query of an address: without scheme, host and fragment, always beginning with `/`. It takes addresses
 * without a scheme too.
 */
export function pathOf(url: string): string {
  const address = URL.parse(url)?.href ?? url;
  const fragment = address.indexOf("#");
  const whole = fragment === -1 ? address : address.slice(0, fragment);
  // Past `scheme://` or `//`, to where the host ends. A `://` behind the first delimiter is part of the path.
  const start = /^(?:[^/?;]*:\/\/|\/\/)?[^/?;]*/.exec(whole)?.[0].length ?? 0;
  const rest = whole.slice(start);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

function bytesOf(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** The pattern of one rule. */
export class RobotsPattern {
  /** How specific it is: its octets (the longest match wins). */
  readonly size: number;
  readonly #strict: Glob;
  readonly #loose: Glob;

  /** @param pattern as it stands in the file, a string of bytes. */
  constructor(pattern: string) {
    const text = canonical(pattern);
    this.size = text.length;
    const loose = looseQuery(text);
    this.#strict = new Glob(text);
    this.#loose = loose === undefined ? this.#strict : new Glob(loose);
  }

  /** Whether the path begins with what the pattern describes. */
  matches(path: RobotsPath): boolean {
    if (this.#strict.matches(path.text)) return true;
    if (this.#loose === this.#strict && path.loose === path.text) return false;
    return this.#loose.matches(path.loose);
  }
}

/** Literals with anything between them, at the start of a text or, with `$`, the whole of it. */
class Glob {
  readonly #pieces: readonly string[];
  readonly #toTheEnd: boolean;

  constructor(pattern: string) {
    this.#toTheEnd = pattern.endsWith("$");
    const text = (this.#toTheEnd ? pattern.slice(0, -1) : pattern).replaceAll("$", encoded);
    this.#pieces = text.split(/\*+/);
  }

  matches(text: string): boolean {
    const [first, ...others] = this.#pieces as [string, ...string[]];
    if (!text.startsWith(first)) return false;
    let at = first.length;
    const last = others.pop();
    if (last === undefined) return !this.#toTheEnd || at === text.length;
    for (const piece of others) {
      const found = find(text, piece, at);
      if (found === -1) return false;
      at = found + piece.length;
    }
    return this.#toTheEnd ? text.length - last.length >= at && text.endsWith(last) : find(text, last, at) !== -1;
  }
}

/** Up to this length of what is searched, the engine's own search is linear enough, and much faster. */
const SHORT = 32;

/** `indexOf`, and linear for hostile texts too: the engine's takes the product of both lengths for `baaa…` in `aaa…`. */
function find(text: string, piece: string, from: number): number {
  if (piece.length <= SHORT) return text.indexOf(piece, from);
  if (text.length - from < piece.length) return -1;
  // Knuth, Morris and Pratt (1977): after a mismatch, go on with the longest beginning that the text ends with here.
  const shorter = new Uint32Array(piece.length + 1);
  for (let at = 1, length = 0; at < piece.length; at++) {
    while (length > 0 && piece[at] !== piece[length]) length = shorter[length] as number;
    if (piece[at] === piece[length]) length++;
    shorter[at + 1] = length;
  }
  for (let at = from, length = 0; at < text.length; at++) {
    while (length > 0 && text[at] !== piece[length]) length = shorter[length] as number;
    if (text[at] === piece[length]) length++;
    if (length === piece.length) return at - length + 1;
  }
  return -1;
}
