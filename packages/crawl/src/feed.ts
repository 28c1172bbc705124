// A feed's text to its articles, whatever the dialect: feedsmith reads the dialects, this file brings what it gives to
// one shape and says what went wrong in words about the feed and not about the parser.
//
// The idea: incomplete is not wrong. Real feeds lack titles, dates and identifiers; an entry counts if it is there. What is
// broken is read as far as it can be (salvage.ts) and said to be broken. Only a document that has neither a channel nor an
// entry, or nothing that can be read, is an error.

import { type AtomFeed, parseAtomFeed, parseJsonFeed, parseRdfFeed, parseRssFeed } from "feedsmith";
import { SourceError } from "./failure.ts";
import { textOf } from "./markup.ts";
import { countEntries, isEnded, salvage, type Salvaged, wholeJson, type XmlKind } from "./salvage.ts";
import type { DocumentKind } from "./sniff.ts";

/** One entry of a feed, as text. */
export interface Article {
  readonly title: string | undefined;
  readonly link: string | undefined;
  /** The longest text the feed gives for it, without markup; not the title. */
  readonly text: string;
  /** What the feed calls it for ever (`guid`, `id`, `rdf:about`), or `undefined`. */
  readonly id: string | undefined;
  /** When it was published, or else last changed, in ms since 1970; `undefined` where the feed says nothing readable. */
  readonly published: number | undefined;
}

/** How often a feed says that it is worth asking. */
export interface FeedHints {
  /** In ms: `ttl`, or the period of the syndication module (`sy:updatePeriod`, `sy:updateFrequency`), whichever is longer. */
  readonly every?: number;
  /** Hours of the day (UTC, 0 to 23) in which not to ask. */
  readonly skipHours?: readonly number[];
  /** Days of the week (UTC, 0 is Sunday) on which not to ask. */
  readonly skipDays?: readonly number[];
}

/** A feed, as text. */
export interface Feed {
  readonly title: string | undefined;
  readonly language: string | undefined;
  readonly articles: Article[];
  readonly hints: FeedHints;
  /** What was odd, each a sentence without a final stop. */
  readonly notes: string[];
}

type Parsed = Omit<Feed, "notes">;

/**
 * Reads a feed. Of one that is broken, what can be read is read, and a note says so.
 *
 * @param cut the text ends where a limit cut it: the whole articles before that are read.
 * @throws {SourceError} of kind `malformed` where nothing can be read, or `unknown-document` where the form shows only the
 * shell of a feed.
 *
 * @example
 * ```ts
 * import { readFeed } from "@rondo/crawl";
 *
 * const feed = readFeed("rss", "<rss version='2.0'><channel><title>T</title><item><title>One</title></item></channel></rss>");
 * console.log(feed.title, feed.articles[0]?.title); // prints: T One
 * const broken = readFeed("rss", "<rss><channel><item><title>One</title></item><item><title>Tw");
 * console.log(broken.articles.length, broken.notes.length); // prints: 1 1
 * ```
 */
export function readFeed(kind: Exclude<DocumentKind, "page">, text: string, cut = false): Feed {
  return kind === "json" ? readJson(text, cut) : readXml(kind, text, cut);
}

function readXml(kind: XmlKind, text: string, cut: boolean): Feed {
  const whole = cut ? wholeArticles(kind, text) : text;
  let feed: Parsed | undefined;
  let failure: unknown;
  try {
    feed = PARSERS[kind](whole);
    if (feed.articles.length === 0 && !isEnded(whole)) {
      feed = undefined;
      throw new SourceError("malformed", `this ${NAMES[kind]} document breaks off before its first entry`);
    }
  } catch (error) {
    failure = error;
  }
  if (feed !== undefined && countEntries(kind, whole) <= feed.articles.length) return { ...feed, notes: [] };
  const saved = salvage(kind, whole, PARSERS[kind]);
  const { articles } = saved.feed;
  // An entry without anything in it is one that was left out with reason.
  if (feed !== undefined && articles.length <= feed.articles.length) return { ...feed, notes: [] };
  if (articles.length === 0) throw explain(kind, failure);
  return { ...saved.feed, notes: [told(kind, saved)] };
}

function told(kind: XmlKind, { entries, loose, lost, brokenOff }: Salvaged): string {
  const some = [
    ...(brokenOff ? ["the last of which breaks off and was left out"] : []),
    ...(loose > 0 ? [`${loose} of them only loosely`] : []),
    ...(lost > 0 ? [`${lost} of them could not be read at all`] : []),
  ];
  const how = some.length === 0 ? "" : `, ${some.join(", ")}`;
  return `this ${NAMES[kind]} document is malformed, and its entries were read one by one: ${entries} in all${how}`;
}

function readJson(text: string, cut: boolean): Feed {
  let failure: unknown;
  try {
    JSON.parse(text);
  } catch (error) {
    failure = error;
  }
  const whole = failure === undefined ? text : wholeJson(text);
  let feed: Parsed | undefined;
  try {
    if (whole !== undefined) feed = PARSERS.json(whole);
  } catch (error) {
    if (failure === undefined) throw explain("json", error);
  }
  if (failure === undefined && feed !== undefined) return { ...feed, notes: [] };
  if (feed === undefined || feed.articles.length === 0) {
    const longer = "this JSON Feed is longer than what is read of a body, and holds no whole entry before that";
    throw new SourceError("malformed", cut ? longer : "this JSON document cannot be parsed", { cause: failure });
  }
  return { ...feed, notes: cut ? [] : ["this JSON document is malformed, and the entries before the break were read"] };
}

