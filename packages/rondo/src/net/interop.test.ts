import { AsyncLocalStorage } from "node:async_hooks";
import { Duplex, PassThrough, Readable, Transform, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { text } from "node:stream/consumers";
import { createGunzip, createGzip, gzipSync } from "node:zlib";

import { describe, expect, test } from "vitest";

import { leavesNothing } from "../../tests/leaks.ts";
import { turn } from "../../tests/turn.ts";
import { thrownBy } from "../../tests/virtual.ts";
import { BrokenError, ClosedError, type Coroutine, group, type Operation, run, scope, until } from "../index.ts";
import { halfCloseableChecks, type MakePair, streamChecks } from "../testing/index.ts";
import {
  type ByteStream,
  connect,
  fromNodeStream,
  fromWebStream,
  listen,
  memoryPair,
  serve,
  toNodeStream,
  toWebStream,
} from "./index.ts";

const MIB = 1024 * 1024;

/** Runs a program, after which nothing may be left. */
function cleanly<T>(body: () => Operation<T>): Promise<T> {
  return leavesNothing(() => run(body));
}

/** Both ends of a stream in memory, one of them through a bridge and back. */
function* through(bridge: (stream: ByteStream) => ByteStream): Coroutine<readonly [ByteStream, ByteStream]> {
  const [a, b] = memoryPair();
  return [bridge(a), b];
}

const bridges: readonly { readonly name: string; readonly make: MakePair }[] = [
  { name: "toNodeStream and fromNodeStream", make: () => through((stream) => fromNodeStream(toNodeStream(stream))) },
  { name: "toWebStream and fromWebStream", make: () => through((stream) => fromWebStream(toWebStream(stream))) },
];

for (const { name, make } of bridges) {
  describe(`a stream through ${name}`, () => {
    for (const check of [...streamChecks(make, { resets: false }), ...halfCloseableChecks(make)]) {
      test(check.name, () => cleanly(() => check.run()));
    }
  });
}

function* readAll(stream: ByteStream): Coroutine<string> {
  const parts: string[] = [];
  for (;;) {
    const chunk = yield* stream.read();
    if (chunk === undefined) return parts.join("");
    parts.push(Buffer.from(chunk).toString("latin1"));
  }
}

describe("fromNodeStream", () => {
  test("reads and writes a Duplex of somebody else's, with half-close", () =>
    cleanly(function* () {
      const stream = fromNodeStream(createGzip());
      yield* stream.write("hello");
      yield* stream.end();
      const packed = yield* readAll(stream);
      expect(yield* until(text(Readable.from([Buffer.from(packed, "latin1")]).pipe(createGunzip())))).toBe("hello");
      yield* stream.close();
    }));

  test("takes a readable and a writable that are two", () =>
    cleanly(function* () {
      const readable = new PassThrough();
      const written: string[] = [];
      const writable = new Writable({
        write(chunk, _encoding, callback) {
          written.push(String(chunk));
          callback();
        },
      });
      const stream = fromNodeStream({ readable, writable });
      readable.end("from there");
      yield* stream.write("to there");
      expect(yield* readAll(stream)).toBe("from there");
      yield* stream.close();
      expect(written).toEqual(["to there"]);
      expect([readable.destroyed, writable.destroyed]).toEqual([true, true]);
    }));

  test("reads nothing ahead of its marks", () =>
    cleanly(function* () {
      let given = 0;
      const source = new Readable({
        read() {
          given += 64 * 1024;
          this.push(Buffer.alloc(64 * 1024));
        },
      });
      const stream = fromNodeStream(
        Duplex.from({ readable: source, writable: new Writable({ write: (_c, _e, cb) => cb() }) }),
      );
      yield* stream.read();
      for (let i = 0; i < 50; i++) yield* turn();
      expect(given).toBeLessThan(MIB);
      stream.abort();
      yield* stream.close();
      expect(source.destroyed).toBe(true);
    }));

  test("lets a write wait while the other side is full", () =>
    cleanly(function* () {
      let release: (() => void) | undefined;
      const duplex = new Duplex({
        read() {},
        write(_chunk, _encoding, callback) {
          release = callback;
        },
      });
      const stream = fromNodeStream(duplex);
      const done: string[] = [];
      yield* group(function* (g) {
        g.spawn(function* () {
          yield* stream.write(new Uint8Array(4 * MIB));
          done.push("first");
          yield* stream.write(new Uint8Array(1));
          done.push("second");
        });
        while (release === undefined) yield* turn();
        for (let i = 0; i < 10; i++) yield* turn();
        expect(done).not.toContain("second");
        for (let call = release; done.length < 2;) {
          release = undefined;
          call();
          for (let i = 0; i < 10 && release === undefined; i++) yield* turn();
          call = release ?? ((): void => {});
        }
      });
      stream.abort();
    }));

  test("is broken by an error of the other side, after what came before it", () =>
    cleanly(function* () {
      const duplex = new PassThrough();
      const stream = fromNodeStream(duplex);
      duplex.write("before");
      const error = new Error("no more");
      setImmediate(() => duplex.destroy(error));
      const chunk = yield* stream.readExactly(6);
      expect(chunk?.length).toBe(6);
      const thrown = (yield* thrownBy(() => stream.read())) as Error;
      expect(thrown.message).toContain("no more");
      yield* stream.close();
      for (const name of ["data", "end", "drain", "error", "close"]) expect(duplex.listenerCount(name)).toBe(0);
    }));

  test("refuses streams in object mode, and what is no stream", () => {
    expect(() => fromNodeStream(new Transform({ objectMode: true }))).toThrow(/object mode/);
    expect(() => fromNodeStream({ readable: Readable.from(["a"]), writable: new PassThrough() })).toThrow(
      /object mode/,
    );
    expect(() => fromNodeStream({} as never)).toThrow(/takes a Duplex, or/);
    expect(() => fromNodeStream(null as never)).toThrow(TypeError);
  });

  test("does not run tasks in the context of whoever writes into the other side", async () => {
    const storage = new AsyncLocalStorage<string>();
    const duplex = new PassThrough();
    setTimeout(() => storage.run("theirs", () => duplex.write("x")));
    const seen = await storage.run("ours", () =>
      run(function* () {
        const stream = fromNodeStream(duplex);
        yield* stream.read();
        const store = storage.getStore();
        yield* stream.close();
        return store;
      }),
    );
    expect(seen).toBe("ours");
  });
});

describe("toNodeStream", () => {
  test("can be piped into and out of", () =>
    cleanly(function* () {
      const [client, server] = memoryPair();
      yield* group(function* (g) {
        g.spawn(function* () {
          yield* client.write(gzipSync("x".repeat(MIB)));
          yield* client.end();
        });
        const plain = yield* until(text(toNodeStream(server).pipe(createGunzip())));
        expect(plain.length).toBe(MIB);
      });
      yield* client.close();
    }));

  test("works with pipeline() both ways over a real socket, and closes it", () =>
    cleanly(function* () {
      const listener = yield* listen({ port: 0, host: "127.0.0.1" });
      yield* group(function* (g) {
        const server = g.spawn(
          serve(listener, function* (stream) {
            const duplex = toNodeStream(stream);
            yield* until(pipeline(duplex, createGzip(), duplex));
          }),
        );
        const { host, port } = listener.address;
        const stream = yield* connect({ host, port });
        yield* stream.write("hello");
        yield* stream.end();
        const packed = yield* readAll(stream);
        expect(yield* until(text(Readable.from([Buffer.from(packed, "latin1")]).pipe(createGunzip())))).toBe("hello");
        yield* stream.close();
        server.cancel();
      });
      listener.close();
    }));

  test("reads nothing that nobody asked for, and holds the writer back", () =>
    cleanly(function* () {
      const [client, server] = memoryPair({ window: 1024 });
      const duplex = toNodeStream(server);
      let written = 0;
      yield* scope(function* (s) {
        yield* group(function* (g) {
          g.spawn(function* () {
            for (;;) {
              yield* client.write(new Uint8Array(1024));
              written += 1024;
            }
          });
          duplex.once("readable", () => {});
          for (let i = 0; i < 100; i++) yield* turn();
          const before = written;
          expect(before).toBeLessThan(MIB);
          for (let i = 0; i < 20; i++) yield* turn();
          expect(written).toBe(before);
          duplex.read();
          for (let i = 0; i < 20; i++) yield* turn();
          expect(written).toBeGreaterThan(before);
          s.cancel();
        });
      });
      duplex.destroy();
      client.abort();
    }));

  test("fails with the error of the stream, and says that it is closed", () =>
    cleanly(function* () {
      const [client, server] = memoryPair();
      const duplex = toNodeStream(server);
      const failed = new Promise<Error>((resolve) => duplex.once("error", resolve));
      const closed = new Promise((resolve) => duplex.once("close", resolve));
      duplex.resume();
      client.abort();
      expect(yield* until(failed)).toBeInstanceOf(BrokenError);
      yield* until(closed);
    }));

  test("aborts the stream when it is destroyed, with or without an error", () =>
    cleanly(function* () {
      for (const error of [undefined, new Error("enough")]) {
        const [client, server] = memoryPair();
        const duplex = toNodeStream(server);
        const told = new Promise((resolve) => duplex.once("error", resolve));
        const closed = new Promise((resolve) => duplex.once("close", resolve));
        duplex.destroy(error);
        expect(yield* thrownBy(() => client.read())).toBeInstanceOf(BrokenError);
        yield* until(closed);
        if (error !== undefined) expect(yield* until(told)).toBe(error);
        expect(server.statistics().state).toBe("closed");
      }
    }));

  test("ends with the group in which it was made", () =>
    cleanly(function* () {
      const [client, server] = memoryPair();
      const error = yield* group(function* () {
        const duplex = toNodeStream(server);
        yield* turn();
        return new Promise((resolve) => duplex.once("error", resolve));
      } as () => Coroutine<Promise<unknown>>);
      expect(yield* until(error)).toBeInstanceOf(ClosedError);
      expect(yield* thrownBy(() => client.read())).toBeInstanceOf(BrokenError);
    }));

  test("made outside of tasks runs on a loop of its own, and ends when it is closed", () =>
    leavesNothing(async () => {
      const listening = Promise.withResolvers<number>();
      const serving = run(function* () {
        const listener = yield* listen({ port: 0, host: "127.0.0.1" });
        listening.resolve(listener.address.port);
        const stream = yield* listener.accept();
        yield* stream.write((yield* stream.readExactly(5)) as Uint8Array);
        yield* stream.close();
        listener.close();
      });
      const port = await listening.promise;
      const stream = await run(() => connect({ host: "127.0.0.1", port }));
      const duplex = toNodeStream(stream);
      duplex.end("hello");
      expect(await text(duplex)).toBe("hello");
      await serving;
    }));

  test("takes a stream only", () => {
    expect(() => toNodeStream({} as never)).toThrow(/takes a ByteStream/);
  });
});

describe("fromWebStream", () => {
  test("reads and writes a transform of the web, with half-close", () =>
    cleanly(function* () {
      const stream = fromWebStream(new CompressionStream("gzip"));
      yield* stream.write("hello");
      yield* stream.end();
      const packed = yield* readAll(stream);
      expect(yield* until(text(Readable.from([Buffer.from(packed, "latin1")]).pipe(createGunzip())))).toBe("hello");
      yield* stream.close();
    }));

  test("pulls nothing ahead of its marks", () =>
    cleanly(function* () {
      let given = 0;
      const readable = new ReadableStream<Uint8Array>({
        pull(controller) {
          given += 64 * 1024;
          controller.enqueue(new Uint8Array(64 * 1024));
        },
      });
      const stream = fromWebStream({ readable, writable: new WritableStream() });
      yield* stream.read();
      for (let i = 0; i < 50; i++) yield* turn();
      expect(given).toBeLessThan(MIB);
      yield* stream.close();
    }));

  test("is broken by an error of either side, and tells the other one", () =>
    cleanly(function* () {
      let fail: (error: Error) => void = () => {};
      let told: unknown;
      const stream = fromWebStream({
        readable: new ReadableStream({
          start(controller) {
            controller.enqueue(new Uint8Array([1]));
            fail = (error) => controller.error(error);
          },
        }),
        writable: new WritableStream({ abort: (reason) => void (told = reason) }),
      });
      expect(yield* stream.read()).toEqual(new Uint8Array([1]));
      const error = new Error("no more");
      fail(error);
      const thrown = yield* thrownBy(() => stream.read());
      expect(thrown).toBeInstanceOf(BrokenError);
      expect((thrown as Error).cause).toBe(error);
      expect(told).toBe(error);
      expect(yield* thrownBy(() => stream.write("x"))).toBeInstanceOf(BrokenError);
      yield* stream.close();
    }));

  test("is broken by a write that is refused", () =>
    cleanly(function* () {
      let cancelled = false;
      const stream = fromWebStream({
        readable: new ReadableStream({ cancel: () => void (cancelled = true) }),
        writable: new WritableStream({ write: () => Promise.reject(new Error("full")) }),
      });
      yield* stream.write("x");
      const thrown = (yield* thrownBy(() => stream.read())) as Error;
      expect(thrown).toBeInstanceOf(BrokenError);
      expect(thrown.message).toMatch(/it was broken: full|full/);
      expect(cancelled).toBe(true);
      yield* stream.close();
    }));

  test("says that text is no bytes, and takes other views of bytes", () =>
    cleanly(function* () {
      const make = (chunk: unknown): ByteStream =>
        fromWebStream({ readable: ReadableStream.from([chunk]), writable: new WritableStream() });
      const words = make("text");
      expect(String(yield* thrownBy(() => words.read()))).toMatch(/gave text \(pipe it through a TextEncoderStream\)/);
      yield* words.close();
      const view = make(new DataView(new Uint8Array([1, 2]).buffer));
      expect(yield* view.read()).toEqual(new Uint8Array([1, 2]));
      yield* view.close();
    }));

  test("leaves both unlocked when it is over", () =>
    cleanly(function* () {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      const stream = fromWebStream({ readable, writable });
      expect([readable.locked, writable.locked]).toEqual([true, true]);
      expect(() => fromWebStream({ readable, writable })).toThrow(TypeError);
      yield* stream.close();
      expect([readable.locked, writable.locked]).toEqual([false, false]);
    }));

  test("says what it takes", () => {
    expect(() => fromWebStream({} as never)).toThrow(/takes \{ readable, writable \}/);
    const readable = new ReadableStream();
    expect(() => fromWebStream({ readable, writable: null as never })).toThrow(TypeError);
    expect(readable.locked).toBe(false);
  });
});

describe("toWebStream", () => {
  test("reads only when it is read, and writes when the peer has room", () =>
    cleanly(function* () {
      const [client, server] = memoryPair({ window: 1024 });
      const { readable, writable } = toWebStream(server);
      yield* group(function* (g) {
        const writing = g.spawn(() => client.write(new Uint8Array(4096)));
        for (let i = 0; i < 50; i++) yield* turn();
        expect(writing.state).toBe("waiting");
        const reader = readable.getReader();
        let got = 0;
        while (got < 4096) got += (yield* until(reader.read())).value?.length ?? 0;
        yield* writing;
        const writer = writable.getWriter();
        let wrote = false;
        const sent = writer.write(new Uint8Array(64 * 1024)).then(() => (wrote = true));
        for (let i = 0; i < 50; i++) yield* turn();
        expect(wrote).toBe(false);
        yield* client.readExactly(64 * 1024);
        yield* until(sent);
        yield* until(writer.close());
        expect(yield* client.read()).toBe(undefined);
        yield* until(reader.cancel());
      });
      yield* client.close();
      expect(server.statistics().state).toBe("closed");
    }));

  test("carries the error of the stream to both", () =>
    cleanly(function* () {
      const [client, server] = memoryPair();
      const { readable, writable } = toWebStream(server);
      const reading = readable.getReader().read();
      yield* turn();
      client.abort();
      expect(yield* thrownBy(() => until(reading))).toBeInstanceOf(BrokenError);
      expect(yield* thrownBy(() => until(writable.getWriter().closed))).toBeInstanceOf(BrokenError);
    }));

  test("aborts the stream when the writable side is aborted", () =>
    cleanly(function* () {
      const [client, server] = memoryPair();
      const { readable, writable } = toWebStream(server);
      yield* until(writable.abort(new Error("enough")));
      expect(yield* thrownBy(() => client.read())).toBeInstanceOf(BrokenError);
      expect(yield* thrownBy(() => until(readable.getReader().read()))).toMatchObject({ message: "enough" });
    }));

  test("ends with the group in which it was made", () =>
    cleanly(function* () {
      const [client, server] = memoryPair();
      const { readable, writable } = yield* group(function* () {
        const pair = toWebStream(server);
        yield* turn();
        return pair;
      });
      expect(yield* thrownBy(() => until(readable.getReader().read()))).toBeInstanceOf(ClosedError);
      expect(yield* thrownBy(() => until(writable.getWriter().write(new Uint8Array(1))))).toBeInstanceOf(ClosedError);
      expect(yield* thrownBy(() => client.read())).toBeInstanceOf(BrokenError);
    }));

  test("takes a stream only", () => {
    expect(() => toWebStream({} as never)).toThrow(/takes a ByteStream/);
  });
});
