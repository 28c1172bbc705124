/** Time that is over: every wait of a server for its client, and for its handler, has an end. */
import { describe, expect, test } from "vitest";
import { now, sleep } from "rondo";
import { memoryPair } from "rondo/net";
import { GET, LAST, serving } from "../tests/serving.ts";
import { serveStream, stream, text } from "./index.ts";

describe("time that is over", () => {
  test("a head that does not come to an end is answered with 408", () =>
    serving(
      () => text("never"),
      function* (client) {
        yield* client.send("GET / HTTP/1.1\r\nHo");
        yield* sleep(1999);
        yield* client.send("st: a\r\n");
        const rest = yield* client.rest();
        expect(now()).toBe(2000);
        expect(rest).toContain("HTTP/1.1 408 Request Timeout\r\n");
        expect(rest).toContain("Connection: close\r\n");
      },
      { timeouts: { head: 2000 } },
    ));

  test("who connects and says nothing is let go, and who says nothing more as well", () =>
    serving(
      () => text("x"),
      function* (client, g) {
        yield* sleep(500);
        yield* client.send(GET);
        yield* client.answer();
        expect(yield* client.rest()).toBe("");
        expect(now()).toBe(500 + 5000);
        const [silent, server] = memoryPair();
        g.spawn(serveStream(server, () => text("x"), { timeouts: { head: 2000 } }));
        expect(yield* silent.read()).toBeUndefined();
        expect(now()).toBe(500 + 5000 + 2000);
        silent.abort();
      },
      { timeouts: { idle: 5000 } },
    ));

  test("a handler that takes too long is cancelled and answered with 503", () => {
    let cleaned = false;
    return serving(
      function* () {
        try {
          yield* sleep(60_000);
        } finally {
          cleaned = true;
        }
        return text("never");
      },
      function* (client) {
        yield* client.send(GET);
        const rest = yield* client.rest();
        expect(now()).toBe(1000);
        expect(cleaned).toBe(true);
        expect(rest).toContain("HTTP/1.1 503 Service Unavailable\r\n");
      },
      { timeouts: { handler: 1000 } },
    );
  });

  test("a body that drips is ended, and one that comes slowly is not", () =>
    serving(
      function* (request) {
        return text(String((yield* request.bytes()).length));
      },
      function* (client, g) {
        yield* client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
        for (let i = 0; i < 100; i++) {
          yield* sleep(400);
          yield* client.send(new Uint8Array(1000));
        }
        expect(yield* client.answer()).toBe("200 OK|100000");
        yield* client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
        const start = now();
        const drip = g.spawn(function* () {
          for (;;) {
            yield* sleep(100);
            yield* client.send(new Uint8Array(1));
          }
        });
        const head = yield* client.head();
        drip.cancel();
        expect(head).toContain("408");
        // 1000 ms of patience, and each byte of ten a second buys one more ms of it.
        expect(now() - start).toBeGreaterThanOrEqual(1000);
        expect(now() - start).toBeLessThan(1100);
      },
      { timeouts: { body: 1000 }, limits: { rate: 1000 } },
    ));

  test("a body that stops while it is sent back resets the connection: nothing else can be said behind the head", () =>
    serving(
      (request) => stream(request.body),
      function* (client) {
        yield* client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
        yield* client.stream.readUntil("abc\r\n");
        let error: unknown;
        try {
          yield* client.rest();
        } catch (thrown) {
          error = thrown;
        }
        expect(String(error)).toContain("reset");
        expect(now()).toBe(1000);
      },
      { timeouts: { body: 1000 } },
    ));

  test("a client that does not take its answer is reset", () =>
    serving(
      () => text("x".repeat(1_000_000)),
      function* (client) {
        yield* client.send(GET);
        yield* sleep(2999);
        expect(client.stream.statistics().state).toBe("open");
        yield* sleep(2);
        let error: unknown;
        try {
          yield* client.rest();
        } catch (thrown) {
          error = thrown;
        }
        expect(String(error)).toContain("reset");
      },
      { timeouts: { write: 3000 } },
    ));

  test("a client that takes its answer slowly but surely gets all of it", () =>
    serving(
      () => text("x".repeat(1_000_000)),
      function* (client) {
        yield* client.send(LAST);
        let size = 0;
        for (;;) {
          const piece = yield* client.stream.read(20_000);
          if (piece === undefined) break;
          size += piece.length;
          yield* sleep(500);
        }
        expect(size).toBeGreaterThan(1_000_000);
        expect(now()).toBeGreaterThan(20_000);
      },
      { timeouts: { write: 3000 } },
    ));

  test("a flow may take as long as it likes between two pieces", () =>
    serving(
      () =>
        stream(function* (emit) {
          yield* emit("a");
          yield* sleep(3_600_000);
          yield* emit("b");
        }),
      function* (client) {
        yield* client.send(LAST);
        expect((yield* client.rest()).endsWith("1\r\na\r\n1\r\nb\r\n0\r\n\r\n")).toBe(true);
      },
      { timeouts: { write: 1000, handler: 1000 } },
    ));

  test("a client that never closes after its last answer is not waited for", () =>
    serving(
      () => text("bye"),
      function* (client) {
        yield* client.send("nonsense\r\n\r\n");
        const rest = yield* client.rest();
        expect(rest).toContain("400");
        yield* sleep(10_000);
        expect(client.stream.statistics().state).toBe("closed");
      },
    ));
});
