import { BusyError, ClosedError, group, moveOnAfter, now, sleep, timeout, use } from "rondo";
import { type ByteStream, memoryPair } from "rondo/net";
import { describe, expect, test } from "vitest";
import {
  bareClient,
  CLOSE,
  closeFrame,
  frame,
  inGroup,
  nextFrame,
  onManySchedules,
  PING,
  PONG,
  random,
  sockets,
  TEXT,
  thrownBy,
} from "../../tests/sockets.ts";
import { WebSocketError } from "./errors.ts";
import { WebSocket } from "./socket.ts";

describe("messages", () => {
  test("text is a string and binary is bytes, of every length of a head, both ways", () =>
    inGroup(function* () {
      const [client, server] = sockets();
      for (const size of [0, 1, 125, 126, 127, 2048, 2049, 65_535, 65_536, 100_000]) {
        for (const [from, to] of [
          [client, server],
          [server, client],
        ] as const) {
          const text = "ä".repeat(size / 2) + "x".repeat(size % 2);
          const bytes = Uint8Array.from({ length: size }, (_, i) => i & 255);
          yield* group(function* (g) {
            g.spawn(function* () {
              yield* from.send(text);
              yield* from.send(bytes);
            });
            expect((yield* to.receive()) === text, `text of ${size}`).toBe(true);
            const got = yield* to.receive();
            expect(Buffer.compare(got as Uint8Array, bytes), `bytes of ${size}`).toBe(0);
          });
        }
      }
      expect(client.statistics()).toMatchObject({ state: "open", messagesSent: 20, messagesReceived: 20, waiting: 0 });
      client.abort();
      server.abort();
    }));

  test("what is sent is not changed by sending it, masked or not", () =>
    inGroup(function* (g) {
      const [client, server] = sockets();
      const small = Uint8Array.of(1, 2, 3);
      const large = new Uint8Array(20_000).fill(7);
      g.spawn(function* () {
        yield* client.send(small);
        yield* client.send(large);
      });
      yield* server.receive();
      yield* server.receive();
      expect([...small]).toEqual([1, 2, 3]);
      expect(large.every((byte) => byte === 7)).toBe(true);
      client.abort();
      server.abort();
    }));

  test("messages of several senders come whole, through a window of one byte", () =>
    onManySchedules(function* () {
      const [client, server] = sockets({}, 1);
      const got: unknown[] = [];
      yield* group(function* (g) {
        for (const letter of "abc") g.spawn(() => client.send(letter.repeat(130)));
        for (let i = 0; i < 3; i++) got.push(yield* server.receive());
      });
      expect(got.toSorted()).toEqual(["a", "b", "c"].map((letter) => letter.repeat(130)));
      client.abort();
      server.abort();
    }));

  test("half a pair of surrogates goes as the character that stands for it", () =>
    inGroup(function* () {
      const [client, server] = sockets();
      yield* client.send("a\ud800b");
      expect(yield* server.receive()).toBe("a\ufffdb");
      client.abort();
      server.abort();
    }));

  test("what is no message is refused where it is sent", () =>
    inGroup(function* () {
      const [client, server] = sockets();
      for (const wrong of [1, null, undefined, { a: 1 }, new ArrayBuffer(1)]) {
        expect(yield* thrownBy(() => client.send(wrong as never))).toBeInstanceOf(TypeError);
        expect(() => client.trySend(wrong as never)).toThrow(TypeError);
      }
      expect(client.open).toBe(true);
      client.abort();
      server.abort();
    }));

  test("two receivers are one too many", () =>
    inGroup(function* (g) {
      const [client, server] = sockets();
      const first = g.spawn(() => server.receive());
      yield* sleep(1);
      expect(yield* thrownBy(() => server.receive())).toBeInstanceOf(BusyError);
      expect(yield* thrownBy(() => server.receiveStream())).toBeInstanceOf(BusyError);
      yield* client.send("for the first");
      expect(yield* first).toBe("for the first");
      client.abort();
      server.abort();
    }));

  test("a receive that is cancelled at any moment has taken nothing", () =>
    onManySchedules(function* () {
      const [client, server] = sockets({ heartbeat: false }, 3);
      const sent = ["one", "two and a half", "three"];
      const got: unknown[] = [];
      yield* group(function* (g) {
        g.spawn(function* () {
          for (const message of sent) yield* client.send(message);
          yield* client.close();
        });
        while (server.closed === undefined) {
          const { value, timedOut } = yield* moveOnAfter(0, () => server.receive());
          if (!timedOut && value !== undefined) got.push(value);
        }
      });
      expect(got).toEqual(sent);
    }));

  test("the flow of messages ends with the socket", () =>
    inGroup(function* (g) {
      const [client, server] = sockets();
      g.spawn(function* () {
        for (const word of ["a", "b", "c"]) yield* client.send(word);
        yield* client.close();
      });
      expect(yield* server.messages().take(1).toArray()).toEqual(["a"]);
      expect(yield* server.receive()).toBe("b");
      expect(yield* server.messages().toArray()).toEqual(["c"]);
      expect(yield* server.receive()).toBe(undefined);
    }));
});

