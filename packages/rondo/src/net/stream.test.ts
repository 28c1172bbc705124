import { describe, expect, test } from "vitest";
import {
  BrokenError,
  BusyError,
  ClosedError,
  DeadlockError,
  Gate,
  group,
  type Group,
  run,
  select,
  sleep,
  snapshot,
  timeout,
  TimeoutError,
  until,
  use,
  VirtualHost,
} from "../index.ts";
import type { Task } from "../task/task.ts";
import { inGroup, onEverySchedule, thrownBy, virtually } from "../../tests/virtual.ts";
import { ByteStream, memoryPair, type Sink, type Transport } from "./index.ts";

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);
const bytes = (data: string): Uint8Array => new TextEncoder().encode(data);

/** A transport that writes down what is asked of it, and whose other side is the test. */
class Scripted implements Transport {
  readonly label = "scripted";
  readonly localAddress = undefined;
  readonly remoteAddress = undefined;
  readonly outside: boolean;
  readonly calls: string[] = [];
  unsent = 0;
  room = true;
  sink!: Sink;
  over = false;

  constructor(outside = true) {
    this.outside = outside;
  }
  private note(call: string): void {
    if (this.over) throw new Error(`${call} was called after it was closed`);
    this.calls.push(call);
  }
  open(sink: Sink): void {
    this.note("open");
    this.sink = sink;
  }
  resume(): void {
    this.note("resume");
  }
  pause(): void {
    this.note("pause");
  }
  send(chunks: readonly Uint8Array[]): boolean {
    this.note(`send ${chunks.map((chunk) => chunk.length).join("+")}`);
    return this.room;
  }
  end(): void {
    this.note("end");
  }
  close(): void {
    this.note("close");
  }
  abort(): void {
    this.note("abort");
  }
  /** What was called since the last time. */
  heard(): string {
    return this.calls.splice(0).join(", ");
  }
  gone(error: Error | null = null): void {
    this.over = true;
    this.sink.closed(error);
  }
}

/** Runs a body over a scripted transport; at the end everything that waits on it must be over, and counted so. */
function scripted(
  body: (stream: ByteStream, transport: Scripted, g: Group) => Generator<any, void, any>,
  options: ConstructorParameters<typeof ByteStream>[1] = {},
): Promise<void> {
  return inGroup(function* (g) {
    const transport = new Scripted();
    const stream = new ByteStream(transport, options);
    yield* body(stream, transport, g);
    if (!transport.over) {
      stream.abort();
      transport.gone();
    }
    yield* stream.close();
  }).then(() => undefined);
}

/** Lets everything that is ready run. */
const settled = (): ReturnType<typeof sleep> => sleep(1);

