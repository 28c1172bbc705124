/**
 * Properties: whatever is cancelled, and on whatever schedule, permits are neither lost nor made, nobody is inside who
 * should not be, and nobody is passed by who could go in. (bpo-45997, gh-90155, anyio #947, #1145, #1170, Effect #6638.)
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";

import { attempt, type Move, patience, plans, play, runs } from "../../tests/chaos.ts";
import {
  Condition,
  type Coroutine,
  Limiter,
  Lock,
  now,
  RateLimiter,
  RWLock,
  Semaphore,
  sleep,
  type Wait,
} from "../index.ts";

/** Holds something for the pause of a move, and gives it back whatever happens. */
function* holding(
  move: Move,
  acquire: () => Wait<void>,
  inside: { count: number },
  release: () => void,
): Coroutine<void> {
  if ((yield* attempt(move, acquire)) === undefined) return;
  inside.count++;
  try {
    if (move.what % 2 === 0) yield* sleep(move.pause);
  } finally {
    inside.count--;
    release();
  }
}

test("Semaphore: permits are conserved", patience, async () => {
  await fc.assert(
    fc.asyncProperty(plans, fc.integer({ min: 1, max: 4 }), async (plan, permits) => {
      const semaphore = new Semaphore(permits);
      const inside = { count: 0 };
      const look = (): void => {
        const { available, waiters } = semaphore.statistics();
        expect(inside.count).toBeLessThanOrEqual(permits);
        expect(inside.count + available).toBeLessThanOrEqual(permits);
        expect(available > 0 && waiters > 0, "a waiter was passed by").toBe(false);
      };
      await play(plan, {
        act: (move) =>
          holding(
            move,
            () => semaphore.acquire(),
            inside,
            () => semaphore.release(),
          ),
        look,
        end: () => expect(semaphore.statistics()).toEqual({ available: permits, permits, waiters: 0 }),
      });
    }),
    runs,
  );
});

test("Lock: one holder at most, and none at the end", patience, async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const lock = new Lock();
      const inside = { count: 0 };
      await play(plan, {
        act: (move) =>
          holding(
            move,
            () => lock.acquire(),
            inside,
            () => lock.release(),
          ),
        look() {
          expect(inside.count).toBeLessThanOrEqual(1);
          expect(lock.holder === null && lock.statistics().waiters > 0, "a waiter was passed by").toBe(false);
        },
        end: () => expect(lock.statistics()).toEqual({ holder: undefined, waiters: 0 }),
      });
    }),
    runs,
  );
});

test(
  "RWLock: readers or one writer, nobody at the end, and nobody kept out by one who has left",
  patience,
  async () => {
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const lock = new RWLock();
        const [reading, writing] = [{ count: 0 }, { count: 0 }];
        await play(plan, {
          act: (move) =>
            move.what < 3
              ? holding(
                  move,
                  () => lock.write(),
                  writing,
                  () => lock.release(),
                )
              : holding(
                  move,
                  () => lock.read(),
                  reading,
                  () => lock.release(),
                ),
          look() {
            expect(writing.count).toBeLessThanOrEqual(1);
            expect(writing.count > 0 && reading.count > 0).toBe(false);
            const { writer, readers, waitingReaders, waitingWriters } = lock.statistics();
            const free = writer === undefined && readers === 0;
            expect(free && waitingReaders + waitingWriters > 0, "somebody was passed by").toBe(false);
            expect(writer === undefined && waitingReaders > 0 && waitingWriters === 0, "a reader was passed by").toBe(
              false,
            );
          },
          end: () =>
            expect(lock.statistics()).toEqual({ writer: undefined, readers: 0, waitingReaders: 0, waitingWriters: 0 }),
        });
      }),
      runs,
    );
  },
);

test("Limiter: tokens are conserved while its size changes", patience, async () => {
  await fc.assert(
    fc.asyncProperty(plans, fc.array(fc.nat(4), { minLength: 1, maxLength: 10 }), async (plan, sizes) => {
      const limiter = new Limiter(sizes[0] as number);
      const inside = { count: 0 };
      let clock = 0;
      await play(plan, {
        act: (move) =>
          holding(
            move,
            () => limiter.acquire(),
            inside,
            () => limiter.release(),
          ),
        look() {
          const { borrowed, total, waiters } = limiter.statistics();
          expect(inside.count).toBeLessThanOrEqual(borrowed);
          expect(borrowed).toBeLessThanOrEqual(Math.max(...sizes));
          expect(borrowed < total && waiters > 0, "a waiter was passed by").toBe(false);
          limiter.total = sizes[++clock % sizes.length] as number;
          expect(inside.count).toBeLessThanOrEqual(Math.max(...sizes));
        },
        end: () => expect(limiter.statistics()).toMatchObject({ borrowed: 0, borrowers: [], waiters: 0 }),
      });
    }),
    runs,
  );
});

test(
  "RateLimiter: in no stretch of time more than its burst and what comes in it, and nobody waits for what is there",
  patience,
  async () => {
    await fc.assert(
      fc.asyncProperty(
        plans,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 4 }),
        async (plan, count, interval, burst) => {
          const limiter = new RateLimiter(count, interval, { burst });
          const gone: { at: number; tokens: number }[] = [];
          await play(plan, {
            *act(move): Coroutine<void> {
              const tokens = 1 + (move.what % burst);
              if (
                move.what === 7
                  ? limiter.tryAcquire()
                  : (yield* attempt(move, () => limiter.acquire(tokens))) !== undefined
              ) {
                gone.push({ at: now(), tokens: move.what === 7 ? 1 : tokens });
              }
            },
            look() {
              const { available, waiters } = limiter.statistics();
              // One that needs several may wait while fewer are there.
              expect(available >= burst && waiters > 0, "a waiter was passed by").toBe(false);
            },
            end() {
              for (const [i, first] of gone.entries()) {
                let tokens = 0;
                for (const { at, tokens: more } of gone.slice(i)) {
                  tokens += more;
                  expect(tokens).toBeLessThanOrEqual(burst + ((at - first.at) * count) / interval + 1e-6);
                }
              }
              expect(limiter.statistics().waiters).toBe(0);
            },
          });
        },
      ),
      runs,
    );
  },
);

test(
  "Condition: whoever goes on holds the lock, and every notification is heard by one who goes on, if any could",
  patience,
  async () => {
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const condition = new Condition();
        await play(plan, {
          *act(move, actor): Coroutine<void> {
            yield* condition.acquire();
            try {
              if (actor % 2 === 0) condition.notify(move.what % 4);
              else
                yield* attempt(move.how === "select" ? { ...move, how: "moveOn" } : move, () => waitAsWait(condition));
            } finally {
              condition.release(); // throws where it is not held
            }
          },
          look() {
            const { holder, lockWaiters } = condition.statistics();
            expect(holder === undefined && lockWaiters > 0, "a waiter was passed by").toBe(false);
          },
          end: () => expect(condition.statistics()).toEqual({ holder: undefined, waiters: 0, lockWaiters: 0 }),
        });
      }),
      runs,
    );
  },
);

/** `attempt` takes what `timeout` takes; that a condition's wait is no Wait matters to `select` alone. */
function waitAsWait(condition: Condition): Wait<void> {
  return condition.wait() as unknown as Wait<void>;
}