describe("back-pressure", () => {
  test("a send waits while the peer does not read, and trySend says that it would", () =>
    inGroup(function* (g) {
      const [client, server] = sockets({ heartbeat: false }, 1000);
      let sent = 0;
      const sender = g.spawn(function* () {
        for (;;) {
          yield* server.send("x".repeat(100));
          sent++;
        }
      });
      yield* sleep(1);
      expect(sent).toBeLessThan(12);
      expect(server.trySend("y")).toBe(false);
      const before = sent;
      for (let i = 0; i < 20; i++) yield* client.receive();
      yield* sleep(1);
      expect(sent).toBeGreaterThan(before + 10);
      sender.cancel();
      yield* sleep(1);
      client.abort();
      server.abort();
    }));

  test("what nobody receives holds the peer back, and does not keep a Pong from those who wait for one", () =>
    inGroup(function* (g) {
      const [client, server] = sockets({ maxMessage: 100, heartbeat: false }, 200);
      const flood = g.spawn(function* () {
        for (let i = 0; i < 50; i++) yield* client.send(`${i}`.padEnd(90));
      });
      const ping = g.spawn(() => server.ping());
      yield* sleep(1);
      expect(server.statistics().waiting).toBeLessThan(4);
      expect(flood.done).toBe(false);
      for (let i = 0; i < 50; i++) expect(yield* server.receive()).toBe(`${i}`.padEnd(90));
      // The client answers when somebody waits on it.
      const patience = g.spawn(() => client.receive());
      g.spawn(() => thrownBy(() => server.receive()));
      yield* ping;
      patience.cancel();
      yield* sleep(0);
      client.abort();
      server.abort();
    }));
});

describe("cancelled sends", () => {
  test("one that has not begun has sent nothing", () =>
    inGroup(function* (g) {
      const [client, server] = sockets({ heartbeat: false }, 100);
      const first = g.spawn(() => client.send("a".repeat(1000)));
      const second = g.spawn(() => client.send("never"));
      yield* sleep(1);
      second.cancel();
      yield* sleep(1);
      expect(yield* server.receive()).toBe("a".repeat(1000));
      yield* first;
      yield* client.send("after");
      expect(yield* server.receive()).toBe("after");
      client.abort();
      server.abort();
    }));

  test("one that is cut in the middle breaks the connection, and everybody is told", () =>
    inGroup(function* (g) {
      const [client, server] = sockets({ heartbeat: false }, 100);
      const receiver = g.spawn(() => thrownBy(() => client.receive()));
      const sender = g.spawn(() => client.send("a".repeat(1000)));
      yield* sleep(1);
      sender.cancel();
      const error = yield* receiver;
      expect(error).toMatchObject({
        code: 1006,
        message: expect.stringContaining("cancelled when a part of it had been sent"),
      });
      expect(yield* thrownBy(() => client.send("x"))).toMatchObject({ code: 1006 });
      expect(client.closed).toMatchObject({ code: 1006, clean: false, by: "nobody" });
      expect(yield* thrownBy(() => server.receive())).toMatchObject({ code: 1006 });
    }));

  test("one that is given up by a timeout says the same", () =>
    inGroup(function* () {
      const [client, server] = sockets({ heartbeat: false }, 100);
      expect(yield* thrownBy(() => timeout(5, client.send("a".repeat(1000)) as never) as never)).toMatchObject({
        name: "TimeoutError",
      });
      expect(client.closed?.code).toBe(1006);
      server.abort();
    }));
});

