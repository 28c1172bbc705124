// The robots.txt of many hosts: each asked for when it is needed, once, and kept for a day (RFC 9309, sections 2.3 and 2.4).
//
// Who needs one and finds it missing fetches it, holding the host's lock, in the middle of its own work. Whoever comes
// meanwhile waits for the lock and finds the answer. So there is no task of the keeper's own: when the one that asks is
// cancelled its request goes with it, and the next in line makes its own.

import { type Coroutine, Lock, now } from "rondo";
import { failureOf, SourceError } from "../failure.ts";
import { type Got } from "./get.ts";
import { ROBOTS_LIMIT } from "./lines.ts";
import { parseRobots, productToken, type Robots } from "./robots.ts";

/** How to keep them. */
export interface RobotsKeeperOptions {
  /** Who asks: what the requests are sent with, and the rules are looked up by. Default: `rondo-news`. */
  readonly userAgent?: string;
  /** How long a file is good for, in ms. Default and at most 24 hours, which is the RFC's limit. */
  readonly maxAge?: number;
  /** After how long a host that could not be asked is asked again, in ms. Default: 10 minutes. */
  readonly again?: number;
  /** Of how many hosts the rules are kept; those not used for longest are forgotten first. Default: 2,000. */
  readonly hosts?: number;
}

/** Whether an address may be asked for. */
export interface RobotsVerdict {
  readonly allowed: boolean;
  /** Why it may not: a sentence without a final stop. */
  readonly why?: string;
  /** It may not be asked for now and perhaps later: the rules could not be had. */
  readonly passing: boolean;
  /** How long the host asks to wait between two requests, in ms. */
  readonly delay: number | undefined;
}

/** Makes a request, as {@link RobotsKeeper.ask} needs it: redirects are not followed, and `limit` bytes are read. */
export type RobotsGet = (url: string, limit: number) => Coroutine<Got>;

/** What is known of a host: its rules, or that it has none, or why nobody knows. */
type Rules =
  | { readonly robots: Robots }
  | { readonly robots: undefined; readonly allowed: true }
  | { readonly robots: undefined; readonly allowed: false; readonly why: string };

interface Kept {
  readonly lock: Lock;
  rules: Rules | undefined;
  /** Until when the rules hold without being asked for, on the loop's clock. */
  until: number;
  users: number;
}

const DAY = 24 * 60 * 60 * 1000;
/** As many redirects as RFC 9309, section 2.3.1.2, wants followed. */
const REDIRECTS = 5;

/**
 * Keeps the rules of hosts, where a host is a scheme, a name and a port.
 *
 * A 4xx means that there are no rules, and so do redirects that lead nowhere; but a 429 does not, which only asks to come back
 * later. After a 5xx, or where no answer comes, nothing is allowed for now, unless rules of an earlier day are known.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { fromWebFetch, getWith, RobotsKeeper } from "@rondo/crawl";
 *
 * const fetch = fromWebFetch(async () => new Response("User-agent: *\nDisallow: /private/"));
 * const keeper = new RobotsKeeper({ userAgent: "rondo-news" });
 * await run(function* () {
 *   const { allowed, why } = yield* keeper.ask("https://a.example/private/1", getWith(fetch, "rondo-news"));
 *   console.log(allowed, why); // prints: false robots.txt of a.example forbids it (line 2: Disallow: /private/)
 * });
 * ```
 */
export class RobotsKeeper {
  readonly userAgent: string;
  readonly #token: string;
  readonly #maxAge: number;
  readonly #again: number;
  readonly #most: number;
  readonly #hosts = new Map<string, Kept>();

  constructor(options: RobotsKeeperOptions = {}) {
    this.userAgent = options.userAgent ?? "rondo-news";
    this.#token = productToken(this.userAgent) ?? "*";
    this.#maxAge = Math.min(options.maxAge ?? DAY, DAY);
    this.#again = options.again ?? 10 * 60 * 1000;
    this.#most = options.hosts ?? 2000;
  }

