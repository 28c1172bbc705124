import { BusyError, Flow, group, moveOnAfter, now, sleep, type Task } from "rondo";
import { describe, expect, test } from "vitest";
import {
  bareClient,
  CLOSE,
  closeFrame,
  frame,
  inGroup,
  nextFrame,
  PONG,
  sockets,
  TEXT,
  thrownBy,
} from "../../tests/sockets.ts";
import { WebSocketError } from "./errors.ts";

describe("peers that break the rules are told so", () => {
  test.each([
    ["a frame that is not masked", frame(TEXT, "x", { masked: false }), 1002],
    ["a reserved opcode", frame(3), 1002],
    ["a continuation of nothing", frame(0, "x"), 1002],
    ["text that is not UTF-8", frame(TEXT, Uint8Array.of(0xff)), 1007],
    ["text that is cut in a character", frame(TEXT, Uint8Array.of(0xc3)), 1007],
    ["a Close of one byte", frame(CLOSE, "x"), 1002],
    ["a Close with the code 1005", closeFrame(1005), 1002],
    ["a Close with the code 1006", closeFrame(1006), 1002],
    ["a Close with the code 2999", closeFrame(2999), 1002],
    ["a Close whose reason is not UTF-8", frame(CLOSE, Uint8Array.of(3, 232, 0xff)), 1007],
    ["a message that is too large", frame(TEXT, "x".repeat(101)), 1009],
  ])("%s", (_what, bytes, code) =>
    inGroup(function* (g) {
      const [client, server] = bareClient({ maxMessage: 100, closeTimeout: 1000 });
      yield* client.write([frame(TEXT, "before"), bytes, frame(TEXT, "after")]);
      const answer = g.spawn(function* () {
        const first = yield* nextFrame(client);
        // It ends its side, and throws away what still comes until we end ours.
        expect(yield* client.read()).toBe(undefined);
        yield* client.write(new Uint8Array(10));
        yield* client.end();
        return first;
      });
      expect(yield* server.receive()).toBe("before");
      const error = yield* thrownBy(() => server.receive());
      expect(error).toBeInstanceOf(WebSocketError);
      expect(error).toMatchObject({ code });
      expect(yield* answer).toMatch(new RegExp(`^8: ${code} RFC 6455`));
      expect(server.closed).toMatchObject({ code, clean: false, by: "us" });
      expect(yield* thrownBy(() => server.receive())).toMatchObject({ code });
      expect(yield* thrownBy(() => server.send("x"))).toMatchObject({ code });
      expect(server.stream.statistics().state).toBe("closed");
    }),
  );

  test("one that does not go away after that is cut off after closeTimeout, whatever it sends", () =>
    inGroup(function* (g) {
      const [client, server] = bareClient({ closeTimeout: 100 });
      const flood = g.spawn(() =>
        thrownBy(function* () {
          yield* client.write(frame(3));
          for (;;) {
            yield* client.write(new Uint8Array(1000));
            yield* sleep(1);
          }
        }),
      );
      const before = now();
      expect(yield* thrownBy(() => server.receive())).toMatchObject({ code: 1002 });
      expect(now() - before).toBe(100);
      yield* flood;
      client.abort();
    }));
});

describe("the heartbeat", () => {
  test("ends a silence by a Ping, and after that the connection", () =>
    inGroup(function* () {
      const [client, server] = bareClient({ heartbeat: { every: 1000, timeout: 300 } });
      const before = now();
      expect(yield* thrownBy(() => server.receive())).toMatchObject({
        code: 1006,
        message: expect.stringContaining("not answered a Ping within 300 ms"),
      });
      expect(now() - before).toBe(1300);
      expect(yield* nextFrame(client)).toBe("9: ");
      client.abort();
    }));

  test("an answer, or anything else, is a sign of life", () =>
    inGroup(function* (g) {
      const [client, server] = bareClient({ heartbeat: { every: 1000, timeout: 300 } });
      const receiver = g.spawn(() => server.receive());
      for (let i = 0; i < 3; i++) {
        expect(yield* nextFrame(client)).toBe("9: ");
        yield* sleep(250);
        yield* client.write(i === 1 ? frame(TEXT, "", { fin: i !== 1 }) : frame(PONG));
      }
      expect(now()).toBeGreaterThan(3000);
      yield* client.write(frame(0, "alive"));
      expect(yield* receiver).toBe("alive");
      client.abort();
      server.abort();
    }));

  test("silence counts only while somebody listens", () =>
    inGroup(function* (g) {
      const [client, server] = bareClient({ heartbeat: { every: 1000, timeout: 300 } });
      g.spawn(() =>
        thrownBy(function* () {
          for (;;) if ((yield* nextFrame(client))?.startsWith("9") === true) yield* client.write(frame(PONG));
        }),
      );
      expect(yield* moveOnAfter(1001, () => server.receive())).toMatchObject({ timedOut: true });
      yield* sleep(60_000); // busy with something else
      expect(yield* moveOnAfter(200, () => server.receive())).toMatchObject({ timedOut: true });
      expect(server.open).toBe(true);
      server.abort();
      client.abort();
    }));

  test("two sockets keep each other alive for hours", () =>
    inGroup(function* (g) {
      const [client, server] = sockets();
      const waiting = [client, server].map((socket) => g.spawn(() => socket.receive()));
      yield* sleep(5 * 3_600_000);
      expect(client.open && server.open).toBe(true);
      yield* client.close();
      for (const task of waiting) expect(yield* task).toBe(undefined);
    }));

  test("times that are none are refused", () =>
    inGroup(function* () {
      for (const heartbeat of [{ every: 0 }, { timeout: -1 }, { every: Number.NaN }])
        expect(() => sockets({ heartbeat })).toThrow(RangeError);
      expect(() => sockets({ maxMessage: -1 })).toThrow(RangeError);
      expect(() => sockets({ closeTimeout: Number.NaN })).toThrow(RangeError);
    }));
});