describe("control frames", () => {
  test("a Ping is answered with its payload, also between the fragments of a message", () =>
    inGroup(function* (g) {
      const [client, server] = bareClient();
      const message = g.spawn(() => server.receive());
      yield* client.write([frame(TEXT, "Hel", { fin: false }), frame(PING, "are you there"), frame(0, "lo")]);
      expect(yield* nextFrame(client)).toBe("10: are you there");
      expect(yield* message).toBe("Hello");
      client.abort();
      server.abort();
    }));

  test("a Pong that nobody asked for is let go", () =>
    inGroup(function* () {
      const [client, server] = bareClient();
      yield* client.write([frame(PONG, "hi"), frame(PONG, "abcd"), frame(TEXT, "next")]);
      expect(yield* server.receive()).toBe("next");
      client.abort();
      server.abort();
    }));

  test("of many Pings for whose answers there is no room the last one is answered when there is", () =>
    inGroup(function* (g) {
      const [client, server] = bareClient({ heartbeat: false }, 64);
      g.spawn(() => server.send("m".repeat(500)));
      yield* sleep(1);
      const receiver = g.spawn(() => server.receive());
      for (let i = 0; i < 20; i++) yield* client.write(frame(PING, `ping ${i}`));
      yield* sleep(1);
      expect(yield* nextFrame(client)).toBe(`1: ${"m".repeat(500)}`);
      expect(yield* nextFrame(client)).toBe("10: ping 19");
      yield* client.write(frame(TEXT, "done"));
      expect(yield* receiver).toBe("done");
      client.abort();
      server.abort();
    }));

  test("receiving that is cancelled while an answer finds no room breaks nothing", () =>
    inGroup(function* (g) {
      const [client, server] = bareClient({ heartbeat: false }, 64);
      const sender = g.spawn(() => server.send("m".repeat(500)));
      yield* sleep(1);
      yield* client.write(frame(PING, "x"));
      expect(yield* moveOnAfter(10, () => server.receive())).toMatchObject({ timedOut: true });
      expect(yield* nextFrame(client)).toBe(`1: ${"m".repeat(500)}`);
      yield* sender;
      expect(yield* moveOnAfter(100, () => server.receive())).toMatchObject({ timedOut: true });
      expect(yield* nextFrame(client)).toBe("10: x");
      client.abort();
      server.abort();
    }));

  test("ping() tells how long the answer took, whoever reads", () =>
    inGroup(function* (g) {
      const [client, server] = sockets({ heartbeat: false });
      g.spawn(() => thrownBy(() => server.receive()));
      // Nobody receives on the client: ping() reads for itself.
      expect(yield* client.ping()).toBeGreaterThanOrEqual(0);
      const receiver = g.spawn(() => client.receive());
      yield* sleep(1);
      const pings = [1, 2, 3].map(() => g.spawn(() => client.ping()));
      for (const ping of pings) expect(yield* ping).toBe(0);
      yield* server.send("for the receiver");
      expect(yield* receiver).toBe("for the receiver");
      client.abort();
      server.abort();
    }));

  test("what comes before the Pong is kept for whoever receives", () =>
    inGroup(function* (g) {
      const [client, server] = sockets({ heartbeat: false });
      for (let i = 0; i < 5; i++) yield* server.send(`${i}`);
      g.spawn(() => thrownBy(() => server.receive()));
      yield* client.ping();
      for (let i = 0; i < 5; i++) expect(yield* client.receive()).toBe(`${i}`);
      client.abort();
      server.abort();
    }));

  test("ping() fails when the socket ends", () =>
    inGroup(function* (g) {
      const [client, server] = bareClient({ heartbeat: false });
      const ping = g.spawn(() => thrownBy(() => server.ping()));
      yield* sleep(1);
      client.abort();
      expect(yield* ping).toMatchObject({ code: 1006 });
    }));
});

