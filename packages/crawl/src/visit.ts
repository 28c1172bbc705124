// One source from its first request to its outcome: redirects followed by hand, failures that pass tried again, all of
// it within one deadline. What is known from the last time makes the request a conditional one.
//
// The deadline is the source's, not the try's: a caller who says 15 seconds means that. So a wait that would end beyond
// it, whether back-off or Retry-After, is not begun, and the failure says so at once.

import { type Coroutine, type Host, moveOnAfter, now, sleep } from "rondo";
import { conditions, confirmed, isOfAnother, type Validators, validatorsOf } from "./conditional.ts";
import { type Document, readDocument } from "./document.ts";
import { type Answer, ask, type Fetch, readBody } from "./exchange.ts";
import { failureOf, SourceError } from "./failure.ts";
import type { Article, FeedHints } from "./feed.ts";
import type { Frontier } from "./frontier.ts";
import type { Attempted, Outcome } from "./outcome.ts";
import type { Progress } from "./progress.ts";
import { backOff, isPassing, retryAfter } from "./retry.ts";
import { dueAfterAnswer, dueAfterFailure, type Pace } from "./schedule/due.ts";
import { freshFor } from "./schedule/freshness.ts";
import { hintsToKeep, type Remembered } from "./schedule/remembered.ts";
import type { Source } from "./source.ts";
import type { FetchRecord, FetchResult, NewArticle, Timing } from "./store/records.ts";
import { type ArticleSink, type Tally, tally } from "./tally.ts";
import type { TermCounter } from "./terms.ts";
import { own } from "./own.ts";
import type { TopWords } from "./top-words.ts";

/** What all visits of a run share. */
export interface Visiting {
  readonly fetch: Fetch;
  readonly world: Pick<Host, "choose" | "wallClock">;
  readonly frontier: Frontier;
  readonly progress: Progress;
  readonly terms: TermCounter;
  readonly top: TopWords | undefined;
  /** For a whole source, in ms. */
  readonly timeout: number;
  readonly tries: number;
  readonly redirects: number;
  /** Bytes of a body that are read. */
  readonly bodyLimit: number;
  readonly userAgent: string;
  readonly pace: Pace;
  /** Whether a record is made of what was fetched, articles and their words in it. */
  readonly recorded: boolean;
}

/** What a visit is doing: what a deadline's message says it interrupted. */
export type Stage = "asking" | "reading" | "backing off" | "waiting for its turn" | "counting" | "storing";

/** What a source answered. To be given as `since` the next time. */
export interface Fetched extends Remembered {
  readonly source: Source;
  /** Where the answer came from: the source's address, or where it was redirected to. */
  readonly url: string;
  readonly status: number;
  /** `undefined`: nothing has changed (HTTP 304). */
  readonly document: Document | undefined;
  /** The body was longer than what is read of one. */
  readonly cut: boolean;
  /** To be sent back the next time. None of a body that was cut or breaks off: what is missing would never be asked for. */
  readonly validators: Validators | undefined;
  /** What the feed says of its rhythm, now or when it was last read. */
  readonly hints: FeedHints;
  /** When to ask again, in ms since 1970. */
  readonly due: number;
  /** Addresses it was redirected to, in order. */
  readonly redirects: readonly string[];
  /** Where it has moved for good (by 301 or 308): the address to subscribe to. */
  readonly movedTo: string | undefined;
  /** Requests that were begun again after a failure, plus one. */
  readonly tries: number;
  /** Of body, after decompression. */
  readonly bytes: number;
}

/** What became of a visit. */
export interface Ended {
  readonly outcome: Outcome;
  /** What to remember, where that is wanted. */
  readonly record: FetchRecord | undefined;
}

/** What was downloaded; nothing in `body` where nothing has changed. */
interface Download {
  readonly url: string;
  readonly status: number;
  readonly body: { readonly bytes: Uint8Array; readonly cut: boolean } | undefined;
  readonly validators: Validators | undefined;
  readonly contentType: string | null;
  readonly contentLanguage: string | null;
  /** When the head was there, in ms since 1970, and how much longer it was fresh then. */
  readonly at: number;
  readonly fresh: number;
  readonly retryAfter: number | undefined;
}

/** Statuses that say: elsewhere. */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const FOR_GOOD = new Set([301, 308]);

/** One source being worked on. Its fields may be read at any time; only the visit writes them. */
export class Visit {
  readonly source: Source;
  readonly begun: number;
  stage: Stage = "asking";
  tries = 0;
  redirects: string[] = [];
  waited = 0;
  #bytes = 0;
  /** The host whose permit is held. */
  #host: string | undefined;
  #lastError: SourceError | undefined = undefined;
  #status: number | undefined = undefined;
  #movedTo: string | undefined = undefined;
  readonly #at: number;
  /** Of `now()`; see `Timing`. */
  #asked: number | undefined = undefined;
  #connected: number | undefined = undefined;
  #answered: number | undefined = undefined;
  #downloaded: number | undefined = undefined;
  readonly #all: Visiting;
  readonly #since: Remembered;
  /** When the run began, of `now()`: what its times are told from. */
  readonly #run: number;

