// From the address that a person has, most often that of a home page, to the feed behind it.
//
// Pages say where their feeds are, in a `link` element made for that (RSS autodiscovery; HTML standard, "alternate"), or at
// least in an anchor. Those that do not often have one in one of a few places. What is found is only a claim: the best one
// is asked for and looked at, then the next, until one answers with a feed. Everything that was tried is told, since "no feed
// found" alone helps nobody.
//
// One request at a time, with a pause between two, at most a dozen; a server that asks to be left alone is left alone.

import { Parser } from "htmlparser2";
import { openClient } from "@rondo/http";
import { type Coroutine, group, moveOnAfter, sleep } from "rondo";
import { whyPrivate } from "./address.ts";
import { decode } from "./decode.ts";
import { type Document, readDocument } from "./document.ts";
import { ask, type Fetch, readBody } from "./exchange.ts";
import { failureOf, SourceError } from "./failure.ts";
import { looksLikeFeed } from "./feed-address.ts";
import { isPassing } from "./retry.ts";
import type { DocumentKind } from "./sniff.ts";
import { parseSource } from "./source.ts";
import { ACCEPT, destination, duration, REDIRECTS } from "./visit.ts";

/** Where a feed is, or may be. */
export interface FoundFeed {
  /** Absolute, `http:` or `https:`. */
  readonly url: string;
  /** What the feed, or who points to it, calls it. */
  readonly title: string | undefined;
  /** Who says so: the address itself, a `link` of the page, an anchor in it, or nobody: it is where feeds often are. */
  readonly by: "itself" | "link" | "anchor" | "guess";
}

/**
 * The feeds that a page points to, most useful first: what is declared before what only looks like one, and feeds of
 * comments after all others. None of them has been asked for.
 *
 * @param url where the page came from.
 *
 * @example
 * ```ts
 * import { findFeeds } from "@rondo/crawl";
 *
 * const page = '<link rel="alternate" type="application/rss+xml" href="/feed" title="News"><a href="/about">About</a>';
 * console.log(findFeeds(page, "https://example.org/")[0]?.url); // prints: https://example.org/feed
 * ```
 */
export function findFeeds(html: string, url: string): FoundFeed[] {
  const reader = new Reader();
  try {
    new Parser(reader).end(html);
  } catch (error) {
    // What was found before it stands.
    if (error !== TOO_DEEP) throw error;
  }
  const base = URL.parse(reader.base ?? "", url)?.href ?? url;
  const found = new Map<string, FoundFeed>();
  for (const { href, title, by } of [...reader.links, ...reader.anchors]) {
    const address = absolute(href, base);
    if (address === undefined || found.has(address)) continue;
    if (by === "link" || isWorthATry(address, title)) found.set(address, { url: address, title, by });
  }
  return [...found.values()].toSorted((a, b) => rank(a) - rank(b));
}

/** A feed of comments is one, but hardly ever the one that is wanted. */
const COMMENTS = /comment|kommentar|coment[aá]rio|comentario|commenti|reacties|коммент|コメント|评论|留言/i;

/** Sorting keeps the order of the page within a rank: its author has put the main feed first. */
function rank({ url, title, by }: FoundFeed): number {
  return (COMMENTS.test(title ?? "") || COMMENTS.test(new URL(url).pathname) ? 2 : 0) + (by === "link" ? 0 : 1);
}

