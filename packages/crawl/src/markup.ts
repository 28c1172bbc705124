// Markup to text: the title, the words a reader would see, and the links of a page; and the text of one field of a feed,
// which is often a piece of HTML.
//
// htmlparser2's tokenizer says where names, attributes and texts begin and end, and this file takes what it needs of
// them: no tree, no object for a tag, no stack of open elements, which is half of what its parser costs. What matters for
// counting words is where one ends: a block or a line break ends it, a <b> in the middle of it does not. Only inside of
// what is not seen does it matter what is open, since the end of an element outside ends that too.

import { Tokenizer, type TokenizerCallbacks } from "htmlparser2";

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

/** An element, as far as reading goes. Names that are not here are blocks. */
interface Element {
  /** Its place among the elements. */
  readonly id: number;
  /** It may stand inside a word. */
  readonly inline: boolean;
  /** Nothing inside it is read by a person. (`head` is not among them: many pages forget to close it.) */
  readonly unseen: boolean;
  /** It has no end. */
  readonly empty: boolean;
  /** Its end may be left out, so of whether it is open nothing is known. */
  readonly loose: boolean;
}

const names = (text: string): Set<string> => new Set(text.split(" "));
const UNSEEN = names("script style noscript template svg iframe object canvas");
const EMPTY = names("area base basefont br col embed frame hr img image input link meta param source track wbr");
const LOOSE = names("p li dt dd option optgroup tr td th thead tbody tfoot colgroup rp rt rb rtc");
const INLINE = names(
  "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark nobr q s samp small span strike strong sub sup time tt u var wbr",
);
const BLOCKS = names(
  "html head body title div section article main header footer nav aside address h1 h2 h3 h4 h5 h6 ul ol dl table " +
    "caption form fieldset blockquote pre figure figcaption center details summary dialog button label select textarea",
);

const ELEMENTS: ReadonlyMap<string, Element> = new Map(
  [...new Set([...UNSEEN, ...EMPTY, ...LOOSE, ...INLINE, ...BLOCKS])].map((name, id) => {
    const kind = { inline: INLINE.has(name), unseen: UNSEEN.has(name), empty: EMPTY.has(name), loose: LOOSE.has(name) };
    return [name, { id, ...kind }];
  }),
);
const OTHER: Element = { id: -1, inline: false, unseen: false, empty: false, loose: true };

/** So deep is remembered what is open where nothing is seen, so that a hostile page costs no more for being deep. */
const DEEPEST = 512;

const NONE = 0;
const SPACE = 1;
const BREAK = 2;

/** White space of HTML. */
function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d && code !== 0x0b);
}

/** Whose attributes are read. */
type Wanted = "" | "a" | "html" | "base";

/** Collects a page while the tokenizer walks over it. */
class Reader implements TokenizerCallbacks {
  title: string | undefined = undefined;
  language: string | undefined = undefined;
  base: string | undefined = undefined;
  readonly links: string[] = [];
  readonly pieces: string[] = [];
  readonly #html: string;
  /** The element whose tag is being read. */
  #name = "";
  #element: Element = OTHER;
  #wanted: Wanted = "";
  #attribute = "";
  #value = "";
  /** How many of each element are open outside of what is not seen, where that can be known. */
  readonly #open = new Int32Array(ELEMENTS.size);
  /** The names open in what is not seen, from the one that hides the rest. Empty: what comes is seen. */
  readonly #unseen: string[] = [];
  #inTitle = false;
  #justClosed = false;
  /** What the text so far ends with. */
  #gap: typeof NONE | typeof SPACE | typeof BREAK = BREAK;

  constructor(html: string) {
    this.#html = html;
  }

