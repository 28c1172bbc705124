import * as fc from "fast-check";
import { group, moveOnAfter, now, run, sleep, VirtualHost } from "rondo";
import { expect, test } from "vitest";
import { Frontier } from "./frontier.ts";
import type { Source } from "./source.ts";

const source = (host: string, at = 0): Source => ({ url: `http://${host}/${at}`, host });

test("hosts take turns, each in the order of its own list", () => {
  const frontier = new Frontier([source("a", 1), source("a", 2), source("a", 3), source("b", 1), source("c", 1)], 9);
  const urls = Array.from({ length: 5 }, () => frontier.take()?.url);
  expect(urls).toEqual(["http://a/1", "http://b/1", "http://c/1", "http://a/2", "http://a/3"]);
  expect(frontier.take()).toBeUndefined();
});

test("a host is never given more permits than the limit, and a busy one does not hold up the others", () => {
  const frontier = new Frontier([source("a", 1), source("a", 2), source("a", 3), source("b", 1)], 2);
  expect([frontier.take(), frontier.take(), frontier.take()].map((each) => each?.host)).toEqual(["a", "b", "a"]);
  expect(frontier.take()).toBeUndefined();
  expect(frontier.size).toBe(1);
  frontier.leave("a");
  expect(frontier.take()?.url).toBe("http://a/3");
});

test("a host that nobody uses and nothing waits for is forgotten", () => {
  const frontier = new Frontier([source("a"), source("b")], 2);
  frontier.take();
  frontier.take();
  expect(frontier.hosts).toBe(2);
  frontier.leave("a");
  frontier.leave("b");
  expect(frontier.hosts).toBe(0);
});

test("next waits until a host has room and ends when all have been taken", async () => {
  const frontier = new Frontier([source("a", 1), source("a", 2)], 1);
  const taken: (string | undefined)[] = [];
  await run(
    () =>
      group(function* (g) {
        g.spawn(function* () {
          for (let i = 0; i < 3; i++) taken.push((yield* frontier.next())?.url);
        });
        yield* sleep(10);
        expect(taken).toEqual(["http://a/1"]);
        frontier.leave("a");
        yield* sleep(10);
      }),
    { host: new VirtualHost() },
  );
  expect(taken).toEqual(["http://a/1", "http://a/2", undefined]);
});

test("who enters in the middle of its work comes before new sources of that host", async () => {
  const frontier = new Frontier([source("a", 1), source("a", 2)], 1);
  const order: string[] = [];
  await run(
    () =>
      group(function* (g) {
        order.push(frontier.take()?.url ?? "");
        g.spawn(function* () {
          yield* frontier.enter("a");
          order.push("entered");
        });
        yield* sleep(1);
        frontier.leave("a");
        expect(frontier.take()).toBeUndefined();
        yield* sleep(1);
        frontier.leave("a");
        order.push(frontier.take()?.url ?? "");
      }),
    { host: new VirtualHost() },
  );
  expect(order).toEqual(["http://a/1", "entered", "http://a/2"]);
});

test("who gives up waiting to enter leaves no trace", async () => {
  const frontier = new Frontier([source("a", 1), source("a", 2)], 1);
  await run(
    function* () {
      frontier.take();
      yield* moveOnAfter(5, frontier.enter("a"));
      frontier.leave("a");
      expect((yield* frontier.next())?.url).toBe("http://a/2");
      frontier.leave("a");
      expect(frontier.hosts).toBe(0);
    },
    { host: new VirtualHost() },
  );
});

test("a frontier that is open waits for more, and one that is closed gives out nothing any more", async () => {
  const frontier = new Frontier([], 1);
  frontier.open();
  const taken: [string, number][] = [];
  function* worker() {
    for (;;) {
      const next = yield* frontier.next();
      if (next === undefined) return;
      taken.push([next.url, now()]);
      yield* sleep(10);
      frontier.leave(next.host);
    }
  }
  await run(
    () =>
      group(function* (g) {
        for (let index = 0; index < 3; index++) g.spawn(worker());
        yield* sleep(100);
        for (const [host, at] of [
          ["a", 0],
          ["a", 1],
          ["b", 0],
        ] as const)
          frontier.add(source(host, at));
        yield* sleep(100);
        for (let at = 2; at < 9; at++) frontier.add(source("a", at));
        yield* sleep(15);
        frontier.close();
        expect(frontier.size).toBe(0);
      }),
    { host: new VirtualHost() },
  );
  const at = (host: string, index: number): string => source(host, index).url;
  expect(taken).toEqual([
    [at("a", 0), 100],
    [at("b", 0), 100],
    [at("a", 1), 110],
    [at("a", 2), 200],
    [at("a", 3), 210],
  ]);
  expect(frontier.hosts).toBe(0);
});

test("leaving a host where nobody is, is an error", () => {
  expect(() => new Frontier([], 1).leave("a")).toThrow("nobody is at a");
});

test("whatever the schedule, all sources are taken once, no host is overrun, and everything is forgotten", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 30 }),
      fc.integer({ min: 1, max: 3 }),
      fc.nat(),
      async (hosts, perHost, seed) => {
        const sources = hosts.map((host, at) => source(host, at));
        const atFirst = seed % (sources.length + 1);
        const frontier = new Frontier(sources.slice(0, atFirst), perHost);
        frontier.open();
        const taken: string[] = [];
        const at = new Map<string, number>();
        const enter = (host: string, change: number): void => {
          at.set(host, (at.get(host) ?? 0) + change);
          expect(at.get(host)).toBeLessThanOrEqual(perHost);
        };
        function* worker(index: number) {
          for (;;) {
            const next = yield* frontier.next();
            if (next === undefined) return;
            taken.push(next.url);
            enter(next.host, 1);
            yield* sleep((taken.length * 7 + index) % 5);
            enter(next.host, -1);
            frontier.leave(next.host);
            if (taken.length % 3 !== 0) continue;
            // As a redirect does: to another host, and perhaps with no patience for it.
            const other = hosts[taken.length % hosts.length] ?? "z";
            const entered = yield* moveOnAfter(taken.length % 4, frontier.enter(other));
            if (entered.timedOut) continue;
            enter(other, 1);
            yield* sleep(1);
            enter(other, -1);
            frontier.leave(other);
          }
        }
        await run(
          () =>
            group(function* (g) {
              for (let index = 0; index < 4; index++) g.spawn(worker(index));
              for (const late of sources.slice(atFirst)) {
                yield* sleep(seed % 4);
                frontier.add(late);
              }
              while (frontier.size > 0) yield* sleep(1);
              frontier.close();
            }),
          { host: new VirtualHost({ seed }) },
        );
        expect(taken.toSorted()).toEqual(sources.map(({ url }) => url).toSorted());
        expect([frontier.size, frontier.hosts]).toEqual([0, 0]);
      },
    ),
  );
});
