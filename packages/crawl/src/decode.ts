// Bytes to text, when nobody can be trusted about the charset.
//
// There are up to three claims: the byte order mark, the Content-Type header, and what the content says of itself (an XML
// declaration, a meta element), believed in this order. The idea is that a claim is only a claim: the bytes can disprove
// it, and then the next one is tried and the lie is noted. Where none stands, the language that the text says to be in has a
// charset of its own, if the bytes do not disprove that too; else it is an error and not a guess, because words counted
// in garbage are worse than no words.
//
// One claim is worth less than the others: a header that says ISO-8859-1 is what servers say of everything when nobody has
// told them otherwise, and no byte can disprove it. So the content is believed before it.
//
// Labels are those of the Encoding Standard (encoding.spec.whatwg.org), which is what TextDecoder implements.

import { isUtf8 } from "node:buffer";
import { SourceError } from "./failure.ts";

/** A text, the charset it was in, and what was odd about that. */
export interface Decoded {
  readonly text: string;
  /** The name of the Encoding Standard, in lower case. */
  readonly charset: string;
  /** Lies and repairs, each a sentence without a final stop. */
  readonly notes: string[];
}

/** What is known about some bytes beside the bytes. */
export interface DecodeHints {
  /** The Content-Type header as it came. */
  readonly contentType?: string | null;
  /** The bytes end where a limit cut them, so perhaps in the middle of a character. */
  readonly cut?: boolean;
}

interface Claim {
  readonly by: string;
  readonly label: string;
}

/** A declaration stands near the start: the HTML standard looks at 1,024 bytes; pages in the wild put it later. */
const PRESCAN = 4096;

/** UTF-8 with at most this share of damaged characters is damaged UTF-8, and above it something else. */
const TOLERATED_DAMAGE = 1 / 1000;

/**
 * Charsets in which two bytes make a character. A short text in one of them may happen to be valid UTF-8, so more of it
 * is asked for than of a single-byte text, where that practically does not happen.
 */
const DOUBLE_BYTE = new Set(["gbk", "gb18030", "big5", "euc-jp", "shift_jis", "euc-kr"]);

/**
 * Decodes by byte order mark, header and content, in this order.
 *
 * @throws {SourceError} of kind `charset` where each claim is disproved by the bytes.
 *
 * @example
 * ```ts
 * import { decode } from "@rondo/crawl";
 *
 * const bytes = Uint8Array.from([0x63, 0x61, 0x66, 0xe9]);
 * console.log(decode(bytes, { contentType: "text/html; charset=ISO-8859-1" }).text); // prints: café
 * ```
 */
export function decode(bytes: Uint8Array, hints: DecodeHints = {}): Decoded {
  const cut = hints.cut ?? false;
  const notes: string[] = [];
  const disproved: string[] = [];
  const claims = claimsFor(bytes, hints.contentType ?? "");
  const utf8 = isUtf8(cut ? wholeCharacters(bytes) : bytes);
  const narrow = !bytes.subarray(0, PRESCAN).includes(0);
  for (const { by, label } of claims) {
    const decoder = decoderFor(label, true);
    if (decoder === undefined) {
      notes.push(`${by} names a charset that does not exist, ${JSON.stringify(label.slice(0, 40))}`);
      continue;
    }
    const charset = decoder.encoding;
    const wide = charset.startsWith("utf-16");
    if (charset !== "utf-8" && utf8 && (wide ? narrow : longSequences(bytes, charset))) {
      disproved.push(`${by} says ${charset}, but the bytes are UTF-8`);
      continue;
    }
    try {
      const text = decoder.decode(bytes, { stream: cut });
      return { text, charset, notes: [...notes, ...disproved, ...passedOver(claims, by, charset)] };
    } catch {
      // The decoder is fatal: it threw because the bytes are not what the claim says.
      disproved.push(
        charset === "utf-8"
          ? `${by} says utf-8, but ${firstBadByte(bytes)}`
          : `${by} says ${charset}, but the bytes are not`,
      );
    }
  }
  if (utf8) return { text: decodeLoosely(bytes, "utf-8", cut), charset: "utf-8", notes: [...notes, ...disproved] };
  const damaged = decodeLoosely(bytes, "utf-8", cut);
  const damage = damaged.split("\uFFFD").length - 1;
  if (damage <= damaged.length * TOLERATED_DAMAGE) {
    notes.push(`${damage} damaged ${damage === 1 ? "character" : "characters"} in UTF-8`);
    return { text: damaged, charset: "utf-8", notes };
  }
  const local = byLanguage(bytes, cut);
  if (local !== undefined) {
    const { text, charset, language } = local;
    const why = disproved.length > 0 ? disproved : ["no charset is named and the bytes are not UTF-8"];
    return { text, charset, notes: [...notes, ...why, `read as ${charset}, since it says to be in ${language}`] };
  }
  if (disproved.length > 0) throw new SourceError("charset", disproved.join("; "));
  // Nobody claimed anything that could be disproved. What the HTML standard falls back to is also the likeliest.
  notes.push("no charset is named and the bytes are not UTF-8; read as windows-1252");
  return { text: decodeLoosely(bytes, "windows-1252", cut), charset: "windows-1252", notes };
}

