/** The server, on streams in memory and in virtual time: what it answers, and what becomes of connections. */
import { describe, expect, test } from "vitest";
import { Channel, now, sleep } from "rondo";
import { memoryPair } from "rondo/net";
import { DATE, GET, LAST, OLD, serving } from "../tests/serving.ts";
import { empty, HttpResponse, json, stream, text } from "./index.ts";

describe("answers", () => {
  test("text has its type, its length in bytes, and the date", () =>
    serving(
      () => text("häuser"),
      function* (client) {
        yield* client.send(LAST);
        expect(yield* client.rest()).toBe(
          `HTTP/1.1 200 OK\r\n${DATE}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: 7\r\n\r\nhäuser`,
        );
      },
    ));

  test("the date moves on with the clock, a second at a time", () =>
    serving(
      () => text(""),
      function* (client) {
        const dates: (string | undefined)[] = [];
        for (const pause of [0, 400, 600, 1999]) {
          yield* sleep(pause);
          yield* client.send(GET);
          dates.push(/Date: .* (\S+) GMT/.exec(yield* client.head())?.[1]);
        }
        expect(dates).toEqual(["12:00:00", "12:00:00", "12:00:01", "12:00:02"]);
      },
    ));

  test.each([
    ["short", "x".repeat(10)],
    ["with letters of two bytes", "é".repeat(100)],
    ["longer than a look", "y".repeat(300)],
    ["longer, with letters of three bytes", "日本".repeat(200)],
    ["with memory of its own", "z".repeat(10_000)],
    ["in pieces", "ü".repeat(200_000)],
    ["in pieces, with letters of two halves across their ends", `a${"😀".repeat(100_000)}`],
  ])("text that is %s comes whole", (_, body) =>
    serving(
      () => text(body),
      function* (client) {
        for (let i = 0; i < 3; i++) {
          yield* client.send(GET);
          expect(yield* client.answer()).toBe(`200 OK|${body}`);
        }
      },
    ),
  );

  test.each([10, 70_000])(
    "%i halves of letters come as so many signs for what is no letter, and no more bytes",
    (count) =>
      serving(
        () => text("\ud83d".repeat(count)),
        function* (client) {
          yield* client.send(GET + GET);
          expect(yield* client.answer()).toBe(`200 OK|${"\ufffd".repeat(count)}`);
          expect(yield* client.answer()).toBe(`200 OK|${"\ufffd".repeat(count)}`);
        },
      ),
  );

  test.each([[10], [7000], [9000], [200_000]])("%i bytes come whole", (size) =>
    serving(
      () => new HttpResponse(new Uint8Array(size).fill(65)),
      function* (client) {
        for (let i = 0; i < 3; i++) {
          yield* client.send(GET);
          expect(yield* client.answer()).toBe(`200 OK|${"A".repeat(size)}`);
        }
      },
    ),
  );

  test("handlers may be coroutines, functions that give an answer, and give the platform's Response", () =>
    serving(
      function* (request) {
        yield* sleep(5);
        if (request.path === "/json") return json({ a: 1 });
        return new Response("of the platform", { status: 201, headers: { "x-a": "b" } });
      },
      function* (client) {
        yield* client.send("GET /json HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(yield* client.answer()).toBe('200 OK|{"a":1}');
        yield* client.send(LAST);
        const rest = yield* client.rest();
        expect(rest).toContain("\r\ncontent-type: text/plain;charset=UTF-8\r\nx-a: b\r\n");
        expect(rest).toContain("Content-Length: 15\r\n\r\nof the platform");
      },
    ));

  test("HEAD is answered as GET without the body", () =>
    serving(
      (request) => (request.path === "/flow" ? stream(["never", "sent"]) : text("hello")),
      function* (client) {
        yield* client.send(
          "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /flow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        );
        expect(yield* client.head()).toContain("Content-Length: 5\r\n");
        const rest = yield* client.rest();
        expect(rest).toContain("Transfer-Encoding: chunked\r\n");
        expect(rest.endsWith("\r\n\r\n")).toBe(true);
      },
    ));

  test("204 has no length, 304 has only what is said, others without a body have 0", () =>
    serving(
      (request) => {
        if (request.path === "/204") return empty();
        if (request.path === "/304") return empty({ status: 304, length: 12 });
        return empty({ status: 404 });
      },
      function* (client) {
        yield* client.send(
          "GET /204 HTTP/1.1\r\nHost: a\r\n\r\nGET /304 HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
        );
        expect(yield* client.head()).toBe(`HTTP/1.1 204 No Content\r\n${DATE}\r\n\r\n`);
        expect(yield* client.head()).toBe(`HTTP/1.1 304 Not Modified\r\n${DATE}\r\nContent-Length: 12\r\n\r\n`);
        expect(yield* client.head()).toBe(`HTTP/1.1 404 Not Found\r\n${DATE}\r\nContent-Length: 0\r\n\r\n`);
      },
    ));

  test("a flow goes out in chunks, each when it is there, with trailers behind", () =>
    serving(
      () =>
        stream(
          function* (emit) {
            yield* emit("one");
            yield* sleep(100);
            yield* emit("");
            yield* emit(new TextEncoder().encode("two"));
          },
          { trailers: () => ({ "X-Sum": "6" }) },
        ),
      function* (client) {
        yield* client.send(GET);
        expect(yield* client.head()).toContain("Transfer-Encoding: chunked\r\n");
        expect(new TextDecoder().decode(yield* client.stream.readExactly(8))).toBe("3\r\none\r\n");
        expect(now()).toBe(0);
        expect(new TextDecoder().decode(yield* client.stream.readUntil("0\r\nX-Sum: 6\r\n\r\n"))).toContain(
          "3\r\ntwo\r\n",
        );
        expect(now()).toBe(100);
        yield* client.send(LAST);
        expect(yield* client.rest()).toContain("3\r\none\r\n3\r\ntwo\r\n0\r\nX-Sum: 6\r\n\r\n");
      },
    ));

  test("a flow of a known length goes out as it is", () =>
    serving(
      () => stream(["ab", "cd"], { length: 4 }),
      function* (client) {
        yield* client.send(GET + GET);
        expect(yield* client.answer()).toBe("200 OK|abcd");
        expect(yield* client.answer()).toBe("200 OK|abcd");
      },
    ));

  test.each([
    ["less", 5, "abcd"],
    ["more", 3, "ab"],
  ])("a flow that gives %s than its length breaks the connection, and never goes beyond it", (_, length, body) =>
    serving(
      () => stream(["ab", "cd"], { length }),
      function* (client, _g, host) {
        yield* client.send(GET);
        yield* client.head();
        let got = "";
        let error: unknown;
        try {
          for (let part = yield* client.stream.read(); part !== undefined; part = yield* client.stream.read())
            got += new TextDecoder().decode(part);
        } catch (thrown) {
          error = thrown;
        }
        expect(String(error)).toContain("reset");
        expect(got).toBe(body);
        expect(host.reports[0]?.message).toBe("an answer broke off: GET /");
      },
    ),
  );

  test("to HTTP/1.0 a flow goes out as it is, up to the end of the connection", () =>
    serving(
      () => stream(["ab", "cd"]),
      function* (client) {
        yield* client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        const rest = yield* client.rest();
        expect(rest).toContain("Connection: close\r\n");
        expect(rest).not.toContain("chunked");
        expect(rest.endsWith("\r\n\r\nabcd")).toBe(true);
      },
    ));

  test("a stream is read to its end", () =>
    serving(
      () => {
        const [one, other] = memoryPair();
        const feed = new Channel<string>(1);
        feed.trySend("fed");
        return stream(
          function* (emit) {
            yield* one.write("by a stream");
            yield* one.end();
            for (let part = yield* other.read(); part !== undefined; part = yield* other.read()) yield* emit(part);
          },
          { headers: { "x-fed": feed.tryReceive()?.value } },
        );
      },
      function* (client) {
        yield* client.send(LAST);
        expect(yield* client.rest()).toContain("b\r\nby a stream\r\n0\r\n\r\n");
      },
    ));
});

describe("connections", () => {
  test("HTTP/1.1 is kept unless it is said otherwise, HTTP/1.0 is closed unless it is", () =>
    serving(
      (request) => text(request.path),
      function* (client) {
        yield* client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(yield* client.answer()).toBe("200 OK|/a");
        yield* client.send("GET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        const head = yield* client.head();
        expect(head).toContain("Connection: keep-alive\r\n");
        yield* client.stream.readExactly(2);
        yield* client.send(OLD);
        expect((yield* client.rest()).endsWith("\r\n\r\n/")).toBe(true);
      },
    ));

  test("pipelined requests are answered in order, one handler at a time", () => {
    let atWork = 0;
    return serving(
      function* (request) {
        expect(++atWork).toBe(1);
        yield* sleep(request.path === "/1" ? 100 : 1);
        atWork--;
        return text(request.path);
      },
      function* (client) {
        yield* client.send([1, 2, 3, 4, 5].map((n) => `GET /${n} HTTP/1.1\r\nHost: a\r\n\r\n`).join(""));
        for (let n = 1; n <= 5; n++) expect(yield* client.answer()).toBe(`200 OK|/${n}`);
      },
    );
  });

  test("what is pipelined behind a request waits with the client, not here", () =>
    serving(
      function* () {
        yield* sleep(1000);
        return text("");
      },
      function* (client, g) {
        let sent = 0;
        const flood = g.spawn(function* () {
          for (;;) {
            yield* client.send(GET);
            sent += GET.length;
          }
        });
        yield* sleep(500);
        expect(sent).toBeLessThan(300_000);
        flood.cancel();
      },
    ));

  test("the last request that a connection may carry is answered with Connection: close", () =>
    serving(
      () => text("x"),
      function* (client) {
        yield* client.send(GET + GET + GET);
        expect(yield* client.answer()).toBe("200 OK|x");
        const rest = yield* client.rest();
        expect(rest.match(/HTTP\/1.1/g)).toHaveLength(1);
        expect(rest).toContain("Connection: close\r\n");
      },
      { limits: { requests: 2 } },
    ));

  test("every byte alone gives the same answers", () =>
    serving(
      function* (request) {
        const body = yield* request.text();
        return text(`${request.method} ${request.path} ${body} ${request.trailers?.get("x-t") ?? ""}`);
      },
      function* (client, g) {
        g.spawn(function* () {
          yield* client.send(
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: yes\r\n\r\n",
          );
          yield* client.send("PUT /b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
          yield* client.send(LAST);
        });
        const rest = yield* client.rest();
        expect(rest).toContain("POST /a abc yes");
        expect(rest).toContain("PUT /b body ");
        expect(rest.endsWith("GET /  ")).toBe(true);
      },
      { window: 1 },
    ));

  test("a CONNECT that is refused ends the connection: what follows is no request", () =>
    serving(
      () => text("no tunnels", { status: 405 }),
      function* (client) {
        yield* client.send(`CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n${GET}`);
        const rest = yield* client.rest();
        expect(rest).toContain("Connection: close\r\n");
        expect(rest.match(/HTTP\/1.1/g)).toHaveLength(1);
      },
    ));

  test("what is no request is answered with what is wrong, and the connection ends", () =>
    serving(
      () => text("never"),
      function* (client) {
        yield* client.send("GET / HTTP/1.1\r\nHost : a\r\n\r\nmore that nobody reads");
        const rest = yield* client.rest();
        expect(rest).toContain("HTTP/1.1 400 Bad Request\r\n");
        expect(rest).toContain("Connection: close\r\n");
        expect(rest).toContain("whitespace");
      },
    ));
});
