/**
 * Rate-limited calls: a function that waits its turn before it does what it does, with a bucket for each key (a host, a
 * customer, an API key) where one is asked for.
 *
 * It is `RateLimiter` and a table. A bucket that is full again is no different from a new one, so it is forgotten, and how
 * many are kept is bounded by how many keys were used in the time that a bucket takes to fill.
 */
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { RateLimiter } from "../sync/rate-limiter.ts";

/** What {@link rateLimit} allows. */
export interface RateLimitOptions<Args extends readonly unknown[]> {
  /** How many may go per interval. By default 1. */
  readonly count?: number | undefined;
  /** The interval, in ms. */
  readonly per: number;
  /** How many may go at once after a time of rest. By default `count`. */
  readonly burst?: number | undefined;
  /** What is counted by itself: each value that this gives (compared as in a `Map`) has a bucket of its own. By default there is one for all. */
  readonly key?: ((...args: Args) => unknown) | undefined;
  /** How many of its bucket's tokens a call takes, up to `burst`. By default 1. */
  readonly cost?: ((...args: Args) => number) | undefined;
  readonly name?: string | undefined;
}

/** What `limited.statistics()` gives. */
export interface RateLimitStatistics {
  /** Keys whose bucket is known: not full, or with somebody in line, as of the last time they were looked through. */
  readonly keys: number;
  readonly waiters: number;
}

/** A function that waits its turn; see {@link rateLimit}. */
export interface RateLimited<Args extends readonly unknown[], T> {
  (...args: Args): Operation<T>;
  /** Whether a call with these arguments would go at once. */
  isFree(...args: Args): boolean;
  statistics(): RateLimitStatistics;
}

/** So many buckets are kept before they are looked through the first time. */
const FEW = 64;

/**
 * Gives a function that does what `fn` does, but not more often than `count` times per `per` ms, `burst` at once; first come,
 * first served for each key. A call that is cancelled while it waits has used nothing up. A call is a switch point where it
 * must wait, and where `fn` is.
 *
 * Throws a `RangeError` as `RateLimiter` does where a number makes no sense, at once.
 *
 * @example
 * ```ts
 * import { all, now, run, VirtualHost } from "rondo";
 * import { rateLimit } from "rondo/net";
 *
 * function* get(host: string, path: string) {
 *   return `${now()} ${host}${path}`;
 * }
 * const polite = rateLimit(get, { per: 1000, key: (host) => host }); // one per second to each host
 * const pages = await run(() => all([polite("a", "/1"), polite("a", "/2"), polite("b", "/1")]), { host: new VirtualHost() });
 * console.log(pages); // prints: [ '0 a/1', '1000 a/2', '0 b/1' ]
 * ```
 */
export function rateLimit<Args extends readonly unknown[], T>(
  fn: (...args: Args) => Operation<T>,
  options: RateLimitOptions<Args>,
): RateLimited<Args, T> {
  if (typeof fn !== "function") throw new TypeError("rateLimit() takes a function that gives an operation");
  const { count = 1, per, burst, key, cost, name } = options;
  const fresh = (): RateLimiter => new RateLimiter(count, per, { burst, name });
  const buckets = new Map<unknown, RateLimiter>();
  // The numbers are checked here and not at the first call.
  let spare: RateLimiter | undefined = fresh();
  let enough = FEW;

  function forget(): void {
    // Where somebody is in line there are fewer than he needs.
    for (const [known, bucket] of buckets) if (bucket.statistics().available === bucket.burst) buckets.delete(known);
    // Looking through them costs what has been added since the last time, so nothing on the whole.
    enough = Math.max(FEW, buckets.size * 2);
  }

  function bucketOf(args: Args): RateLimiter {
    const which = key?.(...args);
    let bucket = buckets.get(which);
    if (bucket === undefined) {
      if (buckets.size >= enough) forget();
      bucket = spare ?? fresh();
      spare = undefined;
      buckets.set(which, bucket);
    }
    return bucket;
  }

  function* limited(...args: Args): Coroutine<T> {
    yield* bucketOf(args).acquire(cost?.(...args));
    return yield* fn(...args);
  }

  return Object.assign(limited, {
    isFree(...args: Args): boolean {
      const bucket = buckets.get(key?.(...args));
      if (bucket === undefined) return true;
      const { available, waiters } = bucket.statistics();
      return waiters === 0 && available >= (cost?.(...args) ?? 1);
    },
    statistics(): RateLimitStatistics {
      let waiters = 0;
      for (const bucket of buckets.values()) waiters += bucket.statistics().waiters;
      return { keys: buckets.size, waiters };
    },
  });
}
