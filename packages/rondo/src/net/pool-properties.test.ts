/**
 * Properties of the pool: whatever is cancelled, fails, breaks or is cleared, and on whatever schedule, there are never more
 * than max, none is lost, none is used by two, and all are destroyed at the end.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";

import { attempt, patience, plans, play, runs } from "../../tests/chaos.ts";
import { type Connection, Ledger } from "../../tests/connections.ts";
import { BusyError, type Coroutine, moveOnAfter, sleep, TimeoutError } from "../index.ts";
import { type Pool, pool, PoolClearedError } from "./index.ts";

const times = fc.record({ connect: fc.nat({ max: 4 }), destroy: fc.nat({ max: 4 }), check: fc.nat({ max: 3 }) });

const settings = fc
  .record({
    max: fc.integer({ min: 1, max: 4 }),
    maxConnecting: fc.integer({ min: 1, max: 3 }),
    min: fc.nat({ max: 2 }),
    idle: fc.constantFrom(Infinity, 1, 3, 10),
    maxLifetime: fc.constantFrom(Infinity, 2, 20),
    waitTimeout: fc.constantFrom(Infinity, 1, 3, 10),
    maxWaiting: fc.constantFrom(Infinity, 0, 1, 3),
    checkAfter: fc.constantFrom(0, 2),
    checked: fc.boolean(),
    times,
    /** One in so many is refused by the server. */
    refuses: fc.constantFrom(Infinity, 1, 2, 5),
    /** One in so many has broken while it was idle. */
    breaks: fc.constantFrom(Infinity, 2, 5),
  })
  .filter(({ min, max }) => min <= max);

/** What may happen to those who ask. */
function expected(error: unknown): boolean {
  return (
    error instanceof TimeoutError ||
    error instanceof BusyError ||
    error instanceof PoolClearedError ||
    String(error) === "Error: refused" ||
    String(error) === "Error: my own"
  );
}

test("never more than max, none lost, none used by two, all destroyed at the end", patience, async () => {
  await fc.assert(
    fc.asyncProperty(plans, settings, async (plan, { times, checked, refuses, breaks, ...given }) => {
      const ledger = new Ledger();
      Object.assign(ledger, { connectTime: times.connect, destroyTime: times.destroy, checkTime: times.check });
      let connects = 0;
      ledger.fails = () => ++connects % refuses === 0;
      let checks = 0;
      let p!: Pool<Connection>;

      function* use(lease: { readonly connection: Connection }, ms: number): Coroutine<void> {
        ledger.begin(lease.connection);
        try {
          yield* sleep(ms);
        } finally {
          ledger.end(lease.connection);
        }
      }

      await play(plan, {
        *begin() {
          p = yield* pool({
            create: () => ledger.connect(),
            destroy: (connection) => ledger.destroy(connection),
            ...(checked
              ? {
                  *check(connection: Connection) {
                    connection.good = ++checks % breaks !== 0;
                    return yield* ledger.check(connection);
                  },
                }
              : {}),
            ...given,
          });
        },
        *act(move) {
          try {
            if (move.what === 7) {
              p.clear(undefined, { pause: move.pause === 0, interrupt: false });
              yield* sleep(move.patience);
              p.ready();
            } else if (move.what >= 5) {
              yield* moveOnAfter(move.patience, () =>
                p.with(function* (_, lease) {
                  yield* use(lease, move.pause);
                  if (move.what === 6) throw new Error("my own");
                }),
              );
            } else {
              const got = yield* attempt(move, () => p.acquire());
              if (got === undefined) return;
              const lease = got.value;
              try {
                yield* use(lease, move.pause);
              } finally {
                if (move.what === 4) lease.broken();
                else if (move.what === 3) lease.suspect();
                else lease.release();
              }
            }
          } catch (error) {
            if (!expected(error)) throw error;
          }
        },
        look() {
          const now = p.statistics();
          expect(ledger.live, "more than the pool knows of").toBeLessThanOrEqual(now.total);
          expect(now.total).toBeLessThanOrEqual(given.max);
          expect(now.leaving).toBeGreaterThanOrEqual(0);
          const { waiters, connecting, checking } = now;
          if (now.state !== "ready" || waiters === 0) return;
          expect(checked ? 0 : now.idle, "somebody waits beside an idle connection").toBe(0);
          const room = now.total < given.max && connecting < given.maxConnecting;
          expect(room && connecting + checking < waiters, "somebody waits, and nothing is under way").toBe(false);
        },
        end() {
          p.ready();
          const now = p.statistics();
          expect(now).toMatchObject({ lent: 0, waiters: 0 });
          expect(ledger.made.filter((one) => one.inUse)).toEqual([]);
        },
      });
      expect(ledger.complaints).toEqual([]);
      expect(ledger.most).toBeLessThanOrEqual(given.max);
      expect(ledger.mostConnecting).toBeLessThanOrEqual(given.maxConnecting);
      expect(ledger.live, "left alive").toBe(0);
      expect(ledger.made.filter((one) => one.open)).toEqual([]);
      expect(p.statistics()).toMatchObject({ total: 0, lent: 0, created: ledger.made.length });
      expect(p.statistics().destroyed).toBe(ledger.made.length);
    }),
    runs,
  );
});
