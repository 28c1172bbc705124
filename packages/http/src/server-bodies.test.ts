/** The bodies of requests: asked for, read over, refused. */
import { describe, expect, test } from "vitest";
import { now, sleep } from "rondo";
import { GET, serving } from "../tests/serving.ts";
import { type HttpRequest, stream, text } from "./index.ts";

const encoder = new TextEncoder();

describe("bodies of requests", () => {
  test("the body is asked for only when it is wanted: Expect: 100-continue", () =>
    serving(
      function* (request) {
        yield* sleep(100);
        return text(yield* request.text());
      },
      function* (client) {
        yield* client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
        expect(yield* client.head()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
        expect(now()).toBe(100);
        yield* client.send("body");
        expect(yield* client.answer()).toBe("200 OK|body");
        yield* client.send(GET);
        expect(yield* client.answer()).toBe("200 OK|");
      },
    ));

  test("a body that is sent back as it comes is asked for before the head, and none is asked for behind it", () =>
    serving(
      (request) =>
        request.path === "/back"
          ? stream(request.body)
          : stream(function* (emit) {
              yield* emit(yield* request.text());
            }),
      function* (client) {
        yield* client.send("POST /back HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
        expect(yield* client.head()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
        expect(yield* client.head()).toContain("200 OK");
        yield* client.send("body");
        yield* client.stream.readUntil("4\r\nbody\r\n0\r\n\r\n");
        yield* client.send("POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
        expect(yield* client.head()).toContain("200 OK");
        yield* sleep(1000);
        yield* client.send("body");
        expect(yield* client.rest()).toBe("4\r\nbody\r\n0\r\n\r\n");
      },
    ));

  test("who is refused without being asked for the body is told to close", () =>
    serving(
      () => text("too large", { status: 413 }),
      function* (client) {
        yield* client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
        const rest = yield* client.rest();
        expect(rest).toContain("413");
        expect(rest).toContain("Connection: close\r\n");
        expect(rest).not.toContain("100 Continue");
      },
    ));

  test("what nobody read of a short body is read over, and the connection goes on", () =>
    serving(
      (request) => text(request.path),
      function* (client) {
        yield* client.send(
          `POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n`,
        );
        for (const path of ["/1", "/2", "/3"]) expect(yield* client.answer()).toBe(`200 OK|${path}`);
      },
    ));

  test("a long body that nobody read ends the connection, and the answer arrives", () =>
    serving(
      () => text("no, thanks"),
      function* (client, g) {
        yield* client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
        g.spawn(function* () {
          yield* client.send(new Uint8Array(100_000));
        });
        const rest = yield* client.rest();
        expect(rest).toContain("Connection: close\r\n");
        expect(rest.endsWith("no, thanks")).toBe(true);
      },
    ));

  test("after its last answer the server listens on for a while: what still comes must not break the answer", () =>
    serving(
      () => text("no, thanks"),
      function* (client) {
        yield* client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
        expect((yield* client.rest()).endsWith("no, thanks")).toBe(true);
        yield* sleep(1000);
        yield* client.send(new Uint8Array(50_000));
        yield* client.send(new Uint8Array(50_000));
        expect(client.stream.statistics().state).toBe("open");
        yield* sleep(2000);
        expect(client.stream.statistics().state).toBe("closed");
      },
    ));

  test("an endless body in chunks that nobody read ends the connection", () =>
    serving(
      () => text("no"),
      function* (client, g) {
        yield* client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        let sent = 0;
        g.spawn(function* () {
          try {
            for (;;) {
              yield* client.send(encoder.encode(`2710\r\n${"x".repeat(10_000)}\r\n`));
              sent += 10_000;
            }
          } catch {
            // The other side has gone.
          }
        });
        try {
          yield* client.rest();
        } catch {
          // Reset, because it does not stop.
        }
        expect(sent).toBeLessThan(10_000_000);
      },
    ));

  test.each([
    ["json", "{ nope", 400, "the body is no JSON"],
    ["bytes", "x".repeat(101), 413, "longer than 100 bytes"],
    ["form", "a=b", 415, "a form was expected"],
  ] as const)("%s() of what is not fit is answered with what is wrong", (how, body, status, message) =>
    serving(
      function* (request) {
        yield* request[how]();
        return text("never");
      },
      function* (client) {
        yield* client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
        const answer = yield* client.answer();
        expect(answer.startsWith(`${status} `)).toBe(true);
        expect(answer).toContain(message);
      },
      { limits: { buffered: 100 } },
    ),
  );

  test("a body above the server's limit is a 413, also in chunks", () =>
    serving(
      function* (request) {
        let size = 0;
        for (let piece = yield* request.read(); piece !== undefined; piece = yield* request.read())
          size += piece.length;
        return text(String(size));
      },
      function* (client) {
        yield* client.send(
          "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n6\r\nabcdef\r\n0\r\n\r\n",
        );
        const rest = yield* client.rest();
        expect(rest).toContain("413");
        expect(rest).toContain("Connection: close");
      },
      { limits: { body: 10 } },
    ));

  test("the body as a flow, sent back as it comes", () =>
    serving(
      (request) => stream(request.body),
      function* (client) {
        yield* client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
        expect(new TextDecoder().decode(yield* client.stream.readUntil("abc\r\n"))).toContain("3\r\nabc\r\n");
        yield* client.send("2\r\nde\r\n0\r\n\r\n");
        expect(new TextDecoder().decode(yield* client.stream.readUntil("0\r\n\r\n"))).toBe("2\r\nde\r\n0\r\n\r\n");
        yield* client.send(GET);
        expect(yield* client.head()).toContain("200 OK");
      },
    ));

  test("a request that is over gives no body any more", () => {
    let kept: HttpRequest | undefined;
    return serving(
      (request) => {
        kept ??= request;
        return text("");
      },
      function* (client) {
        yield* client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
        yield* client.answer();
        let error: unknown;
        try {
          yield* (kept as HttpRequest).text();
        } catch (thrown) {
          error = thrown;
        }
        expect(String(error)).toContain("POST / is over");
      },
    );
  });
});
