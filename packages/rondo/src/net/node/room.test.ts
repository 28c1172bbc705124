/** Sockets that read into one piece of memory: whoever keeps what came must never see it change. */
import net from "node:net";
import { describe, expect, test, vi } from "vitest";
import { all, group, run } from "../../index.ts";
import { turn } from "../../../tests/turn.ts";
import { type ByteStream, connect, copy, listen, type Listener } from "../index.ts";
import type { Loan } from "../transport.ts";

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
  test("comes as it was sent, also where it has lain unsent while others were copied", { tags: ["long"] }, () =>
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
    ),
  );
});

/** What reads into memory, by hand: `read` fills a socket's with so many of one byte (the first ten may differ) and says so, as Node does. */
async function byHand(
  take: (loan: Loan) => void,
): Promise<{ room(): Uint8Array; read(byte: number, size: number, first?: number): void }> {
  vi.resetModules();
  vi.doMock("./transport.ts", () => ({ lendTo: (_: unknown, loan: Loan) => (take(loan), true) }));
  const { readIntoRoom } = await import("./room.ts");
  vi.doUnmock("./transport.ts");
  const [buffer, told, next] = ["kBuffer", "kBufferCb", "kBufferGen"].map((name) => Symbol(name)) as [
    symbol,
    symbol,
    symbol,
  ];
  const socket: Record<symbol | string, any> = { [buffer]: null, [told]: null, [next]: null };
  socket["_handle"] = { useUserBuffer: () => undefined };
  readIntoRoom(socket as unknown as net.Socket);
  return {
    room: () => socket[buffer],
    read(byte, size, first = byte) {
      socket[buffer].fill(byte, 0, size).fill(first, 0, 10);
      expect(socket[told](size, socket[buffer])).toBe(true);
      socket[buffer] = socket[next]() ?? socket[buffer];
    },
  };
}

describe("a socket that fills what it reads into again and again", () => {
  const ROOM = 65_536;

  test("gets memory of its own, which it hands over as it is, until less comes", async () => {
    const kept: Uint8Array[] = [];
    const socket = await byHand((loan) => void kept.push(loan.copy(0)));
    const common = socket.room();
    for (let i = 0; i < 3; i++) socket.read(i, ROOM);
    socket.read(77, ROOM - 1);
    kept.length = 0;
    for (let i = 0; i < 3; i++) socket.read(i, ROOM);
    expect(socket.room() === common).toBe(true);
    socket.read(3, ROOM);
    const own = socket.room();
    expect(own === common).toBe(false);
    socket.read(4, ROOM);
    expect(kept[4] === own).toBe(true);
    socket.read(5, ROOM / 2);
    expect(kept[5]?.buffer.byteLength).toBe(ROOM);
    expect(kept[5]?.length).toBe(ROOM / 2);
    socket.read(6, ROOM / 2 - 1);
    expect(kept[6]?.buffer === kept[5]?.buffer).toBe(false);
    expect(socket.room() === common).toBe(true);
    for (let i = 7; i < 10; i++) socket.read(i, ROOM);
    expect(socket.room() === common).toBe(true);
    expect(kept.map((piece) => new Set(piece))).toEqual(kept.map((_, i) => new Set([i])));
  });

  test("needs none of its own for whoever has memory for what comes, and gives it back", async () => {
    const target = new Uint8Array(ROOM);
    let moves = true;
    const socket = await byHand((loan) => (moves ? loan.moveInto(target) : loan.copy(0)));
    const common = socket.room();
    for (let i = 0; i < 10; i++) socket.read(i, ROOM);
    expect(socket.room() === common).toBe(true);
    moves = false;
    for (let i = 0; i < 3; i++) socket.read(i, ROOM);
    moves = true;
    socket.read(3, ROOM);
    moves = false;
    socket.read(4, ROOM);
    expect(socket.room() === common).toBe(true);
    for (let i = 0; i < 3; i++) socket.read(i, ROOM);
    expect(socket.room() === common).toBe(false);
    moves = true;
    socket.read(77, ROOM);
    expect(new Set(target)).toEqual(new Set([77]));
    expect(socket.room() === common).toBe(true);
  });

  test("hands over what is left of it when the first part was taken into other memory", async () => {
    const target = new Uint8Array(100);
    const kept: Uint8Array[] = [];
    let first = 0;
    const socket = await byHand((loan) => {
      if (first > 0) expect(loan.moveInto(target.subarray(0, first))).toBe(first);
      kept.push(loan.copy(first));
    });
    for (let i = 0; i < 4; i++) socket.read(i, ROOM);
    const own = socket.room();
    first = 100;
    socket.read(7, ROOM);
    expect(new Set(target)).toEqual(new Set([7]));
    expect([kept[4]?.buffer === own.buffer, kept[4]?.byteOffset, kept[4]?.length]).toEqual([true, 100, ROOM - 100]);
    expect(socket.room() === own).toBe(false);
    first = 10;
    socket.read(8, 30, 80);
    expect([...target.subarray(0, 10), ...(kept[5] as Uint8Array)]).toEqual([
      ...Array<number>(10).fill(80),
      ...Array<number>(20).fill(8),
    ]);
    socket.read(9, ROOM);
    expect(new Set(kept[4])).toEqual(new Set([7]));
  });
});

test("a socket without the places for it reads as Node does", async () => {
  vi.resetModules();
  const { readIntoRoom } = await import("./room.ts");
  const socket = { _handle: {} } as unknown as net.Socket;
  readIntoRoom(socket);
  readIntoRoom(new net.Socket());
  expect(Reflect.ownKeys(socket)).toEqual(["_handle"]);
});
