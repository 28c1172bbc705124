/** Serving: what becomes of connections when handlers end, fail, are stopped, and when there are too many of them. */
import { describe, expect, test } from "vitest";
import { leavesNothing } from "../../tests/leaks.ts";
import { thrownBy } from "../../tests/virtual.ts";
import {
  BrokenError,
  defer,
  Gate,
  group,
  type Group,
  type Host,
  isStopping,
  type Operation,
  run,
  sleep,
  stopping,
} from "../index.ts";
import { makeDefaultHost } from "../loop/host.ts";
import { type ByteStream, connect, listen, type Listener, serve, type ServeOptions } from "./index.ts";

/** A server beside a group's body, on the real host; nothing may be left behind. */
function serving(
  handler: (stream: ByteStream) => Operation<unknown>,
  body: (g: Group, dial: () => Operation<ByteStream>, listener: Listener) => Operation<unknown>,
  options?: ServeOptions,
  host?: Host,
): Promise<unknown> {
  return leavesNothing(() =>
    run(
      () =>
        group(function* (g) {
          const listener = yield* listen({ host: "127.0.0.1", port: 0 });
          g.spawn(serve(listener, handler, options), { name: "server" });
          yield* body(
            g,
            function* () {
              const stream = yield* connect({ host: "127.0.0.1", port: listener.address.port });
              defer(() => {
                stream.abort();
                return stream.close();
              });
              return stream;
            },
            listener,
          );
          g.stop();
        }),
      host === undefined ? {} : { host },
    ),
  );
}

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString();

function* echo(stream: ByteStream): Generator<any, void, any> {
  for (;;) {
    const data = yield* stream.read();
    if (data === undefined) break;
    yield* stream.write(data);
  }
}

describe("a connection", () => {
  test("is served by a task of its own, beside the others", () =>
    serving(echo, function* (_g, dial) {
      const streams = [yield* dial(), yield* dial(), yield* dial()];
      for (const [i, stream] of streams.entries()) yield* stream.write(`hello ${i}`);
      for (const [i, stream] of streams.toReversed().entries())
        expect(text(yield* stream.read())).toBe(`hello ${2 - i}`);
      for (const stream of streams) {
        yield* stream.end();
        expect(yield* stream.read()).toBe(undefined);
      }
    }));

  test("is closed in good order when its handler ends, and all that was written arrives", () => {
    const much = new Uint8Array(1_000_000).fill(7);
    return serving(
      function* (stream) {
        yield* stream.write(much);
      },
      function* (_g, dial) {
        const stream = yield* dial();
        expect((yield* stream.readExactly(much.length))?.length).toBe(much.length);
        expect(yield* stream.read()).toBe(undefined);
      },
    );
  });

  test("is reset when its handler fails, and no other is", () => {
    const errors: unknown[] = [];
    return serving(
      function* (stream) {
        const line = yield* stream.readUntil("\n");
        if (text(line) === "fail\n") throw new Error("on purpose");
        yield* stream.write(line as Uint8Array);
      },
      function* (_g, dial) {
        const [bad, good] = [yield* dial(), yield* dial()];
        yield* bad.write("fail\n");
        expect(yield* thrownBy(() => bad.read())).toBeInstanceOf(BrokenError);
        yield* good.write("work\n");
        expect(text(yield* good.read())).toBe("work\n");
        expect(errors.map(String)).toEqual(["Error: on purpose"]);
      },
      { onError: (error) => errors.push(error) },
    );
  });

  test("whose handler fails is reported where nobody asked to be told, and a peer that has gone is not", () => {
    const reports: string[] = [];
    const host = makeDefaultHost();
    host.report = ({ message, error }) => reports.push(`${message}: ${String(error)}`);
    return serving(
      function* (stream) {
        if (text(yield* stream.readUntil("\n")) === "fail\n") throw new Error("on purpose");
        for (;;) yield* stream.read();
      },
      function* (_g, dial) {
        const gone = yield* dial();
        yield* gone.write("stay\n");
        gone.abort();
        const bad = yield* dial();
        yield* bad.write("fail\n");
        expect(yield* thrownBy(() => bad.read())).toBeInstanceOf(BrokenError);
        while (reports.length === 0) yield* sleep(1);
        expect(reports).toHaveLength(1);
        expect(reports[0]).toMatch(
          /^the handler of tcp 127.0.0.1:\d+ > 127.0.0.1:\d+ has failed, .*: Error: on purpose$/,
        );
      },
      {},
      host,
    );
  });

  test("costs the server its life only where onError says so", async () => {
    await expect(
      serving(
        function* () {
          throw new Error("on purpose");
        },
        function* (_g, dial) {
          const stream = yield* dial();
          yield* thrownBy(() => stream.read());
          yield* sleep(60_000);
        },
        {
          onError(error) {
            throw error;
          },
        },
      ),
    ).rejects.toThrow("on purpose");
  });

  test("that its handler has closed or given away by itself is not disturbed", () =>
    serving(
      function* (stream) {
        yield* stream.write("bye");
        yield* stream.close();
      },
      function* (_g, dial) {
        const stream = yield* dial();
        expect(text(yield* stream.read())).toBe("bye");
        expect(yield* stream.read()).toBe(undefined);
      },
    ));
});