describe("the reading half", () => {
  test("asks for nothing before somebody reads, and holds the peer back between its marks", () =>
    scripted(
      function* (stream, transport, g) {
        expect(transport.heard()).toBe("open");
        const first = g.spawn(() => stream.read());
        yield* settled();
        expect(transport.heard()).toBe("resume");
        transport.sink.received(bytes("x".repeat(30)));
        expect((yield* first)?.length).toBe(30);
        // Nobody reads now.
        transport.sink.received(new Uint8Array(60));
        expect(transport.heard()).toBe("");
        transport.sink.received(new Uint8Array(50));
        expect(transport.heard()).toBe("pause");
        expect(stream.statistics()).toMatchObject({ buffered: 110, paused: true });
        yield* stream.read(50);
        expect(transport.heard()).toBe("");
        yield* stream.read(10);
        expect(transport.heard()).toBe("");
        yield* stream.read(25);
        expect(stream.buffered).toBe(25);
        expect(transport.heard()).toBe("resume");
        transport.sink.received(new Uint8Array(70));
        expect(transport.heard()).toBe("");
      },
      { highWaterMark: 100, lowWaterMark: 40 },
    ));

  test("lets a reader that needs more than the high mark have it", () =>
    scripted(
      function* (stream, transport, g) {
        const reader = g.spawn(() => stream.readExactly(1000));
        yield* settled();
        for (let i = 0; i < 10; i++) transport.sink.received(new Uint8Array(100));
        expect((yield* reader)?.length).toBe(1000);
        expect(transport.heard()).toBe("open, resume");
        // And one that comes when it is paused starts it again.
        transport.sink.received(new Uint8Array(200));
        expect(transport.heard()).toBe("pause");
        const next = g.spawn(() => stream.readExactly(300));
        yield* settled();
        expect(transport.heard()).toBe("resume");
        transport.sink.received(new Uint8Array(100));
        yield* next;
      },
      { highWaterMark: 100 },
    ));

  test("gives a chunk as it came to the one who waits", () =>
    scripted(function* (stream, transport, g) {
      const reader = g.spawn(() => stream.read());
      yield* settled();
      const chunk = bytes("as it came");
      transport.sink.received(chunk);
      expect(yield* reader).toBe(chunk);
      transport.sink.received(chunk);
      expect(yield* stream.readExactly(chunk.length)).toBe(chunk);
    }));

  test("wakes the one who waits before the transport goes on", () =>
    scripted(function* (stream, transport, g) {
      const seen: string[] = [];
      g.spawn(function* () {
        seen.push(text(yield* stream.read()) as string);
      });
      // From outside the loop, as a socket does it.
      yield* sleep(1);
      const told = new Promise<void>((resolve) => {
        setImmediate(() => {
          transport.sink.received(bytes("news"));
          seen.push("told");
          resolve();
        });
      });
      yield* until(told);
      expect(seen).toEqual(["news", "told"]);
    }));

  test("two arms of one select that read it are one too many", () =>
    scripted(function* (stream) {
      expect(yield* thrownBy(() => select({ a: stream.read(), b: stream.read() }))).toBeInstanceOf(BusyError);
      // And the first one is no longer there.
      expect((yield* select({ a: stream.read(), late: sleep(1) })).key).toBe("late");
    }));

  test("what is put back while somebody waits for it is had by that one", () =>
    scripted(function* (stream, transport, g) {
      const reader = g.spawn(() => stream.readUntil("!"));
      yield* settled();
      transport.sink.received(bytes("b"));
      stream.unread(bytes("a!"));
      expect(text(yield* reader)).toBe("a!");
      expect(text(yield* stream.read())).toBe("b");
    }));

  test("what came before a reset is read before the error, and every reader gets an error of its own", () =>
    scripted(function* (stream, transport, g) {
      const reader = g.spawn(() => thrownBy(() => stream.readExactly(5)));
      yield* settled();
      transport.sink.received(bytes("abc"));
      const cause = new Error("ECONNRESET");
      const failure = new BrokenError("the peer has reset it", { cause });
      transport.gone(failure);
      const first = yield* reader;
      expect(first).toMatchObject({ name: "BrokenError", message: failure.message, cause });
      expect(text(yield* stream.read(2))).toBe("ab");
      expect(text(yield* stream.read())).toBe("c");
      const second = yield* thrownBy(() => stream.read());
      expect(second).toMatchObject({ name: "BrokenError", message: failure.message, cause });
      expect(second).not.toBe(failure);
      expect((second as Error).stack).toContain("stream.test.ts");
      expect(yield* thrownBy(() => stream.write("x"))).toMatchObject({ message: failure.message });
    }));

  test("after the peer's orderly end a reset is of no interest to readers", () =>
    scripted(function* (stream, transport) {
      transport.sink.received(bytes("all"));
      transport.sink.ended();
      transport.gone(new BrokenError("reset"));
      expect(text(yield* stream.read())).toBe("all");
      expect(yield* stream.read()).toBe(undefined);
      expect(yield* thrownBy(() => stream.write("x"))).toBeInstanceOf(BrokenError);
    }));

  test("small chunks that nobody reads are kept together", async () => {
    await scripted(function* (stream, transport) {
      for (let i = 0; i < 10_000; i++) transport.sink.received(Uint8Array.of(i % 251));
      expect(stream.buffered).toBe(10_000);
      const first = (yield* stream.read()) as Uint8Array;
      let chunks = 1;
      let read = first.length;
      while (stream.buffered > 0) {
        const chunk = (yield* stream.read()) as Uint8Array;
        for (const byte of chunk) expect(byte).toBe(read++ % 251);
        chunks++;
      }
      expect(read).toBe(10_000);
      expect(chunks).toBeLessThan(20);
    });
  });

  test("what is wrongly asked for is refused where it is asked", () =>
    scripted(function* (stream) {
      expect(() => stream.read(0)).toThrow(RangeError);
      expect(() => stream.readExactly(-1)).toThrow(RangeError);
      expect(() => stream.readInto([] as never)).toThrow(TypeError);
      expect(() => stream.readUntil("")).toThrow(TypeError);
      expect(() => stream.readUntil("\n", { max: 0 })).toThrow(RangeError);
      expect(() => stream.unread("x" as never)).toThrow(TypeError);
      expect(() => stream.write(1 as never)).toThrow(TypeError);
      expect(() => stream.write(["x", 1] as never)).toThrow(TypeError);
      expect(() => stream.lines({ max: -1 })).toThrow(RangeError);
      expect(() => stream.lines({ encoding: "utf-16le" })).toThrow(/more than one byte/);
      expect(() => new ByteStream(new Scripted(), { highWaterMark: 1, lowWaterMark: 2 })).toThrow(RangeError);
      expect(() => new ByteStream(new Scripted(), { writeAhead: -1 })).toThrow(RangeError);
      expect(() => memoryPair({ window: 0 })).toThrow(RangeError);
    }));
});

