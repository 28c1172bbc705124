// One source from its first request to its outcome: redirects followed by hand, failures that pass tried again, all of
// it within one deadline.
//
// The deadline is the source's, not the try's: a caller who says 15 seconds means that. So a wait that would end beyond
// it, whether back-off or Retry-After, is not begun, and the failure says so at once.

import { type Coroutine, type Host, moveOnAfter, now, sleep } from "rondo";
import { type Document, readDocument } from "./document.ts";
import { ask, type Fetch, readBody } from "./exchange.ts";
import { failureOf, SourceError } from "./failure.ts";
import type { Frontier } from "./frontier.ts";
import type { Outcome } from "./outcome.ts";
import type { Progress } from "./progress.ts";
import { backOff, isPassing, retryAfter } from "./retry.ts";
import type { Source } from "./source.ts";
import { type Tally, tally } from "./tally.ts";
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
}

/** What a visit is doing: what a deadline's message says it interrupted. */
export type Stage = "asking" | "reading" | "backing off" | "waiting for its turn" | "counting";

/** What was downloaded. */
interface Download {
  readonly url: string;
  readonly contentType: string | null;
  readonly contentLanguage: string | null;
  readonly bytes: Uint8Array;
  readonly cut: boolean;
}

/** Statuses that say: elsewhere. */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

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
  readonly #all: Visiting;

  /** The taker of `source` hands its host's permit over with it. */
  constructor(source: Source, all: Visiting) {
    this.source = source;
    this.begun = now();
    this.#host = source.host;
    this.#all = all;
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
  *run(onDocument?: (document: Document, source: Source) => void): Coroutine<Outcome> {
    try {
      const all = this.#all;
      const download = yield* moveOnAfter(all.timeout, this.#download(), { name: this.source.url });
      if (download.timedOut) throw this.#late();
      this.stage = "counting";
      const { url, bytes, cut, contentType, contentLanguage } = download.value;
      const document = readDocument(bytes, { url, cut, contentType, contentLanguage });
      const counted = tally(document, all.terms, all.top);
      onDocument?.(document, this.source);
      return this.#done(document, counted, cut);
    } catch (error) {
      return { ...this.#attempted(), ok: false, failure: failureOf(error) };
    } finally {
      if (this.#host !== undefined) this.#all.frontier.leave(this.#host);
      this.#all.progress.waited += this.waited;
    }
  }

  *#download(): Coroutine<Download> {
    const { tries, world, progress, timeout } = this.#all;
    for (;;) {
      this.tries++;
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
        throw new SourceError("asked-to-wait", asked, { cause: error.cause });
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
    const { fetch, frontier, bodyLimit, redirects, userAgent, world } = this.#all;
    const way = [this.source.url];
    this.redirects = [];
    for (;;) {
      const url = way.at(-1) as string;
      const { host } = new URL(url);
      yield* this.#moveTo(host);
      this.stage = "asking";
      // A connection is kept only where somebody will use it again: ten thousand hosts would be as many idle sockets.
      const keepAlive = frontier.hasMore(host);
      const headers = { accept: ACCEPT, "user-agent": userAgent };
      const response = yield* ask(fetch, url, { headers, keepAlive, redirect: "manual" }, this);
      const location = REDIRECTS.has(response.status) ? (response.headers.get("location") ?? null) : null;
      if (location !== null) {
        response.close();
        const next = destination(location, url);
        if (way.includes(next))
          throw new SourceError("redirect", `redirected in a circle: ${[...way, next].join(" → ")}`);
        if (way.length > redirects) {
          throw new SourceError("redirect", `redirected more than ${redirects} times: ${way[0]} → … → ${next}`);
        }
        way.push(next);
        this.redirects.push(own(next));
        continue;
      }
      if (response.status < 200 || response.status > 299) {
        response.close();
        const says = `HTTP ${response.status}${response.reason === "" ? "" : ` ${response.reason}`}`;
        throw new SourceError("status", `${host} answers ${says}`, {
          retryable: isPassing(response.status),
          ...asked(retryAfter(response.headers.get("retry-after"), world.wallClock())),
        });
      }
      this.stage = "reading";
      const { bytes, cut } = yield* readBody(response, url, bodyLimit, this);
      const { headers: sent } = response;
      return {
        url,
        bytes,
        cut,
        contentType: sent.get("content-type") ?? null,
        contentLanguage: sent.get("content-language") ?? null,
      };
    }
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
    };
    return new SourceError("timeout", said[this.stage], { cause: this.#lastError });
  }

  #attempted(): Omit<Outcome, "ok" | "failure"> {
    return {
      source: this.source,
      tries: this.tries,
      redirects: this.redirects,
      bytes: this.#bytes,
      elapsed: now() - this.begun,
      waited: this.waited,
    };
  }

  #done(document: Document, counted: Tally, cut: boolean): Outcome {
    const { kind, title, language, charset, notes } = document;
    const limit = this.#all.bodyLimit;
    return {
      ...this.#attempted(),
      ok: true,
      kind,
      title: title === undefined ? undefined : own(title.slice(0, LONGEST_TITLE)),
      language: language === undefined ? undefined : own(language.slice(0, 35)),
      charset,
      ...counted,
      cut,
      notes: cut ? [`cut off after ${limit} bytes`, ...notes] : notes,
    };
  }
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
