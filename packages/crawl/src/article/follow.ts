// The articles behind the entries of feeds: each link asked for politely, redirects followed, and the text found in a
// thread. Many hosts at once, and at each of them one article at a time.
//
// The frontier gives a host's links out one by one. Its permit is a lane's, not a connection's: who holds it may go through
// redirects to other hosts, where each request takes its turn (turns.ts). So locks are taken in one order, lane, rules,
// turn, and nobody can wait for somebody who waits for him. The lane is given back when its host may be asked again, by
// a task that holds no slot; meanwhile the slot looks for the text, or goes to another host.

import { type Coroutine, type Group, group, now, Semaphore, sleepUntil } from "rondo";
import { type Failure, failureOf, SourceError } from "../failure.ts";
import { Frontier } from "../frontier.ts";
import { backOff, isPassing } from "../retry.ts";
import type { Got } from "../robots/get.ts";
import { type Asking, asking, type AskingOptions, atLeast, checkAsking } from "../settings.ts";
import { parseSource, type Source } from "../source.ts";
import { destination } from "../visit.ts";
import { type Extract, extractor, type ExtractorOptions } from "./extract.ts";
import { Manners, type MannersOptions } from "./manners.ts";
import type { ExtractedArticle } from "./read-article.ts";

/** A link to be followed. */
export interface ArticleLink {
  readonly url: string;
  /** The address of the source that has it. */
  readonly source: string;
}

/** How links are followed. */
export interface FollowOptions
  extends
    Omit<AskingOptions, "pace" | "timeout">,
    Pick<MannersOptions, "delay" | "longestDelay">,
    Pick<ExtractorOptions, "threads" | "timeLimit"> {
  /** For one request, in ms, from when it is made to the last byte of its answer. Default: 15,000. */
  readonly timeout?: number;
  /** How many articles are worked on at once. Default: 64. */
  readonly concurrency?: number;
  /** What is known of the hosts. Default: nothing; then `userAgent`, `delay` and `longestDelay` say how to behave. */
  readonly manners?: Manners;
  /** What finds the text. Default: {@link extractor}, opened for this. */
  readonly extract?: Extract;
  /** Is given what became of each link, once; afterwards it is forgotten. What it throws ends everything. */
  readonly onArticle?: (followed: FollowedArticle) => void;
}

/** What is known of each link that was followed. */
export interface Followed {
  readonly url: string;
  readonly source: string;
  /** When it ended, in ms since 1970. */
  readonly at: number;
  /** Where it led to, in order. */
  readonly redirects: readonly string[];
  /** Requests for it that were begun again, plus one. */
  readonly tries: number;
  /** Bytes of body, those of robots.txt too. */
  readonly bytes: number;
}

/** What became of a link. */
export type FollowedArticle = Followed &
  (
    | { readonly ok: true; readonly article: ExtractedArticle }
    | {
        readonly ok: false;
        readonly failure: Failure;
        /** The host could not be asked for now: it wants to be left alone, or its rules could not be had. */
        readonly later: boolean;
      }
  );

/** What became of all of them. */
export interface FollowCounts {
  read: number;
  failed: number;
  bytes: number;
}

const ACCEPT = "text/html, application/xhtml+xml;q=0.9";

/**
 * Follows links to articles and finds their text, politely: `robots.txt` is asked for first and obeyed, a host gets one
 * request at a time and a rest between two, and `Retry-After` is obeyed. A switch point. What goes wrong with a link is its failure,
 * and stops nothing else.
 *
 * @throws {RangeError} for a number that makes no sense.
 * @throws what `onArticle` throws.
 *
 * @example
 * ```ts
 * import { run, VirtualHost } from "rondo";
 * import { followArticles, fromWebFetch } from "@rondo/crawl";
 *
 * const fetch = fromWebFetch(async (url) =>
 *   url.endsWith("/robots.txt")
 *     ? new Response("User-agent: *\nDisallow: /members/")
 *     : new Response("<title>Storm</title><p>It is near.", { headers: { "content-type": "text/html" } }),
 * );
 * const links = ["https://a.example/storm", "https://a.example/members/storm"].map((url) => ({ url, source: "a" }));
 * await run(() =>
 *   followArticles(links, {
 *     fetch,
 *     delay: 0,
 *     onArticle: (each) => console.log(each.ok ? each.article.text : each.failure.kind),
 *   }),
 * );
 * // prints: robots
 * // prints: It is near.
 * ```
 */
export function* followArticles(links: Iterable<ArticleLink>, options: FollowOptions = {}): Coroutine<FollowCounts> {
  checkAsking(options);
  atLeast(1, "concurrency", options.concurrency);
  const manners = options.manners ?? new Manners(options);
  return yield* asking(options, (how) => new Following(how, manners, options).work(links));
}

class Following {
  readonly #how: Asking;
  readonly #manners: Manners;
  readonly #options: FollowOptions;
  readonly #counts: FollowCounts = { read: 0, failed: 0, bytes: 0 };

  constructor(how: Asking, manners: Manners, options: FollowOptions) {
    this.#how = how;
    this.#manners = manners;
    this.#options = options;
  }