  /** The taker of `source` hands its host's permit over with it. */
  constructor(source: Source, all: Visiting, since: Remembered = {}, run: number = now()) {
    this.source = source;
    this.begun = now();
    this.#host = source.host;
    this.#at = all.world.wallClock();
    this.#all = all;
    this.#since = since;
    this.#run = run;
  }

  /** Bytes of body so far. */
  get bytes(): number {
    return this.#bytes;
  }

  set bytes(bytes: number) {
    this.#all.progress.bytes += bytes - this.#bytes;
    this.#bytes = bytes;
  }

  /** Works the source out, and keeps `document` only as long as `onDocument` runs. Throws nothing. */
  *run(onDocument?: (document: Document, source: Source) => void): Coroutine<Ended> {
    try {
      const fetched = yield* this.fetch();
      const { document } = fetched;
      if (document === undefined) return this.#unchanged(fetched);
      const { terms, top, recorded } = this.#all;
      const articles: NewArticle[] = [];
      const counted = tally(document, terms, top, recorded ? remembering(fetched, document, articles) : undefined);
      onDocument?.(document, this.source);
      return this.#done(fetched, document, counted, articles);
    } catch (error) {
      return this.#failed(error);
    } finally {
      this.#all.progress.waited += this.waited;
    }
  }

  /**
   * Asks for the source and reads what comes. A switch point.
   *
   * @throws {SourceError} for whatever goes wrong.
   */
  *fetch(): Coroutine<Fetched> {
    const all = this.#all;
    try {
      const { timedOut, value } = yield* moveOnAfter(all.timeout, this.#download(), { name: this.source.url });
      if (timedOut) throw this.#late();
      this.stage = "counting";
      return this.#read(value);
    } finally {
      if (this.#host !== undefined) all.frontier.leave(this.#host);
      this.#host = undefined;
    }
  }

  #read(download: Download): Fetched {
    const { url, status, body, contentType, contentLanguage, at, fresh } = download;
    const cut = body?.cut ?? false;
    const document =
      body === undefined ? undefined : readDocument(body.bytes, { url, cut, contentType, contentLanguage });
    const hints = document?.hints ?? this.#since.hints ?? {};
    return {
      source: this.source,
      url,
      status,
      document,
      cut,
      validators: document?.complete === false ? undefined : download.validators,
      hints,
      due: dueAfterAnswer({ now: at, hints, fresh, retryAfter: download.retryAfter }, this.#all.pace),
      redirects: this.redirects,
      movedTo: this.#movedTo,
      tries: this.tries,
      bytes: this.#bytes,
    };
  }

  *#download(): Coroutine<Download> {
    const { tries, world, progress, timeout } = this.#all;
    for (;;) {
      this.tries++;
      this.#forgetTimes();
      let error: SourceError;
      try {
        return yield* this.#follow();
      } catch (thrown) {
        if (!(thrown instanceof SourceError)) throw thrown;
        error = thrown;
      }
      if (!error.retryable || this.tries >= tries) throw error;
      const left = this.begun + timeout - now();
      const drawn = backOff(this.tries, (n) => world.choose("back-off", n, this.source.url));
      if (error.retryAfter !== undefined && error.retryAfter >= left) {
        const asked = `${error.message}, and asks to wait ${duration(error.retryAfter)}: more than is left of ${duration(timeout)}`;
        throw new SourceError("asked-to-wait", asked, { cause: error.cause, retryAfter: error.retryAfter });
      }
      const pause = Math.max(drawn, error.retryAfter ?? 0);
      if (pause >= left) throw error;
      this.#lastError = error;
      this.stage = "backing off";
      progress.backingOff++;
      const begun = now();
      try {
        yield* sleep(pause);
      } finally {
        progress.backingOff--;
        this.waited += now() - begun;
      }
    }
  }

  /** One try: the address, and wherever it leads. */
  *#follow(): Coroutine<Download> {
    const { fetch, frontier, bodyLimit, redirects, userAgent } = this.#all;
    const way = [this.source.url];
    let { validators } = this.#since;
    this.redirects = [];
    this.#movedTo = undefined;
    for (;;) {
      const url = way.at(-1) as string;
      const { host } = new URL(url);
      yield* this.#moveTo(host);
      this.stage = "asking";
      this.#asked ??= now();
      // A connection is kept only where somebody will use it again: ten thousand hosts would be as many idle sockets.
      const keepAlive = frontier.hasMore(host);
      const conditional = conditions(validators, url);
      const headers = { accept: ACCEPT, "user-agent": userAgent, ...conditional };
      const response = yield* ask(fetch, url, { headers, keepAlive, redirect: "manual" }, this);
      this.#status = response.status;
      this.#answered = now();
      this.#connected = response.timing?.reused === false ? response.timing.connected : undefined;
      const location = REDIRECTS.has(response.status) ? (response.headers.get("location") ?? null) : null;
      if (location !== null) {
        response.close();
        this.#redirect(way, location, FOR_GOOD.has(response.status), redirects);
        continue;
      }
      if (response.status === 304) {
        response.close();
        if (validators === undefined || Object.keys(conditional).length === 0) {
          const says = `${host} answers that nothing has changed (HTTP 304), and was not asked since when`;
          throw new SourceError("status", says);
        }
        if (isOfAnother(response.headers, validators)) {
          validators = undefined;
          continue;
        }
        return this.#got(url, response, undefined, confirmed(response.headers, validators));
      }
      if (response.status < 200 || response.status > 299) {
        response.close();
        throw this.#refused(response, host);
      }
      this.stage = "reading";
      const body = yield* readBody(response, url, bodyLimit, this);
      // Validators of anything but a 200 are of a part, or of what somebody on the way has made of it.
      return this.#got(url, response, body, response.status === 200 ? validatorsOf(response.headers, url) : undefined);
    }
  }

