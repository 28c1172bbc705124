// How sources are asked, with what holds where nothing was said, and what all visits of a run share made from it.

import { type Client, openClient } from "@rondo/http";
import { type Coroutine, group, type Task } from "rondo";
import { whyPrivate } from "./address.ts";
import type { Fetch } from "./exchange.ts";
import type { Pace } from "./schedule/due.ts";
import type { Visiting } from "./visit.ts";

/** How a source is asked. Times in ms, sizes in bytes. */
export interface AskingOptions {
  /** For one source, all tries included, in ms. Default: 15,000. */
  readonly timeout?: number;
  /** How often a request is made at most when it meets what may pass. Default: 3. */
  readonly tries?: number;
  /** How many redirects are followed for a source. Default: 10. */
  readonly redirects?: number;
  /** How much of a body is read, in bytes; what is longer is marked as cut. Default: 5 MiB. */
  readonly bodyLimit?: number;
  readonly userAgent?: string;
  /**
   * Also asks what stands at a loopback, private or other special address. Default: `false`, since who trusts a list of
   * sources does not thereby trust whatever their names and redirects lead to. Each address is looked at when it is
   * connected to; a `fetch` of your own, and a proxy, do as they like.
   */
  readonly allowPrivate?: boolean;
  /** What makes the requests. Default: a client of `@rondo/http`, opened for the run. */
  readonly fetch?: Fetch;
  /** How often to ask who does not say it, and how often at most. */
  readonly pace?: Pace;
}

/** @throws {RangeError} for a number that makes no sense. */
export function checkAsking(options: AskingOptions): void {
  atLeast(1, "tries", options.tries);
  for (const name of ["redirects", "bodyLimit", "timeout"] as const) atLeast(0, name, options[name]);
  for (const name of ["usual", "minimum"] as const) atLeast(0, `pace.${name}`, options.pace?.[name]);
}

/** @throws {RangeError} for what cannot be a number of permits. */
export function checkPermits(options: { readonly concurrency?: number; readonly perHost?: number }): void {
  for (const name of ["concurrency", "perHost"] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isInteger(value) && value >= 1))
      throw new RangeError(`${name} is a whole number of 1 or more, not ${value}`);
  }
}

/** @throws {RangeError} */
export function atLeast(least: number, name: string, value: number | undefined): void {
  if (value !== undefined && !(value >= least)) throw new RangeError(`${name} is ${least} or more, not ${value}`);
}

/** What it takes to ask sources. */
export type Asking = Pick<
  Visiting,
  "fetch" | "world" | "timeout" | "tries" | "redirects" | "bodyLimit" | "userAgent" | "pace"
>;

/** Runs `body` in a group of its own, with what it takes to ask sources. A client is open as long as it runs. */
export function* asking<T>(options: AskingOptions, body: (asking: Asking) => Coroutine<T>): Coroutine<T> {
  return yield* group(function* (g) {
    // A task knows the loop it runs on, and through it the world whose chance and clock the visits go by.
    const task: Task<T> = g.spawn(() => begin(options, task.loop.host, body), { name: "news" });
    return yield* task;
  });
}

function* begin<T>(
  options: AskingOptions,
  world: Visiting["world"],
  body: (asking: Asking) => Coroutine<T>,
): Coroutine<T> {
  // Each visit has its own deadline, and none of them waits for another one's connection: its host's permit is that.
  const client =
    options.fetch === undefined
      ? openClient({
          timeout: Infinity,
          idleTimeout: Infinity,
          connectTimeout: Infinity,
          maxPerHost: Infinity,
          refuse: options.allowPrivate === true ? undefined : whyPrivate,
        })
      : undefined;
  return yield* body({
    fetch: options.fetch ?? ((url, init) => (client as Client).fetch(url, init)),
    world,
    timeout: options.timeout ?? 15_000,
    tries: options.tries ?? 3,
    redirects: options.redirects ?? 10,
    bodyLimit: options.bodyLimit ?? 5 * 1024 * 1024,
    userAgent: options.userAgent ?? "rondo-news",
    pace: options.pace ?? {},
  });
}
