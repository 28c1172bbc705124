// The driver `pg` on a real PostgreSQL, from coroutines.
import { afterAll, describe, expect, test } from "vitest";
import type { Client, ClientConfig } from "pg";
import { allSettled, Barrier, group, moveOnAfter, run, sleep, until } from "rondo";

import { leavesNothing } from "../../packages/rondo/tests/leaks.ts";
import { connectionTo, database, listen, patiently, query, transaction } from "./postgres.ts";
import { Missing, startPostgres } from "./servers.ts";

const server = await startPostgres();

if (server instanceof Missing) {
  test("PostgreSQL from coroutines", ({ skip }) => skip(server.reason));
} else {
  describe("PostgreSQL from coroutines", { timeout: 20_000 }, () => {
    const config: ClientConfig = { host: server.folder, user: "rondo", database: "postgres" };
    afterAll(() => server.remove());

    test("a query gives its rows, and an error of the server is thrown where it was asked", async () => {
      await leavesNothing(() =>
        run(function* () {
          const db = yield* database(config, 2);
          const { rows } = yield* db.with((client) =>
            query<{ sum: number }>(client, "SELECT $1::int + 2 AS sum", [40]),
          );
          expect(rows).toEqual([{ sum: 42 }]);
          let said: unknown;
          try {
            yield* db.with((client) => query(client, "SELECT 1 / 0"));
          } catch (error) {
            said = error;
          }
          expect(String(said)).toBe("error: division by zero");
          // Its connection was checked and is kept.
          expect(yield* db.with((client) => one(client, "SELECT 'still there'"))).toBe("still there");
          expect(db.statistics()).toMatchObject({ created: 1, destroyed: 0 });
        }),
      );
    });

    test("many queries share few connections", async () => {
      await leavesNothing(() =>
        run(() =>
          group(function* (g) {
            const db = yield* database(config, 3);
            const tasks = Array.from({ length: 40 }, (_, i) =>
              g.spawn(() => db.with((client) => one(client, "SELECT $1::text", [String(i)]))),
            );
            for (const [i, task] of tasks.entries()) expect(yield* task).toBe(String(i));
            expect(db.statistics().created).toBeLessThanOrEqual(3);
          }),
        ),
      );
    });

    test("a transaction is a scope: committed at its end, rolled back by an error and by a cancellation", async () => {
      await leavesNothing(() =>
        run(function* () {
          const db = yield* database(config, 2);
          yield* db.with((client) => query(client, "CREATE TABLE ledger (entry text)"));
          const write = (client: Client, entry: string): ReturnType<typeof query> =>
            query(client, "INSERT INTO ledger VALUES ($1)", [entry]);

          using watch = yield* db.acquire();
          const open = "SELECT count(*)::int FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";

          yield* transaction(db, (client) => write(client, "committed"));
          try {
            yield* transaction(db, function* (client) {
              yield* write(client, "lost by an error");
              throw new Error("changed my mind");
            });
          } catch (error) {
            expect(String(error)).toBe("Error: changed my mind");
          }
          // Whoever has the error can rely on it: no lock is left that the next one would wait for.
          expect(yield* one(watch.connection, open)).toBe(0);
          const late = yield* moveOnAfter(50, () =>
            transaction(db, function* (client) {
              yield* write(client, "lost by a cancellation");
              yield* sleep(60_000);
            }),
          );
          expect(late.timedOut).toBe(true);
          expect(yield* one(watch.connection, open)).toBe(0);
          const { rows } = yield* db.with((client) => query<{ entry: string }>(client, "SELECT entry FROM ledger"));
          expect(rows).toEqual([{ entry: "committed" }]);
        }),
      );
    });

    test("a conflict of two transactions passes when it is tried again, and a wrong query is not tried again", async () => {
      await leavesNothing(() =>
        run(function* () {
          const db = yield* database(config, 2);
          yield* db.with((client) => query(client, "CREATE TABLE tally AS SELECT 0 AS n"));
          // The first two have both read before one of them writes.
          const bothHaveRead = new Barrier(2);
          let tries = 0;
          const count = () =>
            patiently(() =>
              transaction(db, function* (client) {
                const first = ++tries <= 2;
                yield* query(client, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
                const n = Number(yield* one(client, "SELECT n FROM tally"));
                if (first) yield* bothHaveRead.wait();
                yield* query(client, "UPDATE tally SET n = $1", [n + 1]);
              }),
            );
          yield* allSettled([count(), count(), count(), count()]);
          expect(yield* db.with((client) => one(client, "SELECT n FROM tally"))).toBe(4);
          expect(tries).toBeGreaterThan(4);

          tries = 0;
          const wrong = yield* allSettled([
            patiently(function* () {
              tries++;
              yield* db.with((client) => query(client, "SELECT nonsense"));
            }),
          ]);
          expect(wrong[0].status).toBe("rejected");
          expect(tries).toBe(1);
        }),
      );
    });

    test("a cancelled query is cancelled in the server, and its connection is good for another one", async () => {
      await leavesNothing(() =>
        run(() =>
          group(function* (g) {
            const client = yield* connectionTo(config);
            const watch = yield* connectionTo(config);
            const sleeping =
              "SELECT count(*)::int FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND state = 'active'";
            const task = g.spawn(() => query(client, "SELECT pg_sleep(600)"));
            while ((yield* one(watch, sleeping)) !== 1);
            task.cancel();
            yield* task.ended();
            expect(task.state).toBe("cancelled");
            expect(yield* one(watch, sleeping)).toBe(0);
            expect(yield* one(client, "SELECT 'usable'")).toBe("usable");
            yield* end(client);
            yield* end(watch);
          }),
        ),
      );
    });

    test("a query that is cancelled again and again, at any moment, disturbs no later one", async () => {
      await leavesNothing(() =>
        run(function* () {
          const db = yield* database(config, 1);
          let late = 0;
          for (let i = 0; i < 40; i++) {
            const outcome = yield* moveOnAfter(i % 8, () =>
              db.with((client) => one(client, "SELECT pg_sleep(0.004)::text")),
            );
            if (outcome.timedOut) late++;
            expect(yield* db.with((client) => one(client, "SELECT $1::int", [i]))).toBe(i);
          }
          expect(late).toBeGreaterThan(0);
        }),
      );
    });

    test("NOTIFY comes as a flow, in order, and at the end of the scope nobody listens any more", async () => {
      await leavesNothing(() =>
        run(function* () {
          const db = yield* database(config, 2);
          const heard = yield* db.with((client) =>
            group(function* (g) {
              const news = yield* listen(client, "news");
              g.spawn(function* () {
                yield* db.with((other) => query(other, "NOTIFY other, 'not this one'"));
                for (const what of ["one", "two", "three"]) {
                  yield* db.with((other) => query(other, "SELECT pg_notify('news', $1)", [what]));
                }
              });
              return yield* news.take(3).toArray();
            }),
          );
          expect(heard).toEqual(["one", "two", "three"]);
          const listening = yield* db.with((client) => query(client, "SELECT pg_listening_channels()"));
          expect(listening.rows).toEqual([]);
        }),
      );
    });

    test("a wait for a notification that is cancelled has taken none", async () => {
      await leavesNothing(() =>
        run(function* () {
          const db = yield* database(config, 2);
          yield* db.with((client) =>
            group(function* () {
              const news = yield* listen(client, "news");
              expect((yield* moveOnAfter(5, news.next())).timedOut).toBe(true);
              yield* db.with((other) => query(other, "NOTIFY news, 'late'"));
              expect(yield* news.next()).toBe("late");
            }),
          );
        }),
      );
    });

    test("after a crash the pool connects again: what was lent fails, and retry finds the server when it is back", async () => {
      await run(() =>
        group(function* (g) {
          const db = yield* database(config, 3);
          const asked = g.spawn(function* () {
            try {
              yield* db.with((client) => query(client, "SELECT pg_sleep(600)"));
            } catch (error) {
              return error;
            }
            return undefined;
          });
          yield* db.with((client) => one(client, "SELECT 1"));
          yield* until(server.crash());
          expect(yield* asked).toBeInstanceOf(Error);
          const again = g.spawn(() => patiently(() => db.with((client) => one(client, "SELECT 'back'"))));
          yield* sleep(20);
          expect(again.over).toBe(false);
          yield* until(server.restart());
          expect(yield* again).toBe("back");
          expect(db.statistics()).toMatchObject({ lent: 0, waiters: 0 });
        }),
      );
    });
  });
}

function* one(client: Client, text: string, values: readonly unknown[] = []) {
  const { rows } = yield* query<Record<string, unknown>>(client, text, values);
  return Object.values(rows[0] ?? {})[0];
}

function end(client: Client) {
  return until(client.end());
}
