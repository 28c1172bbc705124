// Bytes to a document: decode, tell what it is, read it. Everything here happens at once and waits for nothing, so it can
// be tested with bytes and used by whoever has some.

import { decode } from "./decode.ts";
import { SourceError } from "./failure.ts";
import { looksLikeFeed } from "./feed-address.ts";
import { type Article, type FeedHints, readFeed } from "./feed.ts";
import { absoluteLinks, readPage } from "./markup.ts";
import { type DocumentKind, requireText, sniff } from "./sniff.ts";

/** What a source gave, as text. */
export interface Document {
  readonly kind: DocumentKind;
  readonly title: string | undefined;
  /** A language tag as the document says it (`en-GB`), or `undefined`. */
  readonly language: string | undefined;
  readonly charset: string;
  /** The entries of a feed; of a page, one: the page. */
  readonly articles: Article[];
  /** How often it says that it is worth asking; a page says nothing. */
  readonly hints: FeedHints;
  /** What was odd, each a sentence without a final stop. */
  readonly notes: string[];
  /** Its end has come. Of a feed that breaks off something was lost on the way; a page never says where it ends. */
  readonly complete: boolean;
  /** The links of a page, absolute; none of a feed, whose articles have their own. Worked out when asked for. */
  links(): string[];
}

/** What is known of the bytes beside the bytes. */
export interface DocumentHints {
  /** Where they came from. */
  readonly url: string;
  /** The Content-Type header as it came. */
  readonly contentType?: string | null;
  /** The Content-Language header as it came. */
  readonly contentLanguage?: string | null;
  /** A limit cut them off. */
  readonly cut?: boolean;
}

/**
 * Reads a feed or a page from its bytes, told apart by what they are.
 *
 * @throws {SourceError} of kind `empty`, `not-text`, `charset`, `unknown-document` or `malformed`.
 *
 * @example
 * ```ts
 * import { readDocument } from "@rondo/crawl";
 *
 * const bytes = new TextEncoder().encode("<title>News</title><p>All is well.");
 * const document = readDocument(bytes, { url: "https://example.org/", contentType: "application/rss+xml" });
 * console.log(document.kind, document.title); // prints: page News
 * console.log(document.notes[0]); // prints: sent as application/rss+xml, but it is an HTML page
 * ```
 */
export function readDocument(bytes: Uint8Array, hints: DocumentHints): Document {
  const contentType = hints.contentType ?? "";
  const cut = hints.cut ?? false;
  requireText(bytes, contentType);
  const { text, charset, notes } = decode(bytes, { contentType, cut });
  const { kind, start, root } = sniff(text);
  const mediaType = (contentType.split(";")[0] ?? "").trim().toLowerCase();
  if (start > 0 && text.slice(0, start).trim() !== "") notes.push(`${start} characters stand before the feed`);
  if (kind === "page") {
    const sentAsFeed = /\b(?:rss|atom|rdf|feed)\b/.test(mediaType);
    if (sentAsFeed) notes.push(`sent as ${mediaType}, but it is an HTML page`);
    const page = readPage(text);
    if (sentAsFeed || looksLikeFeed(hints.url) === true) refuseStandIn(text, page.title);
    return {
      kind,
      title: page.title,
      language: page.language ?? firstTag(hints.contentLanguage),
      charset,
      articles: [{ title: page.title, link: hints.url, text: page.text, id: undefined, published: undefined }],
      hints: {},
      notes,
      complete: !cut,
      links: () => absoluteLinks(page, hints.url),
    };
  }
  // From the root on: what a document type declares (entities that grow, or that are to be fetched) is never even parsed.
  const feed = readFeed(kind, root === 0 ? text : text.slice(root), cut);
  notes.push(...feed.notes);
  if (/<!ENTITY/i.test(text.slice(start, root))) notes.push("entities that it declares itself are not expanded");
  if (feed.articles.length === 0) notes.push("the feed has no articles");
  return {
    kind,
    title: feed.title,
    language: feed.language ?? firstTag(hints.contentLanguage),
    charset,
    articles: feed.articles,
    hints: feed.hints,
    notes,
    complete: !cut && END[kind].test(text.slice(-TAIL)),
    links: () => [],
  };
}

/** What the last characters of a feed have in them. Comments of caches stand behind it, and now and then more than that. */
const TAIL = 4000;
const XML_END = /<\/(?:[\w-]+:)?(?:rss|feed|rdf|channel)\s*>/i;
const END = { rss: XML_END, atom: XML_END, rdf: XML_END, json: /\}\s*$/ } as const;

/** What servers send with a 200 and without a feed, as its title says it. */
const ERROR_TITLE =
  /^(?:error|4\d\d|5\d\d)\b|\b(?:404|not found|forbidden|access denied|unavailable|just a moment|attention required|captcha|are you (?:a )?(?:human|robot)|security check)\b/i;
const PASSWORD = /<input\s[^<>]{0,500}?type\s*=\s*["']?password/i;

/** Where a feed should be, a page to log in or one that tells of an error is a failure: its words are nobody's news. */
function refuseStandIn(text: string, title: string | undefined): void {
  const named = title === undefined ? "" : ` (${JSON.stringify(title.slice(0, 100))})`;
  const asks = PASSWORD.test(text);
  if (!asks && !ERROR_TITLE.test(title ?? "")) return;
  const what = asks ? "a page that asks for a password" : "an error page that says it is none";
  throw new SourceError("unknown-document", `where a feed should be is ${what}${named}`);
}

/** Content-Language may list several languages; a document in two has its words in both, and the first is the main one. */
function firstTag(header: string | null | undefined): string | undefined {
  const tag = header?.split(",")[0]?.trim();
  return tag === "" ? undefined : tag;
}