describe("messages in parts", () => {
  test("come as they come, of any size, in whole characters", () =>
    inGroup(function* (g) {
      const [client, server] = sockets({ maxMessage: 1000, heartbeat: false }, 777);
      const text = "añ€😀".repeat(3000);
      g.spawn(() => client.send(text));
      const message = (yield* server.receiveStream())!;
      expect(message.text).toBe(true);
      let got = "";
      let parts = 0;
      for (let part = yield* message.read(); part !== undefined; part = yield* message.read()) {
        expect(part).not.toContain("\ufffd");
        got += part;
        parts++;
      }
      expect(got === text).toBe(true);
      expect(parts).toBeGreaterThan(10);
      expect(yield* message.read()).toBe(undefined);
      client.abort();
      server.abort();
    }));

  test("a message is sent as what a flow gives, while pings go between and messages wait", () =>
    inGroup(function* (g) {
      const [client, server] = bareClient({ heartbeat: false });
      const sending = g.spawn(() =>
        server.sendStream(
          (function* () {
            yield "one ";
            yield "two";
          })(),
        ),
      );
      yield* sending;
      yield* server.send("after");
      expect(yield* client.readExactly(2 + 4 + 2 + 3 + 2)).toEqual(
        new Uint8Array(Buffer.from("\x01\x04one \x00\x03two\x80\x00", "latin1")),
      );
      expect(yield* nextFrame(client)).toBe("1: after");
      client.abort();
      server.abort();
    }));

  test("a slow flow lets nothing in but control frames", () =>
    inGroup(function* (g) {
      const [client, server] = sockets({ heartbeat: false });
      g.spawn(() => thrownBy(() => client.receive()));
      g.spawn(() =>
        client.sendStream(
          Flow.from<string>(function* (emit) {
            for (const part of ["a", "b", "c"]) {
              yield* emit(part);
              yield* sleep(1000);
            }
          }),
        ),
      );
      yield* sleep(1);
      const other = g.spawn(() => client.send("other"));
      const ping = g.spawn(() => client.ping());
      expect(client.trySend("no")).toBe(false);
      expect(yield* server.receive()).toBe("abc");
      expect(now()).toBeGreaterThan(2900);
      expect(yield* server.receive()).toBe("other");
      yield* other;
      expect(yield* ping).toBeLessThan(10);
      client.abort();
      server.abort();
    }));

  test("a message that is not finished closes the socket", () =>
    inGroup(function* (g) {
      const [client, server] = sockets({ heartbeat: false });
      const receiver = g.spawn(() => server.receive());
      const failed = yield* thrownBy(() =>
        client.sendStream(
          (function* () {
            yield "half ";
            throw new Error("no more");
          })(),
        ),
      );
      expect(failed).toMatchObject({ message: "no more" });
      expect(client.open).toBe(false);
      expect(yield* receiver).toBe(undefined);
      expect(server.closed).toMatchObject({ code: 1011 });
      expect(yield* thrownBy(() => client.receive())).toMatchObject({ code: 1011 });
    }));

  test("one that fails before its first part has sent nothing", () =>
    inGroup(function* () {
      const [client, server] = sockets({ heartbeat: false });
      yield* thrownBy(() =>
        client.sendStream(
          (function* (): Generator<string> {
            throw new Error("nothing");
          })(),
        ),
      );
      yield* client.send("still open");
      expect(yield* server.receive()).toBe("still open");
      client.abort();
      server.abort();
    }));

  test("the rest of a message that is not wanted is let go", () =>
    inGroup(function* (g) {
      const [client, server] = sockets({ maxMessage: 100, heartbeat: false }, 500);
      g.spawn(function* () {
        yield* client.send("x".repeat(100_000));
        yield* client.send("next");
      });
      const message = (yield* server.receiveStream())!;
      yield* message.read();
      expect(yield* thrownBy(() => server.receive())).toBeInstanceOf(BusyError);
      message.close();
      expect(yield* message.read()).toBe(undefined);
      expect(yield* server.receive()).toBe("next");
      client.abort();
      server.abort();
    }));

  test("what was gathered by a receive that was cancelled is the first part", () =>
    inGroup(function* (g) {
      const [client, server] = bareClient({ heartbeat: false });
      yield* client.write(frame(TEXT, Buffer.from("Hellö").subarray(0, 5), { fin: false }));
      expect(yield* moveOnAfter(5, () => server.receive())).toMatchObject({ timedOut: true });
      const message = (yield* server.receiveStream())!;
      g.spawn(() => client.write(frame(0, Buffer.from("Hellö!").subarray(5))));
      expect(yield* message.parts().toArray()).toEqual(["Hell", "ö!"]);
      client.abort();
      server.abort();
    }));

  test("a message that is cut by the end of the connection is none", () =>
    inGroup(function* () {
      const [client, server] = bareClient({ heartbeat: false });
      yield* client.write(frame(2, "half", { fin: false }));
      const message = (yield* server.receiveStream())!;
      expect(yield* message.read()).toEqual(new Uint8Array(Buffer.from("half")));
      yield* client.end();
      expect(yield* thrownBy(() => message.read())).toMatchObject({ code: 1006 });
      client.abort();
    }));
});

