/**
 * Many streams through each bridge, ended well, aborted, and left to their group; the heap is as flat as before.
 */
import { PassThrough } from "node:stream";

import { describe, expect, test } from "vitest";

import { growth } from "../../tests/heap.ts";
import { leavesNothing } from "../../tests/leaks.ts";
import { thrownBy } from "../../tests/virtual.ts";
import { type Coroutine, group, run, until } from "../index.ts";
import { fromNodeStream, fromWebStream, memoryPair, toNodeStream, toWebStream } from "./index.ts";

const COUNT = 100_000;
/** Less than the smallest object that could be left behind by each cycle, in bytes; what the first ones warm up is in it. */
const FLAT = 8;

const hello = new TextEncoder().encode("hello");

function* node(i: number): Coroutine<void> {
  const [client, server] = memoryPair();
  const duplex = toNodeStream(server);
  duplex.on("error", () => {});
  yield* client.write(hello);
  if (i % 3 === 0) {
    duplex.resume();
    duplex.end("bye");
    yield* client.end();
    yield* client.readExactly(3);
    yield* client.close();
  } else if (i % 3 === 1) {
    duplex.destroy();
    yield* thrownBy(() => client.readExactly(3));
  } // else its group ends with it
}

function* foreign(i: number): Coroutine<void> {
  const stream = fromNodeStream(new PassThrough());
  yield* stream.write(hello);
  yield* stream.readExactly(5);
  if (i % 2 === 0) yield* stream.close();
  else stream.abort();
}

function* web(i: number): Coroutine<void> {
  const [client, server] = memoryPair();
  const stream = fromWebStream(toWebStream(server));
  yield* stream.write(hello);
  yield* client.readExactly(5);
  if (i % 3 === 0) {
    yield* client.close();
    yield* stream.close();
  } else if (i % 3 === 1) stream.abort();
  else yield* until(Promise.resolve());
}

describe("the heap stays flat over many streams", () => {
  for (const [name, cycle] of [
    ["turned into Node's", node],
    ["made of Node's", foreign],
    ["turned into the web's and back", web],
  ] as const) {
    test(name, async () => {
      const grown = await leavesNothing(() =>
        growth(COUNT, (n) =>
          run(function* () {
            for (let i = 0; i < n; i++) yield* group(() => cycle(i));
          }),
        ),
      );
      expect(grown).toBeLessThan(FLAT);
    });
  }
});
