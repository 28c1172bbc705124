// Markup to text: the title, the words a reader would see, and the links of a page; and the text of one field of a feed,
// which is often a piece of HTML.
//
// htmlparser2 reports tags as it meets them, so no tree is built and a page costs the memory of its text. What matters
// for counting words is where one ends: a block or a line break ends it, a <b> in the middle of it does not.

import { Parser } from "htmlparser2";
import { SourceError } from "./failure.ts";

/** What was found in a page. */
export interface Page {
  readonly title: string | undefined;
  /** The `lang` of its `html` element, as written. */
  readonly language: string | undefined;
  readonly text: string;
  /** The `href` of every anchor, as written. Made absolute by `absoluteLinks`. */
  readonly links: string[];
  /** The `href` of its `base` element. */
  readonly base: string | undefined;
}

/** Nothing inside these is read by a person. (`head` is not among them: many pages forget to close it.) */
const UNSEEN = new Set(["script", "style", "noscript", "template", "svg", "iframe", "object", "canvas"]);

/** These may stand inside a word. */
const INLINE = new Set(
  "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark nobr q s samp small span strike strong sub sup time tt u var wbr".split(
    " ",
  ),
);

/**
 * Deeper than any page a person wrote (browsers stop at 512), and shallow enough that a hostile page of nothing but
 * opening tags costs a second and not an hour: the parser searches its stack of open elements for each tag.
 */
const DEEPEST = 4096;

/** Collects a page while the parser walks over it. The parser closes what the page leaves open, so counting is enough. */
class Reader {
  title: string | undefined = undefined;
  language: string | undefined = undefined;
  base: string | undefined = undefined;
  readonly links: string[] = [];
  readonly pieces: string[] = [];
  #tag = "";
  #depth = 0;
  #unseen = 0;
  #inTitle = false;
  #justClosed = false;

  // The parser offers a tag with all its attributes too, but building that object for every tag costs a fifth of it all.
  onopentagname(name: string): void {
    if (++this.#depth > DEEPEST) {
      throw new SourceError("malformed", `the elements of this page are nested more than ${DEEPEST} deep`);
    }
    if (!INLINE.has(name)) this.pieces.push("\n");
    // One inline element right after another: entries of a menu, not one word.
    else if (this.#justClosed) this.pieces.push(" ");
    this.#justClosed = false;
    if (UNSEEN.has(name)) this.#unseen++;
    // What an svg or a template holds is no part of the page: neither its title nor its links.
    this.#tag = this.#unseen > 0 ? "" : name;
    if (this.#tag === "title" && this.title === undefined) {
      this.#inTitle = true;
      this.title = "";
    }
  }

  onattribute(name: string, value: string): void {
    if (this.#tag === "a") {
      if (name !== "href") return;
      this.links.push(value);
      // Of two equal attributes the first one counts.
      this.#tag = "";
    } else if (this.#tag === "html") {
      if (name === "lang" || name === "xml:lang") this.language ??= value;
    } else if (this.#tag === "base" && name === "href") {
      this.base ??= value;
    }
  }

  onclosetag(name: string): void {
    this.#depth--;
    if (UNSEEN.has(name)) this.#unseen--;
    else if (name === "title") this.#inTitle = false;
    this.#justClosed = INLINE.has(name);
    if (!this.#justClosed) this.pieces.push("\n");
  }

  ontext(text: string): void {
    if (this.#unseen > 0) return;
    if (this.#inTitle) this.title += text;
    else this.pieces.push(text);
    this.#justClosed = false;
  }
}

/**
 * Title, language, visible text and links of a page. Forgives what pages get wrong.
 *
 * @throws {SourceError} of kind `malformed` where elements nest thousands deep.
 *
 * @example
 * ```ts
 * import { readPage } from "@rondo/crawl";
 *
 * const page = readPage("<html lang=en><title>Hello</title><p>Good <b>morn</b>ing<script>no()</script><a href=/x>X</a>");
 * console.log(page.title, page.language, page.links[0]); // prints: Hello en /x
 * console.log(page.text.includes("Good morning")); // prints: true
 * ```
 */
export function readPage(html: string): Page {
  const reader = new Reader();
  const parser = new Parser(reader);
  parser.end(html);
  const title = reader.title?.replace(/\s+/g, " ").trim();
  return {
    title: title === "" ? undefined : title,
    language: reader.language?.trim() === "" ? undefined : reader.language?.trim(),
    text: reader.pieces.join(""),
    links: reader.links,
    base: reader.base,
  };
}

/** The words of a field that may hold markup. Plain text, which most titles are, is given back as it is. */
export function textOf(field: string): string {
  if (!field.includes("<") && !field.includes("&")) return field;
  return readPage(field).text;
}

/**
 * The links of a page, absolute, without fragments and each once; what is not http or https is left out.
 *
 * @param url where the page came from.
 *
 * @example
 * ```ts
 * import { absoluteLinks, readPage } from "@rondo/crawl";
 *
 * const page = readPage('<a href="b#top">B</a> <a href="mailto:x@example.org">write</a>');
 * console.log(absoluteLinks(page, "https://example.org/a/").join()); // prints: https://example.org/a/b
 * ```
 */
export function absoluteLinks(page: Page, url: string): string[] {
  const base = page.base !== undefined && URL.canParse(page.base, url) ? new URL(page.base, url) : new URL(url);
  const found = new Set<string>();
  for (const link of page.links) {
    const address = URL.parse(link, base.href);
    if (address === null || (address.protocol !== "http:" && address.protocol !== "https:")) continue;
    address.hash = "";
    found.add(address.href);
  }
  return [...found];
}