describe("the writing half", () => {
  test("an array is one send", () =>
    scripted(function* (stream, transport) {
      transport.heard();
      yield* stream.write(["ab", bytes("cde"), "", "f"]);
      expect(transport.heard()).toBe("send 2+3+1");
      yield* stream.write([]);
      expect(transport.heard()).toBe("");
    }));

  test("a small write that fills the transport completes, and the next one waits for room", () =>
    scripted(function* (stream, transport, g) {
      transport.heard();
      transport.room = false;
      yield* stream.write("fills it");
      const next = g.spawn(() => stream.write("next"));
      const last = g.spawn(() => stream.write("last"));
      yield* settled();
      expect(transport.heard()).toBe("send 8");
      expect(stream.statistics().writing).toBe(2);
      transport.room = true;
      transport.sink.drained();
      yield* next;
      yield* last;
      expect(transport.heard()).toBe("send 4, send 4");
    }));

  test("what is tried is written at once or not at all", () =>
    inGroup(function* (g) {
      const transport = new Scripted();
      const stream = new ByteStream(transport, { writeAhead: 10 });
      expect(stream.tryWrite(["eleven", bytes("bytes")])).toBe(true);
      transport.unsent = 8;
      expect(stream.tryWrite("abc")).toBe(false);
      transport.room = false;
      expect(stream.tryWrite("ab")).toBe(true);
      transport.unsent = 0;
      expect(stream.tryWrite("a")).toBe(false);
      const next = g.spawn(() => stream.write("next"));
      yield* sleep(1);
      expect(stream.tryWrite("before it")).toBe(false);
      transport.room = true;
      transport.sink.drained();
      yield* next;
      expect(stream.tryWrite("after it")).toBe(true);
      expect(transport.calls).toEqual(["open", "send 6+5", "send 2", "send 4", "send 8"]);
      expect(stream.bytesWritten).toBe(25);
      stream.abort();
      expect(() => stream.tryWrite("x")).toThrow(ClosedError);
      expect(() => stream.tryWrite(1 as never)).toThrow(TypeError);
    }));

  test("a large write waits until it has gone, and says how far it got where it is cancelled", () =>
    scripted(
      function* (stream, transport) {
        transport.heard();
        transport.room = false;
        transport.unsent = 700;
        const error = yield* thrownBy(() => timeout(5, stream.write(new Uint8Array(1000)), { name: "slow" }));
        expect(error).toBeInstanceOf(TimeoutError);
        expect(transport.heard()).toBe("send 1000");
        expect(yield* thrownBy(() => stream.write("x"))).toMatchObject({
          name: "BrokenError",
          message: expect.stringContaining("a write of 1000 bytes was cancelled when at least 300 of them had gone"),
        });
        expect(stream.statistics().broken).toBe(true);
        // The peer is not told that this was all.
        const closing = stream.close();
        yield* select({ closing, soon: sleep(1) });
        expect(transport.heard()).toBe("abort");
      },
      { writeAhead: 500 },
    ));

  test("a large write that has gone whole when it is cancelled has completed", () =>
    scripted(
      function* (stream, transport, g) {
        transport.room = false;
        transport.unsent = 700;
        const writer = g.spawn(() => stream.write(new Uint8Array(1000)));
        yield* settled();
        transport.unsent = 0;
        writer.cancel();
        yield* settled();
        expect(writer.state).toBe("waiting");
        transport.room = true;
        transport.sink.drained();
        yield* writer.ended();
        yield* stream.write("and on");
        expect(transport.heard()).toBe("open, send 1000, send 6");
      },
      { writeAhead: 500 },
    ));

  test("what is done to it from outside of tasks runs none of them inside the call", () =>
    scripted(
      function* (stream, transport, g) {
        const seen: string[] = [];
        transport.room = false;
        transport.unsent = 700;
        const writer = g.spawn(() => stream.write(new Uint8Array(1000)));
        for (const operation of [() => stream.write("behind"), () => stream.read()])
          g.spawn(function* () {
            yield* thrownBy(operation);
            seen.push("woken");
          });
        yield* settled();
        const done = new Promise<void>((resolve) => {
          setImmediate(() => {
            writer.cancel(); // which breaks it for those behind
            seen.push("cancelled");
            stream.abort();
            seen.push("aborted");
            resolve();
          });
        });
        yield* until(done);
        yield* settled();
        expect(seen).toEqual(["cancelled", "aborted", "woken", "woken"]);
      },
      { writeAhead: 500 },
    ));

  test("a write that loses a select has sent nothing", () =>
    scripted(
      function* (stream, transport) {
        transport.heard();
        transport.room = false;
        yield* stream.write("x"); // full now
        const taken = yield* select({ write: stream.write(new Uint8Array(1000)), late: sleep(1) });
        expect(taken.key).toBe("late");
        expect(transport.heard()).toBe("send 1");
        transport.room = true;
        transport.sink.drained();
        yield* stream.write("y");
        expect(transport.heard()).toBe("send 1");
        // An arm that is ready keeps the large write from being begun at all.
        const gate = new Gate();
        gate.open();
        for (let i = 0; i < 4; i++) {
          const first = yield* select({ write: stream.write(new Uint8Array(1000)), open: gate.wait() });
          expect(first.key).toBe("open");
        }
        expect(transport.heard()).toBe("");
      },
      { writeAhead: 500 },
    ));
});