  onopentagname(start: number, end: number): void {
    const name = this.#html.slice(start, end).toLowerCase();
    const element = ELEMENTS.get(name) ?? OTHER;
    this.#name = name;
    this.#element = element;
    if (!element.inline) this.#break();
    // One inline element right after another: entries of a menu, not one word. Where an anchor begins, the one before ends.
    else if (this.#justClosed || (name === "a" && this.#open[element.id] === 1)) this.#space();
    this.#justClosed = false;
    // What an svg or a template holds is no part of the page: neither its title nor its links.
    if (this.#unseen.length > 0) {
      if (!element.empty && this.#unseen.length < DEEPEST) this.#unseen.push(name);
      return;
    }
    if (element.unseen) this.#unseen.push(name);
    else if (name === "a") this.#open[element.id] = 1;
    else if (!element.loose) this.#open[element.id]! += 1;
    if (name === "a" || name === "html" || name === "base") this.#wanted = name;
    else if (name === "title" && this.title === undefined) {
      this.#inTitle = true;
      this.title = "";
    }
  }

  onopentagend(): void {
    this.#wanted = "";
    if (this.#element.empty) this.#end(this.#element);
  }

  onselfclosingtag(): void {
    // In HTML the slash says nothing; in an svg it is the end.
    if (this.#unseen[0] === "svg" && this.#unseen.at(-1) === this.#name) this.#unseen.pop();
    this.onopentagend();
  }

  onclosetag(start: number, end: number): void {
    const name = this.#html.slice(start, end).toLowerCase();
    const element = ELEMENTS.get(name) ?? OTHER;
    if (this.#unseen.length > 0) this.#endUnseen(name, element);
    else if (!element.loose && (this.#open[element.id] ?? 0) > 0) this.#open[element.id]! -= 1;
    if (name === "title") this.#inTitle = false;
    this.#end(element);
  }

  #end(element: Element): void {
    this.#justClosed = element.inline;
    if (!element.inline) this.#break();
  }

  /** Here a word ends, and a line. Half of a page is what its author indented it with, which says nothing twice. */
  #break(): void {
    if (this.#gap !== BREAK) this.pieces.push("\n");
    this.#gap = BREAK;
  }

  #space(): void {
    if (this.#gap === NONE) this.pieces.push(" ");
    if (this.#gap === NONE) this.#gap = SPACE;
  }

  /** An end inside of what is not seen: of something in there, or of something around it, or of nothing at all. */
  #endUnseen(name: string, element: Element): void {
    const at = this.#unseen.lastIndexOf(name);
    if (at !== -1) {
      this.#unseen.length = at;
    } else if (!element.loose && (this.#open[element.id] ?? 0) > 0 && !CLOSED.has(this.#unseen[0] as string)) {
      this.#open[element.id]! -= 1;
      this.#unseen.length = 0;
    }
  }

  onattribname(start: number, end: number): void {
    if (this.#wanted !== "") this.#attribute = this.#html.slice(start, end).toLowerCase();
  }

  onattribdata(start: number, end: number): void {
    if (this.#wanted !== "") this.#value += this.#html.slice(start, end);
  }

  onattribentity(codepoint: number): void {
    if (this.#wanted !== "") this.#value += String.fromCodePoint(codepoint);
  }

  onattribend(): void {
    if (this.#wanted === "") return;
    const value = this.#value;
    this.#value = "";
    if (this.#wanted === "a") {
      if (this.#attribute !== "href") return;
      this.links.push(value);
      // Of two equal attributes the first one counts.
      this.#wanted = "";
    } else if (this.#wanted === "html") {
      if (this.#attribute === "lang" || this.#attribute === "xml:lang") this.language ??= value;
    } else if (this.#attribute === "href") {
      this.base ??= value;
    }
  }

  ontext(start: number, end: number): void {
    if (this.#unseen.length > 0) return;
    const html = this.#html;
    let from = start;
    let to = end;
    while (from < to && isSpace(html.charCodeAt(from))) from++;
    if (from === to) {
      if (this.#inTitle) this.title += " ";
      else this.#space();
      this.#justClosed = false;
      return;
    }
    while (isSpace(html.charCodeAt(to - 1))) to--;
    // One space at either end, where there was any; none behind what is a gap already.
    const first = from === start || (this.#gap !== NONE && !this.#inTitle) ? from : from - 1;
    this.#text(html.slice(first, to === end ? to : to + 1));
  }

  ontextentity(codepoint: number): void {
    if (this.#unseen.length === 0) this.#text(String.fromCodePoint(codepoint));
  }

  #text(text: string): void {
    this.#justClosed = false;
    if (this.#inTitle) {
      this.title += text;
    } else {
      this.pieces.push(text);
      this.#gap = NONE;
    }
  }

  /** A CDATA section is text in an svg, which nobody sees, and a comment elsewhere. */
  isInForeignContext(): boolean {
    return this.#unseen[0] === "svg";
  }

  oncdata(): void {}
  oncomment(): void {}
  ondeclaration(): void {}
  onprocessinginstruction(): void {}
  onend(): void {}
}

/** What stands in these never ends what is outside. */
const CLOSED = new Set(["template", "object"]);

/**
 * Title, language, visible text and links of a page. Forgives what pages get wrong.
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
  const reader = new Reader(html);
  const tokenizer = new Tokenizer({ decodeEntities: true }, reader);
  tokenizer.write(html);
  tokenizer.end();
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