function absolute(href: string, base: string): string | undefined {
  // Some pages still write feed: where browsers once took it, with or without the real scheme behind it.
  const plain = href
    .trim()
    .replace(/^feed:(?:\/\/)?(?=https?:)/i, "")
    .replace(/^feed:\/\//i, "http://");
  const url = URL.parse(plain, base);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  if (url.username !== "" || url.password !== "") return undefined;
  url.hash = "";
  return url.href;
}

const FEED_TYPE = /^(?:application|text)\/(?:rss|x-rss|atom|x\.atom|rdf|feed)\b/;
/** Types of feeds and of much else: such a link has to look like a feed besides. */
const VAGUE_TYPE = /^(?:application|text)\/(?:xml|json)$/;

const FEED_TEXT = /^(?:rss|atom|xml|feed|rss[- ]?feeds?|news ?feed|web ?feed|subscribe(?: via| by)? rss)\W*$/i;
function isWorthATry(address: string, title: string | undefined): boolean {
  const looks = looksLikeFeed(address);
  return looks === true || (looks === false && title !== undefined && FEED_TEXT.test(title));
}

/** A link as it is written. */
interface Pointer {
  readonly href: string;
  readonly title: string | undefined;
  readonly by: "link" | "anchor";
}

/** Longer texts name articles, and a page of nothing but one anchor is not to be kept twice. */
const LONGEST_TITLE = 200;

/**
 * Deeper than any page that a person wrote: the parser goes through all open elements for each that is opened, so a page of
 * nothing but openings would cost the square of its length.
 */
const DEEPEST = 2048;
const TOO_DEEP = new Error("the elements of this page are nested too deep");

/** Collects what points somewhere while the parser walks over the page. */
class Reader {
  readonly links: Pointer[] = [];
  readonly anchors: Pointer[] = [];
  base: string | undefined = undefined;
  #href: string | undefined;
  #title: string | undefined;
  #text = "";
  #depth = 0;

  onopentag(name: string, attributes: Readonly<Record<string, string>>): void {
    if (++this.#depth > DEEPEST) throw TOO_DEEP;
    const href = attributes["href"];
    if (href === undefined) {
      // The picture of a feed in an anchor says what the anchor does not.
      if (name === "img" && this.#href !== undefined) this.#text += ` ${attributes["alt"] ?? ""} `;
      return;
    }
    if (name === "base") this.base ??= href;
    else if (name === "link") this.#link(href, attributes);
    else if (name === "a") {
      this.#anchor();
      this.#href = href;
      this.#title = attributes["title"] ?? attributes["aria-label"];
      if (FEED_TYPE.test(typeOf(attributes))) this.#link(href, { ...attributes, rel: "alternate" });
    }
  }

  ontext(text: string): void {
    if (this.#href !== undefined && this.#text.length < LONGEST_TITLE) this.#text += text;
  }

  onclosetag(name: string): void {
    this.#depth--;
    if (name === "a") this.#anchor();
  }

  onend(): void {
    this.#anchor();
  }

  #link(href: string, attributes: Readonly<Record<string, string>>): void {
    const rel = (attributes["rel"] ?? "").toLowerCase().split(/\s+/);
    const type = typeOf(attributes);
    const title = shown(attributes["title"]);
    const feed = rel.includes("feed") || (rel.includes("alternate") && FEED_TYPE.test(type));
    if (feed && !rel.includes("stylesheet")) this.links.push({ href, title, by: "link" });
    else if (rel.includes("alternate") && VAGUE_TYPE.test(type)) this.anchors.push({ href, title, by: "anchor" });
  }

  #anchor(): void {
    const href = this.#href;
    if (href !== undefined) this.anchors.push({ href, title: shown(this.#text) ?? shown(this.#title), by: "anchor" });
    this.#href = undefined;
    this.#text = "";
  }
}

function typeOf(attributes: Readonly<Record<string, string>>): string {
  return (attributes["type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

function shown(title: string | undefined): string | undefined {
  const text = title?.slice(0, LONGEST_TITLE).replace(/\s+/g, " ").trim();
  return text === "" ? undefined : text;
}

/** How to look for a feed. Times in ms, sizes in bytes. */
export interface FindOptions {
  /** For each request, in ms. Default: 15,000. */
  readonly timeout?: number;
  /** How many redirects are followed. Default: 10. */
  readonly redirects?: number;
  /** How much of a body is read, in bytes. Default: 5 MiB. */
  readonly bodyLimit?: number;
  readonly userAgent?: string;
  /** Also asks what stands at a loopback, private or other special address. Default: `false`. */
  readonly allowPrivate?: boolean;
  /** What makes the requests. Default: a client of `@rondo/http`, opened for this. */
  readonly fetch?: Fetch;
}

/** What an address leads to. */
export interface FoundSource {
  /** Where it leads, redirects followed. */
  readonly url: string;
  readonly kind: DocumentKind;
  readonly title: string | undefined;
  /** The first has been read and is a feed; those after it are only said to be. None: no feed was found. */
  readonly feeds: readonly FoundFeed[];
  /** Every address that was asked for, in order, and what came of it: a sentence without a final stop. */
  readonly tried: readonly { readonly url: string; readonly result: string }[];
}

/**
 * Finds the feed behind an address: itself if it is one; else one that its page points to, or one in a usual place. A page
 * without a feed is no error: it can be a source itself. A switch point.
 *
 * @throws {SourceError} where the address cannot be read.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { findSource, fromWebFetch } from "@rondo/crawl";
 *
 * const web: Record<string, string> = {
 *   "https://a.example/": '<title>A</title><link rel=alternate type="application/rss+xml" href=news.rss>',
 *   "https://a.example/news.rss": "<rss><channel><title>News of A</title><item><title>One</title></item></channel></rss>",
 * };
 * const fetch = fromWebFetch(async (url) => new Response(web[url]));
 * const { feeds } = await run(() => findSource("https://a.example/", { fetch }));
 * console.log(feeds[0]?.url, feeds[0]?.title); // prints: https://a.example/news.rss News of A
 * ```
 */
export function* findSource(url: string, options: FindOptions = {}): Coroutine<FoundSource> {
  const { url: address } = parseSource(url);
  const { fetch, allowPrivate } = options;
  if (fetch !== undefined) return yield* new Search(fetch, options).from(address);
  return yield* group(function* () {
    const refuse = allowPrivate === true ? undefined : whyPrivate;
    const client = openClient({ timeout: Infinity, idleTimeout: Infinity, connectTimeout: Infinity, refuse });
    return yield* new Search((at, init) => client.fetch(at, init), options).from(address);
  });
}

/** Between two requests to a site that nobody has announced them to, in ms. */
const PAUSE = 250;
/** What a page points to is tried up to here. */
const MOST_CLAIMS = 5;

/** What was read at an address. */
interface Read {
  readonly url: string;
  readonly document: Document;
  /** The page's markup; only of a page. */
  readonly page: string;
}

class Search {
  readonly #fetch: Fetch;
  readonly #options: FindOptions;
  readonly #tried: { url: string; result: string }[] = [];

  constructor(fetch: Fetch, options: FindOptions) {
    this.#fetch = fetch;
    this.#options = options;
  }

  *from(address: string): Coroutine<FoundSource> {
    const { url, document, page } = yield* this.#read(address);
    const { kind, title } = document;
    this.#tell(address, document);
    const said = { url, kind, title, tried: this.#tried };
    if (kind !== "page") return { ...said, feeds: [{ url: address, title, by: "itself" }] };
    const claims = findFeeds(page, url);
    for (const [at, claim] of claims.slice(0, MOST_CLAIMS).entries()) {
      const answer = yield* this.#try(claim);
      if (answer.feed !== undefined) return { ...said, feeds: [answer.feed, ...claims.slice(at + 1)] };
      if (answer.enough) return { ...said, feeds: [] };
    }
    for (const place of usualPlaces(url)) {
      if (this.#tried.some((each) => each.url === place)) continue;
      const answer = yield* this.#try({ url: place, title: undefined, by: "guess" });
      if (answer.feed !== undefined) return { ...said, feeds: [answer.feed] };
      if (answer.enough) break;
    }
    return { ...said, feeds: [] };
  }

  /** Asks for what may be a feed. `enough`: the server is in trouble or wants no more questions. */
  *#try(claim: FoundFeed): Coroutine<{ readonly feed?: FoundFeed; readonly enough: boolean }> {
    yield* sleep(PAUSE);
    try {
      const { document } = yield* this.#read(claim.url);
      this.#tell(claim.url, document);
      if (document.kind === "page") return { enough: false };
      return { feed: { ...claim, title: document.title ?? claim.title }, enough: false };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      const { message } = failureOf(error);
      this.#tried.push({ url: claim.url, result: message });
      return { enough: error.retryable || error.kind === "timeout" };
    }
  }

  #tell(url: string, { kind, articles, title }: Document): void {
    const named = title === undefined ? "" : ` (${title})`;
    const result = kind === "page" ? `a page${named}` : `a feed of ${articles.length} articles${named}`;
    this.#tried.push({ url, result });
  }

  *#read(address: string): Coroutine<Read> {
    const { timeout = 15_000 } = this.#options;
    const done = yield* moveOnAfter(timeout, this.#follow(address));
    if (done.timedOut)
      throw new SourceError("timeout", `no answer from ${new URL(address).host} within ${duration(timeout)}`);
    return done.value;
  }

  *#follow(address: string): Coroutine<Read> {
    const { redirects = 10, bodyLimit = 5 * 1024 * 1024, userAgent = "rondo-news" } = this.#options;
    const headers = { accept: ACCEPT, "user-agent": userAgent };
    const meter = { waited: 0, bytes: 0 };
    let url = address;
    for (let followed = 0; ; followed++) {
      const answer = yield* ask(this.#fetch, url, { headers, keepAlive: true, redirect: "manual" }, meter);
      const location = REDIRECTS.has(answer.status) ? answer.headers.get("location") : null;
      if (location !== null && location !== undefined) {
        answer.close();
        if (followed >= redirects)
          throw new SourceError("redirect", `redirected more than ${redirects} times: ${address} → … → ${url}`);
        url = destination(location, url);
        continue;
      }
      if (answer.status < 200 || answer.status > 299) {
        answer.close();
        const says = `${new URL(url).host} answers HTTP ${answer.status}`;
        throw new SourceError("status", says, { retryable: isPassing(answer.status) });
      }
      const { bytes, cut } = yield* readBody(answer, url, bodyLimit, meter);
      const contentType = answer.headers.get("content-type") ?? null;
      const document = readDocument(bytes, { url, contentType, cut });
      return { url, document, page: document.kind === "page" ? decode(bytes, { contentType, cut }).text : "" };
    }
  }
}

/** Where feeds are, by what the programs that make sites do, the likeliest first. */
const PLACES = ["feed", "rss.xml", "atom.xml", "feed.xml", "index.xml", "rss", "feed.json"];

/** In the section of the site that the page is in, then at its top. */
function usualPlaces(url: string): string[] {
  const section = /^\/[^/.]+(?=\/|$)/.exec(new URL(url).pathname)?.[0];
  const near = section === undefined ? [] : PLACES.slice(0, 4).map((name) => `${section}/${name}`);
  return [...near, ...PLACES.map((name) => `/${name}`)].map((path) => new URL(path, url).href);
}
