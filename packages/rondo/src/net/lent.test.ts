/** Memory that is read into again: by whom, when, and never while anybody may still look at it. */
import { Socket } from "node:net";
import { Duplex } from "node:stream";

import { describe, expect, test } from "vitest";

import { type Coroutine, group, run, sleep, type Task, until } from "../index.ts";
import { turn } from "../../tests/turn.ts";
import { inGroup } from "../../tests/virtual.ts";
import { ByteStream, connect, copy, fromNodeStream, type Loan, listen, type Sink, type Transport } from "./index.ts";
import { lend, takeBack } from "./lent.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** A word, and so much behind it that it is worth lending memory for. */
const long = (word: string): string => word.padEnd(3000, ".");
const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data).replace(/\.+$/, "");

type Keep = (chunk: Uint8Array, encoding: string, done: () => void) => void;

/** A transport that reads into one piece of memory, and whose sending the test holds up. */
class Reader implements Transport {
  readonly label = "reader";
  readonly localAddress = undefined;
  readonly remoteAddress = undefined;
  readonly outside = true;
  readonly letsGo: boolean | undefined;
  readonly sent: Uint8Array[] = [];
  /** How often what came was copied for somebody to keep. */
  copies = 0;
  unsent = 0;
  /** Nothing leaves, and the first write fills it. */
  slow = false;
  sink!: Sink;
  private readonly room = new Uint8Array(64 * 1024);

  constructor(letsGo?: boolean) {
    this.letsGo = letsGo;
  }
  open(sink: Sink): void {
    this.sink = sink;
  }
  resume(): void {}
  pause(): void {}
  send(chunks: readonly Uint8Array[]): boolean {
    this.sent.push(...chunks);
    if (!this.slow) return true;
    for (const chunk of chunks) this.unsent += chunk.length;
    return false;
  }
  end(): void {}
  close(): void {
    queueMicrotask(() => this.sink.closed(null));
  }
  abort(): void {
    this.close();
  }

  /** All that is unsent leaves. */
  leave(): void {
    this.slow = false;
    this.unsent = 0;
    this.sink.drained();
  }

  /** Bytes come; once they have been told, the room has something else in it. */
  come(data: string): void {
    const size = bytes(data).length;
    this.room.set(bytes(data));
    const { room } = this;
    const loan: Loan = {
      size,
      copy: (from) => (this.copies++, room.slice(from, size)),
      moveInto: (target) => {
        const moved = Math.min(size, target.length);
        target.set(room.subarray(0, moved));
        return moved;
      },
    };
    this.sink.lent?.(loan);
    room.fill(33);
  }
}

interface Streams {
  readonly from: ByteStream;
  readonly to: ByteStream;
}

/** Two streams over such transports, and a copy from one to the other. */
function passing(
  body: (from: Reader, to: Reader, streams: Streams, copying: Task<number>) => Coroutine<void>,
  letsGo: boolean | undefined = true,
  options: Parameters<typeof copy>[2] = {},
): Promise<void> {
  return inGroup(function* (g) {
    const [from, to] = [new Reader(true), new Reader(letsGo)];
    const streams = { from: new ByteStream(from), to: new ByteStream(to) };
    const copying = g.spawn(() => copy(streams.from, streams.to, options), { daemon: true });
    yield* sleep(1);
    yield* body(from, to, streams, copying);
    copying.cancel();
    yield* copying.ended();
    yield* streams.from.close();
    yield* streams.to.close();
  });
}

/** The memory that each chunk that was sent lies in, numbered as it appeared. */
function places(sent: readonly Uint8Array[]): number[] {
  const seen: ArrayBufferLike[] = [];
  return sent.map(({ buffer }) => (seen.includes(buffer) ? seen.indexOf(buffer) : seen.push(buffer) - 1));
}

function* all(from: Reader, ...words: readonly string[]): Coroutine<void> {
  for (const word of words) {
    from.come(long(word));
    yield* sleep(1);
  }
}