  /** Adds to the way where it leads next. */
  #redirect(way: string[], location: string, permanent: boolean, most: number): void {
    const next = destination(location, way.at(-1) as string);
    if (way.includes(next)) throw new SourceError("redirect", `redirected in a circle: ${[...way, next].join(" → ")}`);
    if (way.length > most)
      throw new SourceError("redirect", `redirected more than ${most} times: ${way[0]} → … → ${next}`);
    // For good only as long as every step was: what stands behind one for now may be elsewhere tomorrow.
    if (permanent && (way.length === 1 || this.#movedTo === way.at(-1))) this.#movedTo = own(next);
    way.push(next);
    this.redirects.push(own(next));
  }

  #refused(response: Answer, host: string): SourceError {
    const says = `HTTP ${response.status}${response.reason === "" ? "" : ` ${response.reason}`}`;
    return new SourceError("status", `${host} answers ${says}`, {
      retryable: isPassing(response.status),
      ...asked(this.#retryAfter(response)),
    });
  }

  #got(url: string, answer: Answer, body: Download["body"], validators: Validators | undefined): Download {
    this.#downloaded = now();
    const at = this.#all.world.wallClock() - (this.#downloaded - (this.#answered ?? this.#downloaded));
    const { headers, status } = answer;
    return {
      url,
      status,
      body,
      validators,
      contentType: headers.get("content-type") ?? null,
      contentLanguage: headers.get("content-language") ?? null,
      at,
      fresh: freshFor(headers, at),
      retryAfter: this.#retryAfter(answer),
    };
  }

  #retryAfter({ headers }: Answer): number | undefined {
    return retryAfter(headers.get("retry-after"), this.#all.world.wallClock());
  }