describe("closing", () => {
  test("the transport hears of it once, and of nothing after it has gone", () =>
    scripted(function* (stream, transport, g) {
      const closers = [g.spawn(() => stream.close()), g.spawn(() => stream.close())];
      yield* settled();
      expect(transport.heard()).toBe("open, close");
      transport.gone();
      for (const closer of closers) yield* closer;
      stream.abort();
      yield* stream.close();
      expect(yield* thrownBy(() => stream.read())).toBeInstanceOf(ClosedError);
      expect(yield* thrownBy(() => stream.end())).toBeInstanceOf(ClosedError);
      expect(transport.heard()).toBe("");
    }));

  test("while one of two still waits for it, a cancelled close does not cut it short; the last one does", () =>
    scripted(function* (stream, transport, g) {
      const [one, other] = [g.spawn(() => stream.close()), g.spawn(() => stream.close())] as [Task, Task];
      yield* settled();
      one.cancel();
      yield* one.ended();
      expect(transport.heard()).toBe("open, close");
      other.cancel();
      yield* other.ended();
      expect(transport.heard()).toBe("abort");
    }));

  test("a close that is never begun, in a select, closes nothing", () =>
    scripted(function* (stream, transport) {
      const gate = new Gate();
      gate.open();
      for (let i = 0; i < 4; i++) yield* select({ close: stream.close(), open: gate.wait() });
      expect(transport.heard()).toBe("open");
    }));

  test("an error while it closes is nobody's concern", () =>
    scripted(function* (stream, transport, g) {
      const closer = g.spawn(() => stream.close());
      yield* settled();
      transport.gone(new BrokenError("reset"));
      yield* closer;
      expect(yield* thrownBy(() => stream.write("x"))).toBeInstanceOf(ClosedError);
    }));

  test("use() closes it at the end of its scope", async () => {
    await onEverySchedule(function* () {
      const [a, b] = memoryPair();
      yield* group(function* () {
        use(a);
        yield* a.write("bye");
      });
      expect(a.statistics().state).toBe("closed");
      expect(text(yield* b.readExactly(3))).toBe("bye");
      expect(yield* b.read()).toBe(undefined);
      yield* b.close();
    });
  });

  test("await using closes it outside of tasks", async () => {
    let stream: ByteStream | undefined;
    {
      const [a] = memoryPair();
      await using kept = a;
      stream = kept;
    }
    expect(stream.statistics().state).toBe("closed");
  });
});

