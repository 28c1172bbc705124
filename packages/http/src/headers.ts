/**
 * The fields of a head, or of trailers.
 *
 * The one representation is the bytes of the field lines, as they came: nothing is made of them before somebody asks. The
 * first question finds where each name and each value lies; a string is made only of what is asked for. So a request whose
 * handler looks at no header pays nothing for them, and what is passed on or archived is what came, in its order and case.
 */
import { CLASS, CR, isFieldValue, isToken, latin1, LOWER, SP, TAB, VALUE, writeLatin1 } from "./tokens.ts";

/** What headers can be made of. Numbers are written in decimal, arrays as a line for each value. */
export type HeadersSource =
  | HttpHeaders
  | Headers
  | Iterable<readonly [string, string | number]>
  | Readonly<Record<string, string | number | readonly (string | number)[] | undefined>>;

/** Where the lines of some fields lie, counted from the first: found once for all that have the same bytes. */
export interface FieldShape {
  /** Four numbers for each line: where its name begins and ends, where its value does. Null until somebody asks. */
  lines: number[] | null;
}

const NOTHING: Uint8Array = new Uint8Array(0);
const COLON = 58;
/** How many numbers describe one line. */
const STRIDE = 4;

/**
 * Header fields, in order. Names are the same in any case; nobody changes one that is there.
 *
 * Values are strings with one character a byte (RFC 9110 section 5.5 gives bytes above 0x7f no meaning). Those that came
 * with a message keep the memory of the chunk alive in which they came: copy what you keep for long.
 *
 * @example
 * ```ts
 * import { HttpHeaders } from "@rondo/http";
 *
 * const headers = HttpHeaders.from([
 *   ["Accept", "text/html"],
 *   ["accept", "text/plain"],
 * ]);
 * console.log(headers.get("ACCEPT")); // prints: text/html, text/plain
 * console.log(headers.raw); // prints: [ [ 'Accept', 'text/html' ], [ 'accept', 'text/plain' ] ]
 * ```
 */
export class HttpHeaders implements Iterable<[string, string]> {
  /** No fields at all. */
  static readonly none: HttpHeaders = new HttpHeaders(NOTHING, 0, 0);

  declare private readonly bytes: Uint8Array;
  declare private readonly from: number;
  declare private readonly to: number;
  declare private readonly shape: FieldShape;

  /** @internal Of lines that have been checked: each with its CR LF, without the empty one. Use `HttpHeaders.from`. */
  constructor(bytes: Uint8Array, from: number, to: number, shape: FieldShape = { lines: null }) {
    this.bytes = bytes;
    this.from = from;
    this.to = to;
    this.shape = shape;
  }

  /**
   * Headers of names and values. Throws a `TypeError` where a name is no token, or a value holds what could end its line
   * (RFC 9110 sections 5.1 and 5.5) or does not fit into a byte a character.
   */
  static from(source: HeadersSource): HttpHeaders {
    if (source instanceof HttpHeaders) return source;
    const text = fieldLines(source);
    if (text === "") return HttpHeaders.none;
    const bytes = new Uint8Array(text.length);
    writeLatin1(bytes, text, 0);
    return new HttpHeaders(bytes, 0, bytes.length);
  }

  /** How many lines there are. */
  get size(): number {
    return this.lines().length / STRIDE;
  }

  /**
   * The value, or undefined where there is no such field. Where it has come in several lines they are joined with ", "
   * (RFC 9110 section 5.3); `Set-Cookie` must not be, ask `getAll` for it.
   */
  get(name: string): string | undefined {
    const lines = this.lines();
    let value: string | undefined;
    for (let i = 0; i < lines.length; i += STRIDE) {
      if (!this.isNamed(lines, i, name)) continue;
      const one = this.valueAt(lines, i);
      value = value === undefined ? one : `${value}, ${one}`;
    }
    return value;
  }

  /** The values of all lines of this name, in order. */
  getAll(name: string): string[] {
    const lines = this.lines();
    const values: string[] = [];
    for (let i = 0; i < lines.length; i += STRIDE)
      if (this.isNamed(lines, i, name)) values.push(this.valueAt(lines, i));
    return values;
  }

  has(name: string): boolean {
    const lines = this.lines();
    for (let i = 0; i < lines.length; i += STRIDE) if (this.isNamed(lines, i, name)) return true;
    return false;
  }

