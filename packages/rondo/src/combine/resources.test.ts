import fc from "fast-check";
import { expect, test } from "vitest";

import { virtually } from "../../tests/virtual.ts";
import {
  all,
  allSettled,
  any,
  type Coroutine,
  group,
  map,
  moveOnAfter,
  type Operation,
  race,
  scope,
  shield,
  sleep,
  timeout,
  VirtualHost,
} from "../index.ts";
import { loops } from "../loop/loop.ts";

/** A connection, or what a program is made of that gives one. */
type Plan =
  | { readonly kind: "connect"; readonly ms: number; readonly cleanup: number; readonly ends: "well" | "badly" }
  | { readonly kind: "race" | "any"; readonly of: readonly Plan[] }
  | {
      readonly kind: "timeout" | "moveOnAfter" | "scope" | "shield" | "group";
      readonly ms: number;
      readonly of: readonly Plan[];
    };

const { plan } = fc.letrec<{ plan: Plan }>((tie) => ({
  plan: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    fc.record({
      kind: fc.constant("connect" as const),
      ms: fc.nat(6),
      cleanup: fc.nat(3),
      ends: fc.constantFrom("well" as const, "well" as const, "badly" as const),
    }),
    fc.record({
      kind: fc.constantFrom("race" as const, "any" as const),
      of: fc.array(tie("plan"), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({
      kind: fc.constantFrom(
        "timeout" as const,
        "moveOnAfter" as const,
        "scope" as const,
        "shield" as const,
        "group" as const,
      ),
      ms: fc.nat(6),
      of: fc.array(tie("plan"), { minLength: 1, maxLength: 1 }),
    }),
  ),
}));

interface Connection extends Disposable {
  readonly isOpen: () => boolean;
}

class World {
  open = 0;
  working = 0;

  *connect(ms: number, cleanup: number, ends: string): Coroutine<Connection> {
    this.working++;
    try {
      if (ms > 0) yield* sleep(ms);
      if (ends === "badly") throw new Error("refused");
      return this.connection();
    } finally {
      if (cleanup > 0) yield* shield(sleep(cleanup));
      this.working--;
    }
  }

  connection(): Connection {
    let isOpen = true;
    this.open++;
    return {
      isOpen: () => isOpen,
      [Symbol.dispose]: () => {
        expect(isOpen).toBe(true); // once
        isOpen = false;
        this.open--;
      },
    };
  }

  build(what: Plan): Operation<Connection | undefined> {
    switch (what.kind) {
      case "connect":
        return this.connect(what.ms, what.cleanup, what.ends);
      case "race":
        return race(what.of.map((one) => () => this.build(one)));
      case "any":
        return any(what.of.map((one) => () => this.build(one)));
      default:
        return this.around(what.kind, what.ms, () => this.build(what.of[0] as Plan));
    }
  }

  private *around(
    kind: string,
    ms: number,
    body: () => Operation<Connection | undefined>,
  ): Coroutine<Connection | undefined> {
    if (kind === "timeout") return yield* timeout(ms, body);
    if (kind === "moveOnAfter") return (yield* moveOnAfter(ms, body)).value;
    if (kind === "scope") return (yield* scope(body)).value;
    if (kind === "shield") return yield* shield(body);
    return yield* group(body);
  }
}

/**
 * Only a frame that holds a connection when it is cancelled may lose it, as it may lose any other value: a coroutine that
 * waits for something else while it holds one has to say in a `finally` what becomes of it. These programs do not hold
 * and wait, so here every connection is either given to us or closed.
 */
test(
  "every connection that combinators make is given away or closed, once, on every schedule",
  { tags: ["long"] },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(plan, { minLength: 1, maxLength: 4 }),
        fc.constantFrom("all", "allSettled", "race", "any", "map", "cancelled"),
        fc.nat(8),
        fc.nat(100_000),
        async (plans, how, ms, seed) => {
          const world = new World();
          const host = new VirtualHost({ seed });
          const bodies = plans.map((one) => () => world.build(one));
          const given = await virtually(function* () {
            if (how === "all") return yield* all(bodies);
            if (how === "allSettled") {
              const ends = yield* allSettled(bodies);
              return ends.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
            }
            if (how === "race") return [yield* race(bodies)];
            if (how === "any") return [yield* any(bodies)];
            if (how === "map") return yield* map(bodies, (body) => body(), { concurrency: 2 });
            const raced = yield* moveOnAfter(ms, all(bodies));
            return raced.value ?? [];
          }, host).catch((error: unknown) => {
            expect(String(error)).toMatch(/refused|TimeoutError/);
            return [];
          });
          const connections = given.filter((one) => one !== undefined);
          expect(connections.every((one) => one?.isOpen())).toBe(true);
          expect([world.open, world.working]).toEqual([connections.length, 0]);
          expect(host.reports).toEqual([]);
          expect(loops.size).toBe(0);
        },
      ),
      { numRuns: 2000 },
    );
  },
);