  /** Changes the permit held from one host's to another's. Never holds two: two visits could wait for each other. */
  *#moveTo(host: string): Coroutine<void> {
    if (host === this.#host) return;
    if (this.#host !== undefined) this.#all.frontier.leave(this.#host);
    this.#host = undefined;
    this.stage = "waiting for its turn";
    const begun = now();
    try {
      yield* this.#all.frontier.enter(host);
      this.#host = host;
    } finally {
      this.waited += now() - begun;
    }
  }

  #late(): SourceError {
    const within = duration(this.#all.timeout);
    const again = this.tries > 1 ? ` (try ${this.tries})` : "";
    const said: Record<Stage, string> = {
      asking: `no answer within ${within}${again}`,
      reading: `not at its end after ${within}${again}: ${this.#bytes} bytes had come`,
      "backing off": `no success within ${within}`,
      "waiting for its turn": `no turn at its host within ${within}`,
      counting: `not read within ${within}`,
      storing: `not stored within ${within}`,
    };
    return new SourceError("timeout", said[this.stage], { cause: this.#lastError });
  }

  /** A try begins: its times, not those of the one before. */
  #forgetTimes(): void {
    this.#status = undefined;
    this.#asked = this.#connected = this.#answered = this.#downloaded = undefined;
  }

  #timing(): Timing {
    const since = (at: number): number => at - this.#run;
    const at = now();
    return {
      begun: since(this.begun),
      asked: since(this.#asked ?? at),
      ...(this.#connected === undefined ? {} : { connected: since(this.#connected) }),
      ...(this.#answered === undefined ? {} : { answered: since(this.#answered) }),
      ...(this.#downloaded === undefined ? {} : { downloaded: since(this.#downloaded) }),
      ended: since(at),
    };
  }

  #attempted(due: number): Attempted {
    return {
      source: this.source,
      ...(this.#status === undefined ? {} : { status: this.#status }),
      tries: this.tries,
      redirects: this.redirects,
      ...(this.#movedTo === undefined ? {} : { movedTo: this.#movedTo }),
      bytes: this.#bytes,
      elapsed: now() - this.begun,
      waited: this.waited,
      timing: this.#timing(),
      due,
    };
  }

  #ended(outcome: Outcome, result: FetchResult): Ended {
    const { source, tries, timing, bytes, due } = outcome;
    return {
      outcome,
      record: this.#all.recorded ? { source, at: this.#at, due, bytes, tries, timing, result } : undefined,
    };
  }

  #done(fetched: Fetched, document: Document, counted: Tally, articles: readonly NewArticle[]): Ended {
    const { validators, cut, hints, status } = fetched;
    const { kind, charset } = document;
    const title = document.title === undefined ? undefined : own(document.title.slice(0, LONGEST_TITLE));
    const language = document.language === undefined ? undefined : own(document.language.slice(0, 35));
    const notes = [...document.notes];
    if (cut) notes.unshift(`cut off after ${this.#all.bodyLimit} bytes`);
    if (fetched.movedTo !== undefined) notes.push(`it has moved for good to ${fetched.movedTo}`);
    const outcome: Outcome = {
      ...this.#attempted(fetched.due),
      ok: true,
      state: "done",
      kind,
      title,
      language,
      charset,
      ...counted,
      cut,
      notes,
    };
    return this.#ended(outcome, {
      state: "done",
      status,
      etag: validators?.etag,
      lastModified: validators?.lastModified,
      kind,
      title,
      language,
      charset,
      notes,
      articles,
      hints: hintsToKeep(hints, validators, this.source.url),
    });
  }

  #unchanged({ due, validators }: Fetched): Ended {
    const { etag, lastModified } = validators ?? {};
    return this.#ended(
      { ...this.#attempted(due), ok: true, state: "unchanged", latest: undefined },
      {
        state: "unchanged",
        status: 304,
        ...(etag === undefined ? {} : { etag }),
        ...(lastModified === undefined ? {} : { lastModified }),
      },
    );
  }

  #failed(error: unknown): Ended {
    const { world, pace } = this.#all;
    const { hints = {}, failures = 0 } = this.#since;
    const status = this.#status;
    const facts = {
      now: world.wallClock(),
      hints,
      failures: failures + 1,
      status,
      retryAfter: error instanceof SourceError ? error.retryAfter : undefined,
    };
    const due = dueAfterFailure(facts, (n) => world.choose("due", n, this.source.url), pace);
    const failure = failureOf(error);
    return this.#ended(
      { ...this.#attempted(due), ok: false, state: "failed", failure },
      { state: "failed", ...(status === undefined ? {} : { status }), failure },
    );
  }
}

/** Makes of each article what is to be remembered of it. */
function remembering({ url: base }: Fetched, { language }: Document, into: NewArticle[]): ArticleSink {
  return (article, words) => {
    const { id, title, text, published } = article;
    into.push({ url: linkOf(article, base), id, title, text, language, published, words });
  };
}

/** Where an article is to be read; an identifier that only looks like an address (`tag:`, `urn:`) is none. */
function linkOf({ link }: Article, base: string): string | undefined {
  const url = link === undefined ? null : URL.parse(link, base);
  return url !== null && (url.protocol === "http:" || url.protocol === "https:") ? url.href : undefined;
}

/** A title is for a column of a table; what is longer is a mistake in the document. */
const LONGEST_TITLE = 200;

/** What is read, best first. */
export const ACCEPT =
  "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, text/html;q=0.8, */*;q=0.5";

function asked(wait: number | undefined): { retryAfter?: number } {
  return wait === undefined ? {} : { retryAfter: wait };
}

/** Where a redirect leads, without its fragment. */
export function destination(location: string, from: string): string {
  const url = URL.parse(location, from);
  if (url === null)
    throw new SourceError("redirect", `redirected to what is no URL: ${JSON.stringify(location.slice(0, 200))}`);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new SourceError("redirect", `redirected to ${url.protocol}, and only http and https can be downloaded`);
  }
  url.hash = "";
  return url.href;
}

/** A time as a person says it: `300 ms`, `15 s`, `2 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 100) / 10} s`;
  return `${Math.round(ms / 60_000)} min`;
}