describe("stopping", () => {
  test("accepts no more, and lets the handlers that are at work finish", () => {
    const log: string[] = [];
    return serving(
      function* (stream) {
        yield* stream.read();
        yield* stopping();
        log.push(`stopping ${isStopping()}`);
        yield* stream.write("the last word");
      },
      function* (g, dial, listener) {
        const stream = yield* dial();
        yield* stream.write("x");
        while (listener.statistics().accepted < 1) yield* sleep(1);
        g.stop({ within: 10_000 });
        expect(text(yield* stream.read())).toBe("the last word");
        expect(yield* stream.read()).toBe(undefined);
        expect(log).toEqual(["stopping true"]);
        expect(yield* thrownBy(dial)).toMatchObject({ name: "ConnectError" });
      },
    );
  });

  test("cancels what is left after its time, and the peer is reset", () => {
    const log: string[] = [];
    return serving(
      function* () {
        try {
          yield* sleep(Infinity);
        } finally {
          log.push("unwound");
        }
      },
      function* (g, dial, listener) {
        const stream = yield* dial();
        while (listener.statistics().accepted < 1) yield* sleep(1);
        g.stop({ within: 10 });
        yield* thrownBy(function* () {
          yield* stream.read();
        });
      },
    ).then(
      () => expect.unreachable(),
      (error: Error) => {
        expect(error.name).toBe("CancelledError");
        expect(log).toEqual(["unwound"]);
      },
    );
  });

  test("by closing the listener drains in the same way", () => {
    let ended = false;
    return serving(echo, function* (g, dial, listener) {
      const stream = yield* dial();
      yield* stream.write("in");
      expect(text(yield* stream.read())).toBe("in");
      listener.close();
      yield* stream.write("still");
      expect(text(yield* stream.read())).toBe("still");
      yield* stream.end();
      expect(yield* stream.read()).toBe(undefined);
      ended = true;
      void g;
    }).then(() => expect(ended).toBe(true));
  });

  test("a server that is cancelled closes its listener and resets its connections", () =>
    leavesNothing(() =>
      run(() =>
        group(function* (g) {
          const listener = yield* listen({ host: "127.0.0.1", port: 0 });
          const server = g.spawn(serve(listener, echo));
          const stream = yield* connect({ host: "127.0.0.1", port: listener.address.port });
          yield* stream.write("x");
          expect(text(yield* stream.read())).toBe("x");
          server.cancel();
          yield* server.ended();
          expect(yield* thrownBy(() => stream.read())).toBeInstanceOf(BrokenError);
          expect(yield* thrownBy(() => listener.accept())).toMatchObject({ name: "ClosedError" });
          yield* stream.close();
        }),
      ),
    ));
});

describe("with maxConnections", () => {
  test("no more are served at once, and those who wait are served when there is room", () => {
    let now = 0;
    let most = 0;
    const gate = new Gate();
    return serving(
      function* (stream) {
        most = Math.max(most, ++now);
        try {
          yield* stream.write("in");
          yield* gate.wait();
        } finally {
          now--;
        }
      },
      function* (_g, dial, listener) {
        const streams: ByteStream[] = [];
        for (let i = 0; i < 6; i++) streams.push(yield* dial());
        while (listener.statistics().accepted + listener.statistics().waiting < 6) yield* sleep(1);
        expect(listener.statistics()).toMatchObject({ accepted: 2, waiting: 4, dropped: 0 });
        gate.open();
        for (const stream of streams) {
          expect(text(yield* stream.read())).toBe("in");
          expect(yield* stream.read()).toBe(undefined);
        }
        expect(most).toBe(2);
      },
      { maxConnections: 2 },
    );
  });

  test("a stop is heard also while all places are taken", () =>
    serving(
      function* (stream) {
        yield* stream.write("in");
        yield* stopping();
      },
      function* (g, dial) {
        const stream = yield* dial();
        expect(text(yield* stream.read())).toBe("in");
        g.stop();
        expect(yield* stream.read()).toBe(undefined);
      },
      { maxConnections: 1 },
    ));

  test("a place is free again however a handler ends", () => {
    let count = 0;
    return serving(
      function* (stream) {
        yield* stream.read(1);
        count++;
        if (count === 1) throw new Error("on purpose");
        if (count === 2) stream.abort();
        else yield* stream.write("third");
      },
      function* (_g, dial) {
        const [first, second, third] = [yield* dial(), yield* dial(), yield* dial()];
        for (const stream of [first, second, third]) yield* stream.write("x");
        yield* thrownBy(() => first.read());
        yield* thrownBy(() => second.read());
        expect(text(yield* third.read())).toBe("third");
      },
      { maxConnections: 1, onError() {} },
    );
  });

  test("makes no sense below one", () => {
    expect(() => serve({} as Listener, echo, { maxConnections: 0 })).toThrow(RangeError);
    expect(() => serve({} as Listener, echo, { maxConnections: 1.5 })).toThrow(RangeError);
    expect(() => serve({} as Listener, {} as never)).toThrow(TypeError);
  });
});
