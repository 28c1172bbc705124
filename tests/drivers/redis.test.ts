// The driver `ioredis` on a real Redis, from coroutines.
import { join } from "node:path";

import type { Redis } from "ioredis";
import { type Coroutine, group, moveOnAfter, race, run, sleep, type Task, timeout, until } from "rondo";
import { afterAll, describe, expect, test } from "vitest";

import { leavesNothing } from "../../packages/rondo/tests/leaks.ts";
import { pop, redis, subscribe } from "./redis.ts";
import { Missing, startRedis } from "./servers.ts";

const server = await startRedis();

if (server instanceof Missing) {
  test("Redis from coroutines", ({ skip }) => skip(server.reason));
} else {
  describe("Redis from coroutines", { timeout: 20_000 }, () => {
    const path = join(server.folder, "redis.sock");
    afterAll(() => server.remove());

    /** Until so many connections stand in a blocking command. */
    function* blocked(control: Redis, count: number): Coroutine<void> {
      for (;;) {
        const info = yield* until(control.info("clients"));
        if (info.includes(`blocked_clients:${count}\r`)) return;
      }
    }

    test("what is set can be got, and what is cancelled leaves nothing", async () => {
      await leavesNothing(() =>
        run(function* () {
          const client = yield* redis(path);
          yield* until(client.set("greeting", "hello"));
          expect(yield* until(client.get("greeting"))).toBe("hello");
          yield* moveOnAfter(0, until(client.get("greeting")));
          expect(yield* until(client.get("greeting"))).toBe("hello");
        }),
      );
    });

    test("what is published comes as a flow, in order, from the moment of subscribing", async () => {
      await leavesNothing(() =>
        run(function* () {
          const client = yield* redis(path);
          const subscriber = yield* redis(path);
          const heard = yield* group(function* (g) {
            const news = yield* subscribe(subscriber, "news");
            g.spawn(function* () {
              yield* until(client.publish("other", "not this one"));
              for (const what of ["one", "two", "three"]) yield* until(client.publish("news", what));
            });
            return yield* news.take(3).toArray();
          });
          expect(heard).toEqual(["one", "two", "three"]);
          // The scope in which it listened has ended.
          expect(yield* until(client.publish("news", "nobody"))).toBe(0);
        }),
      );
    });

    test("a blocking pop that is cancelled ends in the server, and its connection is good for another one", async () => {
      await leavesNothing(() =>
        run(() =>
          group(function* (g) {
            const [blocking, control] = [yield* redis(path), yield* redis(path)];
            const task = g.spawn(() => pop(blocking, control, "empty"));
            yield* blocked(control, 1);
            task.cancel();
            yield* task.ended();
            expect(task.state).toBe("cancelled");
            yield* blocked(control, 0);
            yield* until(control.rpush("empty", "later"));
            expect(yield* pop(blocking, control, "empty")).toBe("later");
          }),
        ),
      );
    });

    test("whenever a pop is cancelled, no item is lost, and none comes twice", async () => {
      await leavesNothing(() =>
        run(() =>
          group(function* (g) {
            const [blocking, control, producer] = [yield* redis(path), yield* redis(path), yield* redis(path)];
            const total = 300;
            const got: string[] = [];
            g.spawn(function* () {
              for (let i = 0; i < total; i++) {
                yield* until(producer.rpush("jobs", String(i)));
                if (i % 3 === 0) yield* sleep(0);
              }
            });
            let cut = 0;
            for (let i = 0; got.length < total; i++) {
              // The moment falls before, beside and after the answer.
              const outcome = yield* moveOnAfter(i % 3 === 0 ? 0 : 0.1 * (i % 17), function* () {
                got.push(yield* pop(blocking, control, "jobs"));
              });
              if (outcome.timedOut) cut++;
              // Not after the last item: nothing would come any more.
              if (i % 5 === 0 && got.length < total) got.push(yield* pop(blocking, control, "jobs"));
            }
            expect(got).toEqual(Array.from({ length: total }, (_, i) => String(i)));
            expect(cut).toBeGreaterThan(0);
          }),
        ),
      );
    });

    test("the loser of a race has taken no item", async () => {
      await leavesNothing(() =>
        run(function* () {
          const [one, two, control] = [yield* redis(path), yield* redis(path), yield* redis(path)];
          yield* until(control.rpush("b", "item"));
          expect(yield* race({ a: pop(one, control, "a"), b: pop(two, control, "b") })).toBe("item");
          yield* until(control.rpush("a", "not taken"));
          expect(yield* until(control.lrange("a", 0, -1))).toEqual(["not taken"]);
        }),
      );
    });

    test("after a crash the driver connects again, and the flow of what is published goes on", async () => {
      await run(() =>
        group(function* (g) {
          const client = yield* redis(path);
          const subscriber = yield* redis(path);
          const news = yield* subscribe(subscriber, "news");
          yield* until(client.publish("news", "before"));
          expect(yield* news.next()).toBe("before");
          yield* until(server.crash());
          const asked: Task<string | null> = g.spawn(() => timeout(15_000, until(client.get("greeting"))));
          yield* until(server.restart());
          // Asked while nobody was there; the driver keeps it until somebody is. The crash has lost what was set.
          expect(yield* asked).toBe(null);
          // Until the subscriber is back nobody hears it.
          while ((yield* until(client.publish("news", "after"))) === 0);
          expect(yield* news.next()).toBe("after");
        }),
      );
    });
  });
}