describe("what is only passed on", () => {
  test("is read into the same memory again, once it has left the process", () =>
    passing(function* (from, to) {
      yield* all(from, "one", "two", "three");
      expect(places(to.sent)).toEqual([0, 0, 0]);
      expect(from.copies).toBe(0);
      // A larger one lies in larger memory, and what is more than is lent in its own.
      yield* all(from, "x".repeat(20_000), "four");
      expect(places(to.sent)).toEqual([0, 0, 0, 1, 0]);
    }));

  test("keeps its memory while it is unsent", () =>
    passing(function* (from, to) {
      to.unsent = 3;
      yield* all(from, "one", "two");
      to.unsent = 0;
      yield* all(from, "six", "ten", "end");
      // What has left is nobody's: of the fourth one its memory is looked at here all the same.
      expect(to.sent.map(text)).toEqual(["one", "two", "six", "end", "end"]);
      expect(places(to.sent)).toEqual([0, 1, 2, 3, 3]);
    }));

  test("keeps its memory where the write has to wait, and loses nothing", () =>
    passing(function* (from, to, { to: stream }) {
      to.slow = true;
      yield* all(from, "one");
      expect(stream.statistics().writing).toBe(0); // the one that fills it is not waited for
      yield* all(from, "two", "three");
      expect(stream.statistics().writing).toBe(1);
      to.leave();
      yield* sleep(1);
      expect(to.sent.map(text)).toEqual(["one", "two", "three"]);
    }));

  test("keeps its memory where nobody knows what becomes of what is sent", () =>
    passing(function* (from, to) {
      yield* all(from, "one", "two", "three");
      expect(to.sent.map(text)).toEqual(["one", "two", "three"]);
      expect(places(to.sent)).toEqual([0, 1, 2]);
    }, false));

  test.each([
    ["a stream", (write: Keep): Duplex => new Duplex({ read() {}, write })],
    [
      "a socket",
      (write: Keep): Duplex =>
        new (class extends Socket {
          override _write = write;
        })(),
    ],
  ])("keeps its memory in %s of somebody else's, who may hold what was written", (_, make) =>
    run(() =>
      group(function* (g) {
        const from = new Reader();
        const source = new ByteStream(from);
        const kept: Uint8Array[] = [];
        const foreign = make((chunk, _encoding, done) => (kept.push(chunk), done()));
        const copying = g.spawn(() => copy(source, fromNodeStream(foreign)), { daemon: true });
        for (const word of ["one", "two", "six"]) {
          while (!source.statistics().reading) yield* turn();
          from.come(long(word));
        }
        while (kept.length < 3) yield* turn();
        expect(kept.map(text)).toEqual(["one", "two", "six"]);
        copying.cancel();
        yield* copying.ended();
        yield* source.close();
        foreign.destroy();
      }),
    ),
  );

  test("is a copy for whoever looks on, who may keep it", async () => {
    const seen: Uint8Array[] = [];
    await passing(
      function* (from) {
        yield* all(from, "one", "two", "three");
        expect(from.copies).toBe(3);
      },
      true,
      { onChunk: (chunk) => void seen.push(chunk) },
    );
    expect(seen.map(text)).toEqual(["one", "two", "three"]);
  });

  test("belongs to whoever reads it next, where it was put back", () =>
    passing(function* (from, to, streams, copying) {
      to.slow = true;
      yield* all(from, "first");
      // In hand, and nothing of it handed over.
      yield* all(from, "precious");
      expect(to.sent.map(text)).toEqual(["first"]);
      copying.cancel();
      yield* copying.ended();
      const kept = yield* streams.from.read(4);
      to.leave();
      yield* group(function* (g) {
        const again = g.spawn(() => copy(streams.from, streams.to), { daemon: true });
        yield* sleep(1);
        expect(to.sent.map(text)).toEqual(["first", "ious"]);
        yield* all(from, "overwritten?", "never");
        again.cancel();
      });
      expect(text(kept)).toBe("prec");
    }));

  test("is put back by a copy that is cancelled in line, also where others have written meanwhile", () =>
    inGroup(function* (g) {
      const readers = [new Reader(true), new Reader(true)] as const;
      const out = new Reader(true);
      const to = new ByteStream(out);
      const sources = readers.map((reader) => new ByteStream(reader));
      const copies = sources.map((source) => g.spawn(() => copy(source, to), { daemon: true }));
      yield* sleep(1);
      out.slow = true;
      yield* to.write("fill");
      yield* all(readers[0], "first");
      yield* all(readers[1], "second");
      // There is room for one, which fills it again.
      out.sink.drained();
      yield* sleep(1);
      copies[1]?.cancel();
      yield* (copies[1] as Task<number>).ended();
      expect(out.sent.map(text)).toEqual(["fill", "first"]);
      expect(text(yield* (sources[1] as ByteStream).read())).toBe("second");
      copies[0]?.cancel();
      yield* (copies[0] as Task<number>).ended();
      for (const stream of [...sources, to]) yield* stream.close();
    }));

  test("keeps its memory while another copy of the same stream settles a chunk of its own", () =>
    inGroup(function* (g) {
      const [from, first, second] = [new Reader(true), new Reader(true), new Reader(true)];
      const [source, a, b] = [new ByteStream(from), new ByteStream(first), new ByteStream(second)];
      const one = g.spawn(() => copy(source, a), { daemon: true });
      yield* sleep(1);
      yield* all(from, "zero");
      first.slow = true;
      yield* a.write("fill");
      // One is in hand and lent, and one lies in the buffer.
      yield* all(from, "mine", "next");
      const other = g.spawn(() => copy(source, b), { daemon: true });
      yield* sleep(1);
      yield* all(from, "this", "that");
      other.cancel();
      yield* other.ended();
      first.leave();
      yield* sleep(1);
      expect(first.sent.map(text).slice(1)).toEqual(["fill", "mine"]);
      one.cancel();
      yield* one.ended();
      for (const stream of [source, a, b]) yield* stream.close();
    }));

  test("has memory of its own while the other side is slow, so that what is unsent holds no more than it says", () =>
    passing(function* (from, to) {
      to.unsent = 1;
      yield* all(from, "lent", "copied", "copied");
      expect(from.copies).toBe(2);
      to.unsent = 0;
      yield* all(from, "copied", "lent");
      expect(from.copies).toBe(3);
    }));

  test("is settled without a word to a transport that is gone", () =>
    passing(function* (from, to) {
      to.slow = true;
      yield* all(from, "fill", "last");
      to.leave();
      to.sink.closed(null);
      Object.defineProperty(to, "unsent", { get: () => expect.unreachable("it was asked after it had closed") });
      yield* sleep(1);
      expect(to.sent.map(text)).toEqual(["fill", "last"]);
    }).catch((error: unknown) => expect(String(error)).toContain("BrokenError")));

  test("is copied for whoever reads or writes in a way of his own", () =>
    inGroup(function* (g) {
      const kept: Uint8Array[] = [];
      let reads = 0;
      class Keeping extends ByteStream {
        override write(data: Parameters<ByteStream["write"]>[0]): ReturnType<ByteStream["write"]> {
          kept.push(data as Uint8Array);
          return super.write(data);
        }
      }
      class Counting extends ByteStream {
        override read(): ReturnType<ByteStream["read"]> {
          reads++;
          return super.read();
        }
      }
      for (const [Source, Target] of [
        [ByteStream, Keeping],
        [Counting, ByteStream],
      ] as const) {
        const from = new Reader(true);
        const [source, target] = [new Source(from), new Target(new Reader(true))];
        const copying = g.spawn(() => copy(source, target), { daemon: true });
        yield* sleep(1);
        yield* all(from, "one", "two", "six");
        expect(from.copies).toBe(3);
        copying.cancel();
        yield* copying.ended();
        yield* source.close();
        yield* target.close();
      }
      expect(kept.map(text)).toEqual(["one", "two", "six"]);
      expect(reads).toBe(4);
    }));
});

