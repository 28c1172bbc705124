/**
 * Very many messages over one stream, and very many streams: nothing stays behind of any of them.
 */
import { expect, test } from "vitest";
import { growth } from "../../tests/heap.ts";
import { virtually } from "../../tests/virtual.ts";
import { type Coroutine, group, select, sleep } from "../index.ts";
import { type ByteStream, memoryPair } from "./index.ts";

/** Less than the smallest object that could be left behind by each cycle. */
const FLAT = 4;

function* echo(stream: ByteStream): Coroutine<void> {
  for (let chunk = yield* stream.read(); chunk !== undefined; chunk = yield* stream.read()) yield* stream.write(chunk);
  yield* stream.close();
}

/** A client of an echo does something so often, on one stream that lives as long as all of it. */
function overEcho(body: (client: ByteStream) => Coroutine<unknown>): (n: number) => Promise<unknown> {
  return (n) =>
    virtually(() =>
      group(function* (g) {
        const [client, server] = memoryPair();
        g.spawn(echo(server));
        for (let i = 0; i < n; i++) yield* body(client);
        yield* client.close();
      }),
    );
}

test("messages of all kinds over one stream", async () => {
  const cycles = overEcho(function* (client) {
    yield* client.write("one\ntwo\nrest");
    yield* client.readUntil("\n");
    yield* client.lines().next();
    yield* client.readExactly(2);
    client.unread(new Uint8Array(1));
    yield* client.readExactly(3);
  });
  expect(await growth(200_000, cycles)).toBeLessThan(FLAT);
});

test("reads that lose a select, and flows of lines that are dropped", async () => {
  const cycles = overEcho(function* (client) {
    yield* select({ bytes: client.read(), late: sleep(1) });
    yield* select({ bytes: client.readUntil("\n"), late: sleep(1) });
    yield* client.write("a\nb\n");
    yield* client.lines().next();
    yield* client.readExactly(2);
  });
  expect(await growth(100_000, cycles)).toBeLessThan(FLAT);
});

test("streams that are opened, used and closed", async () => {
  const cycles = (n: number): Promise<unknown> =>
    virtually(function* () {
      for (let i = 0; i < n; i++) {
        const [a, b] = memoryPair();
        yield* a.write("hello");
        yield* b.readExactly(5);
        if (i % 2 === 0) yield* a.close();
        else a.abort();
        yield* b.close();
      }
    });
  expect(await growth(100_000, cycles)).toBeLessThan(FLAT);
});