  /** Of how many hosts something is known, or being asked. */
  get size(): number {
    return this.#hosts.size;
  }

  /**
   * Whether an address may be asked for. A switch point where its host has to be asked first.
   *
   * @param url of scheme `http:` or `https:`.
   * @param get makes the request, if one is needed. What it throws other than a `SourceError` is thrown to this asker only.
   * @throws {SourceError} of kind `private`, where the host's address is one and that is not allowed.
   */
  *ask(url: string, get: RobotsGet): Coroutine<RobotsVerdict> {
    const { origin } = new URL(url);
    const kept = this.#kept(origin);
    if (kept.until <= now()) {
      kept.users++;
      try {
        using _held = yield* kept.lock.hold();
        if (kept.until <= now()) yield* this.#renew(kept, origin, get);
      } finally {
        kept.users--;
      }
    }
    return this.#verdict(kept.rules as Rules, url);
  }

  *#renew(kept: Kept, origin: string, get: RobotsGet): Coroutine<void> {
    const rules = yield* rulesOf(origin, get);
    if (rules.robots === undefined && !rules.allowed) {
      // RFC 9309, section 2.4: rules that are too old are better than none while the host cannot be asked.
      if (kept.rules?.robots === undefined) kept.rules = rules;
      kept.until = now() + this.#again;
    } else {
      kept.rules = rules;
      kept.until = now() + this.#maxAge;
    }
  }

  #verdict(rules: Rules, url: string): RobotsVerdict {
    const { robots } = rules;
    if (robots === undefined) {
      const delay = undefined;
      return rules.allowed
        ? { allowed: true, passing: false, delay }
        : { allowed: false, passing: true, delay, why: rules.why };
    }
    const delay = robots.crawlDelay(this.#token);
    const rule = robots.ruleFor(this.#token, url);
    if (rule === undefined || rule.allow) return { allowed: true, passing: false, delay };
    const says = `line ${rule.line}: Disallow: ${rule.path.slice(0, 100)}`;
    return { allowed: false, passing: false, delay, why: `robots.txt of ${new URL(url).host} forbids it (${says})` };
  }

  #kept(origin: string): Kept {
    let kept = this.#hosts.get(origin);
    if (kept === undefined) {
      if (this.#hosts.size >= this.#most) this.#forget();
      kept = { lock: new Lock({ name: `robots.txt of ${origin}` }), rules: undefined, until: -Infinity, users: 0 };
    } else {
      this.#hosts.delete(origin);
    }
    // A map keeps the order in which keys were added, so the first one is the one not used for longest.
    this.#hosts.set(origin, kept);
    return kept;
  }

  #forget(): void {
    for (const [origin, { users }] of this.#hosts) {
      if (users > 0) continue;
      this.#hosts.delete(origin);
      return;
    }
  }
}

function* rulesOf(origin: string, get: RobotsGet): Coroutine<Rules> {
  const { host } = new URL(origin);
  let url = `${origin}/robots.txt`;
  try {
    for (let redirects = 0; redirects <= REDIRECTS; redirects++) {
      // One byte more than is read, which tells that there is more.
      const { status, location, bytes } = yield* get(url, ROBOTS_LIMIT + 1);
      if (status >= 200 && status <= 299) return { robots: parseRobots(bytes) };
      if (status >= 500 || status === 429) return unknown(`${host} answers HTTP ${status} for its robots.txt`);
      const next = location === undefined ? null : URL.parse(location, url);
      if (next === null || !/^https?:$/.test(next.protocol)) return { robots: undefined, allowed: true };
      next.hash = "";
      url = next.href;
    }
    return { robots: undefined, allowed: true };
  } catch (error) {
    // An address that is refused here is refused for all that is asked of it, and it says so itself.
    if (!(error instanceof SourceError) || error.kind === "private") throw error;
    return unknown(`robots.txt of ${host} could not be had: ${failureOf(error).message}`);
  }
}

function unknown(why: string): Rules {
  return { robots: undefined, allowed: false, why };
}