describe("readInto", () => {
  test("takes what comes without a copy of it, and leaves what does not fit to be read", () =>
    inGroup(function* (g) {
      const from = new Reader();
      const stream = new ByteStream(from);
      const target = new Uint8Array(4);
      const reading = g.spawn(stream.readInto(target));
      yield* sleep(1);
      from.come("abc");
      expect(yield* reading).toBe(3);
      expect(text(target.subarray(0, 3))).toBe("abc");
      expect(from.copies).toBe(0);
      const more = g.spawn(stream.readInto(target));
      yield* sleep(1);
      from.come("defghij");
      expect(yield* more).toBe(4);
      expect(text(target)).toBe("defg");
      expect(from.copies).toBe(1);
      expect(text(yield* stream.read())).toBe("hij");
      expect(stream.bytesRead).toBe(10);
      yield* stream.close();
    }));

  test("takes what was there before first", () =>
    inGroup(function* () {
      const from = new Reader();
      const stream = new ByteStream(from);
      from.come("ab");
      from.come("cd");
      const target = new Uint8Array(3);
      expect(yield* stream.readInto(target)).toBe(3);
      expect(text(target)).toBe("abc");
      expect(text(yield* stream.read())).toBe("d");
      yield* stream.close();
    }));
});

test("a sink that knows of no loans is told of copies", () =>
  run(() =>
    group(function* () {
      const listener = yield* listen({ host: "127.0.0.1", port: 0 });
      const client = yield* connect({ host: "127.0.0.1", port: listener.address.port });
      const server = yield* listener.accept();
      const { transport } = server._handOver("a test");
      let heard = "";
      let told!: () => void;
      const came = new Promise<void>((resolve) => (told = resolve));
      transport.open({
        received: (chunk) => ((heard = text(chunk)), told()),
        ended() {},
        drained() {},
        closed() {},
      });
      transport.resume();
      yield* client.write("hello");
      yield* until(came);
      expect(heard).toBe("hello");
      transport.abort();
      client.abort();
      listener.close();
    }),
  ));

test("four megabytes of each size are kept, and what is very little or much is not lent", () => {
  const pieces = Array.from({ length: 300 }, () => lend(2049) as Uint8Array);
  expect(new Set(pieces).size).toBe(300);
  for (const piece of pieces) takeBack(piece);
  const again = new Set(Array.from({ length: 300 }, () => lend(2049)));
  expect(pieces.filter((piece) => again.has(piece)).length).toBe(256);
  expect(lend(2048)).toBe(null);
  expect(lend(16 * 1024)?.length).toBe(16 * 1024);
  expect(lend(16 * 1024 + 1)?.length).toBe(64 * 1024);
  expect(lend(64 * 1024 + 1)).toBe(null);
  const larger = Array.from({ length: 80 }, () => lend(60_000) as Uint8Array);
  for (const piece of larger) takeBack(piece);
  const kept = new Set(Array.from({ length: 80 }, () => lend(60_000)));
  expect(larger.filter((piece) => kept.has(piece)).length).toBe(64);
});