describe("the closing handshake (RFC 6455, section 7)", () => {
  test("each side says Close once, the server ends the connection, and both know why", () =>
    onManySchedules(function* (g) {
      const [client, server] = sockets({}, 5);
      const other = g.spawn(() => server.receive());
      expect(yield* client.close(4000, "farewell")).toEqual({ code: 4000, reason: "farewell", clean: true, by: "us" });
      expect(yield* other).toBe(undefined);
      expect(server.closed).toEqual({ code: 4000, reason: "farewell", clean: true, by: "peer" });
      expect(yield* server.receive()).toBe(undefined);
      expect(yield* client.receive()).toBe(undefined);
      expect(server.stream.statistics().state).toBe("closed");
      expect(client.stream.statistics().state).toBe("closed");
    }));

  test("the answer has the code of the question, or none", () =>
    inGroup(function* () {
      for (const [sent, answer, code] of [
        [closeFrame(3000, "because"), "8: 3000 because", 3000],
        [frame(CLOSE), "8:  ", 1005],
      ] as const) {
        const [client, server] = bareClient();
        yield* client.write(sent);
        expect(yield* server.receive()).toBe(undefined);
        expect(server.closed).toMatchObject({ code, clean: true, by: "peer" });
        expect(yield* nextFrame(client)).toBe(answer);
        expect(yield* client.read()).toBe(undefined);
        client.abort();
      }
    }));

  test("both may begin at once", () =>
    onManySchedules(function* () {
      const [client, server] = sockets();
      yield* group(function* (g) {
        const one = g.spawn(() => client.close(4001));
        const other = g.spawn(() => server.close(4002));
        yield* sleep(0);
        for (const task of [one, other]) {
          const info = yield* task;
          expect(info.clean).toBe(true);
          expect([4001, 4002]).toContain(info.code);
        }
      });
    }));

  test("what was sent before a Close is received before it", () =>
    onManySchedules(function* (g) {
      const [client, server] = sockets({}, 20);
      g.spawn(function* () {
        for (let i = 0; i < 5; i++) yield* client.send(`message ${i}`);
        yield* client.close();
      });
      const got: unknown[] = [];
      for (let one = yield* server.receive(); one !== undefined; one = yield* server.receive()) got.push(one);
      expect(got).toEqual([0, 1, 2, 3, 4].map((i) => `message ${i}`));
    }));

  test("what still comes after our Close goes to whoever receives, and else is dropped", () =>
    inGroup(function* (g) {
      for (const receives of [true, false]) {
        const [client, server] = bareClient();
        const got: unknown[] = [];
        if (receives)
          g.spawn(function* () {
            for (let one = yield* server.receive(); one !== undefined; one = yield* server.receive()) got.push(one);
          });
        yield* sleep(1);
        const closing = g.spawn(() => server.close(1001));
        expect(yield* nextFrame(client)).toBe("8: 1001 ");
        yield* client.write([frame(TEXT, "late"), frame(PING, "late too"), closeFrame(1001)]);
        expect(yield* closing).toMatchObject({ code: 1001, clean: true, by: "us" });
        yield* sleep(1);
        expect(got).toEqual(receives ? ["late"] : []);
        expect(yield* client.read()).toBe(undefined);
        client.abort();
      }
    }));

  test("after close() nothing can be sent, and after the peer's Close neither, which is another error", () =>
    inGroup(function* (g) {
      const [client, server] = sockets();
      g.spawn(() => server.untilClosed());
      yield* client.close(1000);
      for (const attempt of [() => client.send("x"), () => client.ping(), () => client.sendStream(["x"])])
        expect(yield* thrownBy(attempt)).toBeInstanceOf(ClosedError);
      expect(() => client.trySend("x")).toThrow(ClosedError);
      expect(yield* thrownBy(() => server.send("x"))).toMatchObject({ name: "WebSocketError", code: 1000 });
    }));

  test("a peer that does not answer is given up after closeTimeout, and nothing is thrown by close()", () =>
    inGroup(function* (g) {
      const [client, server] = bareClient({ closeTimeout: 500 });
      const receiver = g.spawn(() => thrownBy(() => server.receive()));
      const before = now();
      expect(yield* server.close()).toMatchObject({ code: 1006, clean: false, by: "nobody" });
      expect(now() - before).toBe(500);
      expect(yield* receiver).toMatchObject({
        code: 1006,
        message: expect.stringContaining("not answered the Close within 500 ms"),
      });
      client.abort();
    }));

  test("also one that does not even read", () =>
    inGroup(function* (g) {
      const [client, server] = bareClient({ closeTimeout: 500, heartbeat: false }, 10);
      const sender = g.spawn(() => thrownBy(() => server.send("x".repeat(100))));
      yield* sleep(1);
      expect(yield* server.close()).toMatchObject({ code: 1006, clean: false });
      expect(yield* sender).toBeInstanceOf(Error);
      client.abort();
    }));

  test("a client waits for the server to end the connection, but not for ever", () =>
    inGroup(function* () {
      const [one, other] = memoryPair();
      const client = new WebSocket(one, { role: "client", random, closeTimeout: 300 });
      yield* other.write(closeFrame(1000, "", false));
      const before = now();
      expect(yield* client.receive()).toBe(undefined);
      expect(now() - before).toBe(300);
      expect(client.closed).toMatchObject({ code: 1000, clean: true, by: "peer" });
      other.abort();
    }));

  test("any number of close() is one; all of them get the same", () =>
    onManySchedules(function* (g) {
      const [client, server] = sockets();
      g.spawn(() => server.untilClosed());
      const tasks = [4000, 4001, 4002].map((code) => g.spawn(() => client.close(code)));
      const infos: unknown[] = [];
      for (const task of tasks) infos.push(yield* task);
      expect(new Set(infos.map((info) => (info as { code: number }).code)).size).toBe(1);
      expect(yield* client.close(1000)).toEqual(infos[0]);
    }));

  test("a close that is cancelled has closed", () =>
    inGroup(function* (g) {
      const [client, server] = bareClient();
      const closing = g.spawn(() => server.close());
      yield* sleep(1);
      closing.cancel();
      yield* sleep(1);
      expect(server.closed).toMatchObject({ code: 1006, clean: false });
      expect(server.stream.statistics().state).toBe("closed");
      client.abort();
    }));

  test("codes and reasons that may not be sent are refused, and nothing is closed", () =>
    inGroup(function* () {
      const [client, server] = sockets();
      for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_536, 1000.5, Number.NaN])
        expect(yield* thrownBy(() => client.close(code)), String(code)).toBeInstanceOf(RangeError);
      expect(yield* thrownBy(() => client.close(1000, "ä".repeat(62)))).toBeInstanceOf(RangeError);
      expect(client.open).toBe(true);
      client.abort();
      server.abort();
    }));

  test("the longest reason arrives", () =>
    inGroup(function* (g) {
      const [client, server] = sockets();
      g.spawn(() => server.untilClosed());
      yield* client.close(1000, `${"ä".repeat(61)}x`);
      expect(server.closed?.reason).toBe(`${"ä".repeat(61)}x`);
    }));

  test("abort() is seen as 1006 on the other side, and as our own doing on this one", () =>
    inGroup(function* (g) {
      const [client, server] = sockets();
      const receiver = g.spawn(() => thrownBy(() => server.receive()));
      const own = g.spawn(() => thrownBy(() => client.receive()));
      yield* sleep(1);
      client.abort();
      client.abort();
      expect(yield* receiver).toBeInstanceOf(WebSocketError);
      expect(yield* receiver).toMatchObject({ code: 1006 });
      expect(yield* own).toBeInstanceOf(ClosedError);
      expect(yield* thrownBy(() => client.send("x"))).toBeInstanceOf(ClosedError);
      expect(server.closed).toMatchObject({ code: 1006, clean: false, by: "nobody" });
      expect(client.closed).toMatchObject({ code: 1006, clean: false, by: "us" });
      expect(yield* thrownBy(() => server.receive())).toMatchObject({ code: 1006 });
    }));

  test("a stream that ends without a Close is 1006, in the middle of a frame or not", () =>
    inGroup(function* () {
      for (const last of [new Uint8Array(0), frame(TEXT, "Hello").subarray(0, 8), frame(TEXT, "Hel", { fin: false })]) {
        const [client, server] = bareClient();
        yield* client.write([frame(TEXT, "whole"), last]);
        yield* client.end();
        expect(yield* server.receive()).toBe("whole");
        expect(yield* thrownBy(() => server.receive())).toMatchObject({
          code: 1006,
          message: expect.stringContaining("without a Close"),
        });
        expect(yield* server.close()).toMatchObject({ code: 1006 });
        client.abort();
      }
    }));

  test("await using says Close and waits for nobody", async () => {
    let stream: ByteStream | undefined;
    await inGroup(function* () {
      const [client, server] = bareClient();
      stream = client;
      yield* group(function* () {
        use(server);
      });
      expect(yield* nextFrame(client)).toBe("8: 1000 ");
      expect(yield* client.read()).toBe(undefined);
    });
    stream?.abort();
  });
});
