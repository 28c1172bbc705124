import { all, type Coroutine, group, now, run, sleep, VirtualHost } from "rondo";
import { expect, test } from "vitest";
import { LONGEST_MEMORY, Turns } from "./turns.ts";

const nothing = (): void => undefined;

test("requests to a host come one after the other, with a rest between end and beginning", async () => {
  const turns = new Turns();
  const begun: number[] = [];
  const request = function* (): Coroutine<void> {
    begun.push(now());
    yield* sleep(70);
  };
  await run(() => all([1, 2, 3].map(() => () => turns.take("a", 100, nothing, request))), { host: new VirtualHost() });
  expect(begun).toEqual([0, 170, 340]);
});

test("a request that fails or is cancelled has been one: the next has its rest, too", async () => {
  const turns = new Turns();
  const main = function* (): Coroutine<void> {
    yield* group(function* (g) {
      const cancelled = g.spawn(turns.take("a", 100, nothing, () => sleep(Infinity) as unknown as Coroutine<void>));
      yield* sleep(50);
      cancelled.cancel();
      yield* turns.take("a", 100, nothing, function* () {
        expect(now()).toBe(150);
      });
    });
  };
  await run(main, { host: new VirtualHost() });
});

test("a host is left alone for as long as it asked, and one who will not wait so long is told before", async () => {
  const turns = new Turns();
  const main = function* (): Coroutine<void> {
    turns.rest("a", 5000);
    turns.rest("a", 10);
    expect(turns.restUntil("a")).toBe(5000);
    const tired = new Error("too long");
    let thrown: unknown;
    try {
      const check = (): void => {
        throw tired;
      };
      yield* turns.take("a", 0, check, () => sleep(1) as unknown as Coroutine<void>);
    } catch (error) {
      thrown = error;
    }
    expect([thrown, now()]).toEqual([tired, 0]);
    yield* turns.take("a", 0, nothing, function* () {
      expect(now()).toBe(5000);
    });
  };
  await run(main, { host: new VirtualHost() });
});

test("a rest that is asked for while one waits for his turn to begin is his, too, and he is told if it is too long", async () => {
  const turns = new Turns();
  const main = function* (): Coroutine<void> {
    yield* group(function* (g) {
      turns.rest("a", 100);
      const checked: number[] = [];
      const next = g.spawn(
        turns.take(
          "a",
          0,
          () => void checked.push(now()),
          function* () {
            return now();
          },
        ),
      );
      yield* sleep(50);
      turns.rest("a", 5000);
      expect(yield* next).toBe(5050);
      expect(checked).toEqual([0, 100, 5050]);
    });
  };
  await run(main, { host: new VirtualHost() });
});

test("hosts to which no rest is owed are forgotten, others are not", async () => {
  const turns = new Turns();
  const main = function* (): Coroutine<void> {
    const quick = function* (): Coroutine<void> {};
    turns.rest("patient", 10 * LONGEST_MEMORY);
    for (let at = 0; at < 999; at++) yield* turns.take(`h${at}`, 0, nothing, quick);
    yield* sleep(LONGEST_MEMORY + 1);
    yield* turns.take("last", 0, nothing, quick);
    expect(turns.size).toBe(2);
    expect(turns.restUntil("patient")).toBe(10 * LONGEST_MEMORY);
    for (let at = 0; at < 5000; at++) yield* turns.take(`h${at}`, 0, nothing, quick);
    expect(turns.size).toBe(5002);
  };
  await run(main, { host: new VirtualHost() });
});
