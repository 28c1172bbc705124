import { checkpoint, group, now, run, sleep, VirtualHost, type Wait } from "rondo";
import { expect, test } from "vitest";
import { FakeStore } from "../../tests/fake-store.ts";
import { article, fetched, read } from "../../tests/records.ts";
import type { FetchRecord } from "./records.ts";
import { Writer } from "./writer.ts";

/** A record with this many articles. */
function record(name: string, articles = 1): FetchRecord {
  const one = article({ id: name, title: name });
  return fetched(`http://${name}.example/`, read(Array.from({ length: articles }, () => one)));
}

const names = (store: FakeStore): string[][] =>
  store.batches.map((batch) => batch.map(({ source }) => source.host.split(".")[0] as string));

async function writing(body: (writer: Writer, store: FakeStore) => Generator<any, void, any>): Promise<FakeStore> {
  const store = new FakeStore();
  const writer = new Writer(store, { records: 4, articles: 10, wait: 50 });
  await run(
    () =>
      group(function* (g) {
        g.spawn(writer.work());
        yield* body(writer, store);
        writer.close();
      }),
    { host: new VirtualHost() },
  );
  return store;
}

test("what comes within a moment is written at once, and what comes later by itself", async () => {
  const store = await writing(function* (writer) {
    const begun = now();
    const stored: number[] = [];
    for (const name of ["a", "b", "c"]) {
      yield* writer.hand(1, record(name), () => stored.push(now() - begun));
      yield* sleep(20);
    }
    expect(stored).toEqual([50, 50, 50]);
    yield* sleep(1000);
    yield* writer.hand(1, record("d"), () => undefined);
  });
  expect(names(store)).toEqual([["a", "b", "c"], ["d"]]);
});

test("a batch has so many records at most, and they keep their order", async () => {
  const store = await writing(function* (writer) {
    for (const name of "abcdefghij") yield* writer.hand(1, record(name), () => undefined);
  });
  expect(names(store)).toEqual([
    ["a", "b", "c", "d"],
    ["e", "f", "g", "h"],
    ["i", "j"],
  ]);
});

test("a batch has so many articles at most, unless one record has more", async () => {
  const store = await writing(function* (writer) {
    for (const [name, articles] of [
      ["a", 4],
      ["b", 5],
      ["c", 3],
      ["d", 100],
      ["e", 1],
      ["f", 9],
      ["g", 1],
    ] as const)
      yield* writer.hand(1, record(name, articles), () => undefined);
  });
  expect(names(store)).toEqual([["a", "b"], ["c"], ["d"], ["e", "f"], ["g"]]);
});

test("what has not changed counts as some articles, since it is looked up when it is told", async () => {
  const store = await writing(function* (writer) {
    for (const name of "abc") {
      const unchanged = fetched(`http://${name}.example/`, { state: "unchanged", status: 304 });
      yield* writer.hand(1, unchanged, () => undefined);
    }
  });
  expect(names(store)).toEqual([["a", "b"], ["c"]]);
});

test("records of two runs are in two batches, each with its own run", async () => {
  const runs: number[] = [];
  const store = await writing(function* (writer, fake) {
    const before = fake.record.bind(fake);
    fake.record = (number, fetches) => {
      runs.push(number);
      before(number, fetches);
    };
    for (const [name, number] of [
      ["a", 1],
      ["b", 1],
      ["c", 2],
      ["d", 2],
    ] as const)
      yield* writer.hand(number, record(name), () => undefined);
  });
  expect(names(store)).toEqual([
    ["a", "b"],
    ["c", "d"],
  ]);
  expect(runs).toEqual([1, 2]);
});

test("others get a turn between two batches", async () => {
  const log: string[] = [];
  await writing(function* (writer, store) {
    store.onRecord = (fetches) => log.push(`${fetches.length} written`);
    yield* group(function* (g) {
      for (const name of "abcdefghijkl") g.spawn(writer.hand(1, record(name), () => undefined));
      while (store.batches.length < 3) {
        if (log.at(-1) !== "turn") log.push("turn");
        yield* checkpoint();
      }
    });
  });
  expect(log).toEqual(["turn", "4 written", "turn", "4 written", "turn", "4 written"]);
});

test("a batch whose time is over when its next record comes ends, and loses nothing", async () => {
  const store = new FakeStore();
  const writer = new Writer(store, { records: 8, articles: 10, wait: 50 });
  const host = new VirtualHost();
  await run(
    () =>
      group(function* (g) {
        const hand = (name: string): Wait<void> => writer.hand(1, record(name), () => undefined);
        g.spawn(writer.work());
        yield* hand("a");
        yield* sleep(10);
        // Both in one turn: the writer has a record, and before it can go on others have taken longer than it may wait.
        g.spawn(hand("b"));
        g.spawn(function* () {
          host.advance(200);
        });
        yield* sleep(500);
        yield* hand("c");
        writer.close();
      }),
    { host },
  );
  expect(names(store)).toEqual([["a", "b"], ["c"]]);
});