  /** A pair for each line, in order, names in lower case. */
  *entries(): IterableIterator<[string, string]> {
    for (const [name, value] of this.raw) yield [name.toLowerCase(), value];
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  /** A pair for each line, in the order and the case in which they came. A new array each time. */
  get raw(): [string, string][] {
    const lines = this.lines();
    const pairs: [string, string][] = [];
    for (let i = 0; i < lines.length; i += STRIDE)
      pairs.push([
        latin1(this.bytes, this.from + (lines[i] as number), this.from + (lines[i + 1] as number)),
        this.valueAt(lines, i),
      ]);
    return pairs;
  }

  /** The lines as they came, each with its CR LF: a view. */
  get rawBytes(): Uint8Array {
    return this.bytes.subarray(this.from, this.to);
  }

  /** The same as the platform's `Headers`: a copy. */
  toWeb(): Headers {
    return new Headers(this.raw);
  }

  /** For `JSON.stringify`: the pairs. */
  toJSON(): [string, string][] {
    return this.raw;
  }

  private isNamed(lines: readonly number[], i: number, name: string): boolean {
    const { length } = name;
    if ((lines[i + 1] as number) - (lines[i] as number) !== length) return false;
    const from = this.from + (lines[i] as number);
    const { bytes } = this;
    for (let k = 0; k < length; k++) {
      const a = bytes[from + k] as number;
      const b = name.charCodeAt(k);
      if (a !== b && LOWER[a] !== LOWER[b]) return false;
    }
    return true;
  }

  private valueAt(lines: readonly number[], i: number): string {
    const { from } = this;
    return latin1(this.bytes, from + (lines[i + 2] as number), from + (lines[i + 3] as number));
  }

  /** Finds the lines, once. They have been checked: a name ends at the first colon, a line at the first CR. */
  private lines(): number[] {
    const { bytes, from, to, shape } = this;
    if (shape.lines !== null) return shape.lines;
    const lines: number[] = [];
    let at = from;
    while (at < to) {
      const name = at;
      while (bytes[at] !== COLON) at++;
      const nameEnd = at++;
      while (bytes[at] === SP || bytes[at] === TAB) at++;
      const value = at;
      while (bytes[at] !== CR) at++;
      let valueEnd = at;
      while (valueEnd > value && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === TAB)) valueEnd--;
      lines.push(name - from, nameEnd - from, value - from, valueEnd - from);
      at += 2;
    }
    shape.lines = lines;
    return lines;
  }
}

// What Node's `console.log` asks for: the pairs.
Object.defineProperty(HttpHeaders.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: HttpHeaders): unknown {
    return { headers: this.raw };
  },
});

/**
 * Names and values as field lines, each with its CR LF, ready to be written. Everything that is written comes through here,
 * or is made of constants: what could end a line and begin another one (header injection, response splitting) does not get
 * past it. Throws a `TypeError` that says which.
 */
export function fieldLines(source: HeadersSource): string {
  if (source instanceof HttpHeaders) {
    const bytes = source.rawBytes;
    return latin1(bytes, 0, bytes.length);
  }
  let text = "";
  if (isPairs(source)) {
    for (const [name, value] of source) text += fieldLine(name, value);
    return text;
  }
  const record = source as Exclude<typeof source, Headers>;
  for (const name of Object.keys(record)) {
    const value = record[name];
    if (value === undefined) continue;
    if (typeof value === "object") for (const one of value) text += fieldLine(name, one);
    else text += fieldLine(name, value);
  }
  return text;
}

function isPairs(source: HeadersSource): source is Iterable<readonly [string, string | number]> {
  return typeof (source as { [Symbol.iterator]?: unknown })[Symbol.iterator] === "function";
}

/** One field as a line with its CR LF. Throws a `TypeError` where the name or the value may not be written. */
export function fieldLine(name: string, value: string | number): string {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof name !== "string" || !isToken(name))
    throw new TypeError(
      `a header cannot be named ${JSON.stringify(name)}: a name is letters, digits and !#$%&'*+-.^_\`|~ (RFC 9110 section 5.1)`,
    );
  if (typeof text !== "string")
    throw new TypeError(`the header ${name} takes a string or a number, not ${String(value)}`);
  if (!isFieldValue(text)) throw new TypeError(badValue(name, text));
  return `${name}: ${trimmed(text)}\r\n`;
}

/** Whitespace around a value is no part of it (RFC 9110 section 5.5). */
function trimmed(text: string): string {
  const first = text.charCodeAt(0);
  const last = text.charCodeAt(text.length - 1);
  if (!isSpace(first) && !isSpace(last)) return text;
  let from = 0;
  let to = text.length;
  while (from < to && isSpace(text.charCodeAt(from))) from++;
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isSpace(code: number): boolean {
  return code === SP || code === TAB;
}

function badValue(name: string, text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255)
      return `the header ${name} holds U+${code.toString(16).toUpperCase().padStart(4, "0")} at ${i}, which does not fit into a byte: encode it first (RFC 9110 section 5.5)`;
    if (((CLASS[code] as number) & VALUE) === 0)
      return `the header ${name} holds the control character 0x${code.toString(16).padStart(2, "0")} at ${i}: remove it (RFC 9110 section 5.5)`;
  }
  return `the header ${name} cannot be written`;
}
