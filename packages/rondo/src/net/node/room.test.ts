/** Sockets that read into one piece of memory: whoever keeps what came must never see it change. */
import net from "node:net";
import { describe, expect, test, vi } from "vitest";
import { all, group, run } from "../../index.ts";
import { turn } from "../../../tests/turn.ts";
import { type ByteStream, connect, copy, listen, type Listener } from "../index.ts";

/** Bytes of which each says where it belongs, and to whom. */
function pattern(seed: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = (seed * 31 + i * 7 + (i >> 8)) & 255;
  return bytes;
}

const SIZES = [1, 45, 96, 97, 2047, 2048, 2049, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 131_072, 400_000];

/** Both ends of one more connection: who connected, and who accepted. */
function* open(listener: Listener): Generator<any, [ByteStream, ByteStream], any> {
  const client = yield* connect({ host: "127.0.0.1", port: listener.address.port });
  return [client, yield* listener.accept()];
}

/** Reads it all, and keeps the pieces as they came until the end. */
function* keep(stream: ByteStream, size: number): Generator<any, Uint8Array[], any> {
  const pieces: Uint8Array[] = [];
  for (let left = size; left > 0;) {
    const piece = (yield* stream.read()) as Uint8Array;
    pieces.push(piece);
    left -= piece.length;
  }
  return pieces;
}

describe("what sockets have read into the same memory", () => {
  test("stays as it came, of all that read side by side, in pieces of any size, by those who accept and who connect", () =>
    run(() =>
      group(function* (g) {
        const listener = yield* listen({ host: "127.0.0.1", port: 0 });
        const pairs: [ByteStream, ByteStream][] = [];
        for (let i = 0; i < 8; i++) pairs.push(yield* open(listener));
        const work = pairs.flatMap(([client, server], i) =>
          [client, server].map((reader, side) => {
            const writer = side === 0 ? server : client;
            const seed = i * 2 + side;
            return function* (): Generator<any, void, any> {
              const kept: { pieces: Uint8Array[]; sent: Buffer }[] = [];
              for (const size of SIZES) {
                const sent = pattern(seed + size, size);
                const writing = g.spawn(writer.write(sent));
                kept.push({ sent, pieces: yield* keep(reader, size) });
                yield* writing;
              }
              for (const { sent, pieces } of kept) expect(Buffer.concat(pieces).equals(sent)).toBe(true);
            };
          }),
        );
        yield* all(work.map((one) => one()));
        for (const pair of pairs) for (const stream of pair) stream.abort();
        listener.close();
      }),
    ));

  test("may be changed by whoever has it, and what others have stays", () =>
    run(() =>
      group(function* () {
        const listener = yield* listen({ host: "127.0.0.1", port: 0 });
        const [client, server] = yield* open(listener);
        const pieces: Uint8Array[] = [];
        const words = ["one", "two", "three", "4".repeat(4000), "5".repeat(4000), "6".repeat(4000)];
        for (const word of words) {
          yield* client.write(word);
          pieces.push((yield* server.read()) as Uint8Array);
        }
        for (const at of [1, 4]) (pieces[at] as Uint8Array).fill(48);
        words.splice(1, 1, "000");
        words.splice(4, 1, "0".repeat(4000));
        expect(pieces.map((piece) => Buffer.from(piece).toString())).toEqual(words);
        // This Node has the places: pieces come out of slabs, perhaps over the end of one, and have no memory of their own.
        expect(new Set(pieces.slice(0, 3).map((piece) => piece.buffer)).size).toBeLessThan(3);
        expect(new Set(pieces.slice(3).map((piece) => piece.buffer)).size).toBeLessThan(3);
        client.abort();
        server.abort();
        listener.close();
      }),
    ));
});

describe("what is copied from socket to socket", () => {
  test("comes as it was sent, also where it has lain unsent while others were copied", () =>
    run(() =>
      group(function* (g) {
        const listener = yield* listen({ host: "127.0.0.1", port: 0 });
        let written = 0;
        /** Sends so many bytes through a copy, in pieces of all sizes; gives what reads and compares them. */
        const way = function* (seed: number, size: number): Generator<any, () => Generator<any, void, any>, any> {
          const [source, from] = yield* open(listener);
          const [to, target] = yield* open(listener);
          const sent = pattern(seed, size);
          const copying = g.spawn(() => copy(from, to, { end: true }));
          g.spawn(function* () {
            for (let at = 0, n = 1; at < size; at += n, n = (n * 7 + seed) % 20_001) {
              yield* source.write(sent.subarray(at, at + n));
              written++;
              // One by one, or they would come in lumps that fill what is read into.
              while (from.bytesRead < Math.min(size, at + n)) yield* turn();
            }
            yield* source.end();
          });
          return function* () {
            const got = yield* target.readExactly(size);
            expect(sent.equals(got as Uint8Array)).toBe(true);
            expect(yield* copying).toBe(size);
            for (const stream of [source, from, to, target]) stream.abort();
          };
        };
        // More than lies in the buffers of the system, so that some of it lies in the process.
        const late = [yield* way(1, 16_000_000), yield* way(2, 16_000_000)];
        for (let before = -1; before !== written;) {
          before = written;
          for (let turns = 0; turns < 200; turns++) yield* turn();
        }
        for (let i = 3; i < 20; i++) yield* (yield* way(i, 300_000))();
        for (const read of late) yield* read();
        listener.close();
      }),
    ));
});

test("a socket without the places for it reads as Node does", async () => {
  vi.resetModules();
  const { readIntoRoom } = await import("./room.ts");
  const socket = { _handle: {} } as unknown as net.Socket;
  readIntoRoom(socket);
  readIntoRoom(new net.Socket());
  expect(Reflect.ownKeys(socket)).toEqual(["_handle"]);
});