describe("what a person sees", () => {
  test("two who wait for each other in memory are a deadlock, named with their streams", async () => {
    const error = await run(
      () =>
        group(function* (g) {
          const [a, b] = memoryPair({ names: ["client", "server"] });
          g.spawn(() => a.read(), { name: "asks" });
          g.spawn(() => b.readUntil("\n"), { name: "answers" });
        }),
      { host: new VirtualHost() },
    ).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeadlockError);
    expect(String(error)).toMatch(/"asks" waits for read "client"/);
    expect(String(error)).toMatch(/"answers" waits for read until "server"/);
  });

  test("a wait on the world outside is none", () =>
    scripted(function* (stream, transport, g) {
      const reader = g.spawn(
        function* () {
          return yield* stream.read();
        },
        { name: "reader" },
      );
      yield* settled();
      expect(snapshot().loops.length).toBeGreaterThan(0);
      expect(reader.waitingFor).toBe("read");
      expect(reader.stack()[0]?.file).toContain("stream.test.ts");
      transport.sink.ended();
      expect(yield* reader).toBe(undefined);
    }));

  test("statistics and addresses", async () => {
    await virtually(function* () {
      const [a, b] = memoryPair({ window: 10, names: ["one", "other"] });
      yield* a.write("12345");
      expect(a.statistics()).toEqual({
        label: "one",
        state: "open",
        buffered: 0,
        unsent: 0,
        bytesRead: 0,
        bytesWritten: 5,
        reading: false,
        writing: 0,
        paused: true,
        ended: false,
        broken: false,
      });
      expect(a.localAddress).toEqual({ host: "one", port: 0, family: "memory" });
      expect(a.remoteAddress).toEqual(b.localAddress);
      yield* b.read(2);
      expect(b.buffered).toBe(3);
      yield* a.close();
      expect(a.statistics().state).toBe("closed");
      b.abort();
      expect(b.statistics().state).toBe("closing");
    });
  });
});
