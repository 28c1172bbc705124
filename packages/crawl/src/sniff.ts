// What arrived? Not what its name, its header or its list says it is: what its first characters show.
//
// XML documents say it with their root element, JSON with its first brace, everything else is a page if it looks like
// markup. Servers send feeds as text/html and pages as application/rss+xml, so the header decides nothing; it only
// appears in the note when the two differ.

import { SourceError } from "./failure.ts";

/** The forms that are read. `rdf` is RSS 0.90 and 1.0. */
export type DocumentKind = "rss" | "atom" | "rdf" | "json" | "page";

/** A document's form, and where it begins: some servers print warnings before it. */
export interface Sniffed {
  readonly kind: DocumentKind;
  /** Index in the text of the document's first character. */
  readonly start: number;
  /** Index of its root: behind the declaration, comments and the document type. Of a page the same as `start`. */
  readonly root: number;
}

/** First bytes of what is certainly no text. */
const MAGIC: readonly (readonly [string, readonly number[]])[] = [
  ["a PDF file", [0x25, 0x50, 0x44, 0x46, 0x2d]],
  ["a gzip file", [0x1f, 0x8b]],
  ["a ZIP file", [0x50, 0x4b, 0x03, 0x04]],
  ["a PNG image", [0x89, 0x50, 0x4e, 0x47]],
  ["a JPEG image", [0xff, 0xd8, 0xff]],
  ["a GIF image", [0x47, 0x49, 0x46, 0x38]],
];

/**
 * Refuses bytes that are no text.
 *
 * @throws {SourceError} of kind `not-text`, or `empty` for no bytes.
 */
export function requireText(bytes: Uint8Array, contentType: string): void {
  if (bytes.length === 0) throw new SourceError("empty", "the body is empty");
  for (const [name, magic] of MAGIC) {
    if (magic.every((byte, at) => bytes[at] === byte)) throw new SourceError("not-text", `this is ${name}`);
  }
  const marked = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  // Text in two bytes a character has a zero in every second place, from the first or second on.
  const wide = marked || (bytes[0] === 0) !== (bytes[1] === 0) || /utf-?16/i.test(contentType);
  if (!wide && bytes.subarray(0, 1024).includes(0) && !looksLikeText(bytes)) {
    throw new SourceError(
      "not-text",
      `the body holds bytes that are no text${contentType === "" ? "" : ` (${contentType})`}`,
    );
  }
}

/** A document into which a zero or two have slipped: it begins as one, and has hardly any. */
function looksLikeText(bytes: Uint8Array): boolean {
  const start = bytes.subarray(0, 1024);
  const first = start.find((byte) => byte > 0x20);
  return (first === 0x3c || first === 0x7b) && start.reduce((zeros, byte) => zeros + (byte === 0 ? 1 : 0), 0) <= 8;
}

/** Elements with which a page may begin that has no `html`. */
const PAGE_START =
  /^(?:html|head|body|title|meta|link|base|script|style|noscript|div|p|span|a|h[1-6]|ul|ol|table|main|header|article|section|nav|center|font|b|i|br|hr|img|form|frameset|svg)$/;

/** Of these, what a program's warning may be made of as well: <br /><b>Warning</b>: ... A feed may come behind it. */
const LOOSE_START = /^(?:br|b|p|div|font|hr|pre|table|script)$/;

/** Roots that are no source, and what their finder should know. */
const OTHER_ROOTS: Readonly<Record<string, string>> = {
  opml: "an OPML list of sources: give it with --feeds",
  urlset: "a sitemap",
  sitemapindex: "an index of sitemaps",
  error: "an error report in XML",
};

/**
 * The form of a document.
 *
 * @throws {SourceError} of kind `empty` or `unknown-document`, saying what it is instead.
 *
 * @example
 * ```ts
 * import { sniff } from "@rondo/crawl";
 *
 * console.log(sniff('<?xml version="1.0"?><!-- hello --><rss version="2.0">').kind); // prints: rss
 * console.log(sniff("<!doctype html><title>Hello</title>").kind); // prints: page
 * ```
 */
export function sniff(text: string): Sniffed {
  const first = skipProlog(text, 0);
  if (first.at >= text.length) throw new SourceError("empty", "the document is empty");
  const character = text[first.at];
  if (character === "{") return { kind: "json", start: first.at, root: first.at };
  if (character === "<") {
    const root = /^<(?:[\w.-]+:)?([A-Za-z][\w.-]*)/.exec(text.slice(first.at, first.at + 200))?.[1]?.toLowerCase();
    const kind = root === undefined ? undefined : kindOfRoot(root);
    if (kind === "page" && !LOOSE_START.test(root ?? "")) return PAGE;
    if (kind !== undefined && kind !== "page") return { kind, start: documentStart(text, first.at), root: first.at };
    if (first.html) return PAGE;
    if (root !== undefined && (first.xml || OTHER_ROOTS[root] !== undefined)) {
      throw new SourceError(
        "unknown-document",
        `this is ${OTHER_ROOTS[root] ?? `XML, but its root is <${root}>`}, neither a feed nor a page`,
      );
    }
  }
  // Something stands before the document, most often a warning of the program that made it.
  const late = /<(?:\?xml|(?:\w+:)?(?:rss|feed|rdf)[\s>])/i.exec(text.slice(first.at, first.at + 2048));
  if (late !== null) {
    const start = first.at + late.index;
    const root = skipProlog(text, start);
    const name = /^<(?:[\w.-]+:)?([A-Za-z][\w.-]*)/.exec(text.slice(root.at, root.at + 200))?.[1]?.toLowerCase();
    const kind = name === undefined ? undefined : kindOfRoot(name);
    if (kind !== undefined && kind !== "page") return { kind, start, root: root.at };
  }
  if (character === "<" || /<(?:!doctype\s+html|html|head|body|title|p|div|h1)\b/i.test(text.slice(0, 4096))) {
    return PAGE;
  }
  throw new SourceError(
    "unknown-document",
    `this is ${character === "[" ? "JSON, but no JSON Feed" : "plain text"}, neither a feed nor a page`,
  );
}

const PAGE: Sniffed = { kind: "page", start: 0, root: 0 };

function kindOfRoot(name: string): DocumentKind | undefined {
  if (name === "rss") return "rss";
  if (name === "feed") return "atom";
  if (name === "rdf") return "rdf";
  return PAGE_START.test(name) ? "page" : undefined;
}

/** A feed starts where the declaration stands that belongs to its root; what is before that should not be there. */
function documentStart(text: string, root: number): number {
  const declaration = text.lastIndexOf("<?xml", root);
  return declaration === -1 ? root : declaration;
}

/** Past white space, declarations, comments and the document type, to the root. */
function skipProlog(text: string, from: number): { at: number; xml: boolean; html: boolean } {
  let at = from;
  let xml = false;
  let html = false;
  for (;;) {
    while (at < text.length && /[\s\uFEFF]/.test(text[at] as string)) at++;
    if (text.startsWith("<?", at)) {
      xml ||= text.startsWith("<?xml", at);
      at = after(text, "?>", at);
    } else if (text.startsWith("<!--", at)) {
      at = after(text, "-->", at);
    } else if (/^<!doctype/i.test(text.slice(at, at + 9))) {
      html ||= /^<!doctype\s+html/i.test(text.slice(at, at + 40));
      const bracket = text.slice(at, at + 400).search(/[[>]/);
      at = bracket !== -1 && text[at + bracket] === "[" ? after(text, "]>", at) : after(text, ">", at);
    } else {
      return { at, xml, html };
    }
  }
}

function after(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at === -1 ? text.length : at + mark.length;
}