function claimsFor(bytes: Uint8Array, contentType: string): Claim[] {
  const claims: Claim[] = [];
  const mark = byteOrderMark(bytes);
  if (mark !== undefined) claims.push({ by: "the byte order mark", label: mark });
  const shown = shownByBytes(bytes);
  if (shown !== undefined) claims.push(shown);
  const header = /charset\s*=\s*["']?([^"';,\s]+)/i.exec(contentType)?.[1];
  if (header !== undefined) claims.push({ by: HEADER, label: header });
  const content = declaredInside(bytes);
  if (content !== undefined) {
    const claim = { by: "the content", label: content };
    if (claims.at(-1)?.by === HEADER && LATIN1.test(header ?? "")) claims.splice(-1, 0, claim);
    else claims.push(claim);
  }
  return claims.filter((claim, at) => claims.findIndex((other) => sameCharset(claim.label, other.label)) === at);
}

/** The header's word where the content was believed before it. */
function passedOver(claims: readonly Claim[], believed: string, charset: string): string[] {
  const header = claims.findLast((claim) => claim.by === HEADER);
  const said = header === undefined ? undefined : decoderFor(header.label, false)?.encoding;
  if (believed !== "the content" || said === undefined || said === charset || header !== claims.at(-1)) return [];
  return [`the Content-Type header says ${said}, and the content ${charset}`];
}

const HEADER = "the Content-Type header";
/** What a server says of everything. All names are for windows-1252. */
const LATIN1 = /^(?:iso-?8859-1|latin-?1|windows-1252|us-ascii|ascii)$/i;

/** Charsets that nobody uses without its showing. */
function shownByBytes(bytes: Uint8Array): Claim | undefined {
  // Two bytes a character and no mark: "<?", "<!" or "{" with zeros between them (XML 1.0, appendix F).
  if (isStart(bytes[0]) && bytes[1] === 0 && bytes[3] === 0) return { by: "every second byte", label: "utf-16le" };
  if (bytes[0] === 0 && isStart(bytes[1]) && bytes[2] === 0) return { by: "every second byte", label: "utf-16be" };
  // Seven bits and escape sequences: it would be valid UTF-8, and no text at all.
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 16 * PRESCAN));
  if (start.includes("\u001B$B") || start.includes("\u001B$@"))
    return { by: "its escape sequences", label: "iso-2022-jp" };
  return undefined;
}

/** Of a document: `<`, `{` or white space. */
function isStart(byte: number | undefined): boolean {
  return byte === 0x3c || byte === 0x7b || byte === 0x20 || byte === 0x0a || byte === 0x0d;
}