const NAMES = { rss: "RSS", atom: "Atom", rdf: "RSS 1.0", json: "JSON Feed" } as const;

function explain(kind: keyof typeof NAMES, error: unknown): SourceError {
  if (error instanceof SourceError) return error;
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

const PARSERS: Record<keyof typeof NAMES, (text: string) => Parsed> = {
  rss(text) {
    const feed = parseRssFeed(text);
    return {
      title: tidy(feed.title),
      language: feed.language ?? feed.dc?.languages?.[0],
      articles: (feed.items ?? []).map((item) =>
        article(
          { title: item.title, link: item.link ?? permanentLink(item.guid), id: item.guid?.value },
          [item.pubDate, item.dc?.dates?.[0]],
          [item.content?.encoded, item.description, item.itunes?.summary, item.media?.description?.value],
        ),
      ),
      hints: hints({
        ...feed,
        skipHours: feed.skipHours ?? listed(text, "skipHours").map(Number),
        skipDays: feed.skipDays ?? listed(text, "skipDays"),
      }),
    };
  },
  atom(text) {
    const feed = parseAtomFeed(text);
    return {
      title: tidy(plain(feed.title)),
      language: feed.xml?.lang ?? feed.dc?.languages?.[0],
      articles: (feed.entries ?? []).map((entry) =>
        article(
          { title: plain(entry.title), link: linkOf(entry.links) ?? entry.id, id: entry.id },
          [entry.published, entry.updated, entry.dc?.dates?.[0]],
          [plain(entry.content), plain(entry.summary), entry.media?.groups?.[0]?.description?.value],
        ),
      ),
      hints: hints(feed),
    };
  },
  rdf(text) {
    const feed = parseRdfFeed(text);
    return {
      title: tidy(feed.title),
      language: feed.dc?.languages?.[0],
      articles: (feed.items ?? []).map((item) =>
        article(
          { title: item.title, link: item.link ?? item.rdf?.about, id: item.rdf?.about },
          [item.dc?.dates?.[0]],
          [item.content?.encoded, item.description, item.dc?.descriptions?.[0]],
        ),
      ),
      hints: hints(feed),
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
        id: item.id,
        published: firstDate([item.date_published, item.date_modified]),
      })),
      hints: {},
    };
  },
};

function article(
  entry: { title: string | undefined; link: string | undefined; id: string | undefined },
  dates: (string | undefined)[],
  texts: (string | undefined)[],
): Article {
  const { title, link, id } = entry;
  const text = longest(texts.map((each) => textOf(each ?? "")));
  return { title: tidy(title), link, text, id, published: firstDate(dates) };
}

/** The first date that is one. RFC 822's and RFC 3339's forms are those that `Date.parse` knows; others are nobody's. */
function firstDate(dates: (string | undefined)[]): number | undefined {
  for (const date of dates) {
    const at = date === undefined ? Number.NaN : Date.parse(date.trim());
    if (!Number.isNaN(at)) return at;
  }
  return undefined;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const PERIODS: Readonly<Record<string, number>> = {
  hourly: HOUR,
  daily: 24 * HOUR,
  weekly: 7 * 24 * HOUR,
  monthly: 30 * 24 * HOUR,
  yearly: 365 * 24 * HOUR,
};
const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/** Where a dialect keeps what it says of its rhythm. */
interface Rhythm {
  readonly ttl?: number;
  readonly skipHours?: readonly number[];
  readonly skipDays?: readonly string[];
  readonly sy?: { readonly updatePeriod?: string; readonly updateFrequency?: number };
}

function hints({ ttl, skipHours, skipDays, sy }: Rhythm): FeedHints {
  const period = PERIODS[sy?.updatePeriod?.trim().toLowerCase() ?? ""] ?? 0;
  const frequency = sy?.updateFrequency ?? 1;
  const every = Math.max(ttl !== undefined && ttl > 0 ? ttl * MINUTE : 0, frequency > 0 ? period / frequency : 0);
  // RSS 0.91 counted hours from 1 to 24, and 24 is midnight.
  const hours = (skipHours ?? []).filter((hour) => hour >= 0 && hour <= 24).map((hour) => Math.trunc(hour) % 24);
  const days = (skipDays ?? []).map((day) => DAYS.indexOf(day.trim().toLowerCase())).filter((day) => day !== -1);
  return {
    ...(every > 0 ? { every } : {}),
    ...(hours.length > 0 ? { skipHours: hours } : {}),
    ...(days.length > 0 ? { skipDays: days } : {}),
  };
}

/** What an element lists. feedsmith gives nothing for a list of one, and one is what most of these have. */
function listed(text: string, name: string): string[] {
  const begin = text.indexOf(`<${name}>`);
  // Two dozen hours with white space between them are shorter than this.
  const part = begin === -1 ? "" : text.slice(begin, begin + 4000).split(`</${name}>`, 1)[0];
  return [...(part ?? "").matchAll(/<(?:hour|day)>\s*([^<]+?)\s*</gi)].map(([, one]) => one as string);
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

/** An identifier is an address as well, unless it says that it is none (RSS 2.0, "guid"). */
function permanentLink(guid: { value?: string; isPermaLink?: boolean } | undefined): string | undefined {
  return guid?.isPermaLink === false ? undefined : guid?.value;
}

function tidy(title: string | undefined): string | undefined {
  const text =
    title === undefined
      ? ""
      : textOf(title)
          .replace(/[\s\p{Cc}]+/gu, " ")
          .trim();
  return text === "" ? undefined : text;
}