test("untilClosed() serves a socket that only sends, and drops what comes", () =>
  inGroup(function* (g) {
    const [client, server] = sockets({ maxMessage: 50 }, 100);
    const ticker: Task = g.spawn(() =>
      thrownBy(function* () {
        for (;;) {
          yield* server.send("tick");
          yield* sleep(10);
        }
      }),
    );
    g.spawn(function* () {
      for (let i = 0; i < 20; i++) yield* client.send("nobody wants this".padEnd(40));
      for (let i = 0; i < 5; i++) yield* client.receive();
      yield* client.close(1000, "enough");
    });
    expect(yield* server.untilClosed()).toMatchObject({ code: 1000, reason: "enough", by: "peer" });
    yield* ticker;
  }));

describe("a server that is asked to stop", () => {
  test("says so to its clients, and whoever receives sees the end", () =>
    inGroup(function* (g) {
      const [client, server] = sockets({ heartbeat: false });
      const ends: unknown[] = [];
      const inner = g.spawn(() =>
        group(function* (serving) {
          const receiver = serving.spawn(() => server.receive());
          yield* sleep(10);
          serving.stop();
          ends.push(yield* receiver);
          ends.push(yield* thrownBy(() => server.send("too late")));
        }),
      );
      expect(yield* client.receive()).toBe(undefined);
      expect(client.closed).toMatchObject({ code: 1001, clean: true, by: "peer" });
      yield* inner;
      expect(ends).toEqual([undefined, expect.objectContaining({ name: "ClosedError" })]);
      expect(server.closed).toMatchObject({ code: 1001, clean: true, by: "us" });
    }));

  test("does not wait longer than closeTimeout for one that does not answer, nor for one that does not read", () =>
    inGroup(function* () {
      for (const crowded of [false, true]) {
        const [client, server] = bareClient({ heartbeat: false, closeTimeout: 400 }, 50);
        const before = now();
        yield* group(function* (serving) {
          serving.spawn(() => thrownBy(() => server.receive()));
          if (crowded) serving.spawn(() => thrownBy(() => server.send("x".repeat(100))));
          yield* sleep(0);
          serving.stop();
        });
        expect(now() - before).toBeLessThan(500);
        expect(server.closed).toMatchObject({ code: 1006, clean: false });
        client.abort();
      }
    }));

  test("leaves them alone where that is wanted", () =>
    inGroup(function* (g) {
      const [client, server] = sockets({ closeOnStop: false });
      const echo = g.spawn(() =>
        group(function* (serving) {
          serving.stop();
          const message = yield* server.receive();
          yield* server.send(message!);
        }),
      );
      yield* sleep(100);
      yield* client.send("still there");
      expect(yield* client.receive()).toBe("still there");
      yield* echo;
      client.abort();
      server.abort();
    }));
});