/** What was usual where a language is written, before UTF-8. The first that the bytes do not disprove is taken. */
const USUAL: readonly (readonly [languages: string, ...charsets: string[]])[] = [
  ["ja", "euc-jp", "shift_jis"],
  ["zh-tw zh-hk zh-mo zh-hant", "big5", "gb18030"],
  ["zh", "gb18030", "big5"],
  ["ko", "euc-kr"],
  ["ru uk be bg mk sr kk ky tg mn", "windows-1251"],
  ["pl cs sk hu hr sl ro sq bs", "windows-1250"],
  ["el", "windows-1253"],
  ["tr az", "windows-1254"],
  ["he iw yi", "windows-1255"],
  ["ar fa ur", "windows-1256"],
  ["lt lv et", "windows-1257"],
  ["vi", "windows-1258"],
  ["th", "windows-874"],
  ["en de fr es it pt nl sv da nb no nn fi is ca gl eu ga", "windows-1252"],
];
const LANGUAGE =
  /<(?:dc:)?language>\s*([a-z]{2,3}(?:[-_][a-z]+)?)|\sxml:lang\s*=\s*["']([a-z_-]+)|<html\s(?:[^<>]{0,400}?\s)?lang\s*=\s*["']?([a-z_-]+)/i;

function byLanguage(bytes: Uint8Array, cut: boolean): { text: string; charset: string; language: string } | undefined {
  const found = LANGUAGE.exec(startOf(bytes));
  const language = found?.[1] ?? found?.[2] ?? found?.[3];
  if (language === undefined) return undefined;
  const tag = language.toLowerCase().replace("_", "-");
  const named = (name: string): boolean => USUAL.some(([languages]) => languages.split(" ").includes(name));
  const known = named(tag) ? tag : (tag.split("-")[0] as string);
  const [, ...charsets] = USUAL.find(([languages]) => languages.split(" ").includes(known)) ?? [];
  for (const charset of charsets) {
    try {
      const text = new TextDecoder(charset, { fatal: true }).decode(bytes, { stream: cut });
      return charset === "windows-1251" ? cyrillic(text, bytes, language) : { text, charset, language };
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}

/** KOI8-R has small letters where windows-1251 has capitals, and no text is mostly capitals. */
function cyrillic(
  text: string,
  bytes: Uint8Array,
  language: string,
): { text: string; charset: string; language: string } {
  const capitals = text.match(/[А-Я]/g)?.length ?? 0;
  const small = text.match(/[а-я]/g)?.length ?? 0;
  if (small >= capitals) return { text, charset: "windows-1251", language };
  return { text: decodeLoosely(bytes, "koi8-u", false), charset: "koi8-u", language };
}

function sameCharset(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function byteOrderMark(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return "utf-8";
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  return undefined;
}

function declaredInside(bytes: Uint8Array): string | undefined {
  const start = startOf(bytes);
  const declared =
    /^\s*<\?xml\s[^>]*?encoding\s*=\s*["']([\w.:-]+)["']/.exec(start)?.[1] ??
    /<meta\s[^>]*?charset\s*=\s*["']?\s*([\w.:-]+)/i.exec(start)?.[1];
  // Written in single bytes, so whatever it is, it is not UTF-16: the HTML standard reads this as UTF-8.
  return declared !== undefined && /^utf-?16/i.test(declared) ? "utf-8" : declared;
}

function startOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, PRESCAN)).toString("latin1");
}

function decoderFor(label: string, fatal: boolean): InstanceType<typeof TextDecoder> | undefined {
  try {
    return new TextDecoder(label, { fatal });
  } catch {
    // A RangeError: no charset has this name. The caller says so.
    return undefined;
  }
}

function decodeLoosely(bytes: Uint8Array, charset: string, cut: boolean): string {
  return new TextDecoder(charset).decode(bytes, { stream: cut });
}

/** Whether there are enough multi-byte sequences for "it is valid UTF-8" to be no accident. */
function longSequences(bytes: Uint8Array, charset: string): boolean {
  let needed = DOUBLE_BYTE.has(charset) ? 8 : 1;
  // In valid UTF-8 each sequence has exactly one byte of 0xC0 or more.
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] as number) >= 0xc0 && --needed === 0) return true;
  return false;
}

/** The bytes without a UTF-8 sequence that was cut off at their end. */
function wholeCharacters(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return bytes;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? bytes.subarray(0, bytes.length - back) : bytes;
    }
  }
  return bytes;
}

function firstBadByte(bytes: Uint8Array): string {
  // Halving works because a prefix of whole characters is valid exactly as long as it ends before the first bad byte.
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isUtf8(wholeCharacters(bytes.subarray(0, middle)))) good = middle;
    else bad = middle;
  }
  const at = Math.max(0, wholeCharacters(bytes.subarray(0, good)).length);
  return `byte 0x${(bytes[at] ?? 0).toString(16).padStart(2, "0")} at ${at} is not`;
}