  *work(given: Iterable<ArticleLink>): Coroutine<FollowCounts> {
    const links = new Map<string, ArticleLink>();
    const sources: Source[] = [];
    for (const link of given) {
      const source = this.#parse(link);
      if (source === undefined || links.has(source.url)) continue;
      links.set(source.url, link);
      sources.push(source);
    }
    const frontier = new Frontier(sources, 1);
    const slots = new Semaphore(this.#options.concurrency ?? 64);
    yield* group(
      function* (this: Following, g: Group) {
        const extract = this.#options.extract ?? extractor(this.#options);
        for (;;) {
          yield* slots.acquire();
          const source = yield* frontier.next();
          if (source === undefined) return;
          const visit = new ArticleVisit(source, links.get(source.url) as ArticleLink, this.#how, this.#manners);
          g.spawn(() => this.#visit(visit, extract, frontier, slots, g), { name: source.url });
        }
      }.bind(this),
      { name: "articles" },
    );
    return this.#counts;
  }

  /** An address that is none has failed before it begins. */
  #parse(link: ArticleLink): Source | undefined {
    try {
      return parseSource(link.url);
    } catch (error) {
      const at = this.#how.world.wallClock();
      const base = { url: link.url, source: link.source, at, redirects: [], tries: 0, bytes: 0 };
      this.#ended({ ...base, ok: false, failure: failureOf(error), later: false });
      return undefined;
    }
  }

  *#visit(visit: ArticleVisit, extract: Extract, frontier: Frontier, slots: Semaphore, g: Group): Coroutine<void> {
    try {
      const { host } = visit.source;
      let left = false;
      const leave = (): void => {
        if (!left) this.#leave(host, frontier, g);
        left = true;
      };
      try {
        this.#ended(yield* visit.run(extract, leave));
      } finally {
        leave();
      }
    } finally {
      slots.release();
    }
  }

  /** Gives a host's lane back, at the latest when the group ends. */
  #leave(host: string, frontier: Frontier, g: Group): void {
    const at = this.#manners.readyAt(host);
    if (at <= now() || !frontier.hasMore(host)) frontier.leave(host);
    else g.spawn(() => leaveAt(at, host, frontier), { name: `rest of ${host}` });
  }

  #ended(followed: FollowedArticle): void {
    this.#counts[followed.ok ? "read" : "failed"]++;
    this.#counts.bytes += followed.bytes;
    this.#options.onArticle?.(followed);
  }
}

function* leaveAt(at: number, host: string, frontier: Frontier): Coroutine<void> {
  try {
    yield* sleepUntil(at);
  } finally {
    frontier.leave(host);
  }
}

/** One link being followed. */
class ArticleVisit {
  readonly source: Source;
  readonly #link: ArticleLink;
  readonly #how: Asking;
  readonly #manners: Manners;
  readonly #meter = { waited: 0, bytes: 0 };
  #redirects: string[] = [];
  #tries = 0;

  constructor(source: Source, link: ArticleLink, how: Asking, manners: Manners) {
    this.source = source;
    this.#link = link;
    this.#how = how;
    this.#manners = manners;
  }

  /** @param downloaded is called when the host is no longer needed. */
  *run(extract: Extract, downloaded: () => void): Coroutine<FollowedArticle> {
    let later = false;
    try {
      const got = yield* this.#download();
      downloaded();
      const { bytes, contentType, contentLanguage, cut } = got;
      const url = this.#redirects.at(-1) ?? this.source.url;
      const article = yield* extract({ url, bytes, contentType, contentLanguage, cut });
      return { ...this.#followed(), ok: true, article };
    } catch (error) {
      if (error instanceof SourceError)
        later = error.kind === "asked-to-wait" || (error.kind === "robots" && error.retryable);
      return { ...this.#followed(), ok: false, failure: failureOf(error), later };
    }
  }

  #followed(): Followed {
    const { url, source } = this.#link;
    const at = this.#how.world.wallClock();
    return { url, source, at, redirects: this.#redirects, tries: this.#tries, bytes: this.#meter.bytes };
  }

  *#download(): Coroutine<Got> {
    const { tries, world } = this.#how;
    for (;;) {
      this.#tries++;
      try {
        return yield* this.#followRedirects();
      } catch (error) {
        // Who forbids it forbids it the next time too, even if only for now.
        if (!(error instanceof SourceError) || !error.retryable || error.kind === "robots") throw error;
        if (this.#tries >= tries) throw error;
        const url = this.#redirects.at(-1) ?? this.source.url;
        const pause = backOff(this.#tries, (n) => world.choose("back-off", n, url));
        this.#manners.turns.rest(new URL(url).host, pause);
      }
    }
  }

  *#followRedirects(): Coroutine<Got> {
    const { fetch, timeout, bodyLimit, redirects, world } = this.#how;
    const way = [this.source.url];
    this.#redirects = [];
    const wallClock = (): number => world.wallClock();
    for (;;) {
      const url = way.at(-1) as string;
      const how = { fetch, timeout, limit: bodyLimit, accept: ACCEPT, keepAlive: true, wants: isHtml, wallClock };
      const got = yield* this.#manners.get(url, how, this.#meter);
      if (got.location === undefined) return checked(got, url);
      const next = destination(got.location, url);
      if (way.includes(next))
        throw new SourceError("redirect", `redirected in a circle: ${[...way, next].join(" → ")}`);
      if (way.length > redirects) {
        throw new SourceError("redirect", `redirected more than ${redirects} times: ${way[0]} → … → ${next}`);
      }
      way.push(next);
      this.#redirects.push(next);
    }
  }
}

function checked(got: Got, url: string): Got {
  const { status, reason, contentType } = got;
  const { host } = new URL(url);
  if (status < 200 || status > 299) {
    const says = `HTTP ${status}${reason === "" ? "" : ` ${reason}`}`;
    throw new SourceError("status", `${host} answers ${says}`, { retryable: isPassing(status) });
  }
  if (!isHtml(contentType)) {
    throw new SourceError(
      "not-text",
      `this is ${contentType?.split(";")[0]?.trim().slice(0, 100)}, and only HTML is read`,
    );
  }
  return got;
}

/** Who does not say what it is may have sent a page. */
function isHtml(contentType: string | undefined): boolean {
  const type = contentType?.split(";")[0]?.trim().toLowerCase() ?? "";
  return type === "" || type === "text/html" || type === "application/xhtml+xml";
}
