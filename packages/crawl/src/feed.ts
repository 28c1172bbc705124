// A feed's text to its articles, whatever the dialect: feedsmith reads the dialects, this file brings what it gives to
// one shape and says what went wrong in words about the feed and not about the parser.
//
// The idea: incomplete is not wrong. Real feeds lack titles, dates and identifiers; an entry counts if it is there. Only
// a document that breaks off, or has neither a channel nor an entry, is an error.

import { type AtomFeed, parseAtomFeed, parseJsonFeed, parseRdfFeed, parseRssFeed } from "feedsmith";
import { SourceError } from "./failure.ts";
import { textOf } from "./markup.ts";
import type { DocumentKind } from "./sniff.ts";

/** One entry of a feed, as text. */
export interface Article {
  readonly title: string | undefined;
  readonly link: string | undefined;
  /** The longest text the feed gives for it, without markup; not the title. */
  readonly text: string;
}

/** A feed, as text. */
export interface Feed {
  readonly title: string | undefined;
  readonly language: string | undefined;
  readonly articles: Article[];
}

/**
 * Reads a feed.
 *
 * @param cut the text ends where a limit cut it: the whole articles before that are read.
 * @throws {SourceError} of kind `malformed`, or `unknown-document` where the form shows only the shell of a feed.
 *
 * @example
 * ```ts
 * import { readFeed } from "@rondo/crawl";
 *
 * const feed = readFeed("rss", "<rss version='2.0'><channel><title>T</title><item><title>One</title></item></channel></rss>");
 * console.log(feed.title, feed.articles[0]?.title); // prints: T One
 * ```
 */
export function readFeed(kind: Exclude<DocumentKind, "page">, text: string, cut = false): Feed {
  if (cut && kind === "json") {
    throw new SourceError(
      "malformed",
      "this JSON Feed is longer than what is read of a body, and half of it cannot be parsed",
    );
  }
  const whole = cut ? wholeArticles(kind, text) : text;
  try {
    return PARSERS[kind](whole);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw explain(kind, error);
  }
}

const NAMES = { rss: "RSS", atom: "Atom", rdf: "RSS 1.0", json: "JSON Feed" } as const;

function explain(kind: keyof typeof NAMES, error: unknown): SourceError {
  const name = error instanceof Error ? error.name : "";
  if (kind === "json" && name === "DetectError")
    return new SourceError("unknown-document", "this is JSON, but no JSON Feed");
  if (name === "ParseError" || name === "DetectError") {
    return new SourceError("unknown-document", `this starts as ${NAMES[kind]}, but has neither a channel nor an entry`);
  }
  return new SourceError("malformed", `this ${NAMES[kind]} document cannot be parsed`, {
    // feedsmith says only that it is invalid; the parser below it says where.
    cause: error instanceof Error ? (error.cause ?? error) : error,
  });
}

/** The feed up to its last complete entry; the parser forgives the open elements around it, a broken one it does not. */
function wholeArticles(kind: DocumentKind, text: string): string {
  const end = kind === "atom" ? /^<\/(?:\w+:)?entry\s*>/i : /^<\/(?:\w+:)?item\s*>/i;
  for (let at = text.lastIndexOf("</"); at > 0; at = text.lastIndexOf("</", at - 1)) {
    const found = end.exec(text.slice(at, at + 40));
    if (found !== null) return text.slice(0, at + found[0].length);
  }
  throw new SourceError("malformed", "the first article of this feed is longer than what is read of a body");
}

const PARSERS: Record<keyof typeof NAMES, (text: string) => Feed> = {
  rss(text) {
    const feed = parseRssFeed(text);
    return {
      title: tidy(feed.title),
      language: feed.language ?? feed.dc?.languages?.[0],
      articles: (feed.items ?? []).map((item) =>
        article(item.title, item.link ?? item.guid?.value, [
          item.content?.encoded,
          item.description,
          item.itunes?.summary,
          item.media?.description?.value,
        ]),
      ),
    };
  },
  atom(text) {
    const feed = parseAtomFeed(text);
    return {
      title: tidy(plain(feed.title)),
      language: feed.xml?.lang ?? feed.dc?.languages?.[0],
      articles: (feed.entries ?? []).map((entry) =>
        article(plain(entry.title), linkOf(entry.links) ?? entry.id, [
          plain(entry.content),
          plain(entry.summary),
          entry.media?.groups?.[0]?.description?.value,
        ]),
      ),
    };
  },
  rdf(text) {
    const feed = parseRdfFeed(text);
    return {
      title: tidy(feed.title),
      language: feed.dc?.languages?.[0],
      articles: (feed.items ?? []).map((item) =>
        article(item.title, item.link ?? item.rdf?.about, [
          item.content?.encoded,
          item.description,
          item.dc?.descriptions?.[0],
        ]),
      ),
    };
  },
  json(text) {
    const feed = parseJsonFeed(text);
    return {
      title: tidy(feed.title),
      language: feed.language,
      articles: (feed.items ?? []).map((item) => ({
        title: tidy(item.title),
        link: item.url ?? item.external_url,
        text: longest([textOf(item.content_html ?? ""), item.content_text ?? "", item.summary ?? ""]),
      })),
    };
  },
};

function article(title: string | undefined, link: string | undefined, texts: (string | undefined)[]): Article {
  return { title: tidy(title), link, text: longest(texts.map((text) => textOf(text ?? ""))) };
}

/** Feeds repeat themselves (a summary, then everything); counting both would count its beginning twice. */
function longest(texts: string[]): string {
  return texts.reduce((best, text) => (text.length > best.length ? text : best), "");
}

function plain(text: AtomFeed.Text | AtomFeed.Content | undefined): string | undefined {
  return text?.value;
}

function linkOf(links: { href?: string; rel?: string }[] | undefined): string | undefined {
  return (links?.find((link) => link.rel === undefined || link.rel === "alternate") ?? links?.[0])?.href;
}

function tidy(title: string | undefined): string | undefined {
  const text = title === undefined ? "" : textOf(title).replace(/\s+/g, " ").trim();
  return text === "" ? undefined : text;
}
